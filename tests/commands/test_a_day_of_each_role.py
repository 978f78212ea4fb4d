"""The officer, the tracker and the regulator at work, each at the command line, from a missed award to 销号.

The days before, from the demand on, are in test_from_the_demand_to_the_archive.py.

The report was delivered on Tuesday 2026-11-03; the award is promised by Wednesday 11-04 24:00, and the law
wants it by Tuesday 11-10 24:00. It reads like docs/how-to/handle-a-case.md.
"""

from __future__ import annotations

import re

import pytest

from tests.commands.conftest import Desk
from tests.commands.supervision import (
    CASE,
    HEAD,
    OFFICER,
    PACKAGE,
    PROJECT,
    REGULATOR,
    TRACKER,
    do,
    followed,
    running,
    shown,
)


@pytest.fixture
def city(reported: Desk) -> Desk:
    return followed(reported)


def test_from_a_missed_award_to_the_case_written_off(city: Desk) -> None:
    # Thursday: the moment has passed and nothing is recorded; three people are warned
    warned = city.done("2026-11-05 09:00", "patrol")
    assert "2026-11-04 24:00  预警  确定采购结果" in warned
    assert all(person in warned for person in (OFFICER, HEAD, TRACKER))
    assert "没有督办件" in city.done("2026-11-06 23:59", "case", "list", person=TRACKER)

    # Monday: two working days later a case has been opened; the tracker finds it
    assert f"督办件 {CASE}" in city.done("2026-11-09 08:30", "patrol")
    assert CASE in city.done("2026-11-09 09:00", "case", "list", person=TRACKER)
    page = city.done("2026-11-09 09:00", "case", "show", CASE, person=TRACKER)
    assert "承诺时限  2026-11-04 24:00  已超 4 天 9 小时  <- 据此督办" in page
    assert "张三、李四、钱八" in page
    assert "remind --fact letter_no=" in page

    # the letter is drafted, numbered, served, and signed for on Tuesday
    assert "拟稿" in city.at("2026-11-09 09:10", "case", "paper", CASE, "reminder", person=TRACKER).err
    do(city, "2026-11-09 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    city.done("2026-11-09 09:31", "patrol")
    letter = city.done("2026-11-09 09:40", "case", "paper", CASE, "reminder", person=TRACKER)
    assert re.search(r"文号：跟踪〔2026〕1号\n\n市一中：\n", letter)
    assert "自签收本函之日起5个工作日内改正" in letter
    assert running(city, "2026-11-09 10:00") == {"sign_for_letter": "2026-11-11 00:00"}
    do(city, "2026-11-10 09:00", OFFICER, "sign_for")
    assert "签收时间：2026年11月10日" in city.done("2026-11-10 09:05", "case", "paper", CASE, "reminder")

    # five working days from the signature, not from the SMS: until Tuesday 11-17 24:00
    assert running(city, "2026-11-10 10:00") == {"correct": "2026-11-18 00:00"}
    _deemed(city)
    early = city.done("2026-11-17 18:00", "patrol", "--dry-run", "--at", "2026-11-17 23:59")
    assert "自动流转" not in early
    assert shown(city, "2026-11-17 23:59")["state"] == "acknowledged"
    assert "自动流转  限期改正" in city.done("2026-11-18 08:30", "patrol")
    assert shown(city, "2026-11-18 08:31")["state"] == "drafted"

    _silence(city)
    _regulation(city)


def _deemed(city: Desk) -> None:
    # the law's moment passes too: the award is deemed to be decided, and people must confirm it
    before = city.done("2026-11-10 23:59", "patrol")
    assert "自动流转" not in before
    told = city.done("2026-11-11 08:30", "patrol")
    assert f"2026-11-10 24:00  自动流转  确定采购结果（{PACKAGE}）" in told
    offered = city.done("2026-11-11 09:00", "project", "show", PROJECT)
    assert "视同确定待确认" in offered
    assert f"project do {PACKAGE} explain_delay --evidence explanation=文件 --reason 原因" in offered
    # nobody confirms within a working day: the officer and the head are warned
    assert "2026-11-12 24:00  预警  确认视同确定" in city.done("2026-11-13 08:30", "patrol")


def _silence(city: Desk) -> None:
    # the tracker stays silent: one working day to decide, one more, then time decides
    assert "预警  决定提请" in city.done("2026-11-20 08:30", "patrol")
    assert shown(city, "2026-11-20 23:59")["state"] == "drafted"
    told = city.done("2026-11-23 08:30", "patrol")  # a Monday
    assert f"2026-11-20 24:00  自动流转  决定提请（{CASE}）  告知 孙七" in told


def _regulation(city: Desk) -> None:
    lead = shown(city, "2026-11-23 08:31")
    assert (lead["state"], lead["level"]) == ("lead", "regulator")

    # the regulator finds it, with what was known when it was passed on
    assert CASE in city.done("2026-11-23 09:00", "case", "list", "--level", "regulator", person=REGULATOR)
    slip = city.done("2026-11-23 09:00", "case", "paper", CASE, "referral", person=REGULATOR)
    assert "待核线索移送单" in slip
    assert "未经核实" in slip
    assert "平顶山市财政局：" in slip
    digest = lead["dossier"]["digest"]
    assert digest in slip.replace("\n", "")
    do(city, "2026-11-23 10:00", REGULATOR, "accept_case")
    do(city, "2026-11-23 10:30", REGULATOR, "urge", "--fact", "document_no=平财督〔2026〕3号")
    notice = city.done("2026-11-23 10:40", "case", "paper", CASE, "urge", person=REGULATOR)
    assert "督促改正通知书" in notice
    assert "文号：平财督〔2026〕3号\n\n市一中：\n" in notice
    assert "10个工作日内完成整改" in notice
    assert running(city, "2026-11-23 11:00") == {"rectify": "2026-12-08 00:00"}

    # the unit confirms the award, late for good, and says so; the regulator closes the case
    late = city.done(
        "2026-11-24 09:00", "project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司"
    )
    assert "[补办]" in late
    do(city, "2026-11-24 10:00", OFFICER, "submit_rectification", "--reason", "已确定供应商")
    result = ("--fact", "result=全部整改", "--reason", "已整改到位")
    do(city, "2026-11-25 09:00", REGULATOR, "write_off", *result)
    assert "没有督办件" in city.done("2026-11-25 10:00", "case", "list", person=REGULATOR)
    assert "已销号" in city.done("2026-11-25 10:00", "case", "list", "--all", person=REGULATOR)
    after = shown(city, "2026-11-25 10:00")
    assert after["dossier"] == {"digest": digest, "frozen": True}
    assert city.at("2026-11-25 10:00", "history", "verify").code == 0


def test_what_was_done_in_time_and_recorded_late_withdraws_the_case_by_itself(city: Desk) -> None:
    city.done("2026-11-09 08:30", "patrol")  # a Monday
    do(city, "2026-11-09 09:30", TRACKER, "remind", "--fact", "letter_no=跟踪〔2026〕1号")
    do(city, "2026-11-09 10:00", OFFICER, "sign_for")
    words = ("project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司", "--reason", "当天漏登")
    out = city.done("2026-11-09 10:30", *words, "--at", "2026-11-04 16:00")
    assert "[补录]" in out
    assert f"撤回督办  {CASE}  已撤回" in out
    case = shown(city, "2026-11-09 11:00")
    assert (case["state"], case["offers"], running(city, "2026-11-09 11:00")) == ("withdrawn", [], {})
    assert "没有督办件" in city.done("2026-11-09 11:00", "case", "list", person=TRACKER)
    # those who were warned hear that the warning is withdrawn; the limit of the letter threatens no more
    told = city.sql("select distinct person from message where rung = 'withdrawn' order by person")
    assert {person for (person,) in told} == {OFFICER, HEAD, TRACKER}
    city.done("2026-12-31 09:00", "patrol")  # a Thursday
    assert shown(city, "2026-12-31 09:01")["state"] == "withdrawn"


def test_what_was_done_late_keeps_its_case_however_it_is_recorded(city: Desk) -> None:
    city.done("2026-11-09 08:30", "patrol")  # a Monday
    words = ("project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司", "--reason", "当天漏登")
    assert "[补办]" in city.done(
        "2026-11-09 10:30", *words, "--at", "2026-11-05 00:00"
    )  # the first late minute
    assert shown(city, "2026-11-09 11:00")["state"] == "opened"
    do(city, "2026-11-09 11:30", TRACKER, "close", "--reason", "已办结，已提醒单位")
    assert shown(city, "2026-11-09 12:00")["state"] == "closed"


def test_a_pause_and_an_approved_extension_spare_the_unit(city: Desk) -> None:
    # Wednesday: a complaint stops everything; Friday it is decided
    halted = city.done("2026-11-04 09:00", "clock", "pause", PROJECT, "--reason", "财政部门处理投诉")
    assert f"确定采购结果（{PACKAGE}）  [中止]" in halted
    assert "预警" not in city.done("2026-11-06 08:30", "patrol")
    resumed = city.done("2026-11-06 10:00", "clock", "resume", PROJECT, "--reason", "投诉处理完毕")
    assert "承诺时限  2026-11-09 24:00" in resumed
    assert "中止，不计入：11-04、11-05、11-06" in resumed

    # Monday: a judge must be replaced; the officer asks, another person approves
    extend = ("clock", "extend", PROJECT, "decide_award", "--until", "2026-11-11", "--reason", "评委回避")
    assert "批准以前不变" in city.done("2026-11-09 09:00", *extend)
    approve = ("clock", "approve", PROJECT, "decide_award", "--reason", "情况属实")
    assert city.at("2026-11-09 09:30", *approve).code == 4
    approved = city.done("2026-11-09 10:00", *approve, person=HEAD)
    assert "承诺时限  2026-11-11 24:00" in approved
    assert "经批准延期至 2026-11-11" in approved

    # Wednesday, the last day: nobody was warned, no case was opened, and the award is in time
    assert "预警" not in city.done("2026-11-11 08:30", "patrol")
    done = city.done(
        "2026-11-11 16:00", "project", "do", PROJECT, "decide_award", "--fact", "supplier=甲公司"
    )
    assert "[按期]" in done
    city.done("2026-11-13 09:00", "patrol")  # a Friday
    assert "没有督办件" in city.done("2026-11-13 10:00", "case", "list", "--all")
    # the one warning is about something else: the result notice was not due yet on the 11th
    warned = city.sql(
        "select distinct clock from fire where does in ('warn', 'open') and clock = 'decide_award'"
    )
    assert warned == []
