"""Holding acts of a walk: pauses, extensions, and whose the lost days are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from engine.attributing import attribute, decide_attribution
from engine.clock import Clock
from engine.errors import YiribanError
from engine.holding import MAY_PAUSE, ask_extension, decide_extension, pause, resume
from engine.matter import Matter
from engine.passing import pass_time
from engine.word import MAY_APPROVE, MAY_ASK, SUPERVISE, Word
from engine.work import Work
from engine.workflow import MOMENTS, PARTIES, MomentName
from tests.city import paper
from tests.properties.cast import EVERYBODY, Rights
from tests.properties.walking import Deed, Op, Walk

FURTHER = (1, 2, 3, 5, 8, 20, 45)
MAY = {
    "pause": MAY_PAUSE | SUPERVISE, "resume": MAY_PAUSE | SUPERVISE, "ask": MAY_ASK, "approve": MAY_APPROVE,
    "refuse": MAY_APPROVE, "attribute": MAY_ASK, "charge": MAY_APPROVE, "decline": MAY_APPROVE,
}  # fmt: skip


def hold(walk: Walk, op: Op) -> Deed:
    """Let somebody hold a clock, or decide about what was asked for, as ``op`` says."""
    matters, clocks = walk.as_it_stands()
    what, matter, clock = _choose(op, matters, [c for c in clocks if c.is_open])
    rights = Rights(walk.city, walk.now)
    able = rights.holders(MAY[what]) if op.number % 5 else list(EVERYBODY)
    actor = walk.somebody(able, op.number)
    at = walk.now if what not in ("pause", "resume") else walk.now - timedelta(minutes=op.back)
    papers = [] if op.number % 7 == 6 else [paper("request")]
    word = Word(actor, at, walk.now, "设备到货延迟", papers)
    tried: dict[str, Any] = {
        "matter": matter.id if clock is None else f"{matter.id} {clock.name}/{clock.round}", "what": what, "at": at,
        "now": walk.now, "actor": actor, "papers": bool(papers),
    }  # fmt: skip
    office = walk.city.office
    try:
        with walk.city.store.work() as work:
            family = work.family("P1")
            if matter.id not in work.matters:  # time has opened it, and no beat has written it yet
                pass_time(office, work, [c for m in family for c in work.clocks_of(m)], walk.now)
            here = work.matters[matter.id]
            if clock is None:
                (pause if what == "pause" else resume)(office, work, here, word)
            else:
                _on_clock(walk, work, here, clock, what, word, op)
    except YiribanError as refused:
        return Deed(**tried, refused=refused)
    return Deed(**tried, note="done")


def _choose(op: Op, matters: Sequence[Matter], clocks: Sequence[Clock]) -> tuple[str, Matter, Clock | None]:
    """What is done to which matter or clock: what was begun is mostly brought to its end."""
    held = [m for m in matters if any(p.until is None and not p.by for p in m.pauses)]
    asked = [c for c in clocks if c.asked]
    charged = [c for c in clocks if c.charge_asked is not None]
    of = {m.id: m for m in matters}

    def one(found: Sequence[Any]) -> Any:
        return found[op.number % len(found)]

    if held and op.pick % 2:
        return "resume", one(held), None
    if asked and op.pick % 3:
        clock = one(asked)
        return "refuse" if op.number % 6 == 0 else "approve", of[clock.matter], clock
    if charged and op.pick % 3:
        clock = one(charged)
        return "decline" if op.number % 6 == 0 else "charge", of[clock.matter], clock
    if not clocks or op.pick % 5 < 2:
        return ("resume" if op.pick == 10 else "pause"), one(matters), None
    clock = one(clocks)
    return ("ask" if op.pick % 5 < 4 else "attribute"), of[clock.matter], clock


def _on_clock(walk: Walk, work: Work, matter: Matter, clock: Clock, what: str, word: Word, op: Op) -> None:
    office, day = walk.city.office, walk.city.office.calendar.day_of
    known = next((c for c in work.clocks_of(matter) if c.key == clock.key), None)
    if known is None:  # time has started it
        pass_time(office, work, [c for m in work.family("P1") for c in work.clocks_of(m)], walk.now)
        known = next(c for c in work.clocks_of(matter) if c.key == clock.key)
    if what == "ask":
        named: list[MomentName] = [n for n in MOMENTS if clock.moment(n) is not None]
        until = day(walk.now) + timedelta(days=FURTHER[op.number % len(FURTHER)])
        ask_extension(office, work, matter, known, named[op.pick % len(named)], until, word)
    elif what in ("approve", "refuse"):
        decide_extension(office, work, matter, known, word, approve=what == "approve")
    elif what == "attribute":
        due = min(m for n in MOMENTS if (m := clock.moment(n)) is not None)
        first = day(min(due, walk.now)) - timedelta(days=1 if op.number % 5 == 0 else 0)
        last = max(first, day(walk.now) - timedelta(days=op.number % 3))
        attribute(office, work, matter, known, PARTIES[op.number % len(PARTIES)], first, last, word)
    else:
        decide_attribution(office, work, matter, known, word, approve=what == "charge")
