"""Countries other than China: statutes instead of yearly notices, other zones, moved weekends."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from holidays import country_holidays, list_supported_countries

from engine.errors import BadInput
from engine.workdays import compile_calendar

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "workflows" / "calendars"


@pytest.mark.parametrize(
    ("country", "holiday", "zone"),
    [
        ("XK", date(2026, 2, 17), "Europe/Belgrade"),  # 周二, independence
        ("UA", date(2021, 8, 24), "Europe/Kyiv"),  # 周二, independence
        ("PY", date(2026, 5, 15), "America/Asuncion"),  # 周五, independence
        ("CO", date(2026, 7, 20), "America/Bogota"),  # 周一, independence
        ("MX", date(2026, 9, 16), "America/Mexico_City"),  # 周三, independence
        ("AM", date(2026, 9, 21), "Asia/Yerevan"),  # 周一, independence
    ],
)
def test_a_country_works_by_its_own_holidays_and_zone(country: str, holiday: date, zone: str) -> None:
    calendar = compile_calendar(country, SHIPPED)
    assert calendar.zone.key == zone
    assert not calendar.is_worked(holiday)
    assert calendar.name_of(holiday)
    assert calendar.add(holiday - timedelta(days=1), 1) > holiday
    assert not calendar.is_provisional(calendar.last)
    noon = datetime(2026, 3, 11, 12, tzinfo=ZoneInfo(zone))  # 周三
    assert calendar.day_of(noon.astimezone(UTC)) == date(2026, 3, 11)


@pytest.mark.parametrize("country", ["CN", "XK", "UA", "PY", "CO", "MX", "AM", "SA", "AE", "TW", "IR"])
def test_every_day_agrees_with_the_library_even_where_the_weekend_moved(country: str) -> None:
    # SA and AE moved their weekend (2013, 2022), TW alternated Saturdays until 2000
    calendar = compile_calendar(country)
    library = country_holidays(country, years=range(calendar.first.year, calendar.last.year + 1))
    length = (calendar.last - calendar.first).days + 1
    every = [calendar.first + timedelta(days=n) for n in range(length)]
    assert [day for day in every if calendar.is_worked(day) != library.is_working_day(day)] == []


def test_every_zone_in_the_table_exists_and_every_country_is_known() -> None:
    zones = json.loads((SHIPPED / "zones.json").read_text("utf-8"))["zones"]
    assert set(zones) <= set(list_supported_countries())
    assert all(ZoneInfo(zone) for zone in zones.values())


@pytest.mark.parametrize("code", ["ZZ", "C", "CHN", "../CN", "", "中国"])
def test_an_unknown_country_is_refused_and_says_how_to_see_the_list(code: str) -> None:
    with pytest.raises(BadInput) as refused:
        compile_calendar(code, SHIPPED)
    assert "list_supported_countries" in refused.value.then


def test_the_library_is_not_loaded_before_a_calendar_is_compiled() -> None:
    # it costs 110 ms, and most commands count no days
    said = subprocess.run(
        [sys.executable, "-c", "import sys, engine.counting; print('holidays' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "False"
