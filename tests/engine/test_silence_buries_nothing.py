"""A case that somebody leaves lying goes on by itself, or its holder is warned."""

from __future__ import annotations

import pytest

from tests.city import City

CASE = "P1.1-C1"


@pytest.fixture
def answered(city: City) -> City:
    """A case whose correction the unit reported on Monday 9 November 2026 at 10:00."""
    city.walk("deliver_report", "2026-11-02 10:00")  # 周一
    city.patrol("2026-11-06 09:00")
    city.do("remind", "2026-11-06 10:00", on=CASE, letter_no="跟踪〔2026〕1号")
    city.do("sign_for", "2026-11-06 11:00", on=CASE)
    city.do("report_correction", "2026-11-09 10:00", on=CASE, reason="正在补录")
    return city


def test_an_answer_that_the_tracker_never_checks_becomes_a_lead_after_two_working_days(
    answered: City,
) -> None:
    answered.patrol("2026-11-11 23:59")  # 周三
    assert answered.matter(CASE).state == "answered"
    answered.patrol("2026-11-11 24:00")
    assert answered.matter(CASE).state == "lead"
    assert answered.matter(CASE).facts["level"] == "regulator"


def test_an_answer_that_is_sent_back_in_time_stays_with_the_tracker(answered: City) -> None:
    answered.do("send_back", "2026-11-10 10:00", on=CASE, reason="凭证不全")
    answered.patrol("2026-11-12 09:00")
    assert answered.matter(CASE).state == "acknowledged"


def test_the_regulator_is_warned_of_an_accepted_case_without_a_form(answered: City) -> None:
    answered.patrol("2026-11-12 09:00")  # 周四
    answered.do("accept_case", "2026-11-12 10:00", on=CASE)
    assert "overdue" not in answered.fired(f"{CASE}/choose_form")
    answered.patrol("2026-11-19 24:00")  # 五个工作日后的周四二十四时
    assert "overdue" in answered.fired(f"{CASE}/choose_form")
