"""The metronome: beats a patrol, and its side jobs (delivery), every few seconds. The only door to APScheduler.

What is due stands in the database; the scheduler remembers nothing. It counts by the wall clock, so
a watchdog that counts by the monotonic one puts it right when the wall clock jumps.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Literal
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from engine.errors import YiribanError
from engine.office import Office
from engine.patrol import Beat, patrol
from runtime.auditing import Audited
from runtime.feeding import Fed
from runtime.lease import Lease, LeaseLost
from runtime.postman import Posted
from runtime.pulse import DRIFT, Pulse
from storage.feed import Feed
from storage.leases import Holding
from storage.store import SqlStore

EVERY = timedelta(seconds=15)
LEAST, MOST = timedelta(seconds=1), timedelta(minutes=5)
"""How far apart beats may lie; a lease of a quarter of an hour must outlast three of them."""
_SILENT_BEATS = 3
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ZONE = ZoneInfo("Asia/Shanghai")

# what goes wrong in a beat is told by `tell`; APScheduler would print it with a traceback
logging.getLogger("apscheduler").addHandler(logging.NullHandler())

Look = Callable[[], tuple[Office, YiribanError | None]]
"""Gives the office in force, and why its newest files could not be read; may raise, as a beat may."""


@dataclass(frozen=True, slots=True)
class Began:
    """The lease is ours; ``replaced`` is who held it before and is gone."""

    at: datetime
    replaced: Holding | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A beat raised ``error``, or (``beaten``) went on in spite of it; the next one comes as usual."""

    at: datetime
    error: Exception
    beaten: bool = False
    job: str = "patrol"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The scheduler was built anew: the wall clock jumped by ``moved`` seconds, it died, or fell silent."""

    at: datetime
    why: Literal["clock", "dead", "silent"]
    moved: float


Event = Began | Beat | Failed | Rebuilt | Posted | Audited | Fed
Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Job:
    """Something else to do every so often under the same lease, in a thread of its own.

    ``act`` returns what is to be told, if anything; ``stop`` asks a round in progress to end.
    """

    name: str
    every: timedelta
    act: Callable[[], Event | None]
    stop: Callable[[], None]
    busy: Lock = field(default_factory=Lock)


class Metronome:
    """Patrols every few seconds under a lease until it is stopped; all times are those of ``now``."""

    def __init__(
        self,
        store: SqlStore,
        look: Look,
        lease: Lease,
        *,
        now: Callable[[], datetime],
        every: timedelta = EVERY,
        monotonic: Callable[[], float] = time.monotonic,
        watch: float = 1.0,
        jobs: Sequence[Job] = (),
        pulse: Pulse | None = None,
    ) -> None:
        """Prepare; nothing runs yet.

        ``store`` must be used by nobody else, ``jobs`` least of all; ``watch`` is how often the watchdog
        looks, in seconds; ``pulse`` is told of every beat.
        """
        self._pulse = pulse or Pulse(every.total_seconds(), now=now, monotonic=monotonic)
        self._jobs = jobs
        self._store = store
        self._look = look
        self._lease = lease
        self._now = now
        self._every = every
        self._monotonic = monotonic
        self._watch = watch
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._beating = Lock()
        self._stopping = False
        self._ticker: Any = None
        self._heard = self._renewed = self._offset = 0.0

    def run(self, tell: Tell) -> None:
        """Beat until `stop` is called; ``tell`` hears in this thread what happens.

        Raise ``Conflict`` where another scheduler holds the lease, ``LeaseLost`` where it is lost.
        """
        self._begin(tell)
        try:
            self._offset = self._drift()
            self._start()
            self._listen(tell)
        finally:
            self.stop()
            self._finish()
            self._tell_rest(tell)

    def once(self, tell: Tell) -> None:
        """Beat once, in this thread, under the lease; raise what the beat raises."""
        self._begin(tell)
        try:
            beat = self._patrol()
        finally:
            self._give_back()
            self._tell_rest(tell)
        tell(beat)
        for job in self._jobs:
            event = job.act()
            if event is not None:
                tell(event)

    def stop(self) -> None:
        """Ask `run` to end after the beat in progress; may be called from any thread or signal handler."""
        self._stopping = True
        for job in self._jobs:
            job.stop()
        self._events.put(None)

    # the beat, in the scheduler's thread

    def _beat(self) -> None:
        with self._beating:  # a beat of the scheduler before this one may still be going on
            if self._stopping:
                return
            self._heard = self._monotonic()
            self._pulse.began()
            try:
                beat = self._patrol()
            except Exception as error:  # whatever it is, the next beat must come
                event: Event = Failed(self._now(), error)
                self._pulse.failed()
            else:
                event = beat
                self._pulse.ended(beat)
            self._heard = self._monotonic()
        self._events.put(event)

    def _do(self, job: Job) -> None:
        """Do a side job once; the round before it, perhaps of the scheduler before this one, goes first."""
        if self._stopping or not job.busy.acquire(blocking=False):
            return
        try:
            event = job.act()
        except Exception as error:  # whatever it is, the next round must come
            event = Failed(self._now(), error, job=job.name)
        finally:
            job.busy.release()
        if event is not None:
            self._events.put(event)

    def _patrol(self) -> Beat:
        try:
            office, fault = self._look()
            if fault is not None:
                self._events.put(Failed(self._now(), fault, beaten=True))
            self._store.check_schema()
            self._lease.renew(self._now())
            self._renewed = self._monotonic()
            beat = patrol(office, self._store, self._now(), on_set=self._keep_lease)
            with self._store.transaction():
                Feed(self._store).beat(beat.at)
            return beat
        finally:
            # every beat connects anew, so that it survives a database that went away and came back
            self._store.close()

    def _keep_lease(self, _looked_at: int) -> None:
        """Renew the lease between two sets of a long beat."""
        self._pulse.moved()
        if self._monotonic() - self._renewed >= self._every.total_seconds():
            self._lease.renew(self._now())
            self._renewed = self._monotonic()

    # everything else, in the thread of `run`

    def _begin(self, tell: Tell) -> None:
        replaced = self._lease.take(self._now())
        self._store.close()
        tell(Began(self._now(), replaced))

    def _listen(self, tell: Tell) -> None:
        while True:
            try:
                event = self._events.get(timeout=self._watch)
            except Empty:
                pass
            else:
                if event is None:
                    return
                if isinstance(event, Failed) and isinstance(event.error, LeaseLost):
                    raise event.error
                tell(event)
            self._guard(tell)

    def _guard(self, tell: Tell) -> None:
        """The watchdog: rebuild a scheduler that the wall clock has misled, that died or fell silent."""
        drift = self._drift()
        moved = drift - self._offset
        quiet = self._monotonic() - self._heard
        why: Literal["clock", "dead", "silent"]
        if abs(moved) >= DRIFT:
            why = "clock"
        elif not self._ticker.alive():
            why = "dead"
        elif quiet > max(_SILENT_BEATS * self._every.total_seconds(), 1.0) and not self._beating.locked():
            why = "silent"
        else:
            return
        self._offset = drift
        self._pulse.restarted(why)
        # in a thread of its own: a scheduler that hangs may hang its own shutdown too
        Thread(target=self._ticker.retire, daemon=True).start()
        self._start()
        tell(Rebuilt(self._now(), why, moved))

    def _drift(self) -> float:
        """Wall time minus monotonic time, in seconds."""
        return (self._now() - _LONG_AGO).total_seconds() - self._monotonic()

    def _start(self) -> None:
        self._heard = self._monotonic()
        self._ticker = _Ticker(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(1 + len(self._jobs))},
            timezone=_ZONE,
        )
        self._add(self._beat, self._every)
        for job in self._jobs:
            self._add(partial(self._do, job), job.every)
        self._ticker.start()

    def _add(self, act: Callable[[], None], every: timedelta) -> None:
        self._ticker.add_job(
            act,
            _Steady(seconds=every.total_seconds(), timezone=_ZONE),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            next_run_time=_LONG_AGO,  # the first beat is overdue, whatever the wall clock says
        )

    def _finish(self) -> None:
        """Let the beat and the rounds in progress end, then give the lease back."""
        if self._ticker is not None:
            self._ticker.retire(wait=True)
        for job in self._jobs:
            # a scheduler before this one may have begun a round that still uses its database; no other begins
            job.busy.acquire()
        with self._beating:
            self._give_back()

    def _give_back(self) -> None:
        try:
            self._lease.release()
        except YiribanError as error:  # no harm: a dead holder is replaced at once
            self._events.put(Failed(self._now(), error))
        finally:
            self._store.close()

    def _tell_rest(self, tell: Tell) -> None:
        """Tell what the last beat did."""
        while not self._events.empty():
            event = self._events.get()
            if event is not None:
                tell(event)


class _Ticker(BackgroundScheduler):  # type: ignore[misc]  # APScheduler 3 has no types
    """APScheduler whose death is noticed instead of printed."""

    def alive(self) -> bool:
        """Say whether its thread lives."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def retire(self, *, wait: bool = False) -> None:
        """Shut down; ``wait`` for the beat in progress."""
        if self.running:
            self.shutdown(wait=wait)

    def _main_loop(self) -> None:
        try:
            super()._main_loop()
        except Exception:  # the watchdog finds the thread dead, says so and builds another
            logging.getLogger("apscheduler").exception("scheduler died")


class _Steady(IntervalTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """One beat now instead of a list of those missed.

    The original counts on from the beat before: after a jump of years (a machine that boots in 1970)
    it would enumerate millions of them with the scheduler's lock held.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the moment one interval from now."""
        after: datetime = now + self.interval
        return after
