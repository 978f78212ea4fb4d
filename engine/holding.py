"""Route: clocks are paused and resumed, and extended by two persons. 中止、恢复、延期

A pause freezes the matter, its parts and the cases about them; days it touches are not counted. An extension is asked for by
one person and approved by another; only the latter moves the due moment, in a new epoch. Where a case
is open, only those decide in whose hands it is: a unit cannot approve its own way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from engine.climbing import check_level
from engine.clock import Clock
from engine.counting import due_on, shift
from engine.directory import REGULATORS
from engine.errors import BadInput, Refused
from engine.matter import Matter, Pause
from engine.message import due_day
from engine.office import Office
from engine.performing import Deed, Outcome, withdraw_cases
from engine.recurrence import TIER
from engine.standstill import missed_since, open_pause, release, stop
from engine.starting import EXTENDED, counted_again, next_epoch, withdraw_warnings
from engine.term import Moment
from engine.word import (
    MAY_APPROVE,
    MAY_ASK,
    SUPERVISE,
    Word,
    begin,
    cases_about,
    check_right,
    check_second,
    note,
    open_cases,
)
from engine.work import SYSTEM, Fire, Work
from engine.workflow import MomentName

MAY_PAUSE = frozenset({"officer", "purchaser_rep", "purchaser_head", *REGULATORS})


def pause(office: Office, work: Work, matter: Matter, word: Word) -> list[Fire]:
    """Stop the clocks of ``matter``, of its parts and of the cases about them; time passes first.

    Once a case is open, its supervisors pause: a unit cannot stop what follows up its own delay.
    Raise ``Forbidden``, or ``Refused``: without a reason, paused already, or for a time before the
    present state or the last fire of a clock that it would stop.
    """
    fires = begin(office, work, matter, word, "中止计时")
    check_right(word, matter, MAY_PAUSE, "中止计时", open_cases(office, work, matter))
    _refuse_fixed(office, matter, "中止")
    if open_pause(matter) is not None:
        raise Refused(f"{matter.id} 已在中止中", then="先恢复计时，再另行中止")
    before = [p.until for p in matter.pauses if p.until is not None and not p.by]
    if word.at < max([matter.opened_at, *before]):
        raise BadInput(f"中止时间早于 {matter.id} 开立或上次恢复的时间", then="核对 --at")
    if missed := missed_since(office, work, matter, word.at, word.now):
        raise Refused(
            "中止不能追溯到已经逾期之前",
            why=f"{missed} 已在此间到期",
            then="从现在起中止；此前的逾期另行说明",
        )
    notes = stop(office, work, matter, Pause(word.at, None, word.reason))
    note(work, matter, "pause", word, {"clocks": notes})
    return fires


def resume(office: Office, work: Work, matter: Matter, word: Word) -> list[Fire]:
    """Let the clocks run again; the days that the pause touched are not counted. What fired stays fired."""
    fires = begin(office, work, matter, word, "恢复计时")
    # whoever paused can resume: with a case open that was one of its supervisors
    check_right(word, matter, MAY_PAUSE | SUPERVISE, "恢复计时")
    held = open_pause(matter)
    if held is None:
        others = [p.by for p in matter.pauses if p.until is None]
        if others:
            raise Refused(
                f"{matter.id} 因 {'、'.join(others)} 中止，不能直接恢复",
                why="该事项办结时，中止自动解除",
                then=f"先办理 {others[0]}",
            )
        raise Refused(f"{matter.id} 没有中止", then="用 yiriban project show 查看")
    if word.at < held.since:
        raise BadInput("恢复时间早于中止时间", then="核对 --at")
    notes = release(office, work, matter, held, word.at)
    note(work, matter, "resume", word, {"clocks": notes})
    return fires


def ask_extension(
    office: Office, work: Work, matter: Matter, clock: Clock, moment: MomentName, until: date, word: Word
) -> list[Fire]:
    """Ask that ``moment`` of ``clock`` be moved to the end of the day ``until``; nothing moves yet."""
    fires = begin(office, work, matter, word, "申请延期")
    check_right(word, None, MAY_ASK, "申请延期")
    _refuse_fixed(office, matter, "延期")
    _check_extension(office, matter, clock, moment, until, word.now)
    clock.asked = {
        "moment": moment, "until": until.isoformat(), "by": word.actor.person, "at": word.at.isoformat(),
        "reason": word.reason, "persons": "/".join(sorted(word.actor.persons)),
    }  # fmt: skip
    work.touch_clock(clock)
    note(work, matter, "ask_extension", word, {"clock": f"{clock.name}/{clock.round}", "until": until.isoformat(),
                                                "moment": moment})  # fmt: skip
    return fires


def decide_extension(
    office: Office, work: Work, matter: Matter, clock: Clock, word: Word, *, approve: bool
) -> list[Fire]:
    """Approve or refuse the extension that was asked for; by another person than the one who asked.

    A deputy counts as both persons. Once a case about the clock is open its supervisors decide; where the
    approved day is still to come the warnings and the case are withdrawn.
    """
    fires = begin(office, work, matter, word, "审批延期")
    check_right(word, matter, MAY_APPROVE, "审批延期", cases_about(office, work, matter, clock))
    if not clock.asked:
        raise Refused(f"{matter.id} 的 {clock.name} 没有待审批的延期申请", then="先用 clock extend 申请")
    check_second(word, frozenset({clock.asked["by"], *clock.asked.get("persons", "").split("/")}), "延期申请")
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
    note(work, matter, "extension_approved" if approve else "extension_refused", word, detail)
    if approve:
        deed = Deed(word.now, word.now, SYSTEM, "automatic")
        withdraw_cases(office, work, matter, clock, deed, Outcome(matter, "", matter.state, matter.state))
    return fires


def _refuse_fixed(office: Office, matter: Matter, what: str) -> None:
    """Raise ``Refused`` for a recurring duty: its date is the law's or the plan's, and the next period comes anyway."""
    if office.workflow(matter).tier == TIER:
        raise Refused(
            f"{matter.id} 不能{what}",
            why=f"周期性工作的应办日期是固定的日子：{matter.facts.get('basis', '')}",
            then="本期没有可办的事，登记“本期不适用”（excuse_duty）并写明原因；晚办的照实登记",
        )


def _check_extension(
    office: Office, matter: Matter, clock: Clock, moment: MomentName, until: date, now: datetime
) -> None:
    """Raise ``Refused`` unless the clock may be extended that far, and ``BadInput`` for a shortening."""
    due = clock.moment(moment)
    if not clock.is_open or due is None:
        raise Refused(
            f"{matter.id} 的 {clock.name} 没有在走的这一时限", then="用 yiriban project explain 查看"
        )
    check_level(office, matter, clock)
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
