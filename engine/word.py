"""What a person says about clocks: when, why and on which papers; who may; the line that it leaves. 说明

What pauses, extensions and attributions of lost days have in common. Once a case is open only those decide
in whose hands it is: a unit cannot approve its own way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.clock import Clock
from engine.directory import REGULATORS
from engine.errors import BadInput, Forbidden, Refused
from engine.matter import Evidence, Matter
from engine.office import Actor, Office
from engine.opening import REGULATED
from engine.passing import pass_time
from engine.roles import ROLES
from engine.work import Fire, Handed, Work

MAY_ASK = frozenset({"officer", "purchaser_rep"})
MAY_APPROVE = frozenset({"purchaser_head", "tracker", *REGULATORS})
SUPERVISE = frozenset({"tracker", *REGULATORS})
"""Who decides about a case's own clocks, and about a clock that a case is about."""


@dataclass(frozen=True, slots=True)
class Word:
    """Who says so, when it happened, when it is recorded, why, and on which papers."""

    actor: Actor
    at: datetime
    now: datetime
    reason: str
    evidence: Sequence[Evidence] = ()


def begin(office: Office, work: Work, matter: Matter, word: Word, what: str) -> list[Fire]:
    """Check when and why; then let time pass for the whole family.

    Raise ``BadInput`` for a moment in the future, ``Refused`` without a reason.
    """
    if word.at > word.now:
        raise BadInput("时间在将来", why="只能记录已经发生的事", then="改正 --at")
    if not word.reason:
        raise Refused(f"{what}需要说明原因和依据", then="加上 --reason 原因")
    return pass_time(office, work, [c for m in work.family(matter.root) for c in work.clocks_of(m)], word.now)


def check_right(
    word: Word, matter: Matter | None, may: frozenset[str], what: str, cases: Sequence[Matter] = ()
) -> None:
    """Raise ``Forbidden`` unless the actor holds one of the roles; ``cases`` take the matter's place."""
    for decides in cases or (matter,):
        roles = may if decides is None else _may(decides, may)
        if word.actor.roles is None or word.actor.roles & roles:
            continue
        since = f"已有督办件 {decides.id}；" if decides is not None and cases else ""
        named = "、".join(f"{name}（{ROLES[name]}）" for name in sorted(roles))
        raise Forbidden(
            f"{word.actor.person} 不能{what}", why=f"{since}须有任命：{named}", then="请有相应任命的人办理"
        )


def _may(matter: Matter, may: frozenset[str]) -> frozenset[str]:
    """Return who may: over a case only those in whose hands it is."""
    if not matter.is_case:
        return may
    return REGULATORS if matter.facts.get("level") in REGULATED else SUPERVISE


def check_second(word: Word, asked_by: frozenset[str], what: str) -> None:
    """Raise ``Forbidden`` where the actor counts as one of ``asked_by``: who asked, and their principals."""
    if word.actor.persons & asked_by:
        raise Forbidden(
            f"{word.actor.person} 不能审批自己的{what}",
            why="申请与审批须由两人办理；代理人与被代理人算同一人",
            then="请另一人审批",
        )


def open_cases(office: Office, work: Work, matter: Matter) -> list[Matter]:
    """Return the open cases about ``matter`` and its parts."""
    return [
        case
        for case in work.family(matter.root)
        if case.is_case
        and case.about is not None
        and matter.id in {m.id for m in work.chain(work.matters[case.about])}
        and not office.workflow(case).states[case.state].final
    ]


def cases_about(office: Office, work: Work, matter: Matter, clock: Clock) -> list[Matter]:
    """Return the open cases about this round of ``clock``."""
    name = f"{clock.name}/{clock.round}/"
    return [
        case
        for case in open_cases(office, work, matter)
        if case.about == matter.id and (case.about_clock or "").startswith(name)
    ]


def note(work: Work, matter: Matter, name: str, word: Word, detail: Mapping[str, Any]) -> None:
    """Write the line of history of kind ``clock``, with the reason and the papers."""
    told: dict[str, Any] = {**detail, "reason": word.reason}
    if word.actor.os_user:
        told["os_user"] = word.actor.os_user
    if word.evidence:
        told["evidence"] = [
            {"kind": e.kind, "name": e.name, "sha256": e.sha256, "size": e.size} for e in word.evidence
        ]
    entry = work.record(matter, "clock", name, at=word.at, now=word.now, actor=word.actor.person,
                        came_from=matter.state, detail=told)  # fmt: skip
    for item in word.evidence:
        work.evidence.append(Handed(matter.id, matter.jurisdiction, entry.no, item))
