"""Under `yiriban run` the wall clock goes back, ahead and in small steps: everything happens once, nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.patrol import Beat
from runtime.metronome import Rebuilt
from tests.city import City, moment
from tests.conftest import Ran
from tests.outages.conftest import FRIDAY, TUESDAY
from tests.outages.lives import SAME, Picture, picture
from tests.runtime.conftest import Driven, Hall, Wall

HOUR = timedelta(hours=1)
TO_FRIDAY = moment(FRIDAY) - moment(TUESDAY)


def looks(city: City) -> Picture:
    """What the city shows on Friday."""
    shown = picture(city, moment(FRIDAY))
    city.store.close()
    return shown


def same(city: City, calm: City) -> list[str]:
    """The parts in which a city differs from a calm one; of reminders only that each came about once."""
    here, there = looks(city), looks(calm)
    found = [part for part in SAME if here[part] != there[part]]
    return found + ["reminders"] * (here["reminders"].keys() != there["reminders"].keys())


def beaten(run: Driven, shift: timedelta, wall: Wall) -> list[str]:
    """Move the wall clock, and return what the next beats by the new time fire."""
    run.rest(0)
    wall.shift = shift
    until = wall()
    fired: list[str] = []
    for _ in range(4):  # one may have begun by the time before
        beat = run.next(Beat, wanted=lambda beat: abs(beat.at - until) < timedelta(seconds=30))
        fired += [f.key for f in beat.fires]
    return fired


@pytest.mark.parametrize(
    "hours",
    [(-1,), (24,), (-1, 0, 24, 0), (24, 23, 48, -1), (240, 0)],
    ids=lambda hours: " ".join(f"{h:+d}" for h in hours),
)
def test_jumps_of_the_wall_clock_fire_everything_once_and_nothing_again(
    town: City, calm: City, hall: Hall, wall: Wall, hours: tuple[int, ...]
) -> None:
    run = hall.drive(wall)
    run.next(Beat)
    fired: list[str] = []
    latest = 0
    for shift in hours:
        now = beaten(run, shift * HOUR, wall)
        # what the wrong clock fired early is not fired again when the right time comes, or goes back
        assert bool(now) == (shift > latest)
        latest = max(shift, latest)
        fired += now
    fired += beaten(run, TO_FRIDAY, wall)
    told = run.stop()
    jumps = [e for e in told if isinstance(e, Rebuilt) and e.why == "clock"]
    assert len(jumps) == len(hours) + 1
    assert run.failures() == []
    assert len(fired) == len(set(fired))
    if latest * HOUR <= TO_FRIDAY:
        assert same(town, calm) == []


def test_small_steps_across_a_due_moment_fire_it_once(town: City, calm: City, hall: Hall, wall: Wall) -> None:
    """As NTP corrects: 24:00 is reached, lost and reached again, and no step is a jump."""
    run = hall.drive(wall)
    run.next(Beat)
    near = HOUR - timedelta(seconds=10)  # 23:59:50
    assert beaten(run, near, wall) == []
    fired = [beaten(run, near + timedelta(seconds=s), wall) for s in (11, -11, 0.5, 12, -0.2)]
    assert [bool(keys) for keys in fired] == [True, *[False] * 4]
    assert len(fired[0]) == len(set(fired[0])) > 1
    told = run.stop()
    # a scheduler that sleeps through a step back is woken; the steps themselves are too small to be told
    assert [e.why for e in told if isinstance(e, Rebuilt) and e.why != "silent"] == ["clock"]
    town.patrol(FRIDAY)
    assert same(town, calm) == []


@pytest.mark.parametrize(
    ("hours", "cases"), [(24, {}), (72, {"P1.1-C1": "withdrawn", "P2.1.1-C1": "withdrawn"})]
)
def test_what_a_clock_gone_ahead_blamed_too_early_is_withdrawn_when_the_act_is_recorded_in_time(
    town: City, hall: Hall, wall: Wall, hours: int, cases: dict[str, str]
) -> None:
    run = hall.drive(wall)
    run.next(Beat)
    blamed = beaten(run, hours * HOUR, wall)
    assert "P1.1/decide_award/1/1/overdue/1" in blamed
    assert beaten(run, timedelta(), wall) == []
    run.stop()
    town.do("decide_award", "2026-11-03 23:30", on="P1.1")  # half an hour before its due moment
    town.do("sign_contract", "2026-11-03 23:40", on="P2.1.1")
    for clock in ("P1.1/decide_award", "P2.1.1/sign_contract"):
        assert town.fired(f"{clock}/").count("withdrawn") == 1
    told = town.rows("select distinct person from message where key like 'P1.1/decide_award/1/1/withdrawn/%'")
    warned = town.rows("select distinct person from message where key like 'P1.1/decide_award/1/1/overdue/%'")
    assert sorted(told) == sorted(warned) != []
    assert {c: s for c, s in town.cases().items() if c in ("P1.1-C1", "P2.1.1-C1")} == cases


PROGRAM = """
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from apscheduler.schedulers import base
import cli
from runtime import assembly

