"""A family of matters held against its own history: the chains, and what its clocks should wait for. 抽查

The same recount as the check from outside (`watching`), made inside from the tables: from the lines of history
`Expectation` tells which fires are still to come and when; what the clocks have planned must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.auditing import Finding
from engine.clock import Clock
from engine.errors import NotFound
from engine.expecting import Expectation
from engine.matter import Matter
from engine.office import Office
from engine.starting import pauses_on
from engine.verify import Head, StoredLine, verify
from engine.work import Work

Due = dict[tuple[str, int], datetime]
"""When each rung with its occurrence is to fire."""


@dataclass(frozen=True, slots=True)
class Record:
    """The lines of a family in the order in which they were written, and its collapsed fires (key, when)."""

    lines: Sequence[tuple[str, StoredLine]]
    collapsed: Sequence[tuple[str, datetime]]


def examine(office: Office, work: Work, root: str, record: Record) -> list[Finding]:
    """Return what is wrong in the family of ``root``; with a broken chain nothing else is looked at."""
    matters = work.family(root)
    broken = [found for matter in matters for found in _chain(matter, record)]
    if broken:
        return broken
    try:
        expected = _expected(office, matters, record)
        return [
            found
            for matter in matters
            for clock in work.clocks_of(matter)
            if clock.is_open
            for found in _clock(office, work, matter, clock, expected)
        ]
    except NotFound as lost:
        return [Finding("bundle", root, f"{root}：{lost.what}")]


def _chain(matter: Matter, record: Record) -> list[Finding]:
    """Return the first break of a matter's chain."""
    head = Head(matter.id, matter.state, matter.history_no, matter.head_hash)
    found = next(verify(head, (line for name, line in record.lines if name == matter.id)), None)
    if found is None:
        return []
    return [Finding("history", matter.id, f"{matter.id} 第 {found.line} 行：{found.what}")]


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is to come by clock, and of which matters that cannot be told."""

    dues: dict[tuple[str, str, int], Due]
    unjudged: frozenset[str]
    observed: frozenset[str]


def _expected(office: Office, matters: Sequence[Matter], record: Record) -> _Expected:
    """Follow the family's lines; a matter on another bundle than the root's is not judged."""
    expectation = Expectation(office.machines(matters[0].bundle).bundle, office.calendar)
    by_id = {matter.id: matter for matter in matters}
    waiting = sorted(record.collapsed, key=lambda one: one[1], reverse=True)
    observed: set[str] = set()
    for name, line in record.lines:
        # in one transaction lines are written before collapsed fires
        while waiting and waiting[-1][1] < line.recorded_at:
            expectation.fired(waiting.pop()[0], collapsed=True)
        body: dict[str, Any] = json.loads(line.body)
        if line.no == 1:
            expectation.begin(_begun(by_id[name]))
        if body["kind"] == "fire":
            expectation.fired(body["detail"]["fire"])
        elif body["kind"] == "observed":
            observed.add(name)
        expectation.hear(body, 0)
    for key, _ in reversed(waiting):
        expectation.fired(key, collapsed=True)
    dues: dict[tuple[str, str, int], Due] = {}
    for expected in expectation.open.values():
        matter, clock, number, _, rung, occurrence = expected.key.rsplit("/", 5)
        dues.setdefault((matter, clock, int(number)), {})[rung, int(occurrence)] = expected.at
    return _Expected(dues, frozenset(expectation.unjudged), frozenset(observed))


def _begun(matter: Matter) -> dict[str, Any]:
    """Tell of a matter's beginning as the event of its first line does."""
    return {
        "matter": matter.id, "workflow": matter.workflow, "profile": matter.profile, "bundle": matter.bundle,
        "part_of": matter.part_of, "about": matter.about,
        "go_live": None if matter.go_live is None else matter.go_live.isoformat(),
    }  # fmt: skip


def _clock(
    office: Office, work: Work, matter: Matter, clock: Clock, expected: _Expected
) -> Iterable[Finding]:
    """Return what is wrong with an open clock."""
    definition = office.clock(matter, clock.name)
    named = f"{matter.id}/{clock.name}/{clock.round}"
    said = f"{matter.id} 的“{definition.title}”"
    state = office.workflow(matter).states[matter.state]
    # where a register is followed, a clock runs on for the step that the register will still show
    followed = matter.id in expected.observed
    if state.final and matter.state not in definition.survives and not followed:
        yield Finding("left_open", named, f"{said}：事项已是“{state.title}”，计时仍未结束")
        return
    if clock.state == "paused":
        if not any(p.until is None for p in pauses_on(office, work, matter, clock.name)):
            yield Finding("halted", named, f"{said}停着，而事项没有中止")
        return
    minimum = office.machines(matter.bundle).bundle.terms[definition.term].kind == "min"
    if not minimum and matter.id not in expected.unjudged:
        wrong = _planned(clock, expected.dues.get(clock.key, {}))
        if wrong:
            yield Finding("astray", named, f"{said}：{wrong}")
            return
    look = clock.statutory if minimum else min((p.look_at for p in clock.plan), default=None)
    if look is not None and clock.look_at is None:
        yield Finding("unplanned", named, f"{said}没有下一次巡查")
    elif clock.look_at != look and not clock.trouble:
        yield Finding("astray", named, f"{said}：下一次巡查的时间与计划不符")


def _planned(clock: Clock, dues: Due) -> str:
    """Say how a clock's plan differs from what is to come; empty where it does not."""
    plan = {(item.rung, item.occurrence): item.at for item in clock.plan}
    for rung, _ in sorted(dues.keys() - plan.keys()):
        return f"{rung} 应当触发，而计划里没有"
    for rung, _ in sorted(plan.keys() - dues.keys()):
        return f"计划里有不该有的 {rung}"
    for (rung, occurrence), at in sorted(plan.items()):
        if at != dues[rung, occurrence]:
            return f"{rung} 应在 {dues[rung, occurrence].isoformat()}，计划却在 {at.isoformat()}"
    return ""
