"""The benchmarks judge rows before they judge time; here only the rows are judged, on tiny inputs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench import action, city, migrate, patrol, replay
from bench.harness import bare, dump, fresh_store, office, write_again
from bench.register import write_register
from engine import migrating
from engine.clock import Clock, Planned
from engine.matter import Matter
from engine.office import Office
from engine.work import Work

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here() -> Office:
    return office()


def test_writing_a_finished_replay_by_hand_leaves_the_same_rows(here: Office, tmp_path: Path) -> None:
    register, ours, theirs = (tmp_path / name for name in ("register.csv", "ours.db", "theirs.db"))
    last = write_register(register, 40, here.calendar, per_day=5)
    store = fresh_store(ours)
    played = replay.play(here, store, register, last + timedelta(days=30))
    store.close()
    fresh_store(theirs).close()
    replay.copy_rows(ours, theirs, played.watched.commits)
    assert dump(ours) == dump(theirs)
    # of each project the way to the evaluation was not seen: nine steps, and three of its package
    assert (played.tally.read, played.tally.refused, played.tally.inferred) == (40, 0, 40 * 12)
    assert played.tally.fires > played.tally.actions > 40 * 5


def test_the_same_seed_makes_the_same_register(here: Office, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write_register(tmp_path / name, 50, here.calendar, per_day=5)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_memory_holds_the_projects_that_are_open_not_those_that_were(here: Office, tmp_path: Path) -> None:
    held = {}
    for name, per_day in (("steady", 1), ("rush", 80)):
        register = tmp_path / f"{name}.csv"
        last = write_register(register, 160, here.calendar, per_day=per_day)
        store = fresh_store(tmp_path / f"{name}.db")
        held[name] = replay.play(here, store, register, last + timedelta(days=30)).watched.held
        store.close()
    assert held["rush"] == 160
    # a project is waited for until it should have been archived, a month after its last payment
    assert held["steady"] < 80


def test_actions_done_and_writes_repeated_leave_the_same_rows(here: Office, tmp_path: Path) -> None:
    start, ours, theirs = (tmp_path / name for name in ("start.db", "ours.db", "theirs.db"))
    action.prepare(here, start, 3)
    statements = action.record(here, start, ours, 3)
    action.one_round(here, start, ours, theirs, 3, statements)
    left = dump(ours)
    assert left == dump(theirs)
    with bare(ours) as db:
        states = dict(db.execute("select workflow, state from matter where root = 'P000000'").fetchall())
        running = db.execute(
            "select name from clock where root = 'P000000' and state = 'running' order by 1"
        ).fetchall()
    assert states == {
        "project": "performed",
        "package": "completed",
        "contract": "completed",
        "instalment": "paid",
    }
    assert running == [("archive",), ("keep_file",)]
    assert left.counts["evidence"] == 3 * 4


def test_a_write_that_one_side_leaves_out_shows(here: Office, tmp_path: Path) -> None:
    start, ours, theirs = (tmp_path / name for name in ("start.db", "ours.db", "theirs.db"))
    action.prepare(here, start, 1)
    statements = action.record(here, start, ours, 1)
    lacking = next(n for n, (_, sql, _) in enumerate(statements) if sql.startswith("INSERT INTO message"))
    action.one_round(here, start, ours, theirs, 1, statements[:lacking] + statements[lacking + 1 :])
    assert dump(ours) != dump(theirs)


def test_a_city_has_exactly_the_clocks_asked_for_and_is_put_back_after_each_patrol(
    here: Office, tmp_path: Path
) -> None:
    path = tmp_path / "city.db"
    city.build(here, path, 120, 12)
    built = dump(path)
    before = patrol.Before(path)
    statements = patrol.record(here, path)
    left, whole = before.left(), dump(path)
    assert whole.counts["fire"] == 12
    assert whole.counts["matter"] > built.counts["matter"], "half of the due clocks open a case"
    before.put_back()
    assert dump(path) == built
    with bare(path) as db:
        assert city.open_and_due(db) == (120, 12)
        write_again(db, statements)
        assert city.open_and_due(db)[1] == 0
    assert before.left() == left
    assert dump(path) == whole


@pytest.mark.parametrize("name", ["action", "patrol", "deliver", "migrate"])
def test_a_bench_runs_by_itself_and_says_what_both_sides_use(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "bench" / f"{name}.py"), "--small", "--folder", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "synchronous=FULL" in ran.stdout
    assert f"SQLite {sqlite3.sqlite_version}" in ran.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def forget_what_fired(clock: Clock) -> None:
    clock.plan = [Planned(clock.anchor, rung) for rung in clock.fired] + clock.plan
    clock.reschedule()


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("passed over", "are listed"),
        ("without a line", "have a line of it"),
        ("fired again", "fired again"),
    ],
)
def test_a_migration_that_goes_wrong_is_found(
    planted: str, found: str, here: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, number = migrating.recount_matter, count()

    def faulty(office: Office, work: Work, matter: Matter, now: datetime) -> Any:
        again = whole(office, work, matter, now)
        if planted == "passed over" and next(number) % 2:
            again.moved.clear()
        for clock in work.clocks_of(matter) if planted == "fired again" else ():
            if clock.is_open and clock.fired:
                forget_what_fired(clock)
                work.touch(matter)
        return again

    monkeypatch.setattr(migrating, "recount_matter", faulty)
    if planted == "without a line":
        monkeypatch.setattr(migrate, "HISTORY", "select count(*) from history where kind = 'nothing'")
    city.build(here, tmp_path / "city.db", migrate.SMALL, migrate.SMALL_DUE)
    faults, _ = migrate.measure(here, tmp_path / "city.db")
    assert [fault for fault in faults if found in fault]


def test_what_lies_on_the_shelf_changes_no_answer() -> None:
    command = [sys.executable, str(ROOT / "bench" / "startup.py"), "--small"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
