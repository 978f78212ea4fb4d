"""Delivery beside the patrol: in a thread of its own, under the same lease, ended in peace."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from engine.deliver import Delivered
from engine.errors import StorageTrouble
from engine.patrol import Beat
from runtime.metronome import Event, Failed, Job, Metronome, Rebuilt
from runtime.postman import Posted
from tests.city import PERSONS, City, moment
from tests.runtime.conftest import Driven, Hall, Wall

FRIDAY = "2026-11-06 09:00"
OFTEN = timedelta(milliseconds=50)


def with_job(metronome: Metronome, job: Job) -> Driven:
    """Start a metronome with a side job."""
    metronome._jobs = (job,)
    return Driven(metronome)


def test_a_delivery_that_hangs_holds_up_no_beat_and_is_never_run_twice_at_once(hall: Hall) -> None:
    go_on, inside, most = threading.Event(), 0, 0

    def act() -> Event | None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        go_on.wait(8)
        inside -= 1
        return Posted(moment(FRIDAY), Delivered())

    run = with_job(hall.metronome(Wall(FRIDAY)), Job("delivery", OFTEN, act, go_on.set))
    for _ in range(4):
        run.next(Beat)
    assert most == 1
    told = run.stop()
    assert go_on.is_set(), "the metronome asks a round in progress to end"
    assert [e for e in told if isinstance(e, Posted)], "and tells what it still did"
    assert run.raised is None


def test_a_delivery_that_fails_is_told_as_one_and_comes_again(hall: Hall) -> None:
    rounds = 0

    def act() -> Event | None:
        nonlocal rounds
        rounds += 1
        if rounds < 3:
            raise StorageTrouble("磁盘已满")
        return Posted(moment(FRIDAY), Delivered())

    run = with_job(hall.metronome(Wall(FRIDAY)), Job("delivery", OFTEN, act, lambda: None))
    run.next(Posted)
    failed = [e for e in run.told if isinstance(e, Failed)]
    assert [(e.job, str(e.error)) for e in failed] == [("delivery", "磁盘已满")] * 2
    assert run.stop()
    assert run.raised is None


def test_a_round_that_an_earlier_scheduler_began_is_waited_for_at_the_end(hall: Hall) -> None:
    """After a jump of the wall clock the round in progress belongs to a scheduler that was replaced."""
    wall, go_on, began, ended = Wall(FRIDAY), threading.Event(), threading.Event(), threading.Event()

    def act() -> Event | None:
        began.set()
        go_on.wait(8)
        time.sleep(0.3)  # what is under way is written down
        ended.set()
        return None

    run = with_job(hall.metronome(wall), Job("delivery", OFTEN, act, go_on.set))
    assert began.wait(8)
    wall.shift = timedelta(minutes=10)
    run.next(Rebuilt)
    run.stop()
    assert ended.is_set(), "nobody may close its database before"
    assert run.raised is None


def test_run_delivers_by_itself_and_stops_at_sigterm(city: City, tmp_path: Path, root: Path) -> None:
    """P1's award is overdue for years: a real clock, a real process, files as the channel."""
    with city.store.transaction():
        for person in PERSONS.values():
            city.store.run("update person set email = ? where id = ?", (f"{len(person)}@example.org", person))
    city.store.close()
    (tmp_path / "yiriban.toml").write_text('database = "city.db"\n[channels]\ndrop = "out"\n', "utf-8")
    command = [sys.executable, str(root / "cli.py"), "run", "--every", "1s"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as run:
        try:
            end = time.monotonic() + 20
            with closing(sqlite3.connect(tmp_path / "city.db", timeout=5)) as looking:
                sql = "select count(*) from message where channel = 'email' and state in ('accepted', 'digested')"
                while not looking.execute(sql).fetchone()[0]:
                    assert time.monotonic() < end
                    assert run.poll() is None
                    time.sleep(0.1)
            run.send_signal(signal.SIGTERM)
            out, err = run.communicate(timeout=15)
        finally:
            run.kill()
    assert run.returncode == 0, err
    assert "消息经由：email file；sms file" in err
    assert "发送" in out
    assert list((tmp_path / "out" / "mail").glob("*.eml"))
