"""The number of a 督办单: several cases of a unit that were opened in one week share one. 督办单"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from engine.workdays import WorkingCalendar

_NUMBER = re.compile(r"(?P<unit>.+)-(?P<year>\d{4})W(?P<week>\d{2})")
_TICK = timedelta(microseconds=1)


def number_of(unit: str, opened_at: datetime, calendar: WorkingCalendar) -> str:
    """Return ``<unit>-<ISO year>W<week>`` for a case that was opened at its logical moment ``opened_at``.

    The week is that of the local day; 24:00 belongs to the day that it ends, as it does for due moments.
    """
    year, week, _ = calendar.day_of(opened_at - _TICK).isocalendar()
    return f"{unit}-{year}W{week:02d}"


def week_of(number: str) -> tuple[date, date] | None:
    """Return Monday and Sunday of the week that ``number`` names; ``None`` if it names none."""
    match = _NUMBER.fullmatch(number.strip())
    try:
        monday = date.fromisocalendar(int(match["year"]), int(match["week"]), 1) if match else None
    except ValueError:
        return None
    return None if monday is None else (monday, monday + timedelta(days=6))
