"""A patrol of 1,000 due clocks among ten thousand, a hundred thousand and a million open ones; an idle beat.

Run ``python bench/patrol.py [--small] [--folder DIR]``. The limit is hand-written ``sqlite3``: the very writes
that our patrol hands to SQLite, recorded in an untimed run, again in as many transactions, with nothing read
and nothing thought. Both sides work on the same file in turns; between them it is put back as it was. Exit
code 1 if they leave different rows or a goal is missed. The largest size needs 4 GiB of disk.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.city import NOW, build
from bench.harness import (
    Recorder,
    Statement,
    bare,
    commits,
    conditions,
    dump,
    middle,
    office,
    table,
    tables,
    timed,
    without_triggers,
    write_again,
)
from engine.office import Office
from engine.patrol import patrol
from storage.moments import to_ticks
from storage.store import SqlStore

OF_LIMIT, OF_SMALLEST, IDLE_MS = 2.0, 3.0, 1.0
SIZES, DUE, ROUNDS, IDLE_ROUNDS = (10_000, 100_000, 1_000_000), 1_000, 5, 101
SMALL, SMALL_DUE = (400, 800), 60
WHOLE = 10_000  # up to this size every row is compared, above only those that a patrol can touch
HEADS = (
    "open clocks", "limit", "yiriban", "x limit", "x smallest", "idle beat", "fires", "messages", "rows",
    "commits", "same rows",
)  # fmt: skip
CHANGED = ("matter", "clock")  # a patrol changes rows of these; to the others it only adds


class Before:
    """What a database holds before a patrol, to say what the patrol left and to put it back."""

    def __init__(self, path: Path) -> None:
        """Note the last row of every table and the rows that a patrol may change."""
        self._path = path
        with bare(path) as db:
            self._last = {
                name: _one(db, f"select coalesce(max(rowid), 0) from {name}") for name in tables(db)
            }
            self._numbers = db.execute("select seq, name from sqlite_sequence").fetchall()
            touched = f"root in (select root from clock where look_at <= {to_ticks(NOW)})"
            self._rows = {
                name: db.execute(f"select rowid, * from {name} where {touched}").fetchall()
                for name in CHANGED
            }

    def left(self) -> tuple[int, str]:
        """Return how many rows a patrol left or may have changed, and the hash of them and of all counts."""
        digest, count = hashlib.sha256(), 0
        with bare(self._path) as db:
            for name, last in self._last.items():
                digest.update(f"{name} {_one(db, f'select count(*) from {name}')}".encode())
                for row in db.execute(f"select rowid, * from {name} where rowid > ? order by rowid", (last,)):
                    digest.update(repr(row).encode())
                    count += 1
            for name, rows in self._rows.items():
                for old in rows:
                    row = db.execute(f"select * from {name} where rowid = ?", old[:1]).fetchone()
                    digest.update(repr(row).encode())
                    count += 1
        return count, digest.hexdigest()

    def put_back(self) -> None:
        """Take away what was added and put back what was changed."""
        with bare(self._path) as db, without_triggers(db):
            db.execute("BEGIN")
            for name, last in self._last.items():
                db.execute(f"delete from {name} where rowid > ?", (last,))
            db.executemany("update sqlite_sequence set seq = ? where name = ?", self._numbers)
            for name, rows in self._rows.items():
                columns = ["rowid", *(r[1] for r in db.execute(f"pragma table_info({name})"))]
                places = ",".join("?" * len(columns))
                db.executemany(f"insert or replace into {name} ({','.join(columns)}) values ({places})", rows)
            db.execute("COMMIT")


def _one(db: sqlite3.Connection, sql: str) -> int:
    found: int = db.execute(sql).fetchone()[0]
    return found


@dataclass(slots=True)
class Measured:
    """One size: milliseconds of ours, the limit and an idle beat; what was written; whether it was the same."""

    open: int
    ours: float
    limit: float
    idle: float
    fires: int
    messages: int
    rows: int
    commits: int
    same: bool


def main() -> int:
    """Measure every size, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few clocks: only the rows are judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    given = parser.parse_args()
    sizes, due, rounds = (SMALL, SMALL_DUE, 1) if given.small else (SIZES, DUE, ROUNDS)
    here = office()
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            found.append(measure(here, Path(name) / "city.db", size, due, rounds))
    first = found[0].ours
    print(conditions())
    print(
        f"{due} clocks due, half warnings (six messages), half cases; median of {rounds} rounds in turns, in ms"
    )
    print(table(HEADS, [_line(m, first) for m in found]))
    print(
        f"goals: <= {OF_LIMIT} x the limit, <= {OF_SMALLEST} x its own time at the smallest, idle <= {IDLE_MS} ms"
    )
    missed = any(
        m.ours > OF_LIMIT * m.limit or m.ours > OF_SMALLEST * first or m.idle > IDLE_MS for m in found
    )
    return int(not all(m.same for m in found) or (missed and not given.small))


def _line(m: Measured, first: float) -> tuple[str, ...]:
    return (
        f"{m.open:,}", f"{m.limit:.0f}", f"{m.ours:.0f}", f"{m.ours / m.limit:.2f}", f"{m.ours / first:.2f}",
        f"{m.idle:.3f}", f"{m.fires:,}", f"{m.messages:,}", f"{m.rows:,}", str(m.commits),
        "yes" if m.same else "NO",
    )  # fmt: skip


def measure(here: Office, path: Path, clocks: int, due: int, rounds: int) -> Measured:
    """Build one city and let both sides do the same patrol in turns."""
    build(here, path, clocks, due)
    before = Before(path)
    statements = record(here, path)
    wanted = before.left()
    whole = dump(path) if clocks <= WHOLE else None
    with bare(path) as db:
        fires, messages = (_one(db, f"select count(*) from {name}") for name in ("fire", "message"))
    same = True
    times: list[tuple[float, float, float]] = []
    for _ in range(rounds):
        before.put_back()
        ours, idle = our_patrol(here, path)
        same &= before.left() == wanted
        before.put_back()
        with bare(path) as db:
            limit = timed(partial(write_again, db, statements))
        same &= before.left() == wanted and (whole is None or dump(path) == whole)
        times.append((ours * 1e3, limit * 1e3, idle * 1e3))
    ours, limit, idle = middle(times)
    return Measured(clocks, ours, limit, idle, fires, messages, wanted[0], commits(statements), same)


def record(here: Office, path: Path) -> list[Statement]:
    """Patrol once, untimed, and return what was written."""
    store = SqlStore(f"sqlite:///{path}")
    recorder = Recorder()
    recorder.listen(store)
    patrol(here, store, NOW)
    store.close()
    return recorder.take()


def our_patrol(here: Office, path: Path) -> tuple[float, float]:
    """Return the seconds of our patrol, and of a beat after it that finds nothing to do."""
    store = SqlStore(f"sqlite:///{path}")
    store.check_schema()
    spent = timed(lambda: patrol(here, store, NOW))
    idle = [timed(lambda: patrol(here, store, NOW)) for _ in range(IDLE_ROUNDS)]
    store.close()
    return spent, median(idle)


if __name__ == "__main__":
    sys.exit(main())
