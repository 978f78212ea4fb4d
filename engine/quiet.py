"""When a text message may disturb a person: worked days, 08:00 to 20:00 (design 8; users.md 3)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache

from engine.workdays import WorkingCalendar

OPENS = time(8, 0)
SHUTS = time(20, 0)


def permitted(instant: datetime, calendar: WorkingCalendar) -> bool:
    """Say whether an SMS may go out at ``instant``."""
    local = instant.astimezone(calendar.zone)
    return OPENS <= local.time() < SHUTS and calendar.is_worked(local.date())


@lru_cache(maxsize=4096)
def next_opening(instant: datetime, calendar: WorkingCalendar) -> datetime:
    """Return the first permitted instant at or after ``instant``."""
    if permitted(instant, calendar):
        return instant
    local = instant.astimezone(calendar.zone)
    day = local.date()
    if not (calendar.is_worked(day) and local.time() < OPENS):
        day = calendar.add(day, 1)
    return calendar.start_of(day) + timedelta(hours=OPENS.hour)


def last_permitted(instant: datetime, calendar: WorkingCalendar) -> datetime:
    """Return the last permitted instant (to the minute) at or before ``instant``."""
    if permitted(instant, calendar):
        return instant
    local = instant.astimezone(calendar.zone)
    day = local.date()
    if not (calendar.is_worked(day) and local.time() >= SHUTS):
        day = calendar.subtract(day, 1)
    shut = calendar.start_of(day) + timedelta(hours=SHUTS.hour)
    return shut - timedelta(minutes=1)
