"""Flipped bytes in the database file: a small run, and its planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import flipped as suite

SHOWS = {
    "column_skipped": "history verify ended with 0",
    "head_skipped": "history verify ended with 0",
    "hash_skipped": "history verify ended with 0",
    "crash": "ended with -1",
}


def test_a_flipped_byte_of_a_history_is_found_and_nobody_falls_over_any(tmp_path: Path) -> None:
    result = suite.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    changed = result.figures["changed: content of a history"]
    assert int(changed) >= 12
    assert result.figures["of histories, found by history verify"] == changed


@pytest.mark.parametrize("fault", suite.PLANTED)
def test_each_planted_fault_is_found_by_what_it_breaks(fault: str, tmp_path: Path) -> None:
    wrong = suite.run(large=False, planted=fault, seed=1, folder=tmp_path).wrong
    assert any(SHOWS[fault] in line for line in wrong), wrong
