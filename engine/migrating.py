"""Route: running matters pass to the bundle now in force; their open clocks are counted anew, with history. 迁移

A matter stays with the law it began with until somebody migrates it. What fired is not fired again unless its moment
is still to come; what a new limit has overtaken already fires with the next beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.matter import Matter
from engine.office import Office
from engine.passing import pass_time
from engine.recounting import Moved, recount_matter, withdraw
from engine.starting import finish
from engine.work import Work
from engine.workflow import Bundle


@dataclass(frozen=True, slots=True)
class Stuck:
    """A matter that the new bundle has no place for, and what is missing there: ``workflow``, ``profile``, ``state``."""

    matter: str
    workflow: str
    missing: str
    name: str


@dataclass(slots=True)
class Migration:
    """What passing to the bundle in force leads to."""

    matters: int = 0
    moved: list[Moved] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    """Open clocks that the new bundle does not know: matter and name; they become void."""
    stuck: list[Stuck] = field(default_factory=list)


def migrate_family(
    office: Office, work: Work, root: str, now: datetime, *, actor: str, states: Mapping[str, str], done: Migration
) -> None:  # fmt: skip
    """Pass the unfinished matters of a family to the bundle in force, unless one of them has no place there.

    ``states`` maps ``workflow.state`` to a state of the new bundle. Time passes first, by the bundles that the matters
    had. Finished matters stay as they are. Where one is stuck none of the family passes.
    """
    bundle = office.current
    if all(m.bundle == bundle.hash for m in work.family(root)):
        return
    pass_time(office, work, [c for m in work.family(root) for c in work.clocks_of(m)], now)
    running = [
        m for m in work.family(root)
        if m.bundle != bundle.hash and m.state not in office.machines(m.bundle).finals[m.workflow]
    ]  # fmt: skip
    stuck = [found for m in running if (found := _stuck(bundle, m, states)) is not None]
    done.stuck += stuck
    for matter in running if not stuck else ():
        _migrate(office, work, matter, now, actor, states, done)


def _migrate(
    office: Office, work: Work, matter: Matter, now: datetime, actor: str, states: Mapping[str, str], done: Migration
) -> None:  # fmt: skip
    before, came_from = matter.bundle, matter.state
    matter.bundle = office.current.hash
    matter.state = states.get(f"{matter.workflow}.{came_from}", came_from)
    known = office.workflow(matter).clocks
    ended: list[dict[str, Any]] = []
    for clock in [c for c in work.clocks_of(matter) if c.is_open and c.name not in known]:
        finish(work, clock, "void", at=now, now=now)
        ended.append({"clock": f"{clock.name}/{clock.round}", "ended": "void"})
        done.ended.append((matter.id, clock.name))
    again = recount_matter(office, work, matter, now)
    work.touch(matter)
    work.record(
        matter, "clock", "migrate", at=now, now=now, actor=actor, came_from=came_from,
        detail={"from": before[:16], "bundle": matter.bundle[:16], "clocks": [*ended, *again.notes]},
    )  # fmt: skip
    withdraw(office, work, matter, again.renewed, now)
    done.matters += 1
    done.moved += again.moved


def _stuck(bundle: Bundle, matter: Matter, states: Mapping[str, str]) -> Stuck | None:
    """Say what of a matter the new bundle lacks."""
    workflow = bundle.workflows.get(matter.workflow)
    if workflow is None:
        return Stuck(matter.id, matter.workflow, "workflow", matter.workflow)
    if matter.profile not in bundle.profiles:
        return Stuck(matter.id, matter.workflow, "profile", matter.profile)
    state = states.get(f"{matter.workflow}.{matter.state}", matter.state)
    return None if state in workflow.states else Stuck(matter.id, matter.workflow, "state", state)
