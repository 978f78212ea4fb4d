"""The day of the demonstration city, killed ten times; and each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import city_day


def test_the_ledgers_equal_the_outbox_after_a_day_of_ten_kills(tmp_path: Path) -> None:
    result = city_day.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    figures = result.figures
    assert (
        int(figures.get("kills at any moment", 0)) + int(figures["kills while a message was under way"]) == 10
    )
    assert int(figures["acts"]) > 6
    assert int(figures["messages of the day"]) > 20, "a day on which nothing happens shows nothing"


@pytest.mark.parametrize("planted", ["never asks"])  # the others by hand: --planted all
def test_a_planted_fault_is_found(planted: str, tmp_path: Path) -> None:
    assert city_day.run(large=False, planted=planted, seed=1, folder=tmp_path).wrong
