"""Facts as people type them: one text, read by the type that the workflow declares. 要素的值

Nothing is guessed: a bare number is not an amount, because 35 may mean 元 or 万元 (users.md 1, a
hundredfold either way).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from engine.errors import BadInput
from engine.matter import FactValue
from engine.term import Length, Unit, read_length
from engine.workflow import FactDef, FactType

TYPES: dict[FactType, str] = {
    "money": "金额",
    "integer": "整数",
    "boolean": "是否",
    "text": "文字",
    "link": "网址",
    "length": "期限",
    "date": "日期",
}
"""What each type is called."""

EXAMPLES: dict[FactType, str] = {
    "money": "350000元",
    "integer": "1",
    "boolean": "是",
    "text": "文字",
    "link": "https://example.gov.cn/1.html",
    "length": "30日",
    "date": "2026-11-20",
}
"""One value of each type that can be typed as it stands."""

FIRST_YEAR, LAST_YEAR = 1990, 2100
_FEN = {"分": 1, "元": 100, "万元": 1_000_000, "亿元": 10_000_000_000}
_MONEY = re.compile(r"(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*(?P<unit>亿元|万元|元|分)?")
_LARGEST_FEN = 10**17  # 10^15 yuan; expressions count in 64 bits
_INTEGER = re.compile(r"-?\d{1,15}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_BOOLEANS = {"是": True, "true": True, "否": False, "false": False}
_LONGEST_TEXT = 500
_LONGEST_LINK = 2000
# ten years: a longer term is a slip of the pen, and its end may lie outside every calendar
_LONGEST: dict[Unit, int] = {
    "working days": 2500,
    "days": 3660,
    "hours": 87_840,
    "minutes": 99_999,
    "months": 120,
    "years": 10,
}


class _Unreadable(Exception):
    """Why a text is no value of its type."""


def read_fact(definition: FactDef, text: str) -> FactValue:
    """Read ``text`` as a value of the fact; raise ``BadInput`` naming fact, type and an example.

    Money needs its unit and becomes integer fen: ``350000元``, ``35万元``, ``1,200.50元``.
    """
    kept = definition.type in ("text", "link")
    plain = (text if kept else unicodedata.normalize("NFKC", text)).strip()
    try:
        value = _READERS[definition.type](plain)
        return _option(definition, str(value)) if definition.options else value
    except _Unreadable as unreadable:
        raise BadInput(
            f"要素 {definition.name}（{definition.title}）的值不对：{text!r}",
            why=f"类型是{TYPES[definition.type]}：{unreadable}",
            then=f"写成 --fact {definition.name}={example_of(definition)}",
        ) from None


def example_of(definition: FactDef) -> str:
    """Return one value of the fact that can be typed as it stands."""
    return definition.options[0][1] if definition.options else EXAMPLES[definition.type]


def _option(definition: FactDef, text: str) -> str:
    """Return the option that ``text`` names, by its key or by its Chinese name."""
    for key, name in definition.options:
        if text in (key, name):
            return key
    raise _Unreadable("只能是 " + "；".join(f"{name}（{key}）" for key, name in definition.options))


def _money(text: str) -> int:
    match = _MONEY.fullmatch(text)
    if match is None:
        raise _Unreadable("须为不小于零的数和单位")
    if match["unit"] is None:
        raise _Unreadable("须写明单位，只写数分不清是元还是万元")
    fen = Decimal(match["number"].replace(",", "")) * _FEN[match["unit"]]
    if fen != int(fen):
        raise _Unreadable("不足一分")
    if fen > _LARGEST_FEN:
        raise _Unreadable("数额大得不可信")
    return int(fen)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _Unreadable("须为整数，不带单位")
    return int(text)


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise _Unreadable("须为 是、否、true 或 false") from None


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        raise _Unreadable("没有这一天") from None
    if day is None:
        raise _Unreadable("须为 年-月-日")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _Unreadable(f"年份应在 {FIRST_YEAR} 至 {LAST_YEAR} 之间")
    return day


def _length(text: str) -> Length:
    try:
        length = read_length(text)
    except BadInput:
        raise _Unreadable("须为数字和单位，如 30日、10个工作日、3个月") from None
    if length.number > _LONGEST[length.unit]:
        raise _Unreadable("超过十年")
    return length


def _link(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound or len(text) > _LONGEST_LINK or any(c.isspace() for c in text):
        raise _Unreadable("须为 http 或 https 开头的完整网址")
    return text


def _text(text: str) -> str:
    if not text:
        raise _Unreadable("不能是空的")
    if len(text) > _LONGEST_TEXT:
        raise _Unreadable(f"最多 {_LONGEST_TEXT} 字")
    if any(unicodedata.category(c) == "Cc" for c in text):
        raise _Unreadable("不能有换行等控制字符")
    return text


_READERS: dict[FactType, Callable[[str], FactValue]] = {
    "money": _money,
    "integer": _integer,
    "boolean": _boolean,
    "text": _text,
    "link": _link,
    "length": _length,
    "date": _date,
}