began, start = time.monotonic(), datetime.fromisoformat("{start}")

def wall():
    passed = time.monotonic() - began + float(Path("shift").read_text())
    return start + timedelta(seconds=passed)

class Shown(datetime):
    @classmethod
    def now(cls, tz=None):
        return wall().astimezone(tz or UTC)

base.datetime, assembly.system_now = Shown, wall
raise SystemExit(cli.main(["run", "--every", "1s"]))
"""


class Program:
    """`yiriban run` in a process of its own, on a machine whose wall clock can be moved."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Start it in ``folder``."""
        self._shift, self._err = folder / "shift", folder / "err.txt"
        self.out = folder / "out.txt"
        self.move(0)
        source = PROGRAM.format(start=moment(TUESDAY).isoformat())
        with self.out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-c", source],
                cwd=folder,
                env={"PYTHONPATH": str(root), "PATH": ""},
                stdout=out,
                stderr=err,
            )

    def move(self, seconds: float) -> None:
        """Let the wall clock be so far ahead of the true time."""
        fresh = self._shift.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._shift)

    def says(self, words: str) -> str:
        """Wait for a line on stderr, and return everything there so far."""
        end = time.monotonic() + 15
        while words not in (said := self._err.read_text("utf-8")):
            assert self._process.poll() is None, said
            assert time.monotonic() < end, f"never said {words!r}: {said}"
            time.sleep(0.05)
        return said

    def stop(self) -> int:
        """End it as the system does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(15)


@pytest.fixture
def program(town: City, tmp_path: Path, root: Path) -> Iterator[Program]:
    """The program over the city."""
    started = Program(tmp_path, root)
    yield started
    started.stop()


def test_run_says_how_far_the_clock_jumped_and_goes_on(
    town: City, calm: City, program: Program, run: Callable[..., Ran]
) -> None:
    program.says("开始巡查")
    end = time.monotonic() + 15
    while not town.rows("select 1 from event where kind = 'beat' and at >= ?", _ticks(TUESDAY)):
        # before its first beat it holds no wall clock to compare with
        assert time.monotonic() < end
        time.sleep(0.05)
    jumps = {-3600: "-3600", 86400 - 3600: "+86400", 0: "-82800", int(TO_FRIDAY.total_seconds()): "+208800"}
    for seconds, moved in jumps.items():
        program.move(seconds)
        said = program.says(f"系统时间跳动了 {moved} 秒，调度器已重建，立即巡查")
    end = time.monotonic() + 15
    while not any(line.startswith("2026-11-06 09:00") for line in beats_of(program)):
        assert time.monotonic() < end, program.out.read_text("utf-8")
        time.sleep(0.05)
    assert program.stop() == 0
    assert said.count("系统时间跳动了") == len(jumps)
    assert same(town, calm) == []
    fires = sum(int(line.split("触发 ")[1].split("，")[0]) for line in beats_of(program))
    ((after,),) = town.rows("select count(*) from fire where fired_at >= ?", _ticks(TUESDAY))
    town.store.close()
    assert fires == after > 0
    assert run("history", "verify").code == 0


def beats_of(program: Program) -> list[str]:
    """What it has said of its beats; the auditor speaks in between."""
    return [line for line in program.out.read_text("utf-8").splitlines() if "触发 " in line and "，" in line]


def _ticks(text: str) -> int:
    return int(moment(text).timestamp()) * 1_000_000
