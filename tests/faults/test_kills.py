"""The kill suite, small, and every planted fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.kills import PLANTED, ZEROES, find, run

SHOWS = {
    "mark-before-send": "counts as accepted, and the provider has none",
    "send-before-claim": r"was accepted \d times",
    "send-without-asking": r"was accepted \d times",
    "claim-without-guard": r"was accepted \d times",
    "lease-below-lag": r"was accepted \d times",
    "fire-after-commit": "fire .* is not as without kills",
    "action-in-pieces": "a killed deed is there in part",
    "told-before-done": "a deed is not as it was told|was told 1 times and is there 0 times",
}


def test_programs_killed_at_any_moment_lose_and_double_nothing(tmp_path: Path) -> None:
    result = run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    assert int(result.figures["kills"]) >= 30
    # how many hit a program at work hangs on the machine; none of a kind would prove nothing of it
    at_work = {
        kind: int(result.figures[f"kills of {kind} at work"]) for kind in ("patrol", "delivery", "officer")
    }
    assert min(at_work.values()) >= 3, at_work
    assert int(result.figures["fires"]) >= 30
    assert int(result.figures["messages accepted, by the ledger"]) >= 30
    assert [result.figures[name] for name in ZEROES] == [0] * 4


@pytest.mark.parametrize(
    "names",
    [
        ["mark-before-send", "send-before-claim", "lease-below-lag", "claim-without-guard"],
        ["send-without-asking", "fire-after-commit", "action-in-pieces", "told-before-done"],
    ],
    ids=["in sending", "in sending, patrols and actions"],
)
def test_planted_faults_are_found(names: list[str], tmp_path: Path) -> None:
    """Each in a round of its own; several share a course, which is lived undisturbed once."""
    for name, result in find(names, seed=1, folder=tmp_path).items():
        shown = [wrong for wrong in result.wrong if re.search(SHOWS[name], wrong)]
        assert shown, (name, result.wrong[:5], result.figures)


def test_no_planted_fault_is_left_out() -> None:
    assert set(SHOWS) == set(PLANTED)
