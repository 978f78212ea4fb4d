"""Route: time passes. Drain what is due, in sets of up to 500, each its own transaction. 巡检"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.clock import RETRY_AFTER, Clock
from engine.errors import BadRow
from engine.office import Office
from engine.passing import pass_time
from engine.work import Fire, Message, Work

SET = 500


class Store(Protocol):
    """What a patrol asks of a store: transactions that give a unit of work and write its effects."""

    def work(self) -> AbstractContextManager[Work]:
        """Begin a transaction; on leaving, write the effects and commit, or roll back on error."""
        ...

    def write(self, work: Work) -> None:
        """Write the effects of ``work`` inside the transaction and clear them."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """Guard a part of the transaction: an error inside undoes that part only."""
        ...


@dataclass(slots=True)
class Beat:
    """What a patrol did: fires in logical order, their messages, clocks in trouble."""

    at: datetime
    fires: list[Fire] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    troubled: list[Clock] = field(default_factory=list)
    looked_at: int = 0


def patrol(
    office: Office, store: Store, now: datetime, *, dry_run: bool = False, on_set: Callable[[int], None] | None = None
) -> Beat:
    """Do what is due by ``now``; afterwards nothing that was due is left. Doing it twice changes nothing.

    ``dry_run`` computes the same fires and messages and writes none of it.
    """
    beat = Beat(now)
    if dry_run:
        _rehearse(office, store, now, beat)
        return beat
    while True:
        with store.work() as work:
            clocks = work.adopt(work.reader.read_due(now, SET))
            if not clocks:
                return beat
            full = len(clocks) == SET
            until = clocks[-1].look_at if full else now
            assert until is not None
            _drain(office, store, work, clocks, now, until, beat)
            store.write(work)
        beat.looked_at += len(clocks)
        if on_set is not None:
            on_set(beat.looked_at)


def _drain(
    office: Office, store: Store, work: Work, clocks: list[Clock], now: datetime, until: datetime, beat: Beat
) -> None:
    """Fire and write one set in a savepoint; on a database error halve it down to the bad clock."""
    try:
        with store.savepoint():
            fires = pass_time(office, work, clocks, now, until=until)
            messages = list(work.messages)
            troubled = [c for c in clocks if c.trouble]
            store.write(work)
    except BadRow as error:
        keys = [(c.matter, c.name, c.round) for c in clocks]
        if len(clocks) == 1:
            _set_aside(work, keys[0], str(error), now, beat)
            store.write(work)
            return
        half = len(keys) // 2
        for part in (keys[:half], keys[half:]):
            fresh = Work(work.reader)
            again = fresh.adopt([c for c in fresh.reader.read_due(now, SET * 2) if c.key in set(part)])
            _drain(office, store, fresh, again, now, until, beat)
        work.clear()
        return
    beat.fires += fires
    beat.messages += messages
    beat.troubled += troubled


def _set_aside(work: Work, key: tuple[str, str, int], trouble: str, now: datetime, beat: Beat) -> None:
    """Keep the trouble on the clock, to be seen and retried, as it was read from the store."""
    fresh = Work(work.reader)
    clock = next(c for c in fresh.adopt(fresh.reader.read_due(now, SET * 2)) if c.key == key)
    work.clear()
    clock.trouble = trouble
    for item in clock.plan:
        if item.look_at <= now:
            item.retry_at = now + RETRY_AFTER
    if not clock.plan:
        clock.look_at = now + RETRY_AFTER
    else:
        clock.reschedule()
    work.touch_clock(clock)
    beat.troubled.append(clock)


def _rehearse(office: Office, store: Store, now: datetime, beat: Beat) -> None:
    after: tuple[datetime, int] | None = None
    with store.work() as work:
        while True:
            found = work.reader.read_due(now, SET if after is None else SET + after[1])
            clocks = work.adopt(found)
            waiting = [c for c in clocks if c.look_at is not None and c.look_at <= now]
            if not waiting:
                break
            until = found[-1].look_at if len(found) >= SET else now
            beat.fires += pass_time(office, work, waiting, now, until=until or now)
            beat.looked_at += len(waiting)
            after = (now, len(found))
        beat.messages = list(work.messages)
        beat.troubled = [c for held in work.clocks.values() for c in held if c.trouble]
        work.clear()

