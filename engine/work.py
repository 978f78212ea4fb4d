"""A unit of work: what one transaction has read, and what it is going to write.

Routes change the values they read and leave every effect here as data; the store writes it in sets.
Nothing is written before the whole act has succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol

from engine.chain import ALGORITHM, chained, line_of
from engine.clock import Clock
from engine.directory import Delegation, Jurisdiction
from engine.matter import Entry, Evidence, FactValue, Matter
from engine.questions import Kin

SYSTEM = "system"


# Effects are written once and never changed; `frozen` would say so, at four times the price of making
# one (docs/why/speed.md).


@dataclass(slots=True)
class Fire:
    """A rung taking effect; ``key`` is spelled from its cause and unique. 触发"""

    key: str
    matter: str
    root: str
    jurisdiction: str
    clock: str
    round: int
    epoch: int
    rung: str
    occurrence: int
    does: str
    at: datetime
    fired_at: datetime
    collapsed: bool = False
    case: str | None = None


@dataclass(slots=True)
class Message:
    """One notice to one person by one channel, rendered and frozen; ``key`` = fire/person/channel. 消息

    ``wording`` names the text that it was rendered from, ``params`` are the values given to it. After
    ``expires_at`` it is worth nothing: a reminder ends at its due moment.
    """

    key: str
    fire: str
    matter: str
    jurisdiction: str
    person: str
    role: str
    channel: str
    rung: str
    subject: str
    text: str
    send_from: datetime
    created_at: datetime
    wording: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(slots=True)
class Handed:
    """Evidence with the matter and history line it belongs to."""

    matter: str
    jurisdiction: str
    history_no: int
    evidence: Evidence


@dataclass(slots=True)
class Mark:
    """A point to which a unit of work can be taken back.

    ``whole`` holds, for effects that may change anything in the family, every matter and clock as it was.
    """

    matter: Matter
    children: int
    cases: int
    history_no: int
    head_hash: str
    sizes: tuple[int, ...]
    whole: Whole | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A family as it was: its matters and clocks (the things themselves, and copies), and what was noted."""

    things: tuple[tuple[Matter | Clock, Matter | Clock], ...]
    clocks: Mapping[str, Sequence[Clock]]
    facts: Mapping[tuple[str, str], FactValue | None]
    changed_matters: Mapping[str, Matter]
    changed_clocks: Mapping[tuple[str, str, int], Clock]


