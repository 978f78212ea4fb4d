"""What stands between a person and an action: rights, time, completeness, minimum periods, rules. 核验"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from engine.clock import Clock
from engine.errors import BadInput, Forbidden, Refused
from engine.grants import Grant, grant_of
from engine.judging import Broken, broken
from engine.matter import FactValue, Matter
from engine.office import Actor, Office
from engine.opening import CASE_FACTS, newcomer
from engine.request import Request
from engine.roles import ROLES
from engine.starting import nearest_fact, permitted_from
from engine.term import Length
from engine.work import Work
from engine.workflow import ActionDef, ClockDef, FactType, RuleDef, WorkflowDef

_TYPES: dict[FactType, type] = {
    "money": int, "integer": int, "boolean": bool, "text": str, "link": str, "length": Length, "date": date,
}  # fmt: skip


def check_right(matter: Matter, action: ActionDef, actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor holds one of the action's roles for the matter's unit."""
    if actor.roles is None or actor.roles & set(action.by):
        return
    raise Forbidden(
        f"{actor.person} 不能对 {matter.id} 进行“{action.title}”",
        why=f"该操作由{'、'.join(_titles(action.by))}进行；{actor.person} 在 {matter.unit} 的任命："
        + ("、".join(_titles(sorted(actor.roles))) or "无"),
        then="请有相应任命的人操作，或先登记任命",
    )


def _titles(roles: Iterable[str]) -> list[str]:
    return [ROLES[role].zh for role in roles]


def check_when(
    office: Office, matter: Matter, action: ActionDef, request: Request, actor: Actor, now: datetime
) -> None:
    """A record of the past needs a reason, beyond the profile's days also evidence and a second person."""
    since = _possible_since(office, matter, action)
    if request.at < since:
        raise BadInput(
            f"发生时间 {local(office, request.at)} 早于 {matter.id} 可以“{action.title}”的时间 {local(office, since)}",
            why="操作不能发生在前一步之前",
            then="核对日期；如前一步记错了，请先更正前一步",
        )
    calendar = office.calendar
    day, today = calendar.day_of(request.at), calendar.day_of(now)
    if (action.needs_reason or day < today) and not request.reason:
        raise Refused(
            f"“{action.title}”需要说明原因",
            why="补录以前发生的事须说明原因" if day < today else "该操作必须说明原因",
            then="加上 --reason 原因",
        )
    free = office.planner(matter).profile.record_back
    if (
        day < today
        and free is not None
        and actor.roles is not None
        and calendar.add(day, free.number) < today
    ):
        if not request.evidence:
            raise Refused(
                f"补录 {day} 的“{action.title}”需要附件",
                why=f"超过{free.in_chinese()}的补录须有凭证",
                then="加上 --evidence 种类=文件",
            )
        # a deputy counts as both: who stands in for the first person cannot be the second
        if request.second is None or request.second.persons & actor.persons:
            raise Refused(
                f"补录 {day} 的“{action.title}”需要第二人确认",
                why=f"超过{free.in_chinese()}的补录须由两人办理；代理人与被代理人算同一人",
                then="加上 --second 另一人",
            )
        check_right(matter, action, request.second)


def _possible_since(office: Office, matter: Matter, action: ActionDef) -> datetime:
    """Return the moment before which ``action`` cannot have happened.

    A transition cannot precede the present state. A record leaves the state alone, so it may have
    happened ever since the first of the states that allow it was entered.
    """
    workflow = office.workflow(matter)
    if action.to is not None:
        return _entered_by_people(office, matter, workflow)
    if workflow.initial in action.sources:
        return matter.opened_at
    entered = [
        matter.marks[f"action:{a.name}"]
        for a in workflow.actions.values()
        if a.to in action.sources
        and not set(a.sources) <= set(action.sources)
        and f"action:{a.name}" in matter.marks
    ]
    return min(entered, default=matter.opened_at)


