"""From a record of a table to a ``Row``: what it says happened, under a mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from engine.matter import FactValue
from exchange.amounts import read_amount, read_boolean, read_integer, read_length_cell
from exchange.cells import Cell, Trouble, text_of
from exchange.dates import ISO, DateReader
from exchange.ledger import Record
from exchange.mapping import (
    LEVELS,
    ActionTarget,
    DateTarget,
    FactTarget,
    Fit,
    IgnoreTarget,
    RoleTarget,
    Target,
)
from exchange.observation import Finding, Place, Row, Step

NO_DATE = "no_readable_date"
_Reading = tuple[FactValue | None, Trouble | None]


class RowMaker:
    """Makes the rows of one file; the readers of its columns are prepared once."""

    def __init__(self, fit: Fit, file: str, until: date) -> None:
        """``file`` is how places name the file; ``until`` decides which years are believed."""
        self._file = file
        self._mapping = fit.mapping
        self._until = until
        self._readers: dict[tuple[str, ...], DateReader] = {}
        self._project = [fit.names[name] for name in fit.mapping.project]
        self._parts = [
            [fit.names[name] for name in dict(fit.mapping.parts).get(level, ())] for level in LEVELS
        ]
        self._columns: list[tuple[str, list[tuple[Target, DateReader]]]] = []
        for wanted, targets in fit.mapping.columns.items():
            used: list[tuple[Target, DateReader]] = [
                (one, self._dates(one)) for one in targets if not isinstance(one, IgnoreTarget)
            ]
            if used and wanted in fit.names:
                self._columns.append((fit.names[wanted], used))

    def _dates(self, target: Target) -> DateReader:
        formats = getattr(target, "dates", ()) or self._mapping.dates or (ISO,)
        if formats not in self._readers:
            self._readers[formats] = DateReader(formats, self._until)
        return self._readers[formats]

    def make(self, record: Record) -> Row:
        """Turn ``record`` into a row; what cannot be read is a finding and counts as not seen."""
        place = Place(self._file, record.line)
        row = Row(place, f"{self._file}:{record.line}", currency=self._mapping.currency)
        row.findings.extend(Finding(t.kind, place, t.message) for t in record.troubles)
        if record.refused:
            row.refused = record.refused
            return row
        keys = self._keys(record.cells)
        dated = False
        for header, targets in self._columns:
            cell = record.cells.get(header)
            if cell is None or cell == "" or (isinstance(cell, str) and self._is_empty(cell)):
                continue
            dated |= self._column(row, header, targets, cell, keys)
        self._finish(row, record, keys)
        if not dated:
            row.refused = NO_DATE
        return row

    def _column(
        self,
        row: Row,
        header: str,
        targets: list[tuple[Target, DateReader]],
        cell: Cell,
        keys: tuple[str, ...],
    ) -> bool:
        """Read one cell for all that it means; return whether it held a readable day."""
        days: dict[DateReader, date | None] = {}
        for target, reader in targets:
            if isinstance(target, ActionTarget | DateTarget):
                if reader not in days:
                    days[reader] = _day(row, header, reader, cell)
                day = days[reader]
                if day is not None and isinstance(target, ActionTarget):
                    parts = self._lead(target.workflow, target.part, keys)
                    row.steps.append(Step(target.workflow, target.action, day, parts, column=header))
            elif isinstance(target, FactTarget):
                self._fact(row, target, reader, cell, keys, header)
            elif isinstance(target, RoleTarget):
                _name(row, target, text_of(cell))
        return any(day is not None for day in days.values())

    def _is_empty(self, cell: str) -> bool:
        empty = self._mapping.empty
        return cell.isspace() or (bool(empty) and cell.strip().casefold() in empty)

    def _keys(self, cells: Mapping[str, Cell]) -> tuple[str, ...]:
        return tuple(_joined(cells, columns) if columns else "" for columns in self._parts)

    def _lead(self, workflow: str, part: str, keys: tuple[str, ...]) -> tuple[str, ...]:
        lead = keys[: self._mapping.depth[workflow]]
        return (*lead[:-1], part) if part and lead else lead

    def _fact(
        self, row: Row, target: FactTarget, reader: DateReader, cell: Cell, keys: tuple[str, ...], header: str
    ) -> None:
        value, trouble = _FACTS[target.type](target, reader, cell)
        if trouble is not None:
            row.findings.append(Finding(trouble.kind, row.place, trouble.message, header))
        if value is not None:
            lead = self._lead(target.workflow, target.part, keys)
            row.facts.append((target.workflow, lead, target.fact, value))

    def _finish(self, row: Row, record: Record, keys: tuple[str, ...]) -> None:
        if self._project:
            key = _joined(record.cells, self._project)
            if key:
                row.project = key
            else:
                message = f"{'、'.join(self._project)}为空，本行单独作为一个项目"
                row.findings.append(Finding("no_project_key", row.place, message))
        for workflow, fact, value in self._mapping.constants:
            row.facts.append((workflow, self._lead(workflow, "", keys), fact, value))


def _day(row: Row, header: str, reader: DateReader, cell: Cell) -> date | None:
    read = reader.read(cell)
    if isinstance(read, Trouble):
        row.findings.append(Finding(read.kind, row.place, read.message, header))
        return None
    return read


def _joined(cells: Mapping[str, Cell], columns: list[str]) -> str:
    texts = [text_of(cells.get(column)) for column in columns]
    return " / ".join(texts) if any(texts) else ""


def _name(row: Row, target: RoleTarget, text: str) -> None:
    if target.role == "title":
        row.title = row.title or " ".join(text.split())
    elif target.role == "unit":
        row.unit = row.unit or " ".join(text.split())
    elif text:
        row.aliases.append((target.alias, text))


def _reading(value: FactValue | Trouble | None) -> _Reading:
    return (None, value) if isinstance(value, Trouble) else (value, None)


def _text(target: FactTarget, reader: DateReader, cell: Cell) -> _Reading:  # noqa: ARG001 - one signature
    return text_of(cell) or None, None


_FACTS: dict[str, Callable[[FactTarget, DateReader, Cell], _Reading]] = {
    "money": lambda target, _, cell: read_amount(cell, target.unit),
    "integer": lambda _, __, cell: _reading(read_integer(cell)),
    "boolean": lambda target, _, cell: _reading(read_boolean(cell, dict(target.words))),
    "length": lambda _, __, cell: _reading(read_length_cell(cell)),
    "date": lambda _, reader, cell: _reading(reader.read(cell)),
    "text": _text,
    "link": _text,
}
