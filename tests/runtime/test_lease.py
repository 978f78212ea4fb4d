"""A lease is respected while its holder may live, and not a moment longer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import Conflict
from runtime import lease as leasing
from runtime.lease import Lease, LeaseLost, Self, birth_of
from storage.leases import Holding, Leases
from storage.store import SqlStore
from tests.city import BEGAN, moment

NOW = moment("2026-11-06 09:00")  # a Friday
ME = Self("张三", "host-a", 1000, "boot/7")
_TICK = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('lease') / 'lease.db'}")
    store.create(BEGAN)
    yield store
    store.close()


@pytest.fixture
def store(made: SqlStore) -> SqlStore:
    with made.transaction():
        made.run("delete from lease")
    return made


def hold(store: SqlStore, held: Holding) -> None:
    with store.transaction():
        assert Leases(store).take("metronome", held, None)


def held_by(store: SqlStore) -> Holding | None:
    with store.transaction():
        return Leases(store).read("metronome")


@pytest.mark.parametrize(
    ("host", "lives_as", "birth", "left", "respected"),
    [
        ("host-b", None, "boot/1", _MINUTE, True),  # elsewhere only time tells
        ("host-b", None, "boot/1", _TICK, True),
        ("host-b", None, "boot/1", timedelta(), False),
        ("host-b", None, "boot/1", -_TICK, False),
        ("host-b", None, "boot/1", leasing.LONGEST, True),
        ("host-b", None, "boot/1", leasing.LONGEST + _TICK, False),  # written by a clock that was ahead
        ("host-a", "boot/1", "boot/1", _MINUTE, True),  # it lives
        ("host-a", None, "boot/1", _MINUTE, False),  # it is dead
        ("host-a", "boot/2", "boot/1", _MINUTE, False),  # its number was given to another process
        ("host-a", "", "boot/1", _MINUTE, True),  # the system cannot say
        ("host-a", "boot/2", "", _MINUTE, True),
        ("host-a", "boot/1", "boot/1", timedelta(), False),  # it lives, but has not beaten for long
    ],
)
def test_a_lease_stands_in_time_and_while_its_process_may_live(
    store: SqlStore,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    lives_as: str | None,
    birth: str,
    left: timedelta,
    respected: bool,
) -> None:
    monkeypatch.setattr(leasing, "birth_of", lambda pid: lives_as if pid == 77 else "?")
    held = Holding("李四", host, 77, birth, NOW - timedelta(hours=3), NOW + left)
    hold(store, held)
    mine = Lease(store, timedelta(seconds=15), me=ME)
    if respected:
        with pytest.raises(Conflict) as caught:
            mine.take(NOW)
        assert caught.value.exit_code == 7
        assert all(word in caught.value.why for word in ("李四", host, "77", "2026-11-06 06:00:00"))
        assert held_by(store) == held
    else:
        assert mine.take(NOW) == held
        assert held_by(store) == Holding("张三", "host-a", 1000, "boot/7", NOW, NOW + _MINUTE)


@pytest.mark.parametrize(
    ("every", "length"),
    [
        (timedelta(seconds=1), _MINUTE),
        (timedelta(seconds=20), _MINUTE),
        (timedelta(seconds=21), timedelta(seconds=63)),
        (timedelta(minutes=5), timedelta(minutes=15)),
    ],
)
def test_a_lease_lasts_three_beats_and_at_least_a_minute(
    store: SqlStore, every: timedelta, length: timedelta
) -> None:
    lease = Lease(store, every, me=ME)
    assert lease.take(NOW) is None
    lease.renew(NOW + every)
    held = held_by(store)
    assert held is not None
    assert (held.started_at, held.expires_at) == (NOW, NOW + every + length)
    lease.release()
    assert held_by(store) is None


def test_a_lease_taken_over_cannot_be_renewed_nor_released_by_the_one_before(store: SqlStore) -> None:
    old, new = (Lease(store, timedelta(seconds=15), me=me) for me in (ME, Self("李四", "host-b", 5, "")))
    old.take(NOW)
    new.take(NOW + _MINUTE)
    with pytest.raises(LeaseLost, match="不属于"):
        old.renew(NOW + _MINUTE)
    old.release()
    held = held_by(store)
    assert held is not None
    assert held.host == "host-b"
    with pytest.raises(LeaseLost):
        old.renew(NOW + _MINUTE)


def test_a_dead_process_has_no_birth_even_before_its_parent_has_noticed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    alive = birth_of(process.pid)
    process.kill()
    assert process.stdin is not None
    process.stdin.close()
    if Path("/proc/self/stat").exists():
        assert alive
        assert alive != birth_of(os.getpid())
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert birth_of(process.pid) is None
    process.wait()
    assert birth_of(process.pid) is None
