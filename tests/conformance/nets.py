"""From workflow files to Petri nets of pm4py: a place per state, a transition per move and way in which it comes about.

pm4py is imported where it is used: whoever has not installed it skips these tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.workflow import ActionDef, Bundle, WorkflowDef
from tests.conformance.chart import Chart, as_read
from tests.conformance.logs import AS_TWIN, BY_ITSELF, BY_PEOPLE, FILLED_IN, OPEN

UNOPENED = "unopened"


@dataclass(frozen=True)
class Files:
    """The workflow files, asked as this check needs them."""

    bundle: Bundle

    @cached_property
    def charts(self) -> dict[str, Chart]:
        """The chart of every workflow."""
        return {name: as_read(workflow) for name, workflow in self.bundle.workflows.items()}

    @cached_property
    def together(self) -> frozenset[str]:
        """Actions that happen by themselves: with one on another matter, or by time."""
        actions = [a for w in self.bundle.workflows.values() for a in w.actions.values()]
        by_time = {rung.action for ladder in self.bundle.ladders.values() for rung in ladder.rungs}
        return frozenset({n for a in actions for n in (*a.for_parts, a.for_about)} | by_time)

    @cached_property
    def unannounced(self) -> frozenset[str]:
        """Workflows whose matters time or a rule opens, without anybody's action."""
        opened = {rung.opens for ladder in self.bundle.ladders.values() for rung in ladder.rungs}
        return frozenset(opened | {rule.opens for rule in self.bundle.rules.values()})

    def ways(self, action: ActionDef) -> list[str]:
        """In which ways an action may come about."""
        alone = [BY_ITSELF] if action.automatic or action.name in self.together else []
        return [*([] if action.automatic else [BY_PEOPLE]), *alone, FILLED_IN]


@dataclass
class Net:
    """A Petri net being built."""

    files: Files
    only: frozenset[str] | None = None
    """The labels that are asked for, where a net of all would be too large to be quick; a replay needs no others."""
    net: Any = field(init=False)
    places: dict[str, Any] = field(default_factory=dict)
    initial: Any = field(init=False)
    final: Any = field(init=False)

    def __post_init__(self) -> None:
        from pm4py.objects.petri_net.obj import Marking, PetriNet

        self.net, self.initial, self.final = PetriNet("workflow"), Marking(), Marking()

    def place(self, name: str) -> Any:
        """Return the place of that name; there is one."""
        from pm4py.objects.petri_net.obj import PetriNet

        if name not in self.places:
            self.places[name] = PetriNet.Place(name)
            self.net.places.add(self.places[name])
        return self.places[name]

    def transition(self, label: str, takes: Mapping[str, int], gives: Mapping[str, int]) -> None:
        """Add a transition that takes tokens from places and gives tokens to places."""
        from pm4py.objects.petri_net.obj import PetriNet
        from pm4py.objects.petri_net.utils.petri_utils import add_arc_from_to

        if self.only is not None and label not in self.only:
            return
        made = PetriNet.Transition(f"{label} #{len(self.net.transitions)}", label)
        self.net.transitions.add(made)
        for name, weight in takes.items():
            add_arc_from_to(self.place(name), made, self.net, weight=weight)
        for name, weight in gives.items():
            add_arc_from_to(made, self.place(name), self.net, weight=weight)

    def ending_in(self, state: str) -> Any:
        """Return the marking of one token in the place of a state."""
        from pm4py.objects.petri_net.obj import Marking

        return Marking({self.place(state): 1})

    @property
    def labels(self) -> set[str]:
        """All labels that the net knows."""
        return {t.label for t in self.net.transitions}


def matter_net(files: Files, workflow: str, only: frozenset[str] | None = None) -> Net:
    """Return the net of one matter of a workflow, whatever goes on around it; its end is set by who replays."""
    made = Net(files, only)
    definition = files.bundle.workflows[workflow]
    made.initial[made.place(UNOPENED)] = 1
    for label, state in openings(definition):
        made.transition(label, {UNOPENED: 1}, {state: 1})
    for action in definition.actions.values():
        for source in action.sources:
            for how in files.ways(action):
                made.transition(action.name + how, {source: 1}, {action.to or source: 1})
    return made


def openings(workflow: WorkflowDef) -> list[tuple[str, str]]:
    """Return where a matter may begin: in the first state, or as a twin where the other one stands."""
    found = {(OPEN, workflow.initial)}
    for action in workflow.actions.values():
        if action.twins:
            found |= {
                (f"{AS_TWIN} {state}", state) for state in ([action.to] if action.to else action.sources)
            }
    return sorted(found)
