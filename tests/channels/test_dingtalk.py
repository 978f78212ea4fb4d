"""DingTalk work notices against a server on loopback that hands out tokens and keeps a queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from engine.delivery import Kind, confirms
from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.dingtalk import DingTalk, from_address
from tests.channels.contract import NOW, ChannelContract
from tests.fakes.dingtalk import DingTalkServer

SECRET = "dingtalk-app-secret"


def channel(port: int, *, secret: str = SECRET, timeout: float = 5.0) -> DingTalk:
    url = f"dingtalk://dingAppKey01/301?secret=env:S&timeout={timeout}&base_url=http://127.0.0.1:{port}"
    return from_address(read_address(url), {"env:S": secret}.__getitem__, {})


class TestDingTalk(ChannelContract):
    channel, to, secret, asks = "dingtalk", "manager4220", SECRET, False
    table: ClassVar[dict[str, Kind]] = {
        "-1": "retry", "90018": "retry", "143103": "retry", "143105": "quota", "143106": "rejected",
        "33012": "rejected", "1430002": "rejected", "40089": "config", "60011": "config", "60020": "config",
        "99999": "retry", "500": "retry", "502": "unknown", "404": "config",
    }  # fmt: skip

    def peer(self) -> DingTalkServer:
        return DingTalkServer(secret=SECRET)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> DingTalk:
        return channel(port or peer.port, secret=secret or SECRET, timeout=timeout)


@pytest.fixture
def server() -> Any:
    with DingTalkServer(secret=SECRET) as peer:
        yield peer


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_stale_token_is_replaced_whether_or_not_the_gateway_wraps_the_error(
    server: DingTalkServer, wrapped: bool
) -> None:
    server.wrapped = wrapped
    ours, message = channel(server.port), TestDingTalk().message
    assert ours.send(message(1), NOW).kind == "accepted"
    server.expire()
    assert ours.send(message(2), NOW).kind == "accepted"
    assert (server.given, len(server.accepted)) == (2, 2)
    server.plan("40014")
    assert ours.send(message(3), NOW).kind == "accepted"
    server.plan("40014", "40014")
    assert ours.send(message(4), NOW).kind == "config"
    server.plan("33012")
    outcome = ours.send(message(5), NOW)
    assert (outcome.kind, outcome.blame, outcome.code) == ("rejected", "contact", "33012")
    ours.close()


def test_a_notice_sent_again_after_a_lost_answer_proves_by_its_refusal_that_it_arrived(
    server: DingTalkServer,
) -> None:
    server.strict = True
    ours, message = channel(server.port), TestDingTalk().message()
    server.plan("lose")
    assert ours.send(message, NOW).kind == "unknown"
    assert ours.send(replace(message, tries=1), NOW).kind == "accepted"
    assert len(server.accepted) == 1
    first = ours.send(TestDingTalk().message(2), NOW)
    assert (first.kind, first.code, first.blame) == ("rejected", "143106", "content"), (
        "no try of its own came before"
    )
    ours.close()


def test_a_person_whose_day_is_full_waits_for_the_next_one(server: DingTalkServer) -> None:
    server.plan("143105")
    outcome = channel(server.port).send(TestDingTalk().message(), NOW)
    assert outcome.again_at == datetime(2026, 11, 2, 16, 0, tzinfo=UTC)  # Monday 24:00 in Beijing


@pytest.mark.parametrize(
    ("where", "state", "code", "blame"),
    [
        ("read_user_id_list", "delivered", "read", ""),
        ("unread_user_id_list", "delivered", "unread", ""),
        ("invalid_user_id_list", "undelivered", "invalid", "contact"),
        ("forbidden_user_id_list", "undelivered", "forbidden", ""),
        ("failed_user_id_list", "undelivered", "failed", ""),
    ],
)
def test_what_became_of_a_notice_is_asked_by_its_number(
    server: DingTalkServer, where: str, state: str, code: str, blame: str
) -> None:
    ours, message = channel(server.port), TestDingTalk().message()
    assert confirms(ours)
    taken = replace(message, provider_id=ours.send(message, NOW).provider_id)
    assert ours.receipts([message, taken], NOW) == [], "still in the queue"
    server.settle(message.reference, where)
    [receipt] = ours.receipts([message, taken], NOW)
    assert (receipt.state, receipt.code, receipt.blame) == (state, code, blame)
    assert (receipt.reference, receipt.provider_id) == (message.reference, taken.provider_id)
    assert message.address not in repr(receipt)
    ours.close()


@pytest.mark.parametrize("step", ["lose", "drop", "garbage", "500", "90018"])
def test_a_question_without_an_answer_tells_nothing(server: DingTalkServer, step: str) -> None:
    ours, message = channel(server.port), TestDingTalk().message()
    taken = replace(message, provider_id=ours.send(message, NOW).provider_id)
    server.settle(message.reference, "read_user_id_list")
    server.plan_query(step)
    assert ours.receipts([taken], NOW) == []
    assert len(ours.receipts([taken], NOW)) == 1
    ours.close()


@pytest.mark.parametrize(
    "url", ["dingtalk://key?secret=env:S", "dingtalk://key/x?secret=env:S", "dingtalk://key/1"]
)
def test_an_address_without_agent_or_secret_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        from_address(read_address(url), {"env:S": SECRET}.__getitem__, {})
