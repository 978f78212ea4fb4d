"""An upgrade that is killed leaves the old database or the new one; each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import upgrades


def test_a_killed_upgrade_leaves_the_old_database_or_the_new_one(tmp_path: Path) -> None:
    result = upgrades.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    assert int(result.figures["kills"]) >= 14
    assert int(result.figures["upgraded afterwards"]) >= 5, "of those one in three is upgraded again"


@pytest.mark.parametrize("fault", upgrades.PLANTED)
def test_a_planted_fault_of_the_upgrade_is_found(tmp_path: Path, fault: str) -> None:
    assert upgrades.run(large=False, planted=fault, seed=1, folder=tmp_path).wrong
