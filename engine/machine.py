"""The only door to `transitions`: one compiled machine per workflow and bundle, never one per matter.

`transitions` builds and holds the machine; what it built is walked once into a table that an action
is looked up in (31-42 µs per event become a dictionary look-up). A property test drives both with
random words and compares them (decision 0006).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transitions import Machine as TransitionsMachine

from engine.workflow import ActionDef, Bundle, WorkflowDef

Fits = Callable[[ActionDef], bool]
"""Whether a step is for a matter at all (`asking.applies`)."""


def _any_step(_: ActionDef) -> bool:
    return True


class Machine:
    """What is possible from each state of one workflow."""

    def __init__(self, workflow: WorkflowDef) -> None:
        """Build the machine with `transitions` and compile its table."""
        self.workflow = workflow
        self.source = build(workflow)
        self._table: dict[tuple[str, str], str] = {}
        for name, event in self.source.events.items():
            for state, transitions in event.transitions.items():
                self._table[state, name] = str(transitions[0].dest)
        self._offers: dict[str, tuple[ActionDef, ...]] = {
            state: tuple(a for a in workflow.actions.values() if state in a.sources and not a.automatic)
            for state in workflow.states
        }
        self._automatic: dict[str, tuple[ActionDef, ...]] = {
            state: tuple(a for a in workflow.actions.values() if state in a.sources and a.automatic)
            for state in workflow.states
        }
        self.final = frozenset(s.name for s in workflow.states.values() if s.final)

    def offers(self, state: str) -> tuple[ActionDef, ...]:
        """Return the actions defined from ``state`` that people may take, before rights and rules."""
        return self._offers[state]

    def automatic(self, state: str) -> tuple[ActionDef, ...]:
        """Return the actions that happen by themselves from ``state``."""
        return self._automatic[state]

    def step(self, state: str, action: str) -> str | None:
        """Return the state that ``action`` leads to, or ``None`` where it is not defined from ``state``."""
        return self._table.get((state, action))


def build(workflow: WorkflowDef) -> TransitionsMachine:
    """Build the `transitions` machine of a workflow: records are internal to the states they leave alone."""
    transitions: list[dict[str, Any]] = []
    for action in workflow.actions.values():
        for source in action.sources:
            dest = action.to if action.to is not None else source
            transitions.append({"trigger": action.name, "source": source, "dest": dest})
    return TransitionsMachine(
        model=None,
        states=list(workflow.states),
        initial=workflow.initial,
        transitions=transitions,
        auto_transitions=False,
        send_event=True,
        queued=False,
    )


class Machines:
    """The machines of one bundle, and what can be asked of its workflows as a tree."""

    def __init__(self, bundle: Bundle) -> None:
        """Compile every workflow of ``bundle``."""
        self.bundle = bundle
        self.of = {name: Machine(workflow) for name, workflow in bundle.workflows.items()}
        self.finals = {name: machine.final for name, machine in self.of.items()}
        self.aside = frozenset(name for name, workflow in bundle.workflows.items() if workflow.aside)
        """Workflows whose matters do not count when it is asked whether a matter's parts are done."""
        self.expressions: dict[tuple[str, str, str], Any] = {}
        self.guarded = frozenset(
            action
            for workflow in bundle.workflows.values()
            for clock in workflow.clocks.values()
            for action in clock.guards
        )
        self.by_time = frozenset(
            rung.action for ladder in bundle.ladders.values() for rung in ladder.rungs if rung.action
        )
        """Actions that time itself takes where nobody acted."""
        self.dates_guarded = frozenset(
            name
            for name in self.guarded
            if any(name in w.facts and w.facts[name].type == "date" for w in bundle.workflows.values())
        )
        """Date facts that a minimum period holds back (the bid deadline)."""
        self.blockers = frozenset(
            w.name for w in bundle.workflows.values() if any(s.blocks for s in w.states.values())
        )
        self.starts_on: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self.ends_on: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, workflow in bundle.workflows.items():
            for clock in workflow.clocks.values():
                for trigger in clock.starts:
                    key = (name, trigger.kind, trigger.name)
                    self.starts_on[key] = (*self.starts_on.get(key, ()), clock.name)
                for action in clock.ends:
                    self.ends_on[name, action] = (*self.ends_on.get((name, action), ()), clock.name)

    def path(self, workflow: str, state: str, action: str, fits: Fits = _any_step) -> list[ActionDef] | None:
        """Return the shortest way of transitions from ``state`` to a state that offers ``action``.

        Automatic actions count too; those that need a reason (to give up, to release) or reopen do not, nor those
        that do not fit. An empty list means that ``action`` is possible right away, ``None`` that no way leads there.
        """
        sources = frozenset(self.bundle.workflows[workflow].actions[action].sources)
        return self._way(workflow, state, sources, fits)

    def way_to(
        self, workflow: str, state: str, wanted: str, fits: Fits = _any_step
    ) -> list[ActionDef] | None:
        """Return the shortest way from ``state`` to the state ``wanted``, as ``path`` counts ways; where none leads
        there (a failed package), steps that need a reason or reopen count too.
        """
        way = self._way(workflow, state, frozenset({wanted}), fits)
        return self._way(workflow, state, frozenset({wanted}), fits, any_step=True) if way is None else way

    def way_out(self, workflow: str, state: str, fits: Fits = _any_step) -> list[ActionDef] | None:
        """Return the shortest way from ``state`` to a final state, giving up excluded."""
        return self._way(workflow, state, self.finals[workflow], fits)

    def _way(
        self, workflow: str, state: str, wanted: frozenset[str], fits: Fits, *, any_step: bool = False
    ) -> list[ActionDef] | None:
        definition = self.bundle.workflows[workflow]
        ways: dict[str, list[ActionDef]] = {state: []}
        queue = [state]
        while queue:
            here = queue.pop(0)
            if here in wanted:
                return ways[here]
            for step in definition.actions.values():
                if (
                    here in step.sources
                    and step.to
                    and step.to not in ways
                    and (any_step or not (step.needs_reason or step.reopens))
                    and (not step.applies_when or fits(step))
                ):
                    ways[step.to] = [*ways[here], step]
                    queue.append(step.to)
        return None
