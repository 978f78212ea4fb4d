"""Carry out one action on one matter, with everything that follows from it.

This is the one place where states change: people's actions, automatic ones and those that a replay
observes or infers all come through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from engine.asking import ask, joins, twin_of
from engine.chain import plain_facts
from engine.climbing import change_hands, hand_over
from engine.clock import Clock
from engine.matter import Evidence, FactValue, Matter
from engine.office import Office
from engine.opening import FIRST_HANDS, Foreseen, open_about, open_twin, spawn
from engine.rules import MissingFact
from engine.standstill import halt, interfere
from engine.starting import end_by, finish, recount, trigger, void_rest, withdraw_warnings
from engine.work import SYSTEM, Handed, Work, watched_by
from engine.workflow import ACTOR, MOMENTS, TRUTH, ActionDef


@dataclass(slots=True)
class Deed:
    """One action as it was done or seen: ``at`` is when it happened, ``now`` when it is recorded.

    ``kind`` is ``action`` (a person acted), ``observed`` (a replay saw it), ``inferred`` (a replay
    fills it in: it starts no clock and voids what it would end) or ``automatic``.
    """

    at: datetime
    now: datetime
    actor: str
    kind: str = "action"
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    evidence: Sequence[Evidence] = ()
    reason: str = ""
    remarks: Mapping[str, Any] = field(default_factory=dict)
    foreseen: Foreseen | None = None
    opening: Mapping[str, FactValue] = field(default_factory=dict)
    """Facts of what the action opens: about this matter, or as a part of it."""
    by_time: bool = False
    nameless: bool = False
    """Nobody in particular acts (a register is read in): who it was is not written down."""

    @property
    def known(self) -> datetime:
        """When the deed came to be known. What time does by itself is known as it happens, whenever the
        beat comes: it is never recorded late."""
        return self.at if self.by_time else self.now

    @property
    def seen(self) -> bool:
        """Whether the action was done or seen, not merely filled in."""
        return self.kind != "inferred"

    def to_come(self, matter: Matter, action: str) -> bool:
        """Whether a register will still show ``action`` on ``matter``."""
        return self.foreseen is not None and self.foreseen.to_come(matter, action)


@dataclass(slots=True)
class Outcome:
    """What an action led to."""

    matter: Matter
    action: str
    came_from: str
    went_to: str
    clocks: list[dict[str, Any]] = field(default_factory=list)
    opened: list[Matter] = field(default_factory=list)
    """Parts and matters about this one that came with the action."""
    followed: list[tuple[Matter, str]] = field(default_factory=list)
    ended: list[Clock] = field(default_factory=list)


def perform(office: Office, work: Work, matter: Matter, action: ActionDef, deed: Deed) -> Outcome:
    """Do ``action`` on ``matter``: facts, state, clocks, parts, history, and what follows by itself."""
    machine = office.machines(matter.bundle).of[matter.workflow]
    came_from = matter.state
    went_to = machine.step(came_from, action.name)
    outcome = Outcome(matter, action.name, came_from, went_to or came_from)
    given = {**deed.facts, **_set_by(office, action, deed)}
    changed = _take_facts(work, matter, given)
    moved = change_hands(work, matter, action, changed) if deed.seen else {}
    passed_on = hand_over(work, matter, action) if deed.seen else {}
    matter.revision += 1
    undone = [note for name in action.undoes for note in _undo(office, work, matter, name, deed)]
    if deed.seen:
        matter.marks[f"action:{action.name}"] = deed.at
    halted: list[dict[str, Any]] = []
    if action.to is not None and went_to is not None:
        matter.state = went_to
        matter.state_since = deed.at
        # before anything ends or starts: what runs again ends by its new moments
        halted = halt(office, work, matter, came_from, at=deed.at, now=deed.known)
    notes = undone + halted + _move_clocks(office, work, matter, action, deed, changed, outcome)
    outcome.clocks = notes
    referred = matter.is_case and "level" in changed and matter.facts["level"] != FIRST_HANDS
    # the case is referred: what was known of the watched matter is frozen at this line; higher up it stays so
    frozen = _heads(work, matter) if referred and not action.climbs else {}
    _record(
        work,
        matter,
        action,
        deed,
        given,
        came_from,
        notes,
        {"dossier": frozen, "jurisdiction": moved, "unit": passed_on},
    )
    if matter.state != came_from:
        interfere(office, work, matter, came_from, at=deed.at, now=deed.now, actor=deed.actor)
    outcome.opened = _opened_by(office, work, matter, action, deed)
    for opened in outcome.opened:
        interfere(office, work, opened, "", at=deed.at, now=deed.now, actor=deed.actor)
    for clock in outcome.ended:
        # in time after all: recorded late, or blamed by a wall clock that had gone ahead for a while; and
        # a clock that only the late record had started never ran: what it led to is withdrawn too
        never_ran = deed.at < clock.anchor and deed.known > deed.at
        if clock.fired and (clock.state == "met" or never_ran):
            _corrected(office, work, matter, clock, deed, outcome)
    if action.for_parts:
        _with_parts(office, work, matter, action, deed, outcome)
    if action.for_about:
        _with_watched(office, work, matter, action, deed, outcome)
    follow(office, work, matter, came_from, deed, outcome)
    return outcome


def _opened_by(office: Office, work: Work, matter: Matter, action: ActionDef, deed: Deed) -> list[Matter]:
    """Open what comes with an action: parts, a twin, a matter about this one."""
    opened: list[Matter] = []
    if action.spawns is not None:
        opened = spawn(office, work, matter, action.spawns, at=deed.at, now=deed.now, actor=deed.actor,
                       seen=deed.seen, foreseen=deed.foreseen, facts=deed.opening)  # fmt: skip
    if action.twins and deed.seen:
        opened.append(open_twin(office, work, matter, at=deed.at, now=deed.now, actor=deed.actor))
    if action.opens and deed.seen:
        about = open_about(office, work, matter, action.opens, deed.opening, at=deed.at, now=deed.now,
                           actor=deed.actor)  # fmt: skip
        opened.append(about)
    return opened


def _with_watched(
    office: Office, work: Work, matter: Matter, action: ActionDef, deed: Deed, outcome: Outcome
) -> None:
    """Take an action's counterpart on the matter that this one is about, where that offers it."""
    watched = watched_by(work, matter)
    if watched is None:
        return
    counterpart = office.workflow(watched).actions.get(action.for_about)
    if counterpart is not None and watched.state in counterpart.sources:
        _together(office, work, watched, counterpart, deed, outcome, f"{matter.id} {action.title}")


