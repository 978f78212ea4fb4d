"""What a workflow allows, as a plain list of moves: taken from the public reader, and read once more by ourselves.

Nothing here looks at `engine.machine`, which the engine runs on: this is the outsider's picture of the same files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from engine.workflow import WorkflowDef


@dataclass(frozen=True, order=True)
class Move:
    """One way from a state to a state; a record leads back to where it begins."""

    action: str
    source: str
    target: str


@dataclass(frozen=True)
class Chart:
    """States and moves of one workflow."""

    name: str
    initial: str
    states: frozenset[str]
    finals: frozenset[str]
    moves: tuple[Move, ...]

    @cached_property
    def _table(self) -> Mapping[tuple[str, str], str]:
        return {(m.source, m.action): m.target for m in self.moves}

    def goes(self, state: str, action: str) -> str | None:
        """Say where ``action`` leads from ``state``; ``None`` where it is not possible."""
        return self._table.get((state, action))

    def leads(self, state: str, actions: Iterable[str], end: str) -> bool:
        """Say whether ``actions``, one after another, are a way from ``state`` to ``end``."""
        here: str | None = state
        for action in actions:
            here = None if here is None else self.goes(here, action)
        return here == end

    def way_to(self, goal: str) -> list[Move]:
        """Return a shortest way from the first state to another one."""
        ways: dict[str, list[Move]] = {self.initial: []}
        for state in (queue := [self.initial]):
            for move in self.moves:
                if move.source == state and move.target not in ways:
                    ways[move.target] = [*ways[state], move]
                    queue.append(move.target)
        return ways[goal]

    def astray(self, move: Move) -> Chart:
        """Return the same chart with one fault: ``move`` leads to another state."""
        other = next(s for s in sorted(self.states) if s != move.target)
        return replace(self, moves=tuple(replace(m, target=other) if m == move else m for m in self.moves))


def as_read(workflow: WorkflowDef) -> Chart:
    """Return the chart of a workflow as the public reader understood it."""
    return Chart(
        workflow.name,
        workflow.initial,
        frozenset(workflow.states),
        frozenset(s.name for s in workflow.states.values() if s.final),
        tuple(sorted(
            Move(a.name, source, a.to or source) for a in workflow.actions.values() for source in a.sources
        )),
    )  # fmt: skip


def from_yaml(folder: Path, name: str) -> Chart:
    """Read a workflow's file with its fragments by PyYAML alone; the program's reader has no part in it."""
    whole = _load(folder / f"{name}.yaml")
    fragments = [_load(folder / "parts" / f"{part}.yaml") for part in _listed(whole.get("includes"))]
    # what a file says itself goes before a fragment's entry of the same name
    states = _merged("states", [*fragments, whole])
    actions = _merged("actions", [*fragments, whole])
    finals = frozenset(n for n, s in states.items() if s.get("final"))
    moves = [
        Move(action, source, said.get("to") or source)
        for action, said in actions.items()
        for source in _sources(said, states, finals)
    ]
    initial = next(n for n, s in states.items() if s.get("initial"))
    return Chart(name, initial, frozenset(states), finals, tuple(sorted(moves)))


def _sources(said: Mapping[str, Any], states: Mapping[str, Any], finals: frozenset[str]) -> list[str]:
    named = _listed(said["from"])
    if named not in (["any"], ["every"]):
        return named
    wide = [s for s in states if named == ["every"] or s not in finals]
    return [s for s in wide if s not in _listed(said.get("besides")) and s != said.get("to")]


def _merged(section: str, trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: entry or {} for tree in trees for name, entry in (tree.get(section) or {}).items()}


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _listed(said: Any) -> list[str]:
    return [] if said is None else said if isinstance(said, list) else [said]
