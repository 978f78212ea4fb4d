"""However often somebody looks, the same breaches are found: dense beats equal sparse beats (design 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from engine import advance, opening, passing, performing, recounting, standstill, word
from tests.properties.histories import (
    AROUND_A_COMPLAINT,
    COMPLAINT_LANES,
    THOROUGH,
    History,
    Stage,
    budget,
    histories,
    play,
)

HISTORIES = histories(45)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Two cities for all histories of this module, one per profile."""
    made = Stage()
    yield made
    made.close()


def both(stage: Stage, history: History) -> tuple[Any, Any]:
    return play(stage, history, dense=True), play(stage, history, dense=False)


@budget(45, 1000)
@given(history=HISTORIES)
def test_dense_beats_equal_sparse_beats(stage: Stage, history: History) -> None:
    (said, dense), (also, sparse) = both(stage, history)
    assert said == also
    for part in dense:
        assert dense[part] == sparse[part]


@budget(25, 500)
@given(history=histories(30, starts=AROUND_A_COMPLAINT, lanes=COMPLAINT_LANES))
def test_dense_beats_equal_sparse_beats_around_a_complaint(stage: Stage, history: History) -> None:
    (said, dense), (also, sparse) = both(stage, history)
    assert said == also
    for part in dense:
        assert dense[part] == sparse[part]


def test_a_planted_standstill_on_the_day_of_the_beat_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = standstill.release

    def late(office: Any, work: Any, matter: Any, held: Any, until: Any) -> Any:
        beat = max((entry.recorded_at for entry in work.entries), default=until)
        return whole(office, work, matter, held, max(until, beat))

    monkeypatch.setattr(standstill, "release", late)
    walks = histories(10, starts=("suspended",), lanes=("ahead",))
    assert counterexample(stage, walks) is not None


def counterexample(stage: Stage, walks: st.SearchStrategy[History] = HISTORIES, tries: int = 400) -> History:
    """Find a history on which dense and sparse beats differ; raise ``NoSuchExample`` if there is none."""

    def differs(history: History) -> bool:
        dense, sparse = both(stage, history)
        return bool(dense != sparse)

    how = settings(budget(tries, tries), phases=(Phase.generate,), database=None)
    return find(walks, differs, settings=how, random=Random(1))


@pytest.mark.parametrize(("route", "lane"), [(advance, "ahead"), (word, "hold"), (recounting, "calendar")])
def test_a_planted_act_before_time_passes_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, route: Any, lane: str
) -> None:
    monkeypatch.setattr(route, "pass_time", lambda *_args, **_how: [])
    begun = histories(20, starts=("deliver_report", "receive_invoice"), lanes=(lane, "ahead"))
    assert counterexample(stage, begun) is not None


def test_a_planted_breach_on_the_day_of_the_beat_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = opening.open_case

    def late(*args: Any, **how: Any) -> Any:
        return whole(*args, **{**how, "at": how["now"]})

    monkeypatch.setattr(passing, "open_case", late)
    assert counterexample(stage) is not None


@pytest.mark.skipif(not THOROUGH, reason="the same argument at length: set YIRIBAN_THOROUGH")
def test_a_planted_forgetting_of_corrections_would_not_be_found_here(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not depend on beats is no business of this property; scenarios look after it."""
    monkeypatch.setattr(performing, "_corrected", lambda *_args: None)
    with pytest.raises(Exception, match="No examples"):
        counterexample(stage, tries=50)
