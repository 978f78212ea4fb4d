"""Excel workbooks, written. The only door to xlsxwriter.

A cell is text, a number, a day or nothing; text is always written as text, so that no cell of ours is
ever a formula or a link, whatever people have typed into a title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import xlsxwriter

from engine.errors import BadInput

Value = str | int | float | date | None
Style = Literal["plain", "fill", "fill_date", "fill_text", "closed", "percent", "hidden"]
"""How a column looks: ``fill`` ones are for people to write into, ``closed`` asks nothing in this row."""

_FORMATS: dict[Style, dict[str, Any]] = {
    "plain": {"text_wrap": True, "valign": "top"},
    "fill": {"bg_color": "#FFF7D6", "border": 1, "border_color": "#D9D9D9", "valign": "top"},
    "fill_date": {
        "bg_color": "#FFF7D6", "border": 1, "border_color": "#D9D9D9", "num_format": "yyyy-mm-dd", "valign": "top",
    },
    # text stays text: an invoice number keeps its leading zeros
    "fill_text": {
        "bg_color": "#FFF7D6", "border": 1, "border_color": "#D9D9D9", "num_format": "@", "valign": "top",
    },
    "closed": {"bg_color": "#EDEDED"},
    "percent": {"num_format": "0.0%", "valign": "top"},
    "hidden": {"font_color": "#808080"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key (written into a hidden first row where the sheet is keyed), head, width, look."""

    key: str
    head: str
    width: int = 12
    style: Style = "plain"
    choices: tuple[str, ...] = ()


@dataclass(slots=True)
class Sheet:
    """A table: its name, columns and rows; ``closed`` names the cells (row, column) that ask for nothing."""

    name: str
    columns: Sequence[Column]
    rows: list[list[Value]]
    keyed: bool = False
    closed: set[tuple[int, int]] = field(default_factory=set)
    note: str = ""


def write_book(path: Path, sheets: Sequence[Sheet], now: datetime) -> None:
    """Write a new workbook; raise ``BadInput`` where the file exists or cannot be one.

    An existing file is never overwritten: somebody may have filled it in. ``now`` is its date of making.
    """
    if path.suffix.lower() != ".xlsx":
        raise BadInput(f"不是 Excel 工作簿的文件名：{path.name}", then="以 .xlsx 结尾")
    if path.exists():
        raise BadInput(
            f"文件已经存在：{path.name}", why="里面可能有人填写过，不覆盖", then="换一个文件名，或先移走它"
        )
    if not path.absolute().parent.is_dir():
        raise BadInput(f"没有文件夹：{path.parent}", then="先建好文件夹，或换一个位置")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"created": now.replace(tzinfo=None)})
        formats = {name: book.add_format(look) for name, look in _FORMATS.items()}
        head = book.add_format(
            {"bold": True, "bg_color": "#DCE6F1", "text_wrap": True, "valign": "top", "border": 1}
        )
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name), sheet, formats, head)


def _write(page: Any, sheet: Sheet, formats: dict[Style, Any], head: Any) -> None:
    first = 1 if sheet.keyed else 0
    if sheet.keyed:
        page.set_row(0, None, None, {"hidden": True})
    for place, column in enumerate(sheet.columns):
        hidden = {"hidden": True} if column.style == "hidden" else {}
        page.set_column(place, place, column.width, None, hidden)
        if sheet.keyed:
            page.write_string(0, place, column.key)
        page.write_string(first, place, column.head, head)
    for number, row in enumerate(sheet.rows):
        for place, value in enumerate(row):
            column = sheet.columns[place]
            style: Style = "closed" if (number, place) in sheet.closed else column.style
            _cell(page, first + 1 + number, place, value, formats[style])
            if column.choices and style != "closed":
                page.data_validation(
                    first + 1 + number, place, first + 1 + number, place,
                    {"validate": "list", "source": list(column.choices)},
                )  # fmt: skip
    last = first + len(sheet.rows)
    if sheet.note:
        page.write_string(last + 2, 0, sheet.note)
    page.freeze_panes(first + 1, 1)
    page.autofilter(first, 0, last, len(sheet.columns) - 1)
    page.repeat_rows(first)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)


def _cell(page: Any, row: int, place: int, value: Value, look: Any) -> None:
    if value is None or value == "":
        page.write_blank(row, place, None, look)
    elif isinstance(value, str):
        page.write_string(row, place, value, look)
    elif isinstance(value, datetime):
        page.write_datetime(row, place, value.replace(tzinfo=None), look)
    elif isinstance(value, date):
        page.write_datetime(row, place, value, look)
    else:
        page.write_number(row, place, value, look)
