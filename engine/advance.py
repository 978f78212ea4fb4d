"""Route: a person acts. Time passes first, in the same transaction. 操作"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from engine.asking import compiled_rule, facts_for
from engine.errors import BadInput, Conflict, Forbidden, Refused
from engine.matter import Evidence, FactValue, Matter
from engine.office import Actor, Office
from engine.opening import CASE_FACTS, open_case
from engine.passing import pass_time
from engine.performing import Deed, Outcome, perform
from engine.rules import ExpressionTrouble, MissingFact
from engine.term import Length
from engine.work import Fire, Work
from engine.workflow import ActionDef, FactType, RuleDef

_TYPES: dict[FactType, type] = {
    "money": int, "integer": int, "boolean": bool, "text": str, "link": str, "length": Length, "date": date,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. ``at`` is when it happened; ``revision`` guards against acting on old news."""

    matter: str
    action: str
    at: datetime
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    evidence: Sequence[Evidence] = ()
    reason: str = ""
    revision: int | None = None
    second: Actor | None = None


@dataclass(slots=True)
class Receipt:
    """What an action did: what was due before it, the outcome, and remarks of rules that only warn. 回执"""

    fires: list[Fire]
    outcome: Outcome
    warnings: list[str] = field(default_factory=list)


def advance(office: Office, work: Work, request: Request, actor: Actor, now: datetime) -> Receipt:
    """Let time pass for the whole family, then do the action, or refuse it and say why.

    Raise ``BadInput`` (no such action, a future date, a wrong or unknown fact), ``Refused`` (not
    offered, a rule, a minimum period, something missing), ``Forbidden``, ``Conflict`` (stale revision).
    """
    if request.at > now:
        raise BadInput(
            f"发生时间 {_local(office, request.at)} 在将来",
            why="只能记录已经发生的事",
            then="改正 --at，或等事情发生后再记录",
        )
    named = work.matters[request.matter]
    family = work.family(named.root)
    fires = pass_time(office, work, [c for m in family for c in work.clocks_of(m)], now)
    matter, action = find(office, work, named, request.action)
    if request.revision is not None and request.revision != matter.revision:
        newer = matter.revision > request.revision
        raise Conflict(
            f"{matter.id} 现在是第 {matter.revision} 版，不是第 {request.revision} 版",
            why="您看过之后已有人记录了新的操作" if newer else "这一版还没有出现过，多半是看错了事项",
            then=f"用 yiriban project show {matter.root} 看最新情况后再操作",
        )
    _check_right(matter, action, actor)
    _check_when(office, matter, action, request, actor, now)
    _check_complete(office, matter, action, request)
    _check_minimum(office, work, matter, action, request.at)
    warnings, escalated = _check_rules(office, work, matter, action, request)
    remarks: dict[str, Any] = {}
    if actor.os_user:
        remarks["os_user"] = actor.os_user
    if actor.source:
        remarks["source"] = actor.source
    if request.second is not None:
        remarks["second"] = request.second.person
    if warnings:
        remarks["warnings"] = warnings
    deed = Deed(
        request.at, now, actor.person, "action", request.facts, request.evidence, request.reason, remarks
    )
    outcome = perform(office, work, matter, action, deed)
    for rule in escalated:
        outcome.opened.append(_escalate(office, work, matter, rule, request, now))
    return Receipt(fires, outcome, warnings)


def _escalate(
    office: Office, work: Work, matter: Matter, rule: RuleDef, request: Request, now: datetime
) -> Matter:
    cause = f"{matter.id}/{request.action}/{matter.revision}/{rule.code}"
    return open_case(office, work, matter, rule.code, "case", moment="", at=request.at, now=now, cause=cause)


