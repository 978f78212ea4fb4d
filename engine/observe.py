"""Route: watch what a register says happened, instead of letting people act (replay, import).

Nothing is refused: unseen steps are filled in as *inferred* (they start no clock and void what they
would end), rules and minimum periods that do not hold become findings, and a step seen in the wrong
order still starts and ends its own clocks, without moving the state (design 11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from engine.asking import applies
from engine.chain import plain_facts
from engine.checking import early_dates, too_early
from engine.holdups import held_up
from engine.judging import BROKEN, broken
from engine.machine import Fits
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.opening import Foreseen, spawn
from engine.performing import Deed, perform
from engine.skipping import skip
from engine.starting import finish, trigger
from engine.work import Work
from engine.workflow import ActionDef


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
    watch = _Watch(office, work, sight, actor, Observed(root))
    matter = watch.reach(root)
    watch.observed.matter = matter
    machines = office.machines(matter.bundle)
    action = machines.bundle.workflows[matter.workflow].actions[sight.action]
    if action.automatic:
        watch.finish_parts(matter)
        # the join may just have followed by itself
        if matter.state == action.to and f"action:{action.name}" not in matter.marks:
            watch.mark(matter, action)
            return watch.observed
    watch.infer(matter, machines.path(matter.workflow, matter.state, action.name, watch.fits(matter)) or ())
    if matter.state in action.sources:
        watch.see(matter, action)
    else:
        watch.aside(matter, action)
    watch.mark(matter, action)
    return watch.observed


@dataclass(slots=True)
class _Watch:
    """One sight being recorded."""

    office: Office
    work: Work
    sight: Sight
    actor: str
    observed: Observed

    def mark(self, matter: Matter, action: ActionDef) -> None:
        """Remember when the action was seen."""
        matter.marks[f"action:{action.name}"] = self.sight.at
        self.work.touch(matter)

    def fits(self, matter: Matter) -> Fits:
        """Which steps are for this matter at all: a method has them or not."""
        return partial(applies, self.office, self.work, matter)

    def reach(self, root: Matter) -> Matter:
        """Walk down to the matter that was acted upon, opening on the way what nobody saw opened."""
        here = root
        for number in self.sight.parts:
            wanted = f"{here.id}.{number}"
            self.work.family(root.root)
            if wanted not in self.work.matters:
                self._open_parts(here, wanted)
            here = self.work.matters[wanted]
        return here

    def _open_parts(self, parent: Matter, wanted: str) -> None:
        machines = self.office.machines(parent.bundle)
        definition = machines.bundle.workflows[parent.workflow]
        spawns = definition.spawns
        fits = self.fits(parent)
        openers = [a for a in definition.actions.values() if a.spawns and not a.spawns.with_facts]
        opener = next((a for a in openers if fits(a)), None)
        if opener is not None:
            spawns = opener.spawns
            self.infer(
                parent, [*(machines.path(parent.workflow, parent.state, opener.name, fits) or ()), opener]
            )
        assert spawns is not None
        foreseen = self.sight.foreseen
        one = replace(foreseen, counts={**foreseen.counts, parent.id: 1})
        while wanted not in self.work.matters:
            # more parts are seen than were opened at the time
            spawn(self.office, self.work, parent, spawns, at=self.sight.at, now=self.sight.recorded_at,
                  actor=self.actor, seen=False, foreseen=one)  # fmt: skip

    def infer(self, matter: Matter, steps: Sequence[ActionDef]) -> None:
        """Fill in steps that nobody saw."""
        if steps:
            self.observed.inferred += skip(self.office, self.work, matter, steps, self._deed("inferred"))

    def _deed(self, kind: str, facts: Mapping[str, FactValue] | None = None) -> Deed:
        sight = self.sight
        return Deed(
            sight.at, sight.recorded_at, self.actor, kind, facts or {}, remarks={"source": sight.source},
            foreseen=sight.foreseen,
        )  # fmt: skip

    def finish_parts(self, matter: Matter) -> None:
        """A join was seen: its parts must have come to their end, seen or not."""
        machines = self.office.machines(matter.bundle)
        for part in list(self.work.parts_of(matter)):
            self.finish_parts(part)
            self.infer(part, machines.way_out(part.workflow, part.state, self.fits(part)) or ())

    def see(self, matter: Matter, action: ActionDef) -> None:
        """A step that is possible: judge it by minimum periods and rules, and take it."""
        office, sight = self.office, self.sight
        for article, until in too_early(office, self.work, matter, action, sight.at):
            self._find("before_minimum", f"{matter.id} {action.title}：{article}，最早 {until.isoformat()}")
        for rule, lacks, _hint in broken(office, self.work, matter, action, sight.facts, sight.at):
            if lacks == BROKEN:
                self._find(f"rule_{rule.code}", f"{matter.id} {action.title}：{rule.code} {rule.title}")
            else:
                self.observed.unjudged.append(f"{rule.code}: {lacks}")
        for about, state in held_up(office, self.work, matter, action):
            self._find(
                "held_up", f"{matter.id} {action.title}：{about.id} 现为“{state.title}”（{state.basis}）"
            )
        perform(office, self.work, matter, action, self._deed("observed", sight.facts))
        for article, title, day, first in early_dates(office, self.work, matter, sight.facts):
            self._find("before_minimum", f"{matter.id} {title} {day}：{article}，最早 {first}")

    def aside(self, matter: Matter, action: ActionDef) -> None:
        """A step seen after what should have followed it: its own clocks still start and end."""
        office, work, sight = self.office, self.work, self.sight
        day = office.calendar.day_of(sight.at)
        self._find("wrong_order", f"{matter.id} “{action.title}”的日期 {day} 晚于本应在其后的步骤")
        at, now = sight.at, sight.recorded_at
        for name, value in sight.facts.items():
            if matter.facts.get(name) != value:
                work.set_fact(matter, name, value)
        matter.revision += 1
        notes: list[dict[str, Any]] = self._end(matter, action)
        notes += trigger(office, work, matter, "action", action.name, at=at, now=now)
        if action.to is not None:
            notes += trigger(office, work, matter, "state", action.to, at=at, now=now)
        touched = [matter]
        if action.spawns is not None:
            for part in work.parts_of(matter):
                initial = office.workflow(part).initial
                notes += trigger(office, work, part, "state", initial, at=at, now=now)
                touched.append(part)
        for here in touched:
            self._drop_ended(here)
        detail: dict[str, Any] = {"source": sight.source, "out_of_order": True, "clocks": notes}
        if sight.facts:
            detail["facts"] = plain_facts(sight.facts)
        work.record(matter, "observed", action.name, at=at, now=now, actor=self.actor, came_from=matter.state,
                    detail=detail)  # fmt: skip

    def _end(self, matter: Matter, action: ActionDef) -> list[dict[str, Any]]:
        at, now = self.sight.at, self.sight.recorded_at
        names = self.office.machines(matter.bundle).ends_on.get((matter.workflow, action.name), ())
        notes: list[dict[str, Any]] = []
        for clock in self.work.clocks_of(matter):
            if clock.name in names and clock.is_open and clock.anchor <= at:
                finish(self.work, clock, "met", at=at, now=now)
                notes.append({"clock": f"{clock.name}/{clock.round}", "ended": "met"})
        return notes

    def _drop_ended(self, matter: Matter) -> None:
        """A clock whose own end was seen before its own anchor is not judged."""
        at = self.sight.at
        for clock in list(self.work.clocks_of(matter)):
            if not clock.is_open or clock.anchor != at:
                continue
            definition = self.office.clock(matter, clock.name)
            seen = [matter.marks.get(f"action:{end}") for end in definition.ends]
            if any(end is not None and end < clock.anchor for end in seen):
                finish(self.work, clock, "void", at=at, now=at)
                self._find("end_before_start", f"{matter.id} “{definition.title}”的终点早于起点，不作评判")

    def _find(self, kind: str, message: str) -> None:
        self.observed.findings.append((kind, message))
