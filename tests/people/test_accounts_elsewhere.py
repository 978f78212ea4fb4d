"""Accounts with WeCom and DingTalk: kept beside telephone number and address, masked everywhere, used by ladders."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.directory import account_of, mask_account
from engine.errors import BadInput
from tests.city import WORKFLOWS
from tests.commands.conftest import Desk, reported
from tests.fakes.dingtalk import DingTalkServer
from tests.fakes.wecom import WeComServer
from tests.people.test_rosters import HEADER

__all__ = ["reported"]

NOW = "2026-11-03 11:05"  # Tuesday; the report is delivered, the award is promised by Wednesday 24:00
WECOM, DINGTALK = "ZhangSan01", "manager4220"
SECRETS = {"WECOM": "wecom-app-secret", "DINGTALK": "dingtalk-app-secret"}


@pytest.fixture
def wecom() -> Iterator[WeComServer]:
    with WeComServer(secret=SECRETS["WECOM"]) as peer:
        yield peer


@pytest.fixture
def dingtalk() -> Iterator[DingTalkServer]:
    with DingTalkServer(secret=SECRETS["DINGTALK"]) as peer:
        yield peer


@pytest.fixture
def served(
    reported: Desk, wecom: WeComServer, dingtalk: DingTalkServer, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """P2026-0002 under an overlay whose ladders tell by all four channels, both services being set up."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    ladders = reported.folder / "流程" / "ladders"
    ladders.mkdir(parents=True)
    for file in (WORKFLOWS / "ladders").glob("*.yaml"):
        told = file.read_text(encoding="utf-8").replace(
            "via: [sms, email]", "via: [sms, email, wecom, dingtalk]"
        )
        told = told.replace("tells: [officer], via: [email]", "tells: [officer], via: [wecom]")
        (ladders / file.name).write_text(told, encoding="utf-8")
    own = "secret=env:{}&base_url=http://127.0.0.1:{}"
    (reported.folder / "yiriban.toml").write_text(
        'workflows = "流程"\n[channels]\ndrop = "out"\n'
        f'wecom = "wecom://wwCorpId01/1000002?{own.format("WECOM", wecom.port)}"\n'
        f'dingtalk = "dingtalk://dingAppKey01/301?{own.format("DINGTALK", dingtalk.port)}"\n',
        encoding="utf-8",
    )
    reported.done(NOW, "project", "new", "图书采购", "--stage", "package.evaluating")
    do = (
        "project",
        "do",
        "P2026-0002",
    )  # it begins under the overlay; P2026-0001 keeps the ladder that it began with
    reported.done(NOW, *do, "end_evaluation")
    reported.done(NOW, *do, "deliver_report", "--evidence", "evaluation_report=文件.pdf")
    return reported


