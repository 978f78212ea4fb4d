"""The demonstration's diary: working days counted back from today, steps laid upon them, acts that come of it.

A course is planned backwards from the day on which its last step was done, so that every project stands
today where it shall stand, whatever day today is. Nothing here is a number of law: gaps are only longer
than the minimum periods that the workflows know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Literal

from engine.matter import Evidence, FactValue
from engine.workdays import WorkingCalendar

Kind = Literal["do", "pause", "resume", "extend", "approve", "charge", "approve_charge"]
"""What is done: an action of the workflow, or a word about a clock (`engine.holding`, `engine.attributing`)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a step lies behind another one: at least so many working days and so many calendar days."""

    working: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class DayOf:
    """A date fact: the day of a later step of the course, or ``gap`` from now where that is still to come."""

    action: str
    gap: Gap


Wanted = FactValue | DayOf | Gap
"""A fact of a step; a bare ``Gap`` is a date so far ahead."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done about a project, ``gap`` after the step before it.

    ``hand`` is the role in whose hands it lies, ``leads`` where the project then stands
    (``package.opened``), empty for a record. ``late``: recorded so many working days after it happened.
    ``clock`` is what a word about a clock is about. ``after`` names an earlier step and how far this one lies
    at least behind it.
    """

    action: str
    on: str = "P"
    hand: str = "officer"
    gap: Gap = field(default_factory=Gap)
    hour: int = 10
    leads: str = ""
    facts: Mapping[str, Wanted] = field(default_factory=dict)
    papers: tuple[str, ...] = ()
    reason: str = ""
    late: int = 0
    kind: Kind = "do"
    clock: str = ""
    after: tuple[str, Gap] | None = None


@dataclass(order=True, frozen=True, slots=True)
class Act:
    """A step at its moment, by a person. ``happened`` lies before it where it is recorded back."""

    at: datetime
    order: int
    project: int = field(compare=False)
    step: Step = field(compare=False)
    by: str = field(compare=False)
    facts: Mapping[str, FactValue] = field(compare=False)
    happened: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """One project: where, what, when it begins and at which stage, and what is done about it."""

    number: int
    title: str
    unit: str
    begins: datetime
    stage: str
    facts: Mapping[str, FactValue]
    acts: tuple[Act, ...]


def paper(kind: str, project: int) -> Evidence:
    """Return a made-up document."""
    text = f"{kind} of demonstration project {project}".encode()
    return Evidence(kind, f"{kind}.pdf", sha256(text).hexdigest(), len(text), "demo")


class Diary:
    """Working days before ``today``, which itself may be a day of rest: 1 is the last one that is over."""

    def __init__(self, calendar: WorkingCalendar, today: date) -> None:
        """Bind to a calendar and the day on which the demonstration ends."""
        self.calendar = calendar
        self.today = today

    def day(self, ago: int) -> date:
        """Return the working day ``ago`` before today, today for 0."""
        return self.calendar.subtract(self.today, ago)

    def at(self, ago: int, hour: int = 10, minute: int = 0) -> datetime:
        """Return a moment of that day (UTC), as office clocks show it."""
        start = self.calendar.start_of(self.day(ago))
        return start + timedelta(hours=hour, minutes=minute)

    def before(self, ago: int, gap: Gap) -> int:
        """Return the last working day that lies at least ``gap`` before the day ``ago``."""
        found = ago + gap.working
        while (self.day(ago) - self.day(found)).days < gap.days:
            found += 1
        return found

    def ahead(self, day: date, gap: Gap) -> date:
        """Return the first working day that lies at least ``gap`` behind ``day``."""
        return max(
            self.calendar.add(day, gap.working),
            self.calendar.roll_forward(day + timedelta(days=gap.days)),
        )

    def laid(self, steps: Sequence[Step], last: int) -> list[tuple[Step, int]]:
        """Lay ``steps`` on working days, the last of them ``last`` days ago; return each with its day."""
        found: list[tuple[Step, int]] = []
        earliest: dict[str, int] = {}
        ago = last
        for step in reversed(steps):
            ago = max(ago, earliest.pop(step.action, ago))
            found.append((step, ago))
            if step.after is not None:
                earlier, gap = step.after
                earliest[earlier] = self.before(ago, gap)
            ago = self.before(ago, step.gap)
        return found[::-1]

    def facts(self, step: Step, ago: int, days: Mapping[str, int]) -> dict[str, FactValue]:
        """Return a step's facts with its dates worked out; ``days`` tells when other steps are taken."""
        found: dict[str, FactValue] = {}
        for name, wanted in step.facts.items():
            if isinstance(wanted, DayOf):
                known = days.get(wanted.action)
                ahead = self.ahead(self.day(ago), wanted.gap)
                found[name] = ahead if known is None or known >= ago else self.day(known)
            elif isinstance(wanted, Gap):
                found[name] = self.ahead(self.day(ago), wanted)
            else:
                found[name] = wanted
        return found
