"""Running matters pass to another law: a limit of five working days becomes three.

Run ``python bench/migrate.py [--small] [--folder DIR]``. What must hold is judged first: every running clock of the
term is listed with both moments, every matter has its line, nothing that fired fires again, a second migration finds
nothing. The limit is hand-written ``sqlite3``: the very writes that ours handed to SQLite, again in as many
transactions. Exit code 1 if anything does not hold or the goal is missed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from pathlib import Path
from shutil import copyfile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.city import NOW, build
from bench.harness import Recorder, bare, conditions, office, table, timed, write_again
from commands.workflow_migrate import BATCH
from engine.migrating import Migration, migrate_family
from engine.office import Office
from engine.patrol import patrol
from engine.reader import read_bundle_from
from storage.store import SqlStore
from storage.views import open_roots

CLOCKS, DUE, SMALL, SMALL_DUE = 12_000, 100, 400, 20
OF_LIMIT = 6.0
"""A migration counts every open clock anew, and reads each family whole: six times the writes alone is what we aim at."""
FILE, TERM = "law/award_decision.yaml", "award_decision"
HISTORY = 'select count(*) from history where body like \'%"name":"migrate"%\''


def main() -> int:
    """Migrate a city, judge, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small city: only what must hold is judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    given = parser.parse_args()
    clocks, due = (SMALL, SMALL_DUE) if given.small else (CLOCKS, DUE)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        file = Path(name) / "city.db"
        before = office()
        build(before, file, clocks, due)
        faults, figures = measure(before, file)
    print(conditions())
    print(table(("what", "figure"), figures))
    for fault in faults:
        print(f"NOT SO: {fault}")
    ratio = float(figures[-1][1])
    return int(bool(faults) or (not given.small and ratio > OF_LIMIT))


def measure(before: Office, file: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Migrate the city in ``file``; return what does not hold, and the figures."""
    store = SqlStore(f"sqlite:///{file}")
    patrol(before, store, NOW)
    after = _shortened(before)
    clocks = [c.name for w in before.current.workflows.values() for c in w.clocks.values() if c.term == TERM]
    names = ",".join(f"'{name}'" for name in dict.fromkeys(clocks))
    with bare(file) as db:
        running = f"select matter, name from clock where state = 'running' and name in ({names})"
        wanted = {tuple(row) for row in db.execute(running)}
        fired = _fired(db)
    store.close()
    start = file.with_suffix(".start")
    copyfile(file, start)
    recorder, store = Recorder(), SqlStore(f"sqlite:///{file}")
    recorder.listen(store)
    done = Migration()
    ours = timed(lambda: _migrate(after, store, done))
    store.close()
    statements = recorder.take()
    faults = []
    listed = {(m.matter.id, m.clock) for m in done.moved}
    if listed != wanted:
        faults.append(f"{len(wanted)} clocks run, {len(listed)} are listed")
    store = SqlStore(f"sqlite:///{file}")
    again = Migration()
    _migrate(after, store, again)
    if again.matters:
        faults.append(f"a second migration finds {again.matters} matters")
    beat = patrol(after, store, NOW)
    store.close()
    with bare(file) as db:
        [lines] = db.execute(HISTORY).fetchone()
        twice = [key for key, count in _fired(db).items() if count > max(1, fired.get(key, 0))]
    if lines != done.matters:
        faults.append(f"{done.matters} matters passed, {lines} have a line of it")
    if twice:
        faults.append(f"{len(twice)} fired again, {twice[0]} for one")
    with bare(start) as db:
        limit = timed(lambda: write_again(db, statements))
    return faults, [
        ("matters passed", f"{done.matters:,}"),
        ("running clocks of the term, all listed", f"{len(wanted):,}"),
        ("fires that the shorter limit had overtaken, at the next beat", f"{len(beat.fires):,}"),
        ("a second with all that belongs to it, matters", f"{done.matters / ours:,.0f}"),
        (f"x the writes alone (goal {OF_LIMIT:.0f})", f"{ours / limit:.2f}"),
    ]


def _shortened(before: Office) -> Office:
    """Return the office with three working days instead of five; it still finds the bundle that matters began with."""
    old = before.current
    files = {**old.files, FILE: old.files[FILE].replace("limit: 5 working days", "limit: 3 working days")}
    return Office(
        read_bundle_from(files),
        before.calendar,
        before.texts,
        lambda wanted: old if wanted == old.hash else None,
    )


def _migrate(after: Office, store: SqlStore, done: Migration) -> None:
    """Do what `workflow migrate` does, in its sets."""
    with store.transaction():
        roots = open_roots(store)
    for start in range(0, len(roots), BATCH):
        with store.work() as work:
            for root in roots[start : start + BATCH]:
                migrate_family(after, work, root, NOW, actor="bench", states={}, done=done)
            store.keep_bundle(after.current, NOW, "")


def _fired(db: sqlite3.Connection) -> dict[tuple[object, ...], int]:
    """Count how often each rung of each clock fired, whatever the epoch."""
    what = "matter, clock, round, rung, occurrence"
    rows = db.execute(f"select {what}, count(*) from fire group by {what}")
    return {tuple(row[:-1]): row[-1] for row in rows}


if __name__ == "__main__":
    sys.exit(main())
