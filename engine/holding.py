"""Route: clocks are paused and resumed, and extended by two persons. 中止、恢复、延期

A pause freezes the matter, its parts and the cases about them; days it touches are not counted. An extension is asked for by
one person and approved by another; only the latter moves the due moment, in a new epoch. Where a case
is open, only those decide in whose hands it is: a unit cannot approve its own way out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from engine.clock import Clock
from engine.counting import due_on, shift
from engine.errors import BadInput, Forbidden, Refused
from engine.matter import Evidence, Matter, Pause
from engine.message import due_day
from engine.office import Actor, Office
from engine.passing import pass_time
from engine.performing import Deed, Outcome, withdraw_cases
from engine.roles import ROLES
from engine.starting import EXTENDED, counted_again, next_epoch, open_clocks, pauses_of, withdraw_warnings
from engine.term import Moment
from engine.work import SYSTEM, Fire, Handed, Work
from engine.workflow import MOMENTS, MomentName

MAY_PAUSE = frozenset({"officer", "purchaser_rep", "purchaser_head", "regulator"})
MAY_ASK = frozenset({"officer", "purchaser_rep"})
MAY_APPROVE = frozenset({"purchaser_head", "tracker", "regulator"})
SUPERVISE = frozenset({"tracker", "regulator"})
"""Who decides about a case's own clocks, and about a clock that a case is about."""


@dataclass(frozen=True, slots=True)
class Word:
    """Who says so, when it happened, when it is recorded, why, and on which papers."""

    actor: Actor
    at: datetime
    now: datetime
    reason: str
    evidence: Sequence[Evidence] = ()


def pause(office: Office, work: Work, matter: Matter, word: Word) -> list[Fire]:
    """Stop the clocks of ``matter``, of its parts and of the cases about them; time passes first.

    Once a case is open, its supervisors pause: a unit cannot stop what follows up its own delay.
    Raise ``Forbidden``, or ``Refused``: without a reason, paused already, or for a time before the
    present state or the last fire of a clock that it would stop.
    """
    fires = _before(office, work, matter, word, "中止计时")
    _check_right(word, matter, MAY_PAUSE, "中止计时", _open_cases(office, work, matter))
    if any(p.until is None for p in matter.pauses):
        raise Refused(f"{matter.id} 已在中止中", then="先恢复计时，再另行中止")
    stopped = open_clocks(work, matter)
    if word.at < (matter.pauses[-1].until or word.at if matter.pauses else matter.opened_at):
        raise BadInput(f"中止时间早于 {matter.id} 开立或上次恢复的时间", then="核对 --at")
    if missed := _missed_since(stopped, word.at, word.now):
        raise Refused(
            "中止不能追溯到已经逾期之前",
            why=f"{missed} 已在此间到期",
            then="从现在起中止；此前的逾期另行说明",
        )
    matter.pauses.append(Pause(word.at, None, word.reason))
    notes: list[dict[str, Any]] = []
    for _, clock in stopped:
        if clock.state == "running":
            clock.state = "paused"
            clock.look_at = None
            work.touch_clock(clock)
            notes.append({"clock": f"{clock.matter}/{clock.name}/{clock.round}", "state": "paused"})
    _note(work, matter, "pause", word, {"clocks": notes})
    return fires


def resume(office: Office, work: Work, matter: Matter, word: Word) -> list[Fire]:
    """Let the clocks run again; the days that the pause touched are not counted. What fired stays fired."""
    fires = _before(office, work, matter, word, "恢复计时")
    # whoever paused can resume: with a case open that was one of its supervisors
    _check_right(word, matter, MAY_PAUSE | SUPERVISE, "恢复计时")
    if not matter.pauses or matter.pauses[-1].until is not None:
        raise Refused(f"{matter.id} 没有中止", then="用 yiriban project show 查看")
    held = matter.pauses[-1]
    if word.at < held.since:
        raise BadInput("恢复时间早于中止时间", then="核对 --at")
    matter.pauses[-1] = Pause(held.since, word.at, held.ground)
    notes: list[dict[str, Any]] = []
    for here, clock in open_clocks(work, matter):
        if clock.state != "paused" or any(p.until is None for p in pauses_of(work, here)):
            continue
        clock.state = "running"
        office.planner(here).replan(
            clock, counted_again(office, work, here, clock), office.clock(here, clock.name)
        )
        work.touch_clock(clock)
        notes.append(
            {"clock": f"{here.id}/{clock.name}/{clock.round}", "state": "running", **_moments(clock)}
        )
    _note(work, matter, "resume", word, {"clocks": notes})
    return fires


