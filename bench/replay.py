"""Replay speed: a made-up register as CSV, through mapping, spool and engine into a fresh SQLite file.

Run ``python bench/replay.py [--small] [--folder DIR]``. Every size runs in a process of its own, so that
its peak memory is its own. The limit is hand-written ``sqlite3``: the rows of the finished database,
executemany table by table, in as many transactions, round by round in turns. Exit code 1 if the two
databases differ or fewer than 2,000 actions and fires (inferred steps not counted) are played a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.harness import (
    WORKFLOWS,
    bare,
    conditions,
    dump,
    fresh_store,
    middle,
    office,
    table,
    tables,
    timed,
    without_triggers,
)
from bench.register import write_register
from engine.office import Office
from engine.work import Work
from exchange.mapping_reader import load_mappings
from exchange.replay import Replay, Tally, ranking
from exchange.source import open_source
from exchange.spool import Spool
from runtime.assembly import long_work
from storage.store import SqlStore

GOAL, AIM, SHARE = 2_000, 5_000, 0.3
PER_LINE = 4  # project, package, contract, instalment; cases come on top
STEADY, RUSH = 20, 200  # projects that begin on each working day
SIZES = ((10_000, STEADY, 3), (30_000, STEADY, 3), (30_000, RUSH, 1), (100_000, STEADY, 1))
SMALL = ((400, STEADY, 1), (1_200, STEADY, 1), (1_200, RUSH, 1))
MIB = 1024
HEADS = (
    "matters", "begun a day", "rounds", "actions", "fires", "with messages", "inferred", "rows",
    "families held", "peak MiB", "read s", "play s", "a second", "of limit", "same rows",
)  # fmt: skip


@dataclass(slots=True)
class Watched:
    """A store that counts the transactions and the families that a replay holds at each write."""

    store: SqlStore
    commits: int = 0
    held: int = 0

    @contextmanager
    def transaction(self) -> Iterator[object]:
        """Begin a transaction of the store."""
        self.commits += 1
        with self.store.transaction() as cursor:
            yield cursor

    def write(self, work: Work) -> None:
        """Write, after counting the families in memory."""
        self.held = max(self.held, len(work.families))
        self.store.write(work)


@dataclass(slots=True)
class Played:
    """One replay: seconds to read and to play, what came of it."""

    reading: float
    playing: float
    tally: Tally
    watched: Watched


def main() -> int:
    """Measure every size, print, and say by the exit code whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small registers: only the rows are judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        matters, per_day, rounds = given.one
        print(json.dumps(measure(matters, per_day, rounds, given.folder)))
        return 0
    found = [_in_own_process(*size, given.folder) for size in (SMALL if given.small else SIZES)]
    print(conditions())
    print(
        "rounds in turns, medians; 'a second': actions and fires, reading counted; 'of limit': playing only"
    )
    print(table(HEADS, [_line(f) for f in found]))
    print(f"goals: >= {GOAL} a second (aim {AIM}), >= {SHARE} of the limit; memory follows what is held")
    slow = not given.small and any(f["rate"] < GOAL for f in found)
    return int(slow or not all(f["same"] for f in found))


def _line(f: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{f['matters']:,}", str(f["per_day"]), str(f["rounds"]), f"{f['actions']:,}", f"{f['fires']:,}",
        f"{f['told']:.0%}", f"{f['inferred']:,}", f"{f['rows']:,}", f"{f['held']:,}", f"{f['rss']:.0f}",
        f"{f['reading']:.1f}", f"{f['playing']:.1f}", f"{f['rate']:,.0f}", f"{f['ratio']:.2f}",
        "yes" if f["same"] else "NO",
    )  # fmt: skip


def _in_own_process(matters: int, per_day: int, rounds: int, folder: Path | None) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", str(matters), str(per_day), str(rounds)]
    if folder is not None:
        command += ["--folder", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def measure(matters: int, per_day: int, rounds: int, folder: Path | None) -> dict[str, Any]:
    """Replay a register of about ``matters`` matters and write its rows by hand, in turns."""
    here = office()
    with tempfile.TemporaryDirectory(dir=folder) as name:
        register, ours, theirs = (Path(name) / file for file in ("register.csv", "ours.db", "theirs.db"))
        last = write_register(register, matters // PER_LINE, here.calendar, per_day=per_day)
        times: list[tuple[float, float, float]] = []
        peak = 0
        for _ in range(rounds):
            store = fresh_store(ours)
            played = play(here, store, register, last + timedelta(days=30))
            store.close()
            peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            fresh_store(theirs).close()
            limit = copy_rows(ours, theirs, played.watched.commits)
            times.append((played.reading, played.playing, limit))
        reading, playing, limit = middle(times)
        left, tally = dump(ours), played.tally
        with bare(ours) as db:
            told = db.execute("select count(distinct fire) from message").fetchone()[0]
        return {
            "matters": tally.matters, "per_day": per_day, "rounds": rounds, "actions": tally.actions,
            "fires": tally.fires, "told": told / max(1, tally.fires), "inferred": tally.inferred,
            "rows": left.rows, "held": played.watched.held, "rss": peak / MIB, "reading": reading, "playing": playing,
            "rate": (tally.actions + tally.fires) / (reading + playing), "ratio": limit / playing,
            "same": left == dump(theirs),
        }  # fmt: skip


def play(here: Office, store: SqlStore, register: Path, until: date) -> Played:
    """Do what ``yiriban replay`` does up to ``until``, without report and progress bar."""
    watched = Watched(store)
    mappings = load_mappings(WORKFLOWS / "mappings", here.current.workflows)
    run = Replay(here, watched, profile="one-day", until=until)
    long_work()
    start = perf_counter()
    with Spool(ranking(here)) as spool:
        run.read(open_source(register, mappings, until=until), spool)
        reading = perf_counter() - start
        playing = timed(lambda: run.run(spool))
    return Played(reading, playing, run.tally, watched)


def copy_rows(source: Path, target: Path, commits: int) -> float:
    """Write the rows of ``source`` into ``target`` in ``commits`` transactions; return the writing's seconds.

    Only executemany and COMMIT are timed; the rows of a transaction are fetched before. What our run left to
    triggers is among them, so the target has none meanwhile.
    """
    spent = 0.0
    with bare(source) as read, bare(target) as write, without_triggers(write):
        cursor = write.cursor()
        readers = []
        for name in tables(read):
            if name == "meta":
                continue
            found = read.execute(f"select * from {name} order by rowid")
            count = read.execute(f"select count(*) from {name}").fetchone()[0]
            places = ",".join("?" * len(found.description))
            readers.append((found, -(-count // commits), f"insert into {name} values ({places})"))
        for _ in range(commits):
            batch = [(sql, found.fetchmany(size)) for found, size, sql in readers if size]
            start = perf_counter()
            cursor.execute("BEGIN IMMEDIATE")
            for sql, rows in batch:
                if rows:
                    cursor.executemany(sql, rows)
            cursor.execute("COMMIT")
            spent += perf_counter() - start
    return spent


if __name__ == "__main__":
    sys.exit(main())
