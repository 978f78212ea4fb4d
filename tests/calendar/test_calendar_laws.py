"""What holds for every day and every length, tried at random."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.counting import closing, due, earliest, latest_before, shift
from engine.term import Length
from engine.workdays import compile_calendar

CN = compile_calendar("CN")
SHIPPED = Path(__file__).parents[2] / "workflows" / "calendars"
DAY = timedelta(days=1)

days = st.dates(date(2003, 1, 1), date(2030, 12, 31))
instants = st.builds(datetime.combine, days, st.times(), st.just(UTC))
counts = st.integers(0, 90)
lengths = st.builds(Length, counts, st.sampled_from(["working days", "days", "months"]))
any_lengths = st.one_of(lengths, st.builds(Length, counts, st.sampled_from(["hours", "minutes"])))
endings = st.sampled_from(["close", "midnight"])


@given(days, st.integers(1, 90))
def test_a_sum_ends_on_a_worked_day_and_equals_a_walk(day: date, n: int) -> None:
    walked, left = day, n
    while left:
        walked += DAY
        left -= CN.is_worked(walked)
    assert CN.add(day, n) == walked
    assert CN.is_worked(walked)
    assert CN.worked_between(day, walked) == n
    assert CN.worked_between(walked, day) == 0
    assert len(CN.rest_days(day, walked)) == (walked - day).days - n


@given(days, st.integers(1, 90))
def test_forward_then_back_comes_home(day: date, n: int) -> None:
    home = day
    while not CN.is_worked(home):  # from a rest day one comes home to the last worked day before it
        home -= DAY
    assert CN.subtract(CN.add(day, n), n) == home
    assert CN.add(CN.subtract(day, n), n) == CN.roll_forward(day)


@given(days, counts, counts)
def test_terms_add_up(day: date, a: int, b: int) -> None:
    assert CN.add(CN.add(day, a), b) == CN.add(day, a + b)
    assert CN.subtract(CN.subtract(day, a), b) == CN.subtract(day, a + b)


@given(days)
def test_rolling_goes_to_the_nearest_worked_day_not_before(day: date) -> None:
    rolled = CN.roll_forward(day)
    assert CN.is_worked(rolled)
    assert rolled >= day
    assert not any(CN.is_worked(day + n * DAY) for n in range((rolled - day).days))


@given(instants, any_lengths, endings)
def test_a_due_moment_never_lies_before_its_anchors_day(anchor: datetime, limit: Length, ends: str) -> None:
    moment = due(anchor, limit, "close" if ends == "close" else "midnight", CN)
    first = CN.day_of(anchor)
    assert moment.day >= first or limit.unit in ("hours", "minutes")
    if moment.day > first or ends == "midnight":
        assert moment.instant >= anchor
    # whatever the ending, the last tick in time still belongs to the due day
    assert CN.day_of(moment.instant - timedelta(microseconds=1)) == moment.day


@given(instants, st.timedeltas(timedelta(0), timedelta(days=40)), lengths)
def test_a_later_anchor_or_a_longer_length_never_ends_sooner(
    anchor: datetime, later: timedelta, limit: Length
) -> None:
    moment = due(anchor, limit, "close", CN)
    longer = Length(limit.number + 1, limit.unit)
    assert due(anchor + later, limit, "close", CN).instant >= moment.instant
    assert due(anchor, longer, "close", CN).instant >= moment.instant
    assert due(anchor, limit, "close", CN, roll=False).instant <= moment.instant


@given(instants, lengths)
def test_close_of_business_is_never_after_midnight(anchor: datetime, limit: Length) -> None:
    moment = due(anchor, limit, "midnight", CN)
    assert closing(moment, CN).instant < moment.instant
    assert closing(moment, CN) == closing(closing(moment, CN), CN) == due(anchor, limit, "close", CN)


@given(instants, lengths)
def test_the_earliest_permitted_act_falls_on_the_last_day_of_the_period(
    anchor: datetime, limit: Length
) -> None:
    last = due(anchor, limit, "midnight", CN)
    assert CN.day_of(earliest(anchor, limit, CN)) == last.day
    assert earliest(anchor, limit, CN, inclusive=False) == last.instant


@given(days, lengths)
def test_the_latest_permitted_act_leaves_the_whole_length(day: date, limit: Length) -> None:
    latest = latest_before(day, limit, CN)
    noon = datetime.combine(latest, time(12), CN.zone)
    assert latest <= day
    if limit.unit != "months":  # month ends do not come home: 31 March - 1 month + 1 month = 28 March
        unrolled = due(noon, limit, "midnight", CN, roll=False).day
        assert unrolled == (CN.roll_forward(day) if limit.unit == "working days" and limit.number else day)


@given(instants, lengths, any_lengths, st.sampled_from([1, -1]), endings)
def test_an_offset_keeps_the_ending_and_its_direction(
    anchor: datetime, limit: Length, offset: Length, sign: int, ends: str
) -> None:
    moment = due(anchor, limit, "close" if ends == "close" else "midnight", CN)
    moved = shift(moment, sign, offset, CN)
    assert (moved.instant - moment.instant) * sign >= timedelta(0)
    assert moved.ends == (None if offset.unit in ("hours", "minutes") else ends)
    assert CN.day_of(moved.instant - timedelta(microseconds=1)) == moved.day


@pytest.mark.parametrize("country", ["CN", "PY", "CU", "XK", "MX", "UA", "EG"])
@given(day=st.dates(date(2009, 1, 1), date(2030, 12, 31)))
def test_midnight_is_the_first_instant_of_the_next_day_in_every_zone(country: str, day: date) -> None:
    # Paraguay, Cuba and Egypt have changed to summer time at midnight itself
    calendar = compile_calendar(country, SHIPPED)
    midnight = calendar.midnight_after(day)
    assert calendar.day_of(midnight) == day + DAY
    assert calendar.day_of(midnight - timedelta(microseconds=1)) == day
