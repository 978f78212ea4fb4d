"""One tender, several purchasers: each contract passes to the purchaser who signs it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.directory import Appointment, Unit
from engine.errors import NotFound, Refused
from storage.people import People
from tests.city import BEGAN, City, moment

MONDAY, TUESDAY = "2026-11-02 10:00", "2026-11-03 10:00"  # 周一、周二
ELSEWHERE = "410422"


@pytest.fixture
def city(build: Callable[..., City]) -> City:
    """A pooled tender with two contracts, the second for a school of the county."""
    city = build()
    with city.store.transaction():
        people = People(city.store)
        people.add_jurisdiction(ELSEWHERE, "叶县", "county")
        people.add_unit(Unit("u2", "县实验小学", "u2", "one-day", ELSEWHERE))
        for person, role in (("吴县", "officer"), ("郑县", "purchaser_rep")):
            people.add_person(person, person, ELSEWHERE)
            people.appoint(Appointment(person, role, "u2", BEGAN, None, ELSEWHERE))
    city.open(MONDAY)
    city.walk("decide_award", MONDAY)
    city.do("issue_award_letter", MONDAY, contracts=2)
    return city


def test_the_contract_its_clocks_and_its_instalments_are_the_purchasers(city: City) -> None:
    city.do("assign_purchaser", MONDAY, on="P1.1.2", purchaser="u2")
    contract = city.matter("P1.1.2")
    assert (contract.unit, contract.jurisdiction) == ("u2", ELSEWHERE)
    clock = next(c for c in city.family()[1] if c.key == ("P1.1.2", "sign_contract", 1))
    assert clock.jurisdiction == ELSEWHERE
    with city.store.transaction():
        theirs = People(city.store).actor("吴县", "u2", moment(TUESDAY))
    city.do("sign_contract", TUESDAY, on="P1.1.2", by=theirs)
    assert {(m.unit, m.jurisdiction) for m in city.family()[0] if m.id.startswith("P1.1.2")} == {
        ("u2", ELSEWHERE)
    }
    assert city.matter("P1.1.1").unit == city.matter("P1.1").unit == "u1"
    bodies = city.rows("select body from history where matter = 'P1.1.2' and kind = 'action'")
    assert json.loads(bodies[0][0])["detail"]["unit"] == {"from": "u1", "to": "u2"}


def test_who_is_told_about_it_is_the_purchasers_officer(city: City) -> None:
    city.do("assign_purchaser", MONDAY, on="P1.1.2", purchaser="u2")
    city.patrol("2026-11-04 09:00")  # 周三
    told = dict(city.rows("select matter, group_concat(distinct person) from message where rung = 'overdue'"
                          " and matter like 'P1.1.%' group by matter"))  # fmt: skip
    assert "吴县" in told["P1.1.2"]
    assert "张三" not in told["P1.1.2"]
    assert "张三" in told["P1.1.1"]


def test_a_unit_that_nobody_registered_gets_nothing(city: City) -> None:
    before = city.everything()
    with pytest.raises(NotFound, match="没有单位 u9"):
        city.do("assign_purchaser", MONDAY, on="P1.1.2", purchaser="u9")
    assert city.everything() == before


def test_a_signed_contract_is_not_passed_on(city: City) -> None:
    city.do("sign_contract", TUESDAY, on="P1.1.2")
    with pytest.raises(Refused, match="现在不能"):
        city.do("assign_purchaser", TUESDAY, on="P1.1.2", purchaser="u2")