def roster(folder: Path, rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    with (folder / "名册.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return "名册.csv"


def test_a_rung_tells_by_wecom_and_the_account_registered_there_gets_it(
    served: Desk, wecom: WeComServer
) -> None:
    served.done(NOW, "patrol")
    waiting = served.data(NOW, "message", "list", "--channel", "wecom")["messages"]
    assert {m["person"] for m in waiting} == {"张三", "李四"}
    said = served.done(NOW, "message", "send")
    assert wecom.accepted == [], "nobody has an account yet, and nobody's name is taken for one"
    assert "张三 没有登记企业微信账号" in said
    assert "yiriban person add 账号 --name 姓名 --email 邮箱 --wecom 企业微信账号" in said

    served.done(NOW, "person", "add", "张三", "--name", "张三", "--wecom", WECOM)
    later = "2026-11-03 12:10"
    served.done(later, "run", "--once")
    assert {taken.address for taken in wecom.accepted} == {WECOM}
    assert any("P2026-0002" in taken.text for taken in wecom.accepted)
    listed = served.data(later, "message", "list", "--channel", "wecom", "--person", "张三")["messages"]
    assert {m["state"] for m in listed} == {"accepted", "digested"}, "two reminders went as one"
    count = len(wecom.accepted)
    served.done(later, "run", "--once")
    assert len(wecom.accepted) == count
    key = next(m["key"] for m in listed if m["state"] == "accepted")
    life = served.data(later, "message", "show", key)
    assert life["to"] == "Z***"
    assert WECOM not in served.done(later, "message", "show", key) + json.dumps(life)


def test_a_warning_goes_out_by_all_channels_and_dingtalk_confirms_what_was_read(
    served: Desk, dingtalk: DingTalkServer
) -> None:
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--dingtalk", DINGTALK, "--wecom", WECOM,
                "--email", "zhang@example.org", "--phone", "13800000001")  # fmt: skip
    served.done("2026-11-05 09:00", "run", "--once")  # Thursday: the award was promised by Wednesday 24:00
    told = served.data("2026-11-05 09:00", "message", "list", "--person", "张三", "--limit", "0")["messages"]
    warned = {m["channel"]: m for m in told if m["rung"] == "overdue" and m["matter"] == "P2026-0002.1"}
    assert set(warned) == {"sms", "email", "wecom", "dingtalk"}
    assert warned["dingtalk"]["state"] == "accepted"
    [taken] = [t for t in dingtalk.accepted if t.address == DINGTALK]
    dingtalk.settle(taken.reference, "read_user_id_list")
    served.done("2026-11-05 09:10", "message", "receipts")
    shown = served.data("2026-11-05 09:10", "message", "show", warned["dingtalk"]["key"])
    assert (shown["state"], [r["code"] for r in shown["receipts"]]) == ("delivered", ["read"])


def test_a_notice_that_dingtalk_never_confirms_goes_on_by_sms_after_a_day(
    served: Desk, dingtalk: DingTalkServer
) -> None:
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--dingtalk", DINGTALK)
    served.done("2026-11-05 09:00", "run", "--once")
    served.done("2026-11-05 09:01", "person", "add", "张三", "--name", "张三", "--phone", "13800000001")
    key = next(
        m["key"] for m in served.data("2026-11-05 09:01", "message", "list", "--channel", "dingtalk")["messages"]
        if m["person"] == "张三" and m["matter"]
    )  # fmt: skip
    for moment, state in (("2026-11-06 08:59", "accepted"), ("2026-11-06 09:00", "unconfirmed")):
        served.sql("update message set look_at = 0 where key = ?", key)
        served.done(moment, "message", "receipts")
        assert served.sql("select state from message where key = ?", key) == [(state,)]
    assert served.sql("select 1 from message where fallback is not null and key = ?", key)


def test_an_account_that_the_service_does_not_know_is_told_and_a_new_one_clears_it(
    served: Desk, wecom: WeComServer
) -> None:
    wecom.invalid.add(WECOM)
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--wecom", WECOM)
    served.done(NOW, "run", "--once")
    listed = served.data(NOW, "channel", "list")["contacts"]
    assert [(c["person"], c["channel"]) for c in listed] == [("张三", "wecom")]
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--phone", "13800000001")
    assert served.data(NOW, "channel", "list")["contacts"] == listed, "another address says nothing about it"
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--wecom", "ZhangSan02")
    assert served.data(NOW, "channel", "list")["contacts"] == []


def test_a_channel_is_tried_out_with_the_account(served: Desk, wecom: WeComServer) -> None:
    refused = served.at(NOW, "channel", "test", "wecom", "--to", "张三")
    assert (refused.code, "没有登记企业微信账号" in refused.err, "--wecom" in refused.err) == (3, True, True)
    served.done(NOW, "person", "add", "张三", "--name", "张三", "--wecom", WECOM)
    served.done(NOW, "channel", "test", "wecom", "--to", "张三")
    assert [taken.address for taken in wecom.accepted] == [WECOM]


def test_doctor_names_who_lacks_an_account_that_a_ladder_wants(served: Desk) -> None:
    said = served.at(NOW, "doctor").out
    assert "没有登记企业微信账号：" in said
    assert "--wecom 企业微信账号" in said
    assert "没有登记钉钉账号：" in said
    for name in ("张三", "李四"):
        served.done(NOW, "person", "add", name, "--name", name, "--wecom", WECOM, "--dingtalk", DINGTALK)
    said = served.at(NOW, "doctor").out
    assert "没有登记企业微信账号" not in said
    assert "没有登记钉钉账号" not in said


def test_accounts_are_masked_in_every_listing_and_stand_in_one_table_only(desk: Desk) -> None:
    assert "企业微信" not in desk.done(NOW, "person", "list"), "a column that nobody needs is not shown"
    desk.done(NOW, "person", "add", "张三", "--name", "张三", "--wecom", WECOM, "--dingtalk", DINGTALK)
    for words in (
        ("person", "list"),
        ("person", "show", "张三"),
        ("person", "add", "张三", "--name", "张三"),
    ):
        for more in ((), ("--json",), ("--lang", "en")):
            said = desk.done(NOW, *words, *more)
            assert WECOM not in said
            assert DINGTALK not in said
            assert "Z***" in said, words
            assert "m***" in said, words
    shown = desk.data(NOW, "person", "show", "张三")
    assert (shown["wecom"], shown["dingtalk"]) == ("Z***", "m***")
    assert desk.data(NOW, "person", "add", "张三", "--name", "张三")["change"] == "unchanged"
    kept = [line for line in desk.dump() if WECOM in line or DINGTALK in line]
    assert [line.split("(")[0] for line in kept] == ['INSERT INTO "person" VALUES']


@pytest.mark.parametrize("account", ["@all", "@ALL", "a|b", "a,b", "zhang san", "张三", "x" * 65, "a/b"])
def test_what_names_several_everybody_or_nobody_is_no_account(desk: Desk, account: str) -> None:
    with pytest.raises(BadInput, match="看不懂的企业微信账号") as caught:
        account_of(account, "企业微信")
    assert account not in caught.value.what
    for option in ("--wecom", "--dingtalk"):
        refused = desk.at(NOW, "person", "add", "张三", "--name", "张三", option, account)
        assert refused.code == 2
    assert desk.sql("select wecom, dingtalk from person where id = '张三'") == [("", "")]


@pytest.mark.parametrize(
    "account", ["z", "Zhang.San_01", "manager4220", "zhang@example.org", "x" * 64, "0125-77"]
)
def test_accounts_as_the_services_give_them_are_taken(account: str) -> None:
    assert account_of(f" {account} ", "钉钉") == account
    assert account not in (mask_account(account), "") or account == "***"


def test_a_roster_brings_accounts_and_names_a_cell_that_holds_none(desk: Desk) -> None:
    header = (*HEADER[:7], "企业微信账号", "钉钉", *HEADER[7:])
    rows = [
        ("王五", "", "专办员", "市一中", "", "", "", WECOM, DINGTALK, "", ""),
        ("赵六", "", "", "", "", "", "", "@all", "", "", ""),
        ("王五", "", "", "", "", "", "", "WangWu", "", "", ""),
    ]
    preview = desk.data(NOW, "person", "import", roster(desk.folder, rows, header), "--dry-run")
    assert [(f["line"], f["column"], f["kind"]) for f in preview["finding_list"]] == [
        (3, "企业微信", "unreadable_account"), (4, "企业微信", "contradicts_line"),
    ]  # fmt: skip
    assert WECOM not in json.dumps(preview)
    desk.done(NOW, "person", "import", roster(desk.folder, rows[:1], header))
    assert desk.sql("select wecom, dingtalk from person where id = '王五'") == [(WECOM, DINGTALK)]
    again = desk.data(NOW, "person", "import", "名册.csv")
    assert again["counts"]["person"] == {"added": 0, "changed": 0, "unchanged": 1}
