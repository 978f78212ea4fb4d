"""Route: a calendar was adopted or amended; open clocks are counted again, with history. 日历采纳"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.clock import Clock, Prepared
from engine.matter import Matter
from engine.office import Office
from engine.passing import pass_time
from engine.performing import Deed, Outcome, withdraw_cases
from engine.starting import counted_again, next_epoch, withdraw_warnings
from engine.work import SYSTEM, Work
from engine.workflow import MOMENTS, MomentName

RECOUNTED = "warning_recounted"


@dataclass(frozen=True, slots=True)
class Moved:
    """One due moment that another calendar moves."""

    matter: Matter
    clock: str
    moment: MomentName
    before: datetime
    after: datetime


def recount_family(
    before: Office, office: Office, work: Work, root: str, now: datetime, *, actor: str, paper: str
) -> list[Moved]:
    """Count the open clocks of a family again with the office's calendar.

    Time passes first by the calendar of ``before``, as it would have without an outage. A moved due
    moment raises the epoch; what fired is not fired again unless its moment is still to come. A rung that
    moves alone (a case is opened working days after) keeps the epoch. Provisional marks are renewed.
    ``paper`` names the notice in the history.
    """
    family = work.family(root)
    pass_time(before, work, [c for m in family for c in work.clocks_of(m)], now)
    moved: list[Moved] = []
    for matter in work.family(root):
        again = recount_matter(office, work, matter, now)
        if again.notes:
            work.record(
                matter, "clock", "calendar", at=now, now=now, actor=actor, came_from=matter.state,
                detail={"calendar": office.calendar.revision, "paper": paper, "clocks": again.notes},
            )  # fmt: skip
        withdraw(office, work, matter, again.renewed, now)
        moved += again.moved
    return moved


@dataclass(frozen=True, slots=True)
class Recounted:
    """What counting the open clocks of a matter again led to; ``renewed`` clocks have a moment still to come."""

    moved: list[Moved]
    notes: list[dict[str, Any]]
    renewed: list[Clock]


def recount_matter(office: Office, work: Work, matter: Matter, now: datetime) -> Recounted:
    """Count the open clocks of one matter again, as the office counts now; the history is left to whoever asks."""
    found = Recounted([], [], [])
    for clock in [c for c in work.clocks_of(matter) if c.is_open]:
        prepared = counted_again(office, work, matter, clock)
        changes = _changes(matter, clock, prepared)
        if changes:
            found.notes.append(next_epoch(office, work, matter, clock, prepared, now=now))
            found.renewed.extend([clock] if any(m.after > now for m in changes) else [])
        elif rungs := _move_rungs(clock, prepared):
            found.notes.append({"clock": f"{clock.name}/{clock.round}", "rungs": rungs})
            work.touch_clock(clock)
        if clock.provisional != prepared.provisional:
            clock.provisional = prepared.provisional
            work.touch_clock(clock)
        found.moved.extend(changes)
    return found


def _changes(matter: Matter, clock: Clock, prepared: Prepared) -> list[Moved]:
    """Return the due moments of ``clock`` that move."""
    after = {d.name: d.moment.instant for d in prepared.dues}
    return [
        Moved(matter, clock.name, name, before, after[name])
        for name in MOMENTS
        if (before := clock.moment(name)) is not None and name in after and after[name] != before
    ]


def _move_rungs(clock: Clock, prepared: Prepared) -> dict[str, str]:
    """Move planned rungs whose own days fall into the notice; return their new moments."""
    counted = {rung: max(at, clock.anchor) for at, rung in prepared.rungs}
    rungs = {p.rung: counted[p.rung] for p in clock.plan if counted.get(p.rung, p.at) != p.at}
    for item in clock.plan:
        item.at = rungs.get(item.rung, item.at)
    if rungs:
        clock.reschedule()
    return {rung: at.isoformat() for rung, at in rungs.items()}


def withdraw(office: Office, work: Work, matter: Matter, renewed: Sequence[Clock], now: datetime) -> None:
    """Take back what was said of moments that are still to come after all."""
    deed = Deed(now, now, SYSTEM, "automatic")
    for clock in renewed:
        withdraw_warnings(office, work, matter, clock, at=now, now=now, text=RECOUNTED)
        withdraw_cases(office, work, matter, clock, deed, Outcome(matter, "", matter.state, matter.state))
