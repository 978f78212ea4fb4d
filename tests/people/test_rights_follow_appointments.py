"""Who holds what: by subtree, behind walls, by budget level, from … until."""

from __future__ import annotations

import pytest

from tests.city import moment
from tests.people.conftest import Desk, Offices

FRIDAY = "2026-11-20 09:00"


def test_an_appointment_holds_for_its_unit_and_those_below_and_for_no_other(offices: Offices) -> None:
    offices.appoint("张三", "officer", "教育局")
    offices.appoint("李四", "officer", "市一中")
    assert [u for u in ("教育局", "市一中", "市二中") if offices.roles("张三", u)] == [
        "教育局",
        "市一中",
        "市二中",
    ]
    assert not offices.roles("张三", "教育局二组")
    assert not offices.roles("张三", "卫健局")
    assert offices.roles("李四", "市一中") == {"officer"}
    assert not offices.roles("李四", "教育局")
    assert not offices.roles("李四", "市二中")


def test_one_firm_for_two_bureaus_sees_both_and_two_firms_do_not_see_each_other(offices: Offices) -> None:
    offices.appoint("联办", "tracker", "教育局")
    offices.appoint("联办", "tracker", "卫健局")
    offices.appoint("单办", "tracker", "教育局")

    def seen(person: str) -> set[str]:
        return {u.id for u in offices.people.visible_units(person, moment(FRIDAY))}

    assert seen("联办") == {"教育局", "市一中", "市二中", "卫健局", "驻区分局"}
    assert seen("单办") == {"教育局", "市一中", "市二中"}
    assert seen("外人") == set()


def test_a_regulator_is_competent_by_budget_level_and_not_by_the_tree(offices: Offices) -> None:
    offices.appoint("周九", "regulator", "市财政局")
    offices.appoint("郑十", "regulator", "区财政局")
    at = moment(FRIDAY)
    holders = offices.store.holders
    # the bureau is the city's, its branch is paid for by the district
    assert holders("regulator", "卫健局", "410400", at) == ["周九"]
    assert holders("regulator", "驻区分局", "410402", at) == ["郑十"]
    assert holders("regulator", "驻区分局", "410000", at) == []
    assert offices.roles("周九", "驻区分局") == set()
    assert offices.roles("郑十", "驻区分局") == {"regulator"}
    assert {u.id for u in offices.people.visible_units("郑十", at)} == {"区财政局", "驻区分局"}


@pytest.mark.parametrize(
    ("at", "held"),
    [
        ("2026-11-02 08:59:59", False),  # Monday, a second before
        ("2026-11-02 09:00", True),
        ("2026-11-19 24:00", True),
        ("2026-11-20 17:59:59", True),  # Friday
        ("2026-11-20 18:00", False),
        ("2026-11-20 18:00:01", False),
    ],
)
def test_an_appointment_holds_from_its_first_instant_and_no_longer_at_its_last(
    offices: Offices, at: str, held: bool
) -> None:
    offices.appoint("张三", "officer", "市一中", "2026-11-02 09:00", "2026-11-20 18:00")
    assert offices.roles("张三", "市一中", at) == ({"officer"} if held else set())
    assert offices.store.holders("officer", "市一中", "410400", moment(at)) == (["张三"] if held else [])
    assert bool(offices.people.visible_units("张三", moment(at))) is held


def test_a_day_as_end_counts_in_full(desk: Desk) -> None:
    desk.done("2026-11-02 09:00", "person", "add", "王五", "--name", "王五")
    words = (
        "person",
        "appoint",
        "王五",
        "专办员",
        "市一中",
        "--since",
        "2026-11-03",
        "--until",
        "2026-11-20",
    )
    assert "止 2026-11-20 24:00" in desk.done("2026-11-02 09:00", *words)
    for at, code in (
        ("2026-11-02 23:59:59", 4),
        ("2026-11-03 00:00", 0),  # Tuesday
        ("2026-11-20 23:59:59", 0),  # Friday
        ("2026-11-21 00:00", 4),
    ):
        assert (
            desk.at(
                at, "project", "new", "图书", "--stage", "package.evaluating", "--dry-run", person="王五"
            ).code
            == code
        ), at


def test_dismissal_ends_a_role_now_keeps_the_record_and_cancels_one_to_come(offices: Offices) -> None:
    offices.appoint("张三", "officer", "市一中")
    offices.appoint("李四", "officer", "市一中", "2027-01-01 00:00")
    for person in ("张三", "李四"):
        offices.people.dismiss(person, "officer", "市一中", moment(FRIDAY))
    assert offices.roles("张三", "市一中", "2026-11-20 08:59:59") == {"officer"}
    assert offices.roles("张三", "市一中", FRIDAY) == set()
    assert offices.roles("李四", "市一中", "2027-01-01 00:00") == set()  # a Friday
    assert [h.person for h in offices.people.appointments()] == ["张三", "李四"]
    assert offices.appoint("张三", "officer", "市一中", "2026-12-01 00:00") == "added"


def test_the_list_of_projects_stops_at_the_wall(desk: Desk) -> None:
    now = "2026-11-03 10:00"  # Tuesday
    desk.done(now, "unit", "add", "市二中")
    desk.done(now, "unit", "add", "分校", "--under", "市一中")
    for person, unit in (("赵六", "市二中"), ("孙七", "分校")):
        desk.done(now, "person", "add", person, "--name", person)
        desk.done(now, "person", "appoint", person, "officer", unit)
        desk.done(now, "project", "new", f"{unit}图书", "--stage", "package.evaluating", person=person)
    desk.done(now, "project", "new", "市一中图书", "--stage", "package.evaluating", "--unit", "市一中")

    def listed(*words: str, person: str = "张三") -> list[str]:
        ran = desk.at(now, "project", "list", "--json", *words, person=person)
        assert ran.code == 0, ran.err
        return sorted(word for word in ("市一中图书", "市二中图书", "分校图书") if word in ran.out)

    assert listed() == ["分校图书", "市一中图书"]
    assert listed(person="赵六") == ["市二中图书"]
    assert listed(person="孙七") == ["分校图书"]
    assert listed(person="外人") == []
    assert listed("--unit", "市一中", person="孙七") == ["分校图书"]
    assert len(listed("--limit", "1")) == 1
    refused = desk.at(now, "project", "list", "--unit", "市二中")
    assert (refused.code, refused.out) == (4, "")
    # the operator's own view: nobody is named, nothing is hidden
    everything = desk.run("project", "list")
    assert all(word in everything.out for word in ("市一中图书", "市二中图书", "分校图书"))
