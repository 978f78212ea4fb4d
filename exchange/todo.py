"""The officer's to-do list as a workbook: out with what waits, back in filled in. 待办清单

One row per waiting act. A hidden first row names the columns for the program, hidden last columns name the
act and how long the matter's history was when the list was written; people see and fill in the rest.
What is wrong with a cell is a finding of that cell, and a row with one is not carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from engine.errors import BadInput, DamagedFile
from engine.factvalue import EXAMPLES
from engine.workflow import FactType
from exchange.cells import Cell, Trouble, text_of
from exchange.dates import DateReader
from exchange.sheet import read_sheet
from exchange.workbook import Column, Sheet, Style, write_book

HEADS: dict[str, tuple[str, str]] = {
    "matter": ("编号", "number"),
    "title": ("项目", "project"),
    "item": ("事项", "matter"),
    "name": ("操作", "action"),
    "due": ("截止", "due"),
    "left": ("剩余", "left"),
    "day": ("发生日期（填）", "happened on (fill in)"),
    "reason": ("原因、审查意见（填）", "reason or opinion (fill in)"),
    "action": ("操作代码", "action code"),
    "known": ("记录数", "records"),
}
"""The fixed columns: key → head (zh, en)."""
DATE_FORMATS = ("iso", "yyyy-m-d", "yyyy/m/d", "yyyy.m.d", "yyyy年m月d日", "yyyymmdd")
_FIXED = ("matter", "title", "item", "name", "due", "left", "day")
_WIDTHS = {"matter": 18, "title": 24, "item": 14, "name": 20, "due": 17, "left": 16, "day": 15, "reason": 24}
_FACT, _PAPER, _CHECK = "fact:", "paper:", "check:"
_MOST_ROWS = 10_000
_BOOLEANS = ("是", "否")
_IN_ORDER = ("都符合", "all in order")
"""What is filled in where every item of a list was looked at and is in order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A fact that an act asks for: the tier that has it (all methods share a column), name, title and type."""

    tier: str
    name: str
    title: str
    type: FactType

    @property
    def key(self) -> str:
        """The key of its column."""
        return f"{_FACT}{self.tier}.{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """A list that an act asks to be signed item by item: its name, title and items as people read them."""

    name: str
    title: str
    items: tuple[str, ...]

    @property
    def key(self) -> str:
        """The key of its column."""
        return f"{_CHECK}{self.name}"


@dataclass(frozen=True, slots=True)
class Act:
    """One waiting act; ``due`` as people read it, ``known`` is how many lines the matter's history has."""

    matter: str
    title: str
    item: str
    action: str
    name: str
    due: str
    left: str
    facts: tuple[Asked, ...]
    papers: tuple[str, ...]
    checks: tuple[Check, ...]
    known: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a cell (``column`` = ``G``, with its head) or with a whole row (no column)."""

    kind: str
    row: int
    message: str
    column: str = ""
    head: str = ""


@dataclass(slots=True)
class Filled:
    """A row that somebody filled in. ``facts`` and ``papers`` hold the texts of cells that are not empty, ``checked`` the
    lists that were signed.
    """

    row: int
    matter: str
    action: str
    known: int
    day: date | None
    facts: dict[str, str] = field(default_factory=dict)
    papers: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    checked: tuple[str, ...] = ()
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(slots=True)
class Returned:
    """A list that came back: its columns by key (letter, head), the rows filled in, how many were not."""

    columns: Mapping[str, tuple[str, str]]
    filled: list[Filled]
    empty: int = 0

    def flaw(self, kind: str, row: int, message: str, key: str = "") -> Flaw:
        """Return what is wrong with a cell, or, without a key, with a row."""
        letter, head = self.columns.get(key, ("", ""))
        return Flaw(kind, row, message, letter, head)


# out


def write_todo(path: Path, acts: Sequence[Act], now: datetime, lang: str) -> None:
    """Write the list; ``now`` in local time. Raise ``BadInput`` where the file exists already."""
    facts: dict[str, Asked] = {asked.key: asked for act in acts for asked in act.facts}
    papers = list(dict.fromkeys(paper for act in acts for paper in act.papers))
    checks: dict[str, Check] = {check.key: check for act in acts for check in act.checks}
    columns = [Column(key, _head(key, lang), _WIDTHS[key], _style(key)) for key in _FIXED]
    columns += [_fact_column(asked, lang) for asked in facts.values()]
    columns += [Column(f"{_PAPER}{paper}", _paper_head(paper, lang), 20, "fill_text") for paper in papers]
    columns += [_check_column(check, lang) for check in checks.values()]
    columns += [Column("reason", _head("reason", lang), _WIDTHS["reason"], "fill_text")]
    columns += [Column(key, _head(key, lang), 10, "hidden") for key in ("action", "known")]
    sheet = Sheet("待办" if lang != "en" else "To do", columns, [], keyed=True, note=_note(lang))
    for number, act in enumerate(acts):
        values: dict[str, str | int | date | None] = {
            "matter": act.matter, "title": act.title, "item": act.item, "name": act.name, "due": act.due,
            "left": act.left, "action": act.action, "known": act.known,
        }  # fmt: skip
        wanted = (
            {a.key for a in act.facts} | {f"{_PAPER}{p}" for p in act.papers} | {c.key for c in act.checks}
        )
        sheet.rows.append([values.get(column.key) for column in columns])
        sheet.closed |= {
            (number, place)
            for place, column in enumerate(columns)
            if column.key.startswith((_FACT, _PAPER, _CHECK)) and column.key not in wanted
        }
    write_book(path, [sheet], now)


def _head(key: str, lang: str) -> str:
    return HEADS[key][1 if lang == "en" else 0]


def _style(key: str) -> Style:
    return "fill_date" if key == "day" else "plain"


def _fact_column(asked: Asked, lang: str) -> Column:
    example = EXAMPLES[asked.type]
    said = (
        f"{asked.title} (fill in, e.g. {example})" if lang == "en" else f"{asked.title}（填，例 {example}）"
    )
    if asked.type == "text":
        said = f"{asked.title} (fill in)" if lang == "en" else f"{asked.title}（填）"
    choices = _BOOLEANS if asked.type == "boolean" else ()
    return Column(asked.key, said, 22, "fill_text", choices)


def _paper_head(paper: str, lang: str) -> str:
    if lang == "en":
        return f"document {paper} (name of a file beside this one)"
    return f"附件 {paper}（填与本表同一文件夹里的文件名）"


def _check_column(check: Check, lang: str) -> Column:
    items = "\n".join(f"{number}. {item}" for number, item in enumerate(check.items, 1))
    word = _IN_ORDER[lang == "en"]
    said = (
        f"{check.title} (fill in: {word}; if an item is not, nothing)\n{items}"
        if lang == "en"
        else f"{check.title}（填：逐项看过、都符合的，填“{word}”；有不符合的不填，先改正）\n{items}"
    )
    return Column(check.key, said, 34, "fill_text", (word,))


def _note(lang: str) -> str:
    if lang == "en":
        return "Fill in the yellow cells of what has been done; leave the day empty where nothing was."
    return "已办的，在黄色格里填写；没有办的，发生日期留空。存盘后用 yiriban desk fill 文件名 交回。"


# in


def read_todo(path: Path, today: date) -> Returned:
    """Read a list that came back. Raise ``BadInput`` for a workbook that is none, ``DamagedFile``.

    ``today`` decides which dates are believed; a day after it is a finding of its cell.
    """
    if not path.is_file():
        raise BadInput(f"没有这个文件：{path.name}", then="检查文件的路径和名称")
    lines = iter(read_sheet(path, path.name, ""))
    heads = [[text_of(c) for c in cells] for _, cells in (next(lines, (0, [])), next(lines, (0, [])))]
    keys, titles = heads
    if not {"matter", "action", "known", "day", "reason"} <= set(keys) or len(set(keys)) != len(keys):
        raise BadInput(
            f"{path.name} 不是一日办导出的待办清单",
            why="第 1 行（隐藏）没有程序认得的列名",
            then="用 yiriban desk officer --xlsx 文件 重新导出后再填",
        )
    columns = {
        key: (letter(place), titles[place] if place < len(titles) else key) for place, key in enumerate(keys)
    }
    found = Returned(columns, [])
    days = DateReader(DATE_FORMATS, today)
    for number, cells in lines:
        if number > _MOST_ROWS:
            raise DamagedFile(f"{path.name} 超过 {_MOST_ROWS} 行", then="重新导出清单后再填")
        row: dict[str, Cell] = dict(zip(keys, cells, strict=False))
        if not text_of(row.get("action")) or not text_of(row.get("matter")):
            continue
        filled = _filled(found, number, row, days, today)
        if filled is None:
            found.empty += 1
        else:
            found.filled.append(filled)
    return found


def _filled(
    found: Returned, number: int, row: Mapping[str, Cell], days: DateReader, today: date
) -> Filled | None:
    texts = {key: text_of(cell) for key, cell in row.items()}
    facts = {k.removeprefix(_FACT): t for k, t in texts.items() if k.startswith(_FACT) and t}
    papers = {k.removeprefix(_PAPER): t for k, t in texts.items() if k.startswith(_PAPER) and t}
    checks = {k: t for k, t in texts.items() if k.startswith(_CHECK) and t}
    reason = texts.get("reason", "")
    if not (texts.get("day") or facts or papers or checks or reason):
        return None
    known = int(texts["known"]) if texts["known"].isdigit() else 0
    signed = tuple(key.removeprefix(_CHECK) for key, text in checks.items() if text in _IN_ORDER)
    filled = Filled(number, texts["matter"], texts["action"], known, None, facts, papers, reason, signed)
    for key, text in checks.items():
        if text not in _IN_ORDER:
            said = f"{text!r}不能用，只填“{_IN_ORDER[0]}”；有不符合的不填，先改正"
            filled.flaws.append(found.flaw("unreadable_check", number, said, key))
    day = days.read(row.get("day"))
    if isinstance(day, Trouble):
        message = day.message.removesuffix("，按未见处理")
        filled.flaws.append(found.flaw(day.kind, number, message, "day"))
    elif day is None:
        filled.flaws.append(found.flaw("no_day", number, "没有填发生日期", "day"))
    elif day > today:
        filled.flaws.append(found.flaw("future_day", number, f"{day} 还没有到，只登记已经办的", "day"))
    else:
        filled.day = day
    return filled


def letter(place: int) -> str:
    """Return the letters of a column, from 0: ``A`` … ``Z``, ``AA`` …"""
    text, rest = "", place + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        text = chr(65 + digit) + text
    return text
