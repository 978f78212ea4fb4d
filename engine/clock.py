"""Clocks: a running term on a matter, its due moments and the rungs planned along it. 计时

A MAX clock (finish by) has any of three due moments: promise, agreed, statutory. A MIN clock (not
before) has one: the first instant at which the guarded act is permitted, kept as ``statutory``.
Identity is (matter, name, round); the epoch rises when a recount moves a due moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from engine.counting import closing, due, due_on, latest_before, shift
from engine.freezing import due_around, earliest_around
from engine.law import Ground
from engine.matter import FactValue, Pause
from engine.quiet import last_permitted
from engine.term import Ends, Length, Moment
from engine.workdays import WorkingCalendar
from engine.workflow import (
    MOMENTS,
    Bundle,
    ClockDef,
    MomentName,
    Party,
    ProfileDef,
    Rung,
    TermDef,
)

ClockState = Literal["running", "paused", "met", "void"]
RETRY_AFTER = timedelta(minutes=15)


@dataclass(slots=True)
class Planned:
    """A rung still to fire: its logical moment, and, after trouble, when it is tried again."""

    at: datetime
    rung: str
    occurrence: int = 1
    retry_at: datetime | None = None

    @property
    def look_at(self) -> datetime:
        """Return when somebody must look at this rung."""
        return self.retry_at or self.at


@dataclass(frozen=True, slots=True)
class Charged:
    """The days ``since`` … ``until``, both included, are the party's, says ``by``. 责任划分

    It holds once another person approved it (``approved_by``); ``asked_by`` are all as whom ``by`` counts.
    """

    since: date
    until: date
    party: Party
    reason: str
    by: str
    asked_by: tuple[str, ...] = ()
    approved_by: str = ""


@dataclass(slots=True)
class Clock:
    """A clock as it stands. All instants are UTC; ``look_at`` is ``None`` once nothing is planned."""

    matter: str
    root: str
    jurisdiction: str
    name: str
    round: int
    epoch: int
    state: ClockState
    anchor: datetime
    promise: datetime | None = None
    agreed: datetime | None = None
    statutory: datetime | None = None
    provisional: bool = False
    plan: list[Planned] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)
    look_at: datetime | None = None
    ended_at: datetime | None = None
    ended_recorded_at: datetime | None = None
    trouble: str = ""
    moved: dict[MomentName, date] = field(default_factory=dict)
    """Due days that an approved extension moved, by moment."""
    asked: dict[str, str] = field(default_factory=dict)
    """An extension that was asked for and is not decided yet."""
    charged: list[Charged] = field(default_factory=list)
    """Whose the lost days are, as recorded; later ones go before earlier ones."""

    @property
    def is_open(self) -> bool:
        """Whether the clock has not ended; a paused one has not."""
        return self.state in ("running", "paused")

    @property
    def key(self) -> tuple[str, str, int]:
        """The clock's identity."""
        return (self.matter, self.name, self.round)

    @property
    def charge_asked(self) -> Charged | None:
        """The attribution that was asked for and is not decided yet."""
        return next((c for c in self.charged if not c.approved_by), None)

    @property
    def spelled(self) -> str:
        """The clock as a case about it names it: ``name/round/epoch``."""
        return f"{self.name}/{self.round}/{self.epoch}"

    def moment(self, name: MomentName) -> datetime | None:
        """Return the due instant called ``name``, or ``None`` where the clock has none."""
        if name == "promise":
            return self.promise
        return self.agreed if name == "agreed" else self.statutory

    @property
    def latest(self) -> datetime | None:
        """The last of the due moments; late is who passes it."""
        return max((m for m in (self.promise, self.agreed, self.statutory) if m is not None), default=None)

    def reschedule(self) -> None:
        """Put the plan in order and say when to look next; at a paused clock nobody need look."""
        self.plan.sort(key=lambda item: item.look_at)
        self.look_at = self.plan[0].look_at if self.plan and self.state == "running" else None


