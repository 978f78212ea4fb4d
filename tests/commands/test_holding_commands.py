"""Who may stop a clock or move its due moment; what is refused, and with which exit code."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Desk
from tests.commands.supervision import (
    CASE,
    HEAD,
    MONDAY,
    PACKAGE,
    PROJECT,
    REGULATOR,
    TRACKER,
    do,
    followed,
    opened,
    running,
    shown,
)

TUESDAY = "2026-11-03 14:00"
EXTEND = ("clock", "extend", PROJECT, "decide_award", "--reason", "评委回避")
APPROVE = ("clock", "approve", PROJECT, "decide_award", "--reason", "同意")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("clock", "pause", PROJECT), 5, "需要说明原因"),
        (("clock", "pause", PROJECT, "--reason", "质疑", "--at", "2026-11-05"), 2, "时间在将来"),
        (("clock", "pause", PROJECT, "--reason", "质疑", "--evidence", "query=没有.pdf"), 2, "没有这个文件"),
        (("clock", "resume", PROJECT, "--reason", "已答复"), 5, "没有中止"),
        (("clock", "pause", "P2026-0009", "--reason", "质疑"), 3, "P2026-0009"),
        ((*EXTEND, "--until", "明天"), 2, "看不懂的日期"),
        ((*EXTEND, "--until", "2026-11-04"), 2, "不晚于现在的截止"),
        ((*EXTEND, "--until", "2026-11-11"), 5, "不能延到法定期限之后，法定期限为 2026-11-10"),
        ((*EXTEND, "--until", "2026-11-30", "--moment", "statutory"), 5, "没有规定延期"),
        (("clock", "extend", PROJECT, "pay", "--until", "2026-11-30", "--reason", "x"), 3, "decide_award"),
        (APPROVE, 5, "没有待审批的延期申请"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing_behind(
    reported: Desk, words: tuple[str, ...], code: int, said: str
) -> None:
    before = reported.dump()
    ran = reported.at(TUESDAY, *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert reported.dump() == before


def test_only_the_roles_of_the_purchaser_and_the_regulator_stop_a_clock(reported: Desk) -> None:
    city = followed(reported)
    pause = ("clock", "pause", PACKAGE, "--reason", "供应商质疑")
    ran = city.at(TUESDAY, *pause, person=TRACKER)
    assert ran.code == 4
    assert "officer（专办员）" in ran.err
    assert city.at(TUESDAY, *pause, person=REGULATOR).code == 0
    assert city.at(TUESDAY, *pause).code == 5
    extend = (*EXTEND, "--until", "2026-11-06")
    assert city.at(TUESDAY, *extend, person=REGULATOR).code == 4


def test_a_rehearsed_pause_prints_its_receipt_and_leaves_nothing_behind(reported: Desk) -> None:
    before = reported.dump()
    out = reported.done(TUESDAY, "clock", "pause", PROJECT, "--reason", "质疑", "--dry-run")
    assert "预演" in out
    assert "[中止]" in out
    assert reported.dump() == before


def test_a_receipt_for_programs_names_the_days_left_out_and_the_papers(reported: Desk) -> None:
    paper = ("--evidence", "query=文件.pdf")
    paused = reported.data("2026-11-04 09:00", "clock", "pause", PROJECT, "--reason", "质疑", *paper)
    assert (paused["schema"], paused["what"]) == ("yiriban.clock.pause/1", "pause")
    resumed = reported.data("2026-11-05 09:00", "clock", "resume", PROJECT, "--reason", "已答复")
    promise = resumed["clocks"][0]["due"][0]
    assert (promise["at"], promise["frozen_days"]) == (
        "2026-11-07T00:00:00+08:00",
        ["2026-11-04", "2026-11-05"],
    )
    assert reported.sql("select kind, name from evidence order by id desc limit 1") == [("query", "文件.pdf")]


def test_a_clock_is_found_by_its_title_and_a_refused_extension_moves_nothing(reported: Desk) -> None:
    asked = reported.done(TUESDAY, "clock", "extend", PROJECT, "确定采购结果", "--until", "2026-11-09",
                          "--reason", "评委回避")  # fmt: skip
    assert f"yiriban --as 另一人 clock approve {PACKAGE} decide_award" in asked
    out = reported.done("2026-11-03 15:00", *APPROVE, "--refuse", person=HEAD)
    assert "不予延期" in out
    assert "承诺时限  2026-11-04 24:00" in out
    assert reported.at("2026-11-03 16:00", *APPROVE, person=HEAD).code == 5


def test_a_deputy_of_the_person_who_asked_cannot_approve(reported: Desk) -> None:
    city = followed(reported)
    reported.done("2026-11-03 12:00", "person", "delegate", "张三", HEAD, "--kind", "AB")
    reported.done(TUESDAY, *EXTEND, "--until", "2026-11-09", person=HEAD)
    ran = city.at("2026-11-03 15:00", *APPROVE)
    assert ran.code == 4
    assert "代理人与被代理人算同一人" in ran.err
    assert city.at("2026-11-03 15:00", *APPROVE, person=TRACKER).code == 0


def test_once_a_case_is_open_its_supervisors_decide_and_an_extension_withdraws_it(reported: Desk) -> None:
    """The unit cannot approve its own way out; nor can it stop what follows up its delay."""
    city = opened(reported)
    pause = ("clock", "pause", PROJECT, "--reason", "供应商质疑")
    assert city.at(f"{MONDAY} 09:00", *pause).code == 4
    city.done(f"{MONDAY} 09:00", *EXTEND, "--until", "2026-11-10")
    refused = city.at(f"{MONDAY} 09:30", *APPROVE, person=HEAD)
    assert refused.code == 4
    assert f"已有督办件 {CASE}" in refused.err
    out = city.done(f"{MONDAY} 10:00", *APPROVE, person=TRACKER)
    assert "预警解除" in out
    assert f"撤回督办  {CASE}  已撤回" in out
    texts = city.sql("select distinct text from message where rung = 'withdrawn' and channel = 'sms'")
    assert [("经批准延期至11月10日" in text, "补录" in text) for (text,) in texts] == [(True, False)]
    # the new moment is missed as well: another case, by the new epoch
    city.done("2026-11-17 09:00", "patrol")  # a Tuesday
    cases = city.data("2026-11-17 10:00", "case", "list", "--all")["cases"]
    assert {c["id"]: c["state"] for c in cases} == {CASE: "withdrawn", f"{PACKAGE}-C2": "opened"}


def test_the_limit_of_a_case_stands_still_while_its_matter_is_paused(reported: Desk) -> None:
    city = opened(reported)
    do(city, f"{MONDAY} 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    do(city, f"{MONDAY} 10:00", "张三", "sign_for")
    assert running(city, f"{MONDAY} 11:00") == {"correct": "2026-11-17 00:00"}
    city.done("2026-11-10 09:00", "clock", "pause", PROJECT, "--reason", "投诉处理期间暂停", person=REGULATOR)
    assert "没有到点的事" in city.done("2026-11-18 09:00", "patrol")
    assert shown(city, "2026-11-18 10:00")["state"] == "acknowledged"
    assert "中止  2026-11-10 09:00 - 至今  投诉处理期间暂停" in city.done(
        "2026-11-18 10:00", "case", "show", CASE
    )
    city.done("2026-11-19 09:00", "clock", "resume", PROJECT, "--reason", "投诉已处理", person=REGULATOR)
    # Tuesday 10 to Thursday 19 are left out; five working days from Friday 20 on
    assert running(city, "2026-11-19 10:00") == {"correct": "2026-11-27 00:00"}


def test_the_limit_of_a_case_is_extended_by_who_has_it_in_hand(reported: Desk) -> None:
    city = opened(reported)
    do(city, f"{MONDAY} 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    do(city, f"{MONDAY} 10:00", "张三", "sign_for")
    assert city.at(f"{MONDAY} 10:30", "clock", "pause", CASE, "--reason", "忙").code == 4
    asked = ("clock", "extend", CASE, "correct", "--until", "2026-11-20", "--reason", "评委出差")
    city.done(f"{MONDAY} 11:00", *asked)
    approve = ("clock", "approve", CASE, "correct", "--reason", "情况属实")
    assert city.at(f"{MONDAY} 12:00", *approve, person=HEAD).code == 4
    city.done(f"{MONDAY} 12:00", *approve, person=TRACKER)
    assert running(city, f"{MONDAY} 13:00") == {"correct": "2026-11-21 00:00"}
