"""An action is looked for in the named matter, then in its parts; exactly one offer is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import BadInput, Refused
from tests.city import City

MONDAY = "2026-11-02 10:00"  # 周一


def test_an_action_on_a_project_is_taken_by_the_one_part_that_offers_it(city: City) -> None:
    receipt = city.do("end_evaluation", MONDAY, on="P1")
    assert receipt.outcome.matter.id == "P1.1"
    assert city.matter("P1.1").state == "evaluated"


def test_the_named_matter_comes_before_its_parts(build: Callable[..., City]) -> None:
    city = build()
    city.open(MONDAY)
    city.walk("decide_award", MONDAY)
    city.do("issue_award_letter", MONDAY, contracts=2)
    assert city.do("publish_result", MONDAY, on="P1.1").outcome.matter.id == "P1.1"
    assert city.do("release", MONDAY, on="P1.1.2", reason="供应商放弃").outcome.matter.id == "P1.1.2"


def test_several_offers_are_listed_and_none_is_taken(build: Callable[..., City]) -> None:
    city = build()
    city.open(MONDAY, packages=3)
    city.do("end_evaluation", MONDAY, on="P1.2")
    before = city.everything()
    with pytest.raises(Refused) as refused:
        city.do("end_evaluation", MONDAY, on="P1")
    assert refused.value.exit_code == 5
    assert "2 个事项" in refused.value.what
    assert refused.value.then.endswith("P1.1、P1.3")
    assert city.everything() == before


def test_an_action_is_never_looked_for_in_a_case_about_the_matter(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    city.patrol("2026-11-06 09:00")
    assert city.cases() == {"P1.1-C1": "opened"}
    with pytest.raises(Refused, match="现在不能"):
        city.do("close", "2026-11-06 10:00", on="P1", by="钱八", reason="查实")
    closed = city.do("close", "2026-11-06 10:00", on="P1.1-C1", by="钱八", reason="查实").outcome
    assert (closed.matter.id, closed.went_to) == ("P1.1-C1", "closed")


def test_an_unknown_action_is_a_mistake_and_the_nearest_name_is_offered(city: City) -> None:
    with pytest.raises(BadInput) as refused:
        city.do("end_evalution", MONDAY)
    assert refused.value.exit_code == 2
    assert "end_evaluation？" in refused.value.then
    assert "abandon" in refused.value.then


def test_a_known_action_that_is_not_offered_is_refused_with_where_things_stand(city: City) -> None:
    with pytest.raises(Refused) as refused:
        city.do("sign_contract", MONDAY)
    assert refused.value.exit_code == 5
    assert "待签订" in refused.value.why
    assert "end_evaluation（评审结束）" in refused.value.then


def test_automatic_actions_are_not_offered_to_people(city: City) -> None:
    city.walk("issue_award_letter", MONDAY)
    with pytest.raises(Refused, match=r"合同办结|采购包办结"):
        city.do("complete", MONDAY, by="李四")