def _with_parts(
    office: Office, work: Work, matter: Matter, action: ActionDef, deed: Deed, outcome: Outcome
) -> None:
    """Take an action's counterpart on every part that offers it; of several the first that is offered."""
    for part in work.parts_of(matter):
        known = office.workflow(part).actions
        offered = [
            known[name] for name in action.for_parts if name in known and part.state in known[name].sources
        ]
        for counterpart in offered[:1]:
            _together(office, work, part, counterpart, deed, outcome, deed.reason)


def _together(
    office: Office, work: Work, other: Matter, action: ActionDef, deed: Deed, outcome: Outcome, reason: str
) -> None:
    """Take ``action`` on another matter together with ``deed``."""
    kind = "automatic" if deed.seen else "inferred"
    following = replace(deed, actor=SYSTEM, facts={}, opening={}, evidence=(), kind=kind, reason=reason)
    outcome.followed.append((other, action.name))
    result = perform(office, work, other, action, following)
    outcome.followed += result.followed


def _move_clocks(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    deed: Deed,
    changed: frozenset[str],
    outcome: Outcome,
) -> list[dict[str, Any]]:
    """End, recount, start and void clocks, in this order; return the notes for the history."""
    at, now = deed.at, deed.known
    notes: list[dict[str, Any]] = []
    if deed.seen or not deed.to_come(matter, action.name):
        notes, outcome.ended = end_by(office, work, matter, action.name, at=at, now=now, seen=deed.seen)
    if changed:
        notes += recount(office, work, matter, changed, now=now)
    if deed.seen:
        happened = [("action", action.name)]
        if action.to is not None:
            happened.append(("state", matter.state))
        happened += [("fact", fact) for fact in sorted(changed)]
        for kind, name in happened:
            notes += trigger(office, work, matter, kind, name, at=at, now=now)
    if action.to is not None and matter.state in office.machines(matter.bundle).finals[matter.workflow]:
        notes += void_rest(office, work, matter, at=at, now=now, spare=partial(deed.to_come, matter))
    return notes


def _set_by(office: Office, action: ActionDef, deed: Deed) -> dict[str, FactValue]:
    """Return the facts that the action itself writes: the day on which it happened, or a text."""
    if not deed.seen:
        return {}
    day = office.calendar.day_of(deed.at)
    found: dict[str, FactValue] = {}
    for name, source in action.sets:
        if source == ACTOR:
            if deed.kind == "action" and not deed.nameless:
                found[name] = deed.actor
        else:
            found[name] = day if source == "day" else TRUTH.get(source, source)
    return found


def _undo(office: Office, work: Work, matter: Matter, name: str, deed: Deed) -> list[dict[str, Any]]:
    """Count the action ``name`` as not taken: forget what it noted, void the clocks that it started."""
    taken = office.workflow(matter).actions[name]
    begun = {("action", name), ("state", taken.to)}
    for kind, thing in begun:
        matter.marks.pop(f"{kind}:{thing}", None)
    for fact in (*taken.needs, *(fact for fact, _ in taken.sets)):
        work.drop_fact(matter, fact)
    notes: list[dict[str, Any]] = []
    for clock in work.clocks_of(matter):
        starts = {(t.kind, t.name) for t in office.clock(matter, clock.name).starts}
        if clock.is_open and starts & begun:
            finish(work, clock, "void", at=deed.at, now=deed.known)
            notes.append({"clock": f"{clock.name}/{clock.round}", "ended": "void"})
    return notes


