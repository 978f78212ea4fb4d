"""A thread beside the event loop for what blocks: one thing after another, nobody waits longer than they said.

The pool of `asyncio` will not do: its threads are waited for when the program ends, however long a database hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import Full, Queue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 64


class Busy(Exception):
    """Too much waits already, or it was not done in time; it may still be done."""


class Lane:
    """One daemon thread and what it has still to do."""

    def __init__(self, name: str, most: int = MOST) -> None:
        """Begin; at most ``most`` things wait."""
        self._waiting: Queue[tuple[Future[Any], Callable[[], Any]]] = Queue(most)
        Thread(target=self._run, name=name, daemon=True).start()

    async def do(self, act: Callable[[], T], within: float | None = None) -> T:
        """Do ``act`` in the thread and return what it returns; raise ``Busy`` after ``within`` seconds, if given."""
        future: Future[T] = Future()
        try:
            self._waiting.put_nowait((future, act))
        except Full:
            raise Busy from None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), within)
        except TimeoutError:
            raise Busy from None

    def _run(self) -> None:
        while True:
            future, act = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue  # nobody waits for it any more
            try:
                future.set_result(act())
            except BaseException as error:
                future.set_exception(error)
