"""Mail and SMS are out for two days at the peak of the due clocks, then back: a small run, and its planted faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import cut_off as suite

SHOWS = {
    "no_quota": "are allowed",
    "no_quiet_hours": "SMS at",
    "impatient": "arrived 0 times",
    "fired_again": "arrived 2 times",
    "asleep": "the case about",
}


def test_after_an_outage_every_warning_arrives_once_in_the_hours_and_quotas_that_hold(tmp_path: Path) -> None:
    result = suite.run(large=False, planted=None, seed=1, folder=tmp_path)
    assert result.wrong == []
    assert result.figures["clocks due in the outage"] == 24
    assert result.figures["of them lost"] == result.figures["anything doubled"] == 0
    assert int(result.figures["cases opened on time"]) >= 20


@pytest.mark.parametrize("fault", suite.PLANTED)
def test_each_planted_fault_is_found_by_what_it_breaks(fault: str, tmp_path: Path) -> None:
    wrong = suite.run(large=False, planted=fault, seed=1, folder=tmp_path).wrong
    assert any(SHOWS[fault] in line for line in wrong), wrong
