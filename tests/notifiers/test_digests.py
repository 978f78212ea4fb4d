"""Which notices go together: each goes alone, waits, or is in exactly one digest; nothing comes too late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.digest import ENOUGH, ENOUGH_ELSEWHERE, KINDS, Notice, put_together, write
from engine.findings import LONGEST_SMS
from engine.quiet import permitted
from tests.city import calendar, moment, shipped

OPENING = moment("2026-11-05 08:00")  # a Thursday
NOON = moment("2026-11-04 12:20")  # Wednesday, nobody sleeps
NIGHT = moment("2026-11-04 24:00")


def none_yet(_: Collection[str]) -> frozenset[str]:
    return frozenset()


def all_taken(keys: Collection[str]) -> frozenset[str]:
    return frozenset(keys)


def notice(
    number: int,
    channel: str = "email",
    does: str = "remind",
    *,
    at: datetime = NOON,
    due: datetime | None = None,
    of_case: bool = False,
    sheet: str = "",
) -> Notice:
    """One of 张三's notices."""
    params = {
        "code": f"P{number}",
        "name": "桌椅",
        "item": "确定采购结果",
        "kind": "承诺时限",
        "date": "11月4日",
    }
    return Notice(
        f"{number}/张三/{channel}", "张三", channel, "officer", "410400", does, at, (due,) if due else (), of_case,
        sheet, params,
    )  # fmt: skip


def together(notices: Sequence[Notice], now: datetime = NOON) -> dict[str, list[str]]:
    groups = put_together(notices, now, calendar(), none_yet).groups
    return {key: [m.key.partition("/")[0] for m in members] for key, members in groups.items()}


@pytest.mark.parametrize(("channel", "enough"), [("email", 2), ("sms", 3)])
def test_two_mails_or_three_text_messages_are_enough_and_one_fewer_is_not(channel: str, enough: int) -> None:
    notices = [notice(n, channel) for n in range(enough)]
    assert together(notices[:-1]) == {}
    assert together(notices) == {f"digest/张三/{channel}/2026-11-04T12": [str(n) for n in range(enough)]}


def test_warnings_letters_and_papers_of_a_case_go_alone_by_mail() -> None:
    warnings = [notice(n, does="warn", at=NIGHT) for n in range(5)]
    papers = [notice(n, of_case=True) for n in range(5, 9)]
    assert together([*warnings, *papers, notice(9)], OPENING) == {}


def test_cases_of_one_sheet_go_together_and_those_of_another_do_not() -> None:
    opened = [notice(n, does="open", sheet=f"市一中-2026W{45 + n % 2}") for n in range(4)]
    lone = [notice(7, does="open", sheet="市二中-2026W45"), notice(8, does="open")]
    assert together([*opened, *lone]) == {
        "digest/张三/email/2026-11-04T12@市一中-2026W45": ["0", "2"],
        "digest/张三/email/2026-11-04T12@市一中-2026W46": ["1", "3"],
    }


def test_what_the_quiet_hours_held_back_goes_together_by_sms_whatever_it_is() -> None:
    held = [notice(1, "sms", "warn", at=NIGHT), notice(2, "sms", "withdraw", at=NIGHT), notice(3, "sms")]
    assert together(held, OPENING) == {"digest/张三/sms/2026-11-05T08": ["1", "3", "2"]}
    by_day = [notice(n, "sms", "warn", at=NOON) for n in range(3)]
    assert together(by_day) == {}


def test_the_most_urgent_comes_first() -> None:
    soon, later = NOON + timedelta(hours=2), NOON + timedelta(days=2)
    notices = [notice(1, due=later), notice(2, due=soon), notice(3, due=NOON - timedelta(days=1))]
    # what is past hangs on nothing that is still to come: it counts from its own moment
    assert together(notices)["digest/张三/email/2026-11-04T12"] == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("due", "waits"),
    [("2026-11-04 12:59", False), ("2026-11-04 13:00", False), ("2026-11-04 13:01", True), ("2026-11-04 12:20", True)],
)  # fmt: skip
def test_who_had_a_digest_in_this_hour_gets_the_next_one_in_the_next_but_no_reminder_comes_too_late(
    due: str, waits: bool
) -> None:
    """The window of Wednesday 12:00 is used up; what is due by 13:00 cannot wait for the next."""
    plan = put_together([notice(1, due=moment(due)), notice(2)], NOON, calendar(), all_taken)
    assert plan.groups == {}
    one = moment("2026-11-04 13:00")
    assert plan.waits == ({"1/张三/email": one, "2/张三/email": one} if waits else {"2/张三/email": one})


