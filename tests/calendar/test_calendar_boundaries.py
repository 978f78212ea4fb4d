"""The edges: day limits, close of business, 24:00, hours, months, and the ends of all knowledge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engine.counting import account, closing, due, due_on, earliest, latest_before, shift
from engine.errors import BadInput, OutsideCalendar
from engine.term import Length, Moment, read_length
from engine.workdays import compile_calendar

CN = compile_calendar("CN")
TICK = timedelta(microseconds=1)


def at(written: str) -> datetime:
    """Read a Beijing time as an instant."""
    return datetime.fromisoformat(f"{written}+08:00").astimezone(UTC)


def due_after(anchor: str, length: str, ends: str = "midnight") -> Moment:
    return due(at(anchor), read_length(length), "close" if ends == "close" else "midnight", CN)


def test_the_local_midnight_decides_on_which_day_the_count_begins() -> None:
    friday = at("2026-03-13T00:00")  # 周五
    assert [CN.day_of(friday + step).day for step in (-TICK, timedelta(0), TICK)] == [12, 13, 13]
    one = read_length("1 working day")
    assert due(friday - TICK, one, "midnight", CN).day == date(2026, 3, 13)  # 周五
    assert due(friday, one, "midnight", CN).day == date(2026, 3, 16)  # 周一


def test_one_day_ends_at_close_of_business_or_at_24_of_the_same_day() -> None:
    close = due_after("2026-03-11T09:00", "1 working day", "close")  # 周三
    midnight = due_after("2026-03-11T09:00", "1 working day")
    assert close == Moment(date(2026, 3, 12), at("2026-03-12T17:30"), "close")  # 周四
    assert midnight == Moment(date(2026, 3, 12), at("2026-03-13T00:00"), "midnight")
    assert closing(midnight, CN) == close


def test_zero_days_end_on_the_anchors_day_and_zero_calendar_days_still_roll() -> None:
    assert due_after("2026-03-07T09:00", "0 working days").day == date(2026, 3, 7)  # 周六
    assert due_after("2026-03-07T09:00", "0 days").day == date(2026, 3, 9)  # 周一


def test_hours_and_minutes_run_plain_through_nights_and_holidays() -> None:
    moment = due_after("2026-02-13T16:00", "2 hours")  # 周五
    assert moment == Moment(date(2026, 2, 13), at("2026-02-13T18:00"), None)
    assert due_after("2026-02-16T23:45", "30 minutes").instant == at("2026-02-17T00:15")  # 春节
    # exactly 24:00 still belongs to the day that ends
    assert due_after("2026-02-16T23:30", "30 minutes").day == date(2026, 2, 16)
    assert not due_after("2026-12-31T23:00", "2 hours").provisional


@pytest.mark.parametrize(
    ("anchor", "length", "expected"),
    [
        ("2025-01-31T09:00", "1 month", date(2025, 2, 28)),  # 周五, 月末
        ("2024-02-29T09:00", "1 year", date(2025, 2, 28)),  # 周五, no 29 February
        ("2024-01-31T09:00", "1 month", date(2024, 2, 29)),  # 周四, leap year
        ("2025-11-28T09:00", "3 months", date(2026, 2, 28)),  # 周六, but a make-up day
        ("2026-09-01T09:00", "1 month", date(2026, 10, 8)),  # 10-01 is 国庆节
        ("2025-12-15T09:00", "1 month", date(2026, 1, 15)),  # 周四, over the year's end
    ],
)
def test_months_and_years_end_on_the_corresponding_day_or_the_months_end(
    anchor: str, length: str, expected: date
) -> None:
    assert due_after(anchor, length).day == expected


def test_the_cautious_setting_does_not_prolong_over_a_rest_day() -> None:
    cautious = due(at("2026-09-03T09:00"), Length(30, "days"), "close", CN, roll=False)
    assert cautious.day == date(2026, 10, 3)  # 周六, 国庆节


def test_an_agreed_day_neither_rolls_nor_waits_for_a_notice() -> None:
    assert due_on(date(2026, 10, 1), "close", CN) == Moment(  # 周四, 国庆节
        date(2026, 10, 1), at("2026-10-01T17:30"), "close"
    )
    assert not due_on(date(2027, 10, 1), "midnight", CN).provisional


def test_bids_may_close_on_the_twentieth_day_itself() -> None:
    issued, twenty = at("2026-01-31T09:00"), Length(20, "days")  # 周六; 02-20 is a holiday
    assert earliest(issued, twenty, CN) == at("2026-02-24T00:00")  # 周二
    assert earliest(issued, twenty, CN, inclusive=False) == at("2026-02-25T00:00")
    assert earliest(issued, Length(30, "minutes"), CN) == at("2026-01-31T09:30")


def test_a_backward_length_does_not_roll_and_cannot_run_in_hours() -> None:
    sunday = latest_before(date(2026, 3, 30), Length(15, "days"), CN)  # from 周一
    assert sunday == date(2026, 3, 15)
    assert not CN.is_worked(sunday)
    assert latest_before(date(2026, 3, 31), Length(1, "months"), CN) == date(2026, 2, 28)
    with pytest.raises(BadInput) as refused:
        latest_before(date(2026, 3, 20), Length(3, "hours"), CN)
    assert "15 days" in refused.value.then


@pytest.mark.parametrize(
    ("ends", "sign", "offset", "day", "instant"),
    [
        # from Friday 13 February 2026; Saturday the 14th is worked, the festival ends on the 23rd
        ("midnight", 1, "2 working days", date(2026, 2, 24), "2026-02-25T00:00"),
        ("close", 1, "2 working days", date(2026, 2, 24), "2026-02-24T17:30"),
        ("close", -1, "1 working day", date(2026, 2, 12), "2026-02-12T17:30"),
        ("midnight", 1, "2 days", date(2026, 2, 15), "2026-02-16T00:00"),  # 周日, does not roll
        ("midnight", 1, "1 month", date(2026, 3, 13), "2026-03-14T00:00"),
        ("close", -1, "2 hours", date(2026, 2, 13), "2026-02-13T15:30"),
        ("midnight", -1, "1 minute", date(2026, 2, 13), "2026-02-13T23:59"),
        ("midnight", 1, "1 minute", date(2026, 2, 14), "2026-02-14T00:01"),
    ],
)
def test_an_offset_counts_from_the_due_day_and_keeps_its_ending(
    ends: str, sign: int, offset: str, day: date, instant: str
) -> None:
    base = due_on(date(2026, 2, 13), "close" if ends == "close" else "midnight", CN)
    moved = shift(base, sign, read_length(offset), CN)
    assert (moved.day, moved.instant) == (day, at(instant))
    assert moved.ends == (None if offset.split()[1] in ("hours", "minute") else ends)


def test_a_day_offset_from_a_start_keeps_the_time_of_day() -> None:
    started = Moment(date(2026, 2, 13), at("2026-02-13T09:20"), None)  # 周五
    moved = shift(started, 1, Length(2, "working days"), CN)
    assert moved == Moment(date(2026, 2, 24), at("2026-02-24T09:20"), None)  # 周二


def test_an_offset_into_an_unannounced_year_is_provisional() -> None:
    firm = due_on(date(2026, 12, 18), "close", CN)  # 周五
    assert not shift(firm, 1, Length(1, "days"), CN).provisional
    assert shift(firm, 1, Length(1, "working days"), CN).provisional  # 周一, 21 December
    assert not shift(firm, -1, Length(9, "working days"), CN).provisional


@pytest.mark.parametrize(
    ("anchor", "length", "provisional"),
    [
        ("2026-12-17T09:00", "1 working day", False),  # ends 周五 18 December
        ("2026-12-17T09:00", "2 working days", True),  # ends 周一 21 December
        ("2026-11-19T09:00", "29 days", False),  # ends 周五 18 December
        ("2026-11-19T09:00", "30 days", True),  # 周六 the 19th rolls to 周一 the 21st
    ],
)
def test_a_count_is_provisional_when_it_reaches_beyond_20_december(
    anchor: str, length: str, provisional: bool
) -> None:
    assert due_after(anchor, length).provisional is provisional


def test_the_account_names_every_skipped_day_and_every_make_up_day() -> None:
    anchor = at("2026-02-12T09:00")  # 周四
    listed = account(anchor, due(anchor, Length(7, "working days"), "close", CN), CN)
    assert [(f"{day:%m-%d}", name) for day, name, worked in listed if worked] == [
        ("02-14", "调休上班"),
        ("02-28", "调休上班"),
    ]
    skipped = [day for day, _, worked in listed if not worked]
    assert skipped == [date(2026, 2, day) for day in range(15, 24)]
    assert {name for _, name, _ in listed} >= {"周日", "农历除夕", "春节"}
    assert account(anchor, due(anchor, Length(0, "days"), "close", CN), CN) == []


def test_days_are_called_by_the_name_that_explains_them() -> None:
    names = {
        date(2026, 2, 14): "调休上班",  # 周六
        date(2026, 2, 17): "春节",  # 周二
        date(2026, 2, 20): "休息日（由 2026-02-14 调休）",  # 周五
        date(2026, 3, 7): "周六",
        date(2026, 3, 8): "周日",
        date(2026, 3, 9): "周一",
    }
    assert {day: CN.name_of(day) for day in names} == names


def test_summer_time_of_the_year_1990_is_counted() -> None:
    assert CN.close_of(date(1990, 6, 1)) == datetime(1990, 6, 1, 8, 30, tzinfo=UTC)  # 周五, UTC+9
    assert CN.close_of(date(1992, 6, 1)) == datetime(1992, 6, 1, 9, 30, tzinfo=UTC)  # 周一, UTC+8


def test_a_date_outside_all_knowledge_is_refused_with_the_remedy() -> None:
    before, after = CN.first - timedelta(days=1), CN.last + timedelta(days=1)
    for ask in (
        lambda day: CN.is_worked(day),
        lambda day: CN.name_of(day),
        lambda day: CN.add(day, 0),
        lambda day: CN.add(day, 1),
        lambda day: CN.subtract(day, 1),
        lambda day: CN.roll_forward(day),
        lambda day: CN.is_provisional(day),
        lambda day: CN.close_of(day),
        lambda day: CN.midnight_after(day),
        lambda day: CN.worked_between(day, date(2026, 1, 1)),
        lambda day: CN.rest_days(date(2026, 1, 1), day),
    ):
        with pytest.raises(OutsideCalendar) as late:
            ask(after)
        assert "workflows/calendars/CN/2047.json" in late.value.then
        assert "1990-01-01 至 2046-12-31" in late.value.why
        with pytest.raises(OutsideCalendar) as early:
            ask(before)
        assert "年份写错" in early.value.then


def test_a_count_that_runs_over_either_end_is_refused() -> None:
    lasting = CN.worked_between(date(2026, 3, 12), CN.last)
    assert CN.is_worked(CN.add(date(2026, 3, 12), lasting))
    with pytest.raises(OutsideCalendar, match="2047-01-01"):
        CN.add(date(2026, 3, 12), lasting + 1)
    with pytest.raises(OutsideCalendar, match="1989-12-31"):
        CN.subtract(CN.first, 1)
    for length in ("99999 years", "99999 days", "99999 months"):
        with pytest.raises(OutsideCalendar):
            due_after("2026-03-12T09:00", length)
        with pytest.raises(OutsideCalendar):
            shift(due_on(date(2026, 3, 12), "close", CN), -1, read_length(length), CN)


def test_a_negative_number_of_days_is_a_mistake_of_the_caller() -> None:
    for move in (CN.add, CN.subtract):
        with pytest.raises(ValueError, match="never negative"):
            move(date(2026, 3, 12), -1)
