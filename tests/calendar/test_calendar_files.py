"""What people add as files: notices, closing hours, zones, and what happens when they slip."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.counting import due
from engine.errors import BadInput, YiribanError
from engine.term import Length
from engine.workdays import compile_calendar

LIBRARY = compile_calendar("CN")
SHIPPED = Path(__file__).parents[2] / "workflows" / "calendars"


def _named(name: str, off: bool, *days: str) -> list[dict[str, Any]]:
    return [{"name": name, "date": f"2027-{day}", "isOffDay": off} for day in days]


# invented for the test, not the State Council's
NOTICE_2027 = [
    {"name": "元旦", "date": "2026-12-26", "isOffDay": False},  # 周六 of the December before
    *_named("元旦", True, "01-01", "01-02", "01-03"),
    *_named("春节", True, "02-05", "02-06", "02-07", "02-08", "02-09", "02-10", "02-11"),
    *_named("春节", False, "02-20"),  # 周六
    *_named("清明节", True, "04-03", "04-04", "04-05"),
    *_named("劳动节", True, "05-01", "05-02", "05-03"),
    *_named("端午节", True, "06-09"),
    *_named("中秋节", True, "09-15"),
    *_named("国庆节", True, "10-01", "10-02", "10-03", "10-04", "10-05", "10-06"),
]


def _folder(tmp_path: Path, name: str, content: str | bytes | dict[str, Any]) -> Path:
    path = tmp_path / "calendars" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path / "calendars"


def _notice(year: int, days: list[dict[str, Any]]) -> dict[str, Any]:
    return {"year": year, "papers": [], "days": days}


def test_a_notice_file_announces_its_year_and_moves_the_provisional_boundary(tmp_path: Path) -> None:
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/2027.json", _notice(2027, NOTICE_2027)))
    assert not calendar.is_provisional(date(2026, 12, 31))
    assert [calendar.is_provisional(date(2027, 12, day)) for day in (20, 21)] == [False, True]
    assert calendar.last == date(2047, 12, 31)
    assert calendar.is_worked(date(2026, 12, 26))
    assert calendar.name_of(date(2026, 12, 26)) == "调休上班"
    assert calendar.name_of(date(2027, 2, 11)) == "春节"  # 周四
    # the library estimates 4 May 2027 (周二) as a day off in lieu; the notice replaces the estimate
    assert not LIBRARY.is_worked(date(2027, 5, 4))
    assert calendar.is_worked(date(2027, 5, 4))
    assert calendar.revision != LIBRARY.revision

    anchor = datetime.fromisoformat("2026-12-01T09:00+08:00")  # 周二
    moment = due(anchor, Length(30, "working days"), "midnight", calendar)
    assert (moment.day, moment.provisional) == (date(2027, 1, 12), False)  # 周二, one day sooner


def test_an_empty_file_of_a_year_to_come_announces_nothing(tmp_path: Path) -> None:
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/2027.json", _notice(2027, [])))
    assert calendar.revision == LIBRARY.revision
    assert calendar.is_provisional(date(2027, 1, 1))


def test_a_file_of_an_announced_year_changes_only_the_days_it_names(tmp_path: Path) -> None:
    local = [
        {"name": "三月三", "date": "2026-04-20", "isOffDay": True},  # 周一
        {"name": "清明节", "date": "2026-04-06", "isOffDay": False},  # 周一, a holiday otherwise
    ]
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/2026.json", _notice(2026, local)))
    assert not calendar.is_worked(date(2026, 4, 20))
    assert calendar.name_of(date(2026, 4, 20)) == "三月三"
    assert calendar.is_worked(date(2026, 4, 6))
    assert calendar.name_of(date(2026, 4, 6)) == "周一"
    whole = (date(2025, 12, 31), date(2026, 12, 31))
    assert calendar.worked_between(*whole) == LIBRARY.worked_between(*whole)
    assert calendar.name_of(date(2026, 2, 17)) == "春节"


def test_a_year_beyond_a_gap_leaves_the_gap_provisional(tmp_path: Path) -> None:
    days = [
        {"name": name, "date": f"2028-{day}", "isOffDay": True}
        for name, day in [
            ("元旦", "01-01"),
            ("春节", "01-26"),
            ("清明节", "04-04"),
            ("劳动节", "05-01"),
            ("端午节", "05-28"),
            ("国庆节", "10-01"),
            ("中秋节", "10-03"),
        ]
    ]
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/2028.json", _notice(2028, days)))
    tried = [date(2026, 12, 20), date(2026, 12, 21), date(2027, 12, 31), date(2028, 1, 1), date(2028, 12, 20)]
    assert [calendar.is_provisional(day) for day in tried] == [False, True, True, False, False]
    assert calendar.touches_provisional(date(2026, 1, 1), date(2028, 6, 1))
    assert not calendar.touches_provisional(date(2028, 1, 1), date(2028, 12, 20))


def test_a_half_written_notice_of_a_new_year_is_refused(tmp_path: Path) -> None:
    half = [day for day in NOTICE_2027 if day["name"] != "端午节"]
    with pytest.raises(BadInput, match=r"端午节.*2027-06-09"):
        compile_calendar("CN", _folder(tmp_path, "CN/2027.json", _notice(2027, half)))


def test_a_changed_file_compiles_a_new_calendar_and_an_unchanged_one_is_kept(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "CN/2027.json", _notice(2027, NOTICE_2027))
    first = compile_calendar("CN", folder)
    assert compile_calendar("cn ", folder) is first
    changed = [*NOTICE_2027, *_named("校庆", True, "03-10")]  # 周三
    _folder(tmp_path, "CN/2027.json", _notice(2027, changed))
    second = compile_calendar("CN", folder)
    assert first.is_worked(date(2027, 3, 10))
    assert not second.is_worked(date(2027, 3, 10))
    assert first.revision != second.revision


GOOD_DAY = '{"name": "元旦", "date": "2027-01-01", "isOffDay": true}'
BROKEN: dict[str, tuple[str | bytes, int, str]] = {
    "a comma is missing": ('{"year": 2027,\n"days": [\n' + GOOD_DAY + "\n" + GOOD_DAY + "]}", 4, "逗号"),
    "it is a list": ("[]", 1, '{"year": 2027'),
    "it is nested without end": ("[" * 100_000, 1, '{"year": 2027'),
    "the year differs": ('{\n"year": 2026, "days": []}', 2, '"year": 2027'),
    "there are no days": ('{"year": 2027}', 1, '"days": ['),
    "a day is a string": ('{"year": 2027, "days": [\n"2027-01-01"]}', 2, "isOffDay"),
    "a name is missing": (
        '{"year": 2027, "days": [\n{"date": "2027-01-01", "isOffDay": true}]}',
        2,
        '"name"',
    ),
    "a date does not exist": (
        '{"year": 2027, "days": [\n' + GOOD_DAY + ",\n\n" + GOOD_DAY.replace("01-01", "02-30") + "]}",
        4,
        '"date": "2027-02-06"',
    ),
    "a date is short": (
        '{"year": 2027, "days": [' + GOOD_DAY.replace("2027-01-01", "20270101") + "]}",
        1,
        "-02-",
    ),
    "off is a string": ('{"year": 2027, "days": [\n' + GOOD_DAY.replace("true", '"yes"') + "]}", 2, "true"),
    "a day lies in another year": (
        '{"year": 2027, "days": [\n' + GOOD_DAY.replace("2027-", "2028-") + "]}",
        2,
        "2028.json",
    ),
    "a day of November before": (
        '{"year": 2027, "days": [' + GOOD_DAY.replace("2027-01-01", "2026-11-30") + "]}",
        1,
        "2026.json",
    ),
    "one day is off and worked": (
        '{"year": 2027, "days": [\n' + GOOD_DAY + ",\n" + GOOD_DAY.replace("true", "false") + "]}",
        3,
        "只留一条",
    ),
    "it is not UTF-8": (b'{"year": 2027,\n"days": "' + "元旦".encode("gbk") + b'"}', 2, "UTF-8"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_notice_is_refused_with_file_line_and_what_to_write(tmp_path: Path, fault: str) -> None:
    content, line, remedy = BROKEN[fault]
    with pytest.raises(BadInput) as refused:
        compile_calendar("CN", _folder(tmp_path, "CN/2027.json", content))
    assert f"2027.json 第{line}行" in refused.value.what
    assert remedy in refused.value.then
    assert refused.value.exit_code == 2


def test_a_file_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    text = json.dumps(_notice(2027, NOTICE_2027), ensure_ascii=False)
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/2027.json", text.encode("utf-8-sig")))
    assert not calendar.is_provisional(date(2027, 1, 1))


def test_misnamed_files_impossible_years_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="找不到日历目录"):
        compile_calendar("CN", tmp_path / "nowhere")
    with pytest.raises(BadInput, match="日历文件名不对"):
        compile_calendar("CN", _folder(tmp_path / "a", "CN/notice-2027.json", _notice(2027, [])))
    far = [{"name": "元旦", "date": "2999-01-01", "isOffDay": True}]
    with pytest.raises(BadInput, match="年份超出范围"):
        compile_calendar("CN", _folder(tmp_path / "b", "CN/2999.json", _notice(2999, far)))


def test_offices_close_by_the_season(tmp_path: Path) -> None:
    seasons = [{"from": "10-01", "close": "17:30"}, {"from": "06-01", "close": "18:30"}]
    calendar = compile_calendar("CN", _folder(tmp_path, "CN/closing.json", {"seasons": seasons}))
    closes = {
        date(2026, 1, 5): "17:30",  # 周一, the last season of the year before
        date(2026, 5, 31): "17:30",  # 周日, the day before
        date(2026, 6, 1): "18:30",  # 周一
        date(2026, 9, 30): "18:30",  # 周三
        date(2026, 10, 1): "17:30",  # 周四
    }
    zone = calendar.zone
    assert {day: f"{calendar.close_of(day).astimezone(zone):%H:%M}" for day in closes} == closes
    assert calendar.revision != LIBRARY.revision


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('{"basis": "x"}', 1),
        ('{"seasons": []}', 1),
        ('{"seasons": [\n{"from": "13-01", "close": "17:30"}]}', 2),
        ('{"seasons": [\n{"from": "06-01", "close": "24:30"}]}', 2),
        ('{"seasons": [\n{"from": "6月1日", "close": "17:30"}]}', 2),
        ('{"seasons": ["17:30"]}', 1),
    ],
)
def test_broken_closing_hours_are_refused_with_file_and_line(tmp_path: Path, content: str, line: int) -> None:
    with pytest.raises(BadInput) as refused:
        compile_calendar("CN", _folder(tmp_path, "CN/closing.json", content))
    assert f"closing.json 第{line}行" in refused.value.what
    assert '"close": "18:00"' in refused.value.then


def test_a_zone_table_gives_each_country_its_day_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    zones = {"default": "Europe/Belgrade", "zones": {"MX": "America/Mexico_City"}}
    folder = _folder(tmp_path / "a", "zones.json", zones)
    assert compile_calendar("MX", folder).zone.key == "America/Mexico_City"
    assert compile_calendar("XK", folder).zone.key == "Europe/Belgrade"
    with pytest.raises(BadInput, match=r"zones\.json 第1行"):
        compile_calendar("MX", _folder(tmp_path / "b", "zones.json", '{"zones": []}'))
    with pytest.raises(BadInput, match="看不懂的时区 8"):
        compile_calendar("MX", _folder(tmp_path / "c", "zones.json", '{"zones": {"MX": 8}}'))
    with pytest.raises(YiribanError, match="Mars/Olympus") as unknown:
        compile_calendar("MX", _folder(tmp_path / "d", "zones.json", '{"zones": {"MX": "Mars/Olympus"}}'))
    assert "tzdata" in unknown.value.then


def test_the_shipped_files_are_whole_and_state_their_ground() -> None:
    shipped = compile_calendar("CN", SHIPPED)
    assert shipped.revision == LIBRARY.revision
    assert shipped.zone.key == "Asia/Shanghai"
    for name in ("CN/closing.json", "zones.json"):
        content = json.loads((SHIPPED / name).read_text("utf-8"))
        assert content["basis"]
        assert date.fromisoformat(content["checked_on"]) >= date(2026, 11, 21)
        assert content["confidence"] in ("sure", "fairly sure", "to verify")
