"""Wherever a workflow can lead, a running clock can still be ended by what ends it, without starting it anew.

A clock that lacks this warns about, and opens cases for, what nobody can do any more: the report of a
tender that has failed meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.workflow import ActionDef, ClockDef, WorkflowDef
from tests.city import shipped

BUNDLE = shipped()[0]
DUTIES = [
    (flow, clock)
    for flow in BUNDLE.workflows.values()
    for clock in flow.clocks.values()
    if clock.ends and BUNDLE.terms[clock.term].kind == "max"
]


def starts(clock: ClockDef, flow: WorkflowDef, action: ActionDef) -> bool:
    """Whether an action alone starts the clock."""
    return len(clock.starts) == 1 and any(
        (t.kind == "action" and t.name == action.name) or (t.kind == "state" and t.name == action.to)
        for t in clock.starts
    )


def voids(clock: ClockDef, flow: WorkflowDef, action: ActionDef) -> bool:
    """Whether an action undoes what started the clock."""
    begun = {("action", name) for name in action.undoes} | {
        ("state", flow.actions[n].to) for n in action.undoes
    }
    return any((t.kind, t.name) in begun for t in clock.starts)


def runs_in(flow: WorkflowDef, clock: ClockDef) -> set[str]:
    """The states in which the clock may be running."""
    found: set[str] = set()
    waiting: list[str] = []
    for trigger in clock.starts:
        action = flow.actions.get(trigger.name) if trigger.kind == "action" else None
        waiting += [trigger.name] if action is None else [action.to] if action.to else [*action.sources]
    while waiting:
        here = waiting.pop()
        if here in found or (flow.states[here].final and here not in clock.survives):
            continue
        found.add(here)
        for action in flow.actions.values():
            stops = action.name in clock.ends or voids(clock, flow, action)
            if here in action.sources and action.to and not stops and not starts(clock, flow, action):
                waiting.append(action.to)
    return found


def ends_from(flow: WorkflowDef, clock: ClockDef) -> set[str]:
    """The states from which the clock can be ended without being started anew on the way."""
    found: set[str] = set()
    while True:
        more = {
            state
            for state in flow.states
            for action in flow.actions.values()
            if state in action.sources
            and (action.name in clock.ends or (action.to in found and not starts(clock, flow, action)))
        }
        if more <= found:
            return found
        found |= more


@pytest.mark.parametrize(("flow", "clock"), DUTIES, ids=lambda each: each.name)
def test_a_clock_that_runs_can_be_ended(flow: WorkflowDef, clock: ClockDef) -> None:
    stuck = runs_in(flow, clock) - ends_from(flow, clock)
    assert not stuck


def test_a_planted_failure_that_leaves_clocks_running_is_found() -> None:
    package = BUNDLE.workflows["package"]
    fail = replace(package.actions["fail"], undoes=())
    planted = replace(package, actions={**package.actions, "fail": fail})
    clock = package.clocks["decide_award"]
    assert "failed" in runs_in(planted, clock) - ends_from(planted, clock)
