"""Providers push receipts in their own words; whoever comes twice, late, or beside a poll, changes nothing twice."""

from __future__ import annotations

import http.client
import itertools
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

import web.app
from engine.deliver_receipts import collect
from engine.delivery import Provider, Receipt, Waiting, pushing, reference_of
from engine.errors import BadInput, NotFound
from notifiers import aliyun_sms, gateway, tencent_sms
from notifiers.address import read_address
from runtime.inbox import Inbox
from runtime.listening import ANYBODY, LOOPBACK, Callback
from storage.receipt_book import SqlReceipts
from tests.city import shipped
from tests.delivery.peers import NOW, Confirming
from tests.fakes.aliyun import Aliyun
from tests.fakes.tencent import Tencent
from tests.web.conftest import PHONE
from tests.web.served import CHANNELS, ENVIRON, SECRET, Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def aliyun(key: str, state: str = "delivered", code: str = "DELIVERED", **more: Any) -> bytes:
    entry = {
        "phone_number": PHONE, "send_time": "2026-11-02 09:00:01", "report_time": "2026-11-02 09:00:05",
        "success": state == "delivered", "err_code": code, "err_msg": "用户接收成功", "sms_size": "1",
        "biz_id": "123^0", "out_id": reference_of(key), **more,
    }  # fmt: skip
    return json.dumps([entry], ensure_ascii=False).encode()


def tencent(key: str, state: str = "delivered", code: str = "DELIVRD", **more: Any) -> bytes:
    entry = {
        "user_receive_time": "2026-11-02 09:00:05", "nationcode": "86", "mobile": PHONE,
        "report_status": "SUCCESS" if state == "delivered" else "FAIL", "errmsg": code,
        "description": "用户短信送达成功", "sid": f"id-{reference_of(key)[:8]}", **more,
    }  # fmt: skip
    return json.dumps([entry], ensure_ascii=False).encode()


def district(key: str, state: str = "delivered", code: str = "DELIVRD", **more: Any) -> bytes:
    entry = {
        "extno": reference_of(key),
        "taskId": "7",
        "stat": code,
        "time": "2026-11-02 09:00:05",
        "to": PHONE,
        **more,
    }
    return json.dumps({"reports": [entry]}).encode()


SHAPES = {
    "aliyun-sms": (aliyun, {"code": 0, "msg": "接收成功"}, "MOBILE_NOT_ON_SERVICE"),
    "tencent-sms": (tencent, {"result": 0, "errmsg": "OK"}, "MK:0001"),
    "gateway": (district, {"status": 0}, "UNDELIV"),
}


@pytest.mark.parametrize("provider", SHAPES)
def test_each_provider_is_heard_and_answered_in_its_own_words(served: Served, provider: str) -> None:
    shape, answer, failed = SHAPES[provider]
    one, other = served.accepted("f1", provider), served.accepted("f2", provider)
    got = served.push(provider, shape(one))
    assert (got.status, got.json) == (200, answer)
    assert got.headers["content-type"].startswith("application/json")
    assert (served.state(one), served.state(other)) == ("delivered", "accepted")
    assert served.push(provider, shape(other, "undelivered", failed)).json == answer
    assert served.state(other) == "undelivered"
    assert {row[0] for row in served.receipts()} == {provider}
    assert [event for event, _ in served.told] == ["callback.kept"] * 2
    assert served.told[0][1]["receipts"] == {"delivered": 1}


@pytest.mark.parametrize("provider", SHAPES)
def test_in_any_order_and_however_often_the_end_is_the_same(served: Served, provider: str) -> None:
    shape, answer, failed = SHAPES[provider]
    for number, order in enumerate(itertools.permutations(range(3))):
        key = served.accepted(f"f{number}", provider)
        pushes = [shape(key, "undelivered", failed), shape(key), shape(key)]
        assert [served.push(provider, pushes[place]).json for place in order] == [answer] * 3
        assert served.state(key) == "delivered"
        assert len(served.receipts()) == 2 * (number + 1)


def test_a_push_beside_a_poll_of_the_same_receipt_counts_once(served: Served) -> None:
    key = served.accepted("f1", "aliyun-sms")
    peer = Confirming()
    told = Receipt("sms", "delivered", NOW, reference_of(key), provider_id="123^0", code="DELIVERED")
    peer.told = [told]

    def poll() -> None:
        collect(SqlReceipts(served.store), {"sms": [Provider("aliyun-sms", peer)]}, served.now)

    poll()
    assert served.push("aliyun-sms", aliyun(key)).status == 200
    poll()
    assert served.push("aliyun-sms", aliyun(key)).status == 200
    assert served.receipts() == [("aliyun-sms", "delivered", "DELIVERED")]
    assert served.told[-1][1]["receipts"] == {}


def waiting(key: str) -> Waiting:
    return Waiting(
        key,
        "sms",
        "zhang",
        PHONE,
        "",
        "text",
        NOW,
        wording="w",
        params={"code": "P1", "note": "x"},
        handed_at=NOW,
    )


