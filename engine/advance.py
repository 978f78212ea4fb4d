"""Route: a person acts. Time passes first, in the same transaction. 操作"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from engine.alerting import raise_order
from engine.asking import applies
from engine.checking import (
    check_complete,
    check_dates,
    check_minimum,
    check_right,
    check_rules,
    check_when,
    local,
    sorted_facts,
)
from engine.climbing import check_climb, check_hand_over
from engine.errors import BadInput, Conflict, Refused
from engine.grants import drop
from engine.holdups import check_free, check_offered
from engine.judging import judge
from engine.matter import FactValue, Matter
from engine.office import Actor, Office
from engine.passing import pass_time
from engine.performing import Deed, Outcome, perform
from engine.request import Request
from engine.signing import check_signed
from engine.windows import window_note
from engine.work import Fire, Work
from engine.workflow import ActionDef, RuleDef

__all__ = ["Receipt", "Request", "advance", "find"]


@dataclass(slots=True)
class Receipt:
    """What an action did: what was due before it, the outcome, and remarks of rules that only warn. 回执"""

    fires: list[Fire]
    outcome: Outcome
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What whoever acted should know: until when others may object."""


def advance(office: Office, work: Work, request: Request, actor: Actor, now: datetime) -> Receipt:
    """Let time pass for the whole family, then do the action, or refuse it and say why.

    Raise ``BadInput`` (no such action, a future date, a wrong or unknown fact), ``Refused`` (not
    offered, a rule, a minimum period, something missing), ``Forbidden``, ``Conflict`` (stale revision).
    """
    if request.at > now:
        raise BadInput(
            f"发生时间 {local(office, request.at)} 在将来",
            why="只能记录已经发生的事",
            then="改正 --at，或等事情发生后再记录",
        )
    named = work.matters[request.matter]
    family = work.family(named.root)
    fires = pass_time(office, work, [c for m in family for c in work.clocks_of(m)], now)
    matter, action = find(office, work, named, request.action, request.facts)
    if request.revision is not None and request.revision != matter.revision:
        newer = matter.revision > request.revision
        raise Conflict(
            f"{matter.id} 现在是第 {matter.revision} 版，不是第 {request.revision} 版",
            why="您看过之后已有人记录了新的操作" if newer else "这一版还没有出现过，多半是看错了事项",
            then=f"用 yiriban project show {matter.root} 看最新情况后再操作",
        )
    check_right(matter, action, actor)
    check_climb(work, matter, action)
    own, opening = sorted_facts(office, matter, action, request)
    request = replace(request, facts=own)
    check_when(office, matter, action, request, actor, now)
    check_complete(office, matter, action, request)
    check_hand_over(work, action, {**matter.facts, **request.facts})
    check_free(office, work, matter, action)
    check_offered(office, work, matter, action)
    check_minimum(office, work, matter, action, request.at)
    ruled = check_rules(office, work, matter, action, request, actor, now)
    checked, unsure = check_signed(office, work, matter, action, request)
    remarks: dict[str, Any] = {"checked": checked} if checked else {}
    if actor.os_user:
        remarks["os_user"] = actor.os_user
    if actor.source:
        remarks["source"] = actor.source
    if request.second is not None:
        remarks["second"] = request.second.person
    remarks.update(ruled.remarks())
    window = window_note(office, work, matter, action, request.at)
    if window:
        remarks["window"] = window
    deed = Deed(
        request.at, now, actor.person, "action", request.facts, request.evidence, request.reason, remarks,
        opening=opening, nameless=actor.roles is None,
    )  # fmt: skip
    outcome = perform(office, work, matter, action, deed)
    check_dates(office, work, matter, request.facts)
    # a day handed in with the act may itself forbid the act: experts drawn too long before the evaluation
    check_minimum(office, work, matter, action, request.at)
    for _, grant in ruled.passed:
        drop(work, matter, grant)
    for rule in ruled.opening:
        outcome.opened += _escalate(office, work, matter, rule, request, now)
    notes = [*ruled.notes, *unsure, *_welcome(office, work, outcome, request, now)]
    return Receipt(fires, outcome, ruled.warnings, [*notes, window] if window else notes)


def _escalate(
    office: Office, work: Work, matter: Matter, rule: RuleDef, request: Request, now: datetime
) -> list[Matter]:
    cause = f"{matter.id}/{request.action}/{matter.revision}/{rule.code}"
    return raise_order(office, work, matter, rule, at=request.at, now=now, cause=cause)


def _welcome(office: Office, work: Work, outcome: Outcome, request: Request, now: datetime) -> list[str]:
    """Ask the rules of parts that came with facts of their own; return what could not be judged.

    Raise ``Refused`` by one that blocks: then nothing of the action is kept.
    """
    notes: list[str] = []
    for part in [m for m in outcome.opened if m.part_of is not None]:
        codes = office.workflow(part).rules
        for item in judge(office, work, part, codes, {}, request.at) if codes else ():
            name = f"{item.rule.code} {item.rule.title}"
            if item.unjudged:
                notes.append(f"{part.id} {name}：未判断（{item.hint or f'缺少 {item.why}'}）")
            elif item.rule.severity == "block":
                raise Refused(
                    f"{name}，什么都没有保存", why=item.rule.ground.basis, then=str(item.rule.remedy)
                )
            elif item.rule.severity == "escalate":
                outcome.opened += _escalate(office, work, part, item.rule, request, now)
            else:
                notes.append(f"{part.id} {name}")
    return notes


def find(
    office: Office, work: Work, named: Matter, action: str, handed: Mapping[str, FactValue] | None = None
) -> tuple[Matter, ActionDef]:
    """Find the one matter that offers ``action``: the named one, else its parts (never along ``about``).

    ``handed`` are the facts that come with it; where they are still to be read, an action that they alone can make
    applicable is found too.
    """
    below = _down(work, named)
    defined = [(m, a) for m in below for a in _defined(office, m) if a.name == action]
    offers = [(m, a) for m, a in defined if applies(office, work, m, a, handed)]
    if not offers and handed is None:
        offers = defined
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
    now_offered = {a.name: a.title for m in below for a in _defined(office, m) if applies(office, work, m, a)}
    listed = "、".join(f"{n}（{title}）" for n, title in sorted(now_offered.items())) or "（没有）"
    if action not in known:
        close = get_close_matches(action, known, 1)
        hint = f"您是不是要写 {close[0]}？" if close else ""
        raise BadInput(f"没有名为 {action} 的操作", then=f"{hint}现在可以：{listed}")
    here = next((m for m in _down(work, named) if action in office.workflow(m).actions), named)
    workflow = office.workflow(here) if action in office.workflow(here).actions else known[action]
    taken = workflow.actions[action]
    if not office.planner(here).profile.has(taken.switch):
        raise Refused(
            f"不能“{taken.title}”",
            why=f"这是有的地方的做法，方案 {here.profile} 没有打开 {taken.switch}",
            then=f"当地有这项做法的，在地方时限方案里写 switches: [{taken.switch}]；现在可以：{listed}",
        )
    if taken.applies_to and here.state in taken.sources:
        raise Refused(
            f"不能“{taken.title}”", why=f"该操作只用于：{taken.applies_to}", then=f"现在可以：{listed}"
        )
    raise Refused(
        f"现在不能“{taken.title}”：{_standing(office, work, named, workflow.name)}",
        why=f"该操作只能在{'、'.join(str(workflow.states[s].title) for s in taken.sources)}时进行",
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


def _defined(office: Office, matter: Matter) -> tuple[ActionDef, ...]:
    return office.machines(matter.bundle).of[matter.workflow].offers(matter.state)
