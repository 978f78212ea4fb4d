"""Delivery as a standing job: every few seconds what may go out goes out, every minute receipts are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from engine.deliver import Delivered, deliver
from engine.deliver_receipts import Collected, collect
from engine.delivery import Provider, rest
from engine.office import Office
from engine.workflow import TextDef
from runtime.assembly import channels_for, close_channels, limits_for
from runtime.settings import Settings
from runtime.standing import StandingOffice
from storage.measures import Tried, attempts_after, place
from storage.outbox import SqlOutbox
from storage.receipt_book import SqlReceipts
from storage.store import SqlStore

EVERY = timedelta(seconds=5)
RECEIPTS_EVERY = 60.0
"""Seconds between two polls; how often a single message is asked for, `deliver_receipts` says."""
WORKERS = 32
"""Hands that call providers, each over a connection of its own: measured in `bench/deliver.py`."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What one round of the postman did; ``attempts`` one by one where somebody wants to know."""

    at: datetime
    delivered: Delivered
    collected: Collected = field(default_factory=Collected)
    attempts: Sequence[Tried] = ()

    @property
    def worth_telling(self) -> bool:
        """Whether anything went out, came back or stands in the way."""
        done, back = self.delivered, self.collected
        return bool(
            done.outcomes or done.ended or done.stopped or back.states or back.unconfirmed or back.troubles
            or self.attempts
        )  # fmt: skip


class Postman:
    """Empties the outbox through the configured channels; used by one thread at a time, with a store of its own."""

    def __init__(
        self,
        settings: Settings,
        store: SqlStore,
        now: Callable[[], datetime],
        *,
        workers: int = WORKERS,
        guard: Callable[[], None] = lambda: None,
        one_by_one: bool = False,
    ) -> None:
        """Set the channels up; raise what is wrong with their addresses.

        ``guard`` is called before every round and raises where the database has gone; ``one_by_one``: every
        attempt is told.
        """
        self._told = -1 if one_by_one else None
        self._guard = guard
        self._settings = settings
        self._store = store
        self._now = now
        self._workers = workers
        self._standing = StandingOffice(settings, store)
        self._office, _ = self._standing()
        self._texts: Mapping[str, TextDef] = self._office.texts
        self._channels: Mapping[str, Sequence[Provider]] = channels_for(settings, self._texts)
        self._asked = 0.0
        self._stopping = False

    @property
    def channels(self) -> Mapping[str, Sequence[Provider]]:
        """The channels as they are set up now."""
        return self._channels

    @property
    def office(self) -> Office:
        """The office of the last round."""
        return self._office

    def __call__(self) -> Posted | None:
        """Make one round; return what was done, ``None`` where that is nothing."""
        self._guard()
        office = self._refresh()
        try:
            self._store.check_schema()
            self._begin_telling()
            delivered = deliver(
                SqlOutbox(self._store), self._channels, self._now(), office=office, limits=limits_for(self._settings),
                workers=self._workers, clock=self._now, stopping=lambda: self._stopping,
            )  # fmt: skip
            collected = Collected()
            if not self._stopping and (not self._asked or time.monotonic() - self._asked >= RECEIPTS_EVERY):
                self._asked = time.monotonic()
                collected = collect(SqlReceipts(self._store), self._channels, self._now(), office=office)
            attempts = self._attempts()
        finally:
            rest(self._channels)
            # as a beat does: every round connects anew, and survives a database that went away
            self._store.close()
        posted = Posted(self._now(), delivered, collected, attempts)
        return posted if posted.worth_telling else None

    def _begin_telling(self) -> None:
        """Remember at the first round which attempts were there before."""
        if self._told == -1:
            with self._store.reading():
                self._told = place(self._store).attempt

    def _attempts(self) -> list[Tried]:
        """Return the attempts since the last round."""
        if self._told is None:
            return []
        with self._store.reading():
            found = attempts_after(self._store, self._told)
        self._told = found[-1].id if found else self._told
        return found

    def _refresh(self) -> Office:
        """Take up texts that changed: providers keep some of them under numbers of their own."""
        self._office, _ = self._standing()  # the patrol tells why a change was not taken up
        if self._office.texts is not self._texts:
            fresh = channels_for(self._settings, self._office.texts)
            close_channels(self._channels)
            self._channels, self._texts = fresh, self._office.texts
        return self._office

    def stop(self) -> None:
        """Ask the round in progress to end: what is under way is waited for, the rest stays in the outbox."""
        self._stopping = True

    def close(self) -> None:
        """Let go of connections and database."""
        close_channels(self._channels)
        self._store.close()
