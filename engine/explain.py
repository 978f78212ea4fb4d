"""Why is this red? Each clock taken apart: anchor, term and article, the count day by day, what fired, what
comes next; and the lamp that it shows. Values only, nothing is printed here. 说明

Lamps follow decision 5 of the plan: a due moment that passed with nothing recorded is 待核实, not late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from engine.attributing import traces_of
from engine.clock import Clock, DueMoment, missed
from engine.counting import account as days_of
from engine.counting import due
from engine.freezing import frozen_days
from engine.law import Ground
from engine.losing import Answerable, days_lost
from engine.matter import Matter, Pause
from engine.message import due_day, hung_on
from engine.office import Office
from engine.starting import counted_again, pauses_on
from engine.term import Length, Moment
from engine.work import Fire, Work
from engine.workdays import WorkingCalendar
from engine.workflow import (
    MOMENTS,
    ClockDef,
    MomentName,
    Rung,
    TermDef,
    Trigger,
)

Lamp = Literal[
    "normal", "soon", "unverified", "overdue", "paused", "in_time", "recorded_late", "done_late", "waiting", "void"
]  # fmt: skip
"""正常, 临期, 待核实, 超期 (confirmed late), 中止; of an ended clock 按期, 补录 (in time, recorded late), 补办 (late); 等待期; 作废."""

CONFIRMING = frozenset({"drafted", "deferred", "referred", "lead", "accepted", "rectifying", "reviewing"})
"""States of a case that lie behind the limit of the reminder to correct: the breach counts as confirmed."""
SOON = timedelta(hours=4)
# no run of rest days is this long, so a working day lies before the due day
_FAR = timedelta(days=20)
_TICK = timedelta(microseconds=1)


def lamp_of(
    clock: Clock, kind: str, now: datetime, zone: tzinfo, calendar: Callable[[], WorkingCalendar],
    case: str | None = None,
) -> Lamp:  # fmt: skip
    """Return the lamp of a clock at ``now``; ``kind`` is its term's (``max`` or ``min``), ``case`` the state
    of the case about it, if there is one.

    临期: within four hours, or no working day left before the due day. The calendar is only asked for
    where it decides.
    """
    if clock.state == "met":
        return "in_time" if kind == "min" else _ended(clock)
    if clock.state != "running":
        return clock.state
    if kind == "min":
        return "waiting"
    lamp = _running(clock, now, zone, calendar)
    return "overdue" if lamp == "unverified" and case in CONFIRMING else lamp


def _running(clock: Clock, now: datetime, zone: tzinfo, calendar: Callable[[], WorkingCalendar]) -> Lamp:
    nearest = min((m for n in MOMENTS if (m := clock.moment(n)) is not None), default=None)
    if nearest is None or nearest - now > _FAR:
        return "normal"
    if now >= nearest:
        return "unverified"
    day, today = (nearest - _TICK).astimezone(zone).date(), now.astimezone(zone).date()
    near = nearest - now <= SOON or day == today or calendar().worked_between(today, day) == 0
    return "soon" if near else "normal"


def _ended(clock: Clock) -> Lamp:
    assert clock.ended_at is not None
    if missed(clock, clock.ended_at):
        return "done_late"
    recorded = clock.ended_recorded_at or clock.ended_at
    return "recorded_late" if missed(clock, recorded) else "in_time"


def worst(lamps: Sequence[Lamp]) -> Lamp:
    """Return the lamp that a project shows: an open doubt first, then what is near, then what was late."""
    order: tuple[Lamp, ...] = ("overdue", "unverified", "soon", "paused", "done_late")
    return next((lamp for lamp in order if lamp in lamps), "normal")


@dataclass(frozen=True, slots=True)
class DueAccount:
    """One due moment: how it was counted, and how an end at ``ended_at`` (or ``now``) stands to it.

    ``days`` are the rest days skipped and the make-up days counted: (day, name, worked); ``frozen`` the
    days left out because a pause touched them; ``extended`` the day an extension set. ``left`` is
    negative once the moment has passed. ``recounted`` is set where the present calendar gives another
    moment than the one in force, ``rolled_from`` where the last day was a rest day (顺延).
    """

    name: MomentName
    moment: Moment
    limit: Length | None
    ground: Ground | None
    days: tuple[tuple[date, str, bool], ...]
    left: timedelta
    recounted: Moment | None = None
    rolled_from: date | None = None
    frozen: tuple[date, ...] = ()
    extended: date | None = None


@dataclass(frozen=True, slots=True)
class RungAccount:
    """A rung that fired (``fired_at``) or is planned, with whom it told or will tell.

    ``moment`` names the due moment that it hangs on.
    """

    name: str
    does: str
    at: datetime
    roles: tuple[str, ...]
    persons: tuple[str, ...]
    via: tuple[str, ...]
    moment: MomentName | None = None
    fired_at: datetime | None = None
    collapsed: bool = False
    case: str | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClockAccount:
    """Everything that can be said of one clock."""

    matter: Matter
    clock: Clock
    definition: ClockDef
    term: TermDef
    started_by: tuple[Trigger, ...]
    dues: tuple[DueAccount, ...]
    fired: tuple[RungAccount, ...]
    planned: tuple[RungAccount, ...]
    lamp: Lamp
    pauses: tuple[Pause, ...] = ()
    """The pauses of the matter and of what it is part of that touch this clock."""
    lost: Mapping[date, Answerable] = field(default_factory=dict)
    """The lost days behind the earliest due moment, each with whose it is."""

    @property
    def late(self) -> tuple[MomentName, ...]:
        """The due moments that the end missed; empty while the clock runs."""
        if self.clock.state != "met" or self.clock.ended_at is None or self.term.kind == "min":
            return ()
        return tuple(missed(self.clock, self.clock.ended_at))


def explain(
    office: Office,
    work: Work,
    matter: Matter,
    clock: Clock,
    now: datetime,
    *,
    fires: Sequence[Fire] = (),
    told: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> ClockAccount:
    """Take one clock apart. ``fires`` are those of its matter, ``told`` whom each told: (person, channel)."""
    definition = office.clock(matter, clock.name)
    term = office.machines(matter.bundle).bundle.terms[definition.term]
    about = (
        m.state for m in work.family(matter.root) if (m.about, m.about_clock) == (matter.id, clock.spelled)
    )
    lamp = lamp_of(clock, term.kind, now, office.calendar.zone, lambda: office.calendar, next(about, None))
    own = [f for f in fires if (f.matter, f.clock, f.round) == clock.key]
    return ClockAccount(
        matter, clock, definition, term,
        _started_by(matter, clock, definition),
        _dues(office, work, matter, clock, definition, now),
        tuple(_fired(office, matter, clock, definition, f, told or {}) for f in own),
        _planned(office, work, matter, clock, definition),
        lamp,
        _pauses(office, work, matter, clock),
        days_lost(clock, definition, traces_of(office, work, matter), office.calendar, now),
    )  # fmt: skip


def _pauses(office: Office, work: Work, matter: Matter, clock: Clock) -> tuple[Pause, ...]:
    """Return the pauses between the anchor and the end."""
    found = sorted(pauses_on(office, work, matter, clock.name), key=lambda pause: pause.since)
    return tuple(
        pause
        for pause in found
        if (pause.until is None or pause.until > clock.anchor)
        and (clock.ended_at is None or pause.since < clock.ended_at)
    )


def _started_by(matter: Matter, clock: Clock, definition: ClockDef) -> tuple[Trigger, ...]:
    """Of several triggers the later one is the anchor."""
    if len(definition.starts) == 1:
        return definition.starts
    last = tuple(t for t in definition.starts if matter.marks.get(f"{t.kind}:{t.name}") == clock.anchor)
    return last or definition.starts


def _dues(
    office: Office, work: Work, matter: Matter, clock: Clock, definition: ClockDef, now: datetime
) -> tuple[DueAccount, ...]:
    calendar = office.calendar
    term = office.machines(matter.bundle).bundle.terms[definition.term]
    counted = {d.name: d for d in counted_again(office, work, matter, clock).dues}
    if (fixed := counted.get(definition.agreed_as)) is not None and fixed.ground is None:
        counted[fixed.name] = replace(fixed, ground=_fixed_by(office, matter))
    frozen = frozen_days(pauses_on(office, work, matter, clock.name), calendar)
    return tuple(
        _due(term, clock, name, instant, counted.get(name), frozen, calendar, now)
        for name in MOMENTS
        if (instant := clock.moment(name)) is not None
    )


def _fixed_by(office: Office, matter: Matter) -> Ground | None:
    """Return by which article a recurring duty is due on its date; a contract's date has none."""
    duties = office.machines(matter.bundle).bundle.duties.values()
    return next((duty.ground for duty in duties if matter.facts.get("duty") == str(duty.title)), None)


