"""Hands that do one job after another, and channels that need not wait for one answer before the next message."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from engine import deliver_pool
from engine.deliver import BEGIN_WITHIN, LEASE, deliver
from engine.deliver_pool import PATIENCE, Alone, Crew, hands
from engine.delivery import Outcome, Waiting
from notifiers.address import read_address
from notifiers.smtp import from_address
from storage.outbox import SqlOutbox
from tests.delivery.peers import NOW, Scripted, outbox_store, post, rows, state
from tests.fakes.smtp_lines import LineServer

More = Callable[[], int | None]


def every(crew: Alone[int, int] | Crew[int, int], count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += crew.results()
    return found


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_every_job_is_done_once_however_its_hand_takes_the_next_ones(workers: int) -> None:
    random = Random(11)

    def work(job: int, more: More) -> Iterator[int]:
        """Take some more of the lane, then give it up with jobs left there."""
        yield job
        for _ in range(random.randrange(9)):
            after = more()
            if after is None:
                return
            yield after

    crew = hands(workers, work, PATIENCE)
    for job in range(900):
        crew.submit(job, (None, "mail", "sms")[job % 3])
        if job % 50 == 0:
            time.sleep(0.001)
    assert sorted(every(crew, 900)) == list(range(900))
    crew.close()


def test_jobs_of_a_lane_that_never_ends_leave_room_for_what_waits_elsewhere() -> None:
    done: list[int] = []

    def work(job: int, more: More) -> Iterator[int]:
        following: int | None = job
        while following is not None:
            done.append(following)
            if following >= 0:
                crew.submit(following + 1, "mail")  # there is always one more
                time.sleep(0.0005)
            yield following
            following = more()

    crew: Crew[int, int] = Crew(1, work)
    crew.submit(0, "mail")
    crew.submit(-1)
    found: list[int] = []
    while -1 not in found:
        found += crew.results()
    assert len(done) < 20 * deliver_pool.IN_ONE_GO
    crew.close()


def test_a_lane_of_a_slow_peer_gets_every_hand_there_is() -> None:
    at_once, most = Counter[str](), [0]
    lock = threading.Lock()

    def work(job: int, more: More) -> Iterator[int]:
        following: int | None = job
        while following is not None:
            with lock:
                at_once["inside"] += 1
                most[0] = max(most[0], at_once["inside"])
            time.sleep(0.01)
            with lock:
                at_once["inside"] -= 1
            yield following
            following = more()

    crew: Crew[int, int] = Crew(8, work)
    under_way = done = 0
    for job in range(400):
        crew.submit(job, "mail")
        under_way += 1
        while under_way >= crew.window:
            back = len(crew.results())
            under_way -= back
            done += back
    every(crew, 400 - done)
    assert most[0] == 8
    crew.close()


def test_an_error_in_a_hand_is_told_to_whoever_waits_and_the_hand_goes_on() -> None:
    def work(job: int, more: More) -> Iterator[int]:
        if job == 3:
            raise RuntimeError("no")
        yield job

    crew: Crew[int, int] = Crew(1, work)
    crew.submit(3, "mail")
    with pytest.raises(RuntimeError):
        crew.results()
    crew.submit(4, "mail")
    assert every(crew, 1) == [4]
    crew.close()


class Flowing(Scripted):
    """Takes one message ahead, and answers as its script says; may stop in the middle, or forget one."""

    def __init__(self, steps: tuple[str, ...] = (), *, fails_at: int | None = None, forgets: int = 0) -> None:
        super().__init__(steps)
        self.most_ahead = 0
        self._fails_at, self._forgets = fails_at, forgets

    def flow(self, messages: Iterator[tuple[Waiting, datetime]]) -> Iterator[tuple[Waiting, Outcome]]:
        one = next(messages, None)
        number = 0
        while one is not None:
            ahead = next(messages, None)
            number += 1
            outcome = self.send(*one)
            if number == self._fails_at:
                raise RuntimeError(f"{one[0].address} exploded")
            if number != self._forgets:
                yield one[0], outcome
            one = ahead


@pytest.mark.parametrize("workers", [1, 4])
def test_messages_of_one_channel_follow_each_other_and_are_written_down_as_they_are_answered(
    tmp_path: Path, workers: int
) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    keys = [post(store, f"f{n}", ("zhang", "li")[n % 2], "email", does="warn") for n in range(100)]
    sms = [post(store, f"f{n}", "zhang", does="warn") for n in range(20)]
    mail, text = Flowing(("ok", "retry", "ok")), Scripted()
    deliver(SqlOutbox(store), {"email": mail, "sms": text}, NOW, workers=workers)
    assert set(mail.ledger.values()) == set(text.ledger.values()) == {1}
    assert (len(mail.ledger), len(text.ledger)) == (99, 20)
    states = Counter(state(store, key)[0] for key in keys + sms)
    assert states == {"accepted": 119, "queued": 1}
    assert rows(store, "select count(*), count(distinct message) from attempt") == [(120, 120)]
    store.close()


def test_when_a_round_is_over_every_channel_hears_that_nothing_follows() -> None:
    class Keeping(Scripted):
        rested: tuple[int, ...] = ()

        def rest(self) -> None:
            self.rested += (self.sent.total(),)

    store = outbox_store()
    for number in range(3):
        post(store, f"f{number}", does="warn")
    peer, mail = Keeping(), Keeping()
    deliver(SqlOutbox(store), {"sms": peer, "email": mail}, NOW)
    assert (peer.rested, mail.rested) == ((3,), (0,))
    store.close()


@pytest.mark.parametrize(("fails_at", "forgets"), [(3, 0), (None, 3)])
def test_what_a_channel_began_and_did_not_answer_is_in_doubt_and_nothing_else_is(
    fails_at: int | None, forgets: int
) -> None:
    store = outbox_store()
    for number in range(6):
        post(store, f"f{number}", channel="email", does="warn")
    peer = Flowing(fails_at=fails_at, forgets=forgets)
    done = deliver(SqlOutbox(store), {"email": peer}, NOW)
    doubtful = rows(store, "select key from message where state = 'sending' order by key")
    # the one that it was busy with, and where it failed the one that it had begun behind it
    assert doubtful == [("f2/zhang/email",), ("f3/zhang/email",)][: 2 if fails_at else 1]
    assert rows(store, "select count(*) from message where state = 'accepted'") == [(6 - len(doubtful),)]
    assert done.outcomes["unknown"] == len(doubtful)
    assert "example.org" not in str(rows(store, "select detail from attempt"))
    store.close()


@pytest.mark.parametrize(("after", "begun"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize("flowing", [True, False])
def test_a_message_is_begun_in_the_first_half_of_its_lease_or_not_at_all(
    after: int, begun: bool, flowing: bool
) -> None:
    """One hand: while it is busy with the first message, the moment of the second one passes."""
    store = outbox_store()
    channel = "email" if flowing else "sms"
    keys = [post(store, f"f{number}", channel=channel, does="warn") for number in range(2)]
    moments = [NOW]

    class Long(Flowing if flowing else Scripted):  # type: ignore[misc]
        def send(self, message: Waiting, now: datetime) -> Outcome:
            moments[0] = NOW + BEGIN_WITHIN + timedelta(microseconds=after)
            outcome: Outcome = super().send(message, now)
            return outcome

    class OneByOne(Long):
        """Begins nothing ahead."""

        def flow(self, messages: Iterator[tuple[Waiting, datetime]]) -> Iterator[tuple[Waiting, Outcome]]:
            for message, now in messages:
                yield message, self.send(message, now)

    peer = OneByOne() if flowing else Long()
    stop = [False]
    deliver(
        SqlOutbox(store),
        {channel: peer},
        NOW,
        clock=lambda: moments[0],
        stopping=lambda: stop[0] or bool(peer.sent),
    )
    assert peer.sent[keys[1]] == int(begun)
    assert state(store, keys[1], "tries", "owner") == (("accepted" if begun else "queued"), 0, "")
    assert LEASE >= 2 * BEGIN_WITHIN
    store.close()


def test_mails_to_a_server_that_hangs_up_all_the_time_arrive_all_and_twice_only_where_it_says_so(
    tmp_path: Path,
) -> None:
    store = outbox_store(f"sqlite:///{tmp_path / 'o.db'}")
    keys = [post(store, f"f{n}", ("zhang", "li", "wang")[n % 3], "email", does="warn") for n in range(60)]
    with LineServer(hang_up_after=11, only_first=False) as server:
        url = f"smtp://127.0.0.1:{server.port}/?from=sender@example.cn&timeout=5"
        smtp = from_address(read_address(url), str, {})
        now = NOW
        while rows(store, "select 1 from message where state in ('queued', 'sending') limit 1"):
            deliver(SqlOutbox(store), {"email": smtp}, now, workers=4)
            now += timedelta(minutes=10)
            assert now < NOW + timedelta(days=2)
        smtp.close()
    ended = Counter(state(store, key) for key in keys)
    assert set(ended) <= {("accepted",), ("dead",)}
    # whose answer was lost twice is given up, for people to see
    assert rows(store, "select count(*) from message where state = 'dead' and doubt <> 'resent'") == [(0,)]
    taken = Counter(server.ledger)
    resent = {ref for (ref,) in rows(store, "select reference from message where doubt = 'resent'")}
    assert len(taken) == 60
    assert {reference for reference, times in taken.items() if times > 1} <= resent
    assert max(taken.values()) <= 2
    store.close()
