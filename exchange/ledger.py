"""Case tables as streams of records: CSV, Excel and JSON lines. 台账

A reader yields one ``Record`` per row and never holds a text file in memory. What is wrong with one row
is a finding of that row; what is wrong with the file as a whole is ``DamagedFile`` with the line.
Cells are data: nothing in them is ever evaluated, and an embedded U+FFFD is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from exchange.cells import Cell, Trouble, text_of
from exchange.jsonlines import read_objects
from exchange.sheet import read_sheet
from exchange.textfile import Lines, read_csv

HEADER_SEARCH = 10
"""A header may stand below a heading: it is looked for in so many first rows that are not empty."""
UNREADABLE = "unreadable_row"
"""Why a row is refused that could not even be split into cells; its trouble says more."""

_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read; an empty word means "find out" (the first sheet of a workbook)."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(slots=True)
class Record:
    """One row: the physical line on which it starts, its cells by header, and what is wrong with it."""

    line: int
    cells: dict[str, Cell]
    troubles: list[Trouble] = field(default_factory=list)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A row that may be the header: its line, and its names made distinct (``name``, ``name.2``)."""

    line: int
    names: tuple[str, ...]


def kind_of(path: Path) -> str:
    """``csv``, ``xlsx`` or ``jsonl`` by the file's name, ``""`` for anything else."""
    return {".csv": "csv", ".xlsx": "xlsx", ".jsonl": "jsonl"}.get(path.suffix.lower(), "")


def read_headers(path: Path, name: str, options: Options) -> list[Header]:
    """Return the rows in which the header may stand, first row first; empty for an empty file.

    JSON lines have none: the one ``Header`` returned (line 0) holds the keys of the first 200 objects.
    ``name`` is what errors call the file. Raises ``DamagedFile``, ``BadInput`` for a missing sheet.
    """
    if kind_of(path) == "jsonl":
        names: dict[str, None] = {}
        for _, item, _ in islice(read_objects(path, name, options.encoding), _SAMPLE):
            names.update(dict.fromkeys(item or ()))
        return [Header(0, tuple(names))] if names else []
    rows = islice(_filled(_lines(path, name, options)), HEADER_SEARCH)
    return [Header(line, distinct(cells)) for line, cells in rows]


def read_records(path: Path, name: str, options: Options, header: Header) -> Iterator[Record]:
    """Yield the rows below ``header`` in file order; rows without any content are no rows.

    Raises ``DamagedFile`` as soon as the damage is reached.
    """
    if kind_of(path) == "jsonl":
        for line, item, trouble in read_objects(path, name, options.encoding):
            if item is None:
                assert trouble is not None
                yield Record(line, {}, [trouble], refused=UNREADABLE)
            elif any(text_of(cell) for cell in item.values()):
                yield Record(line, item)
        return
    width = len(header.names)
    for line, cells in _filled(_lines(path, name, options)):
        if line <= header.line:
            continue
        record = Record(line, dict(zip(header.names, cells, strict=False)))
        if len(cells) != width:
            record.troubles.extend(_wrong_width(cells, width))
        yield record


def distinct(names: Sequence[Cell]) -> tuple[str, ...]:
    """Make header names distinct: the second ``name`` becomes ``name.2``, an empty one ``#`` + column."""
    seen: dict[str, None] = {}
    written = {text_of(name) for name in names}
    for column, cell in enumerate(names, 1):
        name = " ".join(text_of(cell).split()) or f"#{column}"
        if name in seen:
            number = 2
            while f"{name}.{number}" in seen or f"{name}.{number}" in written:
                number += 1
            name = f"{name}.{number}"
        seen[name] = None
    return tuple(seen)


def _lines(path: Path, name: str, options: Options) -> Lines:
    if kind_of(path) == "xlsx":
        return read_sheet(path, name, options.sheet)
    return read_csv(path, name, options.encoding, options.delimiter)


def _filled(lines: Lines) -> Lines:
    for line, cells in lines:
        if any(cell if isinstance(cell, str) and not cell.isspace() else text_of(cell) for cell in cells):
            yield line, cells


def _wrong_width(cells: Sequence[Cell], width: int) -> Iterator[Trouble]:
    if len(cells) < width:
        yield Trouble("too_few_cells", f"本行 {len(cells)} 格，表头 {width} 列，缺的格按空处理")
    elif any(text_of(cell) for cell in cells[width:]):
        extra = f"本行 {len(cells)} 格，表头 {width} 列，多出的格不采用，请核对是否错列"
        yield Trouble("too_many_cells", extra)
