"""Several threads and several senders: what is slow waits alone, what dies is asked for, nothing is sent twice."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.deliver import LEASE, deliver
from engine.deliver_outbox import Settled
from engine.deliver_pool import LEAST_WINDOW, Alone
from engine.delivery import Kind, Outcome, Provider, Waiting
from engine.errors import Conflict
from engine.office import Office
from storage.outbox import SqlOutbox
from tests.city import calendar, shipped
from tests.delivery.peers import NOW, STEPS, Scripted, outbox_store, post, rows, state


def test_two_hundred_messages_by_sixteen_hands_go_out_once_each_whatever_the_provider_does(
    tmp_path: Path,
) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    for number in range(200):
        post(store, f"f{number}", ("zhang", "li")[number % 2], does="warn")
    random = Random(7)
    moods = {f"f{number}": random.choice(STEPS[:5]) for number in range(200)}
    tried: set[str] = set()

    def mood(message: Waiting) -> str:
        fire = message.key.split("/")[0]
        if fire in tried:
            return "ok"
        tried.add(fire)
        return moods[fire]

    peer = Scripted(delay=0.002, every=mood)
    now = NOW
    while rows(store, "select 1 from message where state in ('queued', 'sending') limit 1"):
        deliver(SqlOutbox(store), {"sms": peer}, now, workers=16)
        now += timedelta(minutes=5)
    assert set(peer.ledger.values()) == {1}
    assert len(peer.ledger) == 200
    assert rows(store, "select count(*) from message where state = 'accepted'") == [(200,)]
    assert 4 <= peer.at_once <= 16, "several at once, and never more than there are hands"
    store.close()


def test_one_message_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    for number in range(80):
        post(store, f"f{number}", does="warn")
    go_on = threading.Event()

    class Hanging(Scripted):
        def send(self, message: Waiting, now: datetime) -> Outcome:
            if message.key.startswith("f0/"):
                assert go_on.wait(10)
            return super().send(message, now)

    peer = Hanging()
    with sqlite3.connect(tmp_path / "o.db", timeout=5) as looking:
        sender = threading.Thread(
            target=deliver, args=(SqlOutbox(store), {"sms": peer}, NOW), kwargs={"workers": 4}
        )
        sender.start()
        end = time.monotonic() + 8
        while looking.execute("select count(*) from message where state = 'accepted'").fetchone() != (79,):
            assert time.monotonic() < end, "the others were committed while one hangs"
            time.sleep(0.02)
        assert looking.execute("select state from message where key like 'f0/%'").fetchone() == ("sending",)
    go_on.set()
    sender.join(10)
    assert peer.ledger.total() == 80


class Watched(SqlOutbox):
    """Looks for an open transaction whenever the provider is called, and counts what is answered and not committed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open = False
        self.settled: list[Settled] = []
        self.written = 0
        self.answered = set[str]()
        self.most = 0

    @contextmanager
    def together(self) -> Iterator[Any]:
        with super().together() as cursor:
            self.open = True
            yield cursor
            self.open = False
        self.written += len(self.settled)
        self.answered -= {one.ready.message.key for one in self.settled}
        self.settled = []

    def settle(self, done: Any, owner: str) -> None:
        super().settle(done, owner)
        self.settled += done


@pytest.mark.parametrize("workers", [1, 8])
def test_no_transaction_is_open_while_a_provider_is_called_and_few_outcomes_wait_to_be_written(
    tmp_path: Path, workers: int
) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    for number in range(60):
        post(store, f"f{number}", does="warn")
    outbox = Watched(store)
    seen: list[bool] = []

    class Looking(Scripted):
        def send(self, message: Waiting, now: datetime) -> Outcome:
            # the hands never wait for a transaction, but ours may be writing what others brought
            seen.append(outbox.open and workers == 1)
            outcome = super().send(message, now)
            outbox.answered.add(message.key)
            outbox.most = max(outbox.most, len(outbox.answered))
            return outcome

    deliver(outbox, {"sms": Looking(delay=0.004)}, NOW, workers=workers, clock=lambda: NOW)
    assert seen == [False] * 60
    assert outbox.written == 60
    assert outbox.most <= (Alone.window if workers == 1 else LEAST_WINDOW)
    store.close()


def test_two_senders_at_once_share_the_work_and_double_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'o.db'}"
    store = outbox_store(url)
    for number in range(150):
        post(store, f"f{number}", does="warn")
    store.close()
    peer = Scripted(delay=0.003)
    errors: list[BaseException] = []

    def send() -> None:
        mine = type(store)(url)
        try:
            deliver(SqlOutbox(mine), {"sms": peer}, NOW, workers=4)
        except BaseException as error:
            errors.append(error)
        finally:
            mine.close()

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30)
    assert errors == []
    assert (len(peer.ledger), set(peer.ledger.values())) == (150, {1})
    assert rows(store, "select state, count(*) from message group by state") == [("accepted", 150)]
    store.close()


