"""Lost days: how many, whose, and how two persons record that they were another party's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.attributing import attribute, decide_attribution, traces_of
from engine.clock import Charged, Clock
from engine.errors import BadInput, Forbidden, Refused, YiribanError
from engine.losing import Traces, days_lost, lost_days, segments
from engine.matter import Matter, Pause
from engine.office import Actor
from engine.word import Word
from engine.work import Work
from engine.workflow import PARTIES, Charge, ClockDef, Party, Title, Trigger
from tests.city import City, calendar, moment, paper

TWO = (Charge("purchaser", "request_payment"), Charge("treasury"))


def defined(*charges: Charge) -> ClockDef:
    return ClockDef(
        "pay", Title("支付资金"), "payment", (Trigger("state", "accepted"),), ("pay",), charges=charges
    )


def running(promise: str, statutory: str | None = None, ended: str | None = None) -> Clock:
    """A clock that started on Monday 2026-11-02."""
    end = moment(ended) if ended else None
    return Clock(
        "P1.1.1.1", "P1", "410400", "pay", 1, 1, "met" if end else "running", moment("2026-11-02 10:00"),
        promise=moment(promise), statutory=moment(statutory) if statutory else None, ended_at=end,
    )  # fmt: skip


def lost(
    clock: Clock, now: str, *charges: Charge, marks: dict[str, str] | None = None, **how: Any
) -> dict[str, int]:
    taken = {f"action:{name}": moment(at) for name, at in (marks or {}).items()}
    pauses = how.pop("pauses", ())
    found = lost_days(clock, defined(*charges), Traces(taken, pauses), calendar(), moment(now), **how)
    return {str(who): n for who, n in found.items()}


ONE = Charge("purchaser")


@pytest.mark.parametrize(
    ("ended", "days"),
    [
        ("2026-11-06 23:59", 0),  # a Friday, the due day itself
        ("2026-11-07 10:00", 0),  # a Saturday: late, but no working day was lost
        ("2026-11-08 23:59", 0),  # a Sunday
        ("2026-11-09 00:00", 1),  # a Monday, its first instant
        ("2026-11-09 18:00", 1),
        ("2026-11-11 09:00", 3),  # a Wednesday
    ],
)
def test_the_working_days_behind_the_due_day_are_lost_that_of_the_end_included(ended: str, days: int) -> None:
    clock = running("2026-11-06 24:00", ended=ended)
    assert lost(clock, "2026-12-01 09:00", ONE) == ({"purchaser": days} if days else {})


def test_a_day_of_an_open_clock_is_lost_as_soon_as_it_has_begun() -> None:
    clock = running("2026-11-06 24:00")  # a Friday
    assert lost(clock, "2026-11-09 00:00", ONE) == {}  # a Monday
    assert lost(clock, "2026-11-09 00:01", ONE) == {"purchaser": 1}
    # and a clock that ended later had the same days lost by then
    assert lost(running("2026-11-06 24:00", ended="2026-11-30 09:00"), "2026-11-10 09:00", ONE) == {
        "purchaser": 2
    }


def test_the_earliest_due_moment_counts_unless_another_is_named() -> None:
    clock = running(
        "2026-11-04 24:00", "2026-11-10 24:00", ended="2026-11-12 09:00"
    )  # Wednesday, Tuesday, Thursday
    assert lost(clock, "2026-12-01 09:00", ONE) == {"purchaser": 6}
    assert lost(clock, "2026-12-01 09:00", ONE, moment="statutory") == {"purchaser": 2}
    assert lost(clock, "2026-12-01 09:00", ONE, moment="agreed") == {}


def test_a_clock_without_charges_says_so_and_a_void_one_or_a_minimum_loses_nothing() -> None:
    clock = running("2026-11-06 24:00", ended="2026-11-09 09:00")
    assert lost(clock, "2026-12-01 09:00") == {"unattributed": 1}
    assert lost(replace(clock, state="void"), "2026-12-01 09:00", ONE) == {}
    minimum = replace(defined(ONE), guards=("pay",))
    assert days_lost(clock, minimum, Traces({}), calendar(), moment("2026-12-01 09:00")) == {}


def test_a_day_belongs_to_who_still_had_it_in_hand_when_the_day_began() -> None:
    clock = running("2026-11-06 24:00", ended="2026-11-12 09:00")  # a Friday; a Thursday
    now = "2026-12-01 09:00"
    assert lost(clock, now, *TWO) == {"purchaser": 4}
    assert lost(clock, now, *TWO, marks={"request_payment": "2026-11-10 09:00"}) == {
        "purchaser": 2,
        "treasury": 2,
    }
    # a record that knows the day alone leaves that day with who handed over
    assert lost(clock, now, *TWO, marks={"request_payment": "2026-11-10 00:00"}) == {
        "purchaser": 2,
        "treasury": 2,
    }
    assert lost(clock, now, *TWO, marks={"request_payment": "2026-11-05 09:00"}) == {"treasury": 4}
    # what was taken behind the end is of a later round
    assert lost(clock, now, *TWO, marks={"request_payment": "2026-11-20 09:00"}) == {"purchaser": 4}
    once = (Charge("agency", "deliver"),)
    assert lost(clock, now, *once, marks={"deliver": "2026-11-11 09:00"}) == {"agency": 3, "unattributed": 1}


def test_days_that_a_pause_touched_are_not_lost_even_while_it_lasts() -> None:
    clock = running("2026-11-06 24:00", ended="2026-11-13 09:00")  # Friday to Friday
    held = Pause(moment("2026-11-10 23:00"), moment("2026-11-11 01:00"), "投诉")  # Tuesday night
    assert lost(clock, "2026-12-01 09:00", ONE, pauses=[held]) == {"purchaser": 3}
    still = Pause(moment("2026-11-10 09:00"), None, "投诉")
    assert lost(running("2026-11-06 24:00"), "2026-12-01 09:00", ONE, pauses=[still]) == {"purchaser": 1}


DAYS = st.integers(0, 40).map(lambda n: date(2026, 11, 2) + timedelta(days=n))
INSTANTS = st.integers(0, 60 * 24 * 4).map(
    lambda q: datetime(2026, 11, 2, 2, tzinfo=UTC) + timedelta(minutes=15 * q)
)
CHARGED = st.builds(
    lambda a, b, party, approved: Charged(
        min(a, b), max(a, b), party, "延误", "张三", ("张三",), "李四" if approved else ""
    ),
    DAYS, DAYS, st.sampled_from(PARTIES), st.booleans(),
)  # fmt: skip
CHARGES = st.lists(st.builds(Charge, st.sampled_from(PARTIES), st.sampled_from(["", "a", "b"])), max_size=3)
MARKS = st.dictionaries(st.sampled_from(["action:a", "action:b"]), INSTANTS)
PAUSES = st.lists(
    st.builds(
        lambda a, b, lasts: Pause(min(a, b), None if lasts else max(a, b), "质疑"),
        INSTANTS, INSTANTS, st.booleans(),
    ),
    max_size=2,
)  # fmt: skip


def counted(clock: Clock, pauses: list[Pause], now: datetime) -> int:
    """Count the lost working days day by day, by nothing but the rule in words."""
    due = min(m for m in (clock.promise, clock.statutory) if m is not None)
    end = min(clock.ended_at or now, now)
    number, day = 0, calendar().day_of(due - timedelta(microseconds=1)) + timedelta(days=1)
    ended = clock.ended_at is not None and clock.ended_at <= now
    while calendar().midnight_after(day - timedelta(days=1)) < end or (
        ended and calendar().midnight_after(day - timedelta(days=1)) == end
    ):
        begins, over = calendar().midnight_after(day - timedelta(days=1)), calendar().midnight_after(day)
        touched = any(
            p.since < over and begins < (p.until or now) and p.since < (p.until or now) for p in pauses
        )
        number += calendar().is_worked(day) and not touched
        day += timedelta(days=1)
    return number


@settings(deadline=None, max_examples=300)
@given(
    promise=INSTANTS, statutory=st.none() | INSTANTS, ended=st.none() | INSTANTS, now=INSTANTS, charges=CHARGES,
    marks=MARKS, pauses=PAUSES, said=st.lists(CHARGED, max_size=4),
)  # fmt: skip
def test_every_lost_working_day_has_exactly_one_party_and_attributions_only_move_them(
    promise: datetime, statutory: datetime | None, ended: datetime | None, now: datetime, charges: list[Charge],
    marks: dict[str, datetime], pauses: list[Pause], said: list[Charged],
) -> None:  # fmt: skip
    clock = replace(
        running("2026-11-06 24:00"), promise=promise, statutory=statutory, ended_at=ended,
        state="met" if ended else "running",
    )  # fmt: skip
    definition, traces = defined(*charges), Traces(marks, pauses)
    plain = days_lost(clock, definition, traces, calendar(), now)
    assert len(plain) == counted(clock, pauses, now)
    assert sum(lost_days(clock, definition, traces, calendar(), now).values()) == len(plain)
    moved = days_lost(replace(clock, charged=said), definition, traces, calendar(), now)
    assert list(moved) == list(plain)
    for day, who in moved.items():
        over = [c for c in said if c.approved_by and c.since <= day <= c.until]
        assert who == (over[-1].party if over else plain[day])


@settings(deadline=None, max_examples=200)
@given(promise=INSTANTS, ended=INSTANTS, charges=CHARGES, marks=MARKS)
def test_what_is_kept_at_the_end_says_the_same_as_the_marks_did(
    promise: datetime, ended: datetime, charges: list[Charge], marks: dict[str, datetime]
) -> None:
    """Unattributed days cannot be kept; everything else survives that the marks are overwritten later."""
    clock = replace(running("2026-11-06 24:00"), promise=promise, ended_at=ended, state="met")
    definition, now = defined(*charges), ended + timedelta(days=9)
    then = days_lost(clock, definition, Traces(marks), calendar(), now)
    kept = replace(clock, charged=segments(clock, definition, marks, calendar()))
    assert days_lost(kept, definition, Traces(marks), calendar(), now) == then
    later = {name: ended + timedelta(days=3) for name in marks}
    again = days_lost(kept, definition, Traces(later), calendar(), now)
    assert {d: w for d, w in then.items() if w != "unattributed"} == {
        d: again[d] for d, w in then.items() if w != "unattributed"
    }


# the route


def word(person: str, role: str, at: str, *, papers: bool = True) -> Word:
    who = Actor(person, frozenset({role}))
    return Word(who, moment(at), moment(at), "供应商未按时盖章", [paper("letter")] if papers else [])


def act(city: City, deed: Callable[[Work, Matter, Clock], object], name: str = "decide_award") -> None:
    with city.store.work() as work:
        work.family("P1")
        matter = work.matters["P1.1"]
        deed(work, matter, next(c for c in work.clocks_of(matter) if c.name == name))


def ask(city: City, party: Party, since: str, until: str, at: str, *, papers: bool = True) -> None:
    said = word("张三", "officer", at, papers=papers)

    def deed(work: Work, matter: Matter, clock: Clock) -> object:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
        return attribute(city.office, work, matter, clock, party, first, last, said)

    act(city, deed)


def decide(city: City, person: str, role: str, at: str, *, approve: bool = True) -> None:
    said = word(person, role, at)
    act(
        city,
        lambda work, matter, clock: decide_attribution(
            city.office, work, matter, clock, said, approve=approve
        ),
    )


def shares(city: City, now: str, matter: str = "P1.1", name: str = "decide_award") -> dict[str, int]:
    def look(work: Work) -> dict[str, int]:
        work.family("P1")
        here = work.matters[matter]
        clock = next(c for c in work.clocks_of(here) if c.name == name)
        traces = traces_of(city.office, work, here)
        definition = city.office.clock(here, name)
        return {str(w): n for w, n in lost_days(clock, definition, traces, calendar(), moment(now)).items()}

    found: dict[str, int] = city.read(look)
    return found


@pytest.fixture
def late(city: City) -> City:
    """The report came on Wednesday 2026-11-04; the award, promised by Thursday 24:00, on Monday 11-09."""
    city.walk("deliver_report", "2026-11-04 11:00")
    city.do("decide_award", "2026-11-09 10:00")
    return city


def test_nothing_moves_before_another_person_approves(late: City) -> None:
    assert shares(late, "2026-11-10 09:00") == {"purchaser": 2}  # Friday, Monday
    ask(late, "supplier", "2026-11-05", "2026-11-08", "2026-11-10 09:00")  # Thursday to Sunday
    assert shares(late, "2026-11-10 09:30") == {"purchaser": 2}
    with pytest.raises(Forbidden, match="不能审批自己的划分责任申请"):
        decide(late, "张三", "purchaser_head", "2026-11-10 10:00")
    with pytest.raises(Forbidden, match="不能审批划分责任"):
        decide(late, "李四", "officer", "2026-11-10 10:00")
    decide(late, "王五", "purchaser_head", "2026-11-10 10:00")
    assert shares(late, "2026-11-10 10:30") == {"purchaser": 1, "supplier": 1}
    names = [
        name for (name,) in late.rows("select json_extract(body, '$.name') from history where kind = 'clock'")
    ]
    assert names == ["ask_attribution", "attribution_approved"]
    assert late.rows("select count(*) from evidence where kind = 'letter'") == [(2,)]


def test_a_later_attribution_goes_before_an_earlier_one(late: City) -> None:
    ask(late, "supplier", "2026-11-05", "2026-11-09", "2026-11-10 09:00")
    decide(late, "钱八", "tracker", "2026-11-10 10:00")
    ask(late, "agency", "2026-11-06", "2026-11-06", "2026-11-10 11:00")  # a Friday
    decide(late, "钱八", "tracker", "2026-11-10 12:00")
    assert shares(late, "2026-11-10 13:00") == {"agency": 1, "supplier": 1}


def test_a_refused_or_withdrawn_attribution_leaves_everything_as_it_was(late: City) -> None:
    ask(late, "supplier", "2026-11-06", "2026-11-06", "2026-11-10 09:00")
    with pytest.raises(Refused, match="已有待审批的责任划分"):
        ask(late, "agency", "2026-11-09", "2026-11-09", "2026-11-10 09:10")
    decide(late, "张三", "officer", "2026-11-10 09:20", approve=False)  # taken back by who asked
    ask(late, "agency", "2026-11-09", "2026-11-09", "2026-11-10 09:30")
    decide(late, "周九", "regulator", "2026-11-10 09:40", approve=False)
    assert shares(late, "2026-11-10 10:00") == {"purchaser": 2}
    assert late.clock("P1.1", "decide_award").charged == []
    with pytest.raises(Refused, match="没有待审批的责任划分"):
        decide(late, "周九", "regulator", "2026-11-10 11:00")


def test_what_was_asked_is_judged_again_when_it_is_approved(city: City) -> None:
    city.walk("deliver_report", "2026-11-04 11:00")
    ask(city, "agency", "2026-11-06", "2026-11-09", "2026-11-09 09:00")  # a Friday to a Monday, still open
    # recorded late: it had been decided on Thursday, in time, and no day was lost
    city.do("decide_award", "2026-11-05 16:00", now="2026-11-09 10:00", reason="系统故障，补录")
    with pytest.raises(YiribanError, match="不全在"):
        decide(city, "王五", "purchaser_head", "2026-11-09 11:00")
    decide(city, "王五", "purchaser_head", "2026-11-09 11:00", approve=False)
    assert shares(city, "2026-11-10 09:00") == {}


@pytest.mark.parametrize(
    ("party", "since", "until", "refusal", "words"),
    [
        ("supplier", "2026-11-07", "2026-11-06", BadInput, "晚于止日"),
        ("supplier", "2026-11-03", "2026-11-06", BadInput, "不全在"),  # the clock began on Wednesday the 4th
        ("supplier", "2026-11-09", "2026-11-10", BadInput, "不全在"),  # it ended on Monday the 9th
        ("supplier", "2026-11-04", "2026-11-05", Refused, "没有损失的工作日"),  # up to the due day itself
        ("supplier", "2026-11-07", "2026-11-08", Refused, "没有损失的工作日"),  # a weekend
        ("purchaser", "2026-11-05", "2026-11-09", Refused, "已经算在该方名下"),
    ],
)
def test_only_lost_days_of_the_run_can_become_another_partys(
    late: City, party: Party, since: str, until: str, refusal: type[YiribanError], words: str
) -> None:
    with pytest.raises(refusal, match=words):
        ask(late, party, since, until, "2026-11-10 09:00")
    assert late.clock("P1.1", "decide_award").charged == []


def test_an_attribution_needs_papers_and_rights(late: City) -> None:
    with pytest.raises(Refused, match="需要凭证"):
        ask(late, "supplier", "2026-11-06", "2026-11-06", "2026-11-10 09:00", papers=False)
    said = word("赵六", "agency", "2026-11-10 09:00")
    day = date(2026, 11, 6)
    with pytest.raises(Forbidden, match="不能申请划分责任"):
        act(late, lambda w, m, c: attribute(late.office, w, m, c, "supplier", day, day, said))


def test_once_a_case_is_open_the_unit_does_not_approve(city: City) -> None:
    city.walk("deliver_report", "2026-11-03 11:00")
    city.patrol("2026-11-09 09:00")  # the case was opened on Friday 11-06 at 24:00
    ask(city, "agency", "2026-11-05", "2026-11-06", "2026-11-09 10:00")
    with pytest.raises(Forbidden) as refused:
        decide(city, "王五", "purchaser_head", "2026-11-09 11:00")
    assert "已有督办件 P1.1-C1" in refused.value.why
    decide(city, "钱八", "tracker", "2026-11-09 11:00")
    assert shares(city, "2026-11-09 12:00") == {"purchaser": 1, "agency": 2}


def test_the_units_and_the_treasurys_segments_are_apart_and_outlast_a_later_round(city: City) -> None:
    city.walk("receive_invoice", "2026-11-03 11:00")  # a Tuesday: payment is promised by Wednesday 24:00
    city.do("request_payment", "2026-11-06 09:00")  # a Friday
    assert shares(city, "2026-11-11 09:00", "P1.1.1.1", "pay") == {"purchaser": 2, "treasury": 3}
    city.do("pay", "2026-11-11 10:00")  # a Wednesday
    assert shares(city, "2026-11-20 09:00", "P1.1.1.1", "pay") == {"purchaser": 2, "treasury": 3}
    with city.store.work() as work:
        work.family("P1")
        instalment = work.matters["P1.1.1.1"]
        # the same action taken again in a later round
        instalment.marks["action:request_payment"] = moment("2026-11-18 09:00")
        work.touch(instalment)
    assert shares(city, "2026-11-20 09:00", "P1.1.1.1", "pay") == {"purchaser": 2, "treasury": 3}


def test_a_payment_in_time_keeps_nothing(city: City) -> None:
    city.walk("receive_invoice", "2026-11-03 11:00")
    city.do("request_payment", "2026-11-03 15:00")
    city.do("pay", "2026-11-04 16:00")  # a Wednesday
    assert city.clock("P1.1.1.1", "pay").charged == []
    assert shares(city, "2026-11-20 09:00", "P1.1.1.1", "pay") == {}
