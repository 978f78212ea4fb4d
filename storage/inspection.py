"""What an inspection of the database reads, and what a shell offers while somebody types. Read only.

Every function runs in the store's open transaction (`SqlStore.reading`), except `sqlite_version`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

OLDEST_SQLITE = (3, 24, 0)
"""The first SQLite that knows ``on conflict do nothing``."""
_RECENT_LINES = 1_000
_HASTE = 0.05
"""Seconds."""
_UNSENT = "state in ('queued', 'sending') and (tries > 0 or waits_for not in ('', 'quota') or send_from <= ?)"
"""Unsent though it might have gone out: its time has come, or it was tried before."""


@dataclass(frozen=True, slots=True)
class Late:
    """A clock at which nobody looked in time, or that has a trouble."""

    matter: str
    clock: str
    look_at: datetime | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a matter belongs, and how it stands."""

    unit: str
    jurisdiction: str
    workflow: str
    state: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A matter of a family as far as it says what may be done: ``bundle`` holds its workflow."""

    id: str
    part_of: str | None
    workflow: str
    state: str
    bundle: str


# the library and the file


def sqlite_version() -> tuple[int, int, int]:
    """Return the version of the SQLite library that Python uses."""
    return sqlite3.sqlite_version_info


def journal(store: SqlStore) -> str:
    """Return the journal mode of an SQLite database in capitals, empty for any other database."""
    if store.engine.dialect.name != "sqlite":
        return ""
    return str(store.run("pragma journal_mode").fetchone()[0]).upper()


def hasty(url: str) -> str:
    """Return a database URL by which connecting waits for nobody: who types does not want to."""
    if not url.startswith("sqlite"):
        return url
    return f"{url}{'&' if '?' in url else '?'}timeout={_HASTE}"


def hasten(store: SqlStore) -> None:
    """Let the open transaction wait for nobody either."""
    if store.engine.dialect.name == "sqlite":
        store.run(f"pragma busy_timeout = {int(_HASTE * 1000)}")


def last_recorded(store: SqlStore) -> datetime | None:
    """Return the latest moment of recording among the newest lines of history, ``None`` without any."""
    sql = f"select max(recorded_at) from (select recorded_at from history order by id desc limit {_RECENT_LINES}) x"
    found = store.run(sql).fetchone()[0]
    return None if found is None else from_ticks(found)


def newest_families(store: SqlStore, limit: int) -> list[str]:
    """Return the roots of the matters opened last."""
    sql = (
        "select root from (select id, root, opened_at from matter order by opened_at desc, id desc limit ?) x"
        " group by root order by max(opened_at) desc, root"
    )
    return [row[0] for row in store.run(sql, (limit,)).fetchall()]


# clocks and messages


def unlooked(store: SqlStore, before: datetime) -> tuple[int, Late | None]:
    """Count the clocks that somebody should have looked at before this moment; return the oldest."""
    ticks = to_ticks(before)
    count = store.run("select count(*) from clock where look_at < ?", (ticks,)).fetchone()[0]
    sql = "select matter, name, look_at, trouble from clock where look_at < ? order by look_at limit 1"
    row = store.run(sql, (ticks,)).fetchone()
    return int(count), None if row is None else _late(row)


def next_look(store: SqlStore) -> datetime | None:
    """Return when somebody must look at a clock next, ``None`` where nothing is planned."""
    found = store.run("select min(look_at) from clock where look_at is not null").fetchone()[0]
    return None if found is None else from_ticks(found)


def troubled(store: SqlStore, limit: int) -> tuple[int, list[Late]]:
    """Count the open clocks with a trouble and return the first few."""
    where = "from clock where trouble <> '' and state in ('running', 'paused')"
    count = store.run(f"select count(*) {where}").fetchone()[0]
    sql = f"select matter, name, look_at, trouble {where} order by matter, name, round limit ?"
    return int(count), [_late(row) for row in store.run(sql, (limit,)).fetchall()]


def _late(row: Sequence[Any]) -> Late:
    return Late(row[0], row[1], None if row[2] is None else from_ticks(row[2]), row[3])


def unsent(store: SqlStore, now: datetime) -> tuple[int, datetime | None]:
    """Count the messages that might have gone out by ``now`` and did not; return since when the oldest waits."""
    since = "case when tries = 0 and waits_for in ('', 'quota') then send_from else created_at end"
    sql = f"select count(*), min({since}) from message where {_UNSENT}"
    count, oldest = store.run(sql, (to_ticks(now),)).fetchone()
    return int(count), None if oldest is None else from_ticks(oldest)


def held_up_by(store: SqlStore, limit: int) -> list[tuple[str, int]]:
    """Return what must be put right on our side before messages go out, and how many wait for each."""
    sql = (
        "select a.detail, count(*) from message m join attempt a on a.message = m.key and a.outcome = 'config'"
        " and a.no = (select max(b.no) from attempt b where b.message = m.key)"
        " where m.state = 'queued' group by a.detail order by 2 desc, 1 limit ?"
    )
    return [(detail, int(count)) for detail, count in store.run(sql, (limit,)).fetchall()]


def out_of_use(store: SqlStore) -> list[tuple[str, str, str]]:
    """Return the providers that our own settings keep out of use: (channel, provider, reason)."""
    sql = "select channel, provider, detail from breaker where open = 1 order by channel, provider"
    return [(row[0], row[1], row[2]) for row in store.run(sql).fetchall()]


def dead_messages(store: SqlStore) -> int:
    """Count the messages that were given up."""
    return int(store.run("select count(*) from message where state = 'dead'").fetchone()[0])


# matters


def places(store: SqlStore) -> list[Place]:
    """Return where there are matters, of which workflow and in which state, each combination once."""
    sql = "select distinct unit, jurisdiction, workflow, state from matter order by 1, 2, 3, 4"
    return [Place(*row) for row in store.run(sql).fetchall()]


def named_like(
    store: SqlStore, beginning: str, limit: int, *, inside: bool = False, cases: bool = False,
    units: Sequence[str] | None = None,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return the matters whose id begins so, with their titles: projects, or what is ``inside`` them too.

    ``cases`` only: what is about a matter. ``units`` are the only ones to look at (``None``: all).
    """
    where = "" if inside else " and root = id"
    where = " and about is not null" if cases else where
    values: list[Any] = [len(beginning), beginning]
    if units is not None:
        where += f" and unit in ({','.join('?' * len(units))})"
        values += units
    sql = f"select id, title from matter where substr(id, 1, ?) = ?{where} order by id limit ?"
    return [(row[0], row[1]) for row in store.run(sql, (*values, limit)).fetchall()]