def test_a_text_message_that_waits_does_not_wait_into_the_quiet_hours() -> None:
    evening = moment("2026-11-06 19:30")  # a Friday: the next opening is Monday's
    plan = put_together([notice(n, "sms") for n in range(3)], evening, calendar(), all_taken)
    assert set(plan.waits.values()) == {moment("2026-11-09 08:00")}


MOMENTS = st.integers(0, 14 * 24 * 4).map(lambda n: moment("2026-10-30 00:00") + timedelta(minutes=15 * n))
NOTICES = st.lists(
    st.builds(
        Notice,
        key=st.uuids().map(str),
        person=st.sampled_from(["张三", "李四"]),
        channel=st.sampled_from(["sms", "email", "wecom"]),
        role=st.just("officer"),
        jurisdiction=st.just("410400"),
        does=st.sampled_from([*KINDS, "remind", "remind", "remind"]),
        at=MOMENTS,
        dues=st.lists(MOMENTS, max_size=3).map(tuple),
        of_case=st.booleans(),
        sheet=st.sampled_from(["", "市一中-2026W45", "市二中-2026W45"]),
        params=st.just({n: n for n in ("code", "name", "item", "unit", "kind", "date")}),
    ),
    max_size=40,
    unique_by=lambda n: n.key,
)


@settings(max_examples=300, deadline=None)
@given(notices=NOTICES, now=MOMENTS, taken=st.sets(st.sampled_from(["sms", "email"])), order=st.randoms())
def test_every_notice_goes_alone_or_waits_or_is_in_exactly_one_digest(
    notices: list[Notice], now: datetime, taken: set[str], order: Random
) -> None:
    def had(keys: Collection[str]) -> frozenset[str]:
        return frozenset(k for k in keys if k.split("/")[2] in taken)

    plan = put_together(notices, now, calendar(), had)
    times = Counter([m.key for members in plan.groups.values() for m in members] + list(plan.waits))
    assert set(times.values()) <= {1}
    assert set(times) <= {n.key for n in notices}
    by_key = {n.key: n for n in notices}
    windows = Counter[tuple[str, str, str]]()
    for key, members in plan.groups.items():
        _, person, channel, window = key.split("/")
        windows[person, channel, window] += 1
        assert channel not in taken
        assert len(members) >= ENOUGH.get(channel, ENOUGH_ELSEWHERE)
        assert {(m.person, m.channel) for m in members} == {(person, channel)}
        if channel == "sms":
            assert all(m.does == "remind" or not permitted(m.at, calendar()) for m in members)
        elif "@" in window:
            assert {(m.does, m.sheet) for m in members} == {("open", window.partition("@")[2])}
        else:
            assert all(m.does == "remind" and not m.of_case for m in members)
        text = write(key, members, shipped()[1])
        assert text.members == tuple(m.key for m in members)
    assert set(windows.values()) <= {1}
    for key, until in plan.waits.items():
        assert now < until
        assert by_key[key].channel != "sms" or permitted(until, calendar())
        assert not any(now < due <= until for due in by_key[key].dues)
    order.shuffle(notices)
    assert put_together(notices, now, calendar(), had) == plan


def test_a_digest_by_sms_keeps_to_two_segments_with_the_longest_values() -> None:
    long = {
        "code": "P" * 40,
        "name": "课" * 30,
        "item": "确定采购结果并公告",
        "kind": "承诺时限",
        "date": "12月31日",
    }
    for does in (("remind",), ("warn",), ("warn", "open", "act", "remind", "withdraw")):
        members = [
            Notice(f"{n}", "张三", "sms", "officer", "410400", does[n % len(does)], NIGHT, params=long)
            for n in range(999)
        ]
        text = write("k", members, shipped()[1]).text
        assert "999" in text
        assert len(text) <= 104 <= LONGEST_SMS, (does, len(text))
        assert "课" not in text
