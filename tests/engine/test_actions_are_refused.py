"""What an action needs before it is allowed; every refusal says why, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import BadInput, Conflict, Forbidden, Refused, YiribanError
from engine.matter import FactValue
from engine.term import Length
from tests.city import City, paper

MONDAY = "2026-11-02 10:00"  # 周一


def refused(city: City, kind: type[YiribanError], action: str, at: str, **how: Any) -> YiribanError:
    """Try ``action``, expect ``kind``, and see that nothing at all was written."""
    before = city.everything()
    with pytest.raises(kind) as caught:
        city.do(action, at, **how)
    assert city.everything() == before
    return caught.value


def test_who_holds_no_fitting_appointment_is_forbidden(city: City) -> None:
    error = refused(city, Forbidden, "end_evaluation", MONDAY, by="钱八")
    assert error.exit_code == 4
    assert "采购代理机构、专办员" in error.why
    assert "第三方跟踪机构" in error.why


def test_an_appointment_counts_from_its_first_moment_to_before_its_last(city: City) -> None:
    city.appoint("吴十", "agency", "2026-11-02 10:00", "2026-11-02 12:00")
    refused(city, Forbidden, "end_evaluation", "2026-11-02 09:59:59", by="吴十")
    refused(city, Forbidden, "end_evaluation", "2026-11-02 12:00", by="吴十")
    city.do("end_evaluation", "2026-11-02 10:00", by="吴十")


def test_a_stale_revision_is_a_conflict(city: City) -> None:
    # taking the project in half-way was the first revision
    city.do("end_evaluation", MONDAY, revision=1)
    error = refused(city, Conflict, "deliver_report", MONDAY, revision=1)
    assert error.exit_code == 7
    assert "第 1 版" in error.what
    assert "第 2 版" in error.what
    city.do("deliver_report", MONDAY, revision=2)


def test_a_fire_does_not_make_a_revision_stale(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    assert city.patrol("2026-11-04 09:00").fires
    city.do("decide_award", "2026-11-04 10:00", revision=3)


@pytest.mark.parametrize("action", ["decide_award", "issue_award_letter"])
def test_missing_facts_are_named_with_how_to_give_them(city: City, action: str) -> None:
    last = {"decide_award": "deliver_report", "issue_award_letter": "decide_award"}[action]
    city.walk(last, MONDAY)
    wanted = {"decide_award": "supplier", "issue_award_letter": "contracts"}[action]
    error = refused(city, Refused, action, MONDAY, bare=True)
    assert wanted in error.what
    assert f"--fact {wanted}=" in error.then


def test_missing_evidence_is_named_and_evidence_of_another_kind_does_not_do(city: City) -> None:
    city.do("end_evaluation", MONDAY)
    error = refused(city, Refused, "deliver_report", MONDAY, evidence=[paper("award_letter")])
    assert "evaluation_report" in error.what
    city.do("deliver_report", MONDAY, evidence=[paper("evaluation_report")])
    assert city.rows("select matter, kind, sha256, size from evidence") == [
        ("P1.1", "evaluation_report", "ab" * 32, 1024)
    ]


def test_an_unknown_fact_is_a_mistake_and_the_nearest_name_is_offered(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    error = refused(city, BadInput, "decide_award", MONDAY, suplier="甲")
    assert "supplier？" in error.then


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("amount", "1000"),
        ("amount", True),
        ("amount", 10.0),
        ("supplier_small", 1),
        ("pay_within", "30 days"),
        ("pay_within", 30),
        ("notice_url", Length(3, "days")),
    ],
)
def test_a_fact_of_the_wrong_type_is_a_mistake(city: City, fact: str, value: Any) -> None:
    city.walk("issue_award_letter", MONDAY)
    given: dict[str, FactValue] = {fact: value}
    error = refused(city, BadInput, "sign_contract", MONDAY, **given)
    assert error.exit_code == 2
    assert fact in error.what


def test_half_a_character_is_a_mistake_not_a_crash(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    error = refused(city, BadInput, "decide_award", MONDAY, supplier="甲\udcb9公司")
    assert "UTF-8" in error.then
    refused(city, BadInput, "decide_award", MONDAY, reason="\ud800")


def test_the_future_cannot_be_recorded_but_this_very_moment_can(city: City) -> None:
    error = refused(city, BadInput, "end_evaluation", "2026-11-02 10:00:00.000001", now=MONDAY)
    assert "将来" in error.what
    city.do("end_evaluation", MONDAY, now=MONDAY)


def test_a_transition_cannot_precede_the_state_it_starts_from(city: City) -> None:
    city.do("end_evaluation", MONDAY)
    error = refused(city, BadInput, "deliver_report", "2026-11-02 09:59:59.999999", now="2026-11-02 11:00")
    assert "2026-11-02 10:00" in error.what
    city.do("deliver_report", MONDAY, now="2026-11-02 11:00")


def test_a_record_may_precede_the_present_state_but_not_the_first_that_allows_it(city: City) -> None:
    city.walk("deliver_report", MONDAY)
    city.do("decide_award", "2026-11-02 14:00")
    city.do("issue_award_letter", "2026-11-02 16:00")
    error = refused(city, BadInput, "publish_result", "2026-11-02 13:59", now="2026-11-02 17:00")
    assert "2026-11-02 14:00" in error.what
    city.do("publish_result", "2026-11-02 15:00", now="2026-11-02 17:00")
    assert city.clock("P1.1", "publish_result").state == "met"


def test_an_action_that_asks_for_a_reason_is_refused_without_one(city: City) -> None:
    error = refused(city, Refused, "abandon", MONDAY)
    assert "--reason" in error.then
    city.do("abandon", MONDAY, reason="有效投标人不足三家")
    assert city.matter("P1.1").state == "abandoned"


def test_a_record_of_an_earlier_day_needs_a_reason_one_of_the_same_day_does_not(city: City) -> None:
    city.do("end_evaluation", MONDAY, now="2026-11-02 23:59")
    error = refused(city, Refused, "deliver_report", MONDAY, now="2026-11-03 00:00")  # 周二 0 时
    assert "--reason" in error.then
    city.do("deliver_report", MONDAY, now="2026-11-03 00:00", reason="当日漏登")


def test_up_to_three_working_days_back_one_person_with_a_reason_is_enough(city: City) -> None:
    # 周一的事，周四（第三个工作日）补录
    city.do("end_evaluation", MONDAY, now="2026-11-05 23:59", reason="漏登")


def test_beyond_three_working_days_a_record_needs_evidence_and_a_second_person_with_the_right(
    city: City,
) -> None:
    friday = "2026-11-06 00:00"  # 周五：周一的第四个工作日
    error = refused(city, Refused, "end_evaluation", MONDAY, now=friday, reason="漏登")
    assert "附件" in error.what
    proof = [paper("minutes")]
    error = refused(city, Refused, "end_evaluation", MONDAY, now=friday, reason="漏登", evidence=proof)
    assert "第二人" in error.what
    refused(
        city,
        Refused,
        "end_evaluation",
        MONDAY,
        now=friday,
        reason="漏登",
        evidence=proof,
        by="赵六",
        second="赵六",
    )
    refused(
        city,
        Forbidden,
        "end_evaluation",
        MONDAY,
        now=friday,
        reason="漏登",
        evidence=proof,
        by="赵六",
        second="钱八",
    )
    city.do("end_evaluation", MONDAY, now=friday, reason="漏登", evidence=proof, by="赵六", second="张三")
    assert '"second":"张三"' in city.rows("select body from history where kind = 'action'")[0][0]


def test_rest_days_do_not_use_up_the_three_working_days(city: City) -> None:
    # 周四 11 月 5 日的事，三个工作日到下周二 11 月 10 日
    city.do("end_evaluation", "2026-11-05 10:00", now="2026-11-10 23:00", reason="漏登")


def test_payment_before_acceptance_is_refused_by_r68_with_article_and_remedy(city: City) -> None:
    city.walk("sign_contract", MONDAY)
    city.do("receive_invoice", MONDAY)
    error = refused(city, Refused, "pay", MONDAY)
    assert error.exit_code == 5
    assert "R68" in error.what
    assert "87号令 第75条" in error.why
    assert "验收" in error.then
    city.walk_on("request_acceptance", "accept", at=MONDAY)
    city.do("pay", MONDAY)


def test_an_advance_payment_passes_r68_before_acceptance(city: City) -> None:
    city.walk("sign_contract", MONDAY)
    city.do("receive_invoice", MONDAY, prepayment=True)
    assert city.do("pay", MONDAY).outcome.went_to == "paid"


@pytest.mark.parametrize(
    ("small", "agreed", "allowed"),
    [
        (True, Length(60, "days"), True),
        (True, Length(61, "days"), False),
        (False, Length(61, "days"), True),
    ],
)
def test_r66_holds_payment_terms_of_small_suppliers_to_sixty_days(
    city: City, small: bool, agreed: Length, allowed: bool
) -> None:
    city.walk("issue_award_letter", MONDAY)
    if allowed:
        city.do("sign_contract", MONDAY, supplier_small=small, pay_within=agreed)
        return
    error = refused(city, Refused, "sign_contract", MONDAY, supplier_small=small, pay_within=agreed)
    assert "R66" in error.what
    assert "第9" in error.why
    assert "上限" in error.then


def test_an_impossible_number_of_parts_is_a_mistake(city: City) -> None:
    city.walk("decide_award", MONDAY)
    for count in (0, -1, 1001):
        refused(city, BadInput, "issue_award_letter", MONDAY, contracts=count)
    city.do("issue_award_letter", MONDAY, contracts=2)
    assert city.matter("P1.1.2").state == "awarded"


def test_a_rule_that_only_warns_passes_with_a_reason_and_is_noted(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.do("announce", MONDAY)
    late = "2026-11-24 09:00"  # 周二，二十日已满
    error = refused(city, Refused, "open_bids", late, bidders=2)
    assert "R901" in error.what
    receipt = city.do("open_bids", late, bidders=2, reason="经批准继续")
    assert receipt.warnings == ["R901 投标人不足三家须说明"]


def test_a_rule_that_escalates_lets_the_act_pass_and_opens_a_case(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.do("announce", MONDAY)
    receipt = city.do("open_bids", "2026-11-24 09:00", answers=1)
    assert [m.id for m in receipt.outcome.opened] == ["P1-C1"]
    assert city.matter("P1-C1").about_clock == "R902"
    assert city.matter("P1").state == "opened"


def test_a_minimum_period_blocks_before_and_lets_pass_at_the_first_instant(
    build: Callable[..., City],
) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.do("announce", MONDAY)
    # 二十日期满日 11 月 22 日是周日，顺延到周一
    error = refused(city, Refused, "open_bids", "2026-11-22 23:59:59.999999")
    assert "2026-11-23 00:00" in error.what
    assert "20日" in error.why
    assert "政府采购法 第35条" in error.why
    city.do("open_bids", "2026-11-23 00:00")
    assert city.clock("P1", "bid_period").state == "met"


def test_a_minimum_that_has_run_out_still_holds_for_acts_recorded_back(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.do("announce", MONDAY)
    city.patrol("2026-11-24 09:00")
    assert city.clock("P1", "bid_period").state == "met"
    refused(city, Refused, "open_bids", "2026-11-22 12:00", now="2026-11-24 10:00", reason="漏登")
    city.do("open_bids", "2026-11-23 12:00", now="2026-11-24 10:00", reason="漏登")


def test_a_minimum_in_hours_runs_plain_and_a_new_correction_starts_it_again(
    build: Callable[..., City],
) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.do("announce", MONDAY)
    city.do("correct_notice", "2026-11-24 09:00")
    city.do("correct_notice", "2026-11-24 10:00")
    refused(city, Refused, "open_bids", "2026-11-24 11:00")
    refused(city, Refused, "open_bids", "2026-11-24 11:59:59.999999")
    city.do("open_bids", "2026-11-24 12:00")
    assert city.clock("P1", "correction_pause", 1).state == "void"