class Reader(Protocol):
    """How a unit of work reads; the store implements it."""

    def read_family(self, root: str) -> tuple[list[Matter], list[Clock]]:
        """Return every matter of the family, parents before parts, and all their clocks."""
        ...

    def read_matters(self, ids: Sequence[str]) -> list[Matter]:
        """Return these matters with their facts."""
        ...

    def read_due(self, now: datetime, limit: int) -> list[Clock]:
        """Return up to ``limit`` clocks that must be looked at by ``now``, the earliest first."""
        ...

    def holders(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[str]:
        """Return who holds ``role`` for ``unit`` at ``at``."""
        ...

    def delegations(self, role: str, unit: str, jurisdiction: str, at: datetime) -> list[Delegation]:
        """Return who stands in for whom at ``at`` where ``role`` is held for ``unit``."""
        ...

    def superior(self, jurisdiction: str) -> Jurisdiction | None:
        """Return the jurisdiction that this one is part of; ``None`` at the top, or where none is known."""
        ...

    def home_of(self, unit: str) -> str | None:
        """Return the jurisdiction of a purchasing unit; ``None`` for one that is not known."""
        ...

    def read_unit(self, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
        """Return the unit's projects opened from ``since`` until ``until`` with those of the facts ``names``, and
        what else of theirs was opened then and has one of these facts; by an index, never by a full scan."""
        ...


def watched_by(work: Work, matter: Matter) -> Matter | None:
    """Return what ``matter``, or what it is part of, is about: the package of a complaint and of its suspension."""
    about = next((here.about for here in work.chain(matter) if here.about is not None), None)
    if about is None:
        return None
    if about not in work.matters:
        work.family(matter.root)
    return work.matters[about]


class Work:
    """Identity map and list of effects of one transaction."""

    def __init__(self, reader: Reader) -> None:
        """Start empty over ``reader``."""
        self.reader = reader
        self.matters: dict[str, Matter] = {}
        self.families: dict[str, list[str]] = {}
        self.clocks: dict[str, list[Clock]] = {}
        self._holders: dict[tuple[str, str, str, datetime], list[str]] = {}
        self._fresh: dict[str, None] = {}
        self.clear()

    def clear(self) -> None:
        """Forget the effects, after they were written; keep what was read."""
        self._fresh.clear()
        self._holders.clear()
        self.new_matters: list[Matter] = []
        self.changed_matters: dict[str, Matter] = {}
        self.new_facts: dict[tuple[str, str], FactValue | None] = {}
        self.entries: list[Entry] = []
        self.new_clocks: list[Clock] = []
        self.changed_clocks: dict[tuple[str, str, int], Clock] = {}
        self.fires: list[Fire] = []
        self.messages: list[Message] = []
        self.evidence: list[Handed] = []
        self.aliases: list[tuple[str, str, str, str]] = []

    # reading

    def family(self, root: str) -> list[Matter]:
        """Return the whole family of ``root``, loading it once."""
        if root not in self.families:
            matters, clocks = self.reader.read_family(root)
            known: dict[tuple[str, str, int], Clock] = {}
            for matter in matters:
                self.matters.setdefault(matter.id, matter)
                known.update((c.key, c) for c in self.clocks.get(matter.id, ()))
                self.clocks[matter.id] = []
            for clock in clocks:
                self.clocks[clock.matter].append(known.get(clock.key, clock))
            ids = [m.id for m in matters]
            ids += [i for i in self._fresh if self.matters[i].root == root and i not in ids]
            self.families[root] = ids
        return [self.matters[i] for i in self.families[root]]

    def adopt(self, clocks: Sequence[Clock]) -> list[Clock]:
        """Take due clocks and their matters into the map without their whole families."""
        missing = {c.matter for c in clocks if c.matter not in self.matters}
        if missing:
            for matter in self.reader.read_matters(sorted(missing)):
                self.matters[matter.id] = matter
        out: list[Clock] = []
        for clock in clocks:
            held = self.clocks.setdefault(clock.matter, [])
            known = next((c for c in held if c.key == clock.key), None)
            if known is None:
                held.append(clock)
            out.append(known or clock)
        return out

    def parts_of(self, matter: Matter) -> list[Matter]:
        """Return the direct parts of ``matter`` (its family must be loaded)."""
        return [m for m in self.family(matter.root) if m.part_of == matter.id]

    def chain(self, matter: Matter) -> list[Matter]:
        """Return ``matter`` and what it is part of, nearest first."""
        out = [matter]
        while out[-1].part_of is not None:
            if out[-1].part_of not in self.matters:
                self.family(matter.root)
            out.append(self.matters[out[-1].part_of])
        return out

    def clocks_of(self, matter: Matter) -> list[Clock]:
        """Return all clocks of ``matter``, ended ones too."""
        if matter.root not in self.families and matter.id not in self._fresh:
            self.family(matter.root)
        return self.clocks.setdefault(matter.id, [])

    def holders(self, role: str, matter: Matter, at: datetime) -> list[str]:
        """Return who holds ``role`` for the matter's unit at ``at``; asked once per transaction."""
        key = (role, matter.unit, matter.jurisdiction, at)
        if key not in self._holders:
            self._holders[key] = self.reader.holders(role, matter.unit, matter.jurisdiction, at)
        return self._holders[key]

    def forget(self, root: str) -> None:
        """Let go of a family that nothing will touch soon; its effects must be written already."""
        for matter in self.families.pop(root, ()):
            self.matters.pop(matter, None)
            self.clocks.pop(matter, None)

    def unit(self, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
        """Return what ``Reader.read_unit`` says, with what this unit of work has changed and not yet written."""
        found = {kin.id: kin for kin in self.reader.read_unit(unit, since, until, names)}
        unwritten = (
            {m.id for m in self.new_matters} | self.changed_matters.keys() | {m for m, _ in self.new_facts}
        )
        for matter in (self.matters[i] for i in sorted(unwritten)):
            if matter.unit == unit and matter.about is None and since <= matter.opened_at < until:
                facts = {name: matter.facts[name] for name in names if name in matter.facts}
                found[matter.id] = Kin(
                    matter.id, matter.root, matter.workflow, matter.state, matter.opened_at, facts
                )
        return list(found.values())

    # writing

    def add_matter(self, matter: Matter) -> None:
        """Put a new matter into the map and among the effects."""
        self.matters[matter.id] = matter
        self.clocks[matter.id] = []
        if matter.root == matter.id:
            self.families[matter.root] = [matter.id]
        elif matter.root in self.families:
            self.families[matter.root].append(matter.id)
        self.new_matters.append(matter)
        self._fresh[matter.id] = None
        for name, value in matter.facts.items():
            self.new_facts[matter.id, name] = value

    def touch(self, matter: Matter) -> None:
        """Note that ``matter`` changed."""
        self.changed_matters[matter.id] = matter

    def set_fact(self, matter: Matter, name: str, value: FactValue) -> None:
        """Set a fact of ``matter``."""
        matter.facts[name] = value
        self.new_facts[matter.id, name] = value

    def drop_fact(self, matter: Matter, name: str) -> None:
        """Forget a fact of ``matter`` that no longer holds; its history keeps it."""
        if matter.facts.pop(name, None) is not None:
            self.new_facts[matter.id, name] = None

    def add_clock(self, clock: Clock) -> None:
        """Put a new clock into the map and among the effects."""
        self.clocks.setdefault(clock.matter, []).append(clock)
        self.new_clocks.append(clock)

    def touch_clock(self, clock: Clock) -> None:
        """Note that ``clock`` changed."""
        self.changed_clocks[clock.key] = clock

    def mark(self, matter: Matter, *, whole: bool = False) -> Mark:
        """Remember how far the effects have come, so that a failed one can be undone.

        ``whole``: what follows is an action, which may change anything in the family of ``matter``.
        """
        sizes = tuple(len(held) for held in self._lists())
        kept = self._whole(matter.root) if whole else None
        return Mark(matter, matter.children, matter.cases, matter.history_no, matter.head_hash, sizes, kept)

    def _whole(self, root: str) -> Whole:
        clocks = {m.id: list(self.clocks.setdefault(m.id, [])) for m in self.family(root)}
        things: list[Matter | Clock] = [*self.family(root), *(c for held in clocks.values() for c in held)]
        return Whole(
            tuple((thing, deepcopy(thing)) for thing in things), clocks, dict(self.new_facts),
            dict(self.changed_matters), dict(self.changed_clocks),
        )  # fmt: skip

    def undo(self, mark: Mark) -> None:
        """Take back what was added since ``mark`` (new matters, clocks, fires, messages, history)."""
        for matter in self.new_matters[mark.sizes[0] :]:
            self.matters.pop(matter.id, None)
            self.clocks.pop(matter.id, None)
            del self._fresh[matter.id]
            if matter.id in self.families.get(matter.root, ()):
                self.families[matter.root].remove(matter.id)
            self.changed_matters.pop(matter.id, None)
            for key in [k for k in self.new_facts if k[0] == matter.id]:
                del self.new_facts[key]
        for held, size in zip(self._lists(), mark.sizes, strict=True):
            del held[size:]
        matter = mark.matter
        matter.children, matter.cases = mark.children, mark.cases
        matter.history_no, matter.head_hash = mark.history_no, mark.head_hash
        if mark.whole is not None:
            self._put_back(mark.whole)

    def _put_back(self, whole: Whole) -> None:
        for thing, before in whole.things:
            for column in fields(thing):
                setattr(thing, column.name, getattr(before, column.name))
        for matter, held in whole.clocks.items():
            self.clocks[matter] = list(held)
        self.new_facts = dict(whole.facts)
        self.changed_matters = dict(whole.changed_matters)
        self.changed_clocks = dict(whole.changed_clocks)

    def _lists(self) -> tuple[list[Any], ...]:
        return (self.new_matters, self.entries, self.new_clocks, self.fires, self.messages, self.evidence)

    def record(
        self,
        matter: Matter,
        kind: str,
        name: str,
        *,
        at: datetime,
        now: datetime,
        actor: str,
        came_from: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Append a line to the history of ``matter`` and chain it to the line before (decision 0003)."""
        no = matter.history_no + 1
        went_to = matter.state
        kept = dict(detail or {})
        body = line_of(matter.id, no, kind, name, at, now, actor, came_from, went_to, kept)
        previous = matter.head_hash
        digest = chained(previous, body)
        entry = Entry(
            matter.id,
            no,
            kind,
            at,
            now,
            actor,
            came_from,
            went_to,
            name,
            kept,
            body,
            previous,
            digest,
            ALGORITHM,
            matter.jurisdiction,
        )
        matter.history_no = no
        matter.head_hash = digest
        self.changed_matters[matter.id] = matter
        self.entries.append(entry)
        return entry
