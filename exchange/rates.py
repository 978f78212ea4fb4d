"""The four rates: how the clocks of the one-days fared, per unit, with their denominators. 四率

The definitions are those of a replay (docs/reference/replay.md): the same `Judge` counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from engine.desk import Seen, earliest
from engine.workdays import WorkingCalendar
from engine.workflow import Bundle
from exchange.report import ONE_DAYS, Judge

ALL = ""
"""Stands for all units together."""


@dataclass(slots=True)
class Rate:
    """How one clock fared in one unit. ``of_*`` are the judged ones that have the moment: the denominators.

    ``promise_only`` missed the promise and kept the law; ``open_past`` are open with a due moment passed.
    ``in_*`` is ``None`` where none has the moment. Lateness: calendar days, over the late ones only.
    """

    judged: int = 0
    of_promise: int = 0
    in_promise: int | None = None
    of_law: int = 0
    in_law: int | None = None
    promise_only: int = 0
    late: int = 0
    open: int = 0
    open_past: int = 0
    median_late_days: int | None = None
    p90_late_days: int | None = None

    @property
    def promise_share(self) -> float | None:
        """In promise, of those that have one."""
        return None if not self.of_promise or self.in_promise is None else self.in_promise / self.of_promise

    @property
    def law_share(self) -> float | None:
        """In law, of those for which the law sets a limit."""
        return None if not self.of_law or self.in_law is None else self.in_law / self.of_law


class _Count:
    """One unit: the judge of a replay, and beside it what a denominator needs."""

    def __init__(self, bundle: Bundle, calendar: WorkingCalendar) -> None:
        self.judge = Judge(bundle, calendar)
        self.more = {name: Rate() for name in ONE_DAYS}

    def add(self, seen: Seen, until: datetime) -> None:
        clock = seen.clock
        if clock.ended_at is not None and clock.ended_at >= until:
            # as it stood then: not ended yet
            clock = replace(clock, state="running", ended_at=None)
        self.judge.add(clock)
        rate = self.more[clock.name]
        if clock.is_open:
            due = earliest(clock)
            rate.open_past += clock.state == "running" and due is not None and due <= until
        elif clock.ended_at is not None:
            promise, law = clock.promise, clock.statutory
            rate.of_promise += promise is not None
            rate.of_law += law is not None
            broke = promise is not None and clock.ended_at >= promise
            rate.promise_only += broke and law is not None and clock.ended_at < law

    def finish(self) -> dict[str, Rate]:
        counts = self.judge.finish()
        for name, rate in self.more.items():
            count = counts.get(name)
            if count is not None:
                rate.judged, rate.late, rate.open = count.judged, count.late, count.open
                rate.in_promise, rate.in_law = count.in_promise, count.in_law
                rate.median_late_days, rate.p90_late_days = count.median_late_days, count.p90_late_days
        return self.more


def rates(
    found: Iterable[Seen], bundle: Bundle, calendar: WorkingCalendar, until: datetime
) -> dict[str, dict[str, Rate]]:
    """Return unit → clock → rate, the four one-days in their order; ``ALL`` stands for all together.

    ``until`` is the end of the period: a clock that ended later counts as open.
    """
    counts: dict[str, _Count] = {}
    for seen in found:
        for unit in (ALL, seen.unit):
            if unit not in counts:
                counts[unit] = _Count(bundle, calendar)
            counts[unit].add(seen, until)
    return {unit: count.finish() for unit, count in counts.items()}


def together(of_unit: Iterable[Rate]) -> Rate:
    """Add up the rates of several clocks; lateness cannot be added up and stays empty."""
    total = Rate()
    for rate in of_unit:
        for name in ("judged", "of_promise", "of_law", "promise_only", "late", "open", "open_past"):
            setattr(total, name, getattr(total, name) + getattr(rate, name))
        for name in ("in_promise", "in_law"):
            value = getattr(rate, name)
            if value is not None:
                setattr(total, name, (getattr(total, name) or 0) + value)
    return total
