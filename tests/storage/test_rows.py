"""Every value comes back from the database as it went in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import Charged, Clock, Planned
from engine.matter import Evidence, FactValue, Matter, Pause
from engine.term import Length
from engine.work import Fire, Message, Work
from engine.workflow import MOMENTS, PARTIES
from storage import rows
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore
from tests.city import BEGAN


def _bound(year: int) -> datetime:
    """hypothesis wants its bounds without a zone."""
    return datetime(year, 1, 2)  # noqa: DTZ001


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True)
INSTANT = st.datetimes(_bound(1970), _bound(2200), timezones=st.just(UTC))
MAYBE = st.none() | INSTANT
LENGTH = st.builds(
    Length,
    st.integers(0, 99_999),
    st.sampled_from(["working days", "days", "hours", "minutes", "months", "years"]),
)
FACT: st.SearchStrategy[FactValue] = st.one_of(
    st.booleans(), st.integers(), TEXT, st.dates(date(1, 1, 1), date(9999, 12, 31)), LENGTH
)
SMALL = st.integers(0, 10_000)
PAUSES = st.lists(st.builds(Pause, INSTANT, MAYBE, TEXT), max_size=3)
MATTER = st.builds(
    Matter, id=st.just("P1"), root=st.just("P1"), workflow=NAME, state=NAME, title=TEXT, unit=TEXT, jurisdiction=TEXT,
    bundle=TEXT, profile=TEXT, opened_at=INSTANT, part_of=st.none() | TEXT, about=st.none() | TEXT,
    about_clock=st.none() | TEXT, state_since=MAYBE, revision=SMALL, history_no=SMALL, head_hash=TEXT, children=SMALL,
    cases=SMALL, go_live=MAYBE, marks=st.dictionaries(TEXT, INSTANT, max_size=3),
    facts=st.dictionaries(NAME, FACT, max_size=6), pauses=PAUSES,
)  # fmt: skip
PLAN = st.lists(st.builds(Planned, INSTANT, NAME, SMALL, MAYBE), max_size=4)
CHARGED = st.builds(
    Charged,
    st.dates(),
    st.dates(),
    st.sampled_from(PARTIES),
    TEXT,
    TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
    TEXT,
)
CLOCK = st.builds(
    Clock, matter=st.just("P1"), root=st.just("P1"), jurisdiction=TEXT, name=NAME, round=SMALL, epoch=SMALL,
    state=st.just("running"), anchor=INSTANT, promise=MAYBE, agreed=MAYBE, statutory=MAYBE, provisional=st.booleans(),
    plan=PLAN, fired=st.lists(NAME, max_size=4), look_at=MAYBE, ended_at=MAYBE, ended_recorded_at=MAYBE, trouble=TEXT,
    moved=st.dictionaries(st.sampled_from(MOMENTS), st.dates()), asked=st.dictionaries(NAME, TEXT, max_size=3),
    charged=st.lists(CHARGED, max_size=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def store() -> SqlStore:
    made = SqlStore("sqlite://")
    made.create(BEGAN)
    return made


@settings(deadline=None, max_examples=150)
@given(matter=MATTER, clock=CLOCK)
def test_matters_facts_and_clocks_come_back_as_they_went_in(
    store: SqlStore, matter: Matter, clock: Clock
) -> None:
    with store.transaction():
        for table in ("matter", "fact", "clock"):
            store.run(f"delete from {table}")
    with store.work() as work:
        work.add_matter(matter)
        work.add_clock(clock)
    with store.work() as work:
        assert work.family("P1") == [matter]
        assert work.clocks_of(work.matters["P1"]) == [clock]
        assert store.read_matters(["P1", "nobody"]) == [matter]


@settings(deadline=None, max_examples=80)
@given(matter=MATTER, later=MATTER, clock=CLOCK, then=CLOCK)
def test_what_can_change_of_a_matter_and_a_clock_is_written_again(
    store: SqlStore, matter: Matter, later: Matter, clock: Clock, then: Clock
) -> None:
    with store.transaction():
        for table in ("matter", "fact", "clock"):
            store.run(f"delete from {table}")
    with store.work() as work:
        work.add_matter(matter)
        work.add_clock(clock)
    with store.work() as work:
        (held,) = work.family("P1")
        (ticking,) = work.clocks_of(held)
        for name in rows.MATTER_CHANGES:
            setattr(held, name, getattr(later, name))
        for name in rows.CLOCK_CHANGES:
            setattr(ticking, name, getattr(then, name))
        for name, value in later.facts.items():
            work.set_fact(held, name, value)
        work.touch(held)
        work.touch_clock(ticking)
    with store.work() as work:
        assert work.family("P1") == [held]
        assert work.clocks_of(work.matters["P1"]) == [ticking]
        assert work.matters["P1"].facts == {**matter.facts, **later.facts}


@settings(deadline=None)
@given(value=FACT)
def test_a_fact_keeps_its_type_and_value(value: FactValue) -> None:
    _, _, kind, text, _ = rows.fact_row("P1", "x", value, "410400")
    assert rows.fact_of(kind, text) == value
    assert type(rows.fact_of(kind, text)) is type(value)


@given(moment=st.datetimes(_bound(2), _bound(9999), timezones=st.timezones()))
def test_an_instant_keeps_its_microsecond_whatever_its_zone(moment: datetime) -> None:
    assert from_ticks(to_ticks(moment)) == moment.astimezone(UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_ticks(datetime(2026, 11, 21, 9))  # noqa: DTZ001


def test_instants_sort_in_the_database_as_they_do_in_time() -> None:
    east = datetime(2026, 11, 3, tzinfo=timezone(timedelta(hours=8)))
    assert to_ticks(east) < to_ticks(datetime(2026, 11, 2, 16, 0, 0, 1, tzinfo=UTC))


def test_fires_messages_and_evidence_are_written_once_and_never_again(store: SqlStore) -> None:
    at = datetime(2026, 11, 3, 16, tzinfo=UTC)
    fire = Fire("k", "P1", "P1", "410400", "pay", 1, 1, "overdue", 1, "warn", at, at)
    message = Message("k/a/sms", "k", "P1", "410400", "a", "officer", "sms", "overdue", "", "文", at, at)
    assert rows.fire_row(fire)[-1] is None
    assert rows.message_row(message)[-1] == "queued"
    assert Evidence("a", "b", "c", 1, "d").size == 1
    with store.work() as work:
        work.fires.append(fire)
        work.messages.append(message)
    for effect in ("fires", "messages"):
        with pytest.raises(Exception, match="拒绝了一行"), store.work() as work:
            getattr(work, effect).append(fire if effect == "fires" else message)


def test_a_clock_that_has_ended_cannot_be_left_to_be_looked_at(store: SqlStore) -> None:
    at = datetime(2026, 11, 3, 16, tzinfo=UTC)
    with pytest.raises(Exception, match="拒绝了一行"), store.work() as work:
        work.new_clocks.append(Clock("P1", "P1", "x", "pay", 9, 1, "met", at, look_at=at))


def test_work_that_was_not_finished_leaves_nothing(store: SqlStore) -> None:
    class Stop(Exception):
        pass

    at = datetime(2026, 11, 3, 16, tzinfo=UTC)

    def half() -> None:
        with store.work() as work:
            work.add_matter(Matter("P9", "P9", "project", "open", "", "u", "x", "b", "p", at))
            store.write(work)
            raise Stop

    with pytest.raises(Stop):
        half()
    with store.work() as work:
        assert work.family("P9") == []
        assert isinstance(work, Work)
