"""Starting, ending and recounting the clocks of a matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from engine.asking import ask
from engine.chain import plain
from engine.clock import Clock, ClockState, Prepared
from engine.errors import YiribanError
from engine.losing import segments
from engine.matter import FactValue, Matter, Pause
from engine.message import compose, hung_on, parameters
from engine.office import Office
from engine.rules import MissingFact
from engine.work import Fire, Work
from engine.workflow import MOMENTS, ClockDef

WITHDRAWN = "warning_withdrawn"
EXTENDED = "warning_extended"
WITHDRAWAL = "withdrawn"
"""The name of a withdrawal among the rungs that fired; no ladder's rung is called so."""


def trigger(
    office: Office, work: Work, matter: Matter, kind: str, name: str, *, at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Start the clocks of ``matter`` that wait for this; return what started, for the history."""
    machines = office.machines(matter.bundle)
    out: list[dict[str, Any]] = []
    for clock in machines.starts_on.get((matter.workflow, kind, name), ()):
        definition = machines.bundle.workflows[matter.workflow].clocks[clock]
        if definition.profile and definition.profile not in machines.bundle.profiles[matter.profile].lineage:
            continue
        anchor = _fact_day(office, matter, name) if kind == "fact" else at
        anchor = anchor or at
        if len(definition.starts) > 1:
            matter.marks[f"{kind}:{name}"] = anchor
            work.touch(matter)
            marks = [matter.marks.get(f"{t.kind}:{t.name}") for t in definition.starts]
            known = [m for m in marks if m is not None]
            if len(known) < len(marks):
                continue
            anchor = max(known)
        note = start(office, work, matter, definition, anchor, now=now)
        if note:
            out.append(note)
    return out


def _fact_day(office: Office, matter: Matter, name: str) -> datetime | None:
    value = matter.facts.get(name)
    if isinstance(value, date):
        return office.calendar.start_of(value)
    return None


def start(
    office: Office, work: Work, matter: Matter, definition: ClockDef, anchor: datetime, *, now: datetime
) -> dict[str, Any] | None:
    """Start one clock in its next round; a running one whose anchor moved is void.

    Return a note for the history: the due moments, or why the clock did not start.
    """
    own = [c for c in work.clocks_of(matter) if c.name == definition.name]
    running = next((c for c in own if c.is_open), None)
    if running is not None and running.anchor == anchor:
        return None
    if definition.applies_when:
        try:
            if not ask(office, work, matter, definition.applies_when):
                return None
        except MissingFact as missing:
            return {"clock": definition.name, "not_started": f"missing fact {missing}"}
    if running is not None:
        finish(work, running, "void", at=anchor, now=now)
    planner = office.planner(matter)
    pauses = pauses_on(office, work, matter, definition.name)
    prepared = planner.prepare(
        matter.workflow, definition, anchor, agreed_of(work, matter, definition), pauses=pauses
    )
    if not prepared.dues:
        return {"clock": definition.name, "not_started": "no limit"}
    number = max((c.round for c in own), default=0) + 1
    state: ClockState = "paused" if any(p.until is None for p in pauses) else "running"
    clock = Clock(matter.id, matter.root, matter.jurisdiction, definition.name, number, 1, state, anchor)
    planner.wind(clock, prepared, definition, now=None)
    if matter.go_live is not None:
        _spare_the_past(office, matter, clock, definition)
    work.add_clock(clock)
    return {"clock": f"{clock.name}/{clock.round}", **_dues(clock)}


def _dues(clock: Clock) -> dict[str, str]:
    return {n: m.isoformat() for n in MOMENTS if (m := clock.moment(n)) is not None}


def _spare_the_past(office: Office, matter: Matter, clock: Clock, definition: ClockDef) -> None:
    """Drop what fell due before the go-live day, rungs that hang on such a moment included."""
    assert matter.go_live is not None
    if not clock.plan:
        return  # a minimum period has no rungs; its end is looked at all the same
    ladder = office.machines(matter.bundle).bundle.ladders.get(definition.ladder)
    rungs = {r.name: r for r in ladder.rungs} if ladder else {}
    kept = []
    for item in clock.plan:
        hung = hung_on(office, matter, clock, rungs[item.rung])
        if item.at >= matter.go_live and (hung is None or hung[1] >= matter.go_live):
            kept.append(item)
    clock.plan = kept
    clock.reschedule()


def pauses_of(office: Office, work: Work, matter: Matter) -> list[Pause]:
    """Return the pauses that hold for ``matter``: its own, those of what it is part of, and for a case
    those of the matter that it is about. What stops only some clocks stops those of its own matter alone.

    What stops others (a query), or runs on by itself (a complaint), is not stopped with them.
    """
    above = _above(office, work, matter)
    return [p for here in above for p in here.pauses if here is matter or not p.clocks]


def pauses_on(office: Office, work: Work, matter: Matter, clock: str) -> list[Pause]:
    """Return the pauses that hold for one clock of ``matter``."""
    return [pause for pause in pauses_of(office, work, matter) if pause.stops(clock)]


def _above(office: Office, work: Work, matter: Matter) -> list[Matter]:
    """Return what freezes with or above ``matter``: its chain, and for a case that of what it is about."""
    chain = work.chain(matter)
    if matter.about is None or office.workflow(matter).apart:
        return chain
    if matter.about not in work.matters:
        work.family(matter.root)
    return [*chain, *work.chain(work.matters[matter.about])]


def agreed_of(work: Work, matter: Matter, definition: ClockDef) -> FactValue | None:
    """Return the agreed date or length that the clock asks for, from the matter or what it is part of."""
    return nearest_fact(work, matter, definition.agreed) if definition.agreed else None


def nearest_fact(work: Work, matter: Matter, name: str) -> FactValue | None:
    """Return the fact ``name`` of the matter, else of the nearest matter above it that has it."""
    return next((here.facts[name] for here in work.chain(matter) if name in here.facts), None)


def finish(work: Work, clock: Clock, state: str, *, at: datetime, now: datetime) -> None:
    """End a clock: ``met`` by its action, or ``void``; nothing more is planned on it."""
    clock.state = "met" if state == "met" else "void"
    clock.ended_at = at
    clock.ended_recorded_at = now
    clock.plan = []
    clock.look_at = None
    clock.trouble = ""
    clock.asked = {}
    work.touch_clock(clock)


def end_by(
    office: Office, work: Work, matter: Matter, action: str, *, at: datetime, now: datetime, seen: bool = True
) -> tuple[list[dict[str, Any]], list[Clock]]:
    """End the running clocks that ``action`` ends: met where it was seen, void where it was inferred."""
    names = office.machines(matter.bundle).ends_on.get((matter.workflow, action), ())
    notes: list[dict[str, Any]] = []
    ended: list[Clock] = []
    for clock in work.clocks_of(matter) if names else ():
        if clock.name in names and clock.is_open:
            # an act recorded late may lie before a clock that only its lateness started
            finish(work, clock, "met" if seen and at >= clock.anchor else "void", at=at, now=now)
            definition = office.clock(matter, clock.name)
            if seen and len(definition.charges) > 1:
                clock.charged[:0] = segments(clock, definition, matter.marks, office.calendar)
            notes.append({"clock": f"{clock.name}/{clock.round}", "ended": clock.state})
            ended.append(clock)
    if len(ended) > 1:
        # one order, whether the database or this beat brought them
        ended.sort(key=lambda clock: clock.key)
        notes.sort(key=lambda note: str(note["clock"]))
    return notes, ended


def void_rest(
    office: Office, work: Work, matter: Matter, *, at: datetime, now: datetime, spare: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """In a final state, void what still runs unless its ``survives`` names the state.

    ``spare`` says of an action whether a register will still show it; a clock that it ends runs on.
    """
    notes: list[dict[str, Any]] = []
    for clock in work.clocks_of(matter):
        if not clock.is_open:
            continue
        definition = office.clock(matter, clock.name)
        if matter.state not in definition.survives and not any(map(spare, definition.ends)):
            finish(work, clock, "void", at=at, now=now)
            notes.append({"clock": f"{clock.name}/{clock.round}", "ended": "void"})
    return notes


def recount(
    office: Office, work: Work, matter: Matter, changed: frozenset[str], *, now: datetime
) -> list[dict[str, Any]]:
    """Count again the open clocks of the family that rest on a changed fact; raise their epoch."""
    notes: list[dict[str, Any]] = []
    for here, clock in open_clocks(office, work, matter):
        definition = office.clock(here, clock.name)
        if definition.agreed not in changed:
            continue
        prepared = counted_again(office, work, here, clock)
        moved = {d.name: d.moment.instant for d in prepared.dues}
        if all(moved.get(n) == clock.moment(n) for n in MOMENTS):
            continue
        notes.append(next_epoch(office, work, here, clock, prepared, now=now))
    return notes


def open_clocks(office: Office, work: Work, matter: Matter) -> list[tuple[Matter, Clock]]:
    """Return the clocks that have not ended: of ``matter``, its parts, and the cases about any of them."""
    return [(here, clock) for here, clock in clocks_below(office, work, matter) if clock.is_open]


def clocks_below(office: Office, work: Work, matter: Matter) -> list[tuple[Matter, Clock]]:
    """Return all clocks, ended ones too, of ``matter``, its parts, and the cases about any of them."""
    return [
        (here, clock)
        for here in work.family(matter.root)
        if matter.id in {m.id for m in _above(office, work, here)}
        for clock in work.clocks_of(here)
    ]


def counted_again(office: Office, work: Work, matter: Matter, clock: Clock) -> Prepared:
    """Count a clock again from its anchor, with the pauses and extensions there are by now."""
    definition = office.clock(matter, clock.name)
    return office.planner(matter).prepare(
        matter.workflow, definition, clock.anchor, agreed_of(work, matter, definition),
        pauses=pauses_on(office, work, matter, clock.name), moved=clock.moved,
    )  # fmt: skip


def permitted_from(office: Office, work: Work, matter: Matter, clock: Clock, at: datetime) -> datetime:
    """Return the first instant that a minimum period permits; one that stands still is counted as if it ran
    again at ``at``: while it does not run, it is not over.
    """
    assert clock.statutory is not None
    if clock.state != "paused":
        return clock.statutory
    pauses = [
        replace(p, until=max(at, p.since)) if p.until is None else p
        for p in pauses_on(office, work, matter, clock.name)
    ]
    definition = office.clock(matter, clock.name)
    counted = office.planner(matter).prepare(matter.workflow, definition, clock.anchor, None, pauses=pauses)
    return counted.dues[0].moment.instant


def next_epoch(
    office: Office, work: Work, matter: Matter, clock: Clock, prepared: Prepared, *, now: datetime
) -> dict[str, Any]:
    """Give ``clock`` its new due moments in a new epoch; return the note for the history."""
    definition = office.clock(matter, clock.name)
    clock.epoch += 1
    office.planner(matter).wind(clock, prepared, definition, now=now)
    if matter.go_live is not None:
        _spare_the_past(office, matter, clock, definition)
    work.touch_clock(clock)
    return {"clock": f"{clock.name}/{clock.round}", "epoch": clock.epoch, **_dues(clock)}


def withdraw_warnings(
    office: Office,
    work: Work,
    matter: Matter,
    clock: Clock,
    *,
    at: datetime,
    now: datetime,
    text: str = WITHDRAWN,
) -> Fire | None:
    """预警解除: tell those who were warned that the act had been in time, recorded late (补录), or that the
    moment was extended (``text`` is the message that says which).

    Warnings that were withdrawn before stay withdrawn. A text that cannot be written is noted in the
    history; it does not stand in the way of the record.
    """
    earlier = clock.fired.count(WITHDRAWAL)
    standing = clock.fired
    while WITHDRAWAL in standing:
        standing = standing[standing.index(WITHDRAWAL) + 1 :]
    ladder = office.machines(matter.bundle).bundle.ladders.get(office.clock(matter, clock.name).ladder)
    tells: dict[str, None] = {}
    via: dict[str, None] = {}
    spoke_of = None
    for rung in ladder.rungs if ladder else ():
        if rung.does != "warn" or rung.name not in standing:
            continue
        hung = hung_on(office, matter, clock, rung)
        if hung is not None and at < hung[1]:
            spoke_of = spoke_of or hung
            tells.update(dict.fromkeys(rung.tells))
            via.update(dict.fromkeys(rung.via))
    if spoke_of is None:
        return None
    clock.fired.append(WITHDRAWAL)
    work.touch_clock(clock)
    fire = fire_of(clock, WITHDRAWAL, earlier + 1, does="withdraw", at=now, now=now)
    work.fires.append(fire)
    detail: dict[str, Any] = {"fire": fire.key, "done_at": plain(at.isoformat())}
    try:
        values = parameters(office, matter, clock, spoke_of, None)
        messages, unheld = compose(office, work, matter, fire, text, values, tells=tells, via=via)
    except YiribanError as trouble:
        detail["trouble"] = trouble.what
    else:
        work.messages.extend(messages)
        detail["told"] = [m.key for m in messages]
        if unheld:
            detail["unheld"] = unheld
    work.record(
        matter, "fire", f"{clock.name}/withdrawn", at=now, now=now, actor="system",
        came_from=matter.state, detail=detail,
    )  # fmt: skip
    return fire


def fire_of(
    clock: Clock,
    rung: str,
    occurrence: int,
    *,
    does: str,
    at: datetime,
    now: datetime,
    collapsed: bool = False,
    case: str | None = None,
) -> Fire:
    """Spell a fire from its cause: matter/clock/round/epoch/rung/occurrence."""
    key = f"{clock.matter}/{clock.name}/{clock.round}/{clock.epoch}/{rung}/{occurrence}"
    return Fire(
        key, clock.matter, clock.root, clock.jurisdiction, clock.name, clock.round, clock.epoch, rung,
        occurrence, does, at, now, collapsed, case,
    )  # fmt: skip
