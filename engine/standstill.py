"""Clocks stand still: a pause begins and ends, whoever ordered it, or a state that says so. 中止、恢复

A pause stops the clocks of the matter, of its parts and of the cases about them. What happened before
it stays; the days that it touched are left out of the count when the clocks run again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.clock import Clock
from engine.matter import Matter, Pause
from engine.office import Office
from engine.starting import clocks_below, counted_again, open_clocks, pauses_on
from engine.work import Work, watched_by
from engine.workflow import MOMENTS


def open_pause(matter: Matter, by: str = "") -> Pause | None:
    """Return the pause of ``matter`` that still lasts and is held by ``by`` (empty: by a person)."""
    return next((p for p in matter.pauses if p.until is None and p.by == by), None)


def stop(office: Office, work: Work, matter: Matter, pause: Pause) -> list[dict[str, Any]]:
    """Stop the running clocks that ``pause`` concerns; return notes for the history."""
    matter.pauses.append(pause)
    work.touch(matter)
    notes: list[dict[str, Any]] = []
    for here, clock in open_clocks(office, work, matter):
        if clock.state == "running" and _concerns(pause, matter, here, clock):
            clock.state = "paused"
            clock.look_at = None
            work.touch_clock(clock)
            notes.append({"clock": f"{clock.matter}/{clock.name}/{clock.round}", "state": "paused"})
    return notes


def release(office: Office, work: Work, matter: Matter, held: Pause, until: datetime) -> list[dict[str, Any]]:
    """End the pause ``held``; clocks that nothing else stops run again. What fired stays fired."""
    matter.pauses[matter.pauses.index(held)] = replace(held, until=max(until, held.since))
    work.touch(matter)
    notes: list[dict[str, Any]] = []
    for here, clock in open_clocks(office, work, matter):
        if clock.state != "paused" or not _concerns(held, matter, here, clock):
            continue
        if any(p.until is None for p in pauses_on(office, work, here, clock.name)):
            continue
        clock.state = "running"
        counted = counted_again(office, work, here, clock)
        office.planner(here).replan(clock, counted, office.clock(here, clock.name))
        work.touch_clock(clock)
        notes.append(
            {"clock": f"{here.id}/{clock.name}/{clock.round}", "state": "running", **moments_of(clock)}
        )
    return notes


def _concerns(pause: Pause, lies_on: Matter, here: Matter, clock: Clock) -> bool:
    """Whether a pause that lies on one matter concerns a clock of ``here``, which stands still with that one."""
    return not pause.clocks or (here is lies_on and clock.name in pause.clocks)


def halt(
    office: Office, work: Work, matter: Matter, came_from: str, *, at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Let those clocks of ``matter`` itself stand still, or run again, of which its new state says so.

    Return notes for the history. As with `interfere`, what has been missed meanwhile stays missed.
    """
    states = office.workflow(matter).states
    before, after = states[came_from].stops, states[matter.state].stops
    if before == after:
        return []
    notes: list[dict[str, Any]] = []
    held = open_pause(matter, matter.id)
    if held is not None:
        notes += release(office, work, matter, held, at)
    if after:
        since = now if missed_since(office, work, matter, at, now, after) else at
        ground = f"{states[matter.state].title}（{states[matter.state].basis}）"
        notes += stop(office, work, matter, Pause(since, None, ground, matter.id, after))
    return notes


def interfere(
    office: Office, work: Work, matter: Matter, came_from: str, *, at: datetime, now: datetime, actor: str
) -> None:
    """Stop or release what ``matter`` is about, as its new state says (a query, the suspension in a complaint).

    The pause begins when the cause did, unless a due moment passed meanwhile: then from now on.
    """
    states = office.workflow(matter).states
    before = came_from != "" and states[came_from].freezes
    state = states[matter.state]
    if before == state.freezes or (watched := watched_by(work, matter)) is None:
        return
    held = open_pause(watched, matter.id)
    if state.freezes:
        at = now if missed_since(office, work, watched, at, now) else at
        ground = f"{matter.id} {state.title}（{state.basis}）"
        notes = stop(office, work, watched, Pause(at, None, ground, matter.id))
    elif held is not None:
        at, ground = max(at, held.since), held.ground
        notes = release(office, work, watched, held, at)
    else:
        return
    work.record(
        watched, "clock", "pause" if state.freezes else "resume", at=at, now=now, actor=actor,
        came_from=watched.state, detail={"by": matter.id, "reason": ground, "clocks": notes},
    )  # fmt: skip


def missed_since(
    office: Office, work: Work, matter: Matter, at: datetime, now: datetime, own: tuple[str, ...] = ()
) -> str:
    """Name the clock whose due moment passed between ``at`` and ``now``: its warning has gone out; or a minimum
    period is over, and what it held back was permitted. ``own``: only these clocks of the matter itself.
    """
    for here, clock in clocks_below(office, work, matter):
        if own and (here is not matter or clock.name not in own):
            continue
        over = clock.state == "met" and bool(office.clock(here, clock.name).guards)
        if not (clock.is_open or over):
            continue
        if any((m := clock.moment(n)) is not None and at < m <= now for n in MOMENTS):
            return f"{clock.matter} {clock.name}"
    return ""


def moments_of(clock: Clock) -> dict[str, str]:
    """Return the due moments of ``clock`` for the history."""
    return {n: m.isoformat() for n in MOMENTS if (m := clock.moment(n)) is not None}
