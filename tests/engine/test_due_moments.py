"""The four one-days: in time is before the due instant, at the instant it is late."""

from __future__ import annotations

import pytest

from engine.clock import missed
from tests.city import City, keys, moment

ONE_DAYS = {
    "decide_award": ("deliver_report", "decide_award", "P1.1"),
    "sign_contract": ("issue_award_letter", "sign_contract", "P1.1.1"),
    "accept_delivery": ("request_acceptance", "accept", "P1.1.1.1"),
    "pay": ("receive_invoice", "pay", "P1.1.1.1"),
}
"""Per clock: the step that starts it, the action that ends it, its matter."""

DAYS = {
    "an ordinary Monday": ("2026-11-02 10:00", "2026-11-03"),
    "one minute to midnight on a Monday": ("2026-11-02 23:59", "2026-11-03"),
    "the first instant of a Tuesday": ("2026-11-03 00:00", "2026-11-04"),
    "a Friday": ("2026-11-06 10:00", "2026-11-09"),
    "a Saturday at rest": ("2026-11-07 10:00", "2026-11-09"),
    "a Friday before a make-up Saturday": ("2026-02-13 10:00", "2026-02-14"),
    "a make-up Saturday before the Spring Festival": ("2026-02-14 10:00", "2026-02-24"),
    "New Year's Eve within the holidays": ("2026-02-16 10:00", "2026-02-24"),
    "the eve of National Day": ("2026-09-30 10:00", "2026-10-08"),
}
"""The anchor, and the last day: 2026-02-14 and 02-28 are worked Saturdays, 02-15 to 02-23 are free."""


def begun(city: City, clock: str, anchor: str) -> None:
    city.open(anchor, id="P2")
    city.walk(ONE_DAYS[clock][0], anchor, on="P2")


@pytest.mark.parametrize("clock", ONE_DAYS)
@pytest.mark.parametrize("day", DAYS)
def test_one_day_is_the_working_day_after_the_anchor_and_ends_at_midnight(
    city: City, clock: str, day: str
) -> None:
    anchor, last = DAYS[day]
    begun(city, clock, anchor)
    found = city.clock(ONE_DAYS[clock][2].replace("P1", "P2"), clock)
    assert found.anchor == moment(anchor)
    assert found.promise == moment(f"{last} 24:00")


@pytest.mark.parametrize("clock", ONE_DAYS)
@pytest.mark.parametrize("day", ["an ordinary Monday", "a Friday before a make-up Saturday"])
@pytest.mark.parametrize(
    ("ending", "in_time"),
    [("23:59:59.999999", True), ("24:00", False), ("24:00 later", False)],
    ids=["before", "at", "after"],
)
def test_an_act_is_in_time_strictly_before_the_due_instant(
    city: City, clock: str, day: str, ending: str, in_time: bool
) -> None:
    anchor, last = DAYS[day]
    begun(city, clock, anchor)
    matter = ONE_DAYS[clock][2].replace("P1", "P2")
    due = city.clock(matter, clock).promise
    assert due is not None
    done = {"24:00": due, "24:00 later": moment(f"{last} 24:00").replace(second=1)}.get(ending)
    receipt = city.do(ONE_DAYS[clock][1], done or f"{last} {ending}", on="P2")
    ended = city.clock(matter, clock)
    assert ended.state == "met"
    assert ("promise" in missed(ended, ended.ended_at or due)) is not in_time
    assert ("overdue" in [f.rung for f in receipt.fires if f.clock == clock]) is not in_time
    assert ("overdue" in ended.fired) is not in_time


def test_a_patrol_at_the_due_instant_warns_and_one_just_before_does_not(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")  # 周一
    assert "overdue" not in keys(city.patrol("2026-11-03 23:59:59.999999").fires)
    warned = city.patrol("2026-11-03 24:00").fires
    assert [(f.rung, f.at) for f in warned] == [("overdue", moment("2026-11-03 24:00"))]


def test_the_statutory_moments_stand_beside_the_promise(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00", supplier_small=True)  # 周一
    law = {
        ("P1.1", "decide_award"): "2026-11-09 24:00",  # 五个工作日：下周一
        ("P1.1.1", "sign_contract"): "2026-12-02 24:00",  # 三十日：周三
        ("P1.1.1.1", "pay"): "2026-11-16 24:00",  # 十个工作日：周一
        ("P1.1.1.1", "pay_outer_limit"): "2026-12-02 24:00",
        ("P1.1.1.1", "pay_small_supplier"): "2026-12-02 24:00",
    }
    for (matter, clock), due in law.items():
        assert city.clock(matter, clock).statutory == moment(due), clock


def test_pay_counts_from_the_later_of_invoice_and_acceptance_whatever_comes_last(city: City) -> None:
    city.walk("request_acceptance", "2026-11-02 10:00")
    city.do("receive_invoice", "2026-11-03 09:00")
    assert not [c for c in city.family()[1] if c.name == "pay"]
    city.do("accept", "2026-11-05 15:00")  # 周四
    assert city.clock("P1.1.1.1", "pay").anchor == moment("2026-11-05 15:00")


def test_pay_counts_from_the_later_also_when_the_earlier_is_recorded_last(city: City) -> None:
    city.walk("sign_contract", "2026-11-02 10:00")
    city.walk_on("request_acceptance", "accept", at="2026-11-04 10:00")
    city.do("receive_invoice", "2026-11-04 09:00", now="2026-11-06 09:00", reason="发票当日收到，漏登")
    with_record = city.clock("P1.1.1.1", "pay")
    assert with_record.anchor == moment("2026-11-04 10:00")
    assert with_record.promise == moment("2026-11-05 24:00")
