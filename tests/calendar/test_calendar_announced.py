"""Every announced day, compared with two independent sources."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar  # type: ignore[import-untyped]
import pytest

from engine.workdays import compile_calendar

CN = compile_calendar("CN")
# worked days of each year under its notice
WORKED = {2018: 250, 2019: 250, 2020: 249, 2021: 250, 2022: 249, 2023: 249, 2024: 251, 2025: 248, 2026: 248}
# chinesecalendar overlooks a Saturday that the notice for 2006 (国办发明电〔2005〕35号) made a worked day
OVERLOOKED = {2005: ["2005-12-31"]}


def _days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize("year", range(2004, 2027))
def test_every_announced_day_agrees_with_chinesecalendar(year: int) -> None:
    wrong = [str(day) for day in _days_of(year) if CN.is_worked(day) != chinese_calendar.is_workday(day)]
    assert wrong == OVERLOOKED.get(year, [])


@pytest.mark.parametrize("year", WORKED)
def test_every_day_agrees_with_the_published_notice(year: int, real_data: Path) -> None:
    named: dict[str, bool] = {}
    for path in sorted((real_data / "holiday-cn").glob("*.json")):
        named |= {d["date"]: d["isOffDay"] for d in json.loads(path.read_text("utf-8"))["days"]}
    wrong = [
        str(day)
        for day in _days_of(year)
        if CN.is_worked(day) == named.get(str(day), day.weekday() >= 5)  # named True = off
    ]
    assert wrong == []
    assert CN.worked_between(date(year - 1, 12, 31), date(year, 12, 31)) == WORKED[year]


def test_adopting_the_published_notices_again_changes_no_answer(real_data: Path, tmp_path: Path) -> None:
    shutil.copytree(real_data / "holiday-cn", tmp_path / "CN")
    adopted = compile_calendar("CN", tmp_path)
    assert adopted is not CN
    assert adopted.revision == CN.revision
    assert adopted.name_of(date(2026, 2, 21)) == "春节"  # Saturday; the library alone says 周六


def test_provisional_begins_after_20_december_of_the_last_announced_year() -> None:
    # Sunday 20 December 2026 is firm; Monday the 21st may be moved by the notice for 2027
    assert [CN.is_provisional(date(2026, 12, day)) for day in (19, 20, 21, 31)] == [False, False, True, True]
    assert CN.is_provisional(date(2027, 1, 1))
    assert CN.is_provisional(CN.last)
    assert not CN.is_provisional(CN.first)
    assert not CN.is_provisional(date(2025, 12, 31))
    assert (CN.first, CN.last) == (date(1990, 1, 1), date(2046, 12, 31))
