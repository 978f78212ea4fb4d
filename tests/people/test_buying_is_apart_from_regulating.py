"""R78: nobody buys and regulates in one jurisdiction at one time (政府采购法 第60条)."""

from __future__ import annotations

import pytest

from engine.directory import BUYING, Unit
from engine.errors import Refused
from tests.people.conftest import Desk, Offices


@pytest.mark.parametrize("role", sorted(BUYING))
def test_a_regulator_cannot_buy_and_a_buyer_cannot_regulate_in_the_same_jurisdiction(
    offices: Offices, role: str
) -> None:
    offices.appoint("周九", "regulator", "市财政局")
    offices.appoint("张三", role, "市一中")
    with pytest.raises(Refused) as bought:
        offices.appoint("周九", role, "市一中")
    with pytest.raises(Refused) as regulated:
        offices.appoint("张三", "regulator", "市财政局")
    for caught in (bought, regulated):
        assert "政府采购法 第60条" in caught.value.why
    assert offices.roles("周九", "市一中") == {"regulator"}
    assert offices.roles("张三", "市一中") == {role}


def test_the_head_of_the_finance_department_is_held_to_it_too(offices: Offices) -> None:
    offices.appoint("卫局", "regulator_head", "市财政局")
    offices.appoint("张三", "officer", "市一中")
    offices.delegate("张三", "李四", "AB")
    for person, role, unit in (
        ("卫局", "officer", "市一中"), ("张三", "regulator_head", "市财政局"), ("李四", "regulator_head", "市财政局"),
    ):  # fmt: skip
        with pytest.raises(Refused, match="不能在同一行政区划"):
            offices.appoint(person, role, unit)
    assert offices.roles("卫局", "市一中") == {"regulator_head"}
    assert offices.roles("卫局", "驻区分局") == set()
    offices.appoint("周九", "regulator", "市财政局")
    assert offices.told("regulator_head", "市一中", "2026-11-20 09:00") == {"卫局": "regulator_head"}
    offices.delegate("卫局", "周九", "leave", unit="市财政局")
    assert offices.told("regulator_head", "市一中", "2026-11-20 09:00") == {
        "周九": "regulator_head（代卫局）"
    }


def test_other_roles_and_other_jurisdictions_are_free(offices: Offices) -> None:
    offices.appoint("周九", "regulator", "市财政局")
    assert offices.appoint("周九", "expert", "市一中") == "added"
    offices.appoint("郑十", "regulator", "区财政局")
    assert offices.appoint("郑十", "officer", "市一中") == "added"


def test_who_buys_for_a_bureau_buys_for_its_branch_on_another_budget_too(offices: Offices) -> None:
    offices.appoint("郑十", "regulator", "区财政局")
    with pytest.raises(Refused):
        offices.appoint("郑十", "officer", "卫健局")  # 驻区分局 lies below it


def test_a_new_unit_cannot_join_the_two_sides(offices: Offices) -> None:
    offices.appoint("郑十", "regulator", "区财政局")
    offices.appoint("郑十", "officer", "教育局")
    with pytest.raises(Refused):
        offices.people.add_unit(Unit("区小学", "区小学", "教育局/区小学", "one-day", "410402"))
    assert "区小学" not in {u.id for u in offices.people.units()}


@pytest.mark.parametrize(
    ("since", "free"),
    [("2026-11-19 23:59:59", False), ("2026-11-20 00:00", True), ("2026-11-20 00:00:01", True)],  # Friday
)
def test_after_the_one_ends_the_other_may_begin(offices: Offices, since: str, free: bool) -> None:
    offices.appoint("张三", "officer", "市一中", "2026-01-05 00:00", "2026-11-20 00:00")
    if free:
        assert offices.appoint("张三", "regulator", "市财政局", since) == "added"
    else:
        with pytest.raises(Refused):
            offices.appoint("张三", "regulator", "市财政局", since)


def test_a_deputy_does_not_carry_the_other_side_in(offices: Offices) -> None:
    offices.appoint("周九", "regulator", "市财政局")
    offices.appoint("张三", "officer", "市一中")
    offices.appoint("李四", "tracker", "市一中")
    with pytest.raises(Refused):
        offices.delegate("周九", "张三", "leave")
    with pytest.raises(Refused):
        offices.delegate("张三", "周九", "AB")
    # by way of a deputy without a side: the second principal is one too many
    offices.delegate("周九", "李四", "leave", "2026-11-02 00:00", "2026-11-07 00:00")
    with pytest.raises(Refused):
        offices.delegate("张三", "李四", "leave", "2026-11-06 00:00", "2026-11-10 00:00")
    assert offices.delegate("张三", "李四", "leave", "2026-11-07 00:00", "2026-11-10 00:00") == "added"
    # and an appointment of the principal reaches the deputy
    offices.appoint("吴十一", "expert", "市一中")
    offices.delegate("吴十一", "张三", "AB")
    with pytest.raises(Refused):
        offices.appoint("吴十一", "regulator", "市财政局")


def test_the_command_refuses_with_the_article_and_writes_nothing(desk: Desk) -> None:
    now = "2026-11-03 10:00"  # Tuesday
    desk.done(now, "unit", "add", "市财政局")
    before = desk.dump()
    ran = desk.at(now, "person", "appoint", "张三", "财政部门", "市财政局")
    assert ran.code == 5
    assert "政府采购法 第60条" in ran.err
    assert "person dismiss" in ran.err
    assert desk.dump() == before