def also_called(
    store: SqlStore, beginning: str, limit: int, *, units: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """Return the other numbers that begin so, each with the title of its matter."""
    where, values = "", [len(beginning), beginning]
    if units is not None:
        where = f" and m.unit in ({','.join('?' * len(units))})"
    sql = (
        "select a.value, min(m.title) from alias a join matter m on m.id = a.matter"
        f" where a.kind <> 'part' and substr(a.value, 1, ?) = ?{where} group by a.value order by a.value limit ?"
    )
    return [(row[0], row[1]) for row in store.run(sql, (*values, *(units or ()), limit)).fetchall()]


def standing(store: SqlStore, matter: str) -> list[Standing]:
    """Return how ``matter`` stands, and behind it the others of its family, parts behind their wholes."""
    sql = (
        "select id, part_of, workflow, state, bundle from matter"
        " where root = (select root from matter where id = ?) order by id <> ?, length(id), id"
    )
    return [Standing(*row) for row in store.run(sql, (matter, matter)).fetchall()]


def open_clocks(store: SqlStore, matters: Sequence[str]) -> list[tuple[str, str]]:
    """Return the open clocks of these matters: (matter, name)."""
    sql = (
        f"select matter, name from clock where matter in ({','.join('?' * len(matters))})"
        " and state in ('running', 'paused') order by name, matter"
    )
    return [(row[0], row[1]) for row in store.run(sql, matters).fetchall()]
