"""Dates, amounts and other cells, as dirty as registers have them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from engine.errors import BadInput
from engine.term import Length
from exchange.amounts import read_amount, read_boolean, read_integer, read_length_cell
from exchange.cells import Cell, Trouble, text_of
from exchange.dates import DateReader

UNTIL = date(2026, 11, 21)  # Saturday
ALL = ("iso", "dd.mm.yy", "dd.mm.yyyy", "d/m/yyyy", "d/m/yy", "yyyy年m月d日", "yyyy/m/d", "yyyymmdd")

GOOD: list[tuple[Cell, date]] = [
    ("03.04.17", date(2017, 4, 3)),  # Monday
    (" 03.04.2017 ", date(2017, 4, 3)),  # Monday
    ("3/4/2017", date(2017, 4, 3)),  # Monday
    ("13/4/17", date(2017, 4, 13)),  # Thursday
    ("2025-06-13", date(2025, 6, 13)),  # Friday
    ("2025年6月13日", date(2025, 6, 13)),  # Friday
    ("2025年06月03日", date(2025, 6, 3)),  # Tuesday
    ("2025/6/13", date(2025, 6, 13)),  # Friday
    ("20250613", date(2025, 6, 13)),  # Friday
    ("2025-06-13 23:59", date(2025, 6, 13)),  # Friday
    ("2016-06-30T23:30:00.000Z", date(2016, 6, 30)),  # Thursday, in Shanghai already Friday
    ("2016-06-30T00:30:00.123456+14:00", date(2016, 6, 30)),  # Thursday, in UTC still Wednesday
    ("2016-06-30T01:00:00-0500", date(2016, 6, 30)),  # Thursday
    (date(2024, 2, 29), date(2024, 2, 29)),  # Thursday, an Excel date cell
    (datetime(2024, 2, 29, 23, 59), date(2024, 2, 29)),  # noqa: DTZ001 - Excel has no zones; Thursday
    ("01.01.27", date(2027, 1, 1)),  # Friday, next year
    ("31.12.99", date(1999, 12, 31)),  # Friday
    ("1990-01-01", date(1990, 1, 1)),  # Monday, the first believed
    ("2027-12-31", date(2027, 12, 31)),  # Friday, the last believed
]

BAD: list[tuple[Cell, str]] = [
    ("30.02.2017", "unreadable_date"),
    ("2025-04-31", "unreadable_date"),
    ("05.09.20017", "unreadable_date"),
    ("12 dite", "unreadable_date"),
    ("n/a", "unreadable_date"),
    ("3.4.2017", "unreadable_date"),  # dd and mm are two digits
    ("２０２５-06-13", "unreadable_date"),
    ("２０２５年6月13日", "unreadable_date"),
    ("2025-06-13T", "not_only_a_date"),
    ("Aneksi 06.12.2017", "not_only_a_date"),
    ("2025-06-13（补签）", "not_only_a_date"),
    ("=DATE(2025,6,13)", "unreadable_date"),
    ("08.05.2017 Aneksi 28.06.2017", "several_dates"),
    ("2025年6月13日至2025年6月16日", "several_dates"),
    ("03.04.17 / 2017-04-05", "several_dates"),
    ("31.12.28", "year_out_of_range"),  # 28 is beyond next year, so 1928
    ("1989-12-31", "year_out_of_range"),  # Sunday, the day before the first believed
    ("2028-01-01", "year_out_of_range"),  # Saturday, the day after the last believed
    ("0017-03-02T00:00:00Z", "year_out_of_range"),
    ("0000-03-02", "year_out_of_range"),
    ("2107-03-02", "year_out_of_range"),
    (date(2107, 3, 2), "year_out_of_range"),
    (45000, "unreadable_date"),  # a number is a date only where `excel` is declared
    (45000.5, "unreadable_date"),
    (True, "unreadable_date"),
    (time(8, 30), "unreadable_date"),
]


@pytest.mark.parametrize(("cell", "day"), GOOD)
def test_one_date_in_a_declared_format_is_read_as_written(cell: Cell, day: date) -> None:
    assert DateReader(ALL, UNTIL).read(cell) == day


@pytest.mark.parametrize(("cell", "kind"), BAD)
def test_anything_beside_one_believable_date_is_a_trouble_that_quotes_it(cell: Cell, kind: str) -> None:
    trouble = DateReader(ALL, UNTIL).read(cell)
    assert isinstance(trouble, Trouble)
    assert trouble.kind == kind
    assert text_of(cell)[:10] in trouble.message


@pytest.mark.parametrize("cell", ["", "  ", None])
def test_an_empty_cell_is_no_date_and_no_trouble(cell: Cell) -> None:
    assert DateReader(ALL, UNTIL).read(cell) is None


def test_next_year_counts_from_until_also_for_two_digit_years() -> None:
    early = DateReader(("dd.mm.yy",), date(2017, 12, 31))  # Sunday
    assert early.read("01.06.18") == date(2018, 6, 1)  # Friday
    assert isinstance(early.read("01.06.19"), Trouble)


def test_excel_numbers_are_days_only_where_declared() -> None:
    reader = DateReader(("excel",), UNTIL)
    assert reader.read(45000.0) == date(2023, 3, 15)  # Wednesday
    assert reader.read("45000") == date(2023, 3, 15)  # Wednesday
    assert reader.read("45000.75") == date(2023, 3, 15)  # Wednesday


@pytest.mark.parametrize("written", ["yyyy-mm", "dd.mm", "date", "dd.dd.yyyy", ""])
def test_a_format_without_day_month_and_year_is_refused_with_examples(written: str) -> None:
    with pytest.raises(BadInput) as refused:
        DateReader((written,), UNTIL)
    assert "dd.mm.yyyy" in refused.value.then


AMOUNTS: list[tuple[Cell, str, int | None, str]] = [
    ("150,000.00", "元", 15_000_000, ""),
    ("EUR 40,000.00", "元", 4_000_000, ""),
    ("€ 40,000.00", "元", 4_000_000, ""),
    ("￥1，280.5元", "元", 128_050, ""),
    ("20797381.58", "元", 2_079_738_158, ""),
    ("93.96", "万元", 93_960_000, ""),
    ("1,280.00万元", "万元", 1_280_000_000, ""),
    ("12345", "fen", 12_345, ""),
    (403.62, "万元", 403_620_000, ""),
    (Decimal("0.07"), "元", 7, ""),
    (0, "元", 0, ""),
    ("", "元", None, ""),
    (None, "元", None, ""),
    ("0.004", "元", 0, "amount_rounded"),
    ("0.005", "元", 1, "amount_rounded"),
    ("0.0000005", "万元", 1, "amount_rounded"),
    ("3000元", "万元", None, "amount_unit_conflict"),
    ("约120", "万元", None, "unreadable_amount"),
    ("58%", "元", None, "unreadable_amount"),
    ("1.234,56", "元", None, "unreadable_amount"),
    ("12,34", "元", None, "unreadable_amount"),
    ("NaN", "元", None, "unreadable_amount"),
    (float("nan"), "元", None, "unreadable_amount"),
    ("-5", "元", None, "unreadable_amount"),
    ("9" * 30, "元", None, "unreadable_amount"),
    ("叁佰万元", "元", None, "unreadable_amount"),
    (True, "元", None, "unreadable_amount"),
]


@pytest.mark.parametrize(("cell", "unit", "fen", "kind"), AMOUNTS)
def test_amounts_are_fen_of_the_declared_unit_or_a_trouble(
    cell: Cell, unit: str, fen: int | None, kind: str
) -> None:
    value, trouble = read_amount(cell, unit)
    assert value == fen
    assert (trouble.kind if trouble else "") == kind


def test_whole_numbers_booleans_and_lengths_are_read_strictly() -> None:
    words = {"是": True, "否": False}
    assert [read_integer(c) for c in ("3", 3.0, "", None)] == [3, 3, None, None]
    assert [read_boolean(c, words) for c in ("是", "否 ", True, "")] == [True, False, True, None]
    assert read_length_cell("30日") == Length(30, "days")
    for trouble in (
        read_integer("3期"),
        read_integer(True),
        read_boolean("Y", words),
        read_length_cell("12"),
    ):
        assert isinstance(trouble, Trouble)
