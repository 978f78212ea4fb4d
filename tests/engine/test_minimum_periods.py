"""Minimum periods meet pauses, late records and other packages; found by random walks."""

from __future__ import annotations

from datetime import date

import pytest

from engine.errors import Refused
from engine.holding import pause, resume
from engine.office import Actor
from engine.word import Word
from tests.city import City, moment, paper

WAY = (
    "define_need", "skip_intent", "draft_plan", "review_plan", "file_plan", "engage_agency", "draft_documents",
    "approve_documents",
)  # fmt: skip
SEEN: dict[str, dict[str, object]] = {
    "draft_plan": {"budget": 1, "object": "goods", "method": "open_tender"},
    "file_plan": {"filing_no": "9"},
    "engage_agency": {"agency": "某代理"},
}
NOTICED = "2026-10-12 09:00"  # 周一；满二十日是 11 月 1 日（周日），顺延到 11 月 2 日（周一）
OPENS = "2026-11-02 00:00"


@pytest.fixture
def tender() -> City:
    """A city with a tender of two packages, published on Monday 12 October 2026."""
    city = City()
    city.open(NOTICED, stage="", packages=2)
    for step in WAY:
        city.do(step, NOTICED, reason="急需", **SEEN.get(step, {}))  # type: ignore[arg-type]
    city.do("publish_notice", NOTICED, documents_until=date(2026, 10, 30), bid_deadline=date(2026, 11, 2),
            notice_link="https://www.example.cn/1")  # fmt: skip
    return city


def hold(city: City, act: object, at: str, now: str = "", on: str = "P1.1") -> None:
    said = Word(
        Actor("张三", frozenset({"officer"})), moment(at), moment(now or at), "核查", [paper("request")]
    )
    with city.store.work() as work:
        work.family("P1")
        act(city.office, work, work.matters[on], said)  # type: ignore[operator]


def test_a_minimum_period_that_stands_still_is_not_over(tender: City) -> None:
    hold(tender, pause, "2026-10-30 09:00")  # 周五：十八日已过，第十九日被触及
    with pytest.raises(Refused, match="最早可在") as refused:
        tender.do("open_bids", "2026-11-13 10:00", on="P1.1", bidders=3)
    assert "中止" in refused.value.why
    # 另一包没有中止
    assert tender.do("open_bids", OPENS, now="2026-11-13 10:00", on="P1.2", bidders=3, reason="漏登",
                     second="张三", by="赵六", evidence=[paper("record")]).outcome.went_to == "opened"  # fmt: skip


def test_after_the_pause_the_rest_of_the_minimum_period_is_counted(tender: City) -> None:
    hold(tender, pause, "2026-10-30 09:00")
    hold(
        tender, resume, "2026-11-13 10:00"
    )  # 周五；触及 15 日，应满二十日的 11 月 1 日推到 11 月 16 日（周一）
    with pytest.raises(Refused, match="2026-11-16 00:00"):
        tender.do("open_bids", "2026-11-15 23:59", on="P1.1", bidders=3)
    assert tender.do("open_bids", "2026-11-16 00:00", on="P1.1", bidders=3).outcome.went_to == "opened"


def test_a_pause_does_not_reach_back_before_what_is_permitted_already(tender: City) -> None:
    with pytest.raises(Refused, match="追溯"):
        hold(tender, pause, "2026-11-01 23:59", now="2026-11-03 09:00")
    hold(tender, pause, OPENS, now="2026-11-03 09:00")
    assert tender.do("open_bids", "2026-11-03 10:00", on="P1.1", bidders=3).outcome.went_to == "opened"


def test_a_deadline_that_a_pause_made_too_early_bars_no_other_package(tender: City) -> None:
    hold(tender, pause, "2026-10-20 09:00")
    hold(tender, resume, "2026-10-23 09:00")  # P1.1 此后最早 11 月 5 日开标，公告的截止日仍是 2 日
    moved = tender.do(
        "move_deadline", "2026-10-26 09:00", on="P1.2", bid_deadline=date(2026, 11, 9), reason="答疑"
    )
    assert moved.outcome.matter.facts["bid_deadline"] == date(2026, 11, 9)
    with pytest.raises(Refused, match="2026-11-05"):
        tender.do(
            "move_deadline", "2026-10-26 09:00", on="P1.1", bid_deadline=date(2026, 11, 4), reason="答疑"
        )


def test_a_deadline_is_not_moved_back_into_a_period_that_is_over(tender: City) -> None:
    tender.patrol("2026-11-04 09:00")
    with pytest.raises(Refused, match="太早"):
        tender.do(
            "move_deadline", "2026-11-04 09:00", on="P1.1", bid_deadline=date(2026, 11, 1), reason="更正"
        )