def ask_extension(
    office: Office, work: Work, matter: Matter, clock: Clock, moment: MomentName, until: date, word: Word
) -> list[Fire]:
    """Ask that ``moment`` of ``clock`` be moved to the end of the day ``until``; nothing moves yet."""
    fires = _before(office, work, matter, word, "申请延期")
    _check_right(word, None, MAY_ASK, "申请延期")
    _check_extension(office, matter, clock, moment, until, word.now)
    clock.asked = {
        "moment": moment, "until": until.isoformat(), "by": word.actor.person, "at": word.at.isoformat(),
        "reason": word.reason, "persons": "/".join(sorted(word.actor.persons)),
    }  # fmt: skip
    work.touch_clock(clock)
    _note(work, matter, "ask_extension", word, {"clock": f"{clock.name}/{clock.round}", "until": until.isoformat(),
                                                "moment": moment})  # fmt: skip
    return fires


def decide_extension(
    office: Office, work: Work, matter: Matter, clock: Clock, word: Word, *, approve: bool
) -> list[Fire]:
    """Approve or refuse the extension that was asked for; by another person than the one who asked.

    A deputy counts as both persons. Once a case about the clock is open its supervisors decide; where the
    approved day is still to come the warnings and the case are withdrawn.
    """
    fires = _before(office, work, matter, word, "审批延期")
    _check_right(word, matter, MAY_APPROVE, "审批延期", _cases_about(office, work, matter, clock))
    if not clock.asked:
        raise Refused(f"{matter.id} 的 {clock.name} 没有待审批的延期申请", then="先用 clock extend 申请")
    if word.actor.persons & {clock.asked["by"], *clock.asked.get("persons", "").split("/")}:
        raise Forbidden(
            f"{word.actor.person} 不能审批自己的延期申请",
            why="申请与审批须由两人办理；代理人与被代理人算同一人",
            then="请另一人审批",
        )
    asked, clock.asked = clock.asked, {}
    work.touch_clock(clock)
    detail: dict[str, Any] = {"clock": f"{clock.name}/{clock.round}", "asked": asked}
    if approve:
        moment: MomentName = _moment(asked["moment"])
        until = date.fromisoformat(asked["until"])
        _check_extension(office, matter, clock, moment, until, word.now)
        before = {m: clock.moment(m) for m in (moment,)}
        clock.moved[moment] = until
        detail["clocks"] = [
            next_epoch(office, work, matter, clock, counted_again(office, work, matter, clock), now=word.now)
        ]
        detail["before"] = {k: v.isoformat() for k, v in before.items() if v is not None}
        if (new := clock.moment(moment)) is not None and new > word.now:
            withdraw_warnings(office, work, matter, clock, at=word.now, now=word.now, text=EXTENDED)
    _note(work, matter, "extension_approved" if approve else "extension_refused", word, detail)
    if approve:
        deed = Deed(word.now, word.now, SYSTEM, "automatic")
        withdraw_cases(office, work, matter, clock, deed, Outcome(matter, "", matter.state, matter.state))
    return fires


def _open_cases(office: Office, work: Work, matter: Matter) -> list[Matter]:
    """Return the open cases about ``matter`` and its parts."""
    return [
        case
        for case in work.family(matter.root)
        if case.about is not None
        and matter.id in {m.id for m in work.chain(work.matters[case.about])}
        and not office.workflow(case).states[case.state].final
    ]


