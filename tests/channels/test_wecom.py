"""WeCom application messages against a server on loopback that hands out tokens and checks them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from engine.delivery import Kind
from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.wecom import WeCom, from_address
from tests.channels.contract import NOW, ChannelContract
from tests.fakes.wecom import WeComServer

SECRET = "wecom-app-secret"


def channel(port: int, *, secret: str = SECRET, timeout: float = 5.0, corp: str = "wwCorpId01") -> WeCom:
    url = f"wecom://{corp}/1000002?secret=env:S&timeout={timeout}&base_url=http://127.0.0.1:{port}"
    return from_address(read_address(url), {"env:S": secret}.__getitem__, {})


class TestWeCom(ChannelContract):
    channel, to, secret, asks = "wecom", "ZhangSan01", SECRET, False
    table: ClassVar[dict[str, Kind]] = {
        "-1": "retry", "45009": "retry", "45033": "retry", "81013": "rejected", "45002": "rejected",
        "40001": "config", "40013": "config", "40056": "config", "60020": "config", "301002": "config",
        "99999": "retry", "500": "retry", "502": "unknown", "404": "config",
    }  # fmt: skip

    def peer(self) -> WeComServer:
        return WeComServer(secret=SECRET)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> WeCom:
        return channel(port or peer.port, secret=secret or SECRET, timeout=timeout)


@pytest.fixture
def server() -> Any:
    with WeComServer(secret=SECRET) as peer:
        yield peer


def test_a_token_is_fetched_once_and_again_when_it_has_run_out(server: WeComServer) -> None:
    ours, message = channel(server.port), TestWeCom().message
    for number in range(3):
        assert ours.send(message(number), NOW).kind == "accepted"
    assert server.given == 1
    server.expire()
    assert ours.send(message(3), NOW).kind == "accepted"
    assert (server.given, len(server.accepted)) == (2, 4)
    for word in ("40014", "42001"):
        server.plan(word)
        assert ours.send(message(int(word)), NOW).kind == "accepted"
    server.plan("42001", "42001")
    assert ours.send(message(9), NOW).kind == "config", (
        "a fresh token that is refused too is not tried for ever"
    )
    ours.close()


@pytest.mark.parametrize(("lasts", "given"), [(301, 1), (300, 2), (0, 2)])
def test_a_token_is_not_used_in_its_last_five_minutes(server: WeComServer, lasts: int, given: int) -> None:
    server.lasts = lasts
    ours = channel(server.port)
    for number in range(2):
        assert ours.send(TestWeCom().message(number), NOW).kind == "accepted"
    assert server.given == given
    ours.close()


@pytest.mark.parametrize(
    ("step", "kind"),
    [("lose", "retry"), ("drop", "retry"), ("garbage", "retry"), ("503", "retry"), ("60020", "config")],
)
def test_where_no_token_came_nothing_was_sent(server: WeComServer, step: str, kind: Kind) -> None:
    server.plan_query(step)
    ours = channel(server.port)
    outcome = ours.send(TestWeCom().message(), NOW)
    assert (outcome.kind, server.requests["send"]) == (kind, 0), outcome
    assert ours.send(TestWeCom().message(), NOW).kind == "accepted"
    ours.close()


def test_the_same_request_sent_again_reaches_nobody_twice_and_another_of_the_same_words_does(
    server: WeComServer,
) -> None:
    ours, message = channel(server.port), TestWeCom().message
    server.plan("lose")
    assert ours.send(message(1), NOW).kind == "unknown"
    assert ours.send(replace(message(1), tries=1), NOW).kind == "accepted"
    assert len(server.accepted) == 1
    assert ours.send(message(2), NOW).kind == "accepted"
    assert len(server.accepted) == 2
    ours.close()


def test_a_member_who_is_not_there_is_the_contacts_fault(server: WeComServer) -> None:
    server.invalid.add("ZhangSan01")
    outcome = channel(server.port).send(TestWeCom().message(), NOW)
    assert (outcome.kind, outcome.blame, outcome.code) == ("rejected", "contact", "invaliduser")
    server.plan("81013")
    assert channel(server.port).send(TestWeCom().message(), NOW).blame == "contact"


@pytest.mark.parametrize(("length", "kept"), [(682, 682), (683, 681)])
def test_a_text_is_cut_between_two_characters(server: WeComServer, length: int, kept: int) -> None:
    channel(server.port).send(TestWeCom().message(1, "购" * length), NOW)
    [taken] = server.accepted
    assert taken.text == "购" * kept + ("…" if kept < length else "")


def test_a_wrong_company_is_ours_to_mend(server: WeComServer) -> None:
    assert channel(server.port, corp="wwOther").send(TestWeCom().message(), NOW).kind == "config"


@pytest.mark.parametrize(
    "url", ["wecom://corp?secret=env:S", "wecom://corp/abc?secret=env:S", "wecom://corp/1"]
)
def test_an_address_without_agent_or_secret_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        from_address(read_address(url), {"env:S": SECRET}.__getitem__, {})
