"""A day of the demonstration city with real sockets: `yiriban run` is killed again and again; the ledgers equal the outbox."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from engine.deliver_plan import LEASE
from storage.moments import to_ticks
from tests.faults._city_audit import Row, compare, database_of, outbox
from tests.faults._city_clock import SharedClock
from tests.faults._city_peers import Peers, peers
from tests.faults._city_process import Child, nest
from tests.faults.suite import Result

TITLE = "a day of the demonstration city, killed on the way"
PLANTED = {
    "never asks": "what is in doubt is sent again without asking the provider",
    "marks first": "a message counts as sent before it is handed over",
    "loses digests": "a digest counts as sent when it is put together",
    "changes texts": "what goes out is not what the outbox says",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is lived through: working days until the evening of the last, and how often `run` is killed.

    ``every``: people act on every so manieth project, 0: nobody acts. ``asleep``: nothing runs until the
    afternoon so many days later: then all is due at once.
    """

    days: int
    kills: int
    every: int = 1
    asleep: int = 0


SMALL, PART, LARGE = Size(1, 10, every=3), Size(1, 6, every=0, asleep=5), Size(5, 50)
"""A day; what a planted fault is found in; a week."""
MORNING = {1: "2026-11-20T07:30+08:00", 5: "2026-11-16T07:30+08:00"}
"""Friday; the Monday of that week. The city's stories end on the working day behind the last."""
LONG = 11
"""Hours from the morning to the evening."""
DELAY = 0.06
"""Seconds that the providers take to answer."""
_BUSY = 7
_DRAINS = 400
_PATIENCE = 5.0
_ASKED_WITHIN = timedelta(minutes=30)
"""So late a receipt may be asked for; doctor complains after an hour."""


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Live the day; see `tests.faults.suite`."""
    size = LARGE if large else PART if planted else SMALL
    began = datetime.fromisoformat(MORNING[size.days])
    shutil.copytree(built(size.days), folder, dirs_exist_ok=True)
    clock = SharedClock(folder / "clock")
    clock.put(began)
    with peers(folder, began, delay=DELAY) as others:
        day = Day(size, clock, folder, others, Random(seed), planted or "")
        day.live()
        day.audit()
    clock.close()
    return day.result


@functools.cache
def built(days: int) -> Path:
    """Make the city once for a process: a folder to be copied, as it stands in the morning."""
    kept = tempfile.TemporaryDirectory(prefix="yiriban-city-")
    built.__dict__.setdefault("kept", []).append(kept)  # as long as we live
    folder = Path(kept.name)
    clock = SharedClock(folder / "clock")
    clock.put(datetime.fromisoformat(MORNING[days]))
    ran = nest("city").start(clock, folder, "build", str(days)).wait(120)
    assert ran.code == 0, ran.err
    clock.close()
    return folder


class Day:
    """The day as it goes on: one process runs, others come and act, the clock leaps, and somebody kills."""

    def __init__(
        self, size: Size, clock: SharedClock, folder: Path, others: Peers, random: Random, plant: str
    ) -> None:  # fmt: skip
        """Begin with everybody asleep."""
        self.result = Result()
        self._size, self._clock, self._folder, self._peers = size, clock, folder, others
        self._random, self._plant = random, plant
        self._runs, self._hands = nest("city"), nest("people")
        self._database = folder / "yiriban.db"
        acts = json.loads((folder / "acts.json").read_text("utf-8"))
        self._acts: deque[dict[str, Any]] = deque(
            act for act in acts if size.every and act["project"] % size.every == 0
        )  # fmt: skip
        self._acting: tuple[Child, list[str]] | None = None
        self._running: Child | None = None
        self._pushing: Child | None = None
        self._until = datetime.fromisoformat(MORNING[size.days]) + timedelta(
            days=size.asleep or size.days - 1, hours=LONG
        )
        self._before: dict[str, Row] = outbox(self._database)
        self._findings = self._doctor()
        self._looking = sqlite3.connect(self._database, timeout=10, isolation_level=None)

    def live(self) -> None:
        """Go through the day, then let everything that is under way come to its end."""
        if self._size.asleep:
            self._clock.put(self._until - timedelta(hours=3))
            self._peers.tell(self._clock())
        deaths = self._deaths()
        self._start()
        while self._clock() < self._until or self._acting is not None:
            self._leap()
            self._act()
            if self._random.random() < 0.04:
                self._push()
            time.sleep(self._random.uniform(0.02, 0.1))
            if deaths and self._clock() >= deaths[0][0] and self._dies(deaths):
                deaths.popleft()
        assert self._running is not None
        self._running.wait_for("开始巡查")
        self._drain()
        ended = self._running.end(signal.SIGTERM)
        if ended.code != 0:
            self.result.wrong.append(f"the last run ended with {ended.code}: {ended.err[-300:]}")
        self._push(last=True)
        self._looking.close()

    def _dies(self, deaths: deque[tuple[datetime, bool]]) -> bool:
        """Kill what runs if its hour has come; say whether it had.

        Where a message under way is waited for, the clock stands; not for ever, unless all is due at once.
        """
        assert self._running is not None
        _, waits = deaths[0]
        if waits:
            self._running.wait_for("开始巡查")
            if self._seen_sending(_PATIENCE if self._size.asleep else 0.5):
                time.sleep(self._random.uniform(0, DELAY))
                self._kill("kills while a message was under way")
                return True
            if len(deaths) == 1 or self._clock() < deaths[1][0]:
                return False
        self._kill("kills at any moment")
        return True

    def _deaths(self) -> deque[tuple[datetime, bool]]:
        """Choose when to kill: every other time at any moment, else as soon as a message is seen under way."""
        begin, length = self._clock(), self._until - self._clock()
        # what is due at once is over soon
        last = 0.3 if self._size.asleep else 0.97
        moments = sorted(self._random.uniform(0.01, last) for _ in range(self._size.kills))
        waits = [bool(self._size.asleep or number % 2) for number in range(len(moments))]
        return deque((begin + length * at, wait) for at, wait in zip(moments, waits, strict=True))

    def _leap(self) -> None:
        """Move the clock on: by minutes in the office hours, faster at night."""
        if self._acting is not None and self._random.random() < 0.9:
            return  # nobody needs minutes to press a key
        local = self._clock().astimezone(self._until.tzinfo)
        minutes = self._random.uniform(1, 6) if 7 <= local.hour < 19 else self._random.uniform(20, 60)
        self._clock.move(timedelta(minutes=minutes))
        self._peers.tell(self._clock())

    def _start(self) -> None:
        words = ("run", "--every", "1s")
        self._running = self._runs.start(self._clock, self._folder, "cli", *words, plant=self._plant)

    def _seen_sending(self, within: float) -> bool:
        """Watch the outbox for ``within`` seconds; say at once where a message is seen that was just handed over."""
        end = time.monotonic() + within
        # only who sends an SMS can be asked; e-mail that went twice is one to its reader
        where = "and channel = 'sms'" if self._plant == "never asks" else ""
        while time.monotonic() < end:
            fresh = to_ticks(self._clock() + LEASE - timedelta(seconds=20))
            if self._one(f"select count(*) from message where lease_until > {fresh} and owner <> '' {where}"):
                return True
            time.sleep(0.003)
        return False

    def _kill(self, how: str) -> None:
        """Kill what runs; sometimes nobody notices for a while."""
        assert self._running is not None
        ended = self._running.end()
        self.result.count(how)
        if ended.code != -signal.SIGKILL:
            self.result.wrong.append(f"run ended by itself: {ended.code} {ended.err[-300:]}")
        if self._random.random() < 0.3:
            self._clock.move(timedelta(minutes=self._random.uniform(1, 40)))
            self._peers.tell(self._clock())
        self._start()

    def _one(self, sql: str) -> int:
        return int(self._looking.execute(sql).fetchone()[0])

    # people

    def _act(self) -> None:
        """Let the next person act whose time has come; only one at a time, in the order of the day."""
        if self._acting is not None:
            child, words = self._acting
            if child.lives():
                return
            self._acting = None
            ran = child.wait()
            self.result.count(
                "acts" if ran.code == 0 else "acts put off" if ran.code == _BUSY else "acts refused"
            )
            if ran.code == _BUSY:
                self._acts.appendleft({"at": self._clock().isoformat(), "words": words})
            elif ran.code:
                self.result.wrong.append(f"refused: {' '.join(words)}: {ran.err[-300:]}")
        now = self._clock()
        if self._acts and datetime.fromisoformat(self._acts[0]["at"]) <= now < self._until:
            words = self._acts.popleft()["words"]
            self._acting = self._hands.start(self._clock, self._folder, "cli", *words), words

    def _push(self, *, last: bool = False) -> None:
        """Hand the events over to who watches from outside; a push, too, is killed on its way."""
        if self._pushing is not None:
            killed = self._pushing.lives() and not last
            self.result.count("pushes killed", int(killed))
            if killed:
                self._pushing.end()
            self._pushing.wait()
        self._pushing = self._hands.start(self._clock, self._folder, "cli", "feed", "push")
        if last:
            self._pushing.wait()

    # the evening

    def _drain(self) -> None:
        """Wait until nothing that may go out by now is left, no clock is due, and every receipt was asked for."""
        for _ in range(_DRAINS):
            now, asked = to_ticks(self._clock()), to_ticks(self._clock() - _ASKED_WITHIN)
            left = [
                self._one(f"select count(*) from message where state = 'sending' or state = 'queued' and send_from <= {now}"),
                self._one(f"select count(*) from clock where look_at <= {now}"),
                self._one(f"select count(*) from message where look_at <= {asked}"),
            ]  # fmt: skip
            if not any(left):
                return
            self._clock.move(timedelta(seconds=20))
            self._peers.tell(self._clock())
            time.sleep(0.05)
        self.result.wrong.append(f"left in the evening: messages, clocks, receipts: {left}")

    def audit(self) -> None:
        """Compare, and ask the engine's own checks."""
        after = outbox(self._database)
        self.result.figures["messages of the day"] = len(after.keys() - self._before.keys())
        compare(self._before, after, self._peers.ledgers(), self.result)
        database_of(self._database, self.result)
        for words in (["history", "verify"], ["patrol", "--dry-run", "--json"]):
            ran = self._hands.run(self._clock, self._folder, *words)
            if ran.code != 0:
                self.result.wrong.append(
                    f"{' '.join(words)} ended with {ran.code}: {ran.out[-300:]}{ran.err[-300:]}"
                )
            elif words[0] == "patrol" and json.loads(ran.out)["fires"]:
                self.result.wrong.append(f"still due in the evening: {ran.out[:300]}")
        for finding in self._doctor() - self._findings:
            self.result.wrong.append(f"doctor: {finding}")
        self._events()

    def _doctor(self) -> set[str]:
        ran = self._hands.run(self._clock, self._folder, "doctor", "--json")
        checks = json.loads(ran.out)["checks"]
        return {f"{c['name']}: {s['what']}" for c in checks for s in c["says"] if s["level"] == "finding"}

    def _events(self) -> None:
        """Whoever watches from outside has every event, once, in order."""
        numbers = [event["seq"] for event in self._peers.events.events]
        last = self._one_after("select max(seq) from event")
        self.result.figures["events handed over"] = len(numbers)
        if numbers != list(range(1, last + 1)):
            self.result.wrong.append(
                f"events: {len(numbers)} of {last} came, {len(set(numbers))} different ones"
            )

    def _one_after(self, sql: str) -> int:
        with closing(sqlite3.connect(self._database)) as looking:
            return int(looking.execute(sql).fetchone()[0])
