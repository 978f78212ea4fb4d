"""Who is told and who counts as whom while somebody is away."""

from __future__ import annotations

import pytest

from engine.advance import Receipt, Request, advance
from engine.directory import Delegation, recipients
from engine.errors import BadInput, Conflict, Refused
from storage.people import People
from tests.city import UNIT, City, moment, paper
from tests.people.conftest import BEGAN, Offices

FRIDAY = "2026-11-20 09:00"


@pytest.fixture
def staffed(offices: Offices) -> Offices:
    """市一中 with an officer, a head and a tracker; 李四 and 王五 may stand in."""
    offices.appoint("张三", "officer", "市一中")
    offices.appoint("韩处", "purchaser_head", "市一中")
    offices.appoint("钱八", "tracker", "教育局")
    for person in ("李四", "王五"):
        offices.appoint(person, "expert", "卫健局")
    return offices


@pytest.mark.parametrize("kind", ["leave", "acting"])
def test_a_reminder_goes_to_the_deputy_instead_and_a_warning_to_both(staffed: Offices, kind: str) -> None:
    staffed.delegate("张三", "李四", kind)  # type: ignore[arg-type]
    assert staffed.told("officer", "市一中", FRIDAY) == {"李四": "officer（代张三）"}
    assert staffed.told("officer", "市一中", FRIDAY, warning=True) == {
        "李四": "officer（代张三）",
        "张三": "officer",
    }


def test_an_ab_deputy_is_told_as_well(staffed: Offices) -> None:
    staffed.delegate("张三", "李四", "AB")
    assert staffed.told("officer", "市一中", FRIDAY) == {"张三": "officer", "李四": "officer（代张三）"}


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-11-15 23:59:59", "张三"),  # Sunday
        ("2026-11-16 00:00", "李四"),  # Monday, the first day of leave
        ("2026-11-20 23:59:59", "李四"),  # Friday, the last
        ("2026-11-20 24:00", "张三"),
    ],
)
def test_a_leave_has_a_first_and_a_last_instant(staffed: Offices, at: str, told: str) -> None:
    staffed.delegate("张三", "李四", "leave", "2026-11-16 00:00", "2026-11-20 24:00")
    assert list(staffed.told("officer", "市一中", at)) == [told]
    assert staffed.roles("李四", "市一中", at) == ({"officer"} if told == "李四" else set())


def test_a_deputy_for_one_unit_stands_in_there_and_below_only(offices: Offices) -> None:
    offices.appoint("张三", "officer", "教育局")
    offices.appoint("张三", "officer", "卫健局")
    offices.appoint("李四", "expert", "卫健局")
    offices.delegate("张三", "李四", "leave", unit="市一中")
    assert list(offices.told("officer", "市一中", FRIDAY)) == ["李四"]
    assert list(offices.told("officer", "市二中", FRIDAY)) == ["张三"]
    assert list(offices.told("officer", "卫健局", FRIDAY)) == ["张三"]
    assert offices.roles("李四", "市一中") == {"officer"}
    assert offices.roles("李四", "教育局") == set()
    assert {u.id for u in offices.people.visible_units("李四", moment(FRIDAY))} == {
        "市一中",
        "卫健局",
        "驻区分局",
    }


def test_a_regulator_on_leave_is_replaced_within_the_jurisdiction(offices: Offices) -> None:
    offices.appoint("周九", "regulator", "市财政局")
    offices.appoint("冯十", "expert", "卫健局")
    offices.delegate("周九", "冯十", "leave", unit="市财政局")
    assert offices.told("regulator", "市一中", FRIDAY) == {"冯十": "regulator（代周九）"}
    assert offices.roles("冯十", "市一中") == {"regulator"}
    assert offices.roles("冯十", "驻区分局") == {"expert"}


def test_only_one_hop_is_made_and_then_the_head_is_told_then_the_tracker(staffed: Offices) -> None:
    staffed.delegate("张三", "李四", "leave")
    staffed.delegate("李四", "王五", "leave")
    assert staffed.told("officer", "市一中", FRIDAY) == {"韩处": "purchaser_head"}
    staffed.delegate("韩处", "李四", "leave")
    assert staffed.told("officer", "市一中", FRIDAY) == {"钱八": "tracker"}
    staffed.delegate("钱八", "李四", "leave")
    # everybody is away: a notice is not lost for that
    assert staffed.told("officer", "市一中", FRIDAY) == {"张三": "officer"}
    assert staffed.told("agency", "市一中", FRIDAY) == {"韩处": "purchaser_head"}
    assert staffed.told("officer", "市一中", FRIDAY, warning=True) == {
        "张三": "officer",
        "李四": "officer（代张三）",
    }


