"""Route: the outbox empties. No transaction is open while a channel is called. 发送

A message is leased, handed over, and its outcome written at once. A lease that ran out belongs to a
sender that died: the channel is asked by our reference before anything is sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from engine.delivery import Notifier, Outcome, Waiting

LEASE = timedelta(minutes=2)
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
MOST_TRIES = 10


class Outbox(Protocol):
    """What delivery asks of a store; each call is a transaction of its own."""

    def lease(self, now: datetime, until: datetime, limit: int) -> list[tuple[Waiting, bool]]:
        """Take messages that may go out by ``now`` until ``until``; say of each whether its last sender
        may have handed it over already.
        """
        ...

    def settle(
        self,
        message: Waiting,
        outcome: Outcome,
        *,
        started: datetime,
        ended: datetime,
        again_at: datetime | None,
    ) -> None:
        """Record an attempt and the message's new state: accepted, queued again from ``again_at``, or dead."""
        ...


@dataclass(slots=True)
class Delivered:
    """How many messages had which outcome."""

    outcomes: Counter[str] = field(default_factory=Counter)
    settings: Counter[str] = field(default_factory=Counter)
    """What must be put right on our side before messages can go out, with how many wait for it."""


def deliver(
    outbox: Outbox, channels: Mapping[str, Notifier], now: datetime, *, limit: int = 500
) -> Delivered:
    """Send what may go out by ``now``, until nothing is left or nothing moves."""
    done = Delivered()
    while True:
        leased = outbox.lease(now, now + LEASE, limit)
        if not leased:
            return done
        for message, doubtful in leased:
            outcome = _hand_over(channels.get(message.channel), message, doubtful, now)
            again = _again_at(outcome, message.tries, now)
            if outcome.kind == "config":
                done.settings[outcome.detail] += 1
            outbox.settle(message, outcome, started=now, ended=now, again_at=again)
            done.outcomes[
                outcome.kind if again or outcome.kind == "accepted" else f"{outcome.kind}, dead"
            ] += 1


def _hand_over(channel: Notifier | None, message: Waiting, doubtful: bool, now: datetime) -> Outcome:
    if channel is None:
        return Outcome("config", f"没有设置渠道 {message.channel}")
    if not message.address:
        return Outcome(
            "config", f"{message.person} 没有登记{'手机号' if message.channel == 'sms' else '邮箱'}"
        )
    if doubtful:
        answer = channel.ask(message)
        if answer.kind != "retry":
            return answer
    return channel.send(message, now)


def _again_at(outcome: Outcome, tries: int, now: datetime) -> datetime | None:
    """When the message is tried again; ``None``: it was accepted, or never can be."""
    if outcome.kind == "config":
        # our own fault to mend: the message waits for that, however long it takes
        return now + LONGEST_RETRY
    if outcome.kind in ("accepted", "rejected") or tries + 1 >= MOST_TRIES:
        return None
    if outcome.again_at is not None:
        return max(outcome.again_at, now + FIRST_RETRY)
    wait: timedelta = min(FIRST_RETRY * 2**tries, LONGEST_RETRY)
    return now + wait
