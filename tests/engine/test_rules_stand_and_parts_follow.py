"""A standing rule cannot be walked around, and what is given up takes its parts along."""

from __future__ import annotations

import pytest

from engine.errors import Refused
from engine.term import Length
from tests.city import City

MONDAY = "2026-11-02 10:00"  # 周一


def test_the_payment_term_of_a_small_supplier_cannot_be_stretched_after_signing(city: City) -> None:
    city.walk("sign_contract", MONDAY, supplier_small=True)
    with pytest.raises(Refused) as refused:
        city.do("publish_contract", "2026-11-03 09:00", pay_within=Length(61, "days"))
    assert "R66" in refused.value.what
    assert "pay_within" not in city.matter("P1.1.1").facts
    city.do("publish_contract", "2026-11-03 09:00", pay_within=Length(60, "days"))
    assert city.matter("P1.1.1").facts["pay_within"] == Length(60, "days")


def test_a_cancelled_project_abandons_its_packages_and_nothing_fires_for_them(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    city.do("cancel", "2026-11-02 10:00", reason="采购任务取消")
    assert {m.id: m.state for m in city.family()[0]} == {"P1": "cancelled", "P1.1": "abandoned"}
    assert {f.does for f in city.patrol("2026-12-01 09:00").fires} <= {"remind"}  # 周二


def test_contracts_run_on_after_their_project_was_cancelled(city: City) -> None:
    city.walk("sign_contract", MONDAY)
    city.do("cancel", "2026-11-03 10:00", reason="机构合并")
    assert city.matter("P1.1").state == "notified"
    assert any(f.clock == "file_contract" for f in city.patrol("2026-12-01 09:00").fires)
