"""A project taken in half-way stands where it was said to stand, and can go on from there; found by random walks."""

from __future__ import annotations

from datetime import date

import pytest

from engine.errors import BadInput
from tests.city import City

MONDAY = "2026-11-02 09:00"


@pytest.mark.parametrize(
    "stage", ["package.failed", "package.redrafting", "package.deemed", "instalment.rectifying", "instalment.payment_returned"]
)  # fmt: skip
def test_a_stage_to_which_only_a_reason_leads_is_entered_too(city: City, stage: str) -> None:
    workflow, state = stage.split(".")
    city.open(MONDAY, id="P2", stage=stage, packages=2)
    assert [m.state for m in city.family("P2")[0] if m.workflow == workflow] == [state, state]


@pytest.mark.parametrize("stage", ["project.performed", "project.archived"])
def test_a_stage_that_comes_with_the_parts_is_not_entered_and_nothing_is_kept(city: City, stage: str) -> None:
    with pytest.raises(BadInput, match="不能从"):
        city.open(MONDAY, id="P2", stage=stage)
    assert city.rows("select count(*) from matter where root = 'P2'") == [(0,)]


def test_what_was_accepted_before_the_entry_can_be_paid(city: City) -> None:
    city.open(MONDAY, id="P2", stage="instalment.payment_requested")
    city.do("pay", MONDAY, on="P2.1.1.1", accepted_on=date(2026, 10, 30), invoice_no="1")
    assert city.matter("P2.1.1.1").state == "paid"


def test_what_the_engine_itself_will_write_is_not_filled_in_by_hand(city: City) -> None:
    city.open(MONDAY, id="P2", stage="instalment.performing")
    with pytest.raises(BadInput, match="由系统记录"):
        city.do("receive_invoice", MONDAY, on="P2.1.1.1", accepted_on=date(2026, 10, 30))
