"""A referral that nobody accepts reaches the head of the same department, and only by a switch the level above."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from engine import passing
from engine.directory import Appointment, Jurisdiction
from engine.errors import Forbidden, Refused
from engine.holding import ask_extension
from engine.office import Actor
from engine.performing import Deed
from engine.verify import verify
from engine.word import Word
from storage.people import People
from storage.views import chains
from tests.city import BEGAN, PLACE, City, moment
from tests.people.levels import (
    ABOVE,
    CASE,
    CITY,
    CITY_HEAD,
    CITY_HEAD_TOLD,
    CLIMBS,
    CLIMBS_AGAIN,
    COUNTY,
    COUNTY_HEAD,
    HEAD_TOLD,
    PROVINCE,
    SECOND,
    STAYS,
    TOP,
    act,
    actor,
    just_before,
    make,
    three_levels,
    told,
)


@pytest.fixture
def plain() -> Iterator[City]:
    """Three levels under the profile that ships."""
    city = City()
    yield three_levels(city)
    city.store.close()


@pytest.fixture
def steep() -> Iterator[City]:
    city = make()
    yield city
    city.store.close()


# by default


def test_the_head_of_the_same_department_is_told_two_working_days_after_the_limit(plain: City) -> None:
    plain.patrol(just_before(HEAD_TOLD))
    assert told(plain, "unaccepted") == {(COUNTY, "email")}
    assert told(plain, "head") == set()
    plain.patrol(HEAD_TOLD)
    assert told(plain, "head") == {(COUNTY_HEAD, "email"), (COUNTY_HEAD, "sms")}
    [text] = {t for (t,) in plain.rows("select text from message where rung = 'head' and channel = 'sms'")}
    assert "应于11月12日前受理" in text


def test_without_the_switch_nothing_ever_climbs(plain: City) -> None:
    assert "climb" not in {p.rung for p in plain.clock(CASE, "accept_case").plan}
    plain.patrol("2027-03-01 09:00")
    case = plain.matter(CASE)
    assert (case.state, case.jurisdiction, case.facts["level"]) == ("referred", PLACE, "regulator")
    assert plain.fired(f"{CASE}/accept_case/1")[-2:] == ["unaccepted", "head"]


def test_a_department_without_a_named_head_hears_of_it_itself(plain: City) -> None:
    with plain.store.transaction():
        People(plain.store).dismiss(COUNTY_HEAD, "regulator_head", f"{PLACE}财政", moment("2026-11-10 09:00"))
    plain.patrol(HEAD_TOLD)
    assert told(plain, "head") == {(COUNTY, "email"), (COUNTY, "sms")}


def test_the_head_may_accept_and_may_pass_the_case_up_by_hand_with_a_reason(plain: City) -> None:
    at = "2026-11-10 09:00"
    with pytest.raises(Forbidden):
        act(plain, "climb", COUNTY, at, reason="涉及市级平台")
    with pytest.raises(Refused, match="需要说明原因"):
        act(plain, "climb", COUNTY_HEAD, at)
    act(plain, "climb", COUNTY_HEAD, at, reason="涉及市级平台")
    case = plain.matter(CASE)
    assert (case.jurisdiction, case.facts["level"], case.state) == (ABOVE, "superior", "referred")
    act(plain, "climb", CITY_HEAD, "2026-11-10 10:00", reason="涉及省级平台")
    assert plain.matter(CASE).jurisdiction == TOP
    with plain.store.transaction():
        People(plain.store).appoint(Appointment("省局", "regulator_head", "省财政", BEGAN, None, TOP))
    with pytest.raises(Refused, match="不能再“逐级上报”"):
        act(plain, "climb", "省局", "2026-11-10 11:00", reason="再上报")
    act(plain, "accept_case", "省局", "2026-11-10 11:00")
    assert plain.matter(CASE).state == "accepted"


# by the switch


@pytest.mark.parametrize(
    ("at", "before", "after"),
    [(CLIMBS, PLACE, ABOVE), (CLIMBS_AGAIN, ABOVE, TOP), (STAYS, TOP, TOP)],
    ids=["county to city", "city to province", "stays with the province"],
)
def test_silence_climbs_level_by_level_and_each_has_its_moment(
    steep: City, at: str, before: str, after: str
) -> None:
    steep.patrol(just_before(at))
    assert steep.matter(CASE).jurisdiction == before
    steep.patrol(at)
    steep.patrol(moment(at) + SECOND)
    case = steep.matter(CASE)
    assert (case.jurisdiction, case.state) == (after, "referred")
    open_clocks = [c for c in steep.family()[1] if c.matter == CASE and c.is_open]
    assert {c.jurisdiction for c in open_clocks} == {after}
    assert not any(c.trouble for c in steep.family()[1])


def test_every_level_has_its_own_limit_from_the_moment_of_climbing(steep: City) -> None:
    steep.patrol("2026-12-31 09:00")
    for number, (anchor, due) in enumerate(
        ((CLIMBS, "2026-11-24 24:00"), (CLIMBS_AGAIN, "2026-12-04 24:00")), 1
    ):
        clock = steep.clock(CASE, "accept_climbed", number)
        assert (clock.anchor, clock.promise) == (moment(anchor), moment(due))
    # the first clock runs on: nobody has accepted yet; that of the city is void, another level counts
    assert steep.clock(CASE, "accept_case").state == "running"
    assert steep.clock(CASE, "accept_climbed", 1).state == "void"
    assert steep.clock(CASE, "accept_climbed", 2).state == "running"


def test_those_who_let_it_pass_hear_that_it_went_up_and_those_above_that_it_came(steep: City) -> None:
    steep.patrol(CLIMBS)
    assert told(steep, "climb") == {(COUNTY, "email"), (COUNTY_HEAD, "email"), ("钱八", "email")}
    assert told(steep, "referred", "accept_climbed/1") == {(CITY, "email"), (CITY, "sms")}
    [text] = {t for (t,) in steep.rows("select text from message where rung = 'climb'")}
    assert "已转由上一级（平顶山市）财政部门受理" in text
    steep.patrol(CITY_HEAD_TOLD)
    assert {person for person, _ in told(steep, "head", "accept_climbed/1")} == {CITY_HEAD}


def test_at_the_top_the_tracker_hears_that_nothing_lies_above_and_that_is_that(steep: City) -> None:
    steep.patrol(STAYS)
    heard = {person for person, _ in told(steep, "climb", "accept_climbed/2")}
    assert heard == {PROVINCE, "钱八"}
    [line] = [
        json.loads(body)
        for (body,) in steep.rows("select body from history where matter = ? and kind = 'fire'", CASE)
        if f"{CASE}/accept_climbed/2/1/climb/1" in body
    ]
    assert line["detail"]["at_top"] == TOP
    clock = steep.clock(CASE, "accept_climbed", 2)
    assert (clock.trouble, clock.look_at, clock.state) == ("", None, "running")
    assert line["detail"]["does"] == "warn"
    assert steep.patrol("2027-03-01 09:00").fires == []


def test_a_place_that_is_registered_under_nothing_is_a_top_too(steep: City) -> None:
    with steep.store.transaction():
        People(steep.store).set_jurisdiction(Jurisdiction(PLACE, "叶县", "county"))
    steep.patrol("2027-03-01 09:00")
    assert steep.matter(CASE).jurisdiction == PLACE
    assert ("钱八", "email") in told(steep, "climb")


def test_only_the_level_that_has_the_case_may_accept_it(steep: City) -> None:
    may = {PLACE: {COUNTY, COUNTY_HEAD}, ABOVE: {CITY, CITY_HEAD}, TOP: {PROVINCE}}
    everybody = set().union(*may.values())
    for now in ("2026-11-17 09:00", "2026-11-19 09:00", "2026-12-01 09:00"):
        steep.patrol(now)
        here = may[steep.matter(CASE).jurisdiction]
        for person in sorted(everybody - here):
            with pytest.raises(Forbidden):
                act(steep, "accept_case", person, now)
        assert all(actor(steep, person, now).roles for person in here)
    act(steep, "accept_case", PROVINCE, "2026-12-01 10:00")
    assert steep.matter(CASE).state == "accepted"
    assert [c.name for c in steep.family()[1] if c.matter == CASE and c.is_open] == ["choose_form"]


def test_whoever_buys_for_the_unit_does_not_regulate_it_from_above(steep: City) -> None:
    steep.appoint(CITY, "officer", "2026-11-02 08:00")
    steep.patrol(CLIMBS)
    assert actor(steep, CITY, "2026-11-19 09:00").roles == frozenset({"officer"})
    with pytest.raises(Forbidden):
        act(steep, "accept_case", CITY, "2026-11-19 09:00")


def test_the_limit_of_a_level_that_was_left_cannot_be_extended_that_of_the_present_one_can(
    steep: City,
) -> None:
    def ask(clock: str, until: date) -> None:
        said = Word(Actor("张三", frozenset({"officer"})), moment(now), moment(now), "材料在补")
        with steep.store.work() as work:
            work.family("P1")
            case = work.matters[CASE]
            held = next(c for c in work.clocks_of(case) if c.name == clock and c.is_open)
            ask_extension(steep.office, work, case, held, "promise", until, said)

    now = "2026-11-18 10:00"
    ask("accept_case", date(2026, 11, 20))  # a Friday: asked for, never approved
    now = "2026-11-19 10:00"
    steep.patrol(now)
    with pytest.raises(Refused, match="已逐级上报"):
        ask("accept_case", date(2026, 11, 20))
    ask("accept_climbed", date(2026, 11, 26))


def test_a_case_that_is_returned_from_above_comes_home(steep: City) -> None:
    steep.patrol(CLIMBS)
    act(steep, "return_case", CITY, "2026-11-19 10:00", reason="材料不全")
    case = steep.matter(CASE)
    assert (case.state, case.jurisdiction, case.facts["level"]) == ("acknowledged", PLACE, "tracker")
    steep.patrol("2027-03-01 09:00")
    assert steep.matter(CASE).jurisdiction == PLACE


# whenever somebody looks


def picture(city: City) -> dict[str, Any]:
    """What must not depend on the beats; reminders may collapse."""
    reminders = {key for (key,) in city.rows("select rung from fire where does = 'remind'")}
    lines = [
        (m, json.loads(body), place)
        for m, body, place in city.rows("select matter, body, jurisdiction from history")
    ]
    return {
        "matters": city.rows("select id, state, state_since, jurisdiction, revision, marks from matter order by id"),
        "facts": city.rows("select * from fact order by matter, name"),
        "clocks": [
            (c.key, c.jurisdiction, c.epoch, c.state, c.anchor, c.promise, c.ended_at, c.ended_recorded_at,
             [(p.rung, p.at) for p in c.plan], [r for r in c.fired if r not in reminders], c.trouble)
            for c in city.family()[1]
        ],
        "fires": city.rows("select key, jurisdiction, at from fire where does <> 'remind' order by key"),
        "lines": sorted(
            (m, b["at"], b["name"], place) for m, b, place in lines if b["detail"].get("does") != "remind"
        ),
        "told": city.rows("select key, jurisdiction from message where rung in ('head', 'climb') order by key"),
    }  # fmt: skip


def beat_at_every_moment(city: City, until: str) -> None:
    """Patrol whenever somebody must look."""
    while True:
        ((look,),) = city.rows("select min(look_at) from clock")
        at = None if look is None else moment("1970-01-01 08:00") + timedelta(microseconds=look)
        if at is None or at > moment(until):
            break
        city.patrol(at)
    city.patrol(until)


def both_ways(until: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same history with a beat at every moment, and with a single one at the end."""
    dense, sparse = make(), make()
    beat_at_every_moment(dense, until)
    sparse.patrol(until)
    found = picture(dense), picture(sparse)
    dense.store.close()
    sparse.store.close()
    return found


