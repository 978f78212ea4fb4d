"""Reminder, warning, case; what an outage and a late record make of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from engine.clock import missed
from engine.term import Length
from tests.city import City, keys, moment, paper

CLOCK = "P1.1/decide_award/1"


def started(city: City) -> None:
    """The report is delivered on Monday 2 November; decide by Tuesday 24:00."""
    city.walk("deliver_report", "2026-11-02 10:00")


def test_a_ladder_reminds_then_warns_then_opens_a_case(city: City) -> None:
    started(city)
    seen = {}
    for at in (
        "2026-11-02 10:00",
        "2026-11-03 15:30",
        "2026-11-04 00:00",
        "2026-11-05 23:59:59",
        "2026-11-05 24:00",
    ):
        seen[at] = [(f.rung, f.does) for f in city.patrol(at).fires if f.clock == "decide_award"]
    assert seen == {
        "2026-11-02 10:00": [("started", "remind")],
        "2026-11-03 15:30": [("soon", "remind")],  # 下班 17:30 前两小时
        "2026-11-04 00:00": [("overdue", "warn")],
        "2026-11-05 23:59:59": [],
        "2026-11-05 24:00": [("case", "open")],  # 两个工作日后
    }
    case = city.matter("P1.1-C1")
    assert (case.workflow, case.about, case.about_clock) == ("case", "P1.1", "decide_award/1/1")
    assert case.opened_at == moment("2026-11-05 24:00")
    assert case.facts == {
        "level": "tracker",
        "clock": "decide_award",
        "moment": "promise",
        "sheet": "u1-2026W45",
    }
    assert city.rows("select person, channel from message where rung = 'case'") == [("钱八", "email")]


def test_a_warning_tells_every_role_by_every_channel_once(city: City) -> None:
    started(city)
    city.patrol("2026-11-04 00:00")
    told = city.rows("select person, channel from message where rung = 'overdue' order by person, channel")
    assert told == [(p, c) for p in sorted(["张三", "王五", "钱八"]) for c in ("email", "sms")]
    text = city.rows("select text from message where rung = 'overdue' and channel = 'sms'")[0][0]
    assert text == (
        "编号P1.1的教学楼桌椅项目，确定采购结果的承诺时限为11月3日，现已超期且未见办结登记。"
        "已办结请补录并附凭证，未办结请说明原因。"
    )


def test_a_person_with_two_roles_is_told_once(city: City) -> None:
    city.appoint("张三", "tracker", "2026-01-01 00:00")
    started(city)
    city.patrol("2026-11-04 00:00")
    assert len(city.rows("select 1 from message where rung = 'overdue' and person = '张三'")) == 2


def test_after_an_outage_stale_reminders_collapse_and_warnings_keep_their_moments(city: City) -> None:
    started(city)
    fires = [f for f in city.patrol("2026-11-06 09:00").fires if f.clock == "decide_award"]
    assert [(f.rung, f.collapsed) for f in fires] == [
        ("started", True),
        ("soon", True),
        ("overdue", False),
        ("case", False),
    ]
    assert [f.at for f in fires if not f.collapsed] == [
        moment("2026-11-03 24:00"),
        moment("2026-11-05 24:00"),
    ]
    assert not city.rows(
        "select 1 from message where rung = 'soon' or rung = 'started' and fire like ?", f"{CLOCK}%"
    )


def test_after_a_short_outage_only_the_newest_reminder_is_sent(city: City) -> None:
    started(city)
    fires = [f for f in city.patrol("2026-11-03 16:00").fires if f.clock == "decide_award"]
    assert [(f.rung, f.collapsed) for f in fires] == [("started", True), ("soon", False)]


def test_a_sms_waits_for_eight_on_a_working_day_and_an_email_does_not(city: City) -> None:
    city.walk("deliver_report", "2026-11-05 10:00")  # 周四：周五 24:00 到期
    city.patrol("2026-11-06 24:00")
    sent = dict(
        city.rows("select channel, min(send_from) from message where rung = 'overdue' group by channel")
    )
    ticks = {
        c: moment(t).timestamp() * 1e6
        for c, t in {"email": "2026-11-07 00:00", "sms": "2026-11-09 08:00"}.items()
    }
    assert sent == ticks


def test_a_sms_reminder_made_up_for_at_night_waits_for_the_morning(city: City) -> None:
    city.walk("decide_award", "2026-11-02 10:00")
    city.do("issue_award_letter", "2026-11-02 10:00")
    # 周二 15:30 的短信提醒，停机到当夜 23:00 才补
    city.patrol("2026-11-03 23:00")
    (send_from,) = city.rows(
        "select distinct send_from from message where rung = 'soon' and channel = 'sms'"
    )[0]
    assert send_from == moment("2026-11-04 08:00").timestamp() * 1e6


def test_a_reminder_by_sms_is_planned_at_the_last_permitted_moment(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender", open_by=date(2026, 11, 29))
    city.do("announce", "2026-11-02 09:00")
    # 约定 11 月 29 日（周日）24:00，提前一日是周六 24:00：提前到周五 20:00 以前
    plan = {p.rung: p.at for p in city.clock("P1", "open_bids").plan}
    assert plan["before"] == moment("2026-11-27 19:59")
    assert plan["later"] == moment("2026-11-03 09:00")


def test_a_reminder_counted_from_the_start_outlives_a_new_epoch(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender", open_by=date(2026, 11, 26))
    city.do("announce", "2026-11-02 09:00")
    city.do("correct_notice", "2026-11-02 10:00", open_by=date(2026, 11, 27))
    clock = city.clock("P1", "open_bids")
    assert clock.epoch == 2
    assert {p.rung for p in clock.plan} >= {
        "later",
        "before",
        "overdue_agreed",
        "case_agreed",
        "overdue",
        "case",
    }


def test_at_most_one_case_is_opened_in_an_epoch_and_one_more_when_the_moment_moves_on(
    build: Callable[..., City],
) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender", open_by=date(2026, 11, 10))
    city.do("announce", "2026-11-02 09:00")
    for at in ("2026-11-12 00:00", "2026-11-12 00:00", "2026-11-20 09:00"):
        city.patrol(at)
    assert list(city.cases()) == ["P1-C1"]
    city.do("correct_notice", "2026-11-20 10:00", open_by=date(2026, 11, 26))
    city.patrol("2026-11-27 23:59")
    assert list(city.cases()) == ["P1-C1"]
    city.patrol("2026-11-27 24:00")
    assert [city.matter(c).about_clock for c in city.cases()] == ["open_bids/1/1", "open_bids/1/2"]


def test_a_clock_in_hours_fires_at_its_minutes(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.open("2026-11-02 09:00", workflow="tender")
    city.walk_on("announce", "receive_query", at="2026-11-02 09:10")
    assert keys(city.patrol("2026-11-02 13:09:59").fires) == []
    assert keys(city.patrol("2026-11-02 13:10").fires) == ["overdue"]
    assert keys(city.patrol("2026-11-02 14:10").fires) == ["case"]


def test_a_record_that_was_in_time_withdraws_warnings_and_case(city: City) -> None:
    started(city)
    city.patrol("2026-11-06 09:00")
    assert city.cases() == {"P1.1-C1": "opened"}
    # 周二 16:00 定标，周五才补录；三个工作日以内，一人说明原因即可
    receipt = city.do("decide_award", "2026-11-03 16:00", now="2026-11-06 10:00", reason="当日已定，漏登")
    assert (receipt.outcome.matter.id, receipt.outcome.went_to) == ("P1.1", "decided")
    assert city.cases() == {"P1.1-C1": "withdrawn"}
    assert city.matter("P1.1-C1").state_since == moment("2026-11-06 10:00")
    clock = city.clock("P1.1", "decide_award")
    assert (clock.state, clock.ended_at) == ("met", moment("2026-11-03 16:00"))
    assert clock.ended_recorded_at == moment("2026-11-06 10:00")
    assert missed(clock, moment("2026-11-03 16:00")) == []
    assert city.fired(CLOCK)[-1] == "withdrawn"
    told = city.rows("select person, channel, text from message where rung = 'withdrawn'")
    assert {(p, c) for p, c, _ in told} == {
        (p, c) for p in ("张三", "王五", "钱八") for c in ("sms", "email")
    }
    assert all("予以解除" in text for _, _, text in told)


def test_what_a_withdrawn_breach_left_behind_stays_in_the_history(city: City) -> None:
    started(city)
    city.patrol("2026-11-06 09:00")
    before = city.rows("select matter, no, hash from history")
    city.do("decide_award", "2026-11-03 16:00", now="2026-11-06 10:00", reason="漏登")
    after = city.rows("select matter, no, hash from history")
    assert set(before) < set(after)
    assert "overdue" in city.fired(CLOCK)


def test_a_record_that_was_late_stays_late_and_keeps_the_case(city: City) -> None:
    started(city)
    city.patrol("2026-11-06 09:00")
    city.do("decide_award", "2026-11-04 00:00", now="2026-11-06 10:00", reason="晚了一步")
    assert city.cases() == {"P1.1-C1": "opened"}
    clock = city.clock("P1.1", "decide_award")
    assert missed(clock, clock.ended_at or clock.anchor) == ["promise"]
    assert "withdrawn" not in city.fired(CLOCK)


def test_a_record_late_by_promise_but_in_time_by_contract_withdraws_only_what_was_wrong(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00", pay_within=Length(2, "days"))  # 约定：周三 24:00
    city.patrol("2026-11-06 09:00")
    case = "P1.1.1.1-C1"
    assert case in city.cases()
    city.do("pay", "2026-11-04 12:00", now="2026-11-06 10:00", reason="周三已付，漏登")
    assert city.cases()[case] == "opened"  # 承诺时限（周二）确已超过
    text = city.rows("select text from message where rung = 'withdrawn' limit 1")[0][0]
    assert "约定期限" in text


def test_time_passes_before_the_act_even_if_nobody_patrolled(city: City) -> None:
    started(city)
    receipt = city.do("decide_award", "2026-11-06 10:00")
    mine = [(f.rung, f.collapsed) for f in receipt.fires if f.clock == "decide_award"]
    assert mine == [("started", True), ("soon", True), ("overdue", False), ("case", False)]
    assert city.cases() == {"P1.1-C1": "opened"}


def test_time_passes_for_the_whole_family_not_only_for_the_matter_acted_on(city: City) -> None:
    city.open("2026-11-02 09:00", id="P2", packages=2)
    city.walk("deliver_report", "2026-11-02 10:00", on="P2.1")
    city.do("end_evaluation", "2026-11-06 10:00", on="P2.2")
    assert "P2.1-C1" in city.cases()


def test_roles_become_persons_at_the_beat(city: City) -> None:
    city.appoint("郑十一", "tracker", "2026-11-03 00:00", "2026-11-05 12:00")
    city.appoint("冯十二", "tracker", "2026-11-05 12:00")
    started(city)
    city.patrol("2026-11-09 09:00")
    told = city.rows(
        "select distinct rung, person from message where role = 'tracker' and fire like ?", f"{CLOCK}%"
    )
    assert sorted(told) == sorted((r, p) for r in ("overdue", "case") for p in ("冯十二", "钱八"))


def test_the_regulator_is_the_one_of_the_logical_moment(build: Callable[..., City]) -> None:
    city = build(overlay="bidding", profile="statutory")
    city.appoint("郑十一", "regulator", "2026-11-01 00:00", "2026-11-05 00:00")
    city.appoint("冯十二", "regulator", "2026-11-05 00:00")
    city.open("2026-11-02 09:00", workflow="tender")
    city.walk_on("announce", "receive_query", at="2026-11-02 09:10")
    city.patrol("2026-11-09 09:00")  # 通知监管部门的时刻是 11 月 2 日 15:10
    told = city.rows("select person from message where rung = 'regulator_told' order by person")
    assert sorted(p for (p,) in told) == sorted(["周九", "郑十一"])


def test_a_role_that_nobody_holds_is_noted_and_stops_nobody(city: City) -> None:
    with city.store.transaction():
        city.store.run("update appointment set until = 0 where role = 'purchaser_head'")
    started(city)
    city.patrol("2026-11-04 00:00")
    assert len(city.rows("select 1 from message where rung = 'overdue'")) == 4
    bodies = [b for (b,) in city.rows("select body from history where kind = 'fire'")]
    assert any('"unheld":["purchaser_head"]' in b for b in bodies)


def test_evidence_and_a_second_person_carry_a_record_back_any_number_of_days(city: City) -> None:
    started(city)
    city.patrol("2026-12-01 09:00")
    city.do(
        "decide_award", "2026-11-03 16:00", now="2026-12-01 10:00", reason="补录", by="李四", second="张三",
        evidence=[paper("minutes")],
    )  # fmt: skip
    assert city.cases() == {"P1.1-C1": "withdrawn"}
