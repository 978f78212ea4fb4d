"""From a chart to a class of python-statemachine, made while the tests run; the package is imported where it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.conformance.chart import Chart, Move

REACHED, TRAPPED, ENDED = (
    "validate_disconnected_states",
    "validate_trap_states",
    "validate_final_reachability",
)


def machine_of(chart: Chart) -> Any:
    """Return a state machine class with the states and all moves of a chart; raise for a state that is never reached.

    python-statemachine lets nothing happen in a final state, while a final state of ours may be left again (退票) or
    have something recorded in it: here none is declared final.
    """
    return _made(chart, chart.moves, frozenset(), {REACHED})


def end_of(chart: Chart) -> Any:
    """Return the class of what leads to an end: final states are final, and what goes on in them is left out.

    Raise for a state without a way on, and for one from which no way leads to an end.
    """
    onward = [move for move in chart.moves if move.source not in chart.finals]
    return _made(chart, onward, chart.finals, {TRAPPED, ENDED})


def unchecked(chart: Chart) -> Any:
    """Return the class of a chart that need not make sense."""
    return _made(chart, chart.moves, frozenset(), set())


def _made(chart: Chart, moves: Iterable[Move], finals: frozenset[str], checks: set[str]) -> Any:
    from statemachine import State, StateMachine

    states = {
        name: State(name, value=name, initial=name == chart.initial, final=name in finals)
        for name in sorted(chart.states)
    }
    events: dict[str, Any] = {}
    for move in moves:
        leads = states[move.source].to(states[move.target])
        known = events.get(f"do_{move.action}")
        events[f"do_{move.action}"] = leads if known is None else known | leads
    # with a prefix, for a state may be called as something that every state machine has
    body = {f"in_{name}": state for name, state in states.items()} | events
    body |= {check: check in checks for check in (REACHED, TRAPPED, ENDED)}
    return type(StateMachine)(chart.name, (StateMachine,), body)


@dataclass
class Walker:
    """A machine of python-statemachine that is told one action after another."""

    machine: Any

    @property
    def state(self) -> str:
        """Where it stands."""
        [value] = self.machine.configuration_values
        return str(value)

    def takes(self, action: str) -> bool:
        """Send an action; say whether it was accepted."""
        from statemachine.exceptions import TransitionNotAllowed

        try:
            self.machine.send(f"do_{action}")
        except TransitionNotAllowed:
            return False
        return True
