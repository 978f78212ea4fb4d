"""Each refusal with its documented exit code, and nothing lost or left behind by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage import claims
from tests.commands.conftest import DATABASE, HALFWAY, Desk
from tests.conftest import Ran

DO = ("project", "do", "P2026-0001")
DECIDE = (*DO, "decide_award", "--fact", "supplier=甲公司")
NOW = "2026-11-04 09:00"  # a Wednesday


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((*DO, "decide_awards", "--fact", "supplier=甲"), 2, "您是不是要写 decide_award？"),
        ((*DO, "sign_contract"), 5, "现在不能“签订合同”"),
        ((*DO, "deliver_report", "--evidence", "evaluation_report=文件.pdf"), 5, "现为“报告已送达”"),
        ((*DECIDE, "--revision", "1"), 7, "现在是第 3 版，不是第 1 版"),
        ((*DO, "decide_award"), 5, "--fact supplier="),
        ((*DO, "decide_award", "--fact", "suplier=甲"), 2, "您是不是要写 supplier？"),
        ((*DO, "decide_award", "--fact", "supplier"), 2, "须为 名称=值"),
        ((*DECIDE, "--fact", "supplier=乙公司"), 2, "写了两次"),
        ((*DECIDE, "--fact", "award_amount=350000"), 2, "分不清是元还是万元"),
        ((*DECIDE, "--fact", "contracts=两个"), 2, "类型是整数"),
        ((*DECIDE, "--fact", "notice_url=www.example.cn"), 2, "类型是网址"),
        ((*DECIDE, "--evidence", "minutes=没有.pdf"), 2, "没有这个文件"),
        ((*DECIDE, "--evidence", "minutes=."), 2, "它是一个文件夹"),
        ((*DECIDE, "--evidence", "文件.pdf"), 2, "须为 名称=值"),
        ((*DECIDE, "--at", "2026-11-05"), 2, "在将来"),
        ((*DECIDE, "--at", "2026-11-04 09:01"), 2, "在将来"),
        ((*DECIDE, "--at", "2026-11-31"), 2, "看不懂的时间"),
        ((*DECIDE, "--at", "昨天"), 2, "看不懂的时间"),
        ((*DECIDE, "--at", "0001-01-01"), 2, "看不懂的时间"),
        ((*DECIDE, "--at", "2026-11-03"), 5, "--reason"),
        ((*DO, "abandon"), 5, "--reason"),
        (("project", "do", "P2026-0009", "decide_award"), 3, "没有编号为 P2026-0009 的事项"),
        (("project", "show", "没有"), 3, "没有编号为 没有 的事项"),
        (("project", "explain", "没有"), 3, "project list"),
        (("history", "verify", "没有"), 3, "没有编号为"),
        (("project", "new", "甲", "--code", "P2026-0001"), 7, "已经有项目了"),
        (("project", "new", "甲", "--code", "A/1"), 2, "--alias project="),
        (("project", "new", "甲", "--code", "A-C1"), 2, "-C 加数字"),
        (("project", "new", "  "), 2, "不能是空的"),
        (("project", "new", "甲", "--budget", "35"), 2, "写成 --fact budget=350000元"),
        (("project", "new", "甲", "--packages", "0"), 2, "1 到 1000"),
        (("project", "new", "甲", "--packages", "1001"), 2, "1 到 1000"),
        (("project", "new", "甲", "--fact", "secret=是"), 5, "S01"),
        (("project", "new", "甲", "--stage", "评审"), 2, "evaluating（评审中）"),
        (("project", "new", "甲", "--stage", "已办结"), 2, "没有名为 已办结 的阶段"),
        (("project", "new", "甲", "--alias", "nummer=1"), 2, "没有这种编号"),
        (("project", "new", "甲", "--at", "2026-11-05"), 2, "在将来"),
        (("project", "new", "甲", "--unit", "没有"), 3, "市一中"),
        (("project", "list", "--unit", "没有"), 3, "市一中"),
        (("project", "list", "--state", "closing"), 2, "closed（已办结）"),
        (("clock", "list", "--due-by", "明天"), 2, "--due-by"),
        (("clock", "list", "--all", "--overdue"), 2, "--all"),
    ],
)
def test_a_refused_command_says_why_and_changes_nothing(
    reported: Desk, words: tuple[str, ...], code: int, said: str
) -> None:
    before = reported.dump()
    ran = reported.at(NOW, *words)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert ran.out == ""
    assert reported.dump() == before


def test_who_holds_no_appointment_may_look_but_neither_act_nor_open(reported: Desk) -> None:
    before = reported.dump()
    acted = reported.at(NOW, *DECIDE, person="外人")
    assert acted.code == 4
    assert "外人 不能对 P2026-0001.1 进行" in acted.err
    assert reported.at(NOW, "project", "new", "甲", person="外人").code == 4
    assert reported.at(NOW, "project", "new", "甲", "--unit", "市一中", person="外人").code == 4
    assert reported.at(NOW, "project", "list", person="外人").code == 0
    assert reported.dump() == before


def test_who_does_not_say_who_he_is_may_look_but_not_write(reported: Desk) -> None:
    reported.tell_time(NOW)
    for words in (DECIDE, ("project", "new", "甲"), ("init",)):
        ran = reported.run(*words)
        assert (ran.code, "YIRIBAN_AS" in ran.err) == (2, True)
    assert reported.run("project", "show", "P2026-0001").code == 0


def test_a_rule_that_blocks_refuses_with_its_article_and_remedy(reported: Desk) -> None:
    reported.done(NOW, *DECIDE)
    reported.done(
        NOW, *DO, "issue_award_letter", "--fact", "contracts=1", "--evidence", "award_letter=文件.pdf"
    )
    before = reported.dump()
    words = [*DO, "sign_contract", "--evidence", "contract_text=文件.pdf", "--fact", "supplier_small=是"]
    words += ["--checked", "contract_terms"]
    words += ["--fact", "amount=1元", "--fact", "instalments=1", "--fact"]
    refused = reported.at(NOW, *words, "pay_within=61日")
    assert refused.code == 5
    assert "R66" in refused.err
    assert "保障中小企业款项支付条例" in refused.err
    assert reported.dump() == before
    assert reported.at(NOW, *words, "pay_within=60日").code == 0


@pytest.fixture
def with_minimum(root: Path, tmp_path: Path) -> Path:
    """A local overlay: three days must pass between the award letter and the contract."""
    overlay = tmp_path / "本地"
    (overlay / "law").mkdir(parents=True)
    signing = (root / "workflows" / "parts" / "contracting.yaml").read_text(encoding="utf-8")
    clock = (
        "  wait_for_queries:\n    title: {zh: 等待质疑, en: wait for queries}\n    term: query_window\n"
        "    starts: {state: awarded}\n    guards: [sign_contract]\n"
    )
    (overlay / "parts").mkdir()
    (overlay / "parts" / "contracting.yaml").write_text(signing.rstrip() + "\n" + clock, encoding="utf-8")
    (overlay / "law" / "query_window.yaml").write_text(
        "term: query_window\ncode: D99\nkind: min\nends: midnight\ntitle: {zh: 等待期, en: wait}\n"
        "statutory:\n  - {from: 2020-01-01, limit: 3 days, basis: 试验条例 第3条,"
        " checked_on: 2026-11-21, confidence: sure}\n",
        encoding="utf-8",
    )
    return overlay


def test_an_act_before_its_minimum_period_is_refused_until_the_first_permitted_instant(
    empty: Desk, with_minimum: Path
) -> None:
    flags = ("--workflows", str(with_minimum))
    monday = "2026-11-02 09:00"
    empty.done(monday, *flags, "init")
    empty.done(monday, *flags, "project", "new", "甲", *HALFWAY)
    document = "文件.pdf"
    for action in ("end_evaluation", f"deliver_report --evidence evaluation_report={document}",
                   "decide_award --fact supplier=甲公司",
                   f"issue_award_letter --fact contracts=1 --evidence award_letter={document}"):  # fmt: skip
        empty.done(monday, *flags, *DO, *action.split())
    sign = "sign_contract --fact amount=1元 --fact instalments=1 --fact supplier_small=否"
    sign += " --checked contract_terms"
    words = (*flags, *DO, *sign.split(), "--evidence", f"contract_text={document}")
    # three days after Monday the 2nd is Thursday the 5th; the act may fall on that day
    shown = empty.done(monday, *flags, "project", "show", "P2026-0001")
    assert "最早 2026-11-05 00:00" in shown
    assert "等待期" in shown
    before = empty.dump()
    refused = empty.at("2026-11-04 23:59:59", *words)
    assert refused.code == 5
    assert "2026-11-05 00:00" in refused.err
    assert "试验条例 第3条" in refused.err
    assert empty.dump() == before
    # a minimum period that runs is no deadline: it is neither near nor overdue
    deadlines = empty.data("2026-11-04 23:59:59", *flags, "clock", "list")["clocks"]
    assert {c["clock"] for c in deadlines} == {"publish_result", "sign_contract"}
    explained = empty.done("2026-11-04 23:59:59", *flags, "project", "explain", "P2026-0001.1.1")
    assert "[等待期]" in explained
    assert "最早可办  2026-11-05 00:00" in explained
    assert empty.at("2026-11-05 00:00", *words).code == 0


def test_a_database_locked_by_another_program_is_a_conflict_for_writers_and_open_to_readers(
    reported: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BUSY_MS", 50)
    before = reported.dump()
    with closing(sqlite3.connect(reported.folder / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for words in (DECIDE, ("patrol",), ("project", "new", "甲")):
            ran = reported.at(NOW, *words)
            assert (ran.code, "数据库正忙" in ran.err) == (7, True), ran.err
        for words in (("project", "list"), ("project", "show", "P2026-0001"), ("clock", "list")):
            assert reported.at(NOW, *words).code == 0
        other.execute("ROLLBACK")
    assert reported.dump() == before


@pytest.mark.parametrize(
    "words", [("project", "list"), ("clock", "list"), ("patrol",), ("history", "verify"), ("message", "list")]
)
def test_without_a_database_every_command_points_to_init_and_leaves_no_file(
    empty: Desk, words: tuple[str, ...]
) -> None:
    ran = empty.at(NOW, *words)
    assert (ran.code, "yiriban init" in ran.err) == (3, True)
    assert not (empty.folder / DATABASE).exists()
    (empty.folder / DATABASE).touch()
    ran = empty.at(NOW, *words)
    assert (ran.code, "yiriban init" in ran.err) == (3, True)


def test_a_folder_or_another_file_as_database_is_refused_in_words(empty: Desk) -> None:
    (empty.folder / "夹").mkdir()
    (empty.folder / "台账.csv").write_text("编号,名称\n" * 500, encoding="utf-8")
    for place in ("夹", "台账.csv"):
        for words in (("init",), ("project", "list")):
            ran = empty.at(NOW, "--database", place, *words)
            assert (ran.code, ran.out, place in ran.err) == (1, "", True), ran.err
    missing = empty.at(NOW, "--database", "没有/a.db", "init")
    assert (missing.code, "没有文件夹" in missing.err) == (1, True)


def test_a_file_that_vanishes_while_it_is_read_leaves_nothing(
    reported: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_named: object) -> Ran:
        raise OSError(28, "No space left on device")

    before = reported.dump()
    opened: Callable[..., object] = broken
    monkeypatch.setattr(Path, "open", opened)
    ran = reported.at(NOW, *DECIDE, "--evidence", "minutes=文件.pdf")
    monkeypatch.undo()
    assert ran.code == 1
    assert "磁盘已满" in ran.err
    assert reported.dump() == before
