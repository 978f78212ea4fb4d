"""Rows that cannot be read any more: they are set aside one by one, so that they silence nobody else. 损坏的行"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.clock import Clock
from engine.errors import Unreadable
from engine.matter import Matter
from storage import rows
from storage.moments import to_ticks

_COLUMNS = ", ".join(rows.CLOCK)
_DUE = "from clock where look_at is not null and look_at <= ? order by look_at limit ?"


class Readable(Protocol):
    """What is asked of a store, in its open transaction."""

    engine: Any

    def run(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run a statement."""
        ...

    def fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a query and return its rows; raise ``Unreadable`` where a text is damaged."""
        ...

    def read_matters(self, ids: Sequence[str]) -> list[Matter]:
        """Return matters with their facts; raise ``Unreadable``."""
        ...


def isolate(store: Readable, now: datetime, limit: int, until: datetime) -> list[Clock]:
    """Look at each of the first ``limit`` clocks due by ``now``; keep its trouble on one that cannot be read.

    It is looked at again ``until`` then: what was mended goes on where it stood. Return these clocks as far
    as they can be read.
    """
    sqlite = store.engine.dialect.name == "sqlite"
    # a name may be damaged itself; only SQLite keeps texts that are none
    named = (
        "rowid, cast(matter as blob), cast(name as blob), round" if sqlite else "matter, matter, name, round"
    )
    found: list[Clock] = []
    for place, matter, name, round_ in store.fetch(f"select {named} {_DUE}", (to_ticks(now), limit)):
        where, key = (
            ("rowid = ?", (place,))
            if sqlite
            else ("matter = ? and name = ? and round = ?", (place, name, round_))
        )
        trouble = _trouble(store, where, key)
        if not trouble:
            continue
        _keep(store, trouble, to_ticks(until), where, key, sqlite=sqlite)
        names = (_text(matter), _text(name), round_, "", "", 0, "running", *[None] * 10, trouble)
        found.append(rows.clock_in_trouble(names, trouble))
    return found


def _trouble(store: Readable, where: str, key: Sequence[Any]) -> str:
    try:
        [row] = store.fetch(f"select {_COLUMNS} from clock where {where}", key)
        store.read_matters([rows.clock_of(row).matter])
    except Unreadable as error:
        return f"{error.what}：{error.why}"
    return ""


def _keep(store: Readable, trouble: str, until: int, where: str, key: Sequence[Any], *, sqlite: bool) -> None:
    """Write the trouble down, even on a row that the database itself would not take any more."""
    if sqlite:
        store.run("pragma ignore_check_constraints = on")
    try:
        store.run(f"update clock set trouble = ?, look_at = ? where {where}", (trouble, until, *key))
    finally:
        if sqlite:
            store.run("pragma ignore_check_constraints = off")


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
