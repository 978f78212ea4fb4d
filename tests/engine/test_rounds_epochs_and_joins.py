"""Rounds, epochs, final states, joins."""

from __future__ import annotations

from datetime import date

from engine.term import Length
from tests.city import City, keys, moment

PART = "P1.1.1.1"


def test_a_second_invoice_moves_the_anchor_and_starts_a_new_round(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00")  # 周一
    city.do("receive_invoice", "2026-11-03 11:00", invoice_no="24372001")  # 周二，红冲重开
    first, second = city.clock(PART, "pay", 1), city.clock(PART, "pay", 2)
    assert (first.state, first.look_at, first.plan) == ("void", None, [])
    assert (second.anchor, second.promise) == (moment("2026-11-03 11:00"), moment("2026-11-04 24:00"))
    beat = city.patrol("2026-11-04 09:00")
    assert {(f.clock, f.round) for f in beat.fires if f.rung == "started"} == {
        ("pay", 2),
        ("pay_outer_limit", 2),
    }


def test_an_invoice_before_acceptance_leaves_the_anchor_where_it_is(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00")
    city.do("receive_invoice", "2026-11-02 10:00", invoice_no="24372001")
    assert [c.round for c in city.family()[1] if c.name == "pay"] == [1]


def test_an_agreed_length_given_while_the_clock_runs_opens_an_epoch_and_plans_only_what_is_to_come(
    city: City,
) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00")  # 周一
    city.patrol("2026-11-04 09:00")
    assert city.fired(f"{PART}/pay/1/1") == ["overdue"]
    city.do("publish_contract", "2026-11-04 10:00", pay_within=Length(3, "days"))
    clock = city.clock(PART, "pay")
    assert (clock.round, clock.epoch, clock.agreed) == (1, 2, moment("2026-11-05 24:00"))
    assert [p.rung for p in clock.plan] == ["overdue_by_contract", "case", "soon_by_law", "overdue_by_law"]
    assert keys(city.patrol("2026-11-04 11:00").fires) == []
    city.patrol("2026-12-01 09:00")
    assert city.fired(f"{PART}/pay/1/2") == ["overdue_by_contract", "case", "overdue_by_law"]
    assert [c for c in city.cases() if c.startswith(PART)] == [f"{PART}-C1"]


def test_an_agreed_moment_that_is_already_past_warns_once_at_its_own_moment(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00")
    city.do("publish_contract", "2026-11-10 10:00", pay_within=Length(1, "days"), by="赵六")
    city.patrol("2026-11-10 10:00")
    late = city.rows("select at, fired_at from fire where rung = 'overdue_by_contract'")
    assert len(late) == 1
    assert late[0][0] < late[0][1]
    city.do("publish_contract", "2026-11-11 10:00", pay_within=Length(2, "days"))
    city.patrol("2026-11-11 10:00")
    assert city.clock(PART, "pay").epoch == 3
    assert len(city.rows("select 1 from fire where rung = 'overdue_by_contract'")) == 1


def test_a_recount_that_moves_nothing_opens_no_epoch(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00", pay_within=Length(5, "days"))
    city.do("publish_contract", "2026-11-02 11:00", pay_within=Length(5, "days"))
    assert city.clock(PART, "pay").epoch == 1
    city.do("publish_contract", "2026-11-02 12:00", pay_within=Length(6, "days"))
    assert city.clock(PART, "pay").epoch == 1  # 五日、六日都落在周末，都顺延到周一
    city.do("publish_contract", "2026-11-02 13:00", pay_within=Length(8, "days"))
    assert city.clock(PART, "pay").epoch == 2


def test_a_final_state_voids_what_runs_unless_it_survives(city: City) -> None:
    city.walk("pay", "2026-11-02 10:00")
    states = {(c.matter, c.name): c.state for c in city.family()[1]}
    assert states["P1.1", "publish_result"] == "running"
    assert states["P1.1.1", "publish_contract"] == "running"
    assert states[PART, "pay_outer_limit"] == "met"
    city.do("publish_contract", "2026-11-04 10:00", on="P1.1.1")
    assert city.clock("P1.1.1", "publish_contract").state == "met"


def test_a_contract_that_is_released_owes_no_signature_any_more(city: City) -> None:
    city.walk("issue_award_letter", "2026-11-02 10:00")
    city.do("release", "2026-11-02 11:00", reason="供应商放弃中标")
    clock = city.clock("P1.1.1", "sign_contract")
    assert (clock.state, clock.ended_at) == ("void", moment("2026-11-02 11:00"))
    assert not [f for f in city.patrol("2027-01-04 09:00").fires if f.clock == "sign_contract"]


def test_an_action_spawns_as_many_parts_as_its_fact_says(city: City) -> None:
    city.walk("decide_award", "2026-11-02 10:00")
    opened = city.do("issue_award_letter", "2026-11-02 11:00", contracts=3).outcome.opened
    assert [m.id for m in opened] == ["P1.1.1", "P1.1.2", "P1.1.3"]
    city.do("sign_contract", "2026-11-02 12:00", on="P1.1.2", instalments=2)
    assert [m.id for m in city.family()[0] if m.workflow == "instalment"] == ["P1.1.2.1", "P1.1.2.2"]


def test_the_contract_the_package_and_the_project_are_done_with_their_last_part(city: City) -> None:
    city.walk("issue_award_letter", "2026-11-02 10:00")
    city.do("sign_contract", "2026-11-02 10:00", instalments=2)
    for part in (f"{PART[:-2]}.1", f"{PART[:-2]}.2"):
        city.walk_on("request_acceptance", "accept", "receive_invoice", at="2026-11-02 10:00", on=part)
    city.do("pay", "2026-11-02 11:00", on="P1.1.1.2")
    assert city.matter("P1.1.1").state == "signed"
    receipt = city.do("pay", "2026-11-02 12:00", on="P1.1.1.1")
    assert [(m.id, a) for m, a in receipt.outcome.followed] == [
        ("P1.1.1", "complete"),
        ("P1.1", "complete"),
        ("P1", "finish"),
    ]
    assert {m.id: m.state for m in city.family()[0]}["P1"] == "performed"


def test_a_whole_is_done_when_its_last_part_was_done_not_when_the_last_record_says(city: City) -> None:
    city.walk("issue_award_letter", "2026-11-02 10:00")
    city.do("sign_contract", "2026-11-02 10:00", instalments=2)
    for part in ("P1.1.1.1", "P1.1.1.2"):
        city.walk_on("request_acceptance", "accept", "receive_invoice", at="2026-11-02 10:00", on=part)
    city.do("pay", "2026-11-04 09:00", on="P1.1.1.2")
    city.do("pay", "2026-11-02 15:00", on="P1.1.1.1", now="2026-11-05 09:00", reason="漏登")
    for whole in ("P1.1.1", "P1.1", "P1"):
        assert city.matter(whole).state_since == moment("2026-11-04 09:00"), whole


def test_one_package_that_is_abandoned_does_not_close_the_project_the_last_one_does(city: City) -> None:
    city.open("2026-11-02 09:00", id="P2", packages=2)
    city.do("abandon", "2026-11-02 10:00", on="P2.1", reason="废标")
    assert city.matter("P2").state == "open"
    city.do("abandon", "2026-11-02 10:00", on="P2.2", reason="废标")
    assert city.matter("P2").state == "performed"


def test_an_action_that_sets_a_day_stores_the_local_day_of_the_act(city: City) -> None:
    city.walk("request_acceptance", "2026-11-02 10:00")
    city.do("accept", "2026-11-03 00:30")  # 周二凌晨，UTC 仍是周一
    assert city.matter(PART).facts["accepted_on"] == date(2026, 11, 3)


def test_an_agreed_length_is_read_from_the_contract_above_the_instalment(city: City) -> None:
    city.walk(
        "receive_invoice", "2026-11-02 10:00", pay_within=Length(20, "days"), accept_within=Length(3, "days")
    )
    assert city.clock(PART, "pay").agreed == moment("2026-11-23 24:00")  # 二十日到周日，顺延至周一
    assert city.clock(PART, "accept_delivery").agreed == moment("2026-11-05 24:00")


def test_small_suppliers_are_paid_by_law_only_where_nothing_was_agreed(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00", supplier_small=True, pay_within=Length(20, "days"))
    assert not [c for c in city.family()[1] if c.name == "pay_small_supplier"]
    city.open("2026-11-02 09:00", id="P2")
    city.walk("receive_invoice", "2026-11-02 10:00", on="P2", supplier_small=True)
    assert [c for c in city.family("P2")[1] if c.name == "pay_small_supplier"]


def test_a_terminated_contract_waits_for_what_was_delivered_and_ends_the_rest(city: City) -> None:
    city.open("2026-11-02 09:00", id="P9")
    city.walk("sign_contract", "2026-11-02 10:00", on="P9", instalments=2)  # a Monday
    city.do("request_acceptance", "2026-11-03 09:00", on="P9.1.1.1")
    city.do("accept", "2026-11-03 10:00", on="P9.1.1.1")
    city.do("terminate_contract", "2026-11-04 09:00", on="P9.1.1", reason="供应商停业")
    states = {m.id: m.state for m in city.family("P9")[0]}
    assert (states["P9.1.1"], states["P9.1.1.1"], states["P9.1.1.2"]) == ("winding_up", "accepted", "ended")
    assert states["P9"] == "open"
    city.do("receive_invoice", "2026-11-04 10:00", on="P9.1.1.1")
    city.do("pay", "2026-11-05 10:00", on="P9.1.1.1")
    states = {m.id: m.state for m in city.family("P9")[0]}
    assert (states["P9.1.1"], states["P9.1"], states["P9"]) == ("released", "completed", "performed")
    city.do("return_payment", "2026-11-06 10:00", on="P9.1.1.1", reason="账号有误")
    states = {m.id: m.state for m in city.family("P9")[0]}
    assert (states["P9.1.1"], states["P9.1"], states["P9"]) == ("winding_up", "notified", "open")
