"""Counting around pauses: a working or calendar day touched by a pause is not counted, hours lose the
minutes; overlapping pauses are a union (design 4; law.md 2.3 no 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from engine.counting import due, earliest
from engine.matter import Pause
from engine.term import Ends, Length, Moment
from engine.workdays import WorkingCalendar

_TICK = timedelta(microseconds=1)


def frozen_days(pauses: Sequence[Pause], calendar: WorkingCalendar) -> frozenset[date]:
    """Return the days that ended pauses touch."""
    found: set[date] = set()
    for pause in pauses:
        if pause.until is None or pause.until <= pause.since:
            continue
        day, last = calendar.day_of(pause.since), calendar.day_of(pause.until - _TICK)
        while day <= last:
            found.add(day)
            day += timedelta(days=1)
    return frozenset(found)


def due_around(
    anchor: datetime, limit: Length, ends: Ends, calendar: WorkingCalendar, pauses: Sequence[Pause]
) -> Moment:
    """Count ``limit`` from ``anchor`` leaving out what the pauses froze."""
    if limit.unit in ("hours", "minutes"):
        return _hours_around(anchor, limit, calendar, pauses)
    frozen = frozen_days(pauses, calendar)
    first = calendar.day_of(anchor)
    extra = 0
    while True:
        moment = _longer(anchor, limit, extra, ends, calendar)
        touched = sum(
            1
            for day in frozen
            if first < day <= moment.day and (limit.unit != "working days" or calendar.is_worked(day))
        )
        if touched == extra:
            return moment
        extra = touched


def earliest_around(
    anchor: datetime, limit: Length, calendar: WorkingCalendar, pauses: Sequence[Pause], inclusive: bool = True,
    *, roll: bool = True,
) -> datetime:  # fmt: skip
    """Return the first permitted instant of a minimum period that pauses interrupted; see ``earliest``."""
    frozen = frozen_days(pauses, calendar)
    first = calendar.day_of(anchor)
    extra = 0
    while True:
        instant = earliest(anchor, _stretched(limit, extra), calendar, inclusive, roll=roll)
        last = calendar.day_of(instant if inclusive else instant - _TICK)
        touched = sum(
            1
            for day in frozen
            if first < day <= last and (limit.unit != "working days" or calendar.is_worked(day))
        )
        if touched == extra or limit.unit not in ("days", "working days"):
            return instant
        extra = touched


def _stretched(limit: Length, extra: int) -> Length:
    return Length(limit.number + extra, limit.unit) if limit.unit in ("days", "working days") else limit


def _longer(anchor: datetime, limit: Length, extra: int, ends: Ends, calendar: WorkingCalendar) -> Moment:
    """Count ``limit`` and ``extra`` days more; months and years are counted first, then the days."""
    if limit.unit in ("days", "working days"):
        return due(anchor, _stretched(limit, extra), ends, calendar)
    moment = due(anchor, limit, ends, calendar)
    if extra == 0:
        return moment
    return due(calendar.close_of(moment.day), Length(extra, "days"), ends, calendar)


def _hours_around(
    anchor: datetime, limit: Length, calendar: WorkingCalendar, pauses: Sequence[Pause]
) -> Moment:
    moment = due(anchor, limit, "midnight", calendar)
    span = moment.instant - anchor
    while True:
        end = anchor + span + _overlap(pauses, anchor, moment.instant)
        if end == moment.instant:
            return moment
        moment = Moment(calendar.day_of(end - _TICK), end, None, moment.provisional)


def _overlap(pauses: Sequence[Pause], start: datetime, end: datetime) -> timedelta:
    """Return how much of ``start`` … ``end`` lies in the union of the ended pauses."""
    total = timedelta()
    reached = start
    for pause in sorted(pauses, key=lambda p: p.since):
        if pause.until is None:
            continue
        since, until = max(pause.since, reached), min(pause.until, end)
        if until > since:
            total += until - since
            reached = until
    return total