def _cases_about(office: Office, work: Work, matter: Matter, clock: Clock) -> list[Matter]:
    """Return the open cases about this round of ``clock``."""
    name = f"{clock.name}/{clock.round}/"
    return [
        case
        for case in _open_cases(office, work, matter)
        if case.about == matter.id and (case.about_clock or "").startswith(name)
    ]


def _may(matter: Matter, may: frozenset[str]) -> frozenset[str]:
    """Return who may: over a case only those in whose hands it is."""
    if matter.about is None:
        return may
    return frozenset({"regulator"}) if matter.facts.get("level") == "regulator" else SUPERVISE


def _check_extension(
    office: Office, matter: Matter, clock: Clock, moment: MomentName, until: date, now: datetime
) -> None:
    """Raise ``Refused`` unless the clock may be extended that far, and ``BadInput`` for a shortening."""
    due = clock.moment(moment)
    if not clock.is_open or due is None:
        raise Refused(
            f"{matter.id} 的 {clock.name} 没有在走的这一时限", then="用 yiriban project explain 查看"
        )
    term = office.machines(matter.bundle).bundle.terms[office.clock(matter, clock.name).term]
    new = due_on(until, term.ends, office.calendar)
    if new.instant <= due:
        raise BadInput(f"延期后的截止 {until} 不晚于现在的截止", then="写一个更晚的日期")
    if new.instant <= now:
        raise BadInput(f"延期后的截止 {until} 已经过去", then="写一个将来的日期，或不予延期")
    if moment == "promise":
        # cases may hang on the promise: it must not outlast the law
        if clock.statutory is not None and new.instant > clock.statutory:
            raise Refused(
                f"承诺时限不能延到法定期限之后，法定期限为 {due_day(clock.statutory, office.calendar)}",
                why="承诺只能早于法律的要求",
                then="写一个不晚于该日的日期",
            )
        return
    if term.extend is None:
        raise Refused(
            f"{term.title} 不能延期",
            why=f"{term.code} 的法律依据没有规定延期",
            then="承诺时限可以申请延期；法定期限如期办理",
        )
    planner = office.planner(matter)
    definition = office.clock(matter, clock.name)
    original = {
        d.name: d.moment for d in planner.prepare(matter.workflow, definition, clock.anchor, None).dues
    }
    base: Moment | None = original.get(moment)
    if base is not None:
        most = shift(base, 1, term.extend.most, office.calendar)
        if new.instant > most.instant:
            raise Refused(
                f"{term.title} 最多延至 {most.day}",
                why=term.extend.ground.basis,
                then="写一个不晚于该日的日期",
            )


def _moment(name: str) -> MomentName:
    named: Mapping[str, MomentName] = {"promise": "promise", "agreed": "agreed", "statutory": "statutory"}
    return named[name]


def _before(office: Office, work: Work, matter: Matter, word: Word, what: str) -> list[Fire]:
    """Check when and why; then let time pass for the whole family."""
    if word.at > word.now:
        raise BadInput("时间在将来", why="只能记录已经发生的事", then="改正 --at")
    if not word.reason:
        raise Refused(f"{what}需要说明原因和依据", then="加上 --reason 原因")
    return pass_time(office, work, [c for m in work.family(matter.root) for c in work.clocks_of(m)], word.now)


def _check_right(
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


def _missed_since(stopped: Sequence[tuple[Matter, Clock]], at: datetime, now: datetime) -> str:
    """Name the clock whose due moment passed between ``at`` and ``now``: its warning has gone out."""
    for _, clock in stopped:
        if any((m := clock.moment(n)) is not None and at < m <= now for n in MOMENTS):
            return f"{clock.matter} {clock.name}"
    return ""


def _moments(clock: Clock) -> dict[str, str]:
    return {n: m.isoformat() for n in MOMENTS if (m := clock.moment(n)) is not None}


def _note(work: Work, matter: Matter, name: str, word: Word, detail: Mapping[str, Any]) -> None:
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
