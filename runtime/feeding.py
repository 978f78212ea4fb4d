"""Hands events over to those outside, batch by batch, in order; nothing is skipped, nothing counts twice. 推送

A batch is fixed in the database before it leaves. Where no answer comes, the very same batch goes out again under
the same ``webhook-id``. A refusal for good stops the subscriber until a person reopens it: going on would leave
a gap that the other side could not tell from a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.delivery import Outcome, reference_of
from notifiers.address import read_address
from runtime.assembly import webhook_for
from storage.feed import Feed, Subscription, events_between
from storage.store import SqlStore

BATCH = 200
EVERY = timedelta(seconds=5)
RETRY, LONGEST = timedelta(seconds=30), timedelta(minutes=5)
"""After trouble a subscriber is tried again, each time twice as late: well within what `watch` calls silence."""


class Post(Protocol):
    """How a batch leaves: `notifiers.webhook.Webhook.post`."""

    def __call__(self, ident: str, events: Sequence[Mapping[str, Any]], now: datetime, /) -> Outcome:
        """Post ``events`` under ``ident``; never raise for what the other side may answer."""
        ...


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did: how many events were taken, and where the subscriber stands now."""

    taken: int
    left: int
    stands: Subscription


@dataclass(frozen=True, slots=True)
class Fed:
    """What is new of a subscriber: it stopped, it is in trouble, or (``well``) it takes events again."""

    at: datetime
    stands: Subscription
    left: int

    @property
    def well(self) -> bool:
        """Whether nothing stands in the way."""
        return self.stands.state == "open" and not self.stands.detail


class Feeder:
    """Pushes to one subscriber every few seconds; used by one thread at a time, with a store of its own.

    A job for each of them: one that is slow or stopped holds up neither the others nor the patrol.
    """

    def __init__(
        self,
        store: SqlStore,
        url: str,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
        *,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the way to ``url`` up; raise what is wrong with it. ``guard`` raises where the database has gone."""
        self.name = subscriber_name(url)
        self._store = store
        self._channel = webhook_for(url, environ)
        self._now = now
        self._guard = guard
        self._told = ("open", "")
        self._stopping = False

    def __call__(self) -> Fed | None:
        """Push what is new; return how the subscriber stands where that is not what it was."""
        self._guard()
        try:
            self._store.check_schema()
            with self._store.reading():  # most rounds have nothing to do, and take no writer's lock for it
                feed = Feed(self._store)
                stands, last = feed.subscription(self.name), feed.last()
            left = last - stands.after
            if left and stands.state == "open":
                pushed = push(
                    self._store, self.name, self._channel.post, self._now, stopping=lambda: self._stopping
                )
                stands, left = pushed.stands, pushed.left
        finally:
            # as a beat does: every round connects anew, and survives a database that went away
            self._store.close()
        if (stands.state, stands.detail) == self._told:
            return None
        self._told = (stands.state, stands.detail)
        return Fed(self._now(), stands, left)

    def stop(self) -> None:
        """Ask the round in progress to end behind the batch that is on its way."""
        self._stopping = True

    def close(self) -> None:
        """Let go of connections and database."""
        self._channel.close()
        self._store.close()


def subscriber_name(url: str) -> str:
    """Name a subscriber by its place: without settings, which hold references to secrets."""
    address = read_address(url)
    given = address.settings.get("base_url")
    place = given or f"{address.scheme.removeprefix('webhook+')}://{address.host}"
    return place + (f":{address.port}" if address.port and not given else "") + address.path


def push(
    store: SqlStore,
    name: str,
    post: Post,
    clock: Callable[[], datetime],
    *,
    batch: int = BATCH,
    stopping: Callable[[], bool] = lambda: False,
) -> Pushed:
    """Post everything that ``name`` has not taken yet; stop at the first batch that is not taken."""
    taken = 0
    while not stopping():
        now = clock()
        stands, events = _prepare(store, name, now, batch)
        if not events:
            break
        with store.reading():
            ident = _ident(store, stands)
        outcome = post(ident, events, now)
        ended = clock()
        if not _settle(store, stands, _after(stands, outcome, ended), ended):
            break  # somebody else has settled this batch meanwhile
        if outcome.kind != "accepted":
            break
        taken += len(events)
    with store.reading():
        feed = Feed(store)
        stands = feed.subscription(name)
        return Pushed(taken, feed.last() - stands.after, stands)


def reopen(store: SqlStore, name: str, now: datetime) -> None:
    """Let a stopped subscriber be tried again, from the batch at which it stopped."""
    with store.transaction():
        feed = Feed(store)
        feed.keep(replace(feed.subscription(name), state="open", detail="", again_at=None), now)


def _prepare(
    store: SqlStore, name: str, now: datetime, batch: int
) -> tuple[Subscription, list[dict[str, Any]]]:
    """Fix the next batch, or take up the one that nobody knows of; no events where nothing may go out."""
    with store.transaction():
        feed = Feed(store)
        stands = feed.subscription(name)
        if stands.state != "open" or _waits(stands, now):
            return stands, []
        if stands.upto == stands.after:
            stands = replace(stands, upto=min(stands.after + batch, feed.last()))
            if stands.upto <= stands.after:
                return stands, []
            feed.keep(stands, now)
        return stands, events_between(feed, stands.after, stands.upto)


def _waits(stands: Subscription, now: datetime) -> bool:
    """Whether it is too early to try again; what was written by a clock that ran ahead counts for nothing."""
    ahead = stands.told_at is not None and stands.told_at > now
    return stands.again_at is not None and now < stands.again_at and not ahead


def _ident(store: SqlStore, stands: Subscription) -> str:
    """Name a batch by where it comes from, whom it goes to and what it holds."""
    born = store.run("select value from meta where name = 'created_at'").fetchone()
    return reference_of(f"{born[0] if born else ''}/{stands.name}/{stands.after}/{stands.upto}")


def _after(stands: Subscription, outcome: Outcome, now: datetime) -> Subscription:
    """Say where an outcome leaves the subscriber."""
    if outcome.kind == "accepted":
        return replace(stands, after=stands.upto, detail="", again_at=None)
    if outcome.kind == "rejected":
        return replace(stands, state="gone" if outcome.blame == "contact" else "dead", detail=outcome.detail)
    waited = timedelta()
    if stands.again_at is not None and stands.told_at is not None:
        waited = stands.again_at - stands.told_at
    again = now + min(max(RETRY, 2 * waited), LONGEST)
    return replace(stands, detail=outcome.detail, again_at=max(outcome.again_at or again, again))


def _settle(store: SqlStore, before: Subscription, after: Subscription, now: datetime) -> bool:
    """Write the outcome down, unless the subscriber stands elsewhere by now; say whether it was written."""
    with store.transaction():
        feed = Feed(store)
        known = feed.subscription(before.name)
        if (known.after, known.upto, known.state) != (before.after, before.upto, "open"):
            return False
        feed.keep(after, now)
        return True
