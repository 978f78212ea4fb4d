"""The suite about leases, small; and each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import leases


def test_stopped_senders_and_beats_at_once_double_nothing_in_silence(tmp_path: Path) -> None:
    result = leases.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    figures = result.figures
    for where in leases.NAMES.values():
        assert int(figures[where]) >= 3
    asked = (f"{where}: asked for before anything was sent again" for where in leases.NAMES.values())
    assert sum(int(figures[name]) for name in asked) > 0
    assert int(figures["stopped before the second look: left to the other sender"]) >= 3
    assert int(figures["beats at once: processes that fired"]) >= 2, "else nothing was at once"


@pytest.mark.parametrize("planted", leases.PLANTED)
def test_a_planted_fault_is_found(planted: str, tmp_path: Path) -> None:
    assert leases.run(large=False, planted=planted, seed=1, folder=tmp_path).wrong