def _entered_by_people(office: Office, matter: Matter, workflow: WorkflowDef) -> datetime:
    """Return since when the matter stands where people brought it: what time did by itself is no bar."""
    since = matter.state_since or matter.opened_at
    for action in workflow.actions.values():
        by_time = action.name in office.machines(matter.bundle).by_time and action.to == matter.state
        if by_time and matter.marks.get(f"action:{action.name}") == since:
            before = [
                at
                for a in workflow.actions.values()
                if a.to in action.sources and (at := matter.marks.get(f"action:{a.name}")) and at <= since
            ]
            return max(before, default=matter.opened_at)
    return since


def sorted_facts(
    office: Office, matter: Matter, action: ActionDef, request: Request
) -> tuple[dict[str, FactValue], dict[str, FactValue]]:
    """Sort the facts handed in: those of the matter, and those of what the action opens (a query, a bid).

    Raise ``Refused`` where the latter lacks what it cannot be without, ``BadInput`` for a wrong type.
    """
    comes = newcomer(office, matter, action)
    if comes is None:
        return dict(request.facts), {}
    own = office.workflow(matter).facts if action.opens else dict.fromkeys(action.needs)
    opening = {n: v for n, v in request.facts.items() if n in comes.facts and n not in own}
    for name, value in opening.items():
        _check_type(name, value, comes)
    lacking = [f for f in comes.facts.values() if not f.optional and f.name not in opening]
    if lacking:
        raise Refused(
            f"“{action.title}”还缺：" + "、".join(f"{d.name}（{d.title}）" for d in lacking),
            why=f"它们是{comes.title}的要素",
            then="加上 " + " ".join(f"--fact {d.name}=…" for d in lacking),
        )
    return {n: v for n, v in request.facts.items() if n not in opening}, opening


def _check_type(name: str, value: FactValue, workflow: WorkflowDef) -> None:
    if not _fits(value, workflow.facts[name].type):
        raise BadInput(
            f"要素 {name}（{workflow.facts[name].title}）的值 {value!r} 类型不对",
            why=f"它应当是 {workflow.facts[name].type}",
            then="按流程文件里的类型填写",
        )
    options = workflow.facts[name].options
    if options and value not in dict(options):
        raise BadInput(
            f"要素 {name}（{workflow.facts[name].title}）不能是 {value}",
            then="可用的：" + "、".join(f"{zh}（{key}）" for key, zh in options),
        )


def check_dates(office: Office, work: Work, matter: Matter, facts: Mapping[str, FactValue]) -> None:
    """Raise ``Refused`` where a date that a minimum period holds back lies too early, now that all is known."""
    for article, title, day, until in early_dates(office, work, matter, facts):
        raise Refused(
            f"{title} {day} 太早，最早可定在 {until}",
            why=article,
            then=f"改为 {until} 或以后的日期；已公告的，发布更正公告顺延",
        )


def early_dates(
    office: Office, work: Work, matter: Matter, facts: Mapping[str, FactValue]
) -> list[tuple[str, str, date, date]]:
    """Return the date facts that a minimum period does not permit: article, title, day, first permitted day.

    Asked after the action: the period may have begun with it (the notice names the bid deadline).
    """
    machines = office.machines(matter.bundle)
    begun = [c for c in work.new_clocks if c.root == matter.root]
    if not machines.dates_guarded or not (begun or facts.keys() & machines.dates_guarded):
        return []
    found: list[tuple[str, str, date, date]] = []
    for here in work.family(matter.root):
        if here.bundle != matter.bundle:
            continue
        for clock in work.clocks_of(here):
            definition = office.clock(here, clock.name)
            if clock.state == "void" or clock.statutory is None or not definition.guards:
                continue
            until = office.calendar.day_of(clock.statutory)
            for name in definition.guards:
                value = nearest_fact(work, here, name)
                if isinstance(value, date) and value < until:
                    owner = next(m for m in work.chain(here) if name in m.facts)
                    # a period that a pause made longer is no bar to what has nothing to do with it
                    if clock not in begun and (owner.id != matter.id or name not in facts):
                        continue
                    title = str(office.workflow(owner).facts[name].title)
                    found.append((_article(office, here, clock, definition), title, value, until))
    return found


