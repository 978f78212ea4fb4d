"""Replay a register on simulated time: its steps and the fires of its clocks, interleaved. 回放

Everything runs through the engine's own routes; only the actor is nameless and nothing is refused.
Memory holds the projects that are open at the moment, not the register.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Protocol

from engine.clock import Clock
from engine.directory import Delegation, Jurisdiction
from engine.matter import Matter
from engine.observe import Sight, observe
from engine.office import Office
from engine.opening import open_matter
from engine.passing import pass_time
from engine.questions import Kin
from engine.work import Reader, Work
from exchange.doorkeeper import keep_out
from exchange.observation import Finding, Row, Step
from exchange.parts import Parts
from exchange.spool import Head, Spool

BATCH = 500
NAMELESS = "register"


class Store(Protocol):
    """What a replay asks of a store: transactions, and writing the effects of a unit of work."""

    def transaction(self) -> AbstractContextManager[object]:
        """Begin a transaction; commit on leaving, or roll back on error."""
        ...

    def write(self, work: Work) -> None:
        """Write the effects of ``work`` and clear them."""
        ...

    def read_unit(self, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
        """Return what was written of a unit's projects and their parts, as ``Reader.read_unit`` says."""
        ...


class Nameless:
    """A reader in which every role of every unit has one nameless holder; families are never re-read."""

    def __init__(self, store: Store) -> None:
        """Ask ``store`` only about what has been let go of: the other projects of a unit."""
        self._store = store

    def read_unit(self, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
        """Return what the replay has written of the unit so far."""
        return self._store.read_unit(unit, since, until, names)

    def read_family(self, root: str) -> tuple[list[Matter], list[Clock]]:
        """Return nothing: a replay starts every family itself."""
        return [], []

    def read_matters(self, ids: Sequence[str]) -> list[Matter]:
        """Return nothing: a replay holds every open matter."""
        return []

    def read_due(self, now: datetime, limit: int) -> list[Clock]:
        """Return nothing: a replay keeps its own heap."""
        return []

    def holders(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[str]:
        """Return the nameless holder of ``role`` in ``unit``."""
        return [f"{role}@{unit}"]

    def delegations(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[Delegation]:
        """Return nothing: the nameless are never away."""
        return []

    def superior(self, jurisdiction: str) -> Jurisdiction | None:
        """Return nothing: nobody handles the cases of a replay, so none climbs."""
        return None

    def home_of(self, unit: str) -> str | None:
        """Return nothing: a register names no unit that a contract would pass to."""
        return None


@dataclass(slots=True)
class Tally:
    """What a replay counted. ``unjudged`` counts rules that lacked a fact, by rule and fact."""

    read: int = 0
    replayed: int = 0
    refused: int = 0
    without_steps: int = 0
    projects: int = 0
    matters: int = 0
    actions: int = 0
    inferred: int = 0
    fires: int = 0
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)
    unjudged: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def ranking(office: Office) -> Callable[[str, str], int]:
    """Return the order in which actions of one day are taken: along the workflows, parents first."""
    order: dict[tuple[str, str], int] = {}
    bundle = office.current
    depth: dict[str, int] = {}
    for name in bundle.workflows:
        chain, here = 0, name
        while bundle.workflows[here].part_of:
            chain, here = chain + 1, bundle.workflows[here].part_of
        depth[name] = chain
    for name in sorted(bundle.workflows, key=lambda n: (depth[n], n)):
        workflow = bundle.workflows[name]
        for action in workflow.actions.values():
            # what closes a matter comes after all that its parts did on the same day
            late = 1_000 if action.automatic else 0
            order[name, action.name] = late - depth[name] * 10 if late else len(order)
    return lambda workflow, action: order.get((workflow, action), 10_000)


class Replay:
    """One run over one source. ``until`` is the first day that is no longer played."""

    def __init__(
        self, office: Office, store: Store, *, profile: str, until: date, jurisdiction: str = "replay"
    ) -> None:  # fmt: skip
        """Prepare a run on an empty store."""
        self.office = office
        self.store = store
        self.profile = profile
        self.until = until
        self.jurisdiction = jurisdiction
        self.tally = Tally()
        self._seen: Callable[[int], None] = lambda _n: None
        reader: Reader = Nameless(store)
        self._work = Work(reader)
        self._order = count()
        self._heap: list[tuple[datetime, int, Clock]] = []
        self._left: dict[str, int] = {}
        self._skipped: Counter[int] = Counter()
        self._plans: dict[str, Parts] = {}
        self._events = 0

    def read(self, rows: Iterable[Row], spool: Spool) -> None:
        """Read all rows into ``spool``, counting them and keeping their findings."""
        for told in rows:
            row = keep_out(self.office, told, self.until)
            self.tally.read += 1
            self.tally.findings += row.findings
            if row.refused:
                self.tally.refused += 1
                self.tally.findings.append(Finding(row.refused, row.place, "本行未回放"))
            elif not row.steps:
                self.tally.without_steps += 1
            spool.add(row)
        self.tally.replayed = self.tally.read - self.tally.refused
        self.tally.findings += spool.findings()

    def run(self, spool: Spool, seen: Callable[[int], None] | None = None) -> Tally:
        """Play every step in the order of days, firing between them whatever falls due.

        ``seen`` is told how many steps have been played.
        """
        self._seen = seen or self._seen
        steps = spool.steps()
        end = self._start_of(self.until)
        more = True
        while more:
            more = False
            with self.store.transaction():
                for day, project, found in steps:
                    self._day(day, project, found, spool)
                    if self._events >= BATCH:
                        more = True
                        break
                if not more:
                    self._fire_until(end)
                self._flush()
        return self.tally

    def _start_of(self, day: date) -> datetime:
        return self.office.calendar.start_of(day)

    def _day(self, day: date, project: int, steps: list[Step], spool: Spool) -> None:
        if day >= self.until:
            for step in steps:
                where = f"{step.workflow}.{step.action} 的日期 {day} 不早于回放终点 {self.until}，尚未发生"
                self._find("after_until", step, where)
            return
        if not self.office.calendar.first < day <= self.office.calendar.last:
            for step in steps:
                where = f"{step.workflow}.{step.action} 的日期 {day} 在 {self.office.calendar.country} 日历之外，按未见处理"
                self._find("outside_calendar", step, where)
            self._skipped[project] += len(steps)
            return
        at = self._start_of(day)
        self._fire_until(at)
        root = f"R{project:06d}"
        plan = self._plans.get(root)
        if plan is None:
            head = spool.head(project)
            plan = self._plans[root] = Parts(root, head, spool.steps_of(project), {})
            self._left[root] = head.steps - self._skipped.pop(project, 0)
            self._open(root, head, plan, at)
        matter = self._work.matters[root]
        for step in steps:
            self._play(matter, plan, step, at)
            self._left[root] -= 1
        self._wait_for(root)

    def _open(self, root: str, head: Head, plan: Parts, at: datetime) -> None:
        workflow = self.office.current.workflows["project"]
        facts = dict(plan.foreseen.facts.get(root, {}))
        facts["packages"] = plan.foreseen.counts.get(root, 1)
        matter = Matter(
            id=root, root=root, workflow="project", state=workflow.initial, title=head.title or head.key,
            unit=head.unit or "（未注明单位）", jurisdiction=self.jurisdiction, bundle=self.office.current.hash,
            profile=self.profile, opened_at=at, state_since=at, facts=facts,
        )  # fmt: skip
        open_matter(
            self.office, self._work, matter, now=at, actor=NAMELESS, seen=False, foreseen=plan.foreseen
        )
        for kind, value in head.aliases:
            self._work.aliases.append((kind, value, root, self.jurisdiction))
        self.tally.projects += 1

    def _play(self, root: Matter, plan: Parts, step: Step, at: datetime) -> None:
        sight = Sight(
            plan.numbers(step.parts),
            step.workflow,
            step.action,
            at,
            at,
            str(step.place),
            dict(step.facts),
            plan.foreseen,
        )
        observed = observe(self.office, self._work, root, sight, NAMELESS)
        self.tally.actions += 1
        self._seen(self.tally.actions)
        self.tally.inferred += observed.inferred
        self.tally.unjudged.update(observed.unjudged)
        for kind, message in observed.findings:
            self._find(kind, step, message)
        self._events += 1

    def _wait_for(self, root: str) -> None:
        for matter in self._work.families[root]:
            for clock in self._work.clocks[matter]:
                if clock.look_at is not None and clock.state == "running":
                    heapq.heappush(self._heap, (clock.look_at, next(self._order), clock))

    def _fire_until(self, instant: datetime) -> None:
        """Fire what is due up to ``instant``, each at its own logical moment."""
        while self._heap and self._heap[0][0] <= instant:
            at, _, clock = heapq.heappop(self._heap)
            if clock.state != "running" or clock.look_at != at:
                continue
            before = len(self._work.new_clocks)
            messages = len(self._work.messages)
            fires = pass_time(self.office, self._work, [clock], at)
            self.tally.fires += len(fires)
            self._events += len(fires)
            self.tally.messages.update((m.rung, m.channel) for m in self._work.messages[messages:])
            for touched in (clock, *self._work.new_clocks[before:]):
                if touched.look_at is not None and touched.state == "running":
                    heapq.heappush(self._heap, (touched.look_at, next(self._order), touched))
            if self._events >= BATCH:
                self._flush()

    def _flush(self) -> None:
        """Write the batch and let go of the families that nothing will touch any more."""
        touched = {m.root for m in self._work.changed_matters.values()}
        self.tally.matters += len(self._work.new_matters)
        self.store.write(self._work)
        self._events = 0
        end = self._start_of(self.until)
        for root in touched:
            if self._left.get(root, 0) > 0 or root not in self._work.families:
                continue
            waiting = any(
                # a file is kept for fifteen years: what comes after the end of the replay is not waited for
                c.state == "running" and c.look_at is not None and c.look_at <= end
                for m in self._work.families[root]
                for c in self._work.clocks[m]
            )
            if not waiting:
                self._work.forget(root)
                self._plans.pop(root, None)
                self._left.pop(root, None)

    def _find(self, kind: str, step: Step, message: str) -> None:
        assert step.place is not None
        self.tally.findings.append(Finding(kind, step.place, message, step.column))
