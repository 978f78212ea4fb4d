"""Route: a calendar was adopted or amended; open clocks are counted again, with history. 日历采纳"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.matter import Matter
from engine.office import Office
from engine.passing import pass_time
from engine.starting import counted_again, next_epoch
from engine.work import Work
from engine.workflow import MOMENTS, MomentName


@dataclass(frozen=True, slots=True)
class Moved:
    """One due moment that another calendar moves."""

    matter: Matter
    clock: str
    moment: MomentName
    before: datetime
    after: datetime


def recount_family(
    office: Office, work: Work, root: str, now: datetime, *, actor: str, paper: str
) -> list[Moved]:
    """Count the open clocks of a family again with the office's calendar; time passes first.

    A moved due moment raises the epoch; what fired is not fired again. Provisional marks are renewed.
    ``paper`` names the notice in the history.
    """
    family = work.family(root)
    pass_time(office, work, [c for m in family for c in work.clocks_of(m)], now)
    moved: list[Moved] = []
    for matter in work.family(root):
        notes: list[dict[str, Any]] = []
        for clock in [c for c in work.clocks_of(matter) if c.is_open]:
            prepared = counted_again(office, work, matter, clock)
            after = {d.name: d.moment.instant for d in prepared.dues}
            changes = [
                Moved(matter, clock.name, name, before, after[name])
                for name in MOMENTS
                if (before := clock.moment(name)) is not None and name in after and after[name] != before
            ]
            if changes:
                notes.append(next_epoch(office, work, matter, clock, prepared, now=now))
                moved += changes
            elif clock.provisional != prepared.provisional:
                clock.provisional = prepared.provisional
                work.touch_clock(clock)
        if notes:
            work.record(
                matter, "clock", "calendar", at=now, now=now, actor=actor, came_from=matter.state,
                detail={"calendar": office.calendar.revision, "paper": paper, "clocks": notes},
            )  # fmt: skip
    return moved
