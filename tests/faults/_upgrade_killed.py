"""Upgrades a database over and over, and is killed each time: one fork per kill, so that nothing is imported twice.

``python -m tests.faults._upgrade_killed FOLDER PLANTED`` reads points from stdin as JSON, one to a line, and answers each
with a line: how the process that upgraded ended. A point is ``[name, kind, at]``: killed before its ``at``-th statement
(``statement``), at its ``at``-th slice of work within statements (``slice``), from outside after ``at`` microseconds
(``timer``), before or after the commit (``commit``, ``committed``), or not at all (``whole``), which counts them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, event

import cli
import commands.db  # noqa: F401 - imported here, so that no fork has to
from storage import upgrading

PAGES = 10
"""So small a cache that the database file itself is written to long before the commit."""
SLICE = 200
"""Instructions of SQLite's machine between two looks."""


class Point:
    """Counts statements and slices of the upgrading connection, and ends the process at its point."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind, self.at = kind, at
        self.counts = {"statement": 0, "slice": 0}

    def pass_by(self, kind: str) -> None:
        self.counts[kind] += 1
        if kind == self.kind and self.counts[kind] == self.at:
            die()

    def slice(self) -> int:
        self.pass_by("slice")
        return 0


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def watch(point: Point) -> None:
    """Look on at every connection to a file."""

    def connect(connection: Any, _record: object) -> None:
        if connection.execute("pragma database_list").fetchone()[2]:
            connection.execute(f"pragma cache_size = {PAGES}")
            connection.set_progress_handler(point.slice, SLICE)

    def execute(connection: Connection, *_: object) -> None:
        if connection.engine.url.database not in (None, ":memory:"):
            point.pass_by("statement")

    def commit(connection: Connection) -> None:
        if point.kind == "commit" and connection.engine.url.database not in (None, ":memory:"):
            die()

    event.listen(Engine, "connect", connect)
    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", commit)


def plant(fault: str) -> None:
    """Break the upgrade in the way that is called so."""
    if fault == "autocommit":
        upgrading.begin = lambda _dialect: "select 1"
    elif fault == "commit each step":
        take = upgrading._take

        def each(connection: Connection, steps: Any) -> None:
            for step in steps:
                take(connection, [step])
                connection.commit()

        upgrading._take = each
    elif fault == "no backup":
        whole = upgrading.upgrade
        upgrading.upgrade = lambda store, _secure, **more: whole(store, lambda: None, **more)
    elif fault:
        raise SystemExit(f"no such fault: {fault}")


def live(folder: Path, kind: str, at: int) -> NoReturn:
    """Upgrade as a person does; end as the point says."""
    point = Point(kind, at)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    watch(point)
    code = cli.main(["--database", str(folder / "yiriban.db"), "db", "upgrade"])
    if kind == "committed":
        die()
    (folder / "counts.json").write_text(json.dumps(point.counts), encoding="utf-8")
    os._exit(code)


def main() -> None:
    """Go from point to point."""
    folder, fault = Path(sys.argv[1]), sys.argv[2]
    plant(fault)
    # what every upgrade compares with is worked out once, and not in every fork
    fresh, before = upgrading._fresh(), upgrading._after(upgrading.all_steps()[:1])
    upgrading._fresh, upgrading._after = lambda: fresh, lambda _steps: before
    for line in sys.stdin:
        name, kind, at = json.loads(line)
        place = folder / name
        place.mkdir()
        shutil.copy(folder / "old.db", place / "yiriban.db")
        child = os.fork()
        if child == 0:
            live(place, kind, at)
        if kind == "timer":
            time.sleep(at / 1e6)
            os.kill(child, signal.SIGKILL)
        began = time.monotonic()
        _, status = os.waitpid(child, 0)
        took = int((time.monotonic() - began) * 1e6)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        told = {"name": name, "killed": killed, "code": os.waitstatus_to_exitcode(status), "took": took}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
