"""Rows set aside in a temporary database, merged by project and taken out by day.

A register of 100,000 rows does not live in memory: rows go in one by one, steps come out in order. The
file is removed by ``close``.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.matter import FactValue
from engine.term import Length
from exchange.observation import Finding, Place, Row, Step

Rank = Callable[[str, str], int]
_Day = tuple[date, int, list[Step]]

_SCHEMA = """
create table project (no integer primary key, key text unique not null, title text not null,
    unit text not null, currency text not null) strict;
create table place (project integer not null, file text not null, line integer not null,
    item text not null) strict;
create table alias (project integer not null, kind text not null, value text not null,
    primary key (project, kind, value)) strict, without rowid;
create table step (no integer primary key, project integer not null, workflow text not null,
    action text not null, parts text not null, day integer not null, rank integer not null,
    column_name text not null, facts text not null, file text not null, line integer not null,
    item text not null,
    unique (project, workflow, action, parts)) strict;
create table fact (project integer not null, workflow text not null, parts text not null,
    name text not null, value text not null, file text not null, line integer not null,
    item text not null, no integer not null,
    primary key (project, workflow, parts, name)) strict, without rowid;
create index place_of_project on place (project);
"""
_STEP = "day, project, workflow, action, parts, facts, column_name, file, line, item"


@dataclass(slots=True)
class Head:
    """A project as the source knows it, without its steps.

    ``place`` is where it was first met. ``parts`` are the distinct part keys in the order in which they
    were first seen, those of steps before those of facts; a deeper key implies those above it. ``steps``
    says how many steps there are.
    """

    no: int
    key: str
    title: str
    unit: str
    currency: str
    aliases: list[tuple[str, str]] = field(default_factory=list)
    facts: list[tuple[str, tuple[str, ...], str, FactValue]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    parts: list[tuple[str, ...]] = field(default_factory=list)
    steps: int = 0

    @property
    def place(self) -> Place:
        """Where the project was first met."""
        return self.places[0]


class Spool:
    """Collects rows and gives them back by project and by day. Use it as a context manager.

    ``rank(workflow, action)`` orders what happened on one day in one project.
    """

    def __init__(self, rank: Rank) -> None:
        """Create the temporary file."""
        self._rank = rank
        self._folder = tempfile.TemporaryDirectory(prefix="yiriban-")
        self._db = sqlite3.connect(Path(self._folder.name) / "spool.db", isolation_level=None)
        # Nothing here outlives the process: no journal, no waiting for the disk.
        self._db.executescript(f"pragma journal_mode=off; pragma synchronous=off; {_SCHEMA} begin;")
        self._indexed = False
        self._ranks: dict[tuple[str, str], int] = {}
        self._findings: list[Finding] = []

    def __enter__(self) -> Spool:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the temporary file."""
        self.close()

    def close(self) -> None:
        """Remove the temporary file; closing twice is allowed."""
        self._db.close()
        self._folder.cleanup()

    def add(self, row: Row) -> None:
        """Set a row aside; a refused row is passed over.

        The same step of the same project on the same day counts once; another day for it, or another
        value for a fact, is a finding, and what stands earlier in the source holds.
        """
        if row.refused:
            return
        project = self._project(row)
        self._db.execute(
            "insert into place values (?, ?, ?, ?)", (project, row.place.file, row.place.line, row.place.item)
        )
        if row.aliases:
            self._db.executemany(
                "insert or ignore into alias values (?, ?, ?)", [(project, *alias) for alias in row.aliases]
            )
        for step in row.steps:
            self._step(project, step, row.place)
        for number, fact in enumerate(row.facts):
            self._fact(project, fact, row.place, number)

    def findings(self) -> list[Finding]:
        """What merging the rows showed (``conflicting_dates``, ``conflicting_facts``), in their order.

        Findings of the rows themselves are not repeated here.
        """
        return list(self._findings)

    def projects(self) -> Iterator[int]:
        """Walk the numbers of the projects in the order of the source."""
        for (number,) in self._db.execute("select no from project order by no"):
            yield number

    def count_projects(self) -> int:
        """How many projects there are."""
        return int(self._db.execute("select count(*) from project").fetchone()[0])

    def count_steps(self) -> int:
        """How many steps ``steps`` will give."""
        return int(self._db.execute("select count(*) from step").fetchone()[0])

    def steps(self) -> Iterator[_Day]:
        """Walk (day, project number, steps): by day, then project, then rank, then the source's order."""
        if not self._indexed:
            self._db.execute("create index step_in_order on step (day, project, rank, no)")
            self._indexed = True
        found = self._db.execute(f"select {_STEP} from step order by day, project, rank, no")
        at: tuple[int, int] | None = None
        steps: list[Step] = []
        for row in found:
            if row[:2] != at:
                if at is not None:
                    yield date.fromordinal(at[0]), at[1], steps
                at, steps = row[:2], []
            steps.append(_step_of(row))
        if at is not None:
            yield date.fromordinal(at[0]), at[1], steps

    def steps_of(self, project: int) -> list[Step]:
        """All steps of one project: by day, then rank, then the source's order."""
        query = f"select {_STEP} from step where project = ? order by day, rank, no"
        found = self._db.execute(query, (project,))
        return [_step_of(row) for row in found]

    def head(self, project: int) -> Head:
        """Everything known of a project without a day; ``KeyError`` for a number never given."""
        found = self._db.execute("select * from project where no = ?", (project,)).fetchone()
        if found is None:
            raise KeyError(project)
        head = Head(*found)
        db, number = self._db, (project,)
        aliases = db.execute("select kind, value from alias where project = ? order by kind, value", number)
        head.aliases = list(aliases)
        places = db.execute("select file, line, item from place where project = ? order by rowid", number)
        head.places = [Place(*place) for place in places]
        facts = db.execute(
            "select workflow, parts, name, value from fact where project = ?"
            " order by file, line, no, workflow, parts, name",
            number,
        )
        for workflow, parts, name, value in facts:
            head.facts.append((workflow, _parts(parts), name, _load(json.loads(value))))
        keys = db.execute("select parts from step where project = ? order by no", number).fetchall()
        head.steps = len(keys)
        known = [_parts(parts) for (parts,) in keys] + [parts for _, parts, _, _ in head.facts]
        head.parts = list(dict.fromkeys(known))
        return head

    def _project(self, row: Row) -> int:
        made = self._db.execute(
            "insert or ignore into project (key, title, unit, currency) values (?, ?, ?, ?)",
            (row.project, row.title, row.unit, row.currency),
        )
        if made.rowcount == 1 and made.lastrowid is not None:
            return made.lastrowid
        held = "select no, title, unit from project where key = ?"
        number, title, unit = self._db.execute(held, (row.project,)).fetchone()
        if (row.title and not title) or (row.unit and not unit):
            self._db.execute(
                "update project set title = ?, unit = ? where no = ?",
                (title or row.title, unit or row.unit, number),
            )
        return int(number)

    def _step(self, project: int, step: Step, place: Place) -> None:
        key = (step.workflow, step.action)
        rank = self._ranks.get(key)
        if rank is None:
            rank = self._ranks[key] = self._rank(*key)
        parts, day = _key(step.parts), step.day.toordinal()
        facts = json.dumps([[name, _dump(value)] for name, value in step.facts]) if step.facts else "[]"
        made = self._db.execute(
            "insert or ignore into step (project, workflow, action, parts, day, rank, column_name, facts,"
            " file, line, item) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (project, *key, parts, day, rank, step.column, facts, place.file, place.line, place.item),
        )
        if made.rowcount == 1:
            return
        held, *first = self._db.execute(
            "select day, file, line, item from step"
            " where project = ? and workflow = ? and action = ? and parts = ?",
            (project, *key, parts),
        ).fetchone()
        if held != day:
            earlier = f"{date.fromordinal(held)}（{Place(*first)}）"
            message = f"{step.workflow}.{step.action} 已有日期 {earlier}，这里是 {step.day}，以前者为准"
            self._findings.append(Finding("conflicting_dates", place, message, step.column))

    def _fact(
        self, project: int, fact: tuple[str, tuple[str, ...], str, FactValue], place: Place, number: int
    ) -> None:
        workflow, parts, name, value = fact
        key = (project, workflow, _key(parts), name)
        written = json.dumps(_dump(value), ensure_ascii=False)
        made = self._db.execute(
            "insert or ignore into fact values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, written, place.file, place.line, place.item, number),
        )
        if made.rowcount == 1:
            return
        held, *first = self._db.execute(
            "select value, file, line, item from fact"
            " where project = ? and workflow = ? and parts = ? and name = ?",
            key,
        ).fetchone()
        if held != written:
            message = f"{workflow}.{name} 与 {Place(*first)} 的不同，以前者为准"
            self._findings.append(Finding("conflicting_facts", place, message))


def _step_of(row: tuple[Any, ...]) -> Step:
    day, _project, workflow, action, parts, facts, column, *place = row
    return Step(
        workflow, action, date.fromordinal(day), _parts(parts), _load_facts(facts), column, Place(*place)
    )


def _key(parts: tuple[str, ...]) -> str:
    return json.dumps(parts, ensure_ascii=False)


@lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _dump(value: FactValue) -> Any:
    if isinstance(value, Length):
        return {"number": value.number, "unit": value.unit}
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _load(value: Any) -> FactValue:
    if isinstance(value, dict):
        return date.fromisoformat(value["day"]) if "day" in value else Length(value["number"], value["unit"])
    loaded: FactValue = value
    return loaded


def _load_facts(text: str) -> tuple[tuple[str, FactValue], ...]:
    return () if text == "[]" else tuple((name, _load(value)) for name, value in json.loads(text))
