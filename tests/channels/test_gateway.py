"""The generic HTTP gateway against a city's platform on loopback, by the shipped example and by others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from engine.delivery import UNASKABLE, Kind, Waiting, confirms
from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.gateway import HttpGateway, from_address
from notifiers.gateway_form import read_gateway
from tests.channels.contract import LOSE, NOW, ChannelContract
from tests.fakes.gateway import City
from tests.fakes.web import Asked, Reply, Web

SECRET = "city-secret-key"
EXAMPLE = Path(__file__).parents[2] / "examples" / "gateways" / "city-platform.yaml"
HEADERS = 'headers: {X-App-Id: "{user}", X-Timestamp: "{stamp}", X-Sign: "{mac}"}'
XML = f"""\
gateway: xml_platform
title: {{zh: 某平台}}
values: {{stamp: {{time: "%Y%m%d%H%M%S"}}, mac: {{digest: sha256, of: "{{user}}{{stamp}}{{secret}}"}}}}
send:
  url: http://sms.example.gov.cn/send
  {HEADERS}
  xml: "<sms><mobile>{{phone}}</mobile><content>{{text}}</content><outId>{{reference}}</outId></sms>"
answer: {{format: text, code: '<code>(\\d+)</code>', success: [0], id: '<id>([^<]*)</id>'}}
errors: {{rejected: [1001], config: [2001]}}
"""
GET = f"""\
gateway: get_platform
title: {{zh: 某平台}}
values: {{stamp: {{time: "%Y%m%d%H%M%S"}}, mac: {{digest: sha256, of: "{{user}}{{stamp}}{{secret}}"}}}}
send:
  url: http://sms.example.gov.cn/send
  method: GET
  {HEADERS}
  query: {{mobile: "{{phone}}", content: "{{text}}", outId: "{{reference}}"}}
