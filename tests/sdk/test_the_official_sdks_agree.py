"""The providers' own SDKs against the same gateways on loopback: same ledger, same words, same verdict on
signatures. A development check with dependencies of its own (`pip install --group sdk`), not part of CI.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.delivery import Outcome
from notifiers.address import read_address
from notifiers.aliyun_sms import from_address as aliyun_channel
from notifiers.tencent_sms import from_address as tencent_channel
from tests.channels import test_aliyun, test_tencent
from tests.fakes.aliyun import BEIJING, Aliyun
from tests.fakes.tencent import Tencent
from tests.fakes.web import Web

REASON = "official SDKs: NOT CHECKED, they are not installed: pip install --group sdk"
pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip("alibabacloud_dysmsapi20170525", reason=REASON)
pytest.importorskip("tencentcloud.sms", reason=REASON)

SECRET = "the-same-secret"
WORDS = {"code": "P-1/甲 ~*'()", "note": "请签 a+b=c&d%41 “合同”𠮷"}


@dataclass(frozen=True)
class Heard:
    """What a client made of an answer: the provider's word, its identifier, or silence."""

    code: str
    id: str = ""


def ours(outcome: Outcome) -> Heard:
    if outcome.kind == "accepted":
        return Heard("accepted", outcome.provider_id)
    return Heard(outcome.code or outcome.kind)


def aliyun_sdk(peer: Aliyun, secret: str) -> Any:
    from alibabacloud_dysmsapi20170525.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

    place = f"127.0.0.1:{peer.port}"
    return Client(Config(access_key_id="AK", access_key_secret=secret, endpoint=place, protocol="HTTP"))


def aliyun_theirs(peer: Aliyun, secret: str, reference: str) -> Heard:
    from alibabacloud_dysmsapi20170525.models import SendSmsRequest
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from darabonba.exceptions import UnretryableException
    from darabonba.runtime import RuntimeOptions

    asked = SendSmsRequest(phone_numbers="13800000001", sign_name="一日办", template_code="SMS_1", out_id=reference,
                           template_param=json.dumps(WORDS, ensure_ascii=False))  # fmt: skip
    try:
        told = aliyun_sdk(peer, secret).send_sms_with_options(asked, RuntimeOptions(autoretry=False)).body
    except AlibabaCloudException as error:
        return Heard(str(error.code))
    except UnretryableException:
        return Heard("unknown")
    return Heard("accepted", told.biz_id) if told.code == "OK" else Heard(told.code)


def aliyun_ours(peer: Aliyun, secret: str, number: int) -> Heard:
    url = f"aliyun-sms://AK@127.0.0.1:{peer.port}/?secret=env:S&sign=一日办&base_url={peer.url}"
    channel = aliyun_channel(read_address(url), {"env:S": secret}.__getitem__, test_aliyun.TEXTS)
    message = replace(test_aliyun.message(number), params=WORDS)
    heard = ours(channel.send(message, datetime.now(UTC)))
    channel.close()
    return heard


def tencent_sdk(peer: Tencent, secret: str) -> Any:
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111.sms_client import SmsClient

    place = HttpProfile(protocol="http", endpoint=f"127.0.0.1:{peer.port}", reqTimeout=5)
    return SmsClient(Credential("SID", secret), "ap-guangzhou", ClientProfile(httpProfile=place))


def tencent_theirs(peer: Tencent, secret: str, reference: str) -> Heard:
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
    from tencentcloud.sms.v20210111.models import SendSmsRequest

    asked = SendSmsRequest()
    asked.PhoneNumberSet, asked.SmsSdkAppId, asked.SignName = ["+8613800000001"], "1400000001", "一日办"
    asked.TemplateId, asked.SessionContext = "1001", reference
    asked.TemplateParamSet = [WORDS["note"], WORDS["code"]]
    try:
        [told] = tencent_sdk(peer, secret).SendSms(asked).SendStatusSet
    except TencentCloudSDKException as error:
        # what the service did not say carries none of its request numbers
        return Heard(str(error.get_code()) if error.get_request_id() else "unknown")
    return Heard("accepted", told.SerialNo) if told.Code == "Ok" else Heard(told.Code)


def tencent_ours(peer: Tencent, secret: str, number: int) -> Heard:
    url = (f"tencent-sms://SID@127.0.0.1:{peer.port}/?secret=env:S&app=1400000001&sign=一日办"
           f"&base_url={peer.url}")  # fmt: skip
    channel = tencent_channel(read_address(url), {"env:S": secret}.__getitem__, test_tencent.TEXTS)
    message = replace(test_tencent.message(number), params=WORDS)
    heard = ours(channel.send(message, datetime.now(UTC)))
    channel.close()
    return heard


def aliyun() -> Aliyun:
    return Aliyun(secret=SECRET, longest=500)


def tencent() -> Tencent:
    return Tencent(secret=SECRET, longest=500, templates=test_tencent.TEMPLATES)


