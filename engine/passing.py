"""Time passes: fire, in logical order, whatever is due. Used before every action and by every patrol.

A rung's troubles stay on its clock and are tried again; they never silence another rung.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from engine.climbing import superior_of
from engine.clock import RETRY_AFTER, Clock, Planned
from engine.errors import NotFound, YiribanError
from engine.matter import Matter
from engine.message import compose, hung_on, parameters
from engine.office import Office
from engine.opening import open_case
from engine.performing import Deed, perform
from engine.starting import finish, fire_of
from engine.work import SYSTEM, Fire, Work
from engine.workflow import ActionDef, Rung

Turn = tuple[datetime, str, str, int]
"""The order in which clocks are looked at: by moment, those of one moment by matter, name and round.

It depends on nothing but the clocks themselves, so that dense and sparse beats number cases alike.
"""


def turn(clock: Clock) -> Turn:
    """Return the turn of a clock that waits to be looked at."""
    assert clock.look_at is not None
    return (clock.look_at, clock.matter, clock.name, clock.round)


def pass_time(
    office: Office, work: Work, clocks: Iterable[Clock], now: datetime, *, until: Turn | None = None
) -> list[Fire]:
    """Fire what is due by ``now`` on ``clocks`` and on whatever those fires start, in logical order.

    New cases enter the same heap, anchored on the logical moment. ``until`` is the turn of the last
    clock of a set: what comes after it waits for the next set.
    """
    heap: list[tuple[Turn, Clock]] = []

    def wait(clock: Clock) -> None:
        if clock.state == "running" and clock.look_at is not None and clock.look_at <= now:
            place = turn(clock)
            if until is None or place <= until:
                heapq.heappush(heap, (place, clock))

    for clock in clocks:
        wait(clock)
    fires: list[Fire] = []
    while heap:
        _, clock = heapq.heappop(heap)
        if clock.look_at is None or clock.state != "running":
            continue
        before = len(work.new_clocks)
        fire = fire_next(office, work, clock, now)
        if fire is not None:
            fires.append(fire)
        for touched in (clock, *work.new_clocks[before:]):
            wait(touched)
    return fires


def fire_next(office: Office, work: Work, clock: Clock, now: datetime) -> Fire | None:
    """Let the first planned rung of ``clock`` take effect; ``None`` where it could not, or none is planned."""
    work.touch_clock(clock)
    if clock.matter not in work.matters:
        keep_trouble(clock, f"没有事项 {clock.matter}，它的计时不能触发", now)
        return None
    if not clock.plan:
        # a minimum period has run out: the act it guarded is permitted from now on
        ran_out = clock.statutory or turn(clock)[0]
        # what happens by itself is known as it happens, whenever somebody looks
        finish(work, clock, "met", at=ran_out, now=ran_out)
        return None
    item = clock.plan.pop(0)
    matter = work.matters[clock.matter]
    mark = work.mark(matter)
    try:
        rung = _rung(office, matter, clock, item)
        if rung.does == "act":
            mark = work.mark(matter, whole=True)
        stale = rung.does == "remind" and _is_stale(office, matter, clock, item, rung, now)
        fire = _collapse(clock, item, now) if stale else _effect(office, work, clock, item, rung, now)
    except YiribanError as trouble:
        work.undo(mark)
        put_off(clock, item, trouble.what, now)
        return None
    except (
        Exception
    ) as error:  # a fault of ours, or a row that is not what it should be: nobody else is silenced
        work.undo(mark)
        put_off(clock, item, f"程序出错（{type(error).__name__}: {error}）", now)
        return None
    work.fires.append(fire)
    if not stale:
        clock.fired.append(item.rung)
    named = clock.trouble.partition(":")[0]
    if all(planned.rung != named for planned in clock.plan):
        # the rung that it speaks of has taken effect, or the row can be read again
        clock.trouble = ""
    clock.reschedule()
    return fire


def put_off(clock: Clock, item: Planned, trouble: str, now: datetime) -> None:
    """Keep the trouble of a rung on its clock, for people to see; the rung is tried again later."""
    clock.trouble = f"{item.rung}: {trouble}"
    clock.plan.append(Planned(item.at, item.rung, item.occurrence, now + RETRY_AFTER))
    clock.reschedule()


def keep_trouble(clock: Clock, trouble: str, now: datetime) -> None:
    """Keep a trouble on a clock, whatever is planned on it; the clock is looked at again later."""
    if clock.plan:
        put_off(clock, clock.plan.pop(0), trouble, now)
        return
    clock.trouble = trouble
    clock.look_at = now + RETRY_AFTER


def _rung(office: Office, matter: Matter, clock: Clock, item: Planned) -> Rung:
    ladder = office.machines(matter.bundle).bundle.ladders.get(office.clock(matter, clock.name).ladder)
    for rung in ladder.rungs if ladder else ():
        if rung.name == item.rung:
            return rung
    raise NotFound(
        f"流程版本 {matter.bundle[:12]} 的督办规则里没有 {item.rung}", then="联系维护人员核对流程版本"
    )


def _is_stale(office: Office, matter: Matter, clock: Clock, item: Planned, rung: Rung, now: datetime) -> bool:
    """Catch-up: of stale reminders only the newest is sent, none if a later rung is due too.

    One that was in trouble is stale once its moment has passed: its warning has gone out meanwhile.
    """
    if any(item.at < later.at <= now for later in clock.plan):
        return True
    hung = hung_on(office, matter, clock, rung) if item.retry_at is not None else None
    return hung is not None and hung[1] <= now


def _collapse(clock: Clock, item: Planned, now: datetime) -> Fire:
    return fire_of(clock, item.rung, item.occurrence, does="remind", at=item.at, now=now, collapsed=True)


def _effect(office: Office, work: Work, clock: Clock, item: Planned, rung: Rung, now: datetime) -> Fire:
    matter = work.matters[clock.matter]
    hung = hung_on(office, matter, clock, rung)
    opened = office.current.workflows.get(rung.opens)
    # a workflow that is gone is told by whoever opens the case
    opens = opened.numbered(matter.id, matter.cases + 1) if opened is not None else rung.opens or None
    action = _act_of(office, matter, rung)
    above = superior_of(work, matter) if action is not None and action.climbs else None
    # where nothing lies above the case stays, and whoever is told hears that
    at_top = action is not None and action.climbs and above is None
    does, text = ("warn", rung.at_top) if at_top else (rung.does, rung.message)
    fire = fire_of(clock, rung.name, item.occurrence, does=does, at=item.at, now=now, case=opens)
    values = parameters(office, matter, clock, hung, opens)
    if above is not None:
        values["place"] = above.name
    ends = hung[1] if hung is not None and rung.does == "remind" else None
    messages, unheld = compose(
        office, work, matter, fire, text, values, tells=rung.tells, via=rung.via, expires_at=ends
    )
    if opens is not None:
        open_case(office, work, matter, clock, rung.opens, moment=hung[0] if hung else "", at=item.at, now=now,
                  cause=fire.key)  # fmt: skip
    work.messages.extend(messages)
    detail: dict[str, Any] = {"fire": fire.key, "does": does}
    if messages:
        detail["told"] = sorted({m.person for m in messages})
    if unheld:
        detail["unheld"] = unheld
    if opens:
        detail["case"] = opens
    if at_top:
        detail["at_top"] = matter.jurisdiction
    work.record(matter, "fire", f"{clock.name}/{rung.name}", at=item.at, now=now, actor=SYSTEM,
                came_from=matter.state, detail=detail)  # fmt: skip
    if action is not None and not at_top:
        # time acts where nobody did: the way it goes on is written in the ladder, and so is who is told
        deed = Deed(item.at, now, SYSTEM, "automatic", reason=f"silence: {rung.name}", by_time=True)
        perform(office, work, matter, action, deed)
    return fire


def _act_of(office: Office, matter: Matter, rung: Rung) -> ActionDef | None:
    """Return the action that time takes by ``rung``; ``None`` for none, and where the matter has gone on."""
    action = office.workflow(matter).actions.get(rung.action)
    return action if action is not None and matter.state in action.sources else None