def _due(
    term: TermDef,
    clock: Clock,
    name: MomentName,
    instant: datetime,
    count: DueMoment | None,
    frozen: frozenset[date],
    calendar: WorkingCalendar,
    now: datetime,
) -> DueAccount:
    left = instant - (clock.ended_at or now)
    if count is None or count.moment.instant != instant:
        # the stored moment is the one in force, whatever a newer calendar or fact would give
        day = due_day(instant, calendar)
        at_midnight = calendar.midnight_after(day) == instant
        moment = Moment(day, instant, "midnight" if at_midnight else None, clock.provisional)
        again = count.moment if count is not None and clock.is_open else None
        stands = count is not None and name != "agreed"
        limit, ground = (count.limit, count.ground) if count is not None and stands else (None, None)
        return DueAccount(name, moment, limit, ground, (), left, again, extended=clock.moved.get(name))
    moment, extended = count.moment, clock.moved.get(name)
    first = calendar.day_of(clock.anchor)
    lost = tuple(sorted(day for day in frozen if first < day <= moment.day))
    by_day = count.limit is not None and count.limit.unit not in ("hours", "minutes")
    straight = by_day and not lost and extended is None
    rolled = _rolled_from(clock, term, count, moment, calendar) if straight else None
    days = tuple(days_of(clock.anchor, moment, calendar)) if by_day and extended is None else ()
    return DueAccount(
        name, moment, count.limit, count.ground, days, left, None, rolled, lost if by_day else (), extended
    )