def check_complete(office: Office, matter: Matter, action: ActionDef, request: Request) -> None:
    """Raise ``BadInput`` for facts that do not belong, ``Refused`` where facts or evidence are missing."""
    workflow = office.workflow(matter)
    written = {name for a in workflow.actions.values() for name, _ in a.sets}
    if matter.is_case:
        written |= CASE_FACTS
    for name in request.facts:
        if name in written and not _lies_behind(office, matter, name):
            raise BadInput(
                f"要素 {name}（{workflow.facts[name].title}）由系统记录，不能手填", then="去掉这个 --fact"
            )
        if name not in workflow.facts:
            close = get_close_matches(name, workflow.facts, 1)
            raise BadInput(
                f"{workflow.title}没有要素 {name}",
                then=(f"您是不是要写 {close[0]}？" if close else "")
                + "可用的要素："
                + "、".join(workflow.facts),
            )
        _check_type(name, request.facts[name], workflow)
    known = {**matter.facts, **request.facts}
    missing = [workflow.facts[n] for n in action.needs if n not in known]
    if missing:
        raise Refused(
            f"“{action.title}”还缺：" + "、".join(f"{d.name}（{d.title}）" for d in missing),
            why="流程要求先填明这些要素",
            then="加上 " + " ".join(f"--fact {d.name}=…" for d in missing),
        )
    lacking = [k for k in action.evidence if k not in {e.kind for e in request.evidence}]
    if lacking:
        raise Refused(
            f"“{action.title}”还缺附件：" + "、".join(lacking),
            why="流程要求随操作提交凭证",
            then="加上 " + " ".join(f"--evidence {k}=文件" for k in lacking),
        )


def _lies_behind(office: Office, matter: Matter, name: str) -> bool:
    """Whether what writes the fact was never seen and can be seen no more: the matter was taken in after it."""
    workflow, machines = office.workflow(matter), office.machines(matter.bundle)
    writers = [a.name for a in workflow.actions.values() if name in dict(a.sets)]
    ahead = [a for a in writers if machines.path(matter.workflow, matter.state, a) is not None]
    return bool(writers) and not ahead and name not in matter.facts


def _fits(value: FactValue, kind: FactType) -> bool:
    """Say whether a value is of a fact's type; a boolean is an integer to Python, never to a fact."""
    wanted = _TYPES[kind]
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def check_minimum(office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime) -> None:
    """Raise ``Refused`` while a minimum period forbids the action; say from when it is permitted."""
    for article, until in too_early(office, work, matter, action, at):
        raise Refused(f"“{action.title}”最早可在 {local(office, until)} 进行", why=article, then="到时再操作")


def too_early(
    office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime
) -> list[tuple[str, datetime]]:
    """Return the running minimum periods that forbid ``action`` at ``at``: article and first instant.

    The announced day that it must wait for comes last.
    """
    found: list[tuple[str, datetime]] = []
    later = _not_yet(office, work, matter, action, at)
    if action.name not in office.machines(matter.bundle).guarded:
        return later
    for here in work.chain(matter):
        machines = office.machines(here.bundle)
        for clock in work.clocks_of(here):
            definition = machines.bundle.workflows[here.workflow].clocks[clock.name]
            if action.name not in definition.guards or clock.statutory is None or clock.state == "void":
                continue
            until = permitted_from(office, work, here, clock, at)
            if at < until:
                article = _article(office, here, clock, definition)
                still = "；计时中止中，恢复后重新推算" if clock.state == "paused" else ""
                found.append((article + still, until))
    return found + later


