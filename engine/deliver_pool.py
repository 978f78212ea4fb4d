"""Hands that call providers: one after another in our own thread, or several threads at once. 发送的人手

No database here. A job is whatever `work` understands; its results come back through a queue to the thread
that asked. Jobs with the same lane may be done by one hand in one go, so that a channel that can need not
wait for one answer before it begins the next message.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from engine.delivery import Flowing, Outcome, Provider, Waiting

J = TypeVar("J")
R = TypeVar("R")
Work = Callable[[J, Callable[[], J | None]], Iterator[R]]
"""Does a job and gives its results; asks the second argument for another one of the same lane, if it can."""

PATIENCE = 0.01
"""Seconds for which results are collected before they are handed back: outcomes are committed soon, and together."""
LEAST_WINDOW = 32
AHEAD = 2
"""So many jobs are taken for each hand: nobody waits for the next one while outcomes are committed. More would only
lie in doubt longer if we were killed, and be answered faster than anybody can write it down."""
EACH = 16
"""So many jobs of a lane call for one hand more: a fast peer is served over few connections, a slow one over all."""
IN_ONE_GO = 32
"""After so many jobs of a lane a hand looks whether anything else waits."""
SWITCH = 0.001
"""Seconds for which a thread may compute before others have their turn: with the usual 5 ms, a crew whose
providers need computing (TLS, signatures) keeps whoever commits waiting for tens of them."""


class Alone(Generic[J, R]):
    """Does the jobs in the thread that asks for their results."""

    window = 16
    """So many jobs at once; more would only lie in doubt longer if we were killed."""

    def __init__(self, work: Work[J, R], patience: float = PATIENCE) -> None:
        """Begin without jobs."""
        self._work = work
        self._patience = patience
        self._jobs: deque[tuple[J, Hashable]] = deque()

    def submit(self, job: J, lane: Hashable = None) -> None:
        """Keep a job."""
        self._jobs.append((job, lane))

    def results(self) -> list[R]:
        """Do jobs for as long as ``patience`` lasts, the first in any case."""
        until = time.monotonic() + self._patience
        done: list[R] = []
        while self._jobs and (not done or time.monotonic() < until):
            job, lane = self._jobs.popleft()
            done += self._work(job, lambda lane=lane: self._next(lane, until))  # type: ignore[misc]
        return done

    def _next(self, lane: Hashable, until: float) -> J | None:
        if lane is None or not self._jobs or self._jobs[0][1] != lane or time.monotonic() >= until:
            return None
        return self._jobs.popleft()[0]

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class _Lane(Generic[J]):
    """Jobs that may follow each other, and how many hands have been called and have not come yet."""

    jobs: deque[J] = field(default_factory=deque)
    called: int = 0


class Crew(Generic[J, R]):
    """Several threads; work that raises ends the wait with its error, never silently."""

    def __init__(self, workers: int, work: Work[J, R]) -> None:
        """Start ``workers`` threads."""
        self._work = work
        self.window = max(LEAST_WINDOW, AHEAD * workers)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, self._interval))
        self._lanes: dict[Hashable, _Lane[J]] = {}
        self._lock = Lock()
        self._calls: SimpleQueue[_Lane[J] | None] = SimpleQueue()
        self._results: SimpleQueue[R | BaseException] = SimpleQueue()
        self._threads = [Thread(target=self._serve, name=f"deliver-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: J, lane: Hashable = None) -> None:
        """Give a job to whoever is free first, or comes to the end of another one of the same ``lane``."""
        if lane is None:
            self._calls.put(_Lane(deque((job,)), 1))
            return
        found = self._lanes.get(lane)
        if found is None:
            found = self._lanes[lane] = _Lane()
        with self._lock:
            found.jobs.append(job)
            if found.called * EACH < len(found.jobs):
                found.called += 1
                self._calls.put(found)

    def _serve(self) -> None:
        while (lane := self._calls.get()) is not None:
            with self._lock:
                lane.called -= 1
            try:
                self._empty(lane)
            except BaseException as error:  # told to whoever waits
                self._results.put(error)

    def _empty(self, lane: _Lane[J]) -> None:
        """Do what stands in the lane; leave the rest to others where something else waits."""
        begun = 0

        def more() -> J | None:
            nonlocal begun
            if begun >= IN_ONE_GO and not self._calls.empty():
                return None
            begun += 1
            with suppress(IndexError):
                return lane.jobs.popleft()
            return None

        try:
            while (job := more()) is not None:
                for result in self._work(job, more):
                    self._results.put(result)
        finally:
            with self._lock:
                if lane.jobs and not lane.called:
                    lane.called += 1
                    self._calls.put(lane)

    def results(self) -> list[R]:
        """Wait for a result, then for others: until half of the jobs are done, or a hundredth of a second."""
        done = [self._results.get()]
        until = time.monotonic() + PATIENCE
        enough = self.window // 2
        with suppress(Empty):
            while len(done) < enough and (left := until - time.monotonic()) > 0:
                done.append(self._results.get(timeout=left))
            while True:
                done.append(self._results.get_nowait())
        found: list[R] = []
        for one in done:
            if isinstance(one, BaseException):
                raise one
            found.append(one)
        return found

    def close(self) -> None:
        """Send the threads home, jobs not begun undone; one that hangs in a provider is left behind."""
        sys.setswitchinterval(self._interval)
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        for lane in self._lanes.values():
            lane.jobs.clear()
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join(0.5)


def hands(workers: int, work: Work[J, R], patience: float) -> Alone[J, R] | Crew[J, R]:
    """Return one pair of hands, ours with so much ``patience``, or a crew."""
    return Alone(work, patience) if workers <= 1 else Crew(workers, work)


def call(provider: Provider, message: Waiting, now: datetime, *, ask: bool = False) -> Outcome:
    """Hand ``message`` to a provider, or ask there; an error that it should not have raised is ``unknown``."""
    try:
        return provider.notifier.ask(message) if ask else provider.notifier.send(message, now)
    except Exception as error:
        return _crashed(error)


def flow(
    notifier: Flowing, messages: Iterator[tuple[Waiting, datetime]]
) -> Iterator[tuple[Waiting, Outcome]]:
    """Let a channel take messages one after another; whatever it began and did not answer is ``unknown``."""
    open_: dict[str, Waiting] = {}

    def begun() -> Iterator[tuple[Waiting, datetime]]:
        for message, now in messages:
            open_[message.key] = message
            yield message, now

    lost = Outcome("unknown", "渠道程序没有给出结果")
    try:
        for message, outcome in notifier.flow(begun()):
            if open_.pop(message.key, None) is not None:
                yield message, outcome
    except Exception as error:
        lost = _crashed(error)
    for message in open_.values():
        yield message, lost


def _crashed(error: Exception) -> Outcome:
    """Tell only the kind of an error: its text may hold a number."""
    return Outcome("unknown", f"渠道程序出错：{type(error).__name__}")
