"""Ready is judged by the monotonic clock; a beat that fails is no sign of life; what stands in the way is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import BadInput, Conflict, NotFound, StorageTrouble
from engine.patrol import Beat
from runtime.pulse import Pulse
from web.health import Probed, judge, page, ready

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai
EVERY = 15.0


class Clocks:
    """A wall clock and a monotonic one; only the first can be moved."""

    def __init__(self) -> None:
        self.mono = 1000.0
        self.shift = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.mono - 1000.0 + self.shift)

    def monotonic(self) -> float:
        return self.mono


class Watched:
    """A pulse with clocks to turn."""

    def __init__(self) -> None:
        self.clocks = Clocks()
        self.pulse = Pulse(EVERY, now=self.clocks.now, monotonic=self.clocks.monotonic)

    def beat(self, took: float = 0.0) -> None:
        self.pulse.began()
        self.clocks.mono += took
        self.pulse.ended(Beat(self.clocks.now()))

    def fail(self) -> None:
        self.pulse.began()
        self.pulse.failed()

    def wrong(self, probed: Probed | None = None) -> list[str]:
        """The names of what keeps it from being ready."""
        checks = judge(self.pulse.read(), probed or Probed())
        assert ready(checks) == (not [c for c in checks if c.stops and not c.ok])
        return [check.name for check in checks if not check.ok]


@pytest.mark.parametrize(("late", "wrong"), [(-0.001, []), (0.0, []), (0.001, ["beat"])])
def test_two_intervals_without_a_beat_are_the_limit(late: float, wrong: list[str]) -> None:
    watched = Watched()
    watched.beat()
    watched.clocks.mono += 2 * EVERY + late
    assert watched.wrong() == wrong


def test_before_the_first_beat_it_is_not_ready() -> None:
    watched = Watched()
    assert watched.wrong() == ["beat"]
    watched.beat()
    assert watched.wrong() == []


def test_a_beat_that_fails_is_no_sign_of_life() -> None:
    watched = Watched()
    watched.beat()
    for _ in range(3):
        watched.clocks.mono += EVERY
        watched.fail()
    assert watched.wrong() == ["beat"]
    check = next(c for c in judge(watched.pulse.read(), Probed()) if c.name == "beat")
    assert check.figures == {"age_seconds": 45.0, "limit_seconds": 30.0, "beats": 1, "failures": 3}
    assert check.what[0] == "45 秒没有做成一次巡查"


def test_a_long_beat_that_goes_on_writing_is_alive() -> None:
    watched = Watched()
    watched.pulse.began()
    for _ in range(10):
        watched.clocks.mono += EVERY
        watched.pulse.moved()
    assert watched.wrong() == []
    watched.clocks.mono += 2 * EVERY + 1
    assert watched.wrong() == ["beat"]


@pytest.mark.parametrize("moved", [-86_400.0, -3600.0, -59.0, 59.0, 3600.0, 86_400.0])
def test_a_wall_clock_that_jumps_neither_hides_nor_makes_a_dead_patrol(moved: float) -> None:
    watched = Watched()
    watched.beat()
    watched.clocks.shift = moved
    assert watched.wrong() == (["wall_clock"] if abs(moved) >= 60 else [])
    watched.clocks.mono += 2 * EVERY + 1
    assert "beat" in watched.wrong()
    watched.pulse.restarted("clock")
    watched.beat()
    assert watched.wrong() == []
    assert watched.pulse.rebuilt["clock"] == 1


def test_an_age_by_the_wall_clock_would_have_been_misled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: judged by the wall clock, set back an hour, a patrol dead for half an hour looks alive."""
    watched = Watched()
    watched.beat()
    start = watched.clocks.now()
    watched.clocks.mono += 1800
    watched.clocks.shift = -3600.0
    assert "beat" in watched.wrong()
    monkeypatch.setattr(
        watched.pulse, "_monotonic", lambda: (watched.clocks.now() - start).total_seconds() + 1000.0
    )
    assert "beat" not in watched.wrong()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (NotFound("没有数据库 C:/秘密/库.db"), "数据库不在了"),
        (Conflict("数据库正忙"), "正忙"),
        (StorageTrouble("结构版本是 2"), "结构版本"),
        (TimeoutError(), "没有及时应答"),
        (BadInput("张三"), "出错"),
    ],
)
def test_each_trouble_of_the_database_is_said_without_naming_a_path(trouble: Exception, said: str) -> None:
    watched = Watched()
    watched.beat()
    checks = judge(watched.pulse.read(), Probed(trouble))
    told = page(checks, NOW, "zh")
    assert not told["ready"]
    (one,) = [c for c in told["checks"] if not c["ok"]]
    assert said in one["what"]
    assert one["then"]
    assert "秘密" not in str(told)
    assert "张三" not in str(told)
    (english,) = [c for c in page(checks, NOW, "en")["checks"] if not c["ok"]]
    assert english["what"].isascii()


def test_what_the_check_of_itself_found_is_told_and_stops_nothing() -> None:
    watched = Watched()
    watched.beat()
    checks = judge(watched.pulse.read(), Probed(None, 3, NOW))
    told = page(checks, NOW, "zh")
    assert told["ready"]
    (audit,) = [c for c in told["checks"] if c["name"] == "audit"]
    assert (audit["ok"], audit["findings"], audit["audited_at"]) == (False, 3, "2026-11-23T09:00:00+08:00")


def test_a_program_that_is_stopping_is_not_ready() -> None:
    watched = Watched()
    watched.beat()
    watched.pulse.leave()
    assert watched.wrong() == ["stopping"]
