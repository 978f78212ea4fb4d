"""The suite about unreliable providers, small; and each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import time_outs


def test_providers_that_time_out_double_nothing_where_they_can_be_asked_and_nothing_unmarked_elsewhere(
    tmp_path: Path,
) -> None:
    result = time_outs.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    for name in time_outs.KINDS:
        assert int(result.figures[f"{name}: answers nobody understood"]) > 0, "else nothing was tried"
    assert int(result.figures["gateway that cannot be asked: doubled and marked so"]) > 0


@pytest.mark.parametrize("planted", time_outs.PLANTED)
def test_a_planted_fault_is_found(planted: str, tmp_path: Path) -> None:
    assert time_outs.run(large=False, planted=planted, seed=1, folder=tmp_path).wrong