def find(office: Office, work: Work, named: Matter, action: str) -> tuple[Matter, ActionDef]:
    """Find the one matter that offers ``action``: the named one, else its parts (never along ``about``)."""
    offers = [(m, a) for m in _down(work, named) for a in _offers(office, m) if a.name == action]
    own = [o for o in offers if o[0].id == named.id]
    if own or len(offers) == 1:
        return (own or offers)[0]
    if offers:
        raise Refused(
            f"有 {len(offers)} 个事项可以“{offers[0][1].title}”",
            why="操作必须明确针对一个事项",
            then="指明其中之一：" + "、".join(m.id for m, _ in offers),
        )
    machines = office.machines(named.bundle)
    known = {a: w for w in machines.bundle.workflows.values() for a in w.actions}
    now_offered = {a.name: a.title for m in _down(work, named) for a in _offers(office, m)}
    listed = "、".join(f"{n}（{title}）" for n, title in sorted(now_offered.items())) or "（没有）"
    if action not in known:
        close = get_close_matches(action, known, 1)
        hint = f"您是不是要写 {close[0]}？" if close else ""
        raise BadInput(f"没有名为 {action} 的操作", then=f"{hint}现在可以：{listed}")
    workflow = known[action]
    raise Refused(
        f"现在不能“{workflow.actions[action].title}”：{_standing(office, work, named, workflow.name)}",
        why=f"该操作只能在{'、'.join(str(workflow.states[s].title) for s in workflow.actions[action].sources)}时进行",
        then=f"现在可以：{listed}",
    )


def _standing(office: Office, work: Work, named: Matter, workflow: str) -> str:
    here = [m for m in _down(work, named) if m.workflow == workflow] or [named]
    parts = [f"{m.id} 现为“{office.workflow(m).states[m.state].title}”" for m in here[:5]]
    return "，".join(parts)


def _down(work: Work, named: Matter) -> list[Matter]:
    family = work.family(named.root)
    inside = {named.id}
    out = [named]
    for matter in family:
        if matter.part_of in inside and matter.id not in inside:
            inside.add(matter.id)
            out.append(matter)
    return out


def _offers(office: Office, matter: Matter) -> tuple[ActionDef, ...]:
    return office.machines(matter.bundle).of[matter.workflow].offers(matter.state)


def _check_right(matter: Matter, action: ActionDef, actor: Actor) -> None:
    if actor.roles is None or actor.roles & set(action.by):
        return
    raise Forbidden(
        f"{actor.person} 不能对 {matter.id} 进行“{action.title}”",
        why=f"该操作由 {'、'.join(action.by)} 进行；{actor.person} 在 {matter.unit} 的任命："
        + ("、".join(sorted(actor.roles)) or "无"),
        then="请有相应任命的人操作，或先登记任命",
    )


