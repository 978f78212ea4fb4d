"""Ten thousand steps at random through each workflow: no state without a way on, none that is never seen.

The charts alone, as they are compiled; what the engine does on the way is walked in `test_random_walks`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.machine import Machine
from engine.workflow import WorkflowDef
from tests.city import shipped
from tests.properties.histories import budget

WORKFLOWS = {**shipped("bidding")[0].workflows}
STEPS = 10_000


class Stuck(AssertionError):
    """A walk stands in a state that nobody handles."""


def walk(workflow: WorkflowDef, seed: int) -> Counter[str]:
    """Walk; begin again wherever the matter is at its end. Return how often each state was entered."""
    machine, random = Machine(workflow), Random(seed)
    ways = {name: _ways(machine, name) for name in workflow.states}
    state, seen = workflow.initial, Counter([workflow.initial])
    for _ in range(STEPS):
        if state not in ways:
            raise Stuck(f"{workflow.name}: {state} is no state")
        possible = ways[state]
        # a matter at its end is reopened now and then, where it can be
        onward = any(step != state for step in possible)
        if state in machine.final and (not onward or random.random() < 0.8):
            state = workflow.initial
        elif not onward:
            raise Stuck(f"{workflow.name}: nothing leads out of {state}")
        elif random.random() < 0.5:
            state = min(possible, key=lambda step: seen[step])  # deep states too
        else:
            state = possible[int(random.random() * len(possible))]
        seen[state] += 1
    return seen


def _ways(machine: Machine, state: str) -> list[str]:
    """Return where each action leads that people or the matter itself may take from ``state``."""
    found = [machine.step(state, a.name) for a in (*machine.offers(state), *machine.automatic(state))]
    if None in found:
        raise Stuck(f"{machine.workflow.name}: an offer in {state} leads nowhere")
    return [step for step in found if step is not None]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
@budget(2, 40)
@given(seed=st.integers(0, 2**32))
def test_no_walk_of_ten_thousand_steps_meets_a_state_that_nobody_handles(name: str, seed: int) -> None:
    workflow = WORKFLOWS[name]
    seen = walk(workflow, seed)
    assert seen.total() == STEPS + 1
    assert set(workflow.states) - seen.keys() == set()
    assert any(seen[s.name] for s in workflow.states.values() if s.final)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_way_out_that_was_taken_away_is_found(name: str) -> None:
    workflow = WORKFLOWS[name]
    middle = next(s for s in workflow.states.values() if not s.final)
    actions = {
        a.name: replace(a, sources=tuple(s for s in a.sources if s != middle.name or a.to is None))
        for a in workflow.actions.values()
    }
    with pytest.raises(Stuck, match=f"nothing leads out of {middle.name}"):
        walk(replace(workflow, actions={n: a for n, a in actions.items() if a.sources}), 1)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_state_to_which_no_step_leads_any_more_is_never_seen(name: str) -> None:
    workflow = WORKFLOWS[name]
    last = next(s for s in workflow.states.values() if s.final)
    actions = {n: a for n, a in workflow.actions.items() if a.to != last.name}
    try:
        seen = walk(replace(workflow, actions=actions), 1)
    except Stuck:
        return  # it was the only way on from somewhere
    assert last.name not in seen
