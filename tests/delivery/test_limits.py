"""How many messages a number may get: counted before sending, put together beyond, never an attempt."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.deliver import deliver
from engine.deliver_limits import FILE, Gone, Limit, Limits, Past, opens_at, read_limits, room
from engine.delivery import Provider
from engine.digest import Notice, put_together
from engine.errors import BrokenWorkflows
from engine.office import Office
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.city import PERSONS, WORKFLOWS, ZONE, City, calendar, moment, shipped
from tests.delivery.peers import NOW, Scripted, outbox_store, post, rows, state

SHIPPED = read_limits((WORKFLOWS / FILE).read_text("utf-8"))
OFFICE = Office(shipped()[0], calendar(), dict(shipped()[1]))


def gone(key: str, at: datetime, *, text: str = "", wording: str = "w", reminder: bool = True) -> Gone:
    return Gone(key, at, "p", wording, text or key, reminder)


def run(
    store: SqlStore, sms: Scripted, now: datetime, *, name: str = "yunmas", limits: Limits = SHIPPED
) -> object:
    channels = {"sms": [Provider(name, sms)], "email": [Provider("smtp", Scripted())]}
    return deliver(SqlOutbox(store), channels, now, office=OFFICE, limits=limits)


def test_the_shipped_limits_say_where_they_come_from() -> None:
    assert [(x.most, x.within, x.reminders) for x in SHIPPED.channels["sms"]] == [
        (2, None, True),
        (8, None, False),
    ]
    assert {"aliyun-sms", "tencent-sms", "wecom", "dingtalk"} <= set(SHIPPED.providers)
    every = [x for listed in (*SHIPPED.channels.values(), *SHIPPED.providers.values()) for x in listed]
    assert all(x.ground.basis and x.ground.checked_on for x in every)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("channels: {sms: [{most: 0, within: 1 day, basis: x}]}", 1),
        ("channels: {sms: [{most: 2, within: 2 days, basis: x}]}", 1),
        ("channels: {sms: [{most: 2, within: 1 day}]}", 1),
        ("channels: {sms: [{most: 2, within: 1 day, per: person, basis: x}]}", 1),
        ("channels:\n  sms:\n    - {most: 2, within: 1 day, basis: x, mots: 3}", 3),
        ("chanels: {}", 1),
    ],
)
def test_a_faulty_limit_is_refused_with_its_line(written: str, line: int) -> None:
    with pytest.raises(BrokenWorkflows) as refused:
        read_limits(written)
    assert [fault.line for fault in refused.value.faults] == [line]


@pytest.mark.parametrize(("after", "free"), [(59.999999, False), (60, True), (60.000001, True)])
def test_a_window_opens_when_its_oldest_message_has_left_it(after: float, free: bool) -> None:
    limits = Limits({"sms": (Limit(2, timedelta(minutes=1)),)})
    past = Past([gone("a", NOW), gone("b", NOW + timedelta(seconds=30))])
    now = NOW + timedelta(seconds=after)
    opens = opens_at(limits, "sms", "p", past, gone("c", now), ZONE)
    assert opens == (None if free else NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("now", "opens"),
    [("2026-11-02 23:59", "2026-11-02 24:00"), ("2026-11-02 24:00", None), ("2026-11-03 00:01", None)],
)
def test_a_day_ends_at_midnight_in_shanghai(now: str, opens: str | None) -> None:
    """Monday 2 November: one message at 09:00 is all there may be."""
    at = moment(now)
    found = opens_at(
        Limits({"sms": (Limit(1, None),)}), "sms", "p", Past([gone("a", NOW)]), gone("b", at), ZONE
    )
    assert found == (moment(opens) if opens else None)


def test_a_text_or_a_wording_is_limited_by_itself_and_a_providers_limit_counts_its_own_only() -> None:
    past = Past([gone("a", NOW, text="甲"), gone("b", NOW, text="乙", wording="other")])
    half = timedelta(minutes=30)
    for per, alike, other in (("text", "甲", "丙"), ("wording", "", "")):
        limits = Limits({"sms": (Limit(1, half, per),)})  # type: ignore[arg-type]
        assert opens_at(limits, "sms", "p", past, gone("c", NOW, text=alike), ZONE) == NOW + half
        assert opens_at(limits, "sms", "p", past, gone("c", NOW, text=other, wording="third"), ZONE) is None
    own = Limits(providers={"p": (Limit(1, half),)})
    assert opens_at(own, "sms", "p#2", past, gone("c", NOW), ZONE) is None, "the second account has its own"
    assert opens_at(own, "sms", "p", past, gone("c", NOW), ZONE) == NOW + half


MOMENTS = st.integers(0, 3 * 24 * 60).map(lambda n: NOW + timedelta(minutes=n))


@settings(max_examples=300)
@given(
    at=st.lists(MOMENTS, max_size=12), most=st.integers(1, 4),
    within=st.none() | st.integers(1, 2000).map(lambda n: timedelta(minutes=n)), now=MOMENTS,
)  # fmt: skip
def test_when_it_opens_there_is_room_and_just_before_there_is_none(
    at: list[datetime], most: int, within: timedelta | None, now: datetime
) -> None:
    limits = Limits({"sms": (Limit(most, within),)})
    past = Past([gone(f"{n}", one) for n, one in enumerate(a for a in at if a <= now)])
    opens = opens_at(limits, "sms", "p", past, gone("x", now), ZONE)
    left = room(limits, "sms", "p", past, now, ZONE, reminder=True)
    assert left is not None
    assert (opens is None) == (left > 0)
    if opens is not None:
        assert opens > now
        assert opens_at(limits, "sms", "p", past, gone("x", opens), ZONE) is None
        just_before = opens - timedelta(microseconds=1)
        assert opens_at(limits, "sms", "p", past, gone("x", just_before), ZONE) == opens


def test_the_third_reminder_of_a_day_waits_for_the_next_opening_or_goes_by_mail_in_time() -> None:
    store, sms = outbox_store(), Scripted()
    for number in range(2):
        post(store, f"f{number}")
        run(store, sms, NOW + timedelta(minutes=number))
    waits = post(store, "f2")
    hasty = post(store, "f3", expires=moment("2026-11-03 08:00"))
    warning = post(store, "f4", does="warn")
    run(store, sms, NOW + timedelta(hours=1))
    assert sms.sent == {"f0/zhang/sms": 1, "f1/zhang/sms": 1, warning: 1}
    assert state(store, waits, "waits_for", "tries") == ("queued", "quota", 0)
    # tomorrow's opening is the very moment at which it would be worth nothing
    assert state(store, hasty, "fallback") == ("moved", "f3/zhang/email")
    assert state(store, "f3/zhang/email") == ("accepted",)
    run(store, sms, moment("2026-11-03 07:59"))
    assert state(store, waits) == ("queued",)
    run(store, sms, moment("2026-11-03 08:00"))
    assert state(store, waits) == ("accepted",)
    assert rows(store, "select count(*) from attempt where outcome = 'quota'") == [(0,)]
    store.close()


def test_two_persons_at_one_telephone_share_its_limits() -> None:
    store, sms = outbox_store(), Scripted()
    for number in range(2):
        post(store, f"f{number}", "li")
    third = post(store, "g", "zhao")
    post(store, "h", "zhang")
    run(store, sms, NOW)
    assert Counter(key.split("/")[1] for key in sms.sent) == {"li": 2, "zhang": 1}
    assert state(store, third, "fallback") == ("queued", None)
    store.close()


def test_what_is_under_way_or_in_doubt_counts_too() -> None:
    store, sms = outbox_store(), Scripted(["unsent", "unsent"])
    limits = Limits({"sms": (Limit(2, None),)})
    for number in range(3):
        post(store, f"f{number}", does="warn")
    run(store, sms, NOW, limits=limits)
    assert sum(sms.sent.values()) == 2
    run(store, sms, NOW + timedelta(minutes=5), limits=limits)
    assert sms.ledger.total() == 2, "the doubtful ones keep their place"
    store.close()


def test_a_provider_that_is_full_hands_over_to_the_next_one() -> None:
    store, first, second = outbox_store(), Scripted(["quota"]), Scripted()
    key = post(store, "f1", does="warn")
    channels = {"sms": [Provider("a", first), Provider("b", second)]}
    deliver(SqlOutbox(store), channels, NOW)
    assert (state(store, key, "provider", "tries"), sum(second.ledger.values())) == (("accepted", "b", 0), 1)
    later = post(store, "f2", does="warn")
    deliver(SqlOutbox(store), channels, NOW + timedelta(minutes=1))
    assert state(store, later, "provider") == ("accepted", "b")
    assert sum(first.sent.values()) == 1, "who is full is not asked again before its window opens"
    store.close()


def notices(*does: str) -> list[Notice]:
    return [
        Notice(f"{n}", "张三", "sms", "officer", "410400", kind, NOW, params={"code": f"P{n}"})
        for n, kind in enumerate(does)
    ]


@pytest.mark.parametrize(
    ("does", "rest", "reminders", "piles"),
    [
        (("warn", "warn", "warn"), 3, 2, []),
        (("warn", "warn", "warn"), 2, 2, ["012"]),
        (("warn", "open", "remind", "remind"), 8, 1, ["0123"]),
        (("warn", "remind"), 8, 0, ["01"]),
        (("remind", "remind"), 8, 1, ["01"]),
        (("remind", "remind"), 8, 2, []),
        (("remind", "remind", "remind"), 8, 0, []),
        (("warn",), 0, 0, []),
        (("warn", "warn"), 0, 0, []),
    ],
)  # fmt: skip
def test_beyond_what_a_person_may_get_every_kind_goes_together(
    does: tuple[str, ...], rest: int, reminders: int, piles: list[str]
) -> None:
    """By day, so that nothing goes together for the quiet hours."""
    plan = put_together(
        notices(*does), NOW, calendar(), lambda _: frozenset(), lambda _p, _c, few: reminders if few else rest
    )
    assert ["".join(sorted(m.key for m in members)) for members in plan.groups.values()] == piles


def test_ten_warnings_to_a_number_that_may_get_two_are_one_message_and_none_is_lost(tmp_path: Path) -> None:
    city = City(f"sqlite:///{tmp_path / 'city.db'}")
    officer = PERSONS["officer"]
    with city.store.transaction():
        for number, person in enumerate(PERSONS.values()):
            city.store.run("update person set phone = ? where id = ?", (f"1380000000{number}", person))
    for number in range(1, 11):
        city.open("2026-11-03 09:00", id=f"P{number}")
        city.walk("deliver_report", "2026-11-03 10:00", on=f"P{number}")
    city.patrol("2026-11-04 24:00")
    with city.store.transaction():  # as if they had fallen due by day
        city.store.run("update fire set at = (select min(send_from) from message) where does = 'warn'")
    sms = Scripted()
    opening = moment("2026-11-05 09:00")
    channels = {"sms": [Provider("tencent-sms", sms)]}
    deliver(SqlOutbox(city.store), channels, opening, office=city.office, limits=SHIPPED)
    mine = [key for key in sms.order if f"/{officer}/" in key]
    assert len(mine) == 1
    assert mine[0].startswith("digest/")
    told = city.rows("select count(*) from message where person = ? and digest = ?", officer, mine[0])
    assert told[0][0] >= 10
    left = city.rows(
        "select count(*) from message where person = ? and channel = 'sms' and state not in ('accepted', 'digested',"
        " 'expired')", officer,
    )  # fmt: skip
    assert left == [(0,)]
    city.store.close()
