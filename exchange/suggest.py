"""Propose a mapping file from a table's headers and samples, each guess with its evidence.

What comes out is a mapping that the reader accepts; a person compares the comments with the table and
corrects it. Nothing is ever replayed with a guess that nobody has looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from engine.errors import BadInput
from engine.workflow import WorkflowDef
from exchange.amounts import read_amount
from exchange.cells import Cell, text_of
from exchange.dates import ALL_FORMATS, DateReader
from exchange.guesses import ACTIONS, AMOUNTS, FLAGS, NAMES, Guess
from exchange.ledger import Header, Options, kind_of, read_headers, read_records
from exchange.ocds import is_ocds

SAMPLE = 2000
_ENOUGH = 0.6
_ENOUGH_NAMED = 0.3
_ORDERS = ({"d/m/yyyy", "d/m/yy"}, {"m/d/yyyy"})


@dataclass(slots=True)
class _Column:
    """A column's sample and what was made of it."""

    header: str
    cells: list[Cell] = field(default_factory=list)
    dates: int = 0
    amounts: int = 0
    lines: list[str] = field(default_factory=list)
    must: bool = False
    key: tuple[str, str] = ("", "")

    def share(self, of: int) -> str:
        return f"样本 {len(self.cells)} 格中 {of} 格"


def suggest(path: Path, workflows: Mapping[str, WorkflowDef], *, until: date, sheet: str = "") -> str:
    """Return the text of a mapping file for the table at ``path``.

    Raises ``BadInput`` for OCDS (which needs none), for a table without rows and for one without any
    column of dates; ``DamagedFile`` for a file that cannot be read.
    """
    name, options = path.name, Options(sheet=sheet)
    if path.suffix.lower() in (".json", ".jsonl") and is_ocds(path, name):
        raise BadInput(f"{name} 是 OCDS 数据，不需要对照", then=f"直接运行 yiriban replay {path}")
    if not kind_of(path):
        raise BadInput(
            f"不认识的文件类型：{name}", why="台账是 .csv、.xlsx 或 .jsonl 文件", then="另存为其中一种"
        )
    header = _header(read_headers(path, name, options), name)
    columns = {title: _Column(title) for title in header.names}
    rows = 0
    for record in islice(read_records(path, name, options, header), SAMPLE):
        rows += 1
        for title, cell in record.cells.items():
            if title in columns and text_of(cell):
                columns[title].cells.append(cell)
    formats = _look(columns.values(), until)
    if not rows or not any(_is_date(column) for column in columns.values()):
        raise BadInput(
            f"{name} 里没有一列像日期，提不出对照",
            why=f"看了 {rows} 行、{len(columns)} 列，没有一列六成以上是日期",
            then="检查是否拿对了文件或工作表（--sheet），日期写法见 docs/how-to/map-a-table.md",
        )
    guesses = _Guesses(workflows)
    for column in columns.values():
        guesses.look_at(column)
    guesses.number_parts(columns.values())
    return _write(path, sheet, rows, formats, list(columns.values()))


def _header(headers: Sequence[Header], name: str) -> Header:
    """The row with most words: a heading above the table has few, a row of data has dates and numbers."""
    if not headers:
        raise BadInput(f"{name} 是空的，提不出对照", then="检查是否拿对了文件或工作表（--sheet）")
    return max(headers, key=lambda header: sum(_is_word(title) for title in header.names))


def _is_word(title: str) -> bool:
    return not re.fullmatch(r"#?[0-9.,:/ -]*", title)


def _look(columns: Iterable[_Column], until: date) -> tuple[str, ...]:
    """Count dates and amounts of each column; return the formats needed, most frequent first."""
    formats = tuple(name for name in ALL_FORMATS if name != "excel")
    readers = {name: DateReader((name,), until) for name in formats}
    dated: list[dict[str, bool]] = []
    for column in columns:
        read = [{name for name, r in readers.items() if isinstance(r.read(c), date)} for c in column.cells]
        column.dates = sum(bool(names) for names in read)
        column.amounts = sum(_looks_like_amount(cell) for cell in column.cells)
        if _is_date(column):
            dated.extend(dict.fromkeys(names, True) for names in read if names)
    return _fewest(dated, formats)


