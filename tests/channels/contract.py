"""What every channel must do, whatever it speaks: inherit ``ChannelContract``, fill in the hooks.

A test module says what its provider is like, and gets the suite::

    class TestAliyun(ChannelContract):
        channel, to, secret, asks = "sms", "13800000001", "s3cret-key", True
        table = {"isv.BUSINESS_LIMIT_CONTROL": "quota", "isv.MOBILE_NUMBER_ILLEGAL": "rejected"}

        def peer(self) -> AbstractContextManager[Peer]:
            return AliyunGateway(secret=self.secret)

        def connect(self, peer, *, secret=None, port=None, timeout=5.0) -> Notifier:
            url = f"aliyun-sms://AK@x/?base_url=http://127.0.0.1:{port or peer.port}&secret=env:S&timeout={timeout}"
            return from_address(read_address(url), {"env:S": secret or self.secret}.__getitem__, TEXTS)

A peer (`tests/fakes`) listens on loopback, keeps a ledger and follows a script: ``plan`` takes one word per
request to come, then it is itself again. The words are those below; any other is the provider's own error.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ClassVar, Protocol

import pytest

from engine.delivery import Closing, Kind, Notifier, Outcome, Waiting

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai
LOSE = "lose"
"""Take the message, then close the connection instead of answering."""
DROP = "drop"
"""Close the connection; take nothing."""
SLOW = "slow"
"""Take the message, then keep silent for longer than any timeout of these tests (two seconds)."""
STRANGE = "编号〔2026〕平财购1号：𠮷田“办公家具”（第一包）— 请于24:00前办结，逾期督办。"


class Taken(Protocol):
    """One line of a peer's ledger."""

    @property
    def reference(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def text(self) -> str: ...


class Peer(Protocol):
    """A provider on loopback."""

    @property
    def port(self) -> int: ...
    @property
    def accepted(self) -> Sequence[Taken]: ...
    def plan(self, *steps: str) -> None: ...


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_to(port: int) -> int:
    """Count this process's sockets that are connected to ``port``."""
    gc.collect()
    found = 0
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.fileno() >= 0:
            try:
                found += thing.getpeername()[1] == port
            except (OSError, IndexError):
                continue
    return found


class ChannelContract:
    """The suite; a subclass named ``Test…`` runs it."""

    channel: ClassVar[str]
    to: ClassVar[str]
    secret: ClassVar[str]
    asks: ClassVar[bool]
    """Whether the provider can be asked by our reference."""
    table: ClassVar[Mapping[str, Kind]]
    """The provider's own errors, as ``plan`` takes them, and what each of them is."""
    dropped: ClassVar[Kind] = "unknown"
    """What a connection closed by the provider without taking anything is: only a protocol that tells what
    was taken when can say ``retry``."""
    wording: ClassVar[str] = "due_soon"
    params: ClassVar[Mapping[str, str]] = {}

    def peer(self) -> AbstractContextManager[Any]:
        """Return the provider, to be entered."""
        raise NotImplementedError

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> Notifier:  # fmt: skip
        """Return the channel, set up for ``peer``, or for another secret, port or timeout in seconds."""
        raise NotImplementedError

    def expected_text(self, message: Waiting) -> str:
        """Say what must stand in the ledger's ``text`` (part of it, for mails and templates)."""
        return message.text

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try each row of the table as a test of its own."""
        if "row" in metafunc.fixturenames:
            metafunc.parametrize("row", self.table.items(), ids=lambda row: f"{row[0]} is {row[1]}")

    @pytest.fixture
    def provider(self) -> Iterator[Any]:
        """The provider, listening."""
        with self.peer() as peer:
            yield peer

    @pytest.fixture
    def notifier(self, provider: Any) -> Iterator[Notifier]:
        """The channel, connected to ``provider``."""
        made = self.connect(provider)
        yield made
        close(made)

    def message(self, number: int = 1, text: str = "课桌椅项目今日到期，请抓紧办理。") -> Waiting:
        """Make a message; ``number`` tells its key."""
        return Waiting(
            key=f"P1/sign_contract/1/0/soon/{number}/zhang/{self.channel}",
            channel=self.channel, person="zhang", address=self.to, subject="到期提醒", text=text,
            created_at=NOW, wording=self.wording, params=self.params,
        )  # fmt: skip

    def discreet(self, outcome: Outcome) -> Outcome:
        """Fail if the outcome tells an address, a number or a secret; return it."""
        said = repr(outcome)
        for hidden in (self.to, self.to.partition("@")[0], self.secret):
            assert not hidden or hidden not in said, said
        return outcome

    def test_an_accepted_message_stands_in_the_ledger_under_our_reference(
        self, provider: Any, notifier: Notifier
    ) -> None:
        message = self.message()
        outcome = self.discreet(notifier.send(message, NOW))
        assert outcome.kind == "accepted", outcome
        [taken] = provider.accepted
        assert (taken.reference, taken.address) == (message.reference, self.to)
        assert self.expected_text(message) in taken.text

    def test_each_answer_of_the_provider_is_its_class(
        self, provider: Any, notifier: Notifier, row: tuple[str, Kind]
    ) -> None:
        answer, kind = row
        provider.plan(answer)
        outcome = self.discreet(notifier.send(self.message(), NOW))
        assert outcome.kind == kind, outcome
        assert outcome.code, "the provider's own word is kept for people who ask it"
        if kind != "unknown":
            assert not provider.accepted
            assert notifier.send(self.message(), NOW).kind == "accepted", "the next one is none the worse"

    def test_a_lost_answer_is_unknown_until_the_provider_is_asked(
        self, provider: Any, notifier: Notifier
    ) -> None:
        provider.plan(LOSE)
        outcome = self.discreet(notifier.send(self.message(), NOW))
        assert (outcome.kind, len(provider.accepted)) == ("unknown", 1), outcome
        assert self.discreet(notifier.ask(self.message())).kind == ("accepted" if self.asks else "unknown")

    def test_a_connection_closed_before_anything_was_taken_costs_no_message(
        self, provider: Any, notifier: Notifier
    ) -> None:
        provider.plan(DROP)
        outcome = self.discreet(notifier.send(self.message(), NOW))
        assert (outcome.kind, len(provider.accepted)) == (self.dropped, 0), outcome
        assert notifier.ask(self.message()).kind == ("retry" if self.asks else "unknown")
        assert notifier.send(self.message(), NOW).kind == "accepted"
        assert len(provider.accepted) == 1

    def test_what_was_never_sent_is_not_found_where_the_provider_can_be_asked(
        self, notifier: Notifier
    ) -> None:
        assert notifier.ask(self.message(7)).kind == ("retry" if self.asks else "unknown")

    def test_silence_after_the_message_was_sent_is_unknown_within_the_timeout(self, provider: Any) -> None:
        impatient = self.connect(provider, timeout=0.3)
        provider.plan(SLOW)
        started = monotonic()
        outcome = self.discreet(impatient.send(self.message(), NOW))
        assert outcome.kind == "unknown", outcome
        assert monotonic() - started < 1.9
        close(impatient)

    def test_where_nobody_listens_nothing_was_sent(self, provider: Any) -> None:
        nowhere = self.connect(provider, port=free_port())
        assert self.discreet(nowhere.send(self.message(), NOW)).kind == "retry"
        close(nowhere)

    def test_a_wrong_secret_is_ours_to_mend(self, provider: Any) -> None:
        stranger = self.connect(provider, secret="not-the-secret")
        outcome = self.discreet(stranger.send(self.message(), NOW))
        assert (outcome.kind, list(provider.accepted)) == ("config", []), outcome
        assert "not-the-secret" not in repr(outcome)
        close(stranger)

    def test_rare_characters_and_long_texts_arrive_unchanged(self, provider: Any, notifier: Notifier) -> None:
        for number, text in enumerate((STRANGE, STRANGE * 5)):
            message = self.message(number, text)
            assert notifier.send(message, NOW).kind == "accepted"
            assert self.expected_text(message) in provider.accepted[number].text

    def test_the_same_message_sent_again_bears_the_same_reference(
        self, provider: Any, notifier: Notifier
    ) -> None:
        for _ in range(2):
            notifier.send(self.message(), NOW)
        assert {taken.reference for taken in provider.accepted} == {self.message().reference}

    def test_eight_threads_send_two_hundred_messages_once_each(
        self, provider: Any, notifier: Notifier
    ) -> None:
        messages = [self.message(number) for number in range(200)]
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda message: notifier.send(message, NOW), messages))
        assert {outcome.kind for outcome in outcomes} == {"accepted"}
        assert sorted(taken.reference for taken in provider.accepted) == sorted(
            message.reference for message in messages
        )

    def test_closing_lets_go_of_every_connection(self, provider: Any) -> None:
        used = self.connect(provider)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda number: used.send(self.message(number), NOW), range(9)))
        close(used)
        assert open_to(provider.port) == 0
        close(used)


def close(notifier: Notifier) -> None:
    """Close a channel that holds connections."""
    if isinstance(notifier, Closing):
        notifier.close()
