"""A full disk at some points of each command: a small run, and its planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import disk_full as suite

SHOWS = {
    "swallowed": "not what it should be",
    "half": "half of it is written",
    "crash": "exit -1",
}


def test_a_full_disk_is_refused_in_words_and_leaves_nothing_by_halves(tmp_path: Path) -> None:
    result = suite.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    refused = {name for name in result.figures if name.startswith("refused")}
    assert refused >= {f"refused: {name}" for name in ("action", "patrol", "import", "send", "backup")}


@pytest.mark.parametrize("fault", suite.PLANTED)
def test_each_planted_fault_is_found_by_what_it_breaks(fault: str, tmp_path: Path) -> None:
    wrong = suite.run(large=False, planted=fault, seed=1, folder=tmp_path).wrong
    assert any(SHOWS[fault] in line for line in wrong), wrong