@dataclass(frozen=True, slots=True)
class DueMoment:
    """One due moment with the length it was counted with and its ground, for people to check."""

    name: MomentName
    moment: Moment
    limit: Length | None
    ground: Ground | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a clock start leads to: due moments and planned rungs; none = the clock cannot start."""

    dues: tuple[DueMoment, ...]
    rungs: tuple[tuple[datetime, str], ...]

    @property
    def provisional(self) -> bool:
        """Whether a due moment rests on a year that is not announced yet."""
        return any(d.moment.provisional for d in self.dues)


class Planner:
    """Counts due moments and plans rungs for one bundle, profile and calendar; remembers what it counted.

    Days are counted from the anchor's day, so all clocks that start on one day share one count,
    unless a length runs in hours.
    """

    def __init__(self, bundle: Bundle, profile: ProfileDef, calendar: WorkingCalendar) -> None:
        """Bind the three that a count depends on."""
        self.bundle = bundle
        self.profile = profile
        self.calendar = calendar
        self._counted: dict[tuple[str, str, date, FactValue | None], Prepared] = {}

    def prepare(
        self,
        workflow: str,
        definition: ClockDef,
        anchor: datetime,
        agreed: FactValue | None,
        *,
        pauses: Sequence[Pause] = (),
        moved: Mapping[MomentName, date] | None = None,
    ) -> Prepared:
        """Count the due moments from ``anchor`` and plan the ladder's rungs.

        ``agreed`` is the agreed date or length, where the matter has one; ``pauses`` are left out of
        the count; ``moved`` are due days that extensions set.
        """
        if pauses or moved:
            return self._count(workflow, definition, anchor, agreed, pauses, moved or {})[0]
        key = (workflow, definition.name, self.calendar.day_of(anchor), agreed)
        prepared = self._counted.get(key)
        if prepared is None:
            prepared, by_day = self._count(workflow, definition, anchor, agreed, (), {})
            if by_day:
                if len(self._counted) > 20_000:
                    self._counted.clear()
                self._counted[key] = prepared
        return prepared

    def _count(
        self,
        workflow: str,
        definition: ClockDef,
        anchor: datetime,
        agreed: FactValue | None,
        pauses: Sequence[Pause],
        moved: Mapping[MomentName, date],
    ) -> tuple[Prepared, bool]:
        """Return what was counted, and whether it depends on the anchor's day alone."""
        term = self.bundle.terms[definition.term]
        day = self.calendar.day_of(anchor)
        if term.kind == "min":
            return self._count_min(workflow, definition, term, day, anchor, pauses)
        dues: list[DueMoment] = []
        lengths: list[tuple[MomentName, Length, Ends, Ground | None]] = []
        promised = self.profile.promised(self.bundle.workflows[workflow], definition.name).on(day)
        if promised and promised.value:
            lengths.append(("promise", promised.value.limit, promised.value.ends, promised.ground))
        if isinstance(agreed, Length):
            lengths.append((definition.agreed_as, agreed, term.ends, None))
        value = term.statutory.on(day)
        if value and value.value:
            lengths.append(("statutory", value.value, term.ends, value.ground))
        for name, limit, ends, ground in lengths:
            moment = self._due(anchor, limit, ends, pauses)
            if name in moved:
                moment = due_on(moved[name], ends, self.calendar)
            dues.append(DueMoment(name, moment, limit, ground))
        if isinstance(agreed, date):
            moment = due_on(moved.get(definition.agreed_as, agreed), term.ends, self.calendar)
            dues.append(DueMoment(definition.agreed_as, moment, None, None))
        if not dues:
            return Prepared((), ()), True
        dues.sort(key=lambda d: MOMENTS.index(d.name))
        by_day = all(limit.unit not in ("hours", "minutes") for _, limit, _, _ in lengths)
        return Prepared(tuple(dues), self.rungs(definition, dues)), by_day

    def _due(self, anchor: datetime, limit: Length, ends: Ends, pauses: Sequence[Pause]) -> Moment:
        if pauses:
            return due_around(anchor, limit, ends, self.calendar, pauses)
        return due(anchor, limit, ends, self.calendar)

    def _count_min(
        self,
        workflow: str,
        definition: ClockDef,
        term: TermDef,
        day: date,
        anchor: datetime,
        pauses: Sequence[Pause],
    ) -> tuple[Prepared, bool]:
        found = self.least(workflow, definition, day)
        if found is None:
            return Prepared((), ()), True
        limit, ground = found
        if term.ahead:
            # the act belongs to a day that is announced: a pause does not move it
            instant = self.calendar.start_of(latest_before(day, limit, self.calendar))
        else:
            instant = earliest_around(
                anchor, limit, self.calendar, pauses, not term.whole, roll=not term.backward
            )
        first_day = self.calendar.day_of(instant)
        moment = Moment(first_day, instant, None, self.calendar.is_provisional(first_day))
        by_day = limit.unit not in ("hours", "minutes")
        return Prepared((DueMoment("statutory", moment, limit, ground),), ()), by_day

    def least(self, workflow: str, definition: ClockDef, day: date) -> tuple[Length, Ground] | None:
        """Return how long a minimum period is that begins on ``day``, and by what: by law, else as the profile says."""
        value = self.bundle.terms[definition.term].statutory.on(day)
        if value is not None and value.value is not None:
            return value.value, value.ground
        promised = self.profile.promised(self.bundle.workflows[workflow], definition.name).on(day)
        if promised is None or promised.value is None:
            return None
        return promised.value.limit, promised.ground

    def _ladder(self, definition: ClockDef) -> tuple[Rung, ...]:
        """Return the rungs of the clock's ladder, without those that the profile does not switch on."""
        ladder = self.bundle.ladders.get(definition.ladder)
        rungs = ladder.rungs if ladder else ()
        return tuple(rung for rung in rungs if self.profile.has(rung.switch))

    def rungs(self, definition: ClockDef, dues: Sequence[DueMoment]) -> tuple[tuple[datetime, str], ...]:
        """Return when the rungs fall that hang on due moments, as (instant, rung); those at the start are wound."""
        moments = {d.name: d.moment for d in dues}
        planned: list[tuple[datetime, str]] = []
        for rung in self._ladder(definition):
            if rung.at.base == "start":
                continue
            moment = self.rung_moment(rung, moments)
            if moment is None:
                continue
            at = moment.instant
            if rung.does == "remind" and "sms" in rung.via:
                # a text message must not disturb: it comes at the last permitted moment before
                at = last_permitted(at, self.calendar)
            planned.append((at, rung.name))
        return tuple(planned)

    def rung_moment(self, rung: Rung, moments: Mapping[MomentName, Moment]) -> Moment | None:
        """Return when ``rung`` falls, or ``None`` where the clock lacks its moment."""
        base = rung.at.base
        name: MomentName = self.profile.refers_on if base == "referral" else base  # type: ignore[assignment]
        moment = moments.get(name)
        if moment is None:
            return None
        if rung.at.closing:
            moment = closing(moment, self.calendar)
        if rung.at.offset is not None:
            moment = shift(moment, rung.at.sign, rung.at.offset, self.calendar)
        return moment

    def wind(self, clock: Clock, prepared: Prepared, definition: ClockDef, *, now: datetime | None) -> None:
        """Set the due moments of ``clock`` and plan its rungs.

        ``now`` is given for a new epoch: reminders already past are not planned again, and a warning
        or case that fired and whose due moment is still past is not repeated.
        """
        by_name = {d.name: d.moment.instant for d in prepared.dues}
        clock.promise = by_name.get("promise")
        clock.agreed = by_name.get("agreed")
        clock.statutory = by_name.get("statutory")
        clock.provisional = prepared.provisional
        if self.bundle.terms[definition.term].kind == "min":
            clock.plan = []
            clock.look_at = clock.statutory if clock.state == "running" else None
            return
        rungs = {rung.name: rung for rung in self._ladder(definition)}
        plan: list[Planned] = []
        starts = [
            (clock.anchor if rung.at.offset is None else self._after_start(clock.anchor, rung), rung.name)
            for rung in rungs.values()
            if rung.at.base == "start"
        ]
        for at, name in (*starts, *prepared.rungs):
            if rungs[name].does == "remind":
                # a reminder never comes before the clock has started
                at = max(at, clock.anchor)
            if now is not None and self._is_over(clock, rungs[name], at, now):
                continue
            plan.append(Planned(at, name))
        clock.plan = plan
        clock.reschedule()

    def _is_over(self, clock: Clock, rung: Rung, at: datetime, now: datetime) -> bool:
        """Say whether a new epoch leaves out ``rung``, to fall ``at``: a case is not opened twice for one breach."""
        if rung.does != "remind" and rung.name in clock.fired:
            base = self.profile.refers_on if rung.at.base == "referral" else rung.at.base
            due = clock.anchor if base == "start" else clock.moment(base)
            return at <= now or (due is not None and due <= now)
        return rung.does == "remind" and at <= now

    def replan(self, clock: Clock, prepared: Prepared, definition: ClockDef) -> None:
        """Move the rungs still to fire to the new due moments; what fired stays fired (after a pause)."""
        by_name = {d.name: d.moment.instant for d in prepared.dues}
        clock.promise = by_name.get("promise")
        clock.agreed = by_name.get("agreed")
        clock.statutory = by_name.get("statutory")
        clock.provisional = prepared.provisional
        moments = dict((name, at) for at, name in prepared.rungs)
        for item in clock.plan:
            item.at = moments.get(item.rung, item.at)
            item.retry_at = None
        clock.reschedule()
        if self.bundle.terms[definition.term].kind == "min":
            # a minimum period has no rungs; its end is what is looked at
            clock.look_at = clock.statutory

    def _after_start(self, anchor: datetime, rung: Rung) -> datetime:
        assert rung.at.offset is not None
        moment = Moment(self.calendar.day_of(anchor), anchor, None)
        return shift(moment, rung.at.sign, rung.at.offset, self.calendar).instant


def missed(clock: Clock, at: datetime) -> list[MomentName]:
    """Name the due moments that an end at ``at`` misses; in time is ``at`` < instant."""
    return [n for n in MOMENTS if (m := clock.moment(n)) is not None and at >= m]
