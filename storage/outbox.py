"""The outbox as delivery sees it: leasing, settling, and the attempts that stay on record."""

from __future__ import annotations

from datetime import datetime

from engine.delivery import Outcome, Waiting
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

_READY = "(m.state = 'queued' and m.send_from <= ?) or (m.state = 'sending' and m.lease_until <= ?)"


class SqlOutbox:
    """Leases messages and writes what became of them; every call is a transaction of its own."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    def lease(self, now: datetime, until: datetime, limit: int) -> list[tuple[Waiting, bool]]:
        """Take messages that may go out by ``now``; doubtful are those whose lease ran out unsettled."""
        ticks = to_ticks(now)
        with self._store.transaction():
            found = self._store.run(
                "select m.key, m.channel, m.person, case m.channel when 'sms' then p.phone else p.email end,"
                " m.subject, m.text, m.created_at, m.tries, m.state from message m"
                f" left join person p on p.id = m.person where {_READY} order by m.send_from, m.key limit ?",
                (ticks, ticks, limit),
            ).fetchall()
            for row in found:
                self._store.run(
                    "update message set state = 'sending', lease_until = ? where key = ?",
                    (to_ticks(until), row[0]),
                )
        return [
            (Waiting(r[0], r[1], r[2], r[3] or "", r[4], r[5], from_ticks(r[6]), r[7]), r[8] == "sending")
            for r in found
        ]

    def settle(
        self,
        message: Waiting,
        outcome: Outcome,
        *,
        started: datetime,
        ended: datetime,
        again_at: datetime | None,
    ) -> None:
        """Record the attempt; the message is accepted, waits again from ``again_at``, or is dead."""
        state = "accepted" if outcome.kind == "accepted" else "queued" if again_at else "dead"
        with self._store.transaction():
            self._store.run(
                "insert into attempt (message, no, started_at, ended_at, outcome, detail, jurisdiction)"
                " select key, tries + 1, ?, ?, ?, ?, jurisdiction from message where key = ?",
                (to_ticks(started), to_ticks(ended), outcome.kind, outcome.detail, message.key),
            )
            self._store.run(
                "update message set state = ?, tries = tries + 1, lease_until = null,"
                " send_from = coalesce(?, send_from) where key = ?",
                (state, to_ticks(again_at) if again_at else None, message.key),
            )
