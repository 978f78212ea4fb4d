"""Reads the measures from the database, once for each beat however often somebody asks. 采样"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from storage.measures import Measures, Place, added, measure, place
from storage.store import SqlStore

OLDEST = 60.0
"""Seconds after which a sample is taken anew though no beat has ended: the beat may be what is wrong."""
_MOST_ROUNDS = 20


@dataclass(slots=True)
class Sample:
    """The last measures that could be read, the totals since the start, and how reading went."""

    measures: Measures | None = None
    attempts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    took: float = 0.0
    failures: int = 0
    taken: float = 0.0
    """When, by the monotonic clock."""
    well: bool = False
    """Whether the last reading succeeded; where not, the measures are those of an earlier one."""


class Sampler:
    """Used by one thread at a time, with a store of its own."""

    def __init__(
        self,
        store: SqlStore,
        now: Callable[[], datetime],
        beats: Callable[[], int],
        *,
        guard: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read from ``store``; ``beats`` counts the beats that ended, ``guard`` raises where the database has gone."""
        self._store = store
        self._now = now
        self._beats = beats
        self._guard = guard
        self._monotonic = monotonic
        self._seen = -1
        self._place: Place | None = None
        self._sample = Sample()

    @property
    def stale(self) -> bool:
        """Whether a beat has ended since the last sample, or it is old."""
        return self._beats() != self._seen or self._monotonic() - self._sample.taken >= OLDEST

    @property
    def sample(self) -> Sample:
        """The sample as it stands; ``take`` puts another in its place and never changes one that was handed out."""
        return self._sample

    def begin(self) -> None:
        """Remember where counting begins; raise where the database cannot be read."""
        with self._store.reading():
            self._place = place(self._store)
        self._store.close()

    def take(self) -> Sample:
        """Read everything anew; an error is counted, and leaves the measures as they were."""
        began, seen, old = self._monotonic(), self._beats(), self._sample
        fresh = Sample(old.measures, Counter(old.attempts), Counter(old.ended), failures=old.failures)
        try:
            self._guard()
            with self._store.reading():
                fresh.measures = measure(self._store, self._now())
            self._count(fresh)
            fresh.well = True
        except Exception:  # whatever it is: what is served then says how old it is, and that reading fails
            fresh.failures += 1
        finally:
            self._store.close()
        fresh.taken = self._monotonic()
        fresh.took = fresh.taken - began
        self._seen, self._sample = seen, fresh
        return fresh

    def _count(self, fresh: Sample) -> None:
        """Count what was added, in transactions of their own: none lasts long."""
        for _ in range(_MOST_ROUNDS):
            with self._store.reading():
                since = self._place or place(self._store)
                found = added(self._store, since)
            self._place = found.upto
            fresh.attempts.update(found.attempts)
            fresh.ended.update(found.ended)
            if found.upto == since:
                return

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()
