"""The trace of one matter, judged three ways: by following the file's moves, by replay, by alignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from tests.city import shipped
from tests.conformance.families import family_net, members_of
from tests.conformance.logs import FILLED_IN, Event, by_matter, events_of
from tests.conformance.nets import UNOPENED, Files, Net, matter_net, openings
from tests.conformance.replaying import fitness
from tests.conformance.walks import Export

FILES = Files(shipped()[0])


@dataclass(frozen=True)
class Trace:
    """What happened to one matter: of which family, by which workflow, ending in which state."""

    family: int
    workflow: str
    end: str
    events: tuple[Event, ...]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names alone, as the log has them."""
        return tuple(event.label for event in self.events)

    def without(self, number: int) -> Trace:
        """Return the same trace, one of its events deleted."""
        return replace(self, events=self.events[:number] + self.events[number + 1 :])

    def swapped(self, number: int) -> Trace:
        """Return the same trace, an event and the next one swapped."""
        first, second = self.events[number : number + 2]
        return replace(self, events=(*self.events[:number], second, first, *self.events[number + 2 :]))

    @cached_property
    def states(self) -> list[str]:
        """The state before each event and after the last; empty where they are no way from state to state.

        Found without any net, by following the moves of the file one by one.
        """
        chart, begins = FILES.charts[self.workflow], dict(openings(FILES.bundle.workflows[self.workflow]))
        found = [UNOPENED]
        for event in self.events:
            here = found[-1]
            on = begins.get(event.label) if here == UNOPENED else chart.goes(here, event.action)
            if on is None:
                return []
            found.append(on)
        return found

    @property
    def possible(self) -> bool:
        """Whether the events are a way of the file to the state in which the matter ended."""
        return self.states[-1:] == [self.end]

    def moves(self, number: int) -> bool:
        """Whether an event changes the state; a record leaves it alone."""
        return self.states[number] != self.states[number + 1]

    def announces(self, number: int) -> bool:
        """Whether an event opens something: parts, or a matter about this one."""
        event = self.events[number]
        action = FILES.bundle.workflows[self.workflow].actions[event.action]
        return action.spawns is not None or (bool(action.opens) and event.how != FILLED_IN)


def traces_of(exported: Sequence[Export]) -> list[Trace]:
    """Return the trace of every matter of every family."""
    found = []
    for number, export in enumerate(exported):
        matters = {m["id"]: m for m in export.matters}
        for matter, events in by_matter(events_of(export, FILES.bundle)).items():
            ended = matters[matter]
            found.append(Trace(number, ended["workflow"], ended["state"], tuple(events)))
    return found


def different(traces: Sequence[Trace]) -> list[Trace]:
    """Return one trace of each kind: what happened alike to several matters is looked at once."""
    return list({(t.workflow, t.labels): t for t in traces}.values())


def fits(traces: Sequence[Trace], how: Callable[..., list[float]] = fitness) -> list[float]:
    """Return the fitness of every trace on the net of its workflow, ending where its matter ended."""
    grouped: dict[str, dict[str, dict[tuple[str, ...], float]]] = {}
    for trace in traces:
        grouped.setdefault(trace.workflow, {}).setdefault(trace.end, {})[trace.labels] = 0.0
    for workflow, by_end in grouped.items():
        said = frozenset(label for known in by_end.values() for labels in known for label in labels)
        net = matter_net(FILES, workflow, said)
        for end, known in by_end.items():
            known.update(zip(known, how(net, list(known), net.ending_in(end)), strict=True))
    return [grouped[t.workflow][t.end][t.labels] for t in traces]


@lru_cache(maxsize=4)
def _family(export: Export) -> tuple[list[Event], Net]:
    events = events_of(export, FILES.bundle)
    return events, family_net(FILES, members_of(export, FILES), events)


def family_fitness(export: Export, gone: tuple[str, int] | None = None) -> float:
    """Return the fitness of a whole family on its net; ``gone``, the n-th event of a matter, is left out."""
    events, net = _family(export)
    left_out = None if gone is None else [e for e in events if e.matter == gone[0]][gone[1]]
    return fitness(net, [[e.full_label for e in events if e is not left_out]])[0]