answer: {{format: text, code: '^(\\d+),', success: ["0"], id: ',(.*)$'}}
other: rejected
"""


def channel(
    peer: Web,
    *,
    secret: str = SECRET,
    port: int = 0,
    file: Path = EXAMPLE,
    timeout: float = 5.0,
    now: datetime = NOW,
) -> HttpGateway:
    url = f"gateway://yiriban@/?file={file}&secret=env:S&timeout={timeout}&base_url=http://127.0.0.1:{port or peer.port}"
    return from_address(read_address(url), {"env:S": secret}.__getitem__, {}, clock=lambda: now)


class TestGateway(ChannelContract):
    channel, to, secret, asks = "sms", "13800000001", SECRET, True
    table: ClassVar[dict[str, Kind]] = {
        "5000": "retry",
        "5001": "retry",
        "3001": "quota",
        "1001": "rejected",
        "1002": "rejected",
        "2001": "config",
        "2002": "config",
        "5999": "unknown",
        "9876": "retry",
        "401": "config",
        "403": "config",
        "429": "retry",
        "500": "unknown",
        "502": "unknown",
    }

    def peer(self) -> City:
        return City(secret=SECRET, now=NOW)

    def connect(
        self, peer: Any, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> HttpGateway:
        return channel(peer, secret=secret or SECRET, port=port or 0, timeout=timeout)


def message(number: int = 1, text: str = "课桌椅项目今日到期。", **more: Any) -> Waiting:
    return replace(TestGateway().message(number, text), **more)


@pytest.fixture
def city() -> Any:
    with City(secret=SECRET, now=NOW) as peer:
        yield peer


def test_a_receipt_is_asked_for_message_by_message(city: City) -> None:
    ours = channel(city)
    messages = [message(n) for n in range(3)]
    for one in messages:
        ours.send(one, NOW)
    city.settle(messages[0].reference, "DELIVRD")
    city.settle(messages[1].reference, "EXPIRED")
    told = ours.receipts(messages, NOW + timedelta(hours=1))
    assert [(r.reference, r.state, r.code, r.at) for r in told] == [
        (messages[0].reference, "delivered", "DELIVRD", NOW),
        (messages[1].reference, "undelivered", "EXPIRED", NOW),
    ]
    ours.close()


def test_a_gateway_that_tells_no_states_is_not_bothered_for_receipts(city: City, tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    lines = EXAMPLE.read_text("utf-8").splitlines()
    kept = [
        line
        for line in lines
        if line.split(":")[0].strip() not in ("state", "delivered", "undelivered", "at")
    ]
    file.write_text("\n".join(kept), "utf-8")
    ours = channel(city, file=file)
    ours.send(message(), NOW)
    assert list(ours.receipts([message()], NOW)) == []
    assert city.requests["query"] == 0
    assert (confirms(ours), confirms(channel(city))) == (False, True)
    assert ours.ask(message()).kind == "accepted"
    ours.close()


def test_only_what_speaks_of_the_number_blames_the_number(city: City) -> None:
    city.plan("1001", "1002")
    ours = channel(city)
    assert [ours.send(message(), NOW).blame for _ in range(2)] == ["contact", ""]
    ours.close()


def test_what_was_handed_over_a_moment_ago_is_not_missing_yet(city: City) -> None:
    city.plan(LOSE)
    city.lag = timedelta(seconds=100)
    assert channel(city).send(message(), NOW).kind == "unknown"
    kinds = []
    for seconds in (99, 101, 120):
        city.fixed = NOW + timedelta(seconds=seconds)
        kinds.append(channel(city, now=city.fixed).ask(message(handed_at=NOW)).kind)
    assert kinds == ["unknown", "accepted", "accepted"]
    missing = [
        channel(city, now=NOW + timedelta(seconds=s)).ask(message(2, handed_at=NOW)).kind for s in (119, 120)
    ]
    assert missing == ["unknown", "retry"]


@pytest.mark.parametrize("step", ["5000", "2001", "500", "lose", "drop", "garbage"])
def test_a_question_without_an_answer_leaves_the_doubt(city: City, step: str) -> None:
    city.plan_query(step, step)
    ours = channel(city)
    assert ours.ask(message()).kind == "unknown"
    assert list(ours.receipts([message()], NOW)) == []
    ours.close()


@pytest.mark.parametrize(("shape", "told"), [("xml", XML), ("get", GET)])
def test_other_platforms_take_xml_or_parameters_and_answer_plain_text(
    tmp_path: Path, shape: Any, told: str
) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(told, "utf-8")
    nasty = "a&b=c <d> \"e\" 'f' {secret} {phone} ${x} %41+\\n 编号〔1〕"
    with City(secret=SECRET, shape=shape) as platform:
        ours = from_address(
            read_address(f"gateway://yiriban@/?file={file}&secret=env:S&base_url={platform.url}"),
            {"env:S": SECRET}.__getitem__, {},
        )  # fmt: skip
        first = ours.send(message(text=nasty), NOW)
        platform.plan("1001")
        assert (first.kind, first.provider_id) == ("accepted", platform.accepted[0].id)
        assert ours.send(message(2), NOW).kind == "rejected"
        assert platform.accepted[0].text == nasty, "what stands in a text is never read as a template"
        assert ours.ask(message()).code == UNASKABLE
        assert list(ours.receipts([message()], NOW)) == []
        ours.close()


@pytest.mark.parametrize(
    ("good", "bad", "line", "says"),
    [
        ('mobile: "{phone}"', 'mobile: "{phnoe}"', 16, "应写：phone"),
        ("quota:", "qouta:", 27, "应写：quota"),
        ("digest: sha256", "digest: sha265", 10, "应写：sha256"),
        ("https://sms.example.gov.cn/api/v1/sms/send", "sms.example.gov.cn/send", 13, "完整的网址"),
        ("/api/v1/sms/send", "/api/v1/sms/send?pw=x", 13, "query:"),
        ('success: ["0"]\n  id', "id", 21, "哪些答复表示成功"),
        ('unknown: ["5999"]', 'unknown: ["1001"]', 30, "列了两次"),
        ('contact: ["1001"]', 'contact: ["7777"]', 31, "同时列在 rejected"),
        ("  reference: outId", "  refrence: outId", 42, "应写：reference"),
        ("url: https://sms.example.gov.cn/api/v1/sms/status", "url: https://other.cn/status", 35, "同一台服务器"),
        ('content: "{text}"', "content: 2026-11-21", 17, "读成日期"),
        ("other: retry", "other: accepted", 32, "other 不能是 accepted"),
        ("X-Timestamp: \"{stamp}\", X-Sign: \"{mac}\"}\n    json", "X-Sign: \"{mac}\"}\n    jsn", 38, "应写：json"),
    ],
)  # fmt: skip
def test_a_fault_in_a_description_is_told_by_file_line_and_remedy(
    good: str, bad: str, line: int, says: str
) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert good in text
    with pytest.raises(BadInput) as refused:
        read_gateway(text.replace(good, bad, 1), "city-platform.yaml")
    assert f"city-platform.yaml:{line}: " in refused.value.what, refused.value.what
    assert says in refused.value.what


def test_a_description_that_cannot_be_read_is_refused_without_its_place(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("title: 平台".encode("gbk"))
    for name in ("gbk.yaml", "missing.yaml"):
        with pytest.raises(BadInput) as refused:
            from_address(read_address(f"gateway://u@/?file={tmp_path}/{name}"), str, {})
        assert name in refused.value.what
        assert str(tmp_path) not in refused.value.what


def test_every_hash_that_a_platform_may_want_is_made_as_it_is_known(city: City, tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(
        """\
gateway: hashes
title: {zh: 平台}
values:
  a: {digest: md5, of: abc}
  b: {digest: sm3, of: abc, shape: HEX}
  c: {hmac: sha256, key: Jefe, of: what do ya want for nothing?, shape: base64}
send: {url: http://x/send, json: {mobile: "{phone}", content: "{a} {b} {c}", outId: [1, true, null]}}
answer: {code: code, success: [0]}
""",
        "utf-8",
    )
    sent: list[bytes] = []

    def answer(asked: Asked, step: str) -> Reply:
        sent.append(asked.body)
        return city._told("0")

    city.answer = answer  # type: ignore[method-assign]
    ours = channel(city, file=file)
    assert ours.send(message(), NOW).kind == "accepted"
    # the examples of RFC 1321, GB/T 32905-2016 and RFC 4231
    assert b"900150983cd24fb0d6963f7d28e17f72" in sent[0]
    assert b"66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0" in sent[0]
    assert b"W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=" in sent[0]
    assert b'"outId": [1, true, null]' in sent[0]
    ours.close()
