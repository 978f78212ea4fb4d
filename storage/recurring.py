"""What the opening of recurring duties reads and remembers. 周期性工作

Two lines of ``meta``: since when this installation opens duties, and when it last looked. Who opens holds the first
of them locked: SQLite has one writer anyway, on PostgreSQL the second scheduler waits and then finds all done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from engine.directory import REGULATORS, Unit
from engine.recurring import Looked, Seat
from storage.moments import from_ticks, to_ticks

Fetch = Callable[[str, Sequence[Any]], list[Any]]

BEGIN = "insert into meta (name, value) values ('duties_begun', ?) on conflict do nothing"
HOLD = "update meta set value = value where name = 'duties_begun'"
SEEN = (
    "insert into meta (name, value) values ('duties_seen', ?)"
    " on conflict (name) do update set value = excluded.value"
)
_AT_ONCE = 400
_HELD = "a.role = ? and a.since < ? and (a.until is null or a.until > ?)"
_UNITS = (
    "select u.id, u.name, u.path, u.profile, u.jurisdiction, min(a.since) from appointment a"
    f" join unit u on u.id = a.unit where {_HELD}"
    " group by u.id, u.name, u.path, u.profile, u.jurisdiction order by u.path"
)
_PLACES = (
    f"select a.jurisdiction, min(a.since) from appointment a where {_HELD} group by a.jurisdiction order by 1"
)
_TOP = (
    "select u.id, u.name, u.path, u.profile, u.jurisdiction from unit u where u.jurisdiction = ?"
    " order by not exists (select 1 from appointment a where a.unit = u.id and a.role = ? and a.since < ?),"
    " length(u.path), u.path limit 1"
)


def looked(fetch: Fetch) -> Looked | None:
    """Return how far the opening has come; ``None`` where it has not begun."""
    sql = "select name, value from meta where name in ('duties_begun', 'duties_seen')"
    found = {name: datetime.fromisoformat(value) for name, value in fetch(sql, ())}
    begun = found.get("duties_begun")
    return None if begun is None else Looked(begun, found.get("duties_seen"))


def seats(fetch: Fetch, role: str, since: datetime, until: datetime) -> list[Seat]:
    """Return where ``role`` is held at some time from ``since`` until ``until``, by place.

    A regulator's place is the jurisdiction, for which the finance department's own unit stands, else the topmost
    one; where there is none, nothing is bought. Every other role's place is the unit for which it was appointed.
    """
    held = (role, to_ticks(until), to_ticks(since))
    if role not in REGULATORS:
        return [Seat(row[0], Unit(*row[:5]), from_ticks(row[5])) for row in fetch(_UNITS, held)]
    found: list[Seat] = []
    for place, begun in fetch(_PLACES, held):
        for row in fetch(_TOP, (place, role, to_ticks(until))):
            found.append(Seat(place, Unit(*row), from_ticks(begun)))
    return found


def opened_among(fetch: Fetch, ids: Sequence[str]) -> set[str]:
    """Return those of ``ids`` that are matters already."""
    known: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        places = ",".join("?" * len(part))
        known.update(row[0] for row in fetch(f"select id from matter where id in ({places})", part))
    return known
