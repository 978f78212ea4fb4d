"""Fill in steps that nobody saw: a matter is found further on than its record. 推定

One line of history for a run of steps. Skipped steps start no clock and void what they would end;
what a register will still show is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.matter import Matter
from engine.office import Office
from engine.opening import spawn
from engine.performing import Deed, Outcome, follow
from engine.starting import end_by, void_rest
from engine.work import Work
from engine.workflow import ActionDef


def skip(office: Office, work: Work, matter: Matter, steps: Sequence[ActionDef], deed: Deed) -> int:
    """Take ``steps`` on ``matter`` as far as each is possible, all at ``deed.at``; return how many were taken."""
    came_from = matter.state
    machines = office.machines(matter.bundle)
    taken, notes = _walk(office, work, matter, steps, deed)
    if not taken:
        return 0
    matter.revision += 1
    if matter.state in machines.finals[matter.workflow]:
        notes += void_rest(
            office, work, matter, at=deed.at, now=deed.known, spare=partial(deed.to_come, matter)
        )
    detail: dict[str, Any] = dict(deed.remarks)
    if len(taken) > 1:
        detail["steps"] = [action.name for action in taken]
    if notes:
        detail["clocks"] = notes
    work.record(matter, "inferred", taken[-1].name, at=deed.at, now=deed.now, actor=deed.actor,
                came_from=came_from, detail=detail)  # fmt: skip
    for action in taken:
        if action.spawns is not None:
            spawn(office, work, matter, action.spawns, at=deed.at, now=deed.now, actor=deed.actor, seen=False,
                  foreseen=deed.foreseen)  # fmt: skip
    follow(office, work, matter, came_from, deed, Outcome(matter, taken[-1].name, came_from, matter.state))
    return len(taken)


def _walk(
    office: Office, work: Work, matter: Matter, steps: Sequence[ActionDef], deed: Deed
) -> tuple[list[ActionDef], list[dict[str, Any]]]:
    """Move the state along ``steps``; void the clocks that they would end, unless a register shows the end."""
    taken: list[ActionDef] = []
    notes: list[dict[str, Any]] = []
    for action in steps:
        if matter.state not in action.sources:
            continue
        taken.append(action)
        if action.to is not None:
            matter.state = action.to
            matter.state_since = deed.at
        if not deed.to_come(matter, action.name):
            notes += end_by(office, work, matter, action.name, at=deed.at, now=deed.known, seen=False)[0]
    return taken, notes
