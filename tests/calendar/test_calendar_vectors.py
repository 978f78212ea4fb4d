"""The reference cases of counting, each written with its weekdays so that a lawyer can check it."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from engine.counting import due, latest_before
from engine.term import read_length
from engine.workdays import WorkingCalendar, compile_calendar

# number, length, anchor, day it leads to, provisional, why
FORWARD = [
    ("V01", "2 working days", "2026-02-12 周四", "2026-02-14 周六", False, "make-up Saturday counts"),
    (
        "V02",
        "7 working days",
        "2026-02-12 周四",
        "2026-02-28 周六",
        False,
        "make-up Saturday after the festival",
    ),
    ("V03", "2 working days", "2026-09-18 周五", "2026-09-21 周一", False, "Sunday 09-20 is worked"),
    ("V04", "5 working days", "2026-09-30 周三", "2026-10-13 周二", False, "over National Day, 10-10 worked"),
    ("V05", "30 days", "2026-09-03 周四", "2026-10-08 周四", False, "10-03 is a holiday"),
    ("V06", "20 days", "2026-01-31 周六", "2026-02-24 周二", False, "02-20 is a holiday"),
    ("V07", "5 working days", "2024-09-26 周四", "2024-10-09 周三", False, "Sunday 09-29 is worked"),
    ("V08", "5 working days", "2025-06-03 周二", "2025-06-10 周二", False, "over a weekend"),
    ("V08b", "20 days", "2025-06-03 周二", "2025-06-23 周一", False, "ends on a worked day"),
    ("V09", "1 working day", "2026-03-07 周六", "2026-03-09 周一", False, "anchor on a rest day"),
    ("V10", "1 working day", "2026-02-14 周六", "2026-02-24 周二", False, "anchor on a make-up day"),
    ("V11", "10 working days", "2026-04-28 周二", "2026-05-14 周四", False, "05-09 is worked"),
    ("V12", "30 working days", "2026-01-20 周二", "2026-03-09 周一", False, "over Spring Festival"),
    ("V13", "15 working days", "2026-09-28 周一", "2026-10-23 周五", False, "over National Day"),
    ("V14", "30 days", "2026-04-02 周四", "2026-05-06 周三", False, "05-02 is a holiday"),
    ("V15", "30 days", "2026-04-09 周四", "2026-05-09 周六", False, "a worked Saturday does not roll"),
    ("V18", "30 working days", "2026-12-01 周二", "2027-01-13 周三", True, "2027 is not announced"),
    ("V19", "5 working days", "2026-12-28 周一", "2027-01-05 周二", True, "2027 is not announced"),
    ("V20", "8 working days", "2026-01-28 周三", "2026-02-09 周一", False, "plain weeks"),
    ("V21", "2 working days", "2020-01-23 周四", "2020-02-04 周二", False, "the 2020 extension"),
    ("V23", "30 days", "2026-01-30 周五", "2026-03-02 周一", False, "03-01 is a Sunday"),
    ("V24", "60 days", "2026-08-03 周一", "2026-10-08 周四", False, "10-02 is a holiday"),
    (
        "V25",
        "1 working day",
        "2026-05-08 周五",
        "2026-05-09 周六",
        False,
        "the next day is a worked Saturday",
    ),
]
BACKWARD = [
    ("V16", "15 days", "2026-03-20 周五", "2026-03-05 周四", "latest clarification before bids close"),
    ("V17", "3 working days", "2026-10-09 周五", "2026-09-29 周二", "back over National Day"),
]


@pytest.fixture(scope="module")
def calendar() -> WorkingCalendar:
    """Return the calendar as the library announces it."""
    return compile_calendar("CN")


def _day(written: str) -> date:
    text, weekday = written.split()
    day = date.fromisoformat(text)
    assert "一二三四五六日"[day.weekday()] == weekday[1], f"{written} is written with a wrong weekday"
    return day


@pytest.mark.parametrize(
    ("length", "anchor", "expected", "provisional"),
    [row[1:5] for row in FORWARD],
    ids=[f"{row[0]} {row[5]}" for row in FORWARD],
)
@pytest.mark.parametrize("hour", ["00:00", "23:59"])
def test_a_length_leads_to_the_day_of_the_reference_table(
    calendar: WorkingCalendar, length: str, anchor: str, expected: str, provisional: bool, hour: str
) -> None:
    start = datetime.fromisoformat(f"{_day(anchor)}T{hour}+08:00")
    moment = due(start, read_length(length), "midnight", calendar)
    assert (moment.day, moment.provisional) == (_day(expected), provisional)


@pytest.mark.parametrize(
    ("length", "day", "expected"), [row[1:4] for row in BACKWARD], ids=[f"{r[0]} {r[4]}" for r in BACKWARD]
)
def test_a_backward_length_leads_to_the_latest_permitted_day(
    calendar: WorkingCalendar, length: str, day: str, expected: str
) -> None:
    assert latest_before(_day(day), read_length(length), calendar) == _day(expected)
