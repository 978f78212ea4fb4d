"""Route: watch what a register says happened, instead of letting people act (replay, import).

Nothing is refused: unseen steps are filled in as *inferred* (they start no clock and void what they
would end), rules and minimum periods that do not hold become findings, and a step seen in the wrong
order still starts and ends its own clocks, without moving the state (design 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.advance import broken, too_early
from engine.chain import plain_facts
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.opening import Foreseen, spawn
from engine.performing import Deed, Outcome, perform
from engine.starting import finish, trigger
from engine.work import Work
from engine.workflow import ActionDef, Spawn


@dataclass(frozen=True, slots=True)
class Sight:
    """A step that was seen: on which matter (numbers of parts from the root), what, when."""

    parts: tuple[int, ...]
    workflow: str
    action: str
    at: datetime
    recorded_at: datetime
    source: str
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    foreseen: Foreseen = field(default_factory=Foreseen)


@dataclass(slots=True)
class Observed:
    """What came of a sight: the matter, steps filled in before it, and findings (kind, message)."""

    matter: Matter
    inferred: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def observe(office: Office, work: Work, root: Matter, sight: Sight, actor: str) -> Observed:
    """Record ``sight`` on the family of ``root``; its clocks have been brought up to date before."""
    observed = Observed(root)
    matter = _reach(office, work, root, sight, actor, observed)
    observed.matter = matter
    machines = office.machines(matter.bundle)
    action = machines.bundle.workflows[matter.workflow].actions[sight.action]
    if action.automatic:
        _finish_parts(office, work, matter, sight, actor, observed)
        # the join may just have followed by itself
        if matter.state == action.to and f"action:{action.name}" not in matter.marks:
            matter.marks[f"action:{action.name}"] = sight.at
            work.touch(matter)
            return observed
    way = machines.path(matter.workflow, matter.state, action.name)
    if way is None:
        _aside(office, work, matter, action, sight, actor, observed)
    else:
        for step in way:
            _infer(office, work, matter, step, sight, actor, observed)
        if matter.state in action.sources:
            _see(office, work, matter, action, sight, actor, observed)
        else:
            _aside(office, work, matter, action, sight, actor, observed)
    matter.marks[f"action:{action.name}"] = sight.at
    work.touch(matter)
    return observed


def _reach(office: Office, work: Work, root: Matter, sight: Sight, actor: str, observed: Observed) -> Matter:
    """Walk down to the matter that was acted upon, opening on the way what nobody saw opened."""
    here = root
    for number in sight.parts:
        wanted = f"{here.id}.{number}"
        work.family(root.root)
        if wanted not in work.matters:
            machines = office.machines(here.bundle)
            definition = machines.bundle.workflows[here.workflow]
            openers = [a for a in definition.actions.values() if a.spawns is not None]
            if not openers:
                assert definition.spawns is not None
                while wanted not in work.matters:
                    _add_part(office, work, here, definition.spawns, sight, actor)
                here = work.matters[wanted]
                continue
            opener = openers[0]
            assert opener.spawns is not None
            for step in machines.path(here.workflow, here.state, opener.name) or ():
                _infer(office, work, here, step, sight, actor, observed)
            _infer(office, work, here, opener, sight, actor, observed)
            while wanted not in work.matters:
                # more parts are seen than were opened at the time
                _add_part(office, work, here, opener.spawns, sight, actor)
        here = work.matters[wanted]
    return here


def _add_part(office: Office, work: Work, parent: Matter, spawns: Spawn, sight: Sight, actor: str) -> None:
    one = Foreseen({**sight.foreseen.counts, parent.id: 1}, sight.foreseen.facts)
    spawn(office, work, parent, spawns, at=sight.at, now=sight.recorded_at, actor=actor, seen=False,
          foreseen=one)  # fmt: skip


def _infer(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    sight: Sight,
    actor: str,
    observed: Observed,
) -> None:
    if matter.state not in action.sources:
        return
    deed = Deed(
        sight.at,
        sight.recorded_at,
        actor,
        "inferred",
        remarks={"source": sight.source},
        foreseen=sight.foreseen,
    )
    perform(office, work, matter, action, deed)
    observed.inferred += 1


def _finish_parts(
    office: Office, work: Work, matter: Matter, sight: Sight, actor: str, observed: Observed
) -> None:
    """A join was seen: its parts must have come to their end, seen or not."""
    machines = office.machines(matter.bundle)
    for part in list(work.parts_of(matter)):
        _finish_parts(office, work, part, sight, actor, observed)
        for step in machines.way_out(part.workflow, part.state) or ():
            _infer(office, work, part, step, sight, actor, observed)


def _see(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    sight: Sight,
    actor: str,
    observed: Observed,
) -> Outcome:
    _judge(office, work, matter, action, sight, observed)
    deed = Deed(
        sight.at, sight.recorded_at, actor, "observed", sight.facts, remarks={"source": sight.source}, foreseen=sight.foreseen
    )  # fmt: skip
    return perform(office, work, matter, action, deed)


def _judge(
    office: Office, work: Work, matter: Matter, action: ActionDef, sight: Sight, observed: Observed
) -> None:
    for article, until in too_early(office, work, matter, action, sight.at):
        observed.findings.append(
            ("before_minimum", f"{matter.id} {action.title}：{article}，最早 {until.isoformat()}")
        )
    for rule, lacks in broken(office, work, matter, action, sight.facts, sight.at):
        if lacks == "broken":
            observed.findings.append(
                (f"rule_{rule.code}", f"{matter.id} {action.title}：{rule.code} {rule.title}")
            )
        else:
            observed.unjudged.append(f"{rule.code}: {lacks}")


def _aside(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    sight: Sight,
    actor: str,
    observed: Observed,
) -> None:
    """A step seen after what should have followed it: its own clocks still start and end."""
    observed.findings.append(
        (
            "wrong_order",
            f"{matter.id} “{action.title}”的日期 {office.calendar.day_of(sight.at)} 晚于本应在其后的步骤",
        )
    )
    at, now = sight.at, sight.recorded_at
    changed = [name for name, value in sight.facts.items() if matter.facts.get(name) != value]
    for name in changed:
        work.set_fact(matter, name, sight.facts[name])
    matter.revision += 1
    notes = _end_aside(office, work, matter, action, at, now)
    started = trigger(office, work, matter, "action", action.name, at=at, now=now)
    if action.to is not None:
        started += trigger(office, work, matter, "state", action.to, at=at, now=now)
    touched = [matter]
    if action.spawns is not None:
        for part in work.parts_of(matter):
            initial = office.workflow(part).initial
            started += trigger(office, work, part, "state", initial, at=at, now=now)
            touched.append(part)
    for here in touched:
        _drop_ended(office, work, here, at, observed)
    detail = {"source": sight.source, "out_of_order": True, "clocks": notes + started}
    if sight.facts:
        detail["facts"] = plain_facts(sight.facts)
    work.record(
        matter, "observed", action.name, at=at, now=now, actor=actor, came_from=matter.state, detail=detail
    )


def _end_aside(
    office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime, now: datetime
) -> list[dict[str, str]]:
    names = office.machines(matter.bundle).ends_on.get((matter.workflow, action.name), ())
    notes: list[dict[str, str]] = []
    for clock in work.clocks_of(matter):
        if clock.name in names and clock.is_open and clock.anchor <= at:
            finish(work, clock, "met", at=at, now=now)
            notes.append({"clock": f"{clock.name}/{clock.round}", "ended": "met"})
    return notes


def _drop_ended(office: Office, work: Work, matter: Matter, at: datetime, observed: Observed) -> None:
    """A clock whose own end was seen before its own anchor is not judged."""
    for clock in list(work.clocks_of(matter)):
        if not clock.is_open or clock.anchor != at:
            continue
        ends = office.clock(matter, clock.name).ends
        if any((m := matter.marks.get(f"action:{e}")) is not None and m < clock.anchor for e in ends):
            finish(work, clock, "void", at=at, now=at)
            observed.findings.append(
                (
                    "end_before_start",
                    f"{matter.id} “{office.clock(matter, clock.name).title}”的终点早于起点，不作评判",
                )
            )
