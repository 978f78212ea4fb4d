"""What a user exports of random walks fits Petri nets built from the workflow files, replayed by pm4py.

A development check with dependencies of its own (`pip install --group conformance`), not part of CI.
YIRIBAN_THOROUGH walks 1,000 walks.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine import opening, performing
from engine.machine import Machine
from tests.conformance.replaying import alignment_fitness
from tests.conformance.traces import Trace, different, family_fitness, fits, traces_of
from tests.conformance.walks import Export, exports
from tests.properties.histories import THOROUGH

pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip(
    "pm4py", reason="pm4py: NOT CHECKED, it is not installed: pip install --group conformance"
)

WALKS, ALIGNED = (1000, 100_000) if THOROUGH else (30, 60)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, shelf_of_the_tests: Path) -> Iterator[list[Export]]:
    """What a user exports after each walk."""
    folder = tmp_path_factory.mktemp("walks")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("YIRIBAN_")]:
            patch.delenv(name)
        patch.setenv("YIRIBAN_CACHE", str(shelf_of_the_tests))
        patch.chdir(folder)
        yield list(exports(WALKS, folder, seed=1))


@pytest.fixture(scope="module")
def traces(exported: list[Export]) -> list[Trace]:
    """The trace of every matter of every walk."""
    return traces_of(exported)


def say(tally: Counter[str]) -> None:
    """Print what was counted."""
    print("\n" + "; ".join(f"{what}: {n:,}" for what, n in tally.items()))  # noqa: T201


def test_every_matter_fits_the_net_of_its_workflow(traces: list[Trace]) -> None:
    kinds, workflows = different(traces), {t.workflow for t in traces}
    say(Counter({
        "walks": WALKS, "matters": len(traces), "workflows": len(workflows), "different traces": len(kinds),
        "events": sum(len(t.events) for t in traces),
        "different moves": len({(t.workflow, s, e.action) for t in kinds
                                for s, e in zip(t.states, t.events, strict=False)}),
    }))  # fmt: skip
    assert all(t.possible for t in traces)
    assert set(fits(traces)) == {1.0}
    assert len(workflows) >= (30 if THOROUGH else 15)


def test_the_best_alignment_has_nothing_to_add_or_to_leave_out(traces: list[Trace]) -> None:
    longest = sorted(different(traces), key=lambda t: len(t.events))[-ALIGNED:]
    assert set(fits(longest, alignment_fitness)) == {1.0}


def test_every_family_fits_its_net_of_openings_and_joins(exported: list[Export]) -> None:
    assert [n for n, export in enumerate(exported) if family_fitness(export) != 1.0] == []


def test_a_deleted_event_is_found_wherever_the_rest_is_no_way_of_its_own(
    traces: list[Trace], exported: list[Export]
) -> None:
    deleted = [(t, n) for t in different(traces) for n in range(len(t.events)) if t.moves(n)]
    rests = [trace.without(number) for trace, number in deleted]
    tally = Counter({"deleted, of those that move": len(deleted)})
    for (trace, number), rest, fit in zip(deleted, rests, fits(rests), strict=True):
        assert (fit < 1.0) == (not rest.possible), (trace, number)
        alone = fit == 1.0 and family_fitness(exported[trace.family], (trace.events[0].matter, number)) < 1.0
        tally["found in the log of the matter"] += fit < 1.0
        tally["found in the log of the family alone"] += alone
        tally["not found, the rest is a way of its own"] += fit == 1.0 and not alone
    say(tally)
    assert tally["found in the log of the matter"] > 0.9 * len(deleted)


def test_a_deleted_record_is_found_only_where_it_opened_something(
    traces: list[Trace], exported: list[Export]
) -> None:
    """It leaves the state where it is. Whoever takes it out of the real history breaks the chain of hashes."""
    chance = Random(3)
    recorded = [(t, [n for n in range(len(t.events)) if not t.moves(n)]) for t in different(traces)]
    deleted = [(trace, chance.choice(records)) for trace, records in recorded if records]
    assert set(fits([trace.without(number) for trace, number in deleted])) == {1.0}
    tally = Counter({"records deleted": len(deleted)})
    for trace, number in deleted:
        found = family_fitness(exported[trace.family], (trace.events[0].matter, number)) < 1.0
        assert found == trace.announces(number), (trace, number)
        tally["found in the log of the family"] += found
    say(tally)
    assert deleted


def test_a_swapped_pair_is_found_wherever_the_two_do_not_commute(traces: list[Trace]) -> None:
    pairs = [
        trace.swapped(n)
        for trace in different(traces)
        for n in range(len(trace.events) - 1)
        if trace.labels[n] != trace.labels[n + 1]
    ]
    tally = Counter({"swapped": len(pairs)})
    for swapped, fit in zip(pairs, fits(pairs), strict=True):
        assert (fit < 1.0) == (not swapped.possible), swapped
        tally["found"] += fit < 1.0
        tally["not found, either order is a way"] += fit == 1.0
    say(tally)
    assert tally["found"] > 0.5 * len(pairs)


# an engine that does otherwise than its files say


def joins_at_once(patch: pytest.MonkeyPatch) -> None:
    """What waits for its parts does not wait."""
    whole = performing.joins
    patch.setattr(performing, "joins", lambda *asked: {**whole(*asked), "parts.open": 0})


def opens_one_more(patch: pytest.MonkeyPatch) -> None:
    """One part more than the file says."""
    whole = opening.ask
    more: Any = lambda *asked, **how: whole(*asked, **how) + (how.get("wants") == "integer")  # noqa: E731
    patch.setattr(opening, "ask", more)


def goes_astray(patch: pytest.MonkeyPatch) -> None:
    """The award letter leads nowhere."""
    whole = Machine.step
    lost: Any = lambda m, state, action: state if action == "issue_award_letter" else whole(m, state, action)  # noqa: E731
    patch.setattr(Machine, "step", lost)


@pytest.mark.parametrize(
    "plant", [joins_at_once, opens_one_more, goes_astray], ids=lambda plant: plant.__name__
)
def test_an_engine_that_does_otherwise_than_its_files_say_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(monkeypatch)
    assert any(family_fitness(export) < 1.0 for export in exports(40, tmp_path, seed=5))
