"""In time, recorded late, done late: what the lamp says around the due moment (decision 5)."""

from __future__ import annotations

import pytest

from tests.commands.conftest import HALFWAY, Desk

DECIDE = ("project", "do", "P2026-0001", "decide_award", "--fact", "supplier=甲公司")


def _lamp(desk: Desk, moment: str) -> str:
    clocks = desk.data(moment, "project", "explain", "P2026-0001")["clocks"]
    return next(str(c["lamp"]) for c in clocks if c["clock"] == "decide_award")


@pytest.mark.parametrize(
    ("now", "lamp"),
    [
        ("2026-11-03 23:59:59", "normal"),  # Tuesday: a working day is still to come
        ("2026-11-04 00:00:00", "soon"),  # Wednesday: the last working day
        ("2026-11-04 23:59:59", "soon"),
        ("2026-11-05 00:00:00", "unverified"),  # Thursday: 24:00 of Wednesday is past
    ],
)
def test_an_open_clock_is_normal_then_near_then_unverified(reported: Desk, now: str, lamp: str) -> None:
    assert _lamp(reported, now) == lamp
    assert reported.data(now, "project", "list")["projects"][0]["lamp"] == lamp
    assert reported.data(now, "clock", "list")["clocks"][0]["lamp"] == lamp
    overdue = reported.at(now, "clock", "list", "--exit-code")
    assert overdue.code == (6 if lamp == "unverified" else 0)


@pytest.mark.parametrize(
    ("now", "words", "lamp", "said"),
    [
        ("2026-11-04 23:59:59", (), "in_time", "按期"),  # a Wednesday
        ("2026-11-05 00:00:00", (), "done_late", "补办"),  # a Thursday
        ("2026-11-05 09:00:00", ("--at", "2026-11-04", "--reason", "漏登"), "recorded_late", "补录"),
        ("2026-11-05 09:00:00", ("--at", "2026-11-04 24:00", "--reason", "漏登"), "done_late", "补办"),
        ("2026-11-05 09:00:00", ("--at", "2026-11-04T23:59+08:00", "--reason", "x"), "recorded_late", "补录"),
    ],
)
def test_an_end_is_in_time_recorded_late_or_done_late(
    reported: Desk, now: str, words: tuple[str, ...], lamp: str, said: str
) -> None:
    assert f"[{said}]" in reported.done(now, *DECIDE, *words)
    assert _lamp(reported, now) == lamp


def test_a_record_made_in_time_afterwards_withdraws_the_warning_and_says_so(reported: Desk) -> None:
    assert "预警" in reported.done("2026-11-05 09:00", "patrol")  # a Thursday
    out = reported.done("2026-11-05 10:00", *DECIDE, "--at", "2026-11-04", "--reason", "昨日已定")
    assert "预警解除" in out
    assert "发生 2026-11-04 00:00  登记 2026-11-05 10:00" in out


def test_a_day_means_some_time_on_it_not_before_the_step_that_it_follows(reported: Desk) -> None:
    # the report was delivered on this Tuesday at 11:00; "on Tuesday" is not before that
    done = reported.data("2026-11-03 15:00", *DECIDE, "--at", "2026-11-03")
    assert done["at"] == "2026-11-03T11:00:00+08:00"
    refused = reported.at("2026-11-03 15:00", "project", "do", "P2026-0001", "issue_award_letter",
                          "--at", "2026-11-02", "--reason", "x")  # fmt: skip
    assert refused.code == 2
    assert "早于" in refused.err


def test_a_minute_as_typed_is_not_before_the_second_in_which_the_step_was_recorded(desk: Desk) -> None:
    desk.done("2026-11-03 09:00", "project", "new", "课桌椅采购", *HALFWAY)
    desk.done("2026-11-03 10:00:40", "project", "do", "P2026-0001", "end_evaluation")
    deliver = ("project", "do", "P2026-0001", "deliver_report", "--evidence", "evaluation_report=文件.pdf")
    assert desk.data("2026-11-03 11:00", *deliver, "--at", "2026-11-03 10:00")["at"] == (
        "2026-11-03T10:00:40+08:00"
    )


