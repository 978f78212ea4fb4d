"""Upgrades killed on the way: the database is the old one or the new one, and upgrading again succeeds.

Every kill is a real ``kill -9`` of a process that runs ``yiriban db upgrade`` on a copy of the first issue's database,
with so small a cache that SQLite writes to the file long before it commits. What is left behind is read by this
process, which has never written to it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from storage.layout import Layout, layout
from storage.store import SqlStore
from storage.upgrading import upgrade
from tests.city import ROOT
from tests.faults.suite import Result

TITLE = "yiriban db upgrade, killed at every step"
PLANTED = {
    "autocommit": "the driver's default: no transaction around the steps",
    "commit each step": "a commit after every migration",
    "no backup": "the backup before the upgrade is left out",
}
FIRST_ISSUE = ROOT / "tests" / "migrations" / "first_issue.sql"
Point = tuple[str, str, int]
Content = tuple[Layout, list[str]]
JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""How a rollback journal begins that has to be played back."""


def first_issue(file: Path, copies: int = 0) -> None:
    """Lay down the database of the first issue, its messages ``copies`` times more."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST_ISSUE.read_text(encoding="utf-8"))
        for number in range(copies):
            for table in ("attempt", "message"):
                names = [r[1] for r in connection.execute(f"pragma table_info({table})") if r[1] != "id"]
                key = "message" if table == "attempt" else "key"
                values = [f"{name} || '/{number}'" if name == key else name for name in names]
                where = f"where {key} not glob '*/sms/[0-9]*' and {key} not glob '*/email/[0-9]*'"
                connection.execute(
                    f"insert into {table} ({', '.join(names)}) select {', '.join(values)} from {table} {where}"
                )
        connection.commit()


def content(file: Path) -> tuple[Layout, list[str]]:
    """What a database is made of and every row in it, as whoever opens it next finds it."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        made_of = layout(connection.execute("select type, name, sql from sqlite_master").fetchall())
        return made_of, [line for line in connection.iterdump() if line.startswith("INSERT")]


class _Killer:
    """The process that forks one upgrade per point."""

    def __init__(self, folder: Path, planted: str | None) -> None:
        words = [sys.executable, "-m", "tests.faults._upgrade_killed", str(folder), planted or ""]
        self._process = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, point: Point) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(point) + "\n")
        self._process.stdin.flush()
        told: dict[str, int] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Kill upgrades at points spread over all that they do, and look at what each leaves behind."""
    result = Result()
    first_issue(folder / "old.db", copies=20 if large else 0)
    old = content(folder / "old.db")
    shutil.copy(folder / "old.db", folder / "new.db")
    _again(folder / "new.db")
    new = content(folder / "new.db")
    killer = _Killer(folder, planted)
    try:
        told = killer.run(("whole", "whole", 0))
        counts = json.loads((folder / "whole" / "counts.json").read_text(encoding="utf-8"))
        _look(folder / "whole", old, new, result, killed=False, again=False)
        for number, point in enumerate(_points(counts, told["took"], Random(seed), large=large)):
            if planted and result.wrong:
                break
            told = killer.run(point)
            place = folder / point[0]
            if point[1] != "timer" and not told["killed"]:
                result.wrong.append(f"{point[0]}: was not killed, exit code {told['code']}")
            again = large or not number % 3
            _look(place, old, new, result, killed=bool(told["killed"]), again=again)
            shutil.rmtree(place)
    finally:
        killer.close()
    for name in ("left as it was", "left upgraded", "journals played back"):
        result.figures.setdefault(name, 0)
        if not result.figures[name] and not planted:
            result.wrong.append(f"no kill was of this kind: {name}")
    return result


def _points(counts: dict[str, int], took: int, random: Random, *, large: bool) -> Iterator[Point]:
    """Every statement and as many slices (small: some of them), both sides of the commit, and moments by the clock."""
    yield ("commit", "commit", 1)
    yield ("committed", "committed", 1)
    for kind, most in (("statement", 10_000 if large else 8), ("slice", 200 if large else 4)):
        total = counts[kind]
        chosen = {total - 3, *random.sample(range(1, total + 1), min(most, total))}
        for at in sorted(chosen):  # shortly before the end the last migration is half done
            yield (f"{kind}-{at}", kind, at)
    for number in range(150 if large else 2):
        yield (f"timer-{number}", "timer", random.randint(0, took))


def _look(place: Path, old: Content, new: Content, result: Result, *, killed: bool, again: bool) -> None:
    """Look at what one upgrade left behind, and perhaps upgrade again."""
    file = place / "yiriban.db"
    result.count("kills", int(killed))
    journal = Path(f"{file}-journal")
    with journal.open("rb") if journal.exists() else file.open("rb") as stream:
        result.count("journals played back", int(stream.read(8) == JOURNAL))
    found = content(file)
    if found == new:
        result.count("left upgraded")
    elif found == old:
        result.count("left as it was")
    else:
        result.wrong.append(f"{place.name}: neither the old database nor the new one")
        return
    backups = list(place.glob("*.before-upgrade.*.db"))
    if found == new and not backups:
        result.wrong.append(f"{place.name}: upgraded without a backup")
    for backup in backups:
        result.count("backups, each whole")
        if content(backup) != old:
            result.wrong.append(f"{place.name}: the backup is not the old database")
    if not again:
        return
    _again(file)
    if content(file) == new:
        result.count("upgraded afterwards")
    else:
        result.wrong.append(f"{place.name}: upgrading again did not lead to the new database")


def _again(file: Path) -> None:
    """Upgrade in this process."""
    with closing(SqlStore(f"sqlite:///{file}")) as store:
        upgrade(store, lambda: None, dry_run=False)
