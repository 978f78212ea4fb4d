"""What indexes answer in every round: each planted fault is found from its bound on, and waiting in order is none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.auditing import MOST
from engine.delivery import Outcome
from storage.feed import Feed, Subscription
from storage.holds import put_hold
from storage.moments import to_ticks
from tests.auditing.conftest import House
from tests.city import calendar, moment

SECOND = timedelta(seconds=1)


def test_an_engine_that_does_its_work_has_no_findings(house: House) -> None:
    assert house.kinds() == []
    for _ in range(10):  # to Wednesday's warning and the quiet hours behind it
        house.pass_time(4 * 60)
        house.send(Outcome("accepted"))
        assert house.kinds() == []
    assert house.city.rows("select count(*) from fire where rung = 'overdue'") == [(1,)]


def test_a_running_clock_without_a_next_look_is_found_at_once(house: House) -> None:
    assert house.sql("update clock set look_at = null where name = 'decide_award'") == 1
    [found] = house.seen().findings
    assert (found.kind, found.subject) == ("unplanned", "P1.1/decide_award/1")
    assert "定标" in found.what or "确定" in found.what, found.what


@pytest.mark.parametrize(("late", "kinds"), [(0, []), (300, []), (301, ["unlooked"])])
def test_a_look_may_lie_five_minutes_back_and_no_more(house: House, late: int, kinds: list[str]) -> None:
    ticks = to_ticks(house.now - timedelta(seconds=late))
    assert house.sql("update clock set look_at = ? where name = 'decide_award'", ticks) == 1
    assert house.kinds() == kinds


def test_of_many_only_some_are_named_and_all_are_counted(house: House) -> None:
    for number in range(MOST + 5):
        house.city.open("2026-11-03 12:00", id=f"Q{number:02}")
        house.city.do("end_evaluation", "2026-11-03 12:00", on=f"Q{number:02}")
    due = "update clock set look_at = ? where look_at is not null and root like 'Q%'"
    count = house.sql(due, to_ticks(house.now - timedelta(hours=1)))
    seen = house.seen()
    assert count > MOST
    assert len(seen.findings) == MOST
    assert dict(seen.more) == {"unlooked": count - MOST}


@pytest.mark.parametrize(("minutes", "kinds"), [(29, []), (30, ["messages"])])
def test_a_message_that_may_go_out_is_found_after_half_an_hour(
    house: House, minutes: int, kinds: list[str]
) -> None:
    house.more()
    waiting = "select count(*) from message where state = 'queued' and send_from <= ?"
    assert house.city.rows(waiting, to_ticks(house.now))[0][0] > 0
    house.now += timedelta(minutes=minutes)
    assert house.kinds() == kinds


def test_what_waits_for_morning_for_a_quota_or_for_a_decision_is_no_finding(house: House) -> None:
    house.now = moment("2026-11-05 00:00")  # Thursday; the warning's text messages wait until 08:00
    house.city.patrol(house.now)
    house.send(Outcome("accepted"), "email")
    house.now = moment("2026-11-05 07:59")
    assert (
        house.city.rows("select count(*) from message where state = 'queued' and channel = 'sms'")[0][0] > 0
    )
    assert house.kinds() == []
    house.now = moment("2026-11-05 08:00")
    house.send(Outcome("quota", "今天已满", again_at=moment("2026-11-06 08:00")))
    house.now = moment("2026-11-06 07:59")
    assert house.kinds() == []
    house.now = moment("2026-11-06 08:30")
    assert house.kinds() == ["messages"]
    with house.city.store.transaction():
        put_hold(house.city.store.run, "恢复备份", house.now)
    assert house.kinds() == [], "on hold nothing may go out, and everybody is told of the hold"


def test_a_delivery_in_doubt_that_nobody_asks_about_is_found(house: House) -> None:
    house.more()
    house.send(Outcome("unknown", "没有回复"))
    [(lease,)] = house.city.rows("select max(lease_until) from message where state = 'sending'")
    assert lease > to_ticks(house.now), "it will be asked about in a few minutes"
    house.now += timedelta(minutes=30)
    assert house.kinds() == []
    house.now += timedelta(minutes=6)
    assert house.kinds() == ["messages"]


@pytest.mark.parametrize(("minutes", "kinds"), [(59, []), (60, ["retried"])])
def test_a_message_that_fails_again_and_again_is_found_after_an_hour(
    house: House, minutes: int, kinds: list[str]
) -> None:
    house.more()
    house.send(Outcome("retry", "服务商内部错误"))
    house.now += timedelta(minutes=minutes)
    house.sql("update message set send_from = ? where state = 'queued'", to_ticks(house.now + 30 * SECOND))
    seen = house.seen().findings
    assert [f.kind for f in seen] == kinds
    assert all("服务商内部错误" in f.what for f in seen)


def test_a_person_without_an_address_is_found_and_named(house: House) -> None:
    house.sql("update person set email = '', phone = '' where id = '张三'")
    house.more()
    house.send(Outcome("accepted"))
    house.now += timedelta(hours=1)
    [found] = [f for f in house.seen().findings if f.kind == "retried"]
    assert "张三 没有登记" in found.what


@pytest.mark.parametrize(("minutes", "kinds"), [(59, []), (60, ["channel"])])
def test_a_channel_out_of_use_is_found_after_an_hour(house: House, minutes: int, kinds: list[str]) -> None:
    house.more()
    house.send(Outcome("config", "密钥不对"), "email")
    house.now += timedelta(minutes=minutes)
    house.sql("update message set send_from = ? where state = 'queued'", to_ticks(house.now + 30 * SECOND))
    assert house.kinds() == kinds


def test_receipts_that_nobody_asks_for_are_found(house: House) -> None:
    [(key,)] = house.city.rows("select key from message where state = 'accepted' limit 1")
    house.sql(
        "update message set look_at = ? where key = ?", to_ticks(house.now - timedelta(minutes=59)), key
    )
    assert house.kinds() == []
    house.sql(
        "update message set look_at = ? where key = ?", to_ticks(house.now - timedelta(minutes=60)), key
    )
    assert house.kinds() == ["receipts"]


@pytest.mark.parametrize(("minutes", "kinds"), [(5, []), (6, ["patrol"])])
def test_a_patrol_that_beats_no_more_is_found(house: House, minutes: int, kinds: list[str]) -> None:
    lease = house.lease()  # for a minute
    house.now += timedelta(minutes=minutes)
    assert house.kinds() == kinds
    lease.release()
    assert house.kinds() == [], "given back in peace"


def test_a_subscriber_that_stopped_is_found_at_once_and_one_in_trouble_after_an_hour(house: House) -> None:
    def stand(subscription: Subscription) -> None:
        with house.city.store.transaction():
            Feed(house.city.store).keep(subscription, house.now)

    stand(Subscription("https://tracker.example.cn/hook", 1, 3, "dead", "订阅方拒收（HTTP 403）"))
    assert house.kinds() == ["subscriber"]
    stand(Subscription("https://tracker.example.cn/hook", 1, 3, "open", "连接不上"))
    [(told,)] = house.city.rows("select recorded_at from event where seq = 2")
    house.now = moment("2026-11-02 09:00") + timedelta(
        microseconds=told - to_ticks(moment("2026-11-02 09:00"))
    )
    house.now += timedelta(minutes=59)
    assert house.kinds() == []
    house.now += timedelta(minutes=1)
    assert house.kinds() == ["subscriber"]
    stand(Subscription("https://tracker.example.cn/hook", 1, 3, "open", ""))
    assert house.kinds() == [], "it is only behind, nothing stands in the way"


def test_next_years_notice_is_missed_from_december_on(house: House) -> None:
    assert calendar().is_provisional(moment("2027-06-30 12:00").date()), (
        "2027 has its notice by now: take a later year"
    )
    house.now = moment("2026-11-30 23:59")
    before = [f for f in house.seen().findings if f.kind == "calendar"]
    house.now = moment("2026-12-01 00:00")
    after = [f.subject for f in house.seen().findings if f.kind == "calendar"]
    assert (before, after) == ([], ["2027"])
