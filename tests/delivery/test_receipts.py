"""Receipts: in any order and however often, a state never goes down; silence is noticed, refusals are remembered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.deliver import deliver
from engine.deliver_receipts import RANKS, collect, risen
from engine.delivery import Blame, Provider, Receipt, ReceiptState, reference_of
from engine.directory import Person
from engine.errors import YiribanError
from storage.outbox import SqlOutbox
from storage.people import People
from storage.receipt_book import SqlReceipts
from storage.store import SqlStore
from tests.delivery.peers import NOW, Confirming, Scripted, outbox_store, post, rows, state

SOON = NOW + timedelta(minutes=2)
THREE_DAYS = NOW + timedelta(hours=72)


def sent(does: str = "warn", *, channel: str = "sms") -> tuple[SqlStore, Confirming, str]:
    """A message that a provider with receipts has accepted."""
    store, peer = outbox_store(), Confirming()
    key = post(store, "f1", channel=channel, does=does)
    deliver(SqlOutbox(store), {"email": Scripted(), channel: [Provider("p", peer)]}, NOW)
    assert state(store, key) == ("accepted",)
    return store, peer, key


def poll(store: SqlStore, peer: Confirming, now: object = SOON, *, channel: str = "sms") -> object:
    return collect(SqlReceipts(store), {"email": Scripted(), channel: [Provider("p", peer)]}, now)  # type: ignore[arg-type]


def receipt(
    key: str, told: ReceiptState, minute: int = 1, *, code: str = "", blame: Blame = "", by_id: bool = False
) -> Receipt:
    at = NOW + timedelta(minutes=minute)
    reference = reference_of(key)
    if by_id:
        return Receipt("sms", told, at, provider_id=f"id-{reference[:8]}", code=code, blame=blame)
    return Receipt("sms", told, at, reference, code=code, blame=blame)


TOLD = st.tuples(st.sampled_from(["delivered", "undelivered"]), st.integers(1, 3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(told=st.lists(TOLD, min_size=1, max_size=6), order=st.randoms(), cuts=st.integers(1, 3))
def test_any_order_and_any_number_of_the_same_receipts_leave_the_same_state(
    told: list[tuple[ReceiptState, int, bool]], order: object, cuts: int
) -> None:
    ends = []
    for shuffled in (False, True):
        store, peer, key = sent()
        receipts = [receipt(key, kind, n, code=f"c{n}", by_id=by_id) for kind, n, by_id in told]
        if shuffled:
            receipts += receipts[:2]
            order.shuffle(receipts)  # type: ignore[attr-defined]
        states = [state(store, key)[0]]
        for start in range(0, len(receipts), cuts):
            peer.told = receipts[start : start + cuts]
            poll(store, peer)
            states.append(state(store, key)[0])
        ranks = [RANKS.get(str(s), 0) for s in states]
        assert all(before <= after for before, after in pairwise(ranks)), states
        kept = rows(store, "select state, code from receipt order by 1, 2")
        assert kept == sorted({(kind, f"c{n}") for kind, n, _ in told})
        ends.append((states[-1], kept))
        store.close()
    assert ends[0] == ends[1]
    assert ends[0][0] == ("delivered" if any(kind == "delivered" for kind, _, _ in told) else "undelivered")


def test_what_went_into_a_digest_or_another_way_is_touched_by_no_receipt() -> None:
    assert [risen(s, "delivered") for s in ("digested", "moved", "held", "delivered")] == [""] * 4
    assert [risen(s, "undelivered") for s in ("accepted", "unconfirmed", "queued", "dead")] == [
        "undelivered"
    ] * 4


def test_a_receipt_of_somebody_elses_message_is_not_kept() -> None:
    store, peer, key = sent()
    peer.told = [
        Receipt("sms", "delivered", SOON, "f" * 32),
        Receipt("sms", "delivered", SOON, provider_id="strange"),
    ]
    poll(store, peer)
    assert (state(store, key), rows(store, "select * from receipt")) == (("accepted",), [])
    store.close()


def test_a_message_in_doubt_that_was_delivered_is_never_sent_again() -> None:
    store, peer = outbox_store(), Confirming(["lost"], askable=False)
    key = post(store, "f1", does="warn")
    channels = {"sms": [Provider("p", peer)]}
    deliver(SqlOutbox(store), channels, NOW)
    assert state(store, key) == ("sending",)
    peer.told = [receipt(key, "delivered")]
    poll(store, peer)
    deliver(SqlOutbox(store), channels, NOW + timedelta(hours=1))
    assert (state(store, key), peer.sent[key], peer.asked[key]) == (("delivered",), 1, 0)
    store.close()


@pytest.mark.parametrize(("late", "given_up"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("does", ["remind", "warn"])
def test_three_days_of_silence_are_noticed_and_a_warning_goes_another_way(
    late: int, given_up: bool, does: str
) -> None:
    store, peer, key = sent(does)
    poll(store, peer, THREE_DAYS + timedelta(microseconds=late))
    assert state(store, key) == ("unconfirmed" if given_up else "accepted",)
    carried = rows(store, "select key from message where channel = 'email'")
    assert carried == ([("f1/zhang/email",)] if given_up and does == "warn" else [])
    peer.told = [receipt(key, "delivered")]
    poll(store, peer, THREE_DAYS + timedelta(hours=1))
    assert state(store, key) == ("delivered",), "better late than never"
    store.close()


def test_by_mail_silence_means_that_nothing_came_back() -> None:
    store, peer, key = sent(channel="email")
    poll(store, peer, THREE_DAYS, channel="email")
    assert state(store, key, "look_at") == ("accepted", None)
    peer.told = [Receipt("email", "undelivered", SOON, reference_of(key), code="5.1.1", blame="contact")]
    poll(store, peer, channel="email")
    assert state(store, key, "fallback") == ("undelivered", None), "there is no SMS to go by in this test"
    assert rows(store, "select person, channel, state from contact") == [("zhang", "email", "suspect")]
    store.close()


def test_one_message_is_asked_for_often_at_first_and_seldom_later() -> None:
    store, peer, key = sent()
    now, polls = NOW, []
    while now < THREE_DAYS:
        poll(store, peer, now)
        if peer.polled[-1]:
            polls.append(now - NOW)
        now += timedelta(minutes=1)
    assert polls[0] == timedelta(minutes=1)
    assert len(polls) < 30
    gaps = [after - before for before, after in pairwise(polls)]
    assert max(gaps) <= timedelta(hours=6, minutes=1)
    assert gaps == sorted(gaps)
    assert state(store, key) == ("accepted",)
    store.close()


def test_a_number_that_refuses_twice_in_a_week_is_not_used_until_it_is_registered_anew() -> None:
    store, peer, key = sent()
    channels = {"sms": [Provider("p", peer)], "email": Scripted()}
    peer.told = [receipt(key, "undelivered", code="空号", blame="contact")]
    poll(store, peer)
    second = post(store, "f2", does="warn")
    deliver(SqlOutbox(store), channels, SOON)
    peer.told = [receipt(second, "undelivered", code="空号", blame="contact")]
    poll(store, peer)
    assert rows(store, "select state, reason from contact") == [("invalid", "空号")]
    third = post(store, "f3", does="warn")
    deliver(SqlOutbox(store), channels, SOON)
    assert (state(store, third, "fallback"), peer.sent[third]) == (("moved", "f3/zhang/email"), 0)
    with store.transaction():
        People(store).set_person(Person("zhang", "", "", "13900000001", "410400"))
    assert rows(store, "select * from contact") == []
    fourth = post(store, "f4", does="warn")
    deliver(SqlOutbox(store), channels, SOON)
    assert state(store, fourth) == ("accepted",)
    store.close()


def test_a_delivery_clears_a_suspicion() -> None:
    store, peer, key = sent()
    peer.told = [receipt(key, "undelivered")]
    poll(store, peer)
    assert rows(store, "select state from contact") == [("suspect",)]
    peer.told = [receipt(key, "delivered")]
    poll(store, peer)
    assert rows(store, "select state from contact") == []
    store.close()


def test_receipts_are_confirmed_only_once_they_are_kept_and_a_mailbox_that_fails_hurts_nobody_else() -> None:
    class Mailbox(Confirming):
        confirmed = 0

        def confirm(self) -> None:
            assert rows(store, "select count(*) from receipt") == [(1,)]
            Mailbox.confirmed += 1

    class Broken(Confirming):
        def receipts(self, messages: Sequence[object], now: object) -> Sequence[Receipt]:
            raise YiribanError("读不了退信邮箱")

    store = outbox_store()
    key, mailbox = post(store, "f1", does="warn"), Mailbox()
    channels = {"sms": [Provider("a", mailbox), Provider("b", Broken())]}
    deliver(SqlOutbox(store), channels, NOW)
    mailbox.told = [receipt(key, "delivered")]
    found = collect(SqlReceipts(store), channels, SOON)
    assert (found.states, dict(found.troubles)) == ({"delivered": 1}, {"b：读不了退信邮箱": 1})
    assert Mailbox.confirmed >= 1
    store.close()