def ledger(peer: Web) -> list[tuple[str, str, str, str]]:
    return [(t.reference, t.address, t.text, t.id) for t in peer.accepted]


PROVIDERS = {
    "aliyun": (aliyun, aliyun_ours, aliyun_theirs, test_aliyun),
    "tencent": (tencent, tencent_ours, tencent_theirs, test_tencent),
}
STEPS = [(name, step) for name, own in (("aliyun", test_aliyun.TestAliyun), ("tencent", test_tencent.TestTencent))
         for step in ["", "double", "lose", "drop", "half", *own.table] if not step.isdigit() and "@" not in step]  # fmt: skip


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_whatever_the_gateway_does_both_hear_the_same_and_leave_the_same_ledger(name: str, step: str) -> None:
    make: Callable[[], Any]
    make, mine, theirs, tests = PROVIDERS[name]
    with make() as first, make() as second:
        first.plan(step)
        second.plan(step)
        we = mine(first, SECRET, 1)
        they = theirs(second, SECRET, tests.message(1).reference)
        assert we == they
        assert ledger(first) == ledger(second)
        assert first.requests == second.requests, "nobody tries again by himself"


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_wrong_secret_is_refused_in_the_same_words(name: str) -> None:
    make, mine, theirs, _ = PROVIDERS[name]
    with make() as peer:
        assert mine(peer, "wrong", 1) == theirs(peer, "wrong", "r")
        assert not peer.accepted


def test_what_we_sent_is_found_by_the_official_query_of_aliyun_and_the_other_way_round() -> None:
    from alibabacloud_dysmsapi20170525.models import QuerySendDetailsRequest
    from darabonba.runtime import RuntimeOptions

    with aliyun() as peer:
        aliyun_ours(peer, SECRET, 1)
        aliyun_theirs(peer, SECRET, test_aliyun.message(2).reference)
        peer.settle(test_aliyun.message(2).reference, "3", "DELIVERED")
        day = f"{peer.now.astimezone(BEIJING):%Y%m%d}"
        asked = QuerySendDetailsRequest(
            phone_number="13800000001", send_date=day, page_size=50, current_page=1
        )
        told = (
            aliyun_sdk(peer, SECRET)
            .query_send_details_with_options(asked, RuntimeOptions(autoretry=False))
            .body
        )
        listed = told.sms_send_detail_dtos.sms_send_detail_dto
        url = f"aliyun-sms://AK@127.0.0.1:{peer.port}/?secret=env:S&sign=一日办&base_url={peer.url}"
        channel = aliyun_channel(read_address(url), {"env:S": SECRET}.__getitem__, test_aliyun.TEXTS)
        messages = [replace(test_aliyun.message(n), created_at=peer.now) for n in (1, 2, 3)]
        asked_for = [channel.ask(m).kind for m in messages]
        assert [d.out_id for d in listed] == [m.reference for m in messages[:2]]
        assert asked_for == ["accepted", "accepted", "retry"]
        [receipt] = channel.receipts(messages, peer.now)
        assert (receipt.reference, receipt.code) == (listed[1].out_id, listed[1].err_code)
        channel.close()


def test_what_we_sent_is_found_by_the_official_pull_of_tencent_and_the_other_way_round() -> None:
    from tencentcloud.sms.v20210111.models import (
        PullSmsSendStatusByPhoneNumberRequest,
        PullSmsSendStatusRequest,
    )

    with tencent() as peer:
        tencent_ours(peer, SECRET, 1)
        tencent_theirs(peer, SECRET, test_tencent.message(2).reference)
        references = [test_tencent.message(n).reference for n in (1, 2)]
        for reference in references:
            peer.settle(reference, "SUCCESS", "DELIVRD")
        asked = PullSmsSendStatusByPhoneNumberRequest()
        asked.BeginTime, asked.Offset, asked.Limit = int(peer.now.timestamp()) - 60, 0, 100
        asked.PhoneNumber, asked.SmsSdkAppId = "+8613800000001", "1400000001"
        sdk = tencent_sdk(peer, SECRET)
        found = [row.SessionContext for row in sdk.PullSmsSendStatusByPhoneNumber(asked).PullSmsSendStatusSet]
        assert found == references
        one = PullSmsSendStatusRequest()
        one.Limit, one.SmsSdkAppId = 1, "1400000001"
        [first] = sdk.PullSmsSendStatus(one).PullSmsSendStatusSet
        url = f"tencent-sms://SID@127.0.0.1:{peer.port}/?secret=env:S&app=1400000001&sign=x&echo=1&base_url={peer.url}"
        channel = tencent_channel(read_address(url), {"env:S": SECRET}.__getitem__, test_tencent.TEXTS)
        [second] = channel.receipts([], peer.now)
        assert [first.SessionContext, second.reference] == references
        messages = [replace(test_tencent.message(n), created_at=peer.now) for n in (1, 2, 3)]
        assert [channel.ask(m).kind for m in messages] == ["accepted", "accepted", "retry"]
        channel.close()
