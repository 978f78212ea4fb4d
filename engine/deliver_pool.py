"""Hands that call providers: one after another in our own thread, or several threads at once. 发送的人手

No database here: a task is a function, its result comes back through a queue to the thread that asked.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from engine.delivery import Outcome, Provider, Waiting

T = TypeVar("T")

PATIENCE = 0.01
"""Seconds for which results are collected before they are handed back: outcomes are committed soon, and together."""
LEAST_WINDOW = 32
SWITCH = 0.0005
"""Seconds for which a thread may compute before others have their turn: with the usual 5 ms, a crew whose
providers need computing (TLS, signatures) keeps whoever commits waiting for tens of them."""


class Alone(Generic[T]):
    """Does the tasks in the thread that asks for their results."""

    window = 16
    """So many tasks at once; more would only lie in doubt longer if we were killed."""

    def __init__(self) -> None:
        """Begin without tasks."""
        self._tasks: deque[Callable[[], T]] = deque()

    def submit(self, task: Callable[[], T]) -> None:
        """Keep a task."""
        self._tasks.append(task)

    def results(self) -> list[T]:
        """Do tasks for a hundredth of a second, the first in any case."""
        until = time.monotonic() + PATIENCE
        done = [self._tasks.popleft()()]
        while self._tasks and time.monotonic() < until:
            done.append(self._tasks.popleft()())
        return done

    def close(self) -> None:
        """Nothing to let go of."""


class Crew(Generic[T]):
    """Several threads; a task that raises ends the wait with its error, never silently."""

    def __init__(self, workers: int) -> None:
        """Start ``workers`` threads; some more tasks than that are taken, so that nobody waits for the next."""
        self.window = max(LEAST_WINDOW, 2 * workers)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(min(SWITCH, self._interval))
        self._tasks: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._results: SimpleQueue[T | BaseException] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"deliver-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                self._results.put(task())
            except BaseException as error:  # told to whoever waits
                self._results.put(error)

    def submit(self, task: Callable[[], T]) -> None:
        """Give a task to whoever is free first."""
        self._tasks.put(task)

    def results(self) -> list[T]:
        """Wait for a result, then for others: until half of the tasks are done, or a hundredth of a second."""
        done = [self._results.get()]
        until = time.monotonic() + PATIENCE
        with suppress(Empty):
            while len(done) < self.window // 2 and (left := until - time.monotonic()) > 0:
                done.append(self._results.get(timeout=left))
            while True:
                done.append(self._results.get_nowait())
        found: list[T] = []
        for one in done:
            if isinstance(one, BaseException):
                raise one
            found.append(one)
        return found

    def close(self) -> None:
        """Send the threads home, tasks not begun undone; one that hangs in a provider is left behind."""
        sys.setswitchinterval(self._interval)
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(0.5)


def hands(workers: int) -> Alone[T] | Crew[T]:
    """Return one pair of hands, ours, or a crew."""
    return Alone() if workers <= 1 else Crew(workers)


def call(provider: Provider, message: Waiting, now: datetime, *, ask: bool = False) -> Outcome:
    """Hand ``message`` to a provider, or ask there; an error that it should not have raised is ``unknown``."""
    try:
        return provider.notifier.ask(message) if ask else provider.notifier.send(message, now)
    except Exception as error:  # its text may hold a number: only its kind is told
        return Outcome("unknown", f"渠道程序出错：{type(error).__name__}")
