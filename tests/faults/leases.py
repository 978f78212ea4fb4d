"""Leases: senders that are stopped past theirs, two `run` on one database, beats of several processes at once.

A sender is stopped (``SIGSTOP``) in three places: right before it looks at its lease again, right behind that look,
and anywhere. Meanwhile the clock leaps past the lease, another sender takes over, and the first one goes on. The
second place is the instant that no look can close: there a message may be doubled, and must be marked as such.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

from engine.deliver_plan import LEASE
from storage.moments import to_ticks
from tests.fakes.serve import serving
from tests.faults import _city_outbox as box
from tests.faults._city_audit import database_of
from tests.faults._city_clock import SharedClock
from tests.faults._city_peers import SECRET
from tests.faults._city_process import Child, nest
from tests.faults._town import Person, Project, found, report, staff, units
from tests.faults.suite import Result

TITLE = "leases: stopped senders, two runs, beats at once"
PLANTED = {
    "no second look": "the lease is not looked at again before the provider is called",
    "never flags": "what two senders handed over is not marked as perhaps doubled",
    "own names": "beats read before they lock, and name fires by who fires them",
}
Where = Literal["before", "behind", "anywhere"]
NAMES: dict[Where, str] = {
    "before": "stopped before the second look",
    "behind": "stopped behind the second look",
    "anywhere": "stopped anywhere",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How often a sender is stopped in each place, how often a `run` is replaced, how many projects beat at once."""

    stops: int
    behind: int
    anywhere: int
    runs: int
    projects: int
    leaps: int


SMALL, LARGE = Size(3, 3, 3, 3, 24, 8), Size(60, 30, 60, 18, 100, 40)
TEN = datetime.fromisoformat("2026-11-20T08:05+08:00")
"""A Friday."""
DELAY = 0.02
_PACE = 12
"""Messages that are there for every stop: enough for both senders."""
_NEVER = 60.0
_BLOCKED = 2.5
"""Seconds without a chance to write after which the stopped sender must be holding the database."""
_WAITING = "select 1 from message where state in ('queued', 'sending') limit 1"
_LEAP = LEASE + timedelta(seconds=10)


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Run the parts that the planted fault concerns, or all; see `tests.faults.suite`."""
    size, random, result = LARGE if large else SMALL, Random(seed), Result()
    if planted in (None, "no second look"):
        _senders(folder, "before", size.stops, random, result, planted or "")
    if planted in (None, "never flags"):
        _senders(folder, "behind", size.behind, random, result, planted or "")
    if planted is None:
        _senders(folder, "anywhere", size.anywhere, random, result, "")
        _runs(folder / "runs", size.runs, random, result)
    if planted in (None, "own names"):
        _beats(folder / "beats", size, random, result, planted or "")
    return result


# senders


def _senders(folder: Path, where: Where, stops: int, random: Random, result: Result, plant: str) -> None:
    """Let two senders empty an outbox that is filled again and again, and stop one of them each time."""
    folder = folder / where
    clock = _clock(folder)
    name = NAMES[where]
    file = box.filled(folder, 0, clock())
    with serving("gateway", secret=SECRET, delay=DELAY) as peer, ExitStack() as ends:
        box.settings(folder, peer.url)
        senders = [_sender(folder, clock, where, plant) for _ in range(2)]
        for sender in senders:
            ends.callback(sender.send, signal.SIGKILL)
            sender.wait_for("ready")
        for _ in range(stops):
            _stop_one(random.choice(senders), where, file, clock, random, result)
        for sender in senders:
            ended = sender.end(signal.SIGTERM)
            if ended.code != 0:
                result.wrong.append(f"{name}: a sender ended with {ended.code}: {ended.err[-300:]}")
        ledger = peer.accepted()
    copies = box.audit(file, ledger, result, name)
    doubled = sum(number > 1 for number in copies.values())
    if where == "before" and doubled:
        result.wrong.append(f"{name}: {doubled} messages were handed over twice")
    _given_up(file, result, name)
    clock.close()


def _stop_one(
    one: Child, where: Where, file: Path, clock: SharedClock, random: Random, result: Result
) -> None:  # fmt: skip
    """Stop a sender, let the clock leap past its lease and the other sender take over; then it goes on."""
    if where == "anywhere":
        _filled_up(file, clock)
        time.sleep(random.uniform(0, 0.1))
        one.send(signal.SIGSTOP)
    else:
        _stops_itself(one, file, clock)
    clock.move(_LEAP)
    if not _taken_over(file):
        result.count(f"{NAMES[where]}: within a transaction, so that the other had to wait")
    one.send(signal.SIGCONT)
    result.count(NAMES[where])
    _emptied(file, clock)


def _sender(folder: Path, clock: SharedClock, where: Where, plant: str) -> Child:
    # one hand where the place is exact: another one would be stopped wherever it happens to be
    return nest("senders").start(
        clock, folder, "worker", "4" if where == "anywhere" else "1", where, plant=plant
    )


def _clock(folder: Path) -> SharedClock:
    folder.mkdir(parents=True, exist_ok=True)
    clock = SharedClock(folder / "clock")
    clock.put(TEN)
    return clock


def _stops_itself(one: Child, file: Path, clock: SharedClock) -> None:
    """Ask a sender to stop itself, and give it something to do until it has."""
    one.send(signal.SIGUSR1)
    began = time.monotonic()
    while _state(one.pid) != "T":
        took = time.monotonic() - began
        if not one.lives() or took > _NEVER:
            raise AssertionError(f"it never stopped: {one.err[-300:]}")
        if took > 2:  # a provider that seemed to be out of order is tried again after minutes
            clock.move(timedelta(seconds=1))
        if not box.rows(file, _WAITING):
            _filled_up(file, clock)
        time.sleep(0.005)


def _filled_up(file: Path, clock: SharedClock) -> None:
    """Queue more messages."""
    [(known,)] = box.rows(file, "select count(*) from message")
    box.more(file, int(str(known)), _PACE, clock())


def _taken_over(file: Path) -> bool:
    """Wait until the other sender has asked for what the stopped one holds, and has sent all there is to be sent.

    Say no where it cannot: the stopped one holds the database, in the middle of a transaction.
    """
    began = seen = time.monotonic()
    with closing(sqlite3.connect(file, timeout=0.05, isolation_level=None)) as looking:
        while time.monotonic() - began < _NEVER:
            try:
                # a reader would get past whoever holds the database in order to write
                looking.execute("begin immediate")
                waiting = looking.execute(_WAITING).fetchone()
                looking.execute("rollback")
                if not waiting:
                    return True
                seen = time.monotonic()
            except sqlite3.OperationalError:  # it may also be the other one, writing
                if time.monotonic() - seen > _BLOCKED:
                    return False
            time.sleep(0.01)
    raise AssertionError("the other sender does not take over")


def _state(pid: int) -> str:
    """Return a process's state as the system tells it: ``T`` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]


