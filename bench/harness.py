"""What the benchmarks share: an office, fresh databases, captured writes, dumps, and a table on paper.

A baseline is worth something only if it leaves the same rows: ``Recorder`` takes down, in an untimed
run, what our store hands to SQLite, ``write_again`` hands the writes alone to a bare ``sqlite3``
connection, and ``dump`` compares the two databases row by row.
"""

from __future__ import annotations

import gc
import hashlib
import platform
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Self

from sqlalchemy import event

from engine.office import Office
from engine.reader import read_bundle, read_texts
from engine.workdays import compile_calendar
from storage.claims import pragmas
from storage.store import SqlStore

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "workflows"
CREATED = datetime(2020, 1, 1, tzinfo=UTC)

Statement = tuple[bool, str, Any]
"""One call on a cursor: whether it was ``executemany``, the SQL, the parameters."""


def office() -> Office:
    """Return an office over the shipped workflows and the calendar of China."""
    return Office(
        read_bundle(WORKFLOWS), compile_calendar("CN", WORKFLOWS / "calendars"), read_texts(WORKFLOWS)
    )


def fresh_store(path: Path) -> SqlStore:
    """Create a database at ``path``, in place of what may lie there."""
    for leftover in path.parent.glob(path.name + "*"):
        leftover.unlink()
    store = SqlStore(f"sqlite:///{path}")
    store.create(CREATED)
    return store


@contextmanager
def bare(path: Path) -> Iterator[sqlite3.Connection]:
    """Open ``path`` with the ``sqlite3`` module alone, with the PRAGMAs of the store."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in pragmas():
            connection.execute(pragma)
        yield connection
    finally:
        connection.close()


@contextmanager
def without_triggers(connection: sqlite3.Connection) -> Iterator[None]:
    """Take the triggers of a database away for as long as rows are written that they have written before."""
    found = connection.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
    for name, _ in found:
        connection.execute(f"drop trigger {name}")
    yield
    for _, sql in found:
        connection.execute(sql)


@dataclass(slots=True)
class Recorder:
    """Takes down every statement that a store runs once it has been told to listen."""

    statements: list[Statement] = field(default_factory=list)

    def listen(self, store: SqlStore) -> None:
        """Record what ``store`` runs on connections that it opens from now on."""
        store.close()
        said = self.statements

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, parameters: Any = (), /) -> Self:
                said.append((False, sql, parameters))
                super().execute(sql, parameters)
                return self

            def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
                kept = list(parameters)
                said.append((True, sql, kept))
                super().executemany(sql, kept)
                return self

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

        @event.listens_for(store.engine, "do_connect")
        def _with_ears(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
            options["factory"] = Connection

    def take(self) -> list[Statement]:
        """Return the writes recorded since the last call, in whole transactions that wrote something."""
        out: list[Statement] = []
        opened: list[Statement] = []
        for statement in self.statements:
            word = statement[1].split(None, 1)[0].upper()
            if word == "BEGIN":
                opened = [statement]
            elif word == "COMMIT":
                if len(opened) > 1:
                    out += [*opened, statement]
            elif word in ("INSERT", "UPDATE", "DELETE"):
                opened.append(statement)
        self.statements.clear()
        return out


def write_again(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Hand recorded writes to SQLite; the module keeps each distinct statement prepared."""
    cursor = connection.cursor()
    for many, sql, parameters in statements:
        if many:
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)


def commits(statements: Sequence[Statement]) -> int:
    """Count the transactions in recorded writes."""
    return sum(sql == "COMMIT" for _, sql, _ in statements)


@dataclass(frozen=True, slots=True)
class Dump:
    """All rows of a database: how many per table, bytes of their text, and the hash of it."""

    counts: dict[str, int]
    size: int
    digest: str

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(self.counts.values())


def dump(path: Path) -> Dump:
    """Read every row of every table, in the order of the primary keys."""
    digest = hashlib.sha256()
    counts: dict[str, int] = {}
    size = 0
    with bare(path) as connection:
        for table in tables(connection):
            counts[table] = 0
            keys = [
                r[1]
                for r in sorted(connection.execute(f"pragma table_info({table})"), key=lambda r: r[5])
                if r[5]
            ]
            for row in connection.execute(f"select * from {table} order by {', '.join(keys)}"):
                line = repr(row).encode()
                digest.update(line)
                counts[table] += 1
                size += len(line)
    return Dump(counts, size, digest.hexdigest())


def tables(connection: sqlite3.Connection) -> list[str]:
    """Name the tables of a database."""
    found = connection.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite%' order by 1"
    )
    return [r[0] for r in found]


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that ``act`` takes, garbage of earlier rounds collected before."""
    gc.collect()
    start = perf_counter()
    act()
    return perf_counter() - start


def middle(rounds: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return the median of each column of interleaved rounds."""
    return tuple(median(column) for column in zip(*rounds, strict=True))


def conditions() -> str:
    """Say under what the figures were measured, beginning with the PRAGMAs that both sides use."""
    settings = "; ".join(p.removeprefix("PRAGMA ") for p in pragmas())
    return f"both sides: {settings}\nSQLite {sqlite3.sqlite_version}, Python {platform.python_version()}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set rows under heads, the first column to the left, the others to the right."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    set_out = []
    for first, *others in lines:
        rest = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        set_out.append("  ".join([first.ljust(widths[0]), *rest]))
    return "\n".join(set_out)


def same(ours: Dump, theirs: Dump) -> bool:
    """Say on paper whether both sides left the same rows, and return it."""
    equal = ours == theirs
    said = "the same" if equal else "DIFFERENT"
    print(f"rows left by both sides: {said}, {ours.rows:,} rows, {ours.size:,} bytes")
    if not equal:
        print(f"  ours   {ours}\n  theirs {theirs}")
    return equal
