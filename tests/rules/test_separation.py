"""Who wrote it does not review it: by the person who acts, deputies included, and nobody where a register speaks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.directory import Appointment, Delegation
from engine.errors import Refused
from storage.people import People
from tests.city import BEGAN, NAMELESS, PLACE, UNIT, City, moment

MONDAY = "2026-11-02 09:00"  # 周一
TUESDAY = "2026-11-03 09:00"  # 周二


@pytest.fixture
def planned(build: Callable[..., City]) -> City:
    """A project whose need 李四 defined and whose plan 张三 drafted; 王五 may review it."""
    city = build()
    city.open(MONDAY, stage="", budget=100_000_00)
    city.do("define_need", MONDAY, by="李四")
    city.do("skip_intent", MONDAY, reason="急需")
    city.do("draft_plan", MONDAY, by="张三", object="goods", method="open_tender", budget=100_000_00)
    return city


def appoint(city: City, person: str, role: str) -> None:
    with city.store.transaction():
        People(city.store).appoint(Appointment(person, role, UNIT, BEGAN, None, PLACE))


@pytest.mark.parametrize("author", ["李四", "张三"])
def test_who_defined_the_need_or_drafted_the_plan_does_not_review_it(planned: City, author: str) -> None:
    appoint(planned, author, "purchaser_head")
    with pytest.raises(Refused, match="R13") as caught:
        planned.do("review_plan", TUESDAY, by=author)
    assert "没有参与" in caught.value.then
    planned.do("review_plan", TUESDAY, by="王五")
    assert planned.matter("P1").state == "plan_reviewed"


def test_a_deputy_does_not_review_what_the_principal_wrote(planned: City) -> None:
    appoint(planned, "钱八", "purchaser_head")
    with planned.store.transaction():
        People(planned.store).delegate(Delegation("张三", "钱八", "AB", "", BEGAN, None, PLACE))
        deputy = People(planned.store).actor("钱八", UNIT, moment(TUESDAY))
    with pytest.raises(Refused, match="R13"):
        planned.do("review_plan", TUESDAY, by=deputy)


def test_only_the_last_author_counts_after_the_plan_came_back(planned: City) -> None:
    appoint(planned, "张三", "purchaser_head")
    planned.do("return_plan", TUESDAY, by="王五", reason="理由不足")
    planned.do("draft_plan", TUESDAY, by="李四", object="goods", method="open_tender", budget=100_000_00)
    planned.do("review_plan", TUESDAY, by="张三")
    assert planned.matter("P1").facts["plan_by"] == "李四"


def test_what_a_register_shows_names_nobody_and_forbids_nothing(build: Callable[..., City]) -> None:
    city = build()
    city.open(MONDAY, stage="", budget=100_000_00)
    city.do("define_need", MONDAY, by=NAMELESS)
    assert "need_by" not in city.matter("P1").facts
    city.do("skip_intent", MONDAY, reason="急需", by=NAMELESS)
    city.do("draft_plan", MONDAY, by=NAMELESS, object="goods", method="open_tender", budget=100_000_00)
    city.do("review_plan", TUESDAY, by=NAMELESS)
    assert city.matter("P1").state == "plan_reviewed"


def test_nobody_can_write_in_by_hand_who_did_it(planned: City) -> None:
    with pytest.raises(Exception, match="由系统记录") as caught:
        planned.do("return_plan", TUESDAY, reason="理由不足", plan_by="赵六")
    assert "plan_by" in str(caught.value)


def test_a_signed_review_stands_in_the_history_item_by_item(planned: City) -> None:
    planned.do("review_plan", TUESDAY, reason="符合预算，理由充分")
    [(body,)] = planned.rows("select body from history where matter = 'P1' order by no desc limit 1")
    line = json.loads(body)
    assert line["detail"]["checked"] == {"general_review": ["standards", "choices", "approvals", "complete"]}
    assert line["detail"]["reason"] == "符合预算，理由充分"