@pytest.mark.parametrize("until", [CLIMBS, "2026-11-25 12:00", "2026-12-31 09:00"])
def test_one_beat_after_weeks_climbs_as_far_as_a_beat_at_every_moment(until: str) -> None:
    dense, sparse = both_ways(until)
    for part, found in dense.items():
        assert found == sparse[part], part


def test_a_planted_climb_at_the_moment_of_the_beat_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(at: datetime, now: datetime, *rest: Any, **more: Any) -> Deed:
        return Deed(now, now, *rest, **more)

    monkeypatch.setattr(passing, "Deed", late)
    dense, sparse = both_ways("2026-12-31 09:00")
    assert {part for part in dense if dense[part] != sparse[part]} >= {"matters", "clocks", "lines"}


def test_the_histories_stay_whole_and_tell_from_where_to_where(steep: City) -> None:
    steep.patrol("2026-12-31 09:00")
    moves = [
        json.loads(body)["detail"]["jurisdiction"]
        for (body,) in steep.rows("select body from history where matter = ? order by no", CASE)
        if '"jurisdiction"' in body
    ]
    assert moves == [{"from": PLACE, "to": ABOVE}, {"from": ABOVE, "to": TOP}]
    with steep.store.transaction():
        assert [found for head, lines in chains(steep.store) for found in verify(head, lines)] == []
