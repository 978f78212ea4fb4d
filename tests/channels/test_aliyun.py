"""Aliyun SMS against a gateway on loopback that verifies ACS3 signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from engine.delivery import Kind, Outcome, Waiting
from engine.errors import BadInput
from engine.workflow import ProviderText, TextDef
from notifiers.address import read_address
from notifiers.aliyun_sms import AliyunSms, from_address
from tests.channels.contract import LOSE, NOW, ChannelContract
from tests.fakes.aliyun import Aliyun
from tests.fakes.web import Web

SECRET = "aliyun-secret-key"
KEPT = ProviderText("aliyun", "SMS_1", ("code", "note"), date(2026, 11, 2), 500)
TEXTS = {
    "due_soon": TextDef("due_soon", "", "", "编号{code}的项目：{note}", {"code": 16, "note": 500},
                        providers={"aliyun": KEPT}),
}  # fmt: skip


def channel(
    peer: Web, *, secret: str = SECRET, port: int = 0, now: datetime = NOW, more: str = "",
    texts: Mapping[str, TextDef] = TEXTS, timeout: float = 5.0,
) -> AliyunSms:  # fmt: skip
    url = (f"aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:S&sign=一日办&timeout={timeout}"
           f"&base_url=http://127.0.0.1:{port or peer.port}{more}")  # fmt: skip
    return from_address(read_address(url), {"env:S": secret}.__getitem__, texts, clock=lambda: now)


class TestAliyun(ChannelContract):
    channel, to, secret, asks = "sms", "13800000001", SECRET, True
    table: ClassVar[Mapping[str, Kind]] = {
        "isp.SYSTEM_ERROR": "retry",
        "ServiceUnavailable": "retry",
        "Throttling.User": "retry",
        "Throttling.Api": "retry",
        "500": "retry",
        "503": "retry",
        "502": "unknown",
        "504": "unknown",
        "429": "retry",
        "302": "config",
        "isv.BUSINESS_LIMIT_CONTROL|触发分钟级流控Permits:1": "quota",
        "isv.DAY_LIMIT_CONTROL": "quota",
        "isv.MONTH_LIMIT_CONTROL": "quota",
        "isv.MOBILE_NUMBER_ILLEGAL": "rejected",
        "isv.BLACK_KEY_CONTROL_LIMIT": "rejected",
        "isv.PARAM_LENGTH_LIMIT": "rejected",
        "isv.PARAM_NOT_SUPPORT_URL": "rejected",
        "isv.TEMPLATE_MISSING_PARAMETERS": "rejected",
        "isv.SMS_TEMPLATE_ILLEGAL": "config",
        "isv.SMS_SIGNATURE_ILLEGAL": "config",
        "isv.SIGN_STATE_ILLEGAL": "config",
        "SignatureDoesNotMatch": "config",
        "InvalidAccessKeyId.NotFound": "config",
        "isp.RAM_PERMISSION_DENY": "config",
        "isv.OUT_OF_SERVICE": "config",
        "isv.DENY_IP_RANGE": "config",
        "SignatureNonceUsed": "unknown",
        "isv.NEVER_HEARD_OF": "retry",
    }

    def peer(self) -> Aliyun:
        return Aliyun(secret=SECRET, longest=500, now=NOW)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> AliyunSms:
        return channel(peer, secret=secret or SECRET, port=port or 0, timeout=timeout)

    def message(self, number: int = 1, text: str = "课桌椅项目今日到期，请抓紧办理。") -> Waiting:
        return replace(super().message(number, text), params={"code": "P-1", "note": text, "unused": "x"})


@pytest.fixture
def gateway() -> Any:
    with Aliyun(secret=SECRET, now=NOW) as peer:
        yield peer


def message(number: int = 1, **more: Any) -> Waiting:
    return replace(TestAliyun().message(number), **more)


def test_a_window_opens_again_when_its_name_says(gateway: Aliyun) -> None:
    # Monday 2026-11-02 09:00 in Beijing
    opens = {
        "isv.BUSINESS_LIMIT_CONTROL|触发分钟级流控Permits:1": datetime(2026, 11, 2, 1, 1, tzinfo=UTC),
        "isv.BUSINESS_LIMIT_CONTROL|触发小时级流控Permits:5": datetime(2026, 11, 2, 2, 0, tzinfo=UTC),
        "isv.BUSINESS_LIMIT_CONTROL|触发天级流控Permits:10": datetime(2026, 11, 2, 16, 0, tzinfo=UTC),
        "isv.MONTH_LIMIT_CONTROL": datetime(2026, 11, 30, 16, 0, tzinfo=UTC),
    }
    gateway.plan(*opens)
    ours = channel(gateway)
    assert [ours.send(message(), NOW).again_at for _ in opens] == list(opens.values())
    ours.close()


def test_a_template_gets_its_values_cut_cleaned_and_in_its_own_order(gateway: Aliyun) -> None:
    kept = replace(KEPT, longest=35)
    texts = {"due_soon": replace(TEXTS["due_soon"], providers={"aliyun": kept})}
    ours = channel(gateway, texts=texts)
    dirty = "第一行\r\n第二行【甲】\x07" + "长" * 40
    assert ours.send(message(params={"code": "", "note": dirty}), NOW).kind == "accepted"
    [taken] = gateway.accepted
    assert taken.text == "【一日办】编号无的项目：第一行 第二行〔甲〕 " + "长" * 23 + "…"
    assert len(taken.text.partition("：")[2]) == 35
    odd = "平财购〔2026〕1/2号 a+b&c=d%41~*'()$"
    assert ours.send(message(params={"code": "P/1 +&", "note": odd}), NOW).kind == "accepted"
    assert gateway.accepted[1].text == f"【一日办】编号P/1 +&的项目：{odd}"
    ours.close()


@pytest.mark.parametrize(
    ("kept", "kind"),
    [
        ({}, "config"),
        ({"aliyun": replace(KEPT, approved=None)}, "config"),
        # 3 November 2026 is tomorrow (Tuesday)
        ({"aliyun": replace(KEPT, approved=date(2026, 11, 3))}, "config"),
        ({"aliyun": replace(KEPT, params=("code", "note", "more"))}, "rejected"),
    ],
    ids=["no template", "not approved", "approved tomorrow", "a value is missing"],
)
def test_what_is_not_approved_is_never_submitted(gateway: Aliyun, kept: Any, kind: Kind) -> None:
    ours = channel(gateway, texts={"due_soon": replace(TEXTS["due_soon"], providers=kept)})
    outcome = ours.send(message(), NOW)
    assert (outcome.kind, gateway.requests["send"]) == (kind, 0), outcome
    assert "due_soon" in outcome.detail
    assert ours.send(message(wording="nobody_knows"), NOW).kind == "config"
    ours.close()


def test_what_was_handed_over_a_moment_ago_is_not_missing_yet(gateway: Aliyun) -> None:
    gateway.plan(LOSE)
    gateway.lag = timedelta(seconds=100)
    assert channel(gateway).send(message(), NOW).kind == "unknown"
    kinds = []
    for seconds in (1, 99, 101, 130):
        gateway.fixed = NOW + timedelta(seconds=seconds)
        kinds.append(channel(gateway, now=gateway.fixed).ask(message(handed_at=NOW)).kind)
    assert kinds == ["unknown", "unknown", "accepted", "accepted"]
    # what never came is missing as soon as the lag is over, not before
    missing = [channel(gateway, now=NOW + timedelta(seconds=s)).ask(message(2, handed_at=NOW)).kind
               for s in (119, 120, 121)]  # fmt: skip
    assert missing == ["unknown", "retry", "retry"]


def test_a_message_is_found_on_whatever_day_it_went_out(gateway: Aliyun) -> None:
    # written on Thursday 2026-10-29, sent after the week-end
    written = datetime(2026, 10, 29, 10, 0, tzinfo=UTC)
    ours = channel(gateway)
    assert ours.send(message(created_at=written), NOW).kind == "accepted"
    assert ours.ask(message(created_at=written)).kind == "accepted"
    assert ours.ask(message(2, created_at=written)).kind == "retry"
    # handed over in the last second before midnight of Monday, taken in the first of Tuesday
    before = datetime(2026, 11, 2, 15, 59, 59, tzinfo=UTC)
    gateway.fixed = before + timedelta(seconds=1)
    assert channel(gateway, now=before).send(message(3), before).kind == "accepted"
    gateway.fixed = datetime(2026, 11, 5, 1, 0, tzinfo=UTC)
    assert channel(gateway, now=gateway.fixed).ask(message(3, handed_at=before)).kind == "accepted"


def test_a_message_is_found_beyond_the_first_page(gateway: Aliyun) -> None:
    for n in range(120):
        gateway.take(f"{n:032x}", "13800000001", "x", template="SMS_1")
    ours = channel(gateway)
    assert ours.send(message(), NOW).kind == "accepted"
    gateway.requests.clear()
    assert ours.ask(message()).kind == "accepted"
    assert gateway.requests["query"] == 3
    ours.close()


@pytest.mark.parametrize(
    "step", ["isp.RAM_PERMISSION_DENY", "Throttling.User", "500", "lose", "drop", "garbage"]
)
def test_a_question_without_an_answer_leaves_the_doubt(gateway: Aliyun, step: str) -> None:
    gateway.plan_query(step)
    ours = channel(gateway)
    assert ours.ask(message()).kind == "unknown"
    gateway.plan_query(step)
    assert list(ours.receipts([message()], NOW)) == []
    ours.close()


def test_receipts_say_who_got_it_and_whose_fault_it_is_that_somebody_did_not(gateway: Aliyun) -> None:
    ours = channel(gateway)
    messages = [message(n) for n in range(4)]
    for one in messages:
        ours.send(one, NOW)
    gateway.settle(messages[0].reference, "3", "DELIVERED")
    gateway.settle(messages[1].reference, "2", "MOBILE_NOT_ON_SERVICE")
    gateway.settle(messages[2].reference, "2", "CONTENT_KEYWORD")
    later = NOW + timedelta(hours=1)
    found = {r.reference: r for r in ours.receipts(messages, later)}
    told = [found.get(m.reference) for m in messages]
    assert [(r.state, r.code, r.blame) if r else None for r in told] == [
        ("delivered", "DELIVERED", ""), ("undelivered", "MOBILE_NOT_ON_SERVICE", "contact"),
        ("undelivered", "CONTENT_KEYWORD", "content"), None,
    ]  # fmt: skip
    assert {r.at for r in found.values()} == {NOW}, "the provider's moment, read as Beijing time"
    assert gateway.requests["query"] == 1, "one number and one day are one question"
    ours.close()


@pytest.mark.parametrize("step", ["twice", "garbage", "half"])
def test_an_answer_that_is_none_or_two_never_becomes_another_messages(gateway: Aliyun, step: str) -> None:
    gateway.plan(step, "isv.MOBILE_NUMBER_ILLEGAL")
    ours = channel(gateway)
    first: Outcome = ours.send(message(1), NOW)
    assert first.kind == ("accepted" if step == "twice" else "unknown")
    assert ours.send(message(2), NOW).kind == "rejected"
    assert ours.send(message(3), NOW).provider_id == gateway.accepted[-1].id
    ours.close()


def test_a_number_is_submitted_as_the_provider_writes_it(gateway: Aliyun) -> None:
    ours = channel(gateway)
    for written in ("+86 138-0000-0001", "8613800000001", "13800000001"):
        assert ours.send(message(address=written), NOW).kind == "accepted"
    refused = ours.send(message(address="03752660001"), NOW)
    assert (refused.kind, refused.blame) == ("rejected", "contact")
    assert {t.address for t in gateway.accepted} == {"13800000001"}
    ours.close()


def test_a_url_that_lacks_something_is_refused() -> None:
    for url in ("aliyun-sms://AK@h/?sign=x", "aliyun-sms://AK@h/?secret=env:S", "aliyun-sms://AK@h/?secret=env:S&sign=x&sgin=y",
                "aliyun-sms://AK@h/?secret=env:S&sign=x&proxy=http://me:pw@h:1"):  # fmt: skip
        with pytest.raises(BadInput):
            from_address(read_address(url), {"env:S": "s"}.__getitem__, TEXTS)
