"""What delivery asks of a store, as a port, and what it hands over to be written. 发件箱"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.deliver_breaker import Breaker
from engine.deliver_limits import Past
from engine.deliver_plan import After, End, Ready, Wait
from engine.delivery import Outcome
from engine.digest import Gathered, Notice, Taken


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt: what was tried where and when, what came of it, and what follows."""

    ready: Ready
    provider: str
    outcome: Outcome
    after: After
    started: datetime
    ended: datetime
    asked: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """A message of ours about the engine itself, to one person by one channel that is not what it is about.

    ``wording`` and ``params`` are what it was rendered from: a provider of templates sends nothing else.
    """

    key: str
    channel: str
    subject: str
    text: str
    send_from: datetime
    wording: str
    params: Mapping[str, str]


Used = Callable[[str, Collection[str]], Mapping[str, Past]]
"""Gives what these persons got by a channel."""


class Outbox(Protocol):
    """What delivery asks of a store. Everything runs in the transaction that ``together`` opens."""

    def together(self) -> AbstractContextManager[object]:
        """Open a transaction for what follows; raise ``Conflict`` where another sender was faster."""
        ...

    def gather(self, now: datetime, put: Callable[[Sequence[Notice], Taken], Gathered]) -> Gathered:
        """Let ``put`` say which of the notices that may go out by ``now`` belong together, and write that:
        the digests wait to be sent, their members point to them. Only what was never handed over is asked.
        """
        ...

    def due(self, now: datetime, limit: int) -> list[Ready]:
        """Return messages that may go out by ``now`` and that nobody holds."""
        ...

    def breakers(self) -> dict[tuple[str, str], Breaker]:
        """Return what is known of every provider that ever was out of use."""
        ...

    def past(self, channel: str, persons: Collection[str], since: datetime, now: datetime) -> dict[str, Past]:
        """Return what went to these persons' numbers since then, whoever else has the same number."""
        ...

    def lease(self, taken: Sequence[tuple[Ready, str]], owner: str, now: datetime, until: datetime) -> None:
        """Take messages, each for a provider, until ``until``."""
        ...

    def postpone(self, waiting: Sequence[tuple[Ready, Wait]], now: datetime) -> None:
        """Let messages wait; what must be put right on our side is recorded once."""
        ...

    def end(self, ended: Sequence[tuple[Ready, End]], now: datetime) -> None:
        """End messages that are not handed over, with the ones that carry on instead."""
        ...

    def settle(self, done: Sequence[Settled], owner: str) -> None:
        """Record attempts and the messages' new states, those that carry on, and doubtful contacts."""
        ...

    def set_breaker(self, breaker: Breaker, now: datetime) -> None:
        """Write a breaker; what waited for one that is closed may go out at once."""
        ...

    def alarm(self, alarms: Callable[[str], Alarm | None], now: datetime) -> int:
        """Queue one message to each tracker; return how many."""
        ...
