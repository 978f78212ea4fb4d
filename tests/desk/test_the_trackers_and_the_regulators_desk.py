"""The tracker sees stages and exceptions, the regulator an inbox and a ranking."""

from __future__ import annotations

from typing import Any

from engine.clock import Clock
from tests.desk.conftest import Desk, Town

CASE = "P1.1-C1"


def test_the_table_counts_every_clock_once_by_unit_and_stage(town: Town) -> None:
    town.reminded()
    town.reported("P2", "2026-11-09 08:00")
    found: Any = town.data("2026-11-09 11:00", "钱八", "desk", "tracker")
    assert found["stages"] == {"u1": {"package": {"unverified": 1, "normal": 1}, "case": {"normal": 1}}}
    out = town.see("2026-11-09 11:00", "钱八", "desk", "tracker")
    row = next(line.split() for line in out.splitlines() if line.startswith("u1"))
    assert row == ["u1", "■1", "●1", "●1"]
    open_clocks = town.desk.sql("select count(*) from clock where state = 'running'")[0][0]
    assert sum(n for row in found["stages"]["u1"].values() for n in row.values()) == open_clocks


def test_an_unsigned_letter_becomes_a_call_or_a_visit_after_its_moment(town: Town) -> None:
    town.reminded()  # served on Monday 2026-11-09, to be signed for by Tuesday 24:00
    for moment, shown in (
        ("2026-11-10 23:59", False),
        ("2026-11-11 00:00", True),
        ("2026-11-11 09:00", True),
    ):
        town.city.patrol(moment)
        out = town.see(moment, "钱八", "desk", "tracker")
        assert ("提醒改正函未签收，请电话或上门送达" in out) is shown, moment
    row = next(line for line in out.splitlines() if line.startswith(CASE) and "函〔2026〕1号" in line)
    assert "张三、王五" in row
    town.city.do("sign_for", "2026-11-11 10:00", on=CASE)
    assert "未签收" not in town.see("2026-11-11 10:00", "钱八", "desk", "tracker")


def test_a_drafted_referral_waits_for_one_word_of_the_tracker_within_a_working_day(town: Town) -> None:
    town.drafted()  # on Tuesday 2026-11-17 at 24:00; to be decided by Thursday 11-19 24:00
    out = town.see("2026-11-18 09:00", "钱八", "desk", "tracker")
    block = out.partition("【提请稿，等您决定】1 件")[2].partition("【")[0]
    assert "11-19 剩 1 天" in block
    for word in ("refer", "pass_on", "defer --reason 原因", "close --reason 原因"):
        assert f"yiriban --as 钱八 case do {CASE} {word}" in block
    assert "【在手督办件】" not in out
    assert "× 超期" in out
    town.city.do("defer", "2026-11-18 10:00", on=CASE, reason="材料待补")
    out = town.see("2026-11-18 10:00", "钱八", "desk", "tracker")
    assert "提请稿，等您决定" not in out
    assert f"case do {CASE} refer" in out.partition("【在手督办件】1 件")[2]


def test_a_clock_in_trouble_stays_on_the_trackers_desk(town: Town) -> None:
    town.reported()
    assert "故障" not in town.see("2026-11-04 09:00", "钱八", "desk", "tracker")
    town.desk.sql("update clock set trouble = '文案 due_soon 缺少参数' where name = 'decide_award'")
    out = town.see("2026-11-04 09:00", "钱八", "desk", "tracker")
    assert "有故障的计时" in out
    assert "文案 due_soon 缺少参数" in out


