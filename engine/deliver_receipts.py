"""Route: what became of messages that providers had accepted. 回执

Providers are polled; a callback may hand in the same receipts by ``keep``. A state never goes down: whatever
comes, in any order and however often, the same receipts leave the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from engine.deliver_limits import NO_LIMITS
from engine.deliver_plan import CONFIRMED, FIRST_LOOK, Fallback, Ready, Scene, instead
from engine.delivery import Channels, Confirming, Provider, Receipt, Receipts, confirms, providers
from engine.errors import YiribanError
from engine.office import Office

RANKS = {"unconfirmed": 1, "undelivered": 2, "delivered": 3}
"""What was delivered stays so; what did not arrive by one way may still have arrived by another try."""
LONGEST_LOOK = timedelta(hours=6)
_AT_ONCE = 200
_ROUNDS = 20
"""A provider that hands receipts out of a queue is asked again while it gives new ones."""
_UNTOUCHED = ("digested", "moved", "held")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as receipts meet it: its state, and what is needed should another channel have to carry on."""

    ready: Ready
    state: str
    handed_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt with its message, and what follows: the new state (empty: as it was)."""

    receipt: Receipt
    stored: Stored
    state: str
    fallback: Fallback | None


class ReceiptBook(Protocol):
    """What receipts ask of a store; everything runs in the transaction that ``together`` opens."""

    def together(self) -> AbstractContextManager[object]:
        """Open a transaction."""
        ...

    def awaiting(self, channel: str, provider: str, now: datetime, limit: int) -> list[Stored]:
        """Return accepted messages whose receipt is to be asked for by ``now``."""
        ...

    def look_again(self, looks: Sequence[tuple[str, datetime | None]]) -> None:
        """Write when messages are to be asked for next; ``None``: never."""
        ...

    def known(self, provider: str, receipts: Sequence[Receipt]) -> list[tuple[Receipt, Stored]]:
        """Return those receipts that are of our messages and that were never kept, each with its message."""
        ...

    def keep(self, told: Told, provider: str, now: datetime) -> None:
        """Keep a receipt, the message's new state and what carries on; doubt its contact or clear it."""
        ...

    def give_up(self, stored: Stored, fallback: Fallback | None, now: datetime) -> None:
        """Write that no receipt came."""
        ...


@dataclass(slots=True)
class Collected:
    """What a poll brought: new receipts by their state, messages given up, and who could not be asked."""

    states: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0
    troubles: Counter[str] = field(default_factory=Counter)


def collect(
    book: ReceiptBook, channels: Channels, now: datetime, *, office: Office | None = None
) -> Collected:
    """Ask every provider for receipts, and keep what they say. No transaction is open while one is asked."""
    found = Collected()
    scene = _scene(channels, now, office)
    for channel, listed in providers(channels).items():
        for provider in listed:
            if isinstance(provider.notifier, Receipts):
                _poll(book, channel, provider, scene, found)
    return found


def take_in(
    book: ReceiptBook, channels: Channels, provider: str, receipts: Sequence[Receipt], now: datetime, *,
    office: Office | None = None,
) -> Collected:  # fmt: skip
    """Keep what ``provider`` pushed by itself, in one transaction; what was polled or pushed before counts once."""
    found = Collected()
    with book.together():
        keep(book, provider, receipts, _scene(channels, now, office), found)
    return found


def _scene(channels: Channels, now: datetime, office: Office | None) -> Scene:
    """Return what a decision about carrying on by another channel rests on."""
    return Scene(
        {channel: tuple(p.name for p in listed) for channel, listed in providers(channels).items()}, now,
        limits=NO_LIMITS, calendar=office.calendar if office else None, texts=office.texts if office else {},
    )  # fmt: skip


def _poll(book: ReceiptBook, channel: str, provider: Provider, scene: Scene, found: Collected) -> None:
    notifier = provider.notifier
    assert isinstance(notifier, Receipts)
    for _ in range(_ROUNDS):
        with book.together():
            waiting = book.awaiting(channel, provider.name, scene.now, _AT_ONCE) if confirms(notifier) else []
        try:
            told = notifier.receipts([stored.ready.message for stored in waiting], scene.now)
        except YiribanError as error:
            found.troubles[f"{provider.name}：{error.what}"] += 1
            return
        except Exception as error:  # its text may hold a number: only its kind is told
            found.troubles[f"{provider.name}：{type(error).__name__}"] += 1
            return
        with book.together():
            new = keep(book, provider.name, told, scene, found)
            looks = [(stored.ready.message.key, _next_look(stored, scene.now)) for stored in waiting]
            book.look_again(looks)
            for stored in waiting:
                _perhaps_give_up(book, stored, scene, found)
        if isinstance(notifier, Confirming):
            try:
                notifier.confirm()
            except YiribanError as error:  # they are handed out again, and kept only once
                found.troubles[f"{provider.name}：{error.what}"] += 1
                return
        if not new and len(waiting) < _AT_ONCE:
            return


def keep(
    book: ReceiptBook, provider: str, receipts: Sequence[Receipt], scene: Scene, found: Collected
) -> int:
    """Keep receipts in the open transaction; return how many were new and ours."""
    new = 0
    latest: dict[str, str] = {}
    for receipt, stored in book.known(provider, receipts):
        key = stored.ready.message.key
        before = latest.get(key, stored.state)
        state = risen(before, receipt.state)
        fallback = (
            instead(stored.ready, scene)
            if state == "undelivered" and _worth(stored.ready, scene.now)
            else None
        )
        book.keep(Told(receipt, stored, state, fallback), provider, scene.now)
        latest[key] = state or before
        found.states[receipt.state] += 1
        new += 1
    return new


def risen(state: str, told: str) -> str:
    """Return the state that a receipt lifts a message to, empty where it stays."""
    if state in _UNTOUCHED or RANKS.get(told, 0) <= RANKS.get(state, 0):
        return ""
    return told


def _worth(ready: Ready, now: datetime) -> bool:
    return ready.expires_at is None or ready.expires_at > now


def _next_look(stored: Stored, now: datetime) -> datetime:
    """Ask again after half the time that has passed since: often at first, seldom later."""
    return now + min(LONGEST_LOOK, max(FIRST_LOOK, (now - stored.handed_at) / 2))


def _perhaps_give_up(book: ReceiptBook, stored: Stored, scene: Scene, found: Collected) -> None:
    """Give up a receipt that has not come in time; what was more than a reminder goes another way too."""
    message = stored.ready.message
    if scene.now - stored.handed_at < CONFIRMED.get(message.channel, timedelta.max):
        return
    other = None if stored.ready.reminder else instead(stored.ready, scene)
    book.give_up(stored, other, scene.now)
    found.unconfirmed += 1
