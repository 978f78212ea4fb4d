"""Due moments that another calendar or another bundle moves, on paper and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from commands.printing import due, pick, table
from engine.recounting import Moved
from engine.term import Moment
from engine.workdays import WorkingCalendar

SHOWN = 20
"""So many are listed on paper; ``--json`` has them all."""
_TICK = timedelta(microseconds=1)


def moved_data(moved: Sequence[Moved]) -> list[dict[str, Any]]:
    """Every one for JSON."""
    return [
        {"matter": m.matter.id, "clock": m.clock, "moment": m.moment, "before": m.before.isoformat(),
         "after": m.after.isoformat()}
        for m in moved
    ]  # fmt: skip


def moved_table(moved: Sequence[Moved], calendar: WorkingCalendar, lang: str) -> str:
    """The first of them, with old and new moments; empty where none moves."""
    rows = [
        [m.matter.id, m.clock, m.moment, _day(m.before, calendar), _day(m.after, calendar)]
        for m in moved[:SHOWN]
    ]
    heads = [pick(lang, "事项", "matter"), pick(lang, "计时", "clock"), "", pick(lang, "原截止", "before"),
             pick(lang, "新截止", "after")]  # fmt: skip
    if len(moved) > SHOWN:
        more = len(moved) - SHOWN
        rows.append(
            [pick(lang, f"另有 {more} 个，见 --json", f"and {more} more, see --json"), "", "", "", ""]
        )
    return table(rows, heads) if rows else ""


def _day(instant: datetime, calendar: WorkingCalendar) -> str:
    day = calendar.day_of(instant - _TICK)
    return due(Moment(day, instant, "midnight" if instant == calendar.midnight_after(day) else "close"))