def test_the_inbox_counts_down_to_acceptance_and_then_hands_over_to_handling(town: Town) -> None:
    town.drafted()
    assert "待受理 0" in town.see("2026-11-18 09:00", "周九", "desk", "regulator")
    town.city.do("refer", "2026-11-18 10:00", on=CASE)  # a Wednesday: to be accepted by Monday 11-23 24:00
    out = town.see("2026-11-18 11:00", "周九", "desk", "regulator")
    assert "待受理 1  办理中 0  复核中 0" in out
    assert "11-23 剩 5 天" in out
    assert "已提请待受理" in out
    assert f"yiriban --as 周九 case do {CASE} accept_case" in out
    town.city.do("accept_case", "2026-11-19 09:00", on=CASE)
    town.city.do("urge", "2026-11-19 10:00", on=CASE)
    town.city.patrol("2026-11-19 10:00")
    out = town.see("2026-11-19 11:00", "周九", "desk", "regulator")
    assert "待受理 0  办理中 1  复核中 0" in out
    town.city.do("submit_rectification", "2026-11-20 09:00", on=CASE, reason="已补齐")
    out = town.see("2026-11-20 10:00", "周九", "desk", "regulator")
    assert "待受理 0  办理中 0  复核中 1" in out
    assert f"case do {CASE} write_off" in out
    town.city.do("write_off", "2026-11-20 11:00", on=CASE, reason="已整改")
    out = town.see("2026-11-20 12:00", "周九", "desk", "regulator")
    assert "待受理 0  办理中 0  复核中 0" in out


def test_silence_brings_an_unverified_lead_to_the_regulator(town: Town) -> None:
    town.drafted()
    # to be decided by Thursday 2026-11-19 24:00; one more working day of silence: Friday 24:00
    town.city.patrol("2026-11-20 23:59")
    assert "待受理 0" in town.see("2026-11-20 23:59", "周九", "desk", "regulator")
    town.city.patrol("2026-11-21 00:00")
    out = town.see("2026-11-21 00:00", "周九", "desk", "regulator")
    assert "待受理 1" in out
    assert "待核线索" in out
    assert "提请稿" not in town.see("2026-11-21 00:00", "钱八", "desk", "tracker")


def test_the_ranking_has_denominators_and_puts_the_better_unit_first(town: Town) -> None:
    for number in (1, 2, 3):
        town.reported(f"P{number}")
    town.city.do("decide_award", "2026-11-04 10:00", on="P1")
    town.city.do("decide_award", "2026-11-05 10:00", on="P2")
    town.desk.done(
        "2026-11-02 09:00",
        "project",
        "new",
        "图书",
        "--stage",
        "package.evaluating",
        "--unit",
        "u2",
        person="吴十",
    )
    for moment, action in (("2026-11-03 10:00", "end_evaluation"), ("2026-11-03 11:00", "deliver_report")):
        papers = ["--evidence", "evaluation_report=文件.pdf"] if action == "deliver_report" else []
        town.desk.done(moment, "project", "do", "P2026-0001", action, *papers, person="吴十")
    town.desk.done(
        "2026-11-04 10:00",
        "project",
        "do",
        "P2026-0001",
        "decide_award",
        "--fact",
        "supplier=甲",
        person="吴十",
    )
    found: Any = town.data("2026-11-06 09:00", "周九", "desk", "regulator")
    ranked = [
        (r["unit"], r["judged"], r["in_promise"], r["of_promise"], r["in_law"], r["of_law"], r["open_past"])
        for r in found["ranking"]
    ]
    assert ranked == [("u2", 1, 1, 1, 1, 1, 0), ("u1", 2, 1, 2, 2, 2, 1)]
    out = town.see("2026-11-06 09:00", "周九", "desk", "regulator")
    assert "1/2   50.0%" in out


def test_the_desks_follow_a_clock_that_a_pause_holds(town: Town) -> None:
    town.reported()
    town.desk.done("2026-11-04 09:00", "clock", "pause", "P1", "--reason", "投诉处理", person="张三")
    out = town.see("2026-11-05 09:00", "张三", "desk", "officer")
    assert "○ 中止" in out
    assert "中止中" in out
    assert "今日到期 0  本周到期 0" in out
    clock: Clock = town.city.clock("P1.1", "decide_award")
    assert clock.state == "paused"


def test_an_empty_desk_says_so(town: Town, empty: Desk) -> None:
    assert "没有在走的计时" in town.see("2026-11-04 09:00", "张三", "desk", "officer")
    assert "没有例外" in town.see("2026-11-04 09:00", "钱八", "desk", "tracker")
    assert "还没有可以评判的计时" in town.see("2026-11-04 09:00", "周九", "desk", "regulator")
