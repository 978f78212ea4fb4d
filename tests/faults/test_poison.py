"""Poisoned rows, texts and addresses among good ones: a small run, and its planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import poison as suite

SHOWS = {
    "stopped": "everything stopped: Unreadable",
    "swallowed": "trouble stands on",
    "given_up": "is not tried again",
    "jammed": "everything stopped: JSONDecodeError",
}


def test_what_is_poisoned_silences_nobody_shows_its_trouble_and_heals(tmp_path: Path) -> None:
    result = suite.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    assert result.figures["fired in the same beat"] == 120
    assert result.figures["troubles on the tracker's desk"] == len(suite.POISON)


@pytest.mark.parametrize("fault", suite.PLANTED)
def test_each_planted_fault_is_found_by_what_it_breaks(fault: str, tmp_path: Path) -> None:
    wrong = suite.run(large=False, planted=fault, seed=1, folder=tmp_path).wrong
    assert any(SHOWS[fault] in line for line in wrong), wrong
