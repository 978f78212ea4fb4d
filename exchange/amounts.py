"""Amounts and other typed values from cells. Money is integer fen; the unit of a column is declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from engine.errors import BadInput
from engine.term import Length, read_length
from exchange.cells import Cell, Trouble, quoted, text_of

UNITS: dict[str, int] = {"fen": 1, "分": 1, "元": 100, "万元": 1_000_000}
"""How many fen one of the declared unit is; "元" also means the main unit of a foreign currency."""

_MONEY = re.compile(
    r"(?:(?:[A-Za-z]{3}|RMB|人民币|[€$£¥￥])\s*)?"
    r"(?P<number>-?(?:[0-9]{1,3}(?:[,，][0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)"
    r"\s*(?:[A-Za-z]{3}|[€$£]|(?P<unit>万元|元|分))?"
)
_LARGEST = Decimal(10) ** 17


def read_amount(cell: Cell, unit: str) -> tuple[int | None, Trouble | None]:
    """Read an amount of declared ``unit`` as integer fen.

    Returns ``(None, None)`` for an empty cell, ``(None, trouble)`` for an unreadable amount, and
    ``(fen, trouble)`` where fractions of a fen had to be rounded. Written with a thousands comma and
    a decimal point; a currency sign beside it is accepted, another unit than the declared one is not.
    """
    text = text_of(cell)
    if not text:
        return None, None
    if isinstance(cell, bool):
        return None, Trouble("unreadable_amount", f"{quoted(text)}不是金额，不采用")
    if isinstance(cell, float):
        text = repr(cell)
    try:
        number = Decimal(text) if isinstance(cell, int | float | Decimal) else None
    except InvalidOperation:
        number = None
    if number is None:
        match = _MONEY.fullmatch(text)
        if match is None:
            return None, Trouble("unreadable_amount", f"{quoted(text)}不是一个金额，不采用")
        if match["unit"] and UNITS[match["unit"]] != UNITS[unit]:
            return None, Trouble(
                "amount_unit_conflict", f"{quoted(text)}写的单位与该列声明的“{unit}”不一致，不采用"
            )
        number = Decimal(match["number"].replace(",", "").replace("，", ""))
    return _fen(number, unit, text)


def _fen(number: Decimal, unit: str, text: str) -> tuple[int | None, Trouble | None]:
    if not number.is_finite() or number < 0 or number > _LARGEST:
        return None, Trouble("unreadable_amount", f"{quoted(text)}不是可信的金额，不采用")
    exact = number * UNITS[unit]
    fen = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if fen != exact:
        return fen, Trouble("amount_rounded", f"{quoted(text)}不足一分的部分四舍五入为 {fen} 分")
    return fen, None


def read_integer(cell: Cell) -> int | Trouble | None:
    """Read a whole number; ``None`` for an empty cell."""
    text = text_of(cell)
    if not text:
        return None
    if re.fullmatch(r"-?[0-9]{1,9}(?:\.0+)?", text) and not isinstance(cell, bool):
        return int(text.partition(".")[0])
    return Trouble("unreadable_number", f"{quoted(text)}不是整数，不采用")


def read_boolean(cell: Cell, words: Mapping[str, bool]) -> bool | Trouble | None:
    """Read a boolean by the words that the mapping declares; ``None`` for an empty cell."""
    if isinstance(cell, bool):
        return cell
    text = text_of(cell)
    if not text:
        return None
    found = words.get(text.casefold())
    if found is None:
        declared = "、".join(words)
        return Trouble("unreadable_word", f"{quoted(text)}不在声明的是非用词（{declared}）里，不采用")
    return found


def read_length_cell(cell: Cell) -> Length | Trouble | None:
    """Read ``30 days``, ``10个工作日``; ``None`` for an empty cell."""
    text = text_of(cell)
    if not text:
        return None
    try:
        return read_length(text)
    except BadInput:
        return Trouble("unreadable_length", f"{quoted(text)}不是期限（如 30日、10个工作日），不采用")
