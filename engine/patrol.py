"""Route: time passes. Drain what is due, in sets of up to 500, each its own transaction. 巡检"""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.clock import RETRY_AFTER, Clock
from engine.errors import BadRow, Unreadable
from engine.matter import Matter
from engine.office import Office
from engine.passing import Turn, fire_next, keep_trouble, pass_time, turn
from engine.recurring import Register, open_duties
from engine.work import Fire, Message, Reader, Work

SET = 500
ALL = 2**31 - 1


class Store(Register, Protocol):
    """What a patrol asks of a store: transactions that give a unit of work and write its effects."""

    def work(self) -> AbstractContextManager[Work]:
        """Begin a transaction; on leaving, write the effects and commit, or roll back on error."""
        ...

    def isolate(self, now: datetime, limit: int, until: datetime) -> list[Clock]:
        """Set the clocks aside ``until`` then that are due by ``now`` and cannot be read, and return them."""
        ...


class _Undone(Exception):
    """Leaves a savepoint so that it is rolled back: a rehearsal ends."""


@dataclass(slots=True)
class Beat:
    """What a patrol did: fires in logical order, their messages, clocks in trouble; the recurring duties that it
    opened, and those that it could not.
    """

    at: datetime
    fires: list[Fire] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    troubled: list[Clock] = field(default_factory=list)
    looked_at: int = 0
    opened: list[Matter] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)


def patrol(
    office: Office,
    store: Store,
    now: datetime,
    *,
    dry_run: bool = False,
    on_set: Callable[[int], None] | None = None,
) -> Beat:
    """Do what is due by ``now``; afterwards nothing that was due is left. Doing it twice changes nothing.

    ``dry_run`` computes the same fires and messages and writes none of it.
    """
    beat = Beat(now)
    if dry_run:
        _rehearse(office, store, now, beat)
        return beat
    with store.work() as work:
        _open_duties(office, store, work, now, beat)
    while True:
        with store.work() as work:
            clocks = _readable(store, work, now, SET, beat)
            if not clocks:
                return beat
            until = turn(clocks[-1]) if len(clocks) == SET else None
            _drain(office, store, work, clocks, now, until, beat)
            store.write(work)
        beat.looked_at += len(clocks)
        if on_set is not None:
            on_set(beat.looked_at)


def _open_duties(office: Office, store: Store, work: Work, now: datetime, beat: Beat) -> None:
    """What the calendar brings comes before what is due: a matter opened late has its first rungs at once."""
    found = open_duties(office, store, work.reader, now)
    beat.opened, beat.unopened = found.opened, found.troubles


def _readable(
    store: Store, work: Work, now: datetime, limit: int, beat: Beat, only: Set[tuple[str, str, int]] | None = None
) -> list[Clock]:  # fmt: skip
    """Read what is due (of ``only`` these, if given); set a damaged clock aside, so that it stops no other."""
    while True:
        try:
            due = work.reader.read_due(now, limit)
            return work.adopt(due if only is None else [c for c in due if c.key in only])
        except Unreadable:
            damaged = store.isolate(now, limit, now + RETRY_AFTER)
            if not damaged:
                raise
            beat.troubled += damaged


def _drain(
    office: Office,
    store: Store,
    work: Work,
    clocks: list[Clock],
    now: datetime,
    until: Turn | None,
    beat: Beat,
) -> None:
    """Fire and write one set in a savepoint; on a database error halve it down to the bad rung."""
    keys = [c.key for c in clocks]
    try:
        with store.savepoint():
            fires = pass_time(office, work, clocks, now, until=until)
            messages = list(work.messages)
            troubled = [c for c in clocks if c.trouble]
            store.write(work)
    except BadRow:
        work.clear()
        if len(keys) == 1:
            _one_by_one(office, store, work.reader, keys[0], now, until, beat)
            return
        half = len(keys) // 2
        for part in (keys[:half], keys[half:]):
            fresh = Work(work.reader)
            _drain(office, store, fresh, _again(store, fresh, part, now, beat), now, until, beat)
        return
    beat.fires += fires
    beat.messages += messages
    beat.troubled += troubled


def _again(
    store: Store, work: Work, keys: list[tuple[str, str, int]], now: datetime, beat: Beat
) -> list[Clock]:
    """Read these clocks afresh where they are still due."""
    return _readable(store, work, now, SET * 2, beat, set(keys))


def _one_by_one(
    office: Office, store: Store, reader: Reader, key: tuple[str, str, int], now: datetime, until: Turn | None,
    beat: Beat,
) -> None:  # fmt: skip
    """Fire the rungs of one clock each in its own savepoint; set a bad one aside, the others take effect."""
    while True:
        work = Work(reader)
        clock = next(iter(_again(store, work, [key], now, beat)), None)
        if clock is None or (until is not None and turn(clock) > until):
            return
        try:
            with store.savepoint():
                fire = fire_next(office, work, clock, now)
                messages = list(work.messages)
                store.write(work)
        except BadRow as error:
            clock = _set_aside(store, Work(reader), key, error, now, beat)
        else:
            beat.fires += [fire] if fire is not None else []
            beat.messages += messages
        if clock.trouble:
            beat.troubled.append(clock)


def _set_aside(
    store: Store, work: Work, key: tuple[str, str, int], error: BadRow, now: datetime, beat: Beat
) -> Clock:
    """Keep the trouble on the clock, to be seen and retried, as the clock was read from the store."""
    clock = _again(store, work, [key], now, beat)[0]
    keep_trouble(clock, f"{error.what}（{error.why}）", now)
    work.touch_clock(clock)
    store.write(work)
    return clock


def _rehearse(office: Office, store: Store, now: datetime, beat: Beat) -> None:
    with store.work() as work, suppress(_Undone), store.savepoint():
        _open_duties(office, store, work, now, beat)
        clocks = _readable(store, work, now, ALL, beat)
        beat.fires = pass_time(office, work, clocks, now)
        beat.messages = list(work.messages)
        beat.troubled += [c for c in clocks if c.trouble]
        beat.looked_at = len(clocks)
        work.clear()
        raise _Undone
