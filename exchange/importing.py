"""Bring a register into a running city, again and again: upsert by alias, nothing fires for the past. 导入

The same reading and the same routes as a replay, but recorded now: what happened before is recorded
back (an import's file and registered source stand for evidence and second person, design 2.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from engine.chain import plain_facts
from engine.directory import Unit
from engine.errors import YiribanError
from engine.matter import FactValue, Matter
from engine.observe import Sight, observe
from engine.office import Office
from engine.opening import open_matter
from engine.passing import pass_time
from engine.work import Work
from exchange.doorkeeper import keep_out
from exchange.observation import Finding, Place, Row, Step
from exchange.parts import Parts
from exchange.spool import Head, Spool

BATCH = 100


class Store(Protocol):
    """What an import asks of a store."""

    def transaction(self) -> AbstractContextManager[object]:
        """Begin a transaction; commit on leaving, or roll back on error."""
        ...

    def new_work(self) -> Work:
        """Return an empty unit of work over this store."""
        ...

    def write(self, work: Work) -> None:
        """Write the effects of ``work`` and clear them."""
        ...


class Registry(Protocol):
    """How an import finds and numbers projects."""

    def next_project(self, year: int) -> str:
        """Return the next free project number of ``year``."""
        ...

    def matters_called(self, kind: str, value: str) -> list[str]:
        """Return the roots of the matters that have this alias."""
        ...

    def part_keys(self, root: str) -> dict[str, str]:
        """Return source keys of the parts of ``root``: key path → matter id."""
        ...


class Rehearsed(Exception):
    """Raised inside a transaction to take a preview back."""


@dataclass(slots=True)
class Result:
    """What an import did, or would do."""

    read: int = 0
    refused: int = 0
    opened: int = 0
    updated: int = 0
    unchanged: int = 0
    actions: int = 0
    known: int = 0
    inferred: int = 0
    fires: int = 0
    messages: int = 0
    findings: list[Finding] = field(default_factory=list)


class Import:
    """One import; ``go_live`` is the day from which clocks of newly brought-in projects fire."""

    def __init__(
        self, office: Office, store: Store, registry: Registry, *, unit: Callable[[str], Unit], source: str, go_live: date,
        now: datetime, dry_run: bool = False,
    ) -> None:  # fmt: skip
        """``unit`` finds a unit by its name and raises ``NotFound``; ``source`` is recorded with every step."""
        self.office = office
        self.store = store
        self.registry = registry
        self.result = Result()
        self._unit = unit
        self._source = source
        self._go_live = office.calendar.start_of(go_live)
        self._now = now
        self._today = office.calendar.day_of(now)
        self._dry_run = dry_run

    def read(self, rows: Iterable[Row], spool: Spool) -> None:
        """Read all rows into ``spool``."""
        for told in rows:
            row = keep_out(self.office, told, self._today)
            self.result.read += 1
            self.result.findings += row.findings
            if row.refused:
                self.result.refused += 1
                self.result.findings.append(Finding(row.refused, row.place, "本行未导入"))
            spool.add(row)
        self.result.findings += spool.findings()

    def run(self, spool: Spool, seen: Callable[[int], None] = lambda _n: None) -> Result:
        """Bring every project in; a project that cannot be brought in is a finding, others go on."""
        numbers = list(spool.projects())
        for start in range(0, len(numbers), BATCH):
            try:
                with self.store.transaction():
                    for number in numbers[start : start + BATCH]:
                        self._project(spool.head(number), spool.steps_of(number))
                    if self._dry_run:
                        raise Rehearsed
            except Rehearsed:
                pass
            seen(start + BATCH)
        return self.result

    def _project(self, head: Head, steps: list[Step]) -> None:
        work = self.store.new_work()
        try:
            root, fresh = self._root(work, head, steps)
            if root is None:
                return
            before = self.result.actions
            fires = 0
            if not fresh:
                clocks = [c for m in work.family(root.root) for c in work.clocks_of(m)]
                fires = len(pass_time(self.office, work, clocks, self._now))
            keys = Parts(root.id, head, steps, self.registry.part_keys(root.id))
            if not fresh:
                self._facts(work, head, keys)
            for step in steps:
                self._step(work, root, step, keys)
            for path, matter in keys.new.items():
                work.aliases.append(("part", f"{root.id}|{path}", matter, root.jurisdiction))
        except YiribanError as trouble:
            self._find("not_imported", head.place, "；".join(filter(None, (trouble.what, trouble.then))))
            return
        messages = len(work.messages)
        changed = bool(work.entries)
        self.store.write(work)
        self.result.fires += fires
        self.result.messages += messages
        if fresh:
            self.result.opened += 1
        elif changed or self.result.actions > before:
            self.result.updated += 1
        else:
            self.result.unchanged += 1

    def _root(self, work: Work, head: Head, steps: list[Step]) -> tuple[Matter | None, bool]:
        if not head.aliases:
            self._find(
                "no_alias",
                head.place,
                "没有编号，无法与已有项目对应，也无法重复导入；在对照中指定编号列（alias）",
            )
            return None, False
        found = sorted({m for kind, value in head.aliases for m in self.registry.matters_called(kind, value)})
        if len(found) > 1:
            self._find("several_matters", head.place, f"编号对应 {len(found)} 个项目：{'、'.join(found)}")
            return None, False
        if found:
            work.family(found[0])
            root = work.matters[found[0]]
            for kind, value in head.aliases:
                work.aliases.append((kind, value, root.id, root.jurisdiction))
            return root, False
        past = [s.day for s in steps if s.day <= self._today]
        if not past:
            self._find("nothing_happened_yet", head.place, "没有已经发生的步骤，暂不开立项目")
            return None, False
        return self._open(work, head, steps, min(past)), True

    def _open(self, work: Work, head: Head, steps: list[Step], day: date) -> Matter:
        unit = self._unit(head.unit)
        number = self.registry.next_project(self._today.year)
        at = self._start(day)
        keys = Parts(number, head, steps, {})
        facts: dict[str, FactValue] = {
            **keys.foreseen.facts.get(number, {}),
            "packages": keys.foreseen.counts.get(number, 1),
        }
        bundle = self.office.current
        root = Matter(
            id=number, root=number, workflow="project", state=bundle.workflows["project"].initial,
            title=head.title or head.key, unit=unit.id, jurisdiction=unit.jurisdiction, bundle=bundle.hash,
            profile=unit.profile, opened_at=at, state_since=at, go_live=self._go_live, facts=facts,
        )  # fmt: skip
        open_matter(
            self.office, work, root, now=self._now, actor=self._source, seen=False, foreseen=keys.foreseen
        )
        for kind, value in head.aliases:
            work.aliases.append((kind, value, number, unit.jurisdiction))
        return root

    def _facts(self, work: Work, head: Head, keys: Parts) -> None:
        """Facts without a day that changed in the register: recorded as seen."""
        for _workflow, parts, name, value in head.facts:
            matter = work.matters.get(keys.matter_of(parts))
            if matter is None or matter.facts.get(name) == value:
                continue
            work.set_fact(matter, name, value)
            work.record(
                matter, "observed", "facts", at=self._now, now=self._now, actor=self._source,
                came_from=matter.state, detail={"facts": plain_facts({name: value})},
            )  # fmt: skip

    def _step(self, work: Work, root: Matter, step: Step, keys: Parts) -> None:
        assert step.place is not None
        if step.day > self._today:
            self._find(
                "future_date",
                step.place,
                f"{step.workflow}.{step.action} 的日期 {step.day} 在将来，未记录",
                step.column,
            )
            return
        at = self._start(step.day)
        known = work.matters.get(keys.matter_of(step.parts))
        mark = known.marks.get(f"action:{step.action}") if known is not None else None
        if mark is not None:
            self.result.known += 1
            day = self.office.calendar.day_of(mark)
            if day != step.day:
                self._find(
                    "conflicting_dates", step.place,
                    f"{step.workflow}.{step.action} 已记录为 {day}，这里是 {step.day}；保留已记录的", step.column,
                )  # fmt: skip
            return
        sight = Sight(
            keys.numbers(step.parts), step.workflow, step.action, at, self._now, f"{self._source} {step.place}",
            dict(step.facts), keys.foreseen,
        )  # fmt: skip
        observed = observe(self.office, work, root, sight, self._source)
        self.result.actions += 1
        self.result.inferred += observed.inferred
        for kind, message in observed.findings:
            self._find(kind, step.place, message, step.column)

    def _start(self, day: date) -> datetime:
        return self.office.calendar.start_of(day)

    def _find(self, kind: str, place: Place, message: str, column: str = "") -> None:
        self.result.findings.append(Finding(kind, place, message, column))
