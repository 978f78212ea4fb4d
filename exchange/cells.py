"""What a cell can hold, and how it is shown to people. 单元格"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

Cell = str | int | float | bool | Decimal | date | time | timedelta | None
"""CSV gives text only; Excel and JSON also give numbers, booleans and (Excel) dates and times."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a cell was not used: the finding's ``kind`` and a sentence for people."""

    kind: str
    message: str


def text_of(cell: Cell) -> str:
    """Write a cell as text, stripped; an empty cell is ``""`` and 15.0 is ``15``."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time(0):
        return cell.date().isoformat()
    return str(cell)


def quoted(text: str) -> str:
    """Show a cell's text inside a sentence, shortened so that one cell never fills a page."""
    flat = " ".join(text.split())
    return f"“{flat[:60]}…”" if len(flat) > 60 else f"“{flat}”"
