"""Who runs the metronome on this database: one row per name, taken and renewed by compare and swap.

What makes a lease void (time, a dead process) is decided above, in `runtime.lease`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

EVERYWHERE = "000000"
"""The jurisdiction of a row that belongs to the database as a whole."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A lease as it is held: ``holder`` is the operating-system user of process ``pid`` on ``host``.

    ``birth`` tells the process from a later one with the same number, empty where the system cannot say.
    """

    holder: str
    host: str
    pid: int
    birth: str
    started_at: datetime
    expires_at: datetime


class Leases:
    """Reads and writes leases; every call runs in the store's open transaction."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    def read(self, name: str) -> Holding | None:
        """Return who holds the lease ``name``, ``None`` where nobody does."""
        sql = "select holder, host, pid, birth, started_at, expires_at from lease where name = ?"
        row = self._store.run(sql, (name,)).fetchone()
        if row is None:
            return None
        holder, host, pid, birth, started, expires = row
        return Holding(holder, host, pid, birth, from_ticks(started), from_ticks(expires))

    def take(self, name: str, mine: Holding, instead_of: Holding | None) -> bool:
        """Enter ``mine`` where the lease is free or still held by ``instead_of``; say whether it was."""
        if instead_of is not None:
            self.release(name, instead_of)
        done = self._store.run(
            "insert into lease (name, holder, host, pid, birth, started_at, expires_at, jurisdiction)"
            " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
            (name, mine.holder, mine.host, mine.pid, mine.birth, to_ticks(mine.started_at),
             to_ticks(mine.expires_at), EVERYWHERE),
        )  # fmt: skip
        return bool(done.rowcount == 1)

    def renew(self, name: str, mine: Holding, until: datetime) -> bool:
        """Prolong ``mine`` to ``until``; say whether it was still there."""
        sql = f"update lease set expires_at = ? where {_IS}"
        return bool(self._store.run(sql, (to_ticks(until), *_key(name, mine))).rowcount == 1)

    def release(self, name: str, mine: Holding) -> bool:
        """Give ``mine`` back; say whether it was still there."""
        return bool(self._store.run(f"delete from lease where {_IS}", _key(name, mine)).rowcount == 1)


_IS = "name = ? and host = ? and pid = ? and birth = ? and started_at = ?"


def _key(name: str, held: Holding) -> tuple[str, str, int, str, int]:
    return name, held.host, held.pid, held.birth, to_ticks(held.started_at)
