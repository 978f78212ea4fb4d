"""Tencent Cloud SMS against a gateway on loopback that verifies TC3 signatures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest

from engine.delivery import UNASKABLE, Confirming, Kind, Waiting
from engine.workflow import ProviderText, TextDef
from notifiers.address import read_address
from notifiers.tencent_sms import TencentSms, from_address
from tests.channels.contract import LOSE, NOW, ChannelContract
from tests.fakes.tencent import Tencent
from tests.fakes.web import Web

SECRET = "tencent-secret-key"
# the template has the values in another order than the text
KEPT = ProviderText("tencent", "1001", ("note", "code"), date(2026, 11, 2), 500)
TEXTS = {
    "due_soon": TextDef("due_soon", "", "", "编号{code}的项目：{note}", {"code": 16, "note": 500},
                        providers={"tencent": KEPT}),
}  # fmt: skip
TEMPLATES = {"1001": "{1}，编号{2}"}


def channel(
    peer: Web, *, secret: str = SECRET, port: int = 0, now: datetime = NOW, echo: bool = True,
    timeout: float = 5.0,
) -> TencentSms:  # fmt: skip
    url = (f"tencent-sms://SID@sms.tencentcloudapi.com/?secret=env:S&app=1400000001&sign=一日办&echo={echo:d}"
           f"&timeout={timeout}&base_url=http://127.0.0.1:{port or peer.port}")  # fmt: skip
    return from_address(read_address(url), {"env:S": secret}.__getitem__, TEXTS, clock=lambda: now)


class TestTencent(ChannelContract):
    channel, to, secret, asks = "sms", "13800000001", SECRET, True
    table: ClassVar[dict[str, Kind]] = {
        "RequestLimitExceeded": "retry",
        "RequestLimitExceeded.UinLimitExceeded": "retry",
        "InternalError.OtherError": "retry",
        "InternalError.Timeout": "unknown",
        "InternalError.SendAndRecvFail": "unknown",
        "InternalError.OtherError@500": "unknown",
        "RequestLimitExceeded@503": "unknown",
        "500": "unknown",
        "503": "unknown",
        "302": "config",
        "LimitExceeded.PhoneNumberThirtySecondLimit": "quota",
        "LimitExceeded.PhoneNumberOneHourLimit": "quota",
        "LimitExceeded.PhoneNumberDailyLimit": "quota",
        "LimitExceeded.PhoneNumberSameContentDailyLimit": "quota",
        "LimitExceeded.DeliveryFrequencyLimit": "quota",
        "InvalidParameterValue.IncorrectPhoneNumber": "rejected",
        "FailedOperation.PhoneNumberInBlacklist": "rejected",
        "FailedOperation.ContainSensitiveWord": "rejected",
        "InvalidParameterValue.TemplateParameterLengthLimit": "rejected",
        "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "rejected",
        "AuthFailure.SignatureExpire": "config",
        "FailedOperation.SignatureIncorrectOrUnapproved": "config",
        "FailedOperation.TemplateUnapprovedOrNotExist": "config",
        "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": "config",
        "FailedOperation.InsufficientBalanceInSmsPackage": "config",
        "UnauthorizedOperation.RequestIpNotInWhitelist": "config",
        "InvalidParameterValue.SdkAppIdNotExist": "config",
        "FailedOperation.NeverHeardOf": "retry",
    }

    def peer(self) -> Tencent:
        return Tencent(secret=SECRET, longest=500, templates=TEMPLATES, now=NOW)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> TencentSms:
        return channel(peer, secret=secret or SECRET, port=port or 0, timeout=timeout)

    def message(self, number: int = 1, text: str = "课桌椅项目今日到期，请抓紧办理。") -> Waiting:
        return replace(super().message(number, text), params={"code": "P-1", "note": text, "unused": "x"})


@pytest.fixture
def gateway() -> Any:
    with Tencent(secret=SECRET, longest=500, templates=TEMPLATES, now=NOW) as peer:
        yield peer


def message(number: int = 1, **more: Any) -> Waiting:
    return replace(TestTencent().message(number), **more)


def test_the_values_go_out_in_the_order_of_the_template(gateway: Tencent) -> None:
    ours = channel(gateway)
    ours.send(message(params={"code": "P-7", "note": "请签合同"}), NOW)
    assert gateway.accepted[0].text == "【一日办】请签合同，编号P-7"
    ours.close()


def test_a_window_opens_again_when_its_name_says(gateway: Tencent) -> None:
    # Monday 2026-11-02 09:00 in Beijing
    opens = {
        "LimitExceeded.PhoneNumberThirtySecondLimit": NOW + timedelta(seconds=30),
        "LimitExceeded.PhoneNumberOneHourLimit": NOW + timedelta(hours=1),
        "LimitExceeded.PhoneNumberDailyLimit": datetime(2026, 11, 2, 16, 0, tzinfo=UTC),
        "LimitExceeded.DeliveryFrequencyLimit": None,
    }
    gateway.plan(*opens)
    ours = channel(gateway)
    assert [ours.send(message(), NOW).again_at for _ in opens] == list(opens.values())
    ours.close()


def test_an_account_without_echo_confirms_and_denies_nothing_by_our_reference(gateway: Tencent) -> None:
    gateway.echo = False
    gateway.plan("", LOSE)
    ours = channel(gateway, echo=False)
    first = ours.send(message(), NOW)
    ours.send(message(2), NOW)
    for number in (2, 3):
        answer = ours.ask(message(number))
        assert (answer.kind, answer.code) == ("unknown", UNASKABLE), "absence proves nothing"
    assert ours.ask(message(provider_id=first.provider_id)).kind == "accepted", "the serial number is known"
    # said to echo though it does not: the row without our reference is no proof of absence either way
    gateway.settle(message().reference, "SUCCESS", "DELIVRD")
    [receipt] = ours.receipts([message(provider_id=first.provider_id)], NOW)
    assert (receipt.reference, receipt.provider_id, receipt.state) == ("", first.provider_id, "delivered")
    ours.close()


def test_what_was_handed_over_a_moment_ago_is_not_missing_yet(gateway: Tencent) -> None:
    gateway.plan(LOSE)
    gateway.lag = timedelta(seconds=200)
    assert channel(gateway).send(message(), NOW).kind == "unknown"
    kinds = []
    for seconds in (1, 199, 201):
        gateway.fixed = NOW + timedelta(seconds=seconds)
        kinds.append(channel(gateway, now=gateway.fixed).ask(message(handed_at=NOW)).kind)
    assert kinds == ["unknown", "unknown", "accepted"]
    gateway.fixed = NOW + timedelta(seconds=300)
    missing = [channel(gateway, now=NOW + timedelta(seconds=s)).ask(message(2, handed_at=NOW)).kind
               for s in (299, 300, 301)]  # fmt: skip
    assert missing == ["unknown", "retry", "retry"]


def test_the_queue_is_emptied_a_batch_at_a_time_and_nothing_of_it_is_lost(gateway: Tencent) -> None:
    ours = channel(gateway)
    messages = [message(n) for n in range(130)]
    for one in messages:
        gateway.take(one.reference, "13800000001", "x")
        gateway.settle(one.reference, "SUCCESS", "DELIVRD")
    first = ours.receipts(messages, NOW)
    assert ours.receipts(messages, NOW) == first, "nobody has said that it is kept"
    ours.confirm()
    second = ours.receipts(messages, NOW)
    ours.confirm()
    assert (len(first), len(second), len(ours.receipts(messages, NOW))) == (100, 30, 0)
    assert {r.reference for r in [*first, *second]} == {m.reference for m in messages}
    assert isinstance(ours, Confirming)
    ours.close()


def test_what_the_queue_did_not_bring_is_asked_for_by_number_after_ten_minutes(gateway: Tencent) -> None:
    ours = channel(gateway)
    for n in range(3):
        ours.send(message(n), NOW)
        gateway.settle(message(n).reference, "FAIL" if n else "SUCCESS", "MK:0001" if n else "DELIVRD")
    gateway.queue.clear()  # somebody took it out and died before writing it down
    messages = [message(n) for n in range(3)]
    gateway.requests.clear()
    for minutes, expected in ((9, 0), (10, 3), (11, 3)):
        later = NOW + timedelta(minutes=minutes)
        gateway.fixed = later
        found = channel(gateway, now=later).receipts(messages, later)
        assert len(found) == expected, minutes
    assert [(r.state, r.code) for r in found] == [
        ("delivered", "DELIVRD"), ("undelivered", "MK:0001"), ("undelivered", "MK:0001"),
    ]  # fmt: skip
    assert gateway.requests["query"] == 3 + 2, "one number is one question"
    ours.close()


@pytest.mark.parametrize(
    "step", ["UnauthorizedOperation.RequestPermissionDeny", "500", "lose", "drop", "garbage"]
)
def test_a_question_without_an_answer_leaves_the_doubt(gateway: Tencent, step: str) -> None:
    gateway.plan_query(step)
    ours = channel(gateway)
    assert ours.ask(message()).kind == "unknown"
    ours.send(message(), NOW)
    gateway.settle(message().reference, "SUCCESS", "DELIVRD")
    gateway.plan_query(step)
    later = NOW + timedelta(minutes=15)
    gateway.fixed = later
    found = channel(gateway, now=later).receipts([message()], later)
    assert [r.state for r in found] == ["delivered"], (
        "where the queue is closed to us the number still answers"
    )
    ours.close()


def test_a_signature_is_good_for_five_minutes_by_the_providers_clock(gateway: Tencent) -> None:
    for seconds, kind in ((-301, "config"), (-300, "accepted"), (300, "accepted"), (301, "config")):
        assert channel(gateway, now=NOW + timedelta(seconds=seconds)).send(message(), NOW).kind == kind
