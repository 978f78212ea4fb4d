"""What follows from which outcome: retries with jitter, doubt, breakers, contacts, other channels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deliver_breaker import FIRST_PROBE, LONGEST_PROBE, Breaker, probe, trip
from engine.deliver_contact import WITHIN, refused
from engine.deliver_plan import (
    FIRST_ASK,
    LAST_ASK,
    LEASE,
    LONGEST_RETRY,
    MOST_ASKS,
    MOST_TRIES,
    End,
    Hand,
    Ready,
    Scene,
    Wait,
    admit,
    backoff,
    follow,
)
from engine.delivery import UNASKABLE, Kind, Outcome, Waiting
from engine.digest import REMINDERS
from tests.city import calendar, moment, shipped
from tests.delivery.peers import NOW, Even

PARAMS = {
    "code": "P1",
    "name": "课桌椅",
    "item": "支付",
    "kind": "承诺时限",
    "unit": "市一中",
    "date": "11月4日",
}
BOTH = frozenset({"sms", "email"})
LATER = NOW + timedelta(hours=1)


def ready(channel: str = "sms", does: str = "remind", tries: int = 0, **more: Any) -> Ready:
    message = Waiting(
        f"f1/zhang/{channel}", channel, "zhang", "13800000001", "", "文", NOW, tries, "due_soon", PARAMS
    )
    return Ready(message, does, **{"reachable": BOTH, **more})


def scene(now: datetime = NOW, **more: Any) -> Scene:
    names = {"sms": ("aliyun-sms", "yunmas"), "email": ("smtp",)}
    return Scene(names, now, **{"calendar": calendar(), "texts": shipped()[1], **more})


@given(tries=st.integers(0, MOST_TRIES), seed=st.integers())
def test_a_retry_waits_anywhere_between_a_second_and_twice_as_long_as_before_at_most_an_hour(
    tries: int, seed: int
) -> None:
    most = min(LONGEST_RETRY, timedelta(seconds=30 * 2**tries))
    assert timedelta(seconds=1) <= backoff(tries, Random(seed)) <= most


def test_jitter_is_full_it_reaches_both_ends_of_the_range() -> None:
    waits = [backoff(3, Random(seed)).total_seconds() for seed in range(400)]
    assert min(waits) < 12
    assert max(waits) > 228
    assert 100 < sum(waits) / 400 < 140


@pytest.mark.parametrize(
    ("outcome", "state", "after", "tried", "instead"),
    [
        (Outcome("accepted"), "accepted", None, False, None),
        (Outcome("retry"), "queued", timedelta(seconds=15), True, None),
        (Outcome("retry", again_at=NOW + timedelta(minutes=9)), "queued", timedelta(minutes=9), True, None),
        (Outcome("quota"), "queued", timedelta(), False, None),
        (Outcome("config"), "queued", timedelta(), False, None),
        (Outcome("rejected"), "dead", None, True, "f1/zhang/email"),
        (Outcome("unknown"), "sending", timedelta(minutes=3, seconds=30), True, None),
    ],
)
def test_each_class_of_outcome_leads_to_its_own_state(
    outcome: Outcome, state: str, after: timedelta | None, tried: bool, instead: str | None
) -> None:
    found = follow(ready(), outcome, scene(), Even())
    assert (found.state, found.tried) == (state, tried)
    assert found.again_at == (None if after is None else NOW + after)
    assert (found.fallback.key if found.fallback else None) == instead


@pytest.mark.parametrize(("tries", "state"), [(8, "queued"), (9, "dead"), (10, "dead")])
def test_the_tenth_failure_is_the_last(tries: int, state: str) -> None:
    assert follow(ready(tries=tries), Outcome("retry"), scene(), Even()).state == state


@pytest.mark.parametrize(("left", "state"), [(16, "queued"), (15, "expired"), (14, "expired")])
def test_a_reminder_that_cannot_come_in_time_goes_another_way_and_a_warning_always_waits(
    left: int, state: str
) -> None:
    ends = NOW + timedelta(seconds=left)  # the next try falls after 15 seconds
    found = follow(ready(expires_at=ends), Outcome("retry"), scene(), Even())
    assert found.state == state
    assert (found.fallback is not None) == (state == "expired")
    assert follow(ready(does="warn"), Outcome("retry"), scene(), Even()).state == "queued"


@given(seed=st.integers())
def test_a_doubt_is_asked_about_after_two_to_five_minutes(seed: int) -> None:
    found = follow(ready(), Outcome("unknown"), scene(), Random(seed))
    assert found.again_at is not None
    assert NOW + FIRST_ASK <= found.again_at <= NOW + LAST_ASK
    assert admit(ready(doubtful=True, provider="yunmas"), scene()) == Hand("yunmas", ask=True)


@pytest.mark.parametrize(
    ("does", "channel", "code", "state", "doubt", "other"),
    [
        ("remind", "sms", UNASKABLE, "dead", "dropped", False),
        ("warn", "sms", UNASKABLE, "queued", "resent", True),
        ("open", "sms", UNASKABLE, "queued", "resent", True),
        ("remind", "email", UNASKABLE, "queued", "resent", False),
        ("warn", "webhook", UNASKABLE, "queued", "resent", False),
        ("remind", "sms", "not yet", "sending", "", False),
    ],
)
def test_where_nobody_can_be_asked_reminders_are_dropped_and_the_rest_is_sent_again_both_flagged(
    does: str, channel: str, code: str, state: str, doubt: str, other: bool
) -> None:
    found = follow(ready(channel, does), Outcome("unknown", code=code), scene(), Even(), asked=True)
    assert (found.state, found.doubt, found.fallback is not None) == (state, doubt, other)
    assert bool(found.note) == bool(doubt)


def test_a_provider_that_never_knows_is_asked_three_times_and_then_decided_without() -> None:
    one = ready(does="warn")
    asks = 0
    while (after := follow(one, Outcome("unknown"), scene(), Even(), asked=asks > 0)).state == "sending":
        one, asks = replace(one, unknowns=after.unknowns, doubtful=True), asks + 1
    assert asks == MOST_ASKS
    assert (after.state, after.doubt) == ("queued", "resent")
    again = follow(
        replace(one, doubt="resent"), Outcome("unknown", code=UNASKABLE), scene(), Even(), asked=True
    )
    assert (again.state, again.doubt) == ("dead", "resent"), "twice is enough"
    hook = ready("webhook", "warn", doubt="resent", tries=MOST_TRIES - 1)
    lost = Outcome("unknown", code=UNASKABLE)
    assert follow(hook, lost, scene(), Even(), asked=True).state == "queued", (
        "the peer takes each of them once"
    )
    spent = replace(hook, message=replace(hook.message, tries=MOST_TRIES))
    assert follow(spent, lost, scene(), Even(), asked=True).state == "dead"


def test_what_a_person_insists_on_is_sent_though_nobody_knows() -> None:
    found = follow(ready(insisted=True), Outcome("unknown", code=UNASKABLE), scene(), Even(), asked=True)
    assert (found.state, found.doubt) == ("queued", "resent")


@pytest.mark.parametrize(("late", "state"), [(-1, "queued"), (0, "expired"), (1, "expired")])
def test_what_was_never_taken_is_sent_again_unless_its_moment_has_come(late: int, state: str) -> None:
    ends = NOW - timedelta(microseconds=late)
    found = follow(ready(expires_at=ends, unknowns=1), Outcome("retry"), scene(), Even(), asked=True)
    assert (found.state, found.tried, found.unknowns) == (state, False, 0)


@pytest.mark.parametrize(("late", "kind"), [(-1, Hand), (0, End), (1, End)])
def test_a_reminder_goes_out_before_its_moment_and_never_at_or_after_it(late: int, kind: type) -> None:
    assert isinstance(admit(ready(expires_at=NOW - timedelta(microseconds=late)), scene()), kind)


def test_an_address_that_is_missing_moves_the_message_or_lets_it_wait() -> None:
    nowhere = ready()
    nowhere = replace(nowhere, message=replace(nowhere.message, address=""), reachable=frozenset({"email"}))
    moved = admit(nowhere, scene())
    assert isinstance(moved, End)
    assert (moved.state, moved.fallback and moved.fallback.channel) == ("moved", "email")
    assert moved.fallback is not None
    assert "P1 支付的承诺时限为11月4日" in moved.fallback.subject, (
        "written for e-mail, not the text message again"
    )
    waits = admit(replace(nowhere, reachable=frozenset()), scene())
    assert isinstance(waits, Wait)
    assert (waits.why, waits.until) == ("address", LATER)
    assert isinstance(admit(nowhere, scene(now=moment("2026-11-02 23:00"))), End)


def test_after_a_failure_the_next_provider_has_its_turn_and_one_out_of_use_is_left_out() -> None:
    assert [admit(ready(tries=n), scene()) for n in range(3)] == [
        Hand("aliyun-sms"),
        Hand("yunmas"),
        Hand("aliyun-sms"),
    ]
    down = Breaker("sms", "aliyun-sms", True, NOW, NOW + FIRST_PROBE, 1, False, "签名不对")
    one = scene(breakers={("sms", "aliyun-sms"): down})
    assert admit(ready(), one) == Hand("yunmas")
    both = {**one.breakers, ("sms", "yunmas"): replace(down, provider="yunmas", probe_at=LATER)}
    waits = admit(ready(), scene(breakers=both))
    assert isinstance(waits, Wait)
    assert (waits.until, waits.why) == (NOW + FIRST_PROBE, "breaker")
    at_last = admit(ready(expires_at=NOW + FIRST_PROBE), scene(breakers=both))
    assert isinstance(at_last, End), "a reminder that the channel would outlast goes another way"
    assert at_last.state == "moved"


def test_a_breaker_opens_once_lets_one_message_try_and_closes_on_anything_but_our_own_fault() -> None:
    wrong = Outcome("config", "签名不对")
    assert trip(None, "sms", "a", Outcome("accepted"), NOW) is None
    opened = trip(None, "sms", "a", wrong, NOW)
    assert opened is not None
    assert (opened.open, opened.probe_at, opened.failures) == (True, NOW + FIRST_PROBE, 1)
    assert trip(opened, "sms", "a", wrong, NOW) is None, "others were on their way"
    waits = []
    breaker, now = opened, NOW
    for _ in range(6):
        now = breaker.probe_at
        trying = probe(breaker, now + LEASE)
        assert (trying.probing, trying.probe_at) == (True, now + LEASE)
        assert trip(trying, "sms", "a", Outcome("unknown"), now) is None
        again = trip(trying, "sms", "a", wrong, now)
        assert again is not None
        assert again.since == NOW
        waits.append(again.probe_at - now)
        breaker = again
    assert waits == [min(LONGEST_PROBE, FIRST_PROBE * 2**n) for n in range(1, 7)]
    kinds: tuple[Kind, ...] = ("accepted", "retry", "quota", "rejected")
    for kind in kinds:
        closed = trip(probe(breaker, now + LEASE), "sms", "a", Outcome(kind), now)
        assert closed is not None
        assert not closed.open


def test_only_two_refusals_of_the_address_itself_within_a_week_make_it_invalid() -> None:
    assert refused(None, "content", "x", NOW) is None
    first = refused(None, "contact", "空号", NOW)
    assert first is not None
    assert first.state == "suspect"
    for later, state in ((WITHIN, "invalid"), (WITHIN + timedelta(microseconds=1), "suspect")):
        again = refused(first, "contact", "空号", NOW + later)
        assert again is not None
        assert again.state == state
    vague = refused(first, "", "?", LATER)
    assert vague is not None
    assert vague.state == "suspect"


def test_what_carries_on_has_no_third_way_and_a_digest_gets_a_key_of_its_own() -> None:
    digest = ready(does="")
    digest = replace(
        digest,
        message=replace(digest.message, key="digest/zhang/sms/2026-11-02T09", wording=REMINDERS, params={}),
    )
    assert digest.reminder
    found = follow(digest, Outcome("rejected"), scene(), Even()).fallback
    assert found is not None
    assert (found.key, found.text) == ("digest/zhang/sms/2026-11-02T09>email", "文")
    third = replace(digest, message=replace(digest.message, key=found.key, channel="email"))
    assert follow(third, Outcome("rejected"), scene(), Even()).fallback is None
