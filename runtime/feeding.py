"""Hands events over to those outside, batch by batch, in order; nothing is skipped, nothing counts twice. 推送

A batch is fixed in the database before it leaves. Where no answer comes, the very same batch goes out again under
the same ``webhook-id``. A refusal for good stops the subscriber until a person reopens it: going on would leave
a gap that the other side could not tell from a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from engine.delivery import Outcome, reference_of
from storage.feed import Feed, Subscription, events_between
from storage.store import SqlStore

BATCH = 200
RETRY = timedelta(seconds=30)


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


def push(store: SqlStore, name: str, post: Post, now: datetime, *, batch: int = BATCH) -> Pushed:
    """Post everything that ``name`` has not taken yet; stop at the first batch that is not taken."""
    taken = 0
    while True:
        stands, events = _prepare(store, name, now, batch)
        if not events:
            break
        with store.reading():
            ident = _ident(store, stands)
        outcome = post(ident, events, now)
        after = _after(stands, outcome, now)
        if not _settle(store, stands, after, now):
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
        if stands.state != "open" or (stands.again_at is not None and now < stands.again_at):
            return stands, []
        if stands.upto == stands.after:
            stands = replace(stands, upto=min(stands.after + batch, feed.last()))
            if stands.upto <= stands.after:
                return stands, []
            feed.keep(stands, now)
        return stands, events_between(feed, stands.after, stands.upto)


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
    return replace(stands, detail=outcome.detail, again_at=max(outcome.again_at or now, now + RETRY))


def _settle(store: SqlStore, before: Subscription, after: Subscription, now: datetime) -> bool:
    """Write the outcome down, unless the subscriber stands elsewhere by now; say whether it was written."""
    with store.transaction():
        feed = Feed(store)
        known = feed.subscription(before.name)
        if (known.after, known.upto, known.state) != (before.after, before.upto, "open"):
            return False
        feed.keep(after, now)
        return True
