"""A person sees the units of an appointment and nothing else; whether more exists is not said."""

from __future__ import annotations

from typing import Any

import pytest

from engine.directory import Appointment
from storage.people import People
from tests.city import PLACE, moment
from tests.desk.conftest import Town

NOW = "2026-11-06 09:00"  # a Friday


@pytest.fixture
def two(town: Town) -> Town:
    """A project of 市一中 past its promise, and one of 市二中."""
    town.reported()
    town.desk.done(
        "2026-11-02 09:00",
        "project",
        "new",
        "二中图书",
        "--stage",
        "package.evaluating",
        "--unit",
        "u2",
        person="吴十",
    )
    town.desk.done("2026-11-03 10:00", "project", "do", "P2026-0001", "end_evaluation", person="吴十")
    town.city.patrol(NOW)
    return town


def roots(found: Any) -> set[str]:
    return {c["project"] for c in found["clocks"]}


def test_neither_officer_sees_the_projects_of_the_other_unit(two: Town) -> None:
    assert roots(two.data(NOW, "张三", "desk", "officer")) == {"P1"}
    assert roots(two.data(NOW, "吴十", "desk", "officer")) == {"P2026-0001"}


def test_neither_tracker_sees_the_units_of_the_other_firm(two: Town) -> None:
    for person, unit, other in (("钱八", "u1", "u2"), ("郑一", "u2", "u1")):
        found: Any = two.data(NOW, person, "desk", "tracker")
        assert found["units"] == [unit]
        assert other not in str(found)


def test_the_regulator_of_the_city_sees_both_units_and_that_of_the_district_neither(two: Town) -> None:
    city: Any = two.data(NOW, "周九", "desk", "regulator")
    assert city["units"] == ["u1", "u2"]
    assert {r["unit"] for r in city["ranking"]} == {"u1"}
    district: Any = two.data(NOW, "冯二", "desk", "regulator")
    assert district["units"] == ["u3"]
    assert district["ranking"] == []


def test_a_unit_behind_the_wall_is_refused_in_the_same_words_as_one_that_is_not_there(two: Town) -> None:
    for person, words in (
        ("张三", ("desk", "officer")),
        ("钱八", ("desk", "tracker")),
        ("钱八", ("report",)),
    ):
        said = []
        for unit in ("u2", "u9"):
            ran = two.desk.at(NOW, *words, "--unit", unit, person=person)
            assert ran.code == 4
            said.append(ran.err.replace(unit, "…"))
        assert said[0] == said[1]
    assert two.desk.at(NOW, "desk", "officer", "--unit", "市一中", person="张三").code == 0


def test_who_holds_no_such_role_is_refused_and_told_which(two: Town) -> None:
    for person, name, role in (
        ("钱八", "officer", "专办员"),
        ("张三", "tracker", "第三方跟踪机构"),
        ("张三", "regulator", "财政部门"),
        ("路人", "officer", "专办员"),
    ):
        ran = two.desk.at(NOW, "desk", name, person=person)
        assert ran.code == 4
        assert role in ran.err
    assert two.desk.at(NOW, "report", person="路人").code == 4


def test_the_wall_stands_from_the_first_to_the_last_instant_of_an_appointment(two: Town) -> None:
    with two.city.store.transaction():
        since, until = moment("2026-11-09 00:00"), moment("2026-11-10 00:00")  # a Monday, for a day
        People(two.city.store).appoint(Appointment("张三", "officer", "u2", since, until, PLACE))
    for at, seen in (
        ("2026-11-08 23:59", {"P1"}),
        ("2026-11-09 00:00", {"P1", "P2026-0001"}),
        ("2026-11-09 23:59", {"P1", "P2026-0001"}),
        ("2026-11-10 00:00", {"P1"}),
    ):
        assert roots(two.data(at, "张三", "desk", "officer")) == seen, at


def test_a_unit_whose_name_begins_alike_is_not_below(two: Town) -> None:
    two.desk.sql(
        "update unit set path = 'u11' where id = 'u2'"
    )  # u1 is a prefix of the text, not of the path
    assert roots(two.data(NOW, "张三", "desk", "officer")) == {"P1"}
    two.desk.sql("update unit set path = 'u1/u2' where id = 'u2'")
    assert roots(two.data(NOW, "张三", "desk", "officer")) == {"P1", "P2026-0001"}