def _check_when(
    office: Office, matter: Matter, action: ActionDef, request: Request, actor: Actor, now: datetime
) -> None:
    """A record of the past needs a reason, beyond the profile's days also evidence and a second person."""
    since = _possible_since(office, matter, action)
    if request.at < since:
        raise BadInput(
            f"发生时间 {_local(office, request.at)} 早于 {matter.id} 可以“{action.title}”的时间 {_local(office, since)}",
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
        _check_right(matter, action, request.second)


def _possible_since(office: Office, matter: Matter, action: ActionDef) -> datetime:
    """Return the moment before which ``action`` cannot have happened.

    A transition cannot precede the present state. A record leaves the state alone, so it may have
    happened ever since the first of the states that allow it was entered.
    """
    if action.to is not None:
        return matter.state_since or matter.opened_at
    workflow = office.workflow(matter)
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


def _check_complete(office: Office, matter: Matter, action: ActionDef, request: Request) -> None:
    workflow = office.workflow(matter)
    written = {name for a in workflow.actions.values() for name, _ in a.sets}
    if matter.about is not None:
        written |= CASE_FACTS
    for name in request.facts:
        if name in written:
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
        if not _fits(request.facts[name], workflow.facts[name].type):
            raise BadInput(
                f"要素 {name}（{workflow.facts[name].title}）的值 {request.facts[name]!r} 类型不对",
                why=f"它应当是 {workflow.facts[name].type}",
                then="按流程文件里的类型填写",
            )
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


def _fits(value: FactValue, kind: FactType) -> bool:
    """Say whether a value is of a fact's type; a boolean is an integer to Python, never to a fact."""
    wanted = _TYPES[kind]
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _check_minimum(office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime) -> None:
    for article, until in too_early(office, work, matter, action, at):
        raise Refused(
            f"“{action.title}”最早可在 {_local(office, until)} 进行", why=article, then="到时再操作"
        )


def too_early(
    office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime
) -> list[tuple[str, datetime]]:
    """Return the running minimum periods that forbid ``action`` at ``at``: article and first instant."""
    found: list[tuple[str, datetime]] = []
    if action.name not in office.machines(matter.bundle).guarded:
        return found
    for here in work.chain(matter):
        machines = office.machines(here.bundle)
        for clock in work.clocks_of(here):
            definition = machines.bundle.workflows[here.workflow].clocks[clock.name]
            if action.name not in definition.guards or clock.statutory is None or clock.state == "void":
                continue
            if at < clock.statutory:
                value = machines.bundle.terms[definition.term].statutory.on(
                    office.calendar.day_of(clock.anchor)
                )
                basis = value.ground.basis if value else ""
                length = value.value.in_chinese() if value and value.value else ""
                found.append((f"{definition.title}不得少于{length}（{basis}）", clock.statutory))
    return found


def _check_rules(
    office: Office, work: Work, matter: Matter, action: ActionDef, request: Request
) -> tuple[list[str], list[RuleDef]]:
    """Refuse by a rule that blocks; return the remarks of those that warn, and those that escalate."""
    warnings: list[str] = []
    escalated: list[RuleDef] = []
    for rule, _lacks in broken(office, work, matter, action, request.facts, request.at):
        if rule.severity == "block":
            raise Refused(
                f"{rule.code} {rule.title}：不允许“{action.title}”",
                why=rule.ground.basis,
                then=str(rule.remedy),
            )
        if rule.severity == "escalate":
            escalated.append(rule)
        elif not request.reason:
            raise Refused(
                f"{rule.code} {rule.title}：需要说明原因后才能“{action.title}”",
                why=rule.ground.basis,
                then="加上 --reason 原因",
            )
        warnings.append(f"{rule.code} {rule.title}")
    return warnings, escalated


def broken(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    facts: Mapping[str, FactValue],
    at: datetime,
) -> list[tuple[RuleDef, str]]:
    """Return the rules that do not hold for ``action``, each with ``broken`` or the fact it lacks.

    A rule that cannot be judged counts as broken: ``block`` then refuses.
    """
    bundle = office.machines(matter.bundle).bundle
    asked = [*action.rules, *_standing_rules(office, matter, facts)]
    if not asked:
        return []
    day = office.calendar.day_of(at)
    found: list[tuple[RuleDef, str]] = []
    before = dict(matter.facts)
    matter.facts.update(facts)
    try:
        for code in dict.fromkeys(asked):
            rule = bundle.rules[code]
            if rule.since is not None and day < rule.since:
                continue
            params = {
                f"param.{n}": v.value
                for n, d in rule.params.items()
                if (v := d.on(day)) and v.value is not None
            }
            try:
                expression = compiled_rule(office, matter, rule)
                values = facts_for(office, work, matter, params)
                if not expression.evaluate(values):
                    lacks = sorted(
                        n for n in expression.names if values.get(n) is False and n.startswith("given.")
                    )
                    found.append((rule, lacks[0] if lacks else "broken"))
            except MissingFact as missing:
                found.append((rule, str(missing)))
            except ExpressionTrouble as trouble:
                found.append((rule, f"trouble: {trouble}"))
    finally:
        matter.facts.clear()
        matter.facts.update(before)
    return found


def _standing_rules(office: Office, matter: Matter, facts: Mapping[str, FactValue]) -> list[str]:
    """Return the rules that hold ever after and mention a fact that is about to change."""
    changed = {f"{matter.workflow}.{n}" for n, value in facts.items() if matter.facts.get(n) != value}
    if not changed:
        return []
    rules = office.machines(matter.bundle).bundle.rules.values()
    standing = [r for r in rules if r.standing and r.workflow == matter.workflow]
    return [r.code for r in standing if compiled_rule(office, matter, r).names & changed]


def _local(office: Office, instant: datetime) -> str:
    local = instant.astimezone(office.calendar.zone)
    return local.strftime("%Y-%m-%d %H:%M")