def test_a_circle_is_refused_and_one_that_stands_in_the_table_still_reaches_somebody(
    staffed: Offices,
) -> None:
    staffed.appoint("李四", "officer", "市一中")
    staffed.delegate("张三", "李四", "leave", "2026-11-16 00:00", "2026-11-21 00:00")
    staffed.delegate("李四", "王五", "leave", "2026-11-16 00:00", "2026-11-21 00:00")
    for principal, deputy in (("李四", "张三"), ("王五", "张三")):
        with pytest.raises(BadInput, match="一圈"):
            staffed.delegate(principal, deputy, "leave", "2026-11-20 00:00", "2026-11-24 00:00")
    assert staffed.delegate("李四", "张三", "leave", "2026-11-21 00:00", "2026-11-24 00:00") == "added"
    with pytest.raises(BadInput, match="自己"):
        staffed.delegate("张三", "张三", "AB")
    circle = [
        Delegation("甲", "乙", "leave", "", BEGAN, None, "410400"),
        Delegation("乙", "甲", "leave", "", BEGAN, None, "410400"),
    ]
    held = {"officer": ["甲"], "supplier": ["丙"]}
    found = recipients("officer", lambda r: held.get(r, []), lambda _: circle)
    assert [r.person for r in found] == ["甲"]
    assert recipients("officer", lambda _: [], lambda _: circle) == []
    assert [r.person for r in recipients("tracker", lambda r: held.get(r, []), lambda _: [])] == ["甲"]


def test_a_delegation_entered_twice_changes_nothing_and_can_be_given_an_end(staffed: Offices) -> None:
    assert staffed.delegate("张三", "李四", "leave", "2026-11-16 00:00") == "added"
    assert staffed.delegate("张三", "李四", "leave", "2026-11-16 00:00") == "unchanged"
    assert staffed.delegate("张三", "李四", "leave", "2026-11-16 00:00", "2026-11-18 00:00") == "changed"
    with pytest.raises(Conflict):
        staffed.delegate("张三", "李四", "leave", "2026-11-17 00:00", "2026-11-19 00:00")
    with pytest.raises(BadInput):
        staffed.delegate("张三", "李四", "leave", "2026-11-20 00:00", "2026-11-20 00:00")
    assert [d.until for d in staffed.people.delegations("李四")] == [moment("2026-11-18 00:00")]


def test_a_deputy_stands_for_principals_who_hold_a_role_there(staffed: Offices) -> None:
    staffed.delegate("张三", "李四", "AB")
    staffed.delegate("钱八", "李四", "leave", until="2026-11-20 09:00")

    def stands_for(person: str, unit: str, at: str) -> set[str]:
        return set(staffed.people.stands_for(person, unit, moment(at)))

    assert stands_for("李四", "市一中", "2026-11-20 08:59:59") == {"张三", "钱八"}
    assert stands_for("李四", "市一中", FRIDAY) == {"张三"}
    assert stands_for("李四", "市二中", "2026-11-20 08:59:59") == {"钱八"}
    assert stands_for("李四", "卫健局", FRIDAY) == set()
    assert stands_for("张三", "市一中", FRIDAY) == set()


def test_a_deputy_and_the_principal_are_one_person_where_two_are_needed() -> None:
    city = City()
    city.open("2026-11-02 09:00")
    city.walk("end_evaluation", "2026-11-02 10:00")
    people = People(city.store)
    now = moment("2026-11-12 09:00")  # a Thursday; recorded back to Tuesday of the week before
    papers = (paper("evaluation_report"),)

    def record(by: str, second: str) -> Receipt:
        with city.store.work() as work:
            actor, other = people.actor(by, UNIT, now), people.actor(second, UNIT, now)
            happened = moment("2026-11-03 10:00")
            work.family("P1")
            request = Request("P1.1", "deliver_report", happened, {}, papers, "忘了登记", None, other)
            return advance(city.office, work, request, actor, now)

    for person in ("吴十", "郑十一", "冯十二"):
        city.appoint(person, "agency", "2026-01-01 00:00")
    with city.store.transaction():
        for deputy in ("郑十一", "冯十二"):
            people.delegate(Delegation("吴十", deputy, "AB", "", BEGAN, None, "410400"))
    # the deputy and the principal, either way round, and two deputies of one principal
    for pair in (("吴十", "郑十一"), ("郑十一", "吴十"), ("郑十一", "冯十二"), ("吴十", "吴十")):
        with pytest.raises(Refused, match="第二人"):
            record(*pair)
    assert record("郑十一", "赵六").outcome.matter.state == "report_delivered"
    city.store.close()
