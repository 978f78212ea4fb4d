"""Signed webhooks against a receiver on loopback that verifies Standard Webhooks signatures."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from standardwebhooks.webhooks import Webhook as Official

from engine.delivery import Kind
from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.webhook import Webhook, from_address
from runtime.feeding import LONGEST, push, reopen
from storage.feed import Feed
from tests.channels.contract import NOW, ChannelContract
from tests.city import City, moment
from tests.fakes.web import Asked
from tests.fakes.webhook import Receiver

SECRET = "whsec_" + b64encode(b"the tracker's own secret, 24+").decode()
LATER = LONGEST  # as late as any backoff


def channel(port: int, *, secret: str = SECRET, timeout: float = 5.0) -> Webhook:
    url = f"webhook+http://127.0.0.1:{port}/hooks/yiriban?secret=env:S&timeout={timeout}"
    return from_address(read_address(url), {"env:S": secret}.__getitem__, {})


class TestWebhook(ChannelContract):
    channel, to, secret, asks = "webhook", "tracker-desk", SECRET, False
    table: ClassVar[dict[str, Kind]] = {
        "301": "config", "400": "rejected", "401": "config", "404": "rejected", "408": "retry", "410": "rejected",
        "413": "rejected", "429": "retry", "500": "retry", "502": "retry", "503": "retry",
    }  # fmt: skip

    def peer(self) -> Receiver:
        return Receiver(secret=SECRET, now=NOW)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> Webhook:
        return channel(port or peer.port, secret=secret or SECRET, timeout=timeout)


def test_the_official_library_accepts_what_we_sign() -> None:
    class Witness(Receiver):
        def answer(self, asked: Asked, step: str) -> Any:
            self.seen = asked
            return super().answer(asked, step)

    with Witness(secret=SECRET) as peer:
        ours = channel(peer.port)
        message = TestWebhook().message()
        assert ours.send(message, peer.now).kind == "accepted"
        told = Official(SECRET).verify(peer.seen.body, dict(peer.seen.headers))
        assert told["data"]["key"] == message.key
        ours.close()


@pytest.mark.parametrize("secret", ["whsec_", "whsec_abcde", "!"])
def test_a_secret_that_is_no_base64_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(BadInput) as refused:
        channel(1, secret=secret)
    assert "abcde" not in refused.value.why + refused.value.what


class Story:
    """A city with events, a receiver, and pushes half a minute apart."""

    def __init__(self, peer: Receiver) -> None:
        self.city = City()
        self.city.open("2026-11-02 09:00")  # a Monday
        self.city.do("end_evaluation", "2026-11-03 09:00")
        self.city.do("deliver_report", "2026-11-03 11:00")
        self.city.patrol("2026-11-09 12:00")
        self.peer = peer
        self.now = NOW
        self.hook = channel(peer.port, timeout=0.3)

    def push(self, *steps: str) -> Any:
        self.peer.plan(*steps)
        self.now += LATER
        self.peer.fixed = self.now
        return push(self.city.store, "tracker", self.hook.post, lambda: self.now, batch=6)

    @property
    def last(self) -> int:
        with self.city.store.reading():
            return Feed(self.city.store).last()

    def numbers(self) -> list[int]:
        return [e["seq"] for e in self.peer.events]


@pytest.fixture
def story() -> Any:
    with Receiver(secret=SECRET) as peer:
        told = Story(peer)
        yield told
        told.hook.close()
        told.city.store.close()


def test_events_arrive_whole_in_order_and_once_whatever_happens_to_the_answers(story: Story) -> None:
    for steps in (("lose",), ("drop",), ("503",), ("", "slow"), ("429",), ("garbage", "lose"), ("408",)):
        story.push(*steps)
    story.city.do("decide_award", "2026-11-10 09:00")  # more happens while a batch is in doubt
    pushed = story.push()
    assert (pushed.left, pushed.stands.state) == (0, "open")
    assert story.numbers() == list(range(1, story.last + 1))
    assert len(story.peer.ids) > len(set(story.peer.ids)), "what was in doubt came again under the same id"
    before = list(story.peer.ids)
    assert story.push().taken == 0
    assert story.peer.ids == before, "nothing new, nothing sent"


def test_the_batch_in_doubt_stays_the_same_though_more_has_happened(story: Story) -> None:
    story.push("", "", "", "lose")  # the last batch, a short one
    [doubtful] = story.peer.ids[3:4]
    story.city.do("decide_award", "2026-11-10 09:00")
    story.push()
    assert story.peer.ids[4] == doubtful, "the fake fails the test if its body had changed"
    assert story.numbers() == list(range(1, story.last + 1))


def test_who_wants_no_more_gets_no_more_until_a_person_says_so(story: Story) -> None:
    story.push("", "410")
    assert story.push().stands.state == "gone"
    assert len(story.peer.ids) == 1
    reopen(story.city.store, "tracker", story.now)
    assert story.push().left == 0
    assert story.numbers() == list(range(1, story.last + 1))


def test_a_batch_that_is_refused_for_good_stops_the_subscriber_and_is_not_skipped(story: Story) -> None:
    story.push("", "400")
    stopped = story.push()
    assert (stopped.stands.state, stopped.stands.after, stopped.taken) == ("dead", 6, 0)
    assert "HTTP 400" in stopped.stands.detail
    reopen(story.city.store, "tracker", story.now)
    story.push()
    assert story.numbers() == list(range(1, story.last + 1))


def test_a_retry_waits_half_a_minute_and_a_wrong_secret_loses_nothing(story: Story) -> None:
    story.push("503")
    began = story.now
    for seconds, taken in ((29, 0), (30, story.last)):
        story.now = began + timedelta(seconds=seconds) - LATER
        assert story.push().taken == taken, seconds
    story.city.do("decide_award", "2026-11-10 09:00")
    stranger = channel(story.peer.port, secret="whsec_" + b64encode(b"another").decode())
    right, story.hook = story.hook, stranger
    assert story.push().stands.state == "open"
    stranger.close()
    story.hook = right
    story.push()
    assert story.numbers() == list(range(1, story.last + 1))


def test_each_subscriber_has_a_place_of_its_own(story: Story) -> None:
    story.push()
    last = story.last
    with story.city.store.transaction():
        feed = Feed(story.city.store)
        assert feed.subscription("tracker").after == last
        assert feed.subscription("province").after == 0
        feed.keep(replace(feed.subscription("province"), after=3, upto=3), moment("2026-11-10 09:00"))
        assert [s.name for s in feed.subscriptions()] == ["province", "tracker"]
        assert feed.subscription("tracker").after == last
