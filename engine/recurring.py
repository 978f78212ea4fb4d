"""Open the matters of recurring duties as their periods come, each once per duty, place and period. 周期性工作

A matter's id is spelled from the three (``D53-市一中-2027``) and unique in the database: whoever comes second, another
scheduler or the same one after it was killed, finds it there. What is looked for depends on the calendar, the
appointments and the day on which this installation began, never on when somebody looked: after an outage the same
matters are opened at the same logical moments, those of periods wholly past included.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from engine.directory import Unit
from engine.errors import BadRow, YiribanError
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.opening import open_matter
from engine.recurrence import DutyDef, Period
from engine.work import SYSTEM, Reader, Work
from engine.workflow import Bundle

LATE = "（逾期补开）"
"""Stands behind the title of what was opened only after it had been due: every list and warning says so."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in which a role is held: a unit, or a jurisdiction with the unit that stands for it; since when."""

    place: str
    unit: Unit
    since: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """When this installation began to open duties, and when it last looked for all that were to be opened."""

    begun: datetime
    seen: datetime | None


class Register(Protocol):
    """What the opening asks of a store, inside an open transaction."""

    def looked(self) -> Looked | None:
        """Return how far the opening has come; ``None`` where it has not begun (a rehearsal, a replay)."""
        ...

    def hold_duties(self) -> None:
        """Let no other scheduler open duties before this transaction ends."""
        ...

    def duties_seen(self, now: datetime) -> None:
        """Remember that all was opened that was to be opened by ``now``."""
        ...

    def seats(self, role: str, since: datetime, until: datetime) -> list[Seat]:
        """Return where ``role`` is held at some time from ``since`` until ``until``, by place."""
        ...

    def opened_among(self, ids: Collection[str]) -> set[str]:
        """Return those of ``ids`` that are matters already."""
        ...

    def keep_bundle(self, bundle: Bundle, now: datetime, jurisdiction: str) -> None:
        """Keep the files of ``bundle``, once."""
        ...

    def write(self, work: Work) -> None:
        """Write the effects of ``work`` inside the transaction and clear them."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """Guard a part of the transaction: an error inside undoes that part only."""
        ...


@dataclass(slots=True)
class Openings:
    """What a look at the calendar led to: matters opened in logical order, and what could not be opened and why."""

    opened: list[Matter] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One matter that must be there: of which duty, in which period and place, from when and until when."""

    id: str
    duty: DutyDef
    period: Period
    seat: Seat
    at: datetime
    ends: datetime


def open_duties(office: Office, store: Register, reader: Reader, now: datetime) -> Openings:
    """Open what is due by ``now``, once a day; one that cannot be opened stops no other and is tried again."""
    done = Openings()
    looked = store.looked()
    if looked is None or _seen_today(office, looked, now):
        return done
    store.hold_duties()
    looked = store.looked()  # another scheduler may have been faster
    if looked is None or _seen_today(office, looked, now):
        return done
    since = looked.seen or looked.begun
    wanted = sorted(_wanted(office, store, looked.begun, since, now, done), key=lambda w: (w.at, w.id))
    there = store.opened_among([w.id for w in wanted])
    missing = [w for w in wanted if w.id not in there]
    for place in sorted({w.seat.unit.jurisdiction for w in missing}):
        store.keep_bundle(office.current, now, place)
    for one in missing:
        _open(office, store, reader, one, now, done)
    if not done.troubles:
        store.duties_seen(now)
    return done


def _seen_today(office: Office, looked: Looked, now: datetime) -> bool:
    """Say whether this day's look is over; a wall clock that was set back has nothing new to find."""
    day_of = office.calendar.day_of
    return looked.seen is not None and day_of(looked.seen) >= day_of(now)


def lacking(office: Office, store: Register, now: datetime) -> list[str]:
    """Return what should have been opened before today, its period not past, and is not there: for the auditor.

    Where today's look came to its end nothing is missing: who is appointed after it has duties from tomorrow.
    """
    looked = store.looked()
    if looked is None or _seen_today(office, looked, now):
        return []
    calendar = office.calendar
    before = calendar.start_of(calendar.day_of(now))
    wanted = [w.id for w in _wanted(office, store, looked.begun, now, now, Openings()) if w.at < before]
    there = store.opened_among(wanted)
    return sorted(id for id in wanted if id not in there)


def _wanted(
    office: Office, store: Register, begun: datetime, since: datetime, now: datetime, done: Openings
) -> Iterator[_Wanted]:
    """Walk what must be there by ``now`` of all periods that were not past at ``since``."""
    calendar = office.calendar
    last, today = calendar.day_of(since), calendar.day_of(now)
    for duty in office.current.duties.values():
        for period in duty.periods(last, today):
            opens, ends = calendar.start_of(period.opens), calendar.midnight_after(period.due)
            for seat in store.seats(duty.role, opens, ends):
                # nobody owes what was due before the role was held, or before this installation began
                at = max(opens, begun, seat.since)
                if at < ends and at <= now and _applies(office, duty, seat, done):
                    yield _Wanted(duty.numbered(seat.place, period), duty, period, seat, at, ends)


def _applies(office: Office, duty: DutyDef, seat: Seat, done: Openings) -> bool:
    """Say whether the place has the duty: one of local practice only where its profile switches it on."""
    if not duty.switch:
        return True  # whatever the profile is, even one that no file knows
    try:
        return office.profile(office.current, seat.unit.profile).has(duty.switch)
    except YiribanError as trouble:
        done.troubles.append(f"{duty.code} {seat.place}：{trouble.what}")
        return False


def _open(
    office: Office, store: Register, reader: Reader, wanted: _Wanted, now: datetime, done: Openings
) -> None:
    """Open one matter in a savepoint of its own."""
    work = Work(reader)
    try:
        matter = _matter(office, wanted, now)
        open_matter(office, work, matter, now=now, actor=SYSTEM, cause=wanted.id)
    except YiribanError as trouble:
        done.troubles.append(f"{wanted.id}：{trouble.what}")
        return
    try:
        with store.savepoint():
            store.write(work)
    except BadRow as trouble:
        done.troubles.append(f"{wanted.id}：{trouble.what}（{trouble.why}）")
        return
    done.opened.append(matter)


def _matter(office: Office, wanted: _Wanted, now: datetime) -> Matter:
    duty, unit = wanted.duty, wanted.seat.unit
    office.profile(
        office.current, unit.profile
    )  # raises for one that no file knows: better now than at each rung
    facts: dict[str, FactValue] = {
        "duty": str(duty.title),
        "period": wanted.period.label,
        "due_on": wanted.period.due,
        "basis": duty.ground.basis,
    }
    title = f"{wanted.period.label}{duty.title}"
    return Matter(
        id=wanted.id,
        root=wanted.id,
        workflow=duty.workflow,
        state=office.current.workflows[duty.workflow].initial,
        state_since=wanted.at,
        title=title + LATE if now >= wanted.ends else title,
        unit=unit.id,
        jurisdiction=unit.jurisdiction,
        bundle=office.current.hash,
        profile=unit.profile,
        opened_at=wanted.at,
        facts=facts,
    )