@pytest.mark.parametrize(
    ("now", "words", "code", "then"),
    [
        ("2026-11-09 09:00", (), 0, ""),  # Monday: Wednesday is three working days back
        ("2026-11-10 09:00", (), 5, "--evidence"),  # Tuesday: four
        ("2026-11-10 09:00", ("--evidence", "minutes=文件.pdf"), 5, "--second"),
        ("2026-11-10 09:00", ("--evidence", "minutes=文件.pdf", "--second", "张三"), 5, "--second"),
        ("2026-11-10 09:00", ("--evidence", "minutes=文件.pdf", "--second", "无名"), 4, ""),
        ("2026-11-10 09:00", ("--evidence", "minutes=文件.pdf", "--second", "李四"), 0, ""),
    ],
)
def test_beyond_three_working_days_a_record_needs_evidence_and_a_second_person(
    reported: Desk, now: str, words: tuple[str, ...], code: int, then: str
) -> None:
    ran = reported.at(now, *DECIDE, "--at", "2026-11-04", "--reason", "漏登", *words)
    assert ran.code == code
    assert then in ran.err


def test_the_explanation_names_the_rest_days_skipped_and_the_make_up_day_counted(desk: Desk) -> None:
    # National Day 2026: 1 to 7 October off, Saturday 10 October worked. The database is older than the law
    # of its days, so the steps are recorded back with evidence and a second person.
    back = ("--reason", "补登", "--evidence", "minutes=文件.pdf", "--second", "李四")
    now = "2026-11-02 10:00"  # a Monday
    desk.done(now, "project", "new", "国庆项目", *HALFWAY, "--at", "2026-09-01")
    desk.done(now, "project", "do", "P2026-0001", "end_evaluation", "--at", "2026-09-29", *back)
    words = ("project", "do", "P2026-0001", "deliver_report", "--evidence", "evaluation_report=文件.pdf")
    desk.done(now, *words, "--at", "2026-09-30", *back)  # a Wednesday
    text = desk.done(now, "project", "explain", "P2026-0001")
    assert "承诺时限  2026-10-08 24:00" in text
    assert "法定期限  2026-10-13 24:00" in text
    assert "跳过休息日 8 天" in text
    assert "10-01 国庆节" in text
    assert "10-11 周日" in text
    assert "调休上班，计入：10-10" in text
    clock = desk.data(now, "project", "explain", "P2026-0001")["clocks"][0]
    statutory = next(d for d in clock["due"] if d["moment"] == "statutory")
    assert statutory["make_up_days"] == ["2026-10-10"]
    assert len(statutory["rest_days"]) == 8
    assert (statutory["limit"], statutory["checked_on"]) == ("5 working days", "2026-11-21")


def test_calendar_days_that_end_on_a_rest_day_say_where_they_rolled_from(reported: Desk) -> None:
    reported.done("2026-11-04 09:00", *DECIDE)
    letter = ("issue_award_letter", "--fact", "contracts=1", "--evidence", "award_letter=文件.pdf")
    reported.done("2026-11-05 10:00", "project", "do", "P2026-0001", *letter)  # a Thursday
    # thirty days end on Saturday 5 December, which rolls to Monday the 7th
    text = reported.done("2026-11-05 11:00", "project", "explain", "P2026-0001.1.1")
    assert "法定期限  2026-12-07 24:00" in text
    assert "末日 12-05 逢休息日，顺延，越过 12-05 周六、12-06 周日" in text


def test_a_clock_that_reaches_into_an_unannounced_year_is_marked_provisional(reported: Desk) -> None:
    reported.done("2026-11-04 09:00", *DECIDE)
    letter = ("issue_award_letter", "--fact", "contracts=1", "--evidence", "award_letter=文件.pdf")
    reported.done("2026-11-30 10:00", "project", "do", "P2026-0001", *letter)  # a Monday
    assert "暂定" in reported.done("2026-11-30 10:00", "project", "explain", "P2026-0001.1.1")
    assert "?" in reported.done("2026-11-30 10:00", "clock", "list")
