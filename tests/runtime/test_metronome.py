"""The metronome beats on: through errors, jumps of the wall clock, its own death, and a rival."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from engine import patrol as patrolling
from engine.clock import Clock
from engine.errors import Conflict
from engine.patrol import Beat
from engine.work import Work
from runtime import metronome as ticking
from runtime.lease import LeaseLost, Self
from runtime.metronome import Began, Rebuilt
from storage.store import SqlStore
from tests.city import City, moment
from tests.runtime.conftest import HERE, Driven, Hall, Wall

FRIDAY = "2026-11-06 09:00"  # the award of P1 was promised for Tuesday 3 November, 24:00


def busy(beat: Beat) -> bool:
    return bool(beat.fires)


def sql(city: City, statement: str, *values: Any) -> list[Any]:
    """Touch the database from outside."""
    with closing(sqlite3.connect(str(city.store.engine.url.database), timeout=5)) as connection:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
        return rows


def fires(city: City) -> list[str]:
    return [key for (key,) in sql(city, "select key from fire order by key")]


def test_what_is_overdue_fires_in_the_first_beat_and_never_again(city: City, hall: Hall) -> None:
    wanted = sorted(f.key for f in city.patrol(FRIDAY, dry_run=True).fires)
    assert len(wanted) == 4
    before = fires(city)
    run = hall.drive(Wall(FRIDAY))
    first = run.next(Beat)
    assert sorted(f.key for f in first.fires) == wanted
    quiet = [run.next(Beat) for _ in range(3)]
    assert [busy(beat) for beat in quiet] == [False] * 3
    told = run.stop()
    assert isinstance(told[0], Began)
    assert (run.raised, run.failures(), fires(city)) == (None, [], sorted(before + wanted))
    assert sql(city, "select * from lease") == []


@pytest.mark.parametrize("hours", [-1, 24])
def test_a_jump_of_the_wall_clock_rebuilds_the_scheduler_and_beats_at_once(
    hall: Hall, shown_to_apscheduler: Callable[[Wall], None], hours: int
) -> None:
    wall = Wall(FRIDAY)
    shown_to_apscheduler(wall)
    run = hall.drive(wall)
    run.next(Beat)
    wall.shift = timedelta(hours=hours)
    rebuilt = run.next(Rebuilt)
    assert rebuilt.why == "clock"
    assert abs(rebuilt.moved - hours * 3600) < 5
    for _ in range(3):
        beat = run.next(Beat, within=2)
        assert abs(beat.at - moment(FRIDAY) - wall.shift) < timedelta(seconds=10)
    # one rebuilding is enough
    assert [type(e) for e in run.stop()].count(Rebuilt) == 1


def test_without_the_watchdog_of_time_a_clock_put_back_silences_the_scheduler(
    hall: Hall, shown_to_apscheduler: Callable[[Wall], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the planted fault of the test above; what catches it then is the watchdog of silence
    monkeypatch.setattr(ticking, "DRIFT", float("inf"))
    wall = Wall(FRIDAY)
    shown_to_apscheduler(wall)
    run = hall.drive(wall)
    run.next(Beat)
    wall.shift = timedelta(hours=-1)
    run.rest(0.3)  # a beat may have been under way
    assert not [e for e in run.rest(0.5) if isinstance(e, Beat)]
    assert run.next(Rebuilt).why == "silent"
    run.next(Beat, within=2)


def test_a_minute_of_drift_is_a_jump_and_less_is_not(hall: Hall) -> None:
    wall = Wall(FRIDAY, goes=False)
    run = hall.drive(wall, monotonic=lambda: 0.0)
    run.next(Beat)
    jumps = []
    for shift in (59.999, 60, 0.001, 0):  # ahead by a little less than a minute, by a minute; back likewise
        wall.shift = timedelta(seconds=shift)
        jumps.append([e.moved for e in run.rest(0.25) if isinstance(e, Rebuilt)])
    assert jumps == [[], [60], [], [-60]]


def test_jumps_of_the_wall_clock_change_no_breach_and_no_case(
    city: City,
    hall: Hall,
    built: Path,
    tmp_path: Path,
    shown_to_apscheduler: Callable[[Wall], None],
) -> None:
    city.patrol("2026-11-03 23:00")  # a Tuesday, an hour before the promise ends
    city.store.close()
    wall = Wall("2026-11-03 23:00")
    shown_to_apscheduler(wall)
    run = hall.drive(wall)
    run.next(Beat)
    for hours in (-1, 24, 23, 58):  # an hour back, a day ahead, an hour back again, and on to Friday 09:00
        wall.shift = timedelta(hours=hours)
        run.next(Rebuilt)
        run.next(Beat)
        run.next(Beat)
    run.stop()
    calm = City(f"sqlite:///{shutil.copy(built, tmp_path / 'calm.db')}")
    calm.patrol(FRIDAY)
    calm.store.close()
    for look in (
        "select id, state, level.value from matter left join fact level on matter = id and name = 'level' order by id",
        "select matter, name, round, epoch, state, look_at, trouble from clock order by 1, 2, 3",
        "select key, at, does, opened from fire where does <> 'remind' order by key",
        "select m.key, m.text from message m join fire f on f.key = m.fire where does <> 'remind' order by 1",
    ):
        assert sql(city, look) == sql(calm, look) != []
    assert run.failures() == []


def test_a_beat_that_raises_is_told_and_the_next_one_comes(city: City, hall: Hall) -> None:
    troubles: list[Exception] = [RuntimeError("planted"), Conflict("数据库正忙"), OSError("gone")]

    def look(office: Any) -> Any:
        if troubles:
            raise troubles.pop(0)
        return office

    run = hall.drive(Wall(FRIDAY), look=look)
    beat = run.next(Beat)
    assert len(beat.fires) == 4
    assert [str(e) for e in run.failures()] == ["planted", "数据库正忙", "gone"]
    assert not [e for e in run.stop() if isinstance(e, Rebuilt)]


def test_a_scheduler_that_died_is_revived_and_no_traceback_is_seen(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = hall.drive(Wall(FRIDAY))
    run.next(Beat)
    process = ticking._Ticker._process_jobs
    deaths = [RuntimeError("planted")]

    def die_once(self: Any) -> Any:
        if deaths:
            raise deaths.pop()
        return process(self)

    monkeypatch.setattr(ticking._Ticker, "_process_jobs", die_once)
    assert run.next(Rebuilt).why == "dead"
    run.next(Beat, within=2)
    run.stop()
    assert deaths == []
    assert capfd.readouterr() == ("", "")


class _Meeting(SqlStore):
    """A store whose readers wait for each other, so that two beats see the same clocks due if they can."""

    barrier: Barrier

    def read_due(self, now: datetime, limit: int) -> list[Clock]:
        due = super().read_due(now, limit)
        if due:
            with suppress(BrokenBarrierError):
                self.barrier.wait(0.4)
        return due


class _Rash(_Meeting):
    """The planted fault: a store whose beats take the write lock only when they write."""

    @contextmanager
    def work(self) -> Iterator[Work]:
        with self.transaction("BEGIN"):
            work = Work(self)
            yield work
            self.write(work)


@pytest.mark.parametrize("kind", [_Meeting, _Rash])
def test_two_schedulers_at_once_fire_everything_once(city: City, hall: Hall, kind: type[_Meeting]) -> None:
    for n in range(2, 6):
        city.open("2026-11-02 09:00", id=f"P{n}")
        city.walk("deliver_report", "2026-11-02 10:00", on=f"P{n}")
    wanted = sorted(f.key for f in city.patrol(FRIDAY, dry_run=True).fires)
    assert len(wanted) == 20
    before, told = fires(city), sql(city, "select count(*) from message")[0][0]
    city.store.close()
    kind.barrier = Barrier(2)
    # with leases of different names neither knows of the other
    runs = [hall.drive(Wall(FRIDAY), name=name, store=kind(hall.url)) for name in ("left", "right")]
    for run in runs:
        run.next(Beat, wanted=lambda beat: not beat.fires)
        run.stop()
    beats = [e for run in runs for e in run.told if isinstance(e, Beat)]
    assert sorted(f.key for beat in beats for f in beat.fires) == wanted
    assert fires(city) == sorted(before + wanted)
    sent = [m.key for beat in beats for m in beat.messages]
    assert len(sent) == len(set(sent)) == sql(city, "select count(*) from message")[0][0] - told
    assert sql(city, "select count(*) from clock where trouble <> ''") == [(0,)]
    # a rash one is saved by the unique keys, but not without an error
    collisions = [error for run in runs for error in run.failures()]
    assert bool(collisions) == (kind is _Rash), collisions


def _stolen_by(city: City, host: str) -> None:
    sql(city, "update lease set host = ?, holder = '李四', pid = 77", host)


def test_a_scheduler_that_lost_its_lease_stops_and_leaves_the_new_one_alone(city: City, hall: Hall) -> None:
    run = hall.drive(Wall(FRIDAY))
    run.next(Beat)
    _stolen_by(city, "host-b")
    run.ended()
    assert isinstance(run.raised, LeaseLost)
    assert run.raised.exit_code == 7
    assert all(word in run.raised.why for word in ("李四", "host-b", "77", "2026-11-06 09:00:00"))
    assert sql(city, "select host from lease") == [("host-b",)]


def test_a_lease_that_vanished_stops_the_scheduler_too(city: City, hall: Hall) -> None:
    run = hall.drive(Wall(FRIDAY))
    run.next(Beat)
    sql(city, "delete from lease")
    run.ended()
    assert isinstance(run.raised, LeaseLost)


def test_a_long_beat_keeps_its_lease_between_sets_and_stops_there_when_it_is_lost(
    city: City, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(2, 6):
        city.open("2026-11-02 09:00", id=f"P{n}")
        city.walk("deliver_report", f"2026-11-02 10:{n:02}", on=f"P{n}")
    total = len(city.patrol(FRIDAY, dry_run=True).fires)
    city.store.close()
    before = len(fires(city))
    monkeypatch.setattr(patrolling, "SET", 2)
    wall, expiries = Wall(FRIDAY, goes=False), []

    def now() -> datetime:
        wall.shift += timedelta(seconds=1)
        held = sql(city, "select expires_at from lease")
        expiries.extend(held)
        if len(set(expiries)) == 4:
            _stolen_by(city, "host-b")
        return wall()

    with pytest.raises(LeaseLost):
        hall.metronome(now, every=0.0).once(lambda _: None)
    assert expiries == sorted(expiries)
    written = len(fires(city)) - before
    assert 0 < written < total
    rest = city.patrol(FRIDAY)
    assert len(rest.fires) == total - written


def test_a_second_scheduler_is_refused_before_it_beats(city: City, hall: Hall) -> None:
    first: Driven = hall.drive(Wall(FRIDAY))
    first.next(Beat)
    second = hall.metronome(Wall(FRIDAY), me=Self("李四", "host-b", 9, ""))
    with pytest.raises(Conflict) as caught:
        second.run(lambda _: pytest.fail("it beat"))
    assert all(word in caught.value.why for word in (HERE.user, HERE.host, "进程 1"))
    assert not isinstance(caught.value, LeaseLost)
    first.next(Beat)