def _not_yet(
    office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime
) -> list[tuple[str, datetime]]:
    """Return the announced day that ``action`` must wait for, if it is still to come, with its article."""
    day = nearest_fact(work, matter, action.not_before.fact) if action.not_before is not None else None
    if action.not_before is None or not isinstance(day, date) or office.calendar.day_of(at) >= day:
        return []
    return [(action.not_before.basis, office.calendar.start_of(day))]


def _article(office: Office, matter: Matter, clock: Clock, definition: ClockDef) -> str:
    """Say which minimum period holds, how long it is, and by which article."""
    term = office.machines(matter.bundle).bundle.terms[definition.term]
    found = office.planner(matter).least(matter.workflow, definition, office.calendar.day_of(clock.anchor))
    assert found is not None
    limit, ground = found
    how = "不得早于前" if term.ahead else "不得少于"
    return f"{definition.title}{how}{limit.in_chinese()}（{ground.basis}）"


@dataclass(slots=True)
class Ruled:
    """What the rules of an action left behind: ``warnings`` of rules passed with a reason, ``notes`` of rules that
    could not be judged, the rules that ``escalated``, and those ``passed`` by an approval of two persons.
    """

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    escalated: list[RuleDef] = field(default_factory=list)
    passed: list[tuple[RuleDef, Grant]] = field(default_factory=list)

    @property
    def opening(self) -> list[RuleDef]:
        """The rules that open something after the action: an order, a case."""
        return [*self.escalated, *(rule for rule, _ in self.passed if rule.opens)]

    def remarks(self) -> dict[str, Any]:
        """Return what the line of history keeps of it."""
        passed = [{"rule": rule.code, **grant.data()} for rule, grant in self.passed]
        kept = {"warnings": self.warnings, "unjudged": self.notes, "overrides": passed}
        return {name: value for name, value in kept.items() if value}


def check_rules(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    request: Request,
    actor: Actor,
    now: datetime,
) -> Ruled:
    """Refuse by a rule that blocks, unless two persons let it pass; return what the others left behind."""
    ruled = Ruled()
    # a register that is read in names nobody who could be the same as somebody
    persons = actor.persons if actor.roles is not None else frozenset[str]()
    for item in broken(office, work, matter, action, request.facts, request.at, persons):
        rule = item.rule
        name = f"{rule.code} {rule.title}"
        if item.forgiven or (rule.severity == "escalate" and item.unjudged):
            ruled.notes.append(f"{name}：未判断（{item.hint or f'缺少 {item.why}'}）")
            continue
        if rule.severity == "block":
            grant = grant_of(office, matter, action.name, rule, now)
            if grant is None:
                raise _blocked(matter, action, item)
            ruled.passed.append((rule, grant))
            continue
        if rule.severity == "escalate":
            ruled.escalated.append(rule)
        elif not request.reason:
            raise Refused(
                f"{name}：需要说明原因后才能“{action.title}”",
                why=rule.ground.basis,
                then=f"{rule.remedy}；仍要办理的，加上 --reason 原因",
            )
        ruled.warnings.append(name)
    return ruled


def _blocked(matter: Matter, action: ActionDef, item: Broken) -> Refused:
    """Say which rule forbids the action, by which article, what to do, and whether two persons may let it pass."""
    rule = item.rule
    then = str(rule.remedy)
    if rule.override is not None:
        how = f"yiriban project override {matter.id} {action.name} {rule.code} --reason 理由 --approved-by 批准人"
        then += f"；确需例外办理的，经批准可以办一次：{how}"
    why = f"{rule.ground.basis}；无法判断：{item.hint}" if item.hint else rule.ground.basis
    return Refused(f"{rule.code} {rule.title}：不允许“{action.title}”", why=why, then=then)


def local(office: Office, instant: datetime) -> str:
    """Write an instant in the authority's zone, to the minute."""
    return instant.astimezone(office.calendar.zone).strftime("%Y-%m-%d %H:%M")
