"""Time passes: fire, in logical order, whatever is due. Used before every action and by every patrol.

A rung's troubles stay on its clock and are tried again; they never silence another rung.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any

from engine.clock import RETRY_AFTER, Clock, Planned
from engine.errors import YiribanError
from engine.message import compose, hung_on, parameters
from engine.office import Office
from engine.opening import open_case
from engine.starting import fire_of, finish
from engine.work import SYSTEM, Fire, Work
from engine.workflow import Rung


def pass_time(
    office: Office, work: Work, clocks: Iterable[Clock], now: datetime, *, until: datetime | None = None
) -> list[Fire]:
    """Fire what is due by ``until`` (default ``now``) on ``clocks`` and on whatever those fires start.

    The heap is ordered by ``look_at``, so effects happen in logical order; new cases enter the same
    heap, anchored on the logical moment.
    """
    horizon = now if until is None else until
    order = count()
    heap: list[tuple[datetime, int, Clock]] = []
    for clock in clocks:
        if clock.look_at is not None and clock.look_at <= horizon:
            heapq.heappush(heap, (clock.look_at, next(order), clock))
    fires: list[Fire] = []
    while heap:
        _, _, clock = heapq.heappop(heap)
        if clock.look_at is None or clock.state != "running":
            continue
        before = len(work.new_clocks)
        fire = _fire_next(office, work, clock, now)
        if fire is not None:
            fires.append(fire)
        for touched in (clock, *work.new_clocks[before:]):
            if touched.look_at is not None and touched.look_at <= horizon:
                heapq.heappush(heap, (touched.look_at, next(order), touched))
    return fires


def _fire_next(office: Office, work: Work, clock: Clock, now: datetime) -> Fire | None:
    """Let the first planned rung of ``clock`` take effect."""
    work.touch_clock(clock)
    if not clock.plan:
        # a minimum period has run out: the act it guarded is permitted from now on
        assert clock.look_at is not None
        finish(work, clock, "met", at=clock.look_at, now=now)
        return None
    item = clock.plan.pop(0)
    matter = work.matters[clock.matter]
    ladder = office.machines(matter.bundle).bundle.ladders[office.clock(matter, clock.name).ladder]
    rung = next(r for r in ladder.rungs if r.name == item.rung)
    # catch-up: of stale reminders only the newest is sent, none if a later rung is due too
    stale = rung.does == "remind" and any(later.at <= now for later in clock.plan)
    mark = work.mark(matter)
    try:
        fire = _collapse(clock, item, now) if stale else _effect(office, work, clock, item, rung, now)
    except YiribanError as trouble:
        work.undo(mark)
        clock.trouble = f"{item.rung}: {trouble.what}"
        clock.plan.append(Planned(item.at, item.rung, item.occurrence, now + RETRY_AFTER))
        clock.reschedule()
        return None
    work.fires.append(fire)
    if not stale:
        clock.fired.append(item.rung)
    if clock.trouble.startswith(f"{item.rung}:"):
        clock.trouble = ""
    clock.reschedule()
    return fire


def _collapse(clock: Clock, item: Planned, now: datetime) -> Fire:
    return fire_of(clock, item.rung, item.occurrence, does="remind", at=item.at, now=now, collapsed=True)


def _effect(office: Office, work: Work, clock: Clock, item: Planned, rung: Rung, now: datetime) -> Fire:
    matter = work.matters[clock.matter]
    hung = hung_on(office, matter, clock, rung)
    opens = f"{matter.id}-C{matter.cases + 1}" if rung.does == "open" else None
    fire = fire_of(clock, rung.name, item.occurrence, does=rung.does, at=item.at, now=now, case=opens)
    values = parameters(office, matter, clock, hung, opens)
    messages, unheld = compose(
        office, work, matter, fire, rung.message, values,
        tells=rung.tells, via=rung.via, waits=rung.does != "remind",
    )  # fmt: skip
    if opens is not None:
        open_case(office, work, matter, clock, rung.opens, moment=hung[0] if hung else "", at=item.at, now=now,
                  cause=fire.key)  # fmt: skip
    work.messages.extend(messages)
    detail: dict[str, Any] = {"fire": fire.key, "does": rung.does}
    if messages:
        detail["told"] = sorted({m.person for m in messages})
    if unheld:
        detail["unheld"] = unheld
    if opens:
        detail["case"] = opens
    work.record(matter, "fire", f"{clock.name}/{rung.name}", at=item.at, now=now, actor=SYSTEM,
                came_from=matter.state, detail=detail)  # fmt: skip
    return fire
