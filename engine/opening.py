"""Open matters, all in the same way: projects, their parts, and cases about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from engine.asking import ask
from engine.chain import plain_facts
from engine.clock import Clock
from engine.errors import BadInput, NotFound, Refused
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.rules import MissingFact
from engine.sheet import number_of
from engine.starting import trigger
from engine.work import SYSTEM, Work
from engine.workflow import ActionDef, Spawn, WorkflowDef

MOST_PARTS = 1000
FIRST_HANDS = "tracker"
"""The level at which a case begins."""
REGULATED = frozenset({"regulator", "superior"})
"""The levels at which a case is in a regulator's hands: where it was referred to, or above."""
CASE_FACTS = frozenset({"level", "clock", "moment", "sheet", "others", "twin"})
"""What a case is about and in whose hands: written when it is opened, never by hand."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a register tells beforehand, by matter id: how many parts it will have, undated facts, and
    which actions it will show. What will be shown later is not voided when it is inferred.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, FactValue]] = field(default_factory=dict)
    actions: frozenset[tuple[str, str]] = frozenset()

    def to_come(self, matter: Matter, action: str) -> bool:
        """Whether ``action`` on ``matter`` is still to be shown."""
        return (matter.id, action) in self.actions and f"action:{action}" not in matter.marks


def open_matter(
    office: Office,
    work: Work,
    matter: Matter,
    *,
    now: datetime,
    actor: str,
    seen: bool = True,
    cause: str = "",
    foreseen: Foreseen | None = None,
) -> list[Matter]:
    """Open ``matter`` in its initial state: record it, start its clocks, open its parts.

    ``seen=False`` (inferred) starts no clock. ``foreseen`` tells how many parts there will
    be (replay knows beforehand). Return the matter and all parts opened with it.
    """
    work.add_matter(matter)
    notes: list[dict[str, Any]] = []
    if seen:
        notes += trigger(office, work, matter, "state", matter.state, at=matter.opened_at, now=now)
        for fact in matter.facts:
            notes += trigger(office, work, matter, "fact", fact, at=matter.opened_at, now=now)
    detail: dict[str, Any] = {
        "workflow": matter.workflow,
        "title": matter.title,
        "bundle": matter.bundle[:16],
    }
    if matter.facts:
        detail["facts"] = plain_facts(matter.facts)
    if cause:
        detail["cause"] = cause
    if notes:
        detail["clocks"] = notes
    work.record(matter, "opened" if seen else "inferred", "open", at=matter.opened_at, now=now, actor=actor,
                detail=detail)  # fmt: skip
    opened = [matter]
    spawns = office.workflow(matter).spawns
    if spawns is not None:
        opened += spawn(office, work, matter, spawns, at=matter.opened_at, now=now, actor=actor, seen=seen,
                        foreseen=foreseen)  # fmt: skip
    return opened


def spawn(
    office: Office,
    work: Work,
    parent: Matter,
    spawns: Spawn,
    *,
    at: datetime,
    now: datetime,
    actor: str,
    seen: bool,
    foreseen: Foreseen | None = None,
    facts: Mapping[str, FactValue] | None = None,
) -> list[Matter]:
    """Open the parts that an action of ``parent`` spawns; raise ``BadInput`` for an impossible number.

    ``facts`` are those with which a part comes that is opened alone (a bid).
    """
    if foreseen is not None and not spawns.with_facts:
        count = foreseen.counts.get(parent.id, 1)
    else:
        try:
            count = int(ask(office, work, parent, spawns.count, wants="integer"))
        except MissingFact as missing:
            raise BadInput(
                f"还不知道要开立几个下级事项：缺少要素 {missing}", then=f"用 --fact {missing}=数量 补上"
            ) from None
    if not 1 <= count <= MOST_PARTS:
        raise BadInput(
            f"{spawns.count} = {count}：下级事项的数量应在 1 到 {MOST_PARTS} 之间", then="改正该要素后重试"
        )
    opened: list[Matter] = []
    name = _chosen(office, parent, spawns, seen=seen and foreseen is None)
    for _ in range(count):
        part = part_of(office, work, parent, name, at)
        if foreseen is not None:
            part.facts.update(foreseen.facts.get(part.id, {}))
        if spawns.with_facts:
            part.facts.update(facts or {})
        opened += open_matter(office, work, part, now=now, actor=actor, seen=seen, foreseen=foreseen)
    return opened


def _chosen(office: Office, parent: Matter, spawns: Spawn, *, seen: bool) -> str:
    """Return the workflow of the parts: the one that a fact of ``parent`` names, else the one of the tier itself.

    Raise ``Refused`` for one that the profile does not switch on; what a register shows has happened all the same.
    """
    named = str(parent.facts.get(spawns.which, "")) if spawns.which else ""
    workflow = office.machines(parent.bundle).bundle.workflows.get(named)
    if workflow is None or workflow.tier != spawns.workflow:
        return spawns.workflow
    if seen and not office.planner(parent).profile.has(workflow.switch):
        raise Refused(
            f"{workflow.title}还没有开通",
            why="这一流程的依据没有与原文核对过，由本地的方案决定用不用",
            then=f"核对原文后，在地方时限方案里写 switches: [{workflow.switch}]",
        )
    return named


def part_of(office: Office, work: Work, parent: Matter, workflow: str, at: datetime) -> Matter:
    """Make the next part of ``parent``; it inherits bundle, profile, unit and jurisdiction."""
    definition = office.machines(parent.bundle).bundle.workflows[workflow]
    return Matter(
        id=_number(work, parent, definition),
        root=parent.root,
        workflow=workflow,
        state=definition.initial,
        state_since=at,
        title=parent.title,
        unit=parent.unit,
        jurisdiction=parent.jurisdiction,
        bundle=parent.bundle,
        profile=parent.profile,
        opened_at=at,
        part_of=parent.id,
        go_live=parent.go_live,
    )


def _number(work: Work, parent: Matter, definition: WorkflowDef) -> str:
    """Return the id of the next part. What stands beside the way is numbered apart: contracts stay .1, .2, …"""
    work.touch(parent)
    if definition.aside:
        parent.cases += 1
        return definition.numbered(parent.id, parent.cases)
    parent.children += 1
    return f"{parent.id}.{parent.children}"


def newcomer(office: Office, matter: Matter, action: ActionDef) -> WorkflowDef | None:
    """Return the workflow of what ``action`` opens with facts handed in: about the matter, or one part of it."""
    if action.opens:
        return office.current.workflows.get(action.opens)
    if action.spawns is not None and action.spawns.with_facts:
        return office.machines(matter.bundle).bundle.workflows.get(action.spawns.workflow)
    return None


def open_about(
    office: Office,
    work: Work,
    matter: Matter,
    workflow: str,
    facts: Mapping[str, FactValue],
    *,
    at: datetime,
    now: datetime,
    actor: str,
    clock: str | None = None,
    cause: str = "",
) -> Matter:
    """Open a matter about ``matter``: a case, a query. It takes the bundle now in force.

    ``clock`` is what a case watches. Raise ``NotFound`` where that bundle lacks the workflow.
    """
    definition = office.current.workflows.get(workflow)
    if definition is None:
        raise NotFound(f"现行流程里没有 {workflow}，开不出来", then="在流程文件夹里补上这个流程")
    matter.cases += 1
    work.touch(matter)
    about = Matter(
        id=definition.numbered(matter.id, matter.cases),
        root=matter.root,
        workflow=workflow,
        state=definition.initial,
        state_since=at,
        title=matter.title,
        unit=matter.unit,
        jurisdiction=matter.jurisdiction,
        bundle=office.current.hash,
        profile=matter.profile,
        opened_at=at,
        about=matter.id,
        about_clock=clock,
        facts={name: value for name, value in facts.items() if name in definition.facts},
    )
    open_matter(office, work, about, now=now, actor=actor, cause=cause)
    return about


def open_twin(
    office: Office, work: Work, matter: Matter, *, at: datetime, now: datetime, actor: str
) -> Matter:  # fmt: skip
    """Open the same once more about what ``matter`` is about, where ``matter`` now stands; each names the other.

    The law may hold two to account for one thing: purchaser and agency. 一案双查
    """
    work.family(matter.root)
    assert matter.about is not None
    watched = work.matters[matter.about]
    watched.cases += 1
    work.touch(watched)
    twin = replace(
        matter, id=office.workflow(matter).numbered(watched.id, watched.cases), state_since=at, opened_at=at,
        revision=0, history_no=0, head_hash="", children=0, cases=0, marks={}, pauses=[],
        facts={name: value for name, value in matter.facts.items() if name in CASE_FACTS},
    )  # fmt: skip
    if "sheet" in twin.facts:
        twin.facts["sheet"] = number_of(matter.unit, at, office.calendar)
    twin.facts["twin"] = matter.id
    work.set_fact(matter, "twin", twin.id)
    open_matter(office, work, twin, now=now, actor=actor, cause=f"{matter.id}/twin")
    return twin


def open_case(
    office: Office, work: Work, matter: Matter, source: Clock | str, workflow: str, *, moment: str, at: datetime,
    now: datetime, cause: str, others: Sequence[str] = (),
) -> Matter:  # fmt: skip
    """Open a case about ``matter``, with the moment that was missed.

    ``source`` is the clock that ran out, or the code of the rule that escalated; ``others`` are the matters that
    the rule found alike. It begins in the hands that its workflow names, else in the tracker's.
    """
    name = source if isinstance(source, str) else source.name
    watched = source if isinstance(source, str) else source.spelled
    definition = office.current.workflows.get(workflow)
    level = definition.facts.get("level") if definition is not None else None
    hands = level.initially if level is not None and level.initially else FIRST_HANDS
    facts: dict[str, FactValue] = {"level": hands, "clock": name, "moment": moment}
    facts["sheet"] = number_of(matter.unit, at, office.calendar)
    if others:
        facts["others"] = "、".join(others)
    return open_about(
        office, work, matter, workflow, facts, at=at, now=now, actor=SYSTEM, clock=watched, cause=cause
    )
