"""The Petri net of a whole family: a matter is opened only where an action announced it, a join waits for the parts.

What waits for ``parts.open == 0`` waits until all tokens of its parts lie in one place, ``parts.open > 0`` for one
token in the other. So a join that comes too early, or an opening that nobody announced, does not fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.workflow import ActionDef, WorkflowDef
from tests.conformance.logs import FILLED_IN, OPEN, Event
from tests.conformance.nets import UNOPENED, Files, Net, openings
from tests.conformance.walks import Export

TO_COME, OPENED, EVER = "parts done or to come", "parts open", "parts ever opened"
Counts = Mapping[tuple[str, str], set[int]]
"""By matter and action: the numbers of parts that it announced."""


@dataclass(frozen=True)
class Member:
    """A matter of a family, as the export shows it."""

    id: str
    workflow: WorkflowDef
    end: str
    """The state in which it stands at the end."""
    above: str
    """What it is part of, or about."""
    counted: bool
    """Whether what it is part of waits for it."""
    parts: int
    """How many parts that it waits for it came to have."""

    def place(self, name: str) -> str:
        """Name a place of this matter."""
        return f"{self.id} {name}"

    def is_done(self, state: str) -> bool:
        """Whether a state is final."""
        return self.workflow.states[state].final


def members_of(export: Export, files: Files) -> list[Member]:
    """Return the matters of a family."""
    workflows = {m["id"]: files.bundle.workflows[m["workflow"]] for m in export.matters}
    counted = {m["id"]: m["part_of"] for m in export.matters if m["part_of"] and not workflows[m["id"]].aside}
    parts = Counter(counted.values())
    return [
        Member(m["id"], workflows[m["id"]], m["state"], m["part_of"] or m["about"] or "", m["id"] in counted,
               parts[m["id"]])
        for m in export.matters
    ]  # fmt: skip


def family_net(files: Files, members: Sequence[Member], events: Sequence[Event]) -> Net:
    """Return the net of a family of these members, as far as these events and what they announce may ask for it."""
    made = Net(files, frozenset(event.full_label for event in events))
    counts: dict[tuple[str, str], set[int]] = {}
    for event in events:
        counts.setdefault((event.matter, event.action), set()).add(event.parts)
    for member in members:
        _mark(made, member)
        for label, state in openings(member.workflow):
            _add_opening(made, member, label, state)
        for action in member.workflow.actions.values():
            _add_action(made, member, action, counts)
    return made


def _mark(made: Net, member: Member) -> None:
    """Say where the tokens of a matter lie before everything, and after."""
    made.initial[made.place(member.place(UNOPENED))] = 1
    made.final[made.place(member.place(member.end))] = 1
    if member.parts:
        made.initial[made.place(member.place(TO_COME))] = member.parts
        made.final[made.place(member.place(EVER))] = member.parts
    if member.counted:
        lies = TO_COME if member.is_done(member.end) else OPENED
        made.final[made.place(f"{member.above} {lies}")] += 1


def _add_opening(made: Net, member: Member, label: str, state: str) -> None:
    takes, gives = Counter({member.place(UNOPENED): 1}), Counter({member.place(state): 1})
    if member.above and label == OPEN and member.workflow.name not in made.files.unannounced:
        takes[_announced(member.above, member.workflow)] += 1
    if member.counted:
        takes[f"{member.above} {TO_COME}"] += 1
        gives[f"{member.above} {OPENED}"] += 1
        gives[f"{member.above} {EVER}"] += 1
    made.transition(f"{member.id} {label}", takes, gives)


def _add_action(made: Net, member: Member, action: ActionDef, counts: Counts) -> None:
    for source in action.sources:
        target = action.to or source
        takes, gives = Counter({member.place(source): 1}), Counter({member.place(target): 1})
        if member.counted and member.is_done(source) != member.is_done(target):
            lay, lies = (OPENED, TO_COME) if member.is_done(target) else (TO_COME, OPENED)
            takes[f"{member.above} {lay}"] += 1
            gives[f"{member.above} {lies}"] += 1
        waits = _waits_for(member, action.when)
        for how in made.files.ways(action):
            for number in counts.get((member.id, action.name), {0}):
                news = _announces(made, member, action, how, number)
                label = Event(member.id, action.name, how, number).full_label
                made.transition(label, takes + waits, gives + waits + news)


def _waits_for(member: Member, when: str) -> Counter[str]:
    """Return the tokens that must lie there for an automatic action, and are left there."""
    waits: Counter[str] = Counter()
    if "parts.open == 0" in when:
        waits[member.place(TO_COME)] = member.parts
    if "parts.open > 0" in when:
        waits[member.place(OPENED)] = 1
    if "parts.total > 0" in when:
        waits[member.place(EVER)] = 1
    return waits


def _announces(made: Net, member: Member, action: ActionDef, how: str, number: int) -> Counter[str]:
    """Return the tokens by which an action announces what it opens; what is filled in opens parts only."""
    workflows = made.files.bundle.workflows
    if action.spawns is not None:
        return Counter({_announced(member.id, workflows[action.spawns.workflow]): number})
    if action.opens and how != FILLED_IN:
        return Counter({_announced(member.id, workflows[action.opens]): 1})
    return Counter()


def _announced(matter: str, workflow: WorkflowDef) -> str:
    """Name the place where an opening is announced: a method stands for its tier."""
    return f"{matter} announced {workflow.tier}"