def _take_facts(work: Work, matter: Matter, given: Mapping[str, FactValue]) -> frozenset[str]:
    changed: set[str] = set()
    for name, value in given.items():
        if matter.facts.get(name) != value:
            changed.add(name)
            work.set_fact(matter, name, value)
    return frozenset(changed)


def _heads(work: Work, case: Matter) -> dict[str, list[Any]]:
    """Return how far the histories of the case, the watched matter and what that is part of have come:
    (number, hash) of the last line, which pins everything before it.
    """
    work.family(case.root)
    assert case.about is not None
    return {m.id: [m.history_no, m.head_hash] for m in (case, *work.chain(work.matters[case.about]))}


def _record(
    work: Work,
    matter: Matter,
    action: ActionDef,
    deed: Deed,
    given: Mapping[str, FactValue],
    came_from: str,
    notes: list[dict[str, Any]],
    more: Mapping[str, Mapping[str, Any]],
) -> None:
    detail: dict[str, Any] = dict(deed.remarks)
    if given:
        detail["facts"] = plain_facts(given)
    if deed.evidence:
        detail["evidence"] = [
            {"kind": e.kind, "name": e.name, "sha256": e.sha256, "size": e.size} for e in deed.evidence
        ]
    if deed.reason:
        detail["reason"] = deed.reason
    if notes:
        detail["clocks"] = notes
    detail.update({name: dict(value) for name, value in more.items() if value})
    entry = work.record(matter, deed.kind, action.name, at=deed.at, now=deed.now, actor=deed.actor,
                        came_from=came_from, detail=detail)  # fmt: skip
    for item in deed.evidence:
        work.evidence.append(Handed(matter.id, matter.jurisdiction, entry.no, item))


def _corrected(
    office: Office, work: Work, matter: Matter, clock: Clock, deed: Deed, outcome: Outcome
) -> None:
    """An act that was in time after all: withdraw warnings and cases about a breach that was none (补录)."""
    withdraw_warnings(office, work, matter, clock, at=deed.at, now=deed.now)
    withdraw_cases(office, work, matter, clock, deed, outcome)


def withdraw_cases(
    office: Office, work: Work, matter: Matter, clock: Clock, deed: Deed, outcome: Outcome
) -> None:
    """Withdraw the cases about ``clock`` whose moment ``deed`` kept: an act in time, or an extension.

    A case is withdrawn when that becomes known, not when the act happened.
    """
    name = f"{clock.name}/{clock.round}/"
    for case in work.family(matter.root):
        if case.about != matter.id or case.about_clock is None or not case.about_clock.startswith(name):
            continue
        moment = case.facts.get("moment")
        due = next((clock.moment(n) for n in MOMENTS if n == moment), None)
        if due is not None and deed.at < due:
            known = replace(deed, at=deed.now)
            _automatic(office, work, case, known, outcome, {"breach.corrected": True})


def follow(office: Office, work: Work, matter: Matter, came_from: str, deed: Deed, outcome: Outcome) -> None:
    """Let automatic actions happen: on the matter itself, then, when it is done or done no longer, on what
    it is part of.
    """
    finals = office.machines(matter.bundle).finals[matter.workflow]
    _automatic(office, work, matter, deed, outcome, {})
    if (twin := twin_of(work, matter)) is not None and matter.state != came_from:
        _automatic(office, work, twin, deed, outcome, {})
    if matter.state in finals or came_from in finals:
        _above(office, work, matter, deed, outcome)


def _above(office: Office, work: Work, matter: Matter, deed: Deed, outcome: Outcome) -> None:
    """Let what a matter is part of go on; where that is done already, the next one above it."""
    while matter.part_of is not None:
        work.family(matter.root)
        matter = work.matters[matter.part_of]
        stood = matter.state
        _automatic(office, work, matter, deed, outcome, {})
        if matter.state != stood or stood not in office.machines(matter.bundle).finals[matter.workflow]:
            return  # it goes on from there by itself, or is not done yet


def _automatic(
    office: Office, work: Work, matter: Matter, deed: Deed, outcome: Outcome, extra: Mapping[str, bool | int | str]
) -> None:  # fmt: skip
    machines = office.machines(matter.bundle)
    for action in machines.of[matter.workflow].automatic(matter.state):
        values = {**joins(office, work, matter), "breach.corrected": False, **extra}
        try:
            due = ask(office, work, matter, action.when, extra=values)
        except MissingFact:
            continue
        if due:
            # what follows from several parts happens with the last of them, in whatever order they are recorded
            last = max(
                [deed.at, *(p.state_since for p in work.parts_of(matter) if p.state_since is not None)]
            )
            following = Deed(
                at=last, now=deed.now, actor=SYSTEM, kind="automatic" if deed.seen else "inferred",
                foreseen=deed.foreseen, by_time=deed.by_time,
            )  # fmt: skip
            outcome.followed.append((matter, action.name))
            result = perform(office, work, matter, action, following)
            outcome.followed += result.followed
            outcome.opened += result.opened
            return
