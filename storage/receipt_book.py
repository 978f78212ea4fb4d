"""Receipts as delivery sees them: which are awaited, which are new, what they make of a message."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from engine.deliver_plan import Fallback
from engine.deliver_receipts import Stored, Told
from engine.delivery import Receipt
from storage.moments import from_ticks, to_ticks
from storage.outbox import SqlOutbox
from storage.outbox_reading import COLUMNS, SOURCES, ready_of
from storage.store import SqlStore

_SIZE = len(COLUMNS.split(", "))
_STORED = f"select {COLUMNS}, coalesce(m.handed_at, m.created_at) {SOURCES}"


class SqlReceipts:
    """Reads what is awaited and keeps what came; every call runs in the transaction of ``together``."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store
        self._outbox = SqlOutbox(store)

    def together(self) -> AbstractContextManager[Any]:
        """Open a writing transaction for what follows."""
        return self._store.transaction()

    def awaiting(self, channel: str, provider: str, now: datetime, limit: int) -> list[Stored]:
        """Return accepted messages of a provider whose receipt is to be asked for by ``now``, the oldest look first."""
        sql = (
            f"{_STORED} where m.look_at is not null and m.look_at <= ? and m.state = 'accepted' and m.channel = ?"
            " and m.provider = ? order by m.look_at, m.key limit ?"
        )
        return [
            _stored(row) for row in self._store.run(sql, (to_ticks(now), channel, provider, limit)).fetchall()
        ]

    def look_again(self, looks: Sequence[tuple[str, datetime | None]]) -> None:
        """Write when messages are to be asked for next; those whose receipt has come stay out."""
        if looks:
            self._store.run_many(
                "update message set look_at = ? where key = ? and state = 'accepted'",
                [(to_ticks(at) if at else None, key) for key, at in looks],
            )

    def known(self, provider: str, receipts: Sequence[Receipt]) -> list[tuple[Receipt, Stored]]:
        """Return the receipts that are of our messages and never were kept, each with its message."""
        found: list[tuple[Receipt, Stored]] = []
        for receipt in receipts:
            row = self._message(provider, receipt)
            if row is None:
                continue
            stored = _stored(row)
            if self._is_new(stored.ready.message.key, provider, receipt):
                found.append((receipt, stored))
        return found

    def _message(self, provider: str, receipt: Receipt) -> Any:
        """Find the message by our reference, else by what the provider called it."""
        if receipt.reference:
            row = self._store.run(f"{_STORED} where m.reference = ?", (receipt.reference,)).fetchone()
            if row is not None:
                return row
        if not receipt.provider_id:
            return None
        sql = (
            f"{_STORED} where m.provider_id = ? and m.provider_id <> '' and m.provider = ? and m.channel = ?"
            " order by m.handed_at desc limit 1"
        )
        return self._store.run(sql, (receipt.provider_id, provider, receipt.channel)).fetchone()

    def _is_new(self, key: str, provider: str, receipt: Receipt) -> bool:
        """Whether this very receipt was never kept; one without a moment of its own counts once per state and code."""
        sql = "select 1 from receipt where message = ? and provider = ? and state = ? and code = ?"
        return self._store.run(sql, (key, provider, receipt.state, receipt.code)).fetchone() is None

    def keep(self, told: Told, provider: str, now: datetime) -> None:
        """Keep a receipt and what follows from it."""
        receipt, message = told.receipt, told.stored.ready.message
        self._store.run(
            "insert into receipt (message, provider, provider_id, state, code, detail, at, received_at, jurisdiction)"
            " select key, ?, ?, ?, ?, ?, ?, ?, jurisdiction from message where key = ? on conflict do nothing",
            (provider, receipt.provider_id, receipt.state, receipt.code, receipt.detail, to_ticks(receipt.at),
             to_ticks(now), message.key),
        )  # fmt: skip
        if told.state:
            # a message in doubt, or one that waits for another try, did arrive after all
            self._store.run(
                "update message set state = ?, look_at = null, lease_until = null, owner = '', waits_for = ''"
                " where key = ?",
                (told.state, message.key),
            )
        if told.fallback is not None:
            self._outbox.carry_on(message.key, told.fallback, now)
        if receipt.state == "delivered":
            self._store.run(
                "delete from contact where person = ? and channel = ? and state = 'suspect'",
                (message.person, message.channel),
            )
        elif told.state:
            reason = receipt.code or receipt.detail
            self._outbox.blame(message.person, message.channel, receipt.blame, reason, now)

    def give_up(self, stored: Stored, fallback: Fallback | None, now: datetime) -> None:
        """Write that no receipt came in time."""
        key = stored.ready.message.key
        done = self._store.run(
            "update message set state = 'unconfirmed', look_at = null where key = ? and state = 'accepted'",
            (key,),
        )
        if done.rowcount == 1 and fallback is not None:
            self._outbox.carry_on(key, fallback, now)


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(ready_of(row), row[12], from_ticks(row[_SIZE]))
