"""How commands speak: data on stdout, everything else on stderr; JSON with a versioned schema.

Symbols stay within GBK, so that a Chinese Windows console shows every one of them.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from engine.term import Length, Moment
from runtime.settings import Settings

SHANGHAI = ZoneInfo("Asia/Shanghai")
WIDTH = 100
_NAME = re.compile(r"[a-z][a-z0-9_.]{5,29}")
_GAP = "  "

F = TypeVar("F", bound=Callable[..., Any])

pass_settings = click.make_pass_decorator(Settings)
"""Decorator: hand the run's ``Settings`` to a command as its first argument."""


def common_options(command: F) -> F:
    """Give a reading command ``--json`` (parameter ``as_json: bool``)."""
    return click.option("--json", "as_json", is_flag=True, help="输出 JSON / print JSON")(command)


def emit(as_json: bool, schema_name: str, payload: Mapping[str, Any], text: str | Callable[[], str]) -> None:
    """Print ``payload`` as JSON, or else ``text`` (a function is only called when it is wanted)."""
    if as_json:
        print_json(schema_name, payload)
    else:
        say(text if isinstance(text, str) else text())


def print_json(schema_name: str, payload: Mapping[str, Any]) -> None:
    """Print ``{"schema": "yiriban.<schema_name>/1", ...}``; dates and instants in ISO 8601."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    document = {"schema": f"yiriban.{schema_name}/1", **payload}
    # A console in another encoding gets \uXXXX rather than question marks: nothing is lost.
    click.echo(json.dumps(document, ensure_ascii=not utf8, indent=2, default=_plain))


def say(text: str) -> None:
    """Print data for the reader on stdout."""
    click.echo(text)


def note(text: str) -> None:
    """Print what is not data (progress, hints) on stderr."""
    click.echo(text, err=True)


def pick(lang: str, zh: str, en: str) -> str:
    """Choose the wording for the language of this run."""
    return en if lang == "en" else zh


def local(instant: datetime) -> str:
    """``2026-11-20 17:30`` in Asia/Shanghai; raise ``ValueError`` for an instant without zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no zone")
    return f"{instant.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def due(moment: Moment | None, *, short: bool = False) -> str:
    """A due moment for people: 24:00 keeps its own day (``2026-11-20 24:00``); ``-`` for none.

    ``short`` leaves the year out. A moment counted with a year not yet announced ends with ``?``.
    """
    if moment is None:
        return "-"
    text = f"{moment.day:%Y-%m-%d} 24:00" if moment.ends == "midnight" else local(moment.instant)
    return (text[5:] if short else text) + ("?" if moment.provisional else "")


def money(fen: int) -> str:
    """Integer fen as ``1,234,567.89 元``."""
    yuan, cents = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan:,}.{cents:02d} 元"


def width(text: str) -> int:
    """Columns that ``text`` takes on a terminal: two for each wide character, none for a combining one."""
    return sum(_columns(character) for character in text)


def table(rows: Iterable[Sequence[object]], headers: Sequence[str], *, right: Iterable[int] = ()) -> str:
    """Lay out a table that fits 100 columns; too wide a cell goes on in the next line.

    ``right`` names the columns (from 0) that are aligned to the right.
    """
    cells = [["-" if value is None else str(value) for value in row] for row in rows]
    columns = list(zip(headers, *cells, strict=True))
    widths = _fit([max(map(width, c)) for c in columns], [max(map(_longest_name, c)) for c in columns])
    to_right = frozenset(right)
    lines = [_line(headers, widths, to_right), _GAP.join("-" * size for size in widths)]
    for row in cells:
        wrapped = [_wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        for level in range(max(map(len, wrapped))):
            part = [pieces[level] if level < len(pieces) else "" for pieces in wrapped]
            lines.append(_line(part, widths, to_right))
    return "\n".join(lines)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _longest_name(text: str) -> int:
    """Return the columns of the longest name in ``text`` that people copy, and that must stay whole."""
    return max((len(name) for name in _NAME.findall(text)), default=0)


def _fit(widths: list[int], names: list[int]) -> list[int]:
    """Take columns from the widest until the line fits; none becomes narrower than 6, and names stay whole
    as long as there is another column to take from.
    """
    room = WIDTH - len(_GAP) * (len(widths) - 1)
    for floors in ([max(6, name) for name in names], [6] * len(widths)):
        while sum(widths) > room:
            spare = [size - floor for size, floor in zip(widths, floors, strict=True)]
            wide = [size if left > 0 else 0 for size, left in zip(widths, spare, strict=True)]
            if not any(wide):
                break
            widths[wide.index(max(wide))] -= 1
    return widths


def _wrap(text: str, size: int) -> list[str]:
    """Cut ``text`` into pieces of at most ``size`` columns; a line break in it stays one."""
    pieces: list[str] = []
    for line in text.split("\n"):
        piece, used = "", 0
        for character in line:
            if piece and used + _columns(character) > size:
                pieces.append(piece)
                piece, used = "", 0
            piece += character
            used += _columns(character)
        pieces.append(piece)
    return pieces


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded = []
    for place, (cell, size) in enumerate(zip(cells, widths, strict=True)):
        space = " " * max(0, size - width(cell))
        padded.append(space + cell if place in right else cell + space)
    return _GAP.join(padded).rstrip()


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Length | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