def _emptied(file: Path, clock: SharedClock) -> None:
    """Let the senders go on until nothing waits."""
    end = time.monotonic() + 60
    with closing(sqlite3.connect(file, timeout=10)) as looking:
        while looking.execute(_WAITING).fetchone():
            assert time.monotonic() < end, "the outbox is not emptied"
            clock.move(timedelta(seconds=10))
            time.sleep(0.05)


def _given_up(file: Path, result: Result, name: str) -> None:
    """Count what senders left to others, and how often the platform was asked."""
    for figure, sql in (
        ("left to the other sender", "select count(*) from attempt where code = 'overslept'"),
        ("asked for before anything was sent again", "select count(*) from attempt where asked = 1"),
    ):
        result.figures[f"{name}: {figure}"] = int(str(box.rows(file, sql)[0][0]))


# two runs


def _runs(folder: Path, rounds: int, random: Random, result: Result) -> None:
    """Start a second `run` while there is one, and replace one that was killed, stopped, or ended in peace."""
    clock = _clock(folder)
    file = box.filled(folder, 40 * rounds, clock())
    with serving("gateway", secret=SECRET, delay=DELAY) as peer:
        box.settings(folder, peer.url)
        holder = _run(folder, clock)
        holder.wait_for("开始巡查")
        for number in range(rounds):
            second = _run(folder, clock).wait()
            result.count("second runs refused")
            if second.code != 7 or "另一个 yiriban run 已在巡查" not in second.err:
                result.wrong.append(f"a second run ended with {second.code}: {second.err[-300:]}")
            holder = _replaced(
                folder, clock, holder, ("killed", "stopped", "ended")[number % 3], random, result
            )
        _emptied(file, clock)
        ended = holder.end(signal.SIGTERM)
        if ended.code != 0:
            result.wrong.append(f"run ended with {ended.code}: {ended.err[-300:]}")
        ledger = peer.accepted()
    box.audit(file, ledger, result, "two runs")
    clock.close()


