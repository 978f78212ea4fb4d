"""Duties that come back with the calendar: what a file of `recurring/` says, and which periods it makes. 周期性工作

Nothing is opened here. A duty repeats in periods that begin with the year (quarters, half years, years); each
period has a day on which its matter is opened and one by whose end the work must be done.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from engine.law import Ground
from engine.title import Title

TIER = "duty"
"""The tier of the workflows that such matters run on."""
FACTS = {"duty": "text", "period": "text", "due_on": "date", "basis": "text"}
"""What the opening writes into a matter of that tier, with the types that its workflow must declare."""
PERIODS = (1, 3, 6)
"""Months in a period that is shorter than a year: months, quarters, half years."""
YEAR = 12
_QUARTERS = "一二三四"
_DATE = re.compile(r"(\d{2})-(\d{2})")
_NUMBERED = re.compile(r"day (\d{1,2})")
_LEAST_DAYS = 28
"""Every month has as many; a later day is said with `last day`."""


@dataclass(frozen=True, slots=True)
class PeriodDay:
    """A day of a period: the ``number``-th (0: the last), or, with ``month``, that date of the period's year."""

    number: int
    month: int = 0

    def within(self, first: date, last: date) -> date:
        """Return the day in the period from ``first`` to ``last``."""
        if self.month:
            return date(first.year, self.month, self.number)
        return last if self.number == 0 else first + timedelta(days=self.number - 1)


def read_period_day(text: str) -> PeriodDay | None:
    """Read ``first day``, ``day 10``, ``last day`` or ``03-31``; ``None`` for anything else."""
    if text in ("first day", "last day"):
        return PeriodDay(1 if text == "first day" else 0)
    if (numbered := _NUMBERED.fullmatch(text)) and 1 <= int(numbered[1]) <= _LEAST_DAYS:
        return PeriodDay(int(numbered[1]))
    if found := _DATE.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        # a common year: 29 February is no date for a duty of every year
        if 1 <= month <= YEAR and 1 <= day <= calendar.monthrange(2023, month)[1]:
            return PeriodDay(day, month)
    return None


@dataclass(frozen=True, slots=True)
class Period:
    """One period: ``key`` stands in the matter's id, ``label`` names in Chinese the time that the work is about."""

    key: str
    label: str
    opens: date
    due: date


@dataclass(frozen=True, slots=True)
class DutyDef:
    """A duty that comes back: whose it is (``role``), how often, by when, and by which article."""

    name: str
    code: str
    title: Title
    workflow: str
    role: str
    months: int
    opens: PeriodDay
    due: PeriodDay
    ground: Ground
    previous: bool = False
    """The work is about the period before the one in which it is done."""
    since: date | None = None
    until: date | None = None
    """In force from and until these days (with them), by the day on which a period opens."""
    switch: str = ""
    """Opened only where the profile switches this on: one place's practice; empty: everywhere."""
    file: str = ""

    def numbered(self, place: str, period: Period) -> str:
        """Return the id of the one matter of this duty in ``place`` and ``period``."""
        return f"{self.code}-{place}-{period.key}"

    def periods(self, since: date, until: date) -> Iterator[Period]:
        """Walk the periods that open by ``until`` and were not past before ``since``, the earliest first."""
        first = self._start_on(since)
        # the period before may still be running: it can open late and end with the period after
        first = _shifted(first, -self.months)
        while first <= until:
            period = self._period(first)
            in_force = (self.since is None or self.since <= period.opens) and (
                self.until is None or period.opens <= self.until
            )
            if in_force and period.opens <= until and period.due >= since:
                yield period
            first = _shifted(first, self.months)

    def _start_on(self, day: date) -> date:
        """Return the first day of the period in which ``day`` lies; years are counted from ``since``."""
        if self.months < YEAR:
            return date(day.year, (day.month - 1) // self.months * self.months + 1, 1)
        years = self.months // YEAR
        origin = self.since.year if self.since is not None else 0
        return date(day.year - (day.year - origin) % years, 1, 1)

    def _period(self, first: date) -> Period:
        last = _shifted(first, self.months) - timedelta(days=1)
        about = _shifted(first, -self.months) if self.previous else first
        return Period(
            _key(first, self.months), _label(about, self.months), self.opens.within(first, last),
            self.due.within(first, last),
        )  # fmt: skip


def _shifted(first: date, months: int) -> date:
    """Return the first day of the month so many months later (earlier, if negative)."""
    count = first.year * YEAR + first.month - 1 + months
    return date(count // YEAR, count % YEAR + 1, 1)


def _key(first: date, months: int) -> str:
    if months >= YEAR:
        return str(first.year)
    letter = {1: "M", 3: "Q", 6: "H"}[months]
    number = (first.month - 1) // months + 1
    return f"{first.year}{letter}{number:02d}" if months == 1 else f"{first.year}{letter}{number}"


def _label(first: date, months: int) -> str:
    if months == 1:
        return f"{first.year}年{first.month}月"
    if months == 3:
        return f"{first.year}年第{_QUARTERS[(first.month - 1) // 3]}季度"
    if months == 6:
        return f"{first.year}年{'上' if first.month == 1 else '下'}半年"
    if months == YEAR:
        return f"{first.year}年度"
    return f"{first.year}至{first.year + months // YEAR - 1}年"
