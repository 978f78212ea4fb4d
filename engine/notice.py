"""What people write down about a country's calendar: holiday notices, closing hours, time zone. 日历文件

A folder of calendars holds ``<CC>/<year>.json``, the year's holiday notice in the form of holiday-cn
(``{"year": 2027, "papers": [...], "days": [{"name", "date", "isOffDay"}]}``), ``<CC>/closing.json``,
when offices close (民法典第203条), and ``zones.json``, the time zone of each country. Every file may
be missing. A broken one is a ``BadInput`` that names file, line and what to write.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import BadInput, YiribanError

DEFAULT_ZONE = "Asia/Shanghai"

_YEAR_FILE = re.compile(r"\d{4}\.json")
_DAYS = re.compile(r'"days"\s*:\s*\[')
_DAY_FORM = '{"name": "春节", "date": "2027-02-06", "isOffDay": true}'
_NOTICE_FORM = '{"year": 2027, "papers": ["通知的网址"], "days": [' + _DAY_FORM + "]}"
_SEASON_FORM = '{"from": "06-01", "close": "18:00"}'
_ZONES_FORM = '{"default": "Asia/Shanghai", "zones": {"CN": "Asia/Shanghai"}}'

Season = tuple[tuple[int, int], time]
"""From which month and day on offices close at what time."""

DEFAULT_CLOSING: tuple[Season, ...] = (((1, 1), time(17, 30)),)


@dataclass(frozen=True, slots=True)
class NoticeDay:
    """A day that a notice names: a holiday (``off``) or a make-up working day."""

    day: date
    name: str
    off: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """The holiday notice of one year; it may also name days of the December before. 放假通知"""

    year: int
    days: tuple[NoticeDay, ...]
    where: str


@dataclass(frozen=True, slots=True)
class CalendarFiles:
    """Everything the files say about one country; ``digest`` changes whenever a byte of them does."""

    notices: tuple[Notice, ...] = ()
    closing: tuple[Season, ...] = DEFAULT_CLOSING
    zone: str = DEFAULT_ZONE
    digest: str = ""

    def time_zone(self) -> ZoneInfo:
        """Return the zone; raise ``YiribanError`` where this computer does not know it."""
        try:
            return ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise YiribanError(
                f"这台计算机没有时区 {self.zone} 的数据",
                why="天数按当地时区计算，时区名须在 IANA 时区数据库中",
                then="安装时区数据（pip install tzdata），或改正 calendars/zones.json 中的时区名",
            ) from None


def read_calendar_files(folder: Path | None, country: str) -> CalendarFiles:
    """Read what ``folder`` says about ``country``; ``None`` = no files, the defaults hold.

    Raise ``BadInput`` for a folder that does not exist and for any file that is broken.
    """
    if folder is None:
        return CalendarFiles()
    if not folder.is_dir():
        raise BadInput(
            f"找不到日历目录：{folder}",
            why="日历目录里放各国的放假通知（CN/2027.json）和下班时间（CN/closing.json）",
            then="核对目录名；没有自己的日历文件时不要指定目录",
        )
    digest = hashlib.sha256()
    notices: list[Notice] = []
    closing = DEFAULT_CLOSING
    for path in sorted((folder / country).glob("*.json")):
        text = _read_text(path, digest)
        if path.name == "closing.json":
            closing = _closing(path, text)
        elif _YEAR_FILE.fullmatch(path.name):
            notice = _notice(path, text)
            # holiday-cn keeps an empty file for a year to come: that is no announcement
            notices += [notice] if notice.days else []
        else:
            raise BadInput(
                f"日历文件名不对：{path}",
                why="程序只认年份文件和 closing.json，别的文件不会生效",
                then="放假通知用年份命名，如 2027.json；下班时间写在 closing.json；其他文件请移走",
            )
    zone = DEFAULT_ZONE
    zones = folder / "zones.json"
    if zones.is_file():
        zone = _zone(zones, _read_text(zones, digest), country)
    return CalendarFiles(tuple(notices), closing, zone, digest.hexdigest())


def _broken(path: Path, line: int, what: str, then: str) -> BadInput:
    return BadInput(f"日历文件 {path} 第{line}行：{what}", why="文件有误时不猜测，整份不用", then=then)


def _read_text(path: Path, digest: Any) -> str:
    data = path.read_bytes()
    digest.update(f"{path.name}\0{len(data)}\0".encode() + data)
    try:
        return data.decode("utf-8-sig")  # Windows editors like to add the mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _broken(path, line, "不是 UTF-8 编码", "用编辑器另存为 UTF-8 编码") from None


def _object(path: Path, text: str, form: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(
            path, error.lineno, f"第{error.colno}列不是正确的 JSON", f"检查逗号、引号和括号，形式为 {form}"
        ) from None
    except RecursionError:
        raise _broken(path, 1, "括号套得太深", f"形式为 {form}") from None
    if not isinstance(content, dict):
        raise _broken(path, 1, "最外层应为一个对象", f"写成 {form}")
    return content


def _line_of(text: str, word: str) -> int:
    at = text.find(word)
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _entry_lines(text: str, count: int) -> list[int]:
    # the json module does not tell where an entry stood, so walk the list once more
    match = _DAYS.search(text)
    if match is None:
        return [1] * count
    decoder = json.JSONDecoder()
    lines: list[int] = []
    at = match.end()
    while len(lines) < count:
        while text[at] in " \t\r\n,":
            at += 1
        lines.append(text.count("\n", 0, at) + 1)
        _, at = decoder.raw_decode(text, at)
    return lines


def _notice(path: Path, text: str) -> Notice:
    content = _object(path, text, _NOTICE_FORM)
    year = int(path.stem)
    if content.get("year") != year or isinstance(content.get("year"), bool):
        raise _broken(
            path,
            _line_of(text, '"year"'),
            f"year 是 {content.get('year')!r}，与文件名不一致",
            f'写成 "year": {year}，或改文件名',
        )
    entries = content.get("days")
    if not isinstance(entries, list):
        raise _broken(path, _line_of(text, '"days"'), "缺少 days 列表", f"写成 {_NOTICE_FORM}")
    seen: dict[date, NoticeDay] = {}
    for entry, line in zip(entries, _entry_lines(text, len(entries)), strict=True):
        day = _notice_day(path, line, year, entry)
        if seen.setdefault(day.day, day).off != day.off:
            raise _broken(path, line, f"{day.day} 既写休息又写上班", "对照通知，只留一条")
    return Notice(year, tuple(seen.values()), str(path))


def _notice_day(path: Path, line: int, year: int, entry: object) -> NoticeDay:
    if not isinstance(entry, dict):
        raise _broken(path, line, "days 的每一项应为一个对象", f"写成 {_DAY_FORM}")
    name, text, off = entry.get("name"), entry.get("date"), entry.get("isOffDay")
    if not isinstance(name, str) or not name.strip():
        raise _broken(path, line, "缺少 name（节日名称）", f"写成 {_DAY_FORM}")
    if not isinstance(off, bool):
        raise _broken(path, line, "isOffDay 应为 true（休息）或 false（上班）", f"写成 {_DAY_FORM}")
    try:
        day = date.fromisoformat(text if isinstance(text, str) and len(text) == 10 else "")
    except ValueError:
        raise _broken(path, line, f"看不懂的日期 {text!r}", f"写成 {_DAY_FORM}") from None
    if day.year != year and (day.year, day.month) != (year - 1, 12):
        raise _broken(
            path,
            line,
            f"{day} 不在{year}年（或上年12月）",
            f"核对年份；{day.year}年的日子写进 {day.year}.json",
        )
    return NoticeDay(day, name.strip(), off)


def _closing(path: Path, text: str) -> tuple[Season, ...]:
    form = '{"basis": "作息通知文号", "confidence": "to verify", "seasons": [' + _SEASON_FORM + "]}"
    entries = _object(path, text, form).get("seasons")
    if not isinstance(entries, list) or not entries:
        raise _broken(path, _line_of(text, '"seasons"'), "缺少 seasons 列表", f"写成 {form}")
    seasons: dict[tuple[int, int], time] = {}
    for entry in entries:
        start = str(entry.get("from") if isinstance(entry, dict) else "")
        close = str(entry.get("close") if isinstance(entry, dict) else "")
        try:
            if not re.fullmatch(r"\d\d-\d\d", start) or not re.fullmatch(r"\d\d:\d\d", close):
                raise ValueError
            first = date.fromisoformat(f"2000-{start}")  # a leap year: 02-29 may begin a season
            seasons[first.month, first.day] = time.fromisoformat(close)
        except ValueError:
            line = _line_of(text, f'"{start or close}"')
            raise _broken(path, line, f"看不懂的作息 {entry!r}", f"写成 {_SEASON_FORM}") from None
    return tuple(sorted(seasons.items()))


def _zone(path: Path, text: str, country: str) -> str:
    content = _object(path, text, _ZONES_FORM)
    zones = content.get("zones")
    if not isinstance(zones, dict):
        raise _broken(path, _line_of(text, '"zones"'), "缺少 zones 对象", f"写成 {_ZONES_FORM}")
    zone = zones.get(country, content.get("default", DEFAULT_ZONE))
    if not isinstance(zone, str):
        raise _broken(path, _line_of(text, f'"{country}"'), f"看不懂的时区 {zone!r}", f"写成 {_ZONES_FORM}")
    return zone