def _rolled_from(
    clock: Clock, term: TermDef, count: DueMoment | None, moment: Moment, calendar: WorkingCalendar
) -> date | None:
    """Return the rest day on which a term in days, months or years would have ended."""
    if count is None or count.limit is None or term.kind == "min" or count.moment != moment:
        return None
    if count.limit.unit not in ("days", "months", "years"):
        return None
    plain = due(clock.anchor, count.limit, term.ends, calendar, roll=False).day
    return plain if plain != moment.day else None


def _fired(
    office: Office,
    matter: Matter,
    clock: Clock,
    definition: ClockDef,
    fire: Fire,
    told: Mapping[str, Sequence[tuple[str, str]]],
) -> RungAccount:
    heard = told.get(fire.key, ())
    persons = tuple(dict.fromkeys(person for person, _ in heard))
    via = tuple(dict.fromkeys(channel for _, channel in heard))
    rung = _rungs(office, matter, definition).get(fire.rung)
    roles = rung.tells if rung is not None else ()
    moment = _moment_of(office, matter, clock, rung)
    return RungAccount(
        fire.rung, fire.does, fire.at, roles, persons, via, moment, fire.fired_at, fire.collapsed, fire.case
    )


def _moment_of(office: Office, matter: Matter, clock: Clock, rung: Rung | None) -> MomentName | None:
    if rung is None or rung.at.base == "start":
        return None
    hung = hung_on(office, matter, clock, rung)
    return None if hung is None else hung[0]


def _planned(
    office: Office, work: Work, matter: Matter, clock: Clock, definition: ClockDef
) -> tuple[RungAccount, ...]:
    rungs = _rungs(office, matter, definition)
    found: list[RungAccount] = []
    for item in clock.plan:
        rung = rungs[item.rung]
        persons = dict.fromkeys(p for role in rung.tells for p in work.holders(role, matter, item.at))
        moment = _moment_of(office, matter, clock, rung)
        account = RungAccount(
            rung.name,
            rung.does,
            item.at,
            rung.tells,
            tuple(persons),
            rung.via,
            moment,
            retry_at=item.retry_at,
        )
        found.append(account)
    return tuple(found)


def _rungs(office: Office, matter: Matter, definition: ClockDef) -> dict[str, Rung]:
    ladder = office.machines(matter.bundle).bundle.ladders.get(definition.ladder)
    return {r.name: r for r in ladder.rungs} if ladder else {}
