"""Lost days: the working days behind a missed due day, and whose each of them is. 损失日、责任方

The day on which the act happened is the last lost one; days that a pause touched are not lost. A clock's
``charges`` say in whose hands the matter lies, one party after another; what people recorded (``charged``)
goes before that. Each lost day has exactly one party, or is not attributed (未区分).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from engine.clock import Charged, Clock
from engine.freezing import frozen_days
from engine.matter import Pause
from engine.workdays import WorkingCalendar
from engine.workflow import MOMENTS, PARTIES, ClockDef, MomentName, Party

Answerable = Party | Literal["unattributed"]
UNATTRIBUTED: Literal["unattributed"] = "unattributed"
ANSWERABLE: tuple[Answerable, ...] = (*PARTIES, UNATTRIBUTED)
"""The parties in their order, what is not attributed last."""
BY_ITSELF = "system"
"""Who noted a segment when its clock ended."""
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a matter tells about who had it in hand: when actions were taken (``marks``, ``action:x``), and
    the pauses that hold for it, those of what it is part of included.
    """

    marks: Mapping[str, datetime]
    pauses: Sequence[Pause] = ()


def days_lost(
    clock: Clock,
    definition: ClockDef,
    traces: Traces,
    calendar: WorkingCalendar,
    now: datetime,
    *,
    moment: MomentName | None = None,
) -> dict[date, Answerable]:
    """Return each lost day with whose it is, in order; a day counts as soon as it has begun.

    Lost are the working days behind the due day of ``moment`` (by default the earliest that the clock has)
    up to the day of the end, while the clock is open up to ``now``. A void clock and a minimum period lose none.
    """
    due = _due(clock, moment)
    if due is None or clock.state == "void" or definition.guards:
        return {}
    first, last = calendar.day_of(due - _TICK), _last_day(clock, calendar, now)
    if last <= first:
        return {}
    frozen = frozen_days([_until(p, now) for p in traces.pauses if p.stops(clock.name)], calendar)
    stretches = _stretches(definition, traces.marks, calendar)
    said = [c for c in clock.charged if c.approved_by]
    return {
        day: _whose(day, stretches, said)
        for day in calendar.days(first, last)
        if calendar.is_worked(day) and day not in frozen
    }


def lost_days(
    clock: Clock,
    definition: ClockDef,
    traces: Traces,
    calendar: WorkingCalendar,
    now: datetime,
    *,
    moment: MomentName | None = None,
) -> dict[Answerable, int]:
    """Count `days_lost` by party; parties without a lost day are left out."""
    return by_party(days_lost(clock, definition, traces, calendar, now, moment=moment).values())


def by_party(days: Iterable[Answerable]) -> dict[Answerable, int]:
    """Count days by party, in the order of the parties; those without a day are left out."""
    counts = Counter(days)
    return {who: counts[who] for who in ANSWERABLE if counts[who]}


def segments(
    clock: Clock, definition: ClockDef, marks: Mapping[str, datetime], calendar: WorkingCalendar
) -> list[Charged]:
    """Return through whose hands an ended clock went after the first, where it ended late.

    Kept with the clock: the marks do not last, a later round takes the same actions again.
    """
    due = _due(clock, None)
    if clock.ended_at is None or due is None or clock.ended_at < due:
        return []
    last = calendar.day_of(clock.ended_at)
    kept: list[Charged] = []
    begun: date | None = None
    for party, until in _stretches(definition, marks, calendar):
        end = last if until is None else min(until, last)
        if begun is not None and party != UNATTRIBUTED and begun <= end:
            kept.append(Charged(begun, end, party, "", BY_ITSELF, approved_by=BY_ITSELF))
        begun = end + _DAY if begun is None else max(begun, end + _DAY)
    return kept


def _due(clock: Clock, moment: MomentName | None) -> datetime | None:
    names = MOMENTS if moment is None else (moment,)
    return min((m for n in names if (m := clock.moment(n)) is not None), default=None)


def _last_day(clock: Clock, calendar: WorkingCalendar, now: datetime) -> date:
    if clock.ended_at is not None and clock.ended_at <= now:
        return calendar.day_of(clock.ended_at)
    # at its first instant a day has not begun to be lost
    return calendar.day_of(now - _TICK)


def _until(pause: Pause, now: datetime) -> Pause:
    """A pause that still lasts has touched every day so far."""
    return replace(pause, until=max(now, pause.since)) if pause.until is None else pause


def _stretches(
    definition: ClockDef, marks: Mapping[str, datetime], calendar: WorkingCalendar
) -> list[tuple[Answerable, date | None]]:
    """Return who had it in hand one after another, each with the last day that was theirs (``None``: still).

    A day is still theirs if they handed over in the course of it.
    """
    found: list[tuple[Answerable, date | None]] = []
    for charge in definition.charges:
        taken = marks.get(f"action:{charge.until}") if charge.until else None
        found.append((charge.party, None if taken is None else calendar.day_of(taken)))
        if taken is None:
            return found
    return [*found, (UNATTRIBUTED, None)]


def _whose(
    day: date, stretches: Sequence[tuple[Answerable, date | None]], said: Sequence[Charged]
) -> Answerable:
    for charged in reversed(said):
        if charged.since <= day <= charged.until:
            return charged.party
    return next(party for party, until in stretches if until is None or day <= until)
