"""Recurring duties lie on the desk of whoever does them, with their clock and the command that ends it; nowhere else."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.city import moment
from tests.commands.conftest import Desk
from tests.desk.conftest import Town

BEGUN = "2026-12-30 09:00"  # 周三
MONDAY = "2027-01-04 09:00"
UNITS, DEPARTMENTS = "D53-u1-2027", "D82-410400-2027"


@pytest.fixture
def new_year(town: Town) -> Town:
    """The new year has come, and with it the duties of every unit and every finance department."""
    with town.city.store.transaction():
        town.city.store.begin_duties(moment(BEGUN))
    town.city.open("2026-12-30 09:00")
    town.city.patrol(BEGUN)
    town.city.patrol("2027-01-01 00:00")
    return town


def matters(found: object) -> set[str]:
    assert isinstance(found, list)
    return {item["matter"] for item in found}


def test_the_officer_sees_the_units_own_and_not_the_departments(new_year: Town) -> None:
    assert {
        m for m in matters(new_year.data(MONDAY, "张三", "desk", "officer")["clocks"]) if m[0] == "D"
    } == {UNITS}
    page = new_year.see(MONDAY, "张三", "desk", "officer")
    assert "2026年度逾期欠款公开" in page
    assert f"project do {UNITS} fulfil_duty --fact outcome=" in page
    assert "代理机构检查" not in page


def test_the_regulator_sees_the_departments_and_how_to_end_it(new_year: Town) -> None:
    data = new_year.data(MONDAY, "周九", "desk", "regulator")
    assert matters(data["recurring"]) == {DEPARTMENTS, "D82-410400-2026"}
    page = new_year.see(MONDAY, "周九", "desk", "regulator")
    assert "【周期性工作】2 件" in page
    assert "逾期欠款公开" not in page
    assert "待核实" in page  # the one of last year, due on 31 December
    assert f"project do {DEPARTMENTS} fulfil_duty" in page


def test_the_regulator_of_the_county_has_its_own(new_year: Town) -> None:
    found = new_year.data(MONDAY, "冯二", "desk", "regulator")["recurring"]
    assert matters(found) == {"D82-410402-2026", "D82-410402-2027"}


def test_the_tracker_sees_what_is_past_its_moment(new_year: Town) -> None:
    new_year.city.patrol("2027-04-01 09:00")  # 周四
    page = new_year.see("2027-04-01 09:00", "钱八", "desk", "tracker")
    assert re.search(rf"待核实 +u1 +{UNITS}", page)


def test_the_trading_centre_looks_at_the_officers_desk(new_year: Town) -> None:
    city = new_year.city
    with city.store.transaction():
        city.store.run("update unit set profile = 'gaotang' where id = 'u1'")
        city.store.run(
            "insert into person (id, name, email, phone, jurisdiction) values ('陈二', '陈二', '', '', '410400')"
        )
    city.appoint("陈二", "centre", "2027-01-04 08:00")
    city.patrol(MONDAY)
    found = matters(new_year.data(MONDAY, "陈二", "desk", "officer")["clocks"])
    assert {"D84-u1-2027H1", "D85-u1-2027Q1"} <= found


def test_the_next_step_ends_it_as_it_is_typed(new_year: Town) -> None:
    page = new_year.see(MONDAY, "张三", "desk", "officer")
    line = next(line for line in page.splitlines() if f"{UNITS} fulfil_duty" in line)
    words = shlex.split(line)
    typed = [
        w.replace("=办理情况", "=已公开").replace("=文件", "=文件.pdf")
        for w in words[words.index("project") :]
    ]
    done = new_year.desk.at(MONDAY, *typed, person="张三")
    assert done.code == 0, done.err
    assert "周期工作已办理" in done.out
    assert UNITS not in matters(new_year.data(MONDAY, "张三", "desk", "officer")["clocks"])


def test_it_is_no_project_and_is_shown_and_explained_with_its_article(new_year: Town) -> None:
    listed = new_year.data(MONDAY, "张三", "project", "list")
    assert [p["id"] for p in listed["projects"]] == ["P1"]  # type: ignore[attr-defined,index]
    shown = new_year.see(MONDAY, "张三", "project", "show", UNITS)
    assert "2026年度逾期欠款公开" in shown
    page = new_year.see(MONDAY, "张三", "project", "explain", UNITS)
    assert "法定期限  2027-03-31" in page
    assert "保障中小企业款项支付条例（国务院令第802号）第18条" in page
    assert "按合同约定" not in page


def test_nobody_else_may_record_it(new_year: Town) -> None:
    words = ("fulfil_duty", "--fact", "outcome=无", "--evidence", "report=文件.pdf")
    for person, matter in (("周九", UNITS), ("张三", DEPARTMENTS), ("吴十", UNITS)):
        refused = new_year.desk.at(MONDAY, "project", "do", matter, *words, person=person)
        assert refused.code in (3, 4), (person, refused.out)


# an installation


def test_an_installation_has_its_duties_from_init_on(empty: Desk) -> None:
    empty.done("2026-12-31 09:00", "init", "--unit", "市一中", "--jurisdiction", "410400")  # 周四
    assert empty.data("2026-12-31 10:00", "patrol")["opened"] == []
    rehearsed = empty.done(MONDAY, "patrol", "--dry-run")
    assert "开出  D53-市一中-2027  2026年度逾期欠款公开  市一中" in rehearsed
    beat = empty.data(MONDAY, "patrol")
    assert [d["matter"] for d in beat["opened"]] == ["D53-市一中-2027"]
    assert empty.data(MONDAY, "patrol")["opened"] == []
    again = empty.done("2027-01-05 09:00", "init", "--unit", "市一中")
    assert "没有变化" in again


def test_a_database_from_before_begins_with_its_first_patrol(empty: Desk) -> None:
    empty.done("2026-12-31 09:00", "init", "--unit", "市一中", "--jurisdiction", "410400")
    empty.sql("delete from meta where name = 'duties_begun'")
    assert empty.data("2027-02-01 09:00", "patrol", "--dry-run")["opened"] == []  # 周一
    [duty] = empty.data("2027-02-01 09:00", "patrol")["opened"]
    assert duty["matter"] == "D53-市一中-2027"
    [(at,)] = empty.sql("select opened_at from matter where id = 'D53-市一中-2027'")
    assert at == int(moment("2027-02-01 09:00").timestamp()) * 1_000_000


def test_what_cannot_be_opened_is_said(empty: Desk) -> None:
    empty.done("2026-12-31 09:00", "init", "--unit", "市一中", "--jurisdiction", "410400")
    empty.sql("update unit set profile = 'gone'")
    page = empty.done(MONDAY, "patrol")
    assert "开不出来  D53-市一中-2027：没有名为 gone 的地方时限方案" in page