def _fewest(cells: list[dict[str, bool]], formats: Sequence[str]) -> tuple[str, ...]:
    """Choose formats one by one, each time the one that reads most of what is left."""
    chosen: list[str] = []
    while cells:
        counts = Counter(name for names in cells for name in names)
        # Day and month must not change places from cell to cell: one order is chosen for good.
        for mine, other in (_ORDERS, _ORDERS[::-1]):
            if mine & set(chosen):
                counts = Counter({name: n for name, n in counts.items() if name not in other})
        if not counts:
            break
        best = max(formats, key=lambda name: counts[name])
        chosen.append(best)
        cells = [names for names in cells if best not in names]
    return tuple(chosen) or ("iso",)


def _looks_like_amount(cell: Cell) -> bool:
    fen, trouble = read_amount(cell, "元")
    return fen is not None and trouble is None


def _is_date(column: _Column) -> bool:
    """Most cells are dates, or at least many where the header names an action as well."""
    named = any(guess.words.search(column.header) for guess in ACTIONS)
    return bool(column.cells) and column.dates >= (_ENOUGH_NAMED if named else _ENOUGH) * len(column.cells)


class _Guesses:
    """What each column may mean, from its header's words and its sample."""

    def __init__(self, workflows: Mapping[str, WorkflowDef]) -> None:
        self._workflows = workflows
        self._taken: set[str] = set()

    def look_at(self, column: _Column) -> None:
        """Write the lines of ``column``: what it is taken for, and why."""
        header = column.header
        if _is_date(column):
            self._date(column)
        elif not column.cells:
            _set(column, "{ignore: true, why: 样本里全是空的}", "样本里全是空的，核对后再定")
        elif (found := self._find(FLAGS, header)) and (words := _words(column)):
            self._fact(column, found, f"true_words: [{words[0]}], false_words: [{words[1]}]", "取值只有两种")
        elif (found := self._find(AMOUNTS, header)) and column.amounts >= _ENOUGH * len(column.cells):
            unit = "万元" if "万" in header else "元"
            ground = "单位依表头" if "元" in header or "万" in header else "单位是猜的，务必核对"
            why = f"{column.share(column.amounts)}是数；{ground}"
            self._fact(column, found, f"unit: {unit}", why)
        elif found := self._find(NAMES, header):
            self._name(column, found)
        else:
            _set(column, "{ignore: true, why: 未能判断含义}", "表头和样本都看不出含义")

    def number_parts(self, columns: Iterable[_Column]) -> None:
        """Columns of the same meaning that differ by a number are the parts of that number."""
        by_key: dict[tuple[str, str], list[_Column]] = {}
        for column in columns:
            if column.key != ("", ""):
                by_key.setdefault(column.key, []).append(column)
        for (kind, target), found in by_key.items():
            if len(found) < 2:
                continue
            for place, column in enumerate(found, 1):
                number = re.search(r"\(?(\d{1,2})\)?\s*(?:期|次|\)|）|$)", column.header)
                part = number[1] if number and target.startswith("instalment") else str(place)
                if target.startswith("instalment"):
                    extra = f', part: "{part}"'
                    column.lines[-1] = re.sub(r"\}$", f"{extra}}}", column.lines[-1])
                elif place > 1:
                    why = f"与 {found[0].header} 含义相同，只取前者"
                    spare = "date" if kind == "action" else "ignore"
                    column.lines.clear()
                    _set(column, f"{{{spare}: true, why: {_quote(why)}}}", why)

    def _date(self, column: _Column) -> None:
        evidence = f"{column.share(column.dates)}是日期"
        found = self._find(ACTIONS, column.header)
        if found is None:
            _set(column, "{date: true, why: 未能判断是哪个操作}", f"{evidence}，表头看不出是哪个操作")
            return
        guess, word = found
        targets = [f"{{action: {target}}}" for target in guess.targets]
        column.key = ("action", guess.targets[0])
        text = targets[0] if len(targets) == 1 else f"[{', '.join(targets)}]"
        _set(column, text, f"表头有“{word}”，{evidence}", must=True)

    def _fact(self, column: _Column, found: tuple[Guess, str], more: str, why: str) -> None:
        guess, word = found
        column.key = ("fact", guess.targets[0])
        _set(column, f"{{fact: {guess.targets[0]}, {more}}}", f"表头有“{word}”，{why}")

    def _name(self, column: _Column, found: tuple[Guess, str]) -> None:
        guess, word = found
        target = guess.targets[0]
        if target.startswith(("title", "unit")):
            if target in self._taken:
                why = f"表头有“{word}”，但已有一列含义相同"
                _set(column, "{ignore: true, why: 已有一列含义相同}", why)
                return
            self._taken.add(target)
            _set(column, f"{{is: {target}}}", f"表头有“{word}”", must=True)
        elif target == "alias":
            taken = sum(one.startswith("alias") for one in self._taken)
            alias = "number" if not taken else f"number_{taken + 1}"
            self._taken.add(f"alias {alias}")
            _set(column, f"{{alias: {alias}}}", f"表头有“{word}”", must=True)
        else:
            column.key = ("fact", target)
            _set(column, f"{{fact: {target}}}", f"表头有“{word}”")

    def _find(self, guesses: Sequence[Guess], header: str) -> tuple[Guess, str] | None:
        """The first guess whose words stand in the header and whose target this city's workflows have."""
        for guess in guesses:
            match = guess.words.search(header)
            if match is not None and not guess.targets:
                return None
            if match is not None and all(self._exists(target) for target in guess.targets):
                return guess, " ".join(match[0].split())
        return None

    def _exists(self, target: str) -> bool:
        workflow, dot, name = target.partition(".")
        known = self._workflows.get(workflow)
        return not dot or (known is not None and (name in known.actions or name in known.facts))


