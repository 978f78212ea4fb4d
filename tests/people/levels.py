"""A county below a city below a province, each with its regulators, and a referral that nobody accepts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.directory import Appointment, Jurisdiction
from engine.office import Actor
from storage.people import People
from tests.city import BEGAN, PLACE, UNIT, City, moment

CASE = "P1.1-C1"
ABOVE, TOP = "410499", "410000"
COUNTY, CITY, PROVINCE = "周九", "冯十", "褚一"
COUNTY_HEAD, CITY_HEAD = "卫局", "蒋局"
REFERRED = "2026-11-09 10:00"  # a Monday: to be accepted by Thursday 11-12 24:00
HEAD_TOLD = "2026-11-16 24:00"  # a Monday, two working days later
CLIMBS = "2026-11-18 24:00"  # a Wednesday, two more; the city has until Tuesday 11-24 24:00
CITY_HEAD_TOLD = "2026-11-26 24:00"  # a Thursday
CLIMBS_AGAIN = "2026-11-30 24:00"  # a Monday; the province has until Friday 12-04 24:00
STAYS = "2026-12-10 24:00"  # a Thursday: nothing lies above
SECOND = timedelta(seconds=1)


def three_levels(city: City) -> City:
    """Put the unit's place below a city and a province, each with its regulators; the case of P1 is referred."""
    with city.store.transaction():
        people = People(city.store)
        people.set_jurisdiction(Jurisdiction(TOP, "河南省", "province"))
        people.set_jurisdiction(Jurisdiction(ABOVE, "平顶山市", "city", TOP))
        people.set_jurisdiction(Jurisdiction(PLACE, "叶县", "county", ABOVE))
        for person, role, place in (
            (COUNTY_HEAD, "regulator_head", PLACE), (CITY, "regulator", ABOVE),
            (CITY_HEAD, "regulator_head", ABOVE), (PROVINCE, "regulator", TOP),
        ):  # fmt: skip
            people.add_person(person, person, place)
            people.appoint(Appointment(person, role, f"{place}财政", BEGAN, None, place))
    city.open("2026-11-02 09:00")
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol("2026-11-06 09:00")
    city.do("remind", "2026-11-06 10:00", on=CASE)
    city.do("sign_for", "2026-11-06 11:00", on=CASE)
    city.do("draft_referral", "2026-11-09 09:00", on=CASE)
    city.do("refer", REFERRED, on=CASE)
    return city


def make(url: str = "sqlite://") -> City:
    """Three levels under a profile that lets cases climb."""
    return three_levels(City(url, overlay="climbing", profile="climbing"))


def told(city: City, rung: str, clock: str = "accept_case/1") -> set[tuple[str, str]]:
    """Whom a rung told, by which channel."""
    key = f"{CASE}/{clock}/1/{rung}/1"
    return set(city.rows("select person, channel from message where fire = ?", key))


def actor(city: City, person: str, at: str) -> Actor:
    """The person with the roles held for the case where it is now."""
    place = city.matter(CASE).jurisdiction
    with city.store.transaction():
        return People(city.store).actor(person, UNIT, moment(at), jurisdiction=place)


def act(city: City, action: str, person: str, at: str, **how: Any) -> None:
    city.do(action, at, on=CASE, by=actor(city, person, at), **how)


def just_before(at: str) -> datetime:
    return moment(at) - SECOND
