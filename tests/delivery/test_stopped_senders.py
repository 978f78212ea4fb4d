"""A sender that stood still: its lease ran out while it was stopped, or the wall clock leapt under its hands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from engine.deliver import LEASE, deliver
from engine.deliver_breaker import OVERSLEPT
from engine.delivery import Kind, Outcome, Waiting
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.delivery.peers import NOW, Scripted, outbox_store, post, rows, state

LATE = NOW + LEASE


def stopped_once(at: datetime) -> Callable[[], datetime]:
    """A clock that shows ``NOW`` when messages are taken, and ``at`` ever after."""
    shown = iter([NOW])
    return lambda: next(shown, at)


def test_a_sender_that_was_stopped_past_its_lease_hands_nothing_over_and_begins_again() -> None:
    store, peer = outbox_store(), Scripted()
    key = post(store, "f1", does="warn")
    deliver(SqlOutbox(store), {"sms": peer}, NOW, clock=stopped_once(LATE))
    assert rows(store, "select outcome, code from attempt order by no") == [
        ("retry", OVERSLEPT),
        ("accepted", ""),
    ]
    assert (peer.sent[key], state(store, key, "tries", "doubt")) == (1, ("accepted", 0, ""))
    store.close()


def test_what_another_sender_took_meanwhile_is_left_to_it() -> None:
    store, peer = outbox_store(), Scripted()
    key = post(store, "f1", does="warn")
    outbox, calls = SqlOutbox(store), 0

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 2:  # taken, and not handed over yet
            with outbox.together():
                [ready] = outbox.due(LATE, 10)
                outbox.lease([(ready, "sms")], "other", LATE, LATE + LEASE)
        return NOW if calls == 1 else LATE

    deliver(outbox, {"sms": peer}, NOW, clock=clock)
    assert peer.sent.total() == 0
    assert state(store, key, "owner") == ("sending", "other")
    store.close()


def test_a_leap_of_the_wall_clock_makes_no_sender_ask_for_what_is_in_its_own_hands() -> None:
    """NTP puts the clock right by an hour while one message hangs: its lease looks run out to its own sender."""
    store = outbox_store()
    for number in range(80):
        post(store, f"f{number}", does="warn")
    shift, others = timedelta(), threading.Event()

    class Hanging(Scripted):
        def send(self, message: Waiting, now: datetime) -> Outcome:
            nonlocal shift
            if message.key.startswith("f0/"):
                shift = timedelta(hours=1)
                assert others.wait(10)
            outcome = super().send(message, now)
            if self.ledger.total() >= 70:
                others.set()
            return outcome

    peer = Hanging()
    deliver(SqlOutbox(store), {"sms": peer}, NOW, workers=4, clock=lambda: NOW + shift)
    assert (peer.ledger.total(), set(peer.ledger.values())) == (80, {1})
    assert peer.asked["f0/zhang/sms"] == 0
    store.close()


class Paused(Scripted):
    """Stopped in the instant in which it hands over: another sender asks, hears of nothing, and sends."""

    def __init__(self, store: SqlStore, kind: Kind, takes: bool) -> None:
        super().__init__()
        self._store, self._kind, self._takes = store, kind, takes
        self.other = Scripted()

    def send(self, message: Waiting, now: datetime) -> Outcome:
        deliver(SqlOutbox(self._store), {"sms": self.other}, LATE)
        if self._takes:
            self.other.ledger[message.reference] += 1
        return Outcome(self._kind)


@pytest.mark.parametrize(
    ("kind", "takes", "doubt"),
    [
        ("accepted", True, "resent"),
        ("unknown", True, "resent"),
        ("unknown", False, "resent"),
        ("retry", False, ""),
    ],
)
def test_what_two_senders_handed_over_is_marked_as_perhaps_doubled(
    kind: Kind, takes: bool, doubt: str
) -> None:
    store = outbox_store()
    key = post(store, "f1", does="warn")
    peer = Paused(store, kind, takes)
    deliver(SqlOutbox(store), {"sms": peer}, NOW)
    assert (peer.other.asked[key], peer.other.sent[key]) == (1, 1)
    assert state(store, key, "doubt") == ("accepted", doubt)
    store.close()


def test_what_a_provider_had_not_got_before_it_was_sent_again_is_not_marked() -> None:
    store, peer = outbox_store(), Scripted(["unsent"])
    key = post(store, "f1", does="warn")
    for minutes in (0, 10, 20):
        deliver(SqlOutbox(store), {"sms": peer}, NOW + timedelta(minutes=minutes))
    assert (peer.sent[key], peer.asked[key], peer.ledger.total()) == (2, 1, 1)
    assert state(store, key, "doubt") == ("accepted", "")
    store.close()