def _words(column: _Column) -> tuple[str, str] | None:
    """Quote the two words of a yes-no column, yes first; ``None`` where they are others."""
    values = {text_of(cell).casefold(): text_of(cell) for cell in column.cells}
    for yes, no in (("是", "否"), ("有", "无"), ("y", "n"), ("yes", "no"), ("true", "false"), ("1", "0")):
        if values and set(values) <= {yes, no}:
            return _quote(values.get(yes, yes)), _quote(values.get(no, no))
    return None


def _set(column: _Column, target: str, why: str, *, must: bool = False) -> None:
    column.must = must
    column.lines = [f"  # 依据：{_plain(why)}", f"  {_quote(column.header)}: {target}"]


def _write(path: Path, sheet: str, rows: int, formats: Sequence[str], columns: list[_Column]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    name = stem if re.fullmatch(r"[a-z].*", stem) else f"table-{stem}".rstrip("-")
    fits = [column.header for column in columns if column.must]
    lines = [
        f"# 由 yiriban mapping suggest 根据 {_plain(path.name)} 的表头和前 {rows} 行提出，请逐条核对依据。",
        "# 一列可以是：操作的日期 action、要素 fact、项目的名称或单位 is、编号 alias、",
        "# 流程用不到的日期 date、不用的列 ignore。写法见 docs/how-to/map-a-table.md。",
        f"mapping: {name}",
        f"title: {{zh: {_quote(path.stem)}}}",
        "# 有这些表头的文件自动采用本对照。",
        "fits:",
        "  headers:",
        *(f"    - {_quote(header)}" for header in fits or [columns[0].header]),
        *([f"sheet: {_quote(sheet)}"] if sheet else []),
        *_about_dates(formats),
        f"dates: [{', '.join(_quote(one) for one in formats)}]",
        "columns:",
        *(line for column in columns for line in column.lines),
    ]
    return "\n".join(lines) + "\n"


def _about_dates(formats: Sequence[str]) -> list[str]:
    """Warn where day and month could have changed places."""
    if not any("/" in one and not one.startswith("yyyy") for one in formats):
        return []
    return ["# 斜线日期的日、月先后是从样本推断的，请用一个大于 12 的日子核对。"]


def _plain(text: str) -> str:
    """One printable line, for a comment."""
    return "".join(character if character.isprintable() else " " for character in text)


def _quote(text: str) -> str:
    """A YAML text in double quotes, with everything escaped that must not stand in a file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