@pytest.mark.parametrize(("after", "asked"), [(-1, 0), (0, 1), (1, 1)])
def test_a_lease_that_ran_out_is_taken_over_by_asking_first(after: int, asked: int) -> None:
    store, peer = outbox_store(), Scripted()
    key = post(store, "f1", does="warn")
    outbox = SqlOutbox(store)
    with outbox.together():
        [ready] = outbox.due(NOW, 10)
        outbox.lease([(ready, "sms")], "dead", NOW, NOW + LEASE)
    peer.send(ready.message, NOW)
    deliver(outbox, {"sms": peer}, NOW + LEASE + timedelta(microseconds=after))
    assert (peer.asked[key], peer.sent[key], peer.ledger.total()) == (asked, 1, 1)
    assert state(store, key) == ("accepted" if asked else "sending",)
    store.close()


class Overtaken(Scripted):
    """While it is called, the lease of its sender runs out and another one takes the message."""

    def __init__(self, outbox: SqlOutbox, kind: Kind) -> None:
        super().__init__()
        self._outbox = outbox
        self._kind = kind

    def send(self, message: Waiting, now: datetime) -> Outcome:
        late = now + LEASE
        with self._outbox.together():
            [ready] = self._outbox.due(late, 10)
            self._outbox.lease([(ready, "sms")], "fast", late, late + LEASE)
        return Outcome(self._kind)


@pytest.mark.parametrize(
    ("kind", "left"), [("accepted", "accepted"), ("rejected", "sending"), ("retry", "sending")]
)
def test_a_slow_sender_whose_lease_ran_out_overwrites_nothing_but_an_acceptance(
    kind: Kind, left: str
) -> None:
    store = outbox_store()
    key = post(store, "f1", does="warn")
    deliver(SqlOutbox(store), {"sms": Overtaken(SqlOutbox(store), kind)}, NOW)
    assert state(store, key, "owner") == (left, "" if kind == "accepted" else "fast")
    assert rows(store, "select outcome from attempt") == [(kind,)], "what happened stays on record"
    store.close()


def test_whoever_comes_second_to_a_message_finds_out_and_leaves_nothing_half_done() -> None:
    store = outbox_store()
    post(store, "f1")
    outbox = SqlOutbox(store)
    with outbox.together():
        [ready] = outbox.due(NOW, 10)
        outbox.lease([(ready, "sms")], "first", NOW, NOW + LEASE)
    with pytest.raises(Conflict), outbox.together():
        outbox.lease([(ready, "sms")], "second", NOW, NOW + LEASE)
    assert state(store, "f1/zhang/sms", "owner") == ("sending", "first")
    store.close()


def test_when_it_is_to_stop_what_is_under_way_is_written_and_the_rest_stays(tmp_path: Path) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    for number in range(300):
        post(store, f"f{number}", does="warn")
    peer = Scripted(delay=0.002)
    done = deliver(
        SqlOutbox(store), {"sms": peer}, NOW, workers=4, stopping=lambda: peer.ledger.total() >= 20
    )
    states = dict(rows(store, "select state, count(*) from message group by state"))
    assert 20 <= peer.ledger.total() < 150
    assert states == {"accepted": peer.ledger.total(), "queued": 300 - peer.ledger.total()}
    assert done.outcomes == {"accepted": peer.ledger.total()}
    store.close()


def test_a_setting_of_ours_that_is_wrong_stops_the_provider_is_told_once_and_loses_nothing() -> None:
    """Forty messages, a signature that is refused for an hour, trackers told by e-mail."""
    store = outbox_store()
    with store.transaction():
        store.run(
            "insert into appointment (person, role, unit, since, jurisdiction) values ('wang', 'tracker', 'u', 0, '410400')"
        )
    for number in range(40):
        post(store, f"f{number}", does="warn")
    mended = False
    peer, mail = Scripted(every=lambda _: "ok" if mended else "config"), Scripted()
    office = Office(shipped()[0], calendar(), dict(shipped()[1]))
    channels = {"sms": [Provider("aliyun-sms", peer)], "email": [Provider("smtp", mail)]}
    now = NOW
    for _ in range(60):
        deliver(SqlOutbox(store), channels, now, office=office)
        now += timedelta(minutes=1)
    first = peer.sent.total()
    assert first <= 16 + 4, "those under way, then one at a time"
    assert rows(
        store, "select count(*), sum(tries) from message where channel = 'sms' and state = 'queued'"
    ) == [(40, 0)]
    told = rows(store, "select person, text from message where rung = 'breaker'")
    assert [person for person, _ in told] == ["wang"]
    assert "said config" in str(told[0][1])
    assert mail.ledger.total() == 1
    mended = True
    deliver(SqlOutbox(store), channels, now + timedelta(hours=1), office=office)
    assert rows(store, "select state, count(*) from message where channel = 'sms' group by state") == [
        ("accepted", 40)
    ]
    assert rows(store, "select open from breaker") == [(0,)]
    assert len(peer.ledger) == 40
    store.close()


def test_nothing_that_is_kept_or_raised_shows_a_number_or_an_address() -> None:
    store = outbox_store()
    post(store, "f1", does="warn")
    post(store, "f1", channel="email", does="warn")
    peer = Scripted(["crash", "crash"], askable=False)
    deliver(SqlOutbox(store), {"sms": peer, "email": peer}, NOW)
    deliver(SqlOutbox(store), {"sms": peer, "email": peer}, NOW + timedelta(hours=1))
    kept = str(
        [
            rows(store, f"select * from {table}")
            for table in ("message", "attempt", "receipt", "breaker", "contact")
        ]
    )
    assert "RuntimeError" in kept
    assert "1380000" not in kept
    assert "example.org" not in kept
    store.close()