def test_aliyun_and_tencent_push_the_same_code_that_they_answer_to_a_query() -> None:
    """Otherwise one receipt would be kept twice: once polled, once pushed."""
    _, texts = shipped()
    now = NOW + timedelta(minutes=20)
    with Aliyun(secret="k", now=now) as peer:
        url = f"aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:KEY&sign=一日办&base_url={peer.url}"
        ours: Any = aliyun_sms.from_address(read_address(url), lambda _: "k", texts, clock=lambda: now)
        peer.take(reference_of("k1"), PHONE, "text", template="SMS_1")
        peer.settle(reference_of("k1"), "3", "DELIVERED")
        (polled,) = ours.receipts([waiting("k1")], now)
        ours.close()
    (pushed,) = aliyun_sms.Push().read(aliyun("k1"), now)
    assert (pushed.reference, pushed.state, pushed.code) == (polled.reference, polled.state, polled.code)
    with Tencent(secret="k", now=now) as cloud:
        url = f"tencent-sms://SID@sms.tencentcloudapi.com/?secret=env:KEY&app=1400000001&sign=一日办&base_url={cloud.url}"
        theirs: Any = tencent_sms.from_address(read_address(url), lambda _: "k", texts, clock=lambda: now)
        cloud.take(reference_of("k1"), PHONE, "text")
        cloud.settle(reference_of("k1"), "SUCCESS", "DELIVRD")
        (polled,) = theirs.receipts([], now)
        theirs.close()
    (pushed,) = tencent_sms.Push().read(tencent("k1", sid="0001^0"), now)
    assert (pushed.provider_id, pushed.state, pushed.code) == (polled.provider_id, polled.state, polled.code)


def test_tencents_echo_of_our_reference_is_taken_where_the_account_has_it(served: Served) -> None:
    key = served.accepted("f1", "tencent-sms")
    served.push("tencent-sms", tencent(key, sid="unknown", ext=reference_of(key)))
    assert served.state(key) == "delivered"


def test_the_second_account_of_a_kind_has_a_path_of_its_own(served: Served) -> None:
    key = served.accepted("f1", "aliyun-sms#2")
    assert served.push("aliyun-sms-2", aliyun(key)).status == 200
    assert served.receipts() == [("aliyun-sms#2", "delivered", "DELIVERED")]


def test_messages_of_other_programs_of_the_account_are_passed_over(served: Served) -> None:
    key = served.accepted("f1", "aliyun-sms")
    body = json.loads(aliyun("elsewhere")) + json.loads(aliyun(key)) + [{"nothing": 1}, 7, None]
    assert served.push("aliyun-sms", json.dumps(body).encode()).json == {"code": 0, "msg": "接收成功"}
    assert len(served.receipts()) == 1
    assert served.push("aliyun-sms", b"[]").status == 200


@pytest.mark.parametrize(
    ("provider", "secret", "headers"),
    [
        ("aliyun-sms", SECRET[:-1], {}),
        ("aliyun-sms", SECRET + "x", {}),
        ("aliyun-sms", SECRET.upper(), {}),
        ("aliyun-sms", "%E5%AF%86", {}),
        ("nobody", SECRET, {}),
        ("aliyun-sms", SECRET, {"x_forwarded_for": "127.0.0.1"}),
    ],
)
def test_a_stranger_is_told_nothing_and_keeps_nothing(
    served: Served, provider: str, secret: str, headers: dict[str, str]
) -> None:
    key = served.accepted("f1", "aliyun-sms")
    nowhere = served.ask("/no/such/page")
    got = served.push(provider, aliyun(key), secret=secret, **headers)
    assert (got.status, got.body) == (nowhere.status, nowhere.body) == (404, "Not Found\n")
    assert (served.state(key), served.receipts()) == ("accepted", [])
    ((event, fields),) = served.told
    assert event == "callback.refused"
    assert secret not in str(fields)


def test_only_the_addresses_of_the_provider_may_push(tmp_path: Path) -> None:
    served = Served(tmp_path, origins=(ip_network("203.0.113.0/24"),), proxies=LOOPBACK)
    key = served.accepted("f1", "aliyun-sms")
    for origin, status in (("203.0.112.255", 404), ("203.0.114.0", 404), ("203.0.113.0", 200)):
        assert served.push("aliyun-sms", aliyun(key), x_forwarded_for=origin).status == status
        assert served.state(key) == ("delivered" if status == 200 else "accepted")
    assert served.push("aliyun-sms", aliyun(key)).status == 404, "the proxy itself is no provider"
    served.close()


def test_strangers_cannot_fill_the_log(served: Served) -> None:
    for _ in range(9):
        served.push("aliyun-sms", b"", secret="wrong")
    assert [fields["times"] for _, fields in served.told] == [1, 2, 4, 8]
    measures = served.ask("/metrics").body
    assert 'yiriban_callbacks_total{provider="aliyun-sms",result="refused"} 9.0' in measures


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_a_push_may_be_as_long_as_a_million_bytes(served: Served, more: int, status: int) -> None:
    key = served.accepted("f1", "aliyun-sms")
    body = aliyun(key)
    body += b" " * (web.app.BODY + more - len(body))
    assert served.push("aliyun-sms", body).status == status
    assert served.state(key) == ("delivered" if status == 200 else "accepted")


