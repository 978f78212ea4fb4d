"""One date per cell, read strictly with declared formats.

A cell that holds anything beside one date, a date that does not exist, or a year outside
1990 … next year is a trouble and counts as not seen (design 11). Days are taken as written: an
offset or a time of day never moves them. "Next year" counts from the day called ``until``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from engine.errors import BadInput
from exchange.cells import Cell, Trouble, quoted, text_of

FIRST_YEAR = 1990
ISO = "iso"
EXCEL = "excel"
ALL_FORMATS = (
    ISO,
    "yyyy/m/d",
    "yyyy.m.d",
    "yyyy年m月d日",
    "yyyymmdd",
    "dd.mm.yyyy",
    "dd.mm.yy",
    "d/m/yyyy",
    "d/m/yy",
    "m/d/yyyy",
    EXCEL,
)
"""The formats that `mapping suggest` tries, in this order; a mapping may write others."""

_TOKENS = {
    "yyyy": r"(?P<y>[0-9]{4})",
    "yy": r"(?P<yy>[0-9]{2})",
    "mm": r"(?P<m>[0-9]{2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "dd": r"(?P<d>[0-9]{2})",
    "d": r"(?P<d>[0-9]{1,2})",
    "HH": r"[0-9]{1,2}",
    "MM": r"[0-9]{2}",
    "SS": r"[0-9]{2}",
}
_TOKEN = re.compile("|".join(_TOKENS))
_ISO = re.compile(
    r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?(?:Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_EXCEL_START = date(1899, 12, 30)
_CACHE_LIMIT = 50_000


def compile_format(written: str) -> re.Pattern[str]:
    """Compile a format such as ``dd.mm.yyyy``; ``BadInput`` where day, month or year is missing.

    ``dd`` and ``mm`` stand for two digits, ``d`` and ``m`` for one or two, ``yy`` and ``yyyy`` for
    the year, ``HH``, ``MM`` and ``SS`` for a time of day; anything else stands for itself. The words
    ``iso`` (with or without time and offset) and ``excel`` (the number of days) are formats as well.
    """
    if written == ISO:
        return _ISO
    if written == EXCEL:
        return re.compile(r"(?P<serial>[0-9]{1,6}(?:\.[0-9]+)?)")
    pattern, end = "", 0
    for token in _TOKEN.finditer(written):
        pattern += re.escape(written[end : token.start()]) + _TOKENS[token[0]]
        end = token.end()
    try:
        compiled = re.compile(pattern + re.escape(written[end:]))
    except re.error:
        compiled = re.compile("")
    if not ({"d", "m"} <= compiled.groupindex.keys() and {"y", "yy"} & compiled.groupindex.keys()):
        raise BadInput(
            f"看不懂的日期格式：{written}",
            why="日期格式须写明年（yyyy 或 yy）、月（mm 或 m）、日（dd 或 d），各一次",
            then=f"例如 {'、'.join(ALL_FORMATS)}",
        )
    return compiled


class DateReader:
    """Reads the date cells of one column; equal texts are read once.

    ``until`` decides which years are believed: 1990 … ``until.year + 1``.
    """

    def __init__(self, formats: Iterable[str], until: date) -> None:
        """Compile ``formats``; ``BadInput`` for one that cannot be understood."""
        self._formats = tuple(formats)
        self._patterns = [compile_format(written) for written in self._formats]
        self._anywhere = _anywhere(
            pattern
            for written, pattern in zip(self._formats, self._patterns, strict=True)
            # A bare number is a part of something else too often to count as a date inside a text.
            if written != EXCEL
        )
        self._last_year = until.year + 1
        self._known: dict[str, date | Trouble] = {}

    def read(self, cell: Cell) -> date | Trouble | None:
        """Return the day, ``None`` for an empty cell, or the trouble with what is written."""
        if isinstance(cell, str):
            text = cell.strip()
            if not text:
                return None
            known = self._known.get(text)
            if known is None:
                if len(self._known) >= _CACHE_LIMIT:
                    self._known.clear()
                known = self._known[text] = self._read_text(text)
            return known
        if cell is None:
            return None
        if isinstance(cell, datetime):
            return self._in_range(cell.date(), text_of(cell))
        if isinstance(cell, date):
            return self._in_range(cell, text_of(cell))
        return self._read_text(text_of(cell))

    def _read_text(self, text: str) -> date | Trouble:
        for pattern in self._patterns:
            match = pattern.fullmatch(text)
            if match is not None:
                return self._from(match, text)
        return self._why_not(text)

    def _from(self, match: re.Match[str], text: str) -> date | Trouble:
        groups = match.groupdict()
        if groups.get("serial") is not None:
            return self._in_range(_EXCEL_START + timedelta(days=int(float(groups["serial"]))), text)
        year = int(groups["y"]) if groups.get("y") is not None else self._century(int(groups["yy"]))
        try:
            day = date(year, int(groups["m"]), int(groups["d"]))
        except ValueError:
            if year == 0:
                return self._wrong_year(year, text)
            return Trouble("unreadable_date", f"{quoted(text)}不是日历上的一天，按未见处理")
        return self._in_range(day, text)

    def _century(self, two_digits: int) -> int:
        return (2000 if two_digits <= self._last_year % 100 else 1900) + two_digits

    def _in_range(self, day: date, text: str) -> date | Trouble:
        return day if FIRST_YEAR <= day.year <= self._last_year else self._wrong_year(day.year, text)

    def _wrong_year(self, year: int, text: str) -> Trouble:
        span = f"{FIRST_YEAR}–{self._last_year}"
        return Trouble("year_out_of_range", f"{quoted(text)}的年份 {year} 不在 {span} 之间，按未见处理")

    def _why_not(self, text: str) -> Trouble:
        found = len(self._anywhere.findall(text))
        if found > 1:
            return Trouble("several_dates", f"{quoted(text)}里有 {found} 个日期，按未见处理")
        if found == 1:
            return Trouble("not_only_a_date", f"{quoted(text)}除日期外还有别的内容，按未见处理")
        return Trouble(
            "unreadable_date", f"{quoted(text)}不是 {'、'.join(self._formats)} 格式的日期，按未见处理"
        )


def _anywhere(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """Find any of ``patterns`` inside a longer text; ``(?!)`` finds nothing where there is none."""
    nameless = "|".join(re.sub(r"\(\?P<[a-z]+>", "(?:", pattern.pattern) for pattern in patterns)
    return re.compile(rf"(?<![0-9])(?:{nameless or '(?!)'})(?![0-9])")
