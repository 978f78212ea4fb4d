"""Whether the patrol lives: when a beat began, moved on and ended, by the monotonic clock. 脉搏

The beat's own thread writes, anybody reads. Age is never judged by the wall clock: set back an hour it would
make a dead patrol look alive, set ahead a living one dead.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from engine.patrol import Beat

MISSED = 2.0
"""So many intervals may pass without a sign of life."""
DRIFT = 60.0
"""Seconds by which wall and monotonic time may drift apart before the scheduler is rebuilt."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Vital:
    """The signs at one moment, in seconds.

    ``age`` is the time since a beat last ended well, or wrote a set of a long one; ``None`` before the first.
    ``waited``: how long nobody has seen any sign, counted from the start where there was none.
    """

    age: float | None
    waited: float
    limit: float
    drift: float
    last_success: datetime | None
    beats: int
    failures: int
    leaving: bool

    @property
    def beating(self) -> bool:
        """Whether the last sign of life is young enough."""
        return self.age is not None and self.age <= self.limit

    @property
    def steady(self) -> bool:
        """Whether the wall clock has not jumped away from the monotonic one unnoticed."""
        return abs(self.drift) < DRIFT


class Pulse:
    """Counts beats and notes their moments; safe in any thread."""

    def __init__(
        self,
        every: float,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        on_beat: Callable[[float, bool], None] = lambda _seconds, _well: None,
    ) -> None:
        """Expect a beat ``every`` so many seconds; ``on_beat`` hears how long each took and whether it ended well."""
        self._every = every
        self._now = now
        self._monotonic = monotonic
        self._lock = Lock()
        self._born = monotonic()
        self._began = self._born
        self._sign: float | None = None
        self._last_success: datetime | None = None
        self._offset = self._apart()
        self._leaving = False
        self.on_beat = on_beat
        self.beats = self.failures = self.steps = 0
        self.done: Counter[str] = Counter()
        """Totals since the start: ``fires``, ``messages``, ``cases``, ``troubles``."""
        self.rebuilt: Counter[str] = Counter()
        """How often the scheduler was built anew, by reason; ``clock``: the wall clock had jumped."""

    def began(self) -> None:
        """Note that a beat begins."""
        with self._lock:
            self._began = self._monotonic()

    def moved(self) -> None:
        """Note that the beat in progress has written a part: a long one is alive."""
        with self._lock:
            self._sign = self._monotonic()

    def ended(self, beat: Beat) -> None:
        """Note that the beat in progress has done everything that was due."""
        with self._lock:
            self._sign = self._monotonic()
            took = self._sign - self._began
            self._last_success = self._now()
            self.beats += 1
            self.done["fires"] += len(beat.fires)
            self.done["messages"] += len(beat.messages)
            self.done["cases"] += sum(1 for fire in beat.fires if fire.case)
            self.done["troubles"] += len(beat.troubled)
        self.on_beat(took, True)

    def failed(self) -> None:
        """Note that the beat in progress has raised an error; that is no sign of life."""
        with self._lock:
            took = self._monotonic() - self._began
            self.failures += 1
        self.on_beat(took, False)

    def restarted(self, why: str) -> None:
        """Note that the scheduler was built anew, and take the wall clock as it now stands."""
        with self._lock:
            self.rebuilt[why] += 1
            self._offset = self._apart()

    def leave(self) -> None:
        """Note that the program is about to stop."""
        self._leaving = True

    def read(self) -> Vital:
        """Return the signs as they are now."""
        with self._lock:
            here = self._monotonic()
            age = None if self._sign is None else here - self._sign
            waited = here - (self._born if self._sign is None else self._sign)
            drift = self._apart() - self._offset
            return Vital(
                age, waited, MISSED * self._every, drift, self._last_success, self.beats, self.failures, self._leaving
            )  # fmt: skip

    def _apart(self) -> float:
        """Wall time minus monotonic time, in seconds."""
        return (self._now() - _LONG_AGO).total_seconds() - self._monotonic()