def test_a_push_that_does_not_say_how_long_it_is_ends_at_the_same_length(served: Served) -> None:
    line = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=10)
    with closing(line):
        parts = iter([b"[", *[b" " * 65_536] * 17, b"]"])
        line.request("POST", f"/callbacks/aliyun-sms/{SECRET}", parts, encode_chunked=True,
                     headers={"transfer-encoding": "chunked"})  # fmt: skip
        assert line.getresponse().status == 413


NO_PUSH = (
    b"", b"{}", b"\xff\xfe", b"<xml/>", b'"text"', b"[" * 100_000, b'[{"a":' * 50_000, b"NaN",
    b"[1" + b"0" * 9999 + b"]",
)  # fmt: skip


@pytest.mark.parametrize("provider", ["aliyun-sms", "tencent-sms"])
def test_what_is_no_push_is_refused_and_harms_nothing(served: Served, provider: str) -> None:
    key = served.accepted("f1", provider)
    assert [served.push(provider, body).status for body in NO_PUSH] == [400] * len(NO_PUSH)
    assert served.receipts() == []
    shape, answer, _ = SHAPES[provider]
    assert served.push(provider, shape(key)).json == answer


def test_it_is_answered_as_kept_only_when_it_is_kept(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web.app, "KEPT_WITHIN", 0.5)
    key = served.accepted("f1", "aliyun-sms")
    served.store.close()
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        got = served.push("aliyun-sms", aliyun(key))
        assert (got.status, got.json["code"]) == (503, 1)
        writer.execute("ROLLBACK")
    end = time.monotonic() + 10
    while served.push("aliyun-sms", aliyun(key)).status != 200:
        assert time.monotonic() < end
    assert served.state(key) == "delivered"
    assert len(served.receipts()) == 1
    assert ("callback.failed", 503) in [(event, fields["status"]) for event, fields in served.told]


def test_no_number_of_a_push_comes_into_an_answer_a_measure_or_the_log(served: Served) -> None:
    key = served.accepted("f1", "aliyun-sms")
    said = [
        served.push("aliyun-sms", body).body
        for body in (aliyun(key), aliyun(PHONE), PHONE.encode(), b"[" + PHONE.encode())
    ]
    assert PHONE not in f"{said}{served.told}{served.ask('/metrics').body}{served.ask('/readyz').body}"


@pytest.mark.parametrize(
    ("callback", "secret", "named"),
    [
        (Callback("aliyun-sms", "env:NONE", ANYBODY), "", "NONE"),
        (Callback("aliyun-sms", "env:SECRET", ANYBODY), "x" * 19, "20 个字符"),
        (Callback("aliyun-sms", "env:SECRET", ANYBODY), "with/a/slash/inside/of/it", "20 个字符"),
        (Callback("yunmas", "env:SECRET", ANYBODY), SECRET, "aliyun-sms、aliyun-sms#2、gateway、tencent-sms"),
    ],
)
def test_a_callback_that_cannot_work_is_refused_at_the_start(
    served: Served, callback: Callback, secret: str, named: str
) -> None:
    with pytest.raises((BadInput, NotFound)) as refused:
        Inbox((callback,), {"SECRET": secret}, served.mail, served.store, lambda: NOW)
    assert named in f"{refused.value.what}{refused.value.why}{refused.value.then}"


def test_a_gateway_pushes_where_its_description_says_so(tmp_path: Path) -> None:
    lines = Path(CHANNELS[2].partition("file=")[2].partition("&")[0]).read_text("utf-8").split("\npush:")
    file = tmp_path / "mute.yaml"
    file.write_text(lines[0], "utf-8")

    def channel(tail: str = "", path: Path = file) -> Any:
        path.write_text(lines[0] + tail, "utf-8")
        return gateway.from_address(
            read_address(f"gateway://u@/?file={path}&secret=env:KEY"), lambda _: ENVIRON["KEY"], {}
        )

    assert pushing(channel()) is None
    form = channel(
        '\npush: {format: form, id: msgid, state: st, delivered: ["1"], undelivered: ["2"], answer: "ok"}\n'
    )
    push: Any = pushing(form)
    (told,) = push.read(b"msgid=77&st=2&mobile=13900000000", NOW)
    assert (told.state, told.provider_id, told.code, told.at) == ("undelivered", "77", "2", NOW)
    assert push.read(b"msgid=77&st=9", NOW) == []
    assert (push.answer(True), push.answer(False)) == (
        ("text/plain; charset=utf-8", b"ok"),
        ("text/plain; charset=utf-8", b""),
    )
    for fault, named in (
        ("{state: st, delivered: ['1'], answer: ok}", "reference 或 id"),
        ("{id: x, state: st, answer: ok}", "delivered"),
        ("{id: x, state: st, delivered: ['1']}", "answer"),
        ("{id: x, state: st, delivered: ['1'], answer: ok, format: form, items: y}", "items"),
    ):
        with pytest.raises(BadInput, match=named):
            channel(f"\npush: {fault}\n")
