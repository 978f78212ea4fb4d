"""Lost days by responsible party: per unit, per clock and overall. 损失日"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from engine.desk import Seen
from engine.losing import Answerable, Traces, days_lost
from engine.workdays import WorkingCalendar
from engine.workflow import ClockDef
from exchange.rates import ALL


@dataclass(slots=True)
class Losses:
    """The lost days of one unit. ``overall`` counts a day once where clocks that end with the same act
    (payment within the agreed time, within the outer limit) both lost it; it is the first clock's party's.
    """

    clocks: dict[str, Counter[Answerable]] = field(default_factory=dict)
    overall: Counter[Answerable] = field(default_factory=Counter)


def losses(
    found: Iterable[tuple[Seen, ClockDef, Traces]],
    calendar: WorkingCalendar,
    since: datetime | None,
    until: datetime,
) -> dict[str, Losses]:
    """Return unit → losses, for the lost days from ``since`` to ``until``; ``ALL`` stands for all units.

    A clock that ended later counts as open at ``until``: reports of consecutive months add up.
    """
    first = date.min if since is None else calendar.day_of(since)
    told: dict[str, Losses] = {}
    counted: set[tuple[str, tuple[str, ...], date]] = set()
    for seen, definition, traces in found:
        clock = seen.clock
        if clock.ended_at is not None and clock.ended_at >= until:
            clock = replace(clock, state="running", ended_at=None)
        days = days_lost(clock, definition, traces, calendar, until)
        days = {day: who for day, who in days.items() if day >= first}
        if not days:
            continue
        acts = {(clock.matter, definition.ends, day) for day in days}
        again = {day for _, _, day in acts & counted}
        counted |= acts
        for unit in (ALL, seen.unit):
            _add(told.setdefault(unit, Losses()), clock.name, days, again)
    return told


def _add(unit: Losses, clock: str, days: Mapping[date, Answerable], again: set[date]) -> None:
    unit.clocks.setdefault(clock, Counter()).update(days.values())
    unit.overall.update(who for day, who in days.items() if day not in again)
