"""Whatever actions are tried in whatever order, the engine's machine and python-statemachine running the same YAML file
accept the same ones and stand in the same state after each.

A development check with dependencies of its own (`pip install --group conformance`), not part of CI.
YIRIBAN_THOROUGH tries more and longer sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest

from engine.machine import Machine
from tests.city import WORKFLOWS, shipped
from tests.conformance.chart import Chart, Move, as_read, from_yaml
from tests.conformance.statecharts import Walker, end_of, machine_of, unchecked
from tests.properties.histories import THOROUGH

pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip(
    "statemachine", reason="python-statemachine: NOT CHECKED, it is not installed: pip install --group conformance"
)  # fmt: skip

ASTRAY = 10 if THOROUGH else 1
"""So many moves of each workflow are led astray, one at a time."""
SEQUENCES, LENGTH = (300, 60) if THOROUGH else (15, 40)
DEFINED = shipped()[0].workflows
WORDS = sorted({action for workflow in DEFINED.values() for action in workflow.actions})


@cache
def chart_of(name: str) -> Chart:
    """The chart of a workflow, its file read by PyYAML alone."""
    return from_yaml(WORKFLOWS, name)


@cache
def sequences(name: str) -> Sequence[Sequence[str]]:
    """Random actions for a workflow, each time after a way to a move that was not tried before.

    Chance alone seldom comes far: most projects would be given up early.
    """
    chance, chart = Random(name), chart_of(name)
    untried = set(chart.moves)
    found = []
    for _ in range(SEQUENCES):
        goal = chance.choice(sorted(untried) or chart.moves)
        way = [*chart.way_to(goal.source), goal]
        untried -= set(way)
        found.append([*(move.action for move in way), *_at_random(chance, chart, goal.target, untried)])
    return found


def _at_random(chance: Random, chart: Chart, state: str, untried: set[Move]) -> Iterator[str]:
    """Choose actions: half of them possible in ``state``, the others any of the workflow, a few unknown to it."""
    own = sorted({move.action for move in chart.moves})
    for _ in range(LENGTH):
        lot = chance.random()
        possible = [move.action for move in chart.moves if move.source == state]
        action = chance.choice(possible if possible and lot < 0.5 else own if lot < 0.95 else WORDS)
        if (to := chart.goes(state, action)) is not None:
            untried.discard(Move(action, state, to))
            state = to
        yield action
        if state in chart.finals and chance.random() < 0.2:
            return  # little goes on where all is done


def first_difference(machine: Machine, other: Any, tried: Sequence[Sequence[str]]) -> str:
    """Tell both the same actions; return where they first disagree, empty where they never do."""
    for actions in tried:
        walker, state = Walker(other()), machine.workflow.initial
        for action in actions:
            step = machine.step(state, action)
            taken = walker.takes(action)
            if taken != (step is not None) or walker.state != (step or state):
                return f"{action} from {state}: ours {step}, theirs {walker.state if taken else None}"
            state = step or state
    return ""


def walked(chart: Chart, tried: Sequence[Sequence[str]]) -> set[Move]:
    """Return the moves that the sequences take."""
    found = set()
    for actions in tried:
        state = chart.initial
        for action in actions:
            if (to := chart.goes(state, action)) is not None:
                found.add(Move(action, state, to))
                state = to
    return found


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_the_file_says_the_same_to_the_reader_and_to_a_reading_of_our_own(name: str) -> None:
    assert as_read(DEFINED[name]) == chart_of(name)


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_every_state_is_reached_and_leads_on_to_an_end(name: str) -> None:
    assert machine_of(chart_of(name)) is not None
    assert end_of(chart_of(name)).final_states


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_random_actions_are_accepted_alike_and_lead_to_the_same_states(name: str) -> None:
    assert first_difference(Machine(DEFINED[name]), machine_of(chart_of(name)), sequences(name)) == ""


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_one_move_that_leads_elsewhere_is_found(name: str) -> None:
    chart, machine = chart_of(name), Machine(DEFINED[name])
    taken = sorted(walked(chart, sequences(name)))
    for move in Random(name).sample(taken, min(len(taken), ASTRAY)):
        assert first_difference(machine, unchecked(chart.astray(move)), sequences(name)), move


def test_the_sequences_go_far_enough() -> None:
    moves = sum(len(chart_of(name).moves) for name in DEFINED)
    taken = sum(len(walked(chart_of(name), sequences(name))) for name in DEFINED)
    tried = sum(len(actions) for name in DEFINED for actions in sequences(name))
    print(f"\n{tried:,} actions tried on {len(DEFINED)} workflows, {taken:,} of {moves:,} moves taken")  # noqa: T201
    assert taken > (0.99 if THOROUGH else 0.35) * moves
