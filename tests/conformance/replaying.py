"""Replay by pm4py: does a trace of names fit a net, from the first token to the last?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.conformance.nets import Net


def event_log(traces: Iterable[Sequence[str]]) -> Any:
    """Turn traces of names into an event log of pm4py."""
    from pm4py.objects.log.obj import Event, EventLog, Trace

    return EventLog([
        Trace([Event({"concept:name": label}) for label in trace], attributes={"concept:name": str(number)})
        for number, trace in enumerate(traces)
    ])  # fmt: skip


def fitness(net: Net, traces: Sequence[Sequence[str]], final: Any = None) -> list[float]:
    """Return the fitness of each trace by token-based replay, every token counted to the end; 1.0 fits.

    A name that the net does not know is left out by pm4py without a word; here it counts as 0.
    """
    from pm4py.algo.conformance.tokenreplay import algorithm
    from pm4py.algo.conformance.tokenreplay.variants.token_replay import Parameters

    how = {
        Parameters.CONSIDER_REMAINING_IN_FITNESS: True,
        Parameters.SHOW_PROGRESS_BAR: False,
        # no transition of ours is silent, so there is nothing to look for
        Parameters.WALK_THROUGH_HIDDEN_TRANS: False,
        Parameters.PLACES_SHORTEST_PATH_BY_HIDDEN: {},
    }
    found = algorithm.apply(event_log(traces), net.net, net.initial, final or net.final, parameters=how)
    known = net.labels
    return [
        result["trace_fitness"] if known.issuperset(trace) else 0.0
        for result, trace in zip(found, traces, strict=True)
    ]


def alignment_fitness(net: Net, traces: Sequence[Sequence[str]], final: Any) -> list[float]:
    """Return the fitness of each trace by an optimal alignment: slower, and sure to find the best way."""
    from pm4py.algo.conformance.alignments.petri_net import algorithm

    parameters = {algorithm.Parameters.SHOW_PROGRESS_BAR: False}
    found = algorithm.apply(event_log(traces), net.net, net.initial, final, parameters=parameters)
    return [result["fitness"] for result in found]