def _run(folder: Path, clock: SharedClock) -> Child:
    return nest("senders").start(clock, folder, "cli", "run", "--every", "1s")


def _replaced(
    folder: Path, clock: SharedClock, holder: Child, how: str, random: Random, result: Result
) -> Child:  # fmt: skip
    """Replace the `run` that holds the lease; return the new one."""
    time.sleep(random.uniform(0.05, 0.3))
    if how == "killed":
        holder.end()
    elif how == "ended":
        holder.end(signal.SIGTERM)
    else:
        holder.send(signal.SIGSTOP)
        clock.move(timedelta(minutes=20))
    other = _run(folder, clock)
    other.wait_for("开始巡查")
    result.count(f"runs replaced that were {how}")
    if how != "ended" and "接替已不在的巡查程序" not in _said(other, "接替"):
        result.wrong.append(f"whoever replaced a run that was {how} does not say so: {other.err[-300:]}")
    if how == "stopped":
        holder.send(signal.SIGCONT)
        ended = holder.wait()
        if ended.code != 7 or "租约已不属于本程序" not in ended.err:
            result.wrong.append(f"a run that lost its lease ended with {ended.code}: {ended.err[-300:]}")
    return other


def _said(child: Child, word: str) -> str:
    child.wait_for(word)
    return child.err


# beats of several processes


def _beats(folder: Path, size: Size, random: Random, result: Result, plant: str) -> None:
    """Let four processes beat at once, without any politeness; compare with one that beat alone."""
    folder.mkdir(parents=True)
    clock = _clock(folder)
    names = units(size.projects)
    people: list[Person] = staff(names)
    city = found(folder / box.DATABASE, people)
    report(city, [Project(f"P2026-{n:04d}", unit, "2026-11-18 10:00") for n, unit in enumerate(names, 1)])
    city.store.close()
    alone = folder / "alone"
    alone.mkdir()
    shutil.copy(folder / box.DATABASE, alone / box.DATABASE)
    for place in (folder, alone):
        (place / "yiriban.toml").write_text(f'database = "{box.DATABASE}"\n', "utf-8")
    together = [nest("senders").start(clock, folder, "patroller", plant=plant) for _ in range(4)]
    for one in together:
        one.wait_for("ready")
    for _ in range(size.leaps):
        clock.move(timedelta(hours=random.uniform(2, 20)))
        time.sleep(0.15)
    _settled(folder / box.DATABASE, clock)
    for one in together:
        ended = one.end(signal.SIGTERM)
        if ended.code != 0:
            result.wrong.append(f"a beat ended with {ended.code}: {ended.err[-300:]}")
    took_part = sum("fires" in one.out for one in together)
    result.figures["beats at once: processes that fired"] = took_part
    ran = nest("senders").run(clock, alone, "patrol")
    assert ran.code == 0, ran.err
    ran = nest("senders").run(clock, folder, "history", "verify")
    if ran.code != 0:
        result.wrong.append(f"history verify: {ran.out[-300:]}")
    database_of(folder / box.DATABASE, result)
    _compare(folder / box.DATABASE, alone / box.DATABASE, result)
    clock.close()


def _settled(file: Path, clock: SharedClock) -> None:
    """Wait until nothing is due."""
    end = time.monotonic() + 60
    with closing(sqlite3.connect(file, timeout=10)) as looking:
        sql = "select 1 from clock where look_at <= ? limit 1"
        while looking.execute(sql, (to_ticks(clock()),)).fetchone():
            assert time.monotonic() < end, "the beats do not catch up"
            time.sleep(0.05)


def _compare(together: Path, alone: Path, result: Result) -> None:
    """All fires but reminders are those of a process that beats alone, and each has its messages once."""
    fires = "select matter, clock, round, epoch, rung, occurrence, does, at from fire where does <> 'remind'"
    messages = "select m.key from message m join fire f on f.key = m.fire where f.does <> 'remind'"
    for what, sql in (("fires", fires), ("messages", messages)):
        ours, theirs = box.rows(together, sql), box.rows(alone, sql)
        result.figures[f"beats at once: {what} but reminders"] = len(ours)
        if sorted(map(repr, ours)) != sorted(map(repr, theirs)):
            result.wrong.append(f"{what}: {len(ours)} of four processes, {len(theirs)} of one alone")
