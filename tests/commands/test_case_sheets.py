"""A 督办单 is one per unit and week: listed, printed for the unit, and acted upon as one."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest

from commands.printing import width
from engine.directory import Appointment, Unit
from engine.sheet import number_of, week_of
from storage.people import People
from tests.city import BEGAN, PERSONS, PLACE, City, calendar, moment
from tests.commands.conftest import DATABASE, Desk

SHEET, NEXT = "u1-2026W45", "u1-2026W46"
TRACKER, OFFICER = PERSONS["tracker"], PERSONS["officer"]
CASES = ["P1.1-C1", "P2.1-C1", "P3.1-C1"]
TUESDAY = "2026-11-10"
REMIND = ("case", "do", SHEET, "remind", "--fact", "letter_no=跟踪〔2026〕7号")


@pytest.fixture
def city(empty: Desk) -> Desk:
    """Three cases of 市一中 opened on Friday 2026-11-06 at 24:00, a fourth on Monday 11-09 at 24:00."""
    city = City(f"sqlite:///{empty.folder / DATABASE}")
    with closing(city.store):
        for number, day in ((1, "2026-11-03"), (2, "2026-11-03"), (3, "2026-11-03"), (4, "2026-11-04")):
            city.open(f"{day} 09:00", id=f"P{number}")
            city.walk("deliver_report", f"{day} 10:00", on=f"P{number}")
        city.patrol(f"{TUESDAY} 08:00")
        with city.store.transaction():
            people = People(city.store)
            people.add_unit(Unit("u2", "市二中", "u2", "one-day", PLACE))
            people.add_person("吴十", "吴十", PLACE)
            people.appoint(Appointment("吴十", "officer", "u2", BEGAN, None, PLACE))
    empty.person = TRACKER
    return empty


def states(desk: Desk) -> dict[str, str]:
    return dict(desk.sql("select id, state from matter where workflow = 'case' order by id"))


@pytest.mark.parametrize(
    ("opened", "number"),
    [
        ("2026-11-01 24:00", "u1-2026W44"),  # a Sunday's last instant
        ("2026-11-02 00:01", "u1-2026W45"),  # Monday
        ("2026-11-08 23:59", "u1-2026W45"),  # Sunday
        ("2026-11-08 24:00", "u1-2026W45"),
        ("2026-11-09 00:01", "u1-2026W46"),  # Monday
        ("2027-01-03 12:00", "u1-2026W53"),  # a Sunday that ISO counts to the year before
        ("2027-01-04 12:00", "u1-2027W01"),  # Monday
    ],
)
def test_a_sheet_is_numbered_by_the_local_week_of_the_opening(opened: str, number: str) -> None:
    assert number_of("u1", moment(opened), calendar()) == number
    week = week_of(number)
    assert week is not None
    assert week[0].weekday() == 0
    assert (week[1] - week[0]).days == 6


def test_what_is_no_number_of_a_sheet_names_no_week() -> None:
    assert week_of("市一中-2026W45") == (date(2026, 11, 2), date(2026, 11, 8))
    for text in ("P1.1-C1", "u1-2026W54", "u1-2026W00", "-2026W45", "u1-2026W4", "2026W45"):
        assert week_of(text) is None, text


def test_sheets_are_listed_with_their_counts_the_newest_first(city: Desk) -> None:
    found = city.data(f"{TUESDAY} 09:00", "case", "sheet")
    assert [(s["number"], s["unit"], s["cases"], s["open"]) for s in found["sheets"]] == [
        (NEXT, "u1", 1, 1),
        (SHEET, "u1", 3, 3),
    ]
    assert (found["sheets"][1]["from"], found["sheets"][1]["to"]) == ("2026-11-02", "2026-11-08")
    city.done(f"{TUESDAY} 09:00", "case", "do", CASES[0], "close", "--reason", "重复")
    found = city.data(f"{TUESDAY} 09:00", "case", "sheet", "--limit", "1")
    assert (found["total"], len(found["sheets"])) == (2, 1)
    page = city.done(f"{TUESDAY} 09:00", "case", "sheet", "--unit", "u1")
    assert [line.split()[-2:] for line in page.splitlines()[2:]] == [["1", "1"], ["3", "2"]]
    # the wall: who holds no appointment for the unit sees none of it
    assert "没有督办单" in city.done(f"{TUESDAY} 09:00", "case", "sheet", person="吴十")
    assert city.at(f"{TUESDAY} 09:00", "case", "sheet", SHEET, person="吴十").code == 4


def test_the_paper_speaks_to_the_unit_and_lists_every_case(city: Desk) -> None:
    noon = f"{TUESDAY} 12:00"
    city.done(
        f"{TUESDAY} 10:00", "project", "do", "P2", "decide_award", "--fact", "supplier=甲公司", person=OFFICER
    )
    found = city.data(noon, "case", "sheet", SHEET)
    text = found["text"]
    assert text.startswith(
        f"督办单\n编号：{SHEET}\n\n市一中：\n\n    2026年11月2日至2026年11月8日开立的督办件，"
    )
    assert (found["addressee"], found["issuer"]) == ("市一中", "平顶山市政府采购第三方跟踪机构")
    assert "共有3件，其中尚未销号3件" in text
    assert [(c["id"], c["item"], c["due_day"], c["days_late"]) for c in found["cases"]] == [
        # due on Wednesday 11-04; Thursday, Friday, Monday, Tuesday
        (case, "确定采购结果", "2026-11-04", 4)
        for case in CASES
    ]
    page = city.done(noon, "case", "sheet", SHEET)
    for number in (1, 2, 3):
        [row] = [line for line in page.splitlines() if line.startswith(f"{number}  ")]
        assert row.split() == [
            str(number),
            f"P{number}（教学楼桌椅）",
            "确定采购结果",
            "2026-11-04",
            "4",
            "督办中",
        ]
        assert width(row) <= 100
    for forbidden in (*PERSONS.values(), "责令", "违法", "甲公司", "{"):
        assert forbidden not in text, forbidden
    text.encode("gbk")
    # what was done on Tuesday stays four working days late, however late the paper is printed
    later = city.data("2026-11-16 12:00", "case", "sheet", SHEET)
    assert [c["days_late"] for c in later["cases"]] == [8, 4, 8]
    named = city.data(noon, "case", "sheet", SHEET, "--issuer", "河南某咨询有限公司")
    assert "    河南某咨询有限公司\n    2026年11月10日" in named["text"]


def test_one_letter_covers_the_sheet_and_leaves_other_sheets_alone(city: Desk) -> None:
    page = city.done(f"{TUESDAY} 09:30", *REMIND)
    assert f"督办单 {SHEET}：发提醒改正函，办理 3 件，拒绝 0 件，未到这一步 0 件" in page
    assert states(city) == {**dict.fromkeys(CASES, "reminded"), "P4.1-C1": "opened"}
    letters = city.sql("select distinct value from fact where name = 'letter_no'")
    assert letters == [("跟踪〔2026〕7号",)]
    for case in CASES:
        paper = city.data(f"{TUESDAY} 10:00", "case", "paper", case, "reminder")
        assert (paper["number"], paper["draft"]) == ("跟踪〔2026〕7号", False)
    assert "提醒改正函（跟踪〔2026〕7号）" in city.data(f"{TUESDAY} 10:00", "case", "sheet", SHEET)["text"]
    city.done(f"{TUESDAY} 10:00", "history", "verify")


def test_each_case_is_a_transaction_of_its_own_and_the_worst_refusal_is_the_exit_code(city: Desk) -> None:
    now = f"{TUESDAY} 09:30"
    city.done(now, "case", "do", CASES[2], "remind", "--fact", "letter_no=跟踪〔2026〕6号")
    # a history that was tampered with must not hold up the others
    city.sql("update matter set bundle = 'gone' where id = ?", CASES[1])
    ran = city.at(now, *REMIND)
    assert ran.code == 3
    assert "办理 1 件，拒绝 1 件，未到这一步 1 件" in ran.out
    assert [line.split()[:2] for line in ran.out.splitlines() if line.startswith("  P")] == [
        [CASES[0], "已办理"],
        [CASES[1], "拒绝"],
        [CASES[2], "未到这一步，现为"],
    ]
    assert states(city) == {
        CASES[0]: "reminded",
        CASES[1]: "opened",
        CASES[2]: "reminded",
        "P4.1-C1": "opened",
    }


def test_a_sheet_that_offers_nothing_is_refused_and_what_cannot_be_meant_is_told(city: Desk) -> None:
    now = f"{TUESDAY} 09:30"
    before = city.dump()
    for words, code, said in (
        (("case", "do", SHEET, "accept_case"), 5, "没有一件可以“受理”"),
        (("case", "do", SHEET, "withdraw"), 5, "没有一件可以“撤回督办”"),
        (("case", "do", SHEET, "remnd"), 2, "没有名为 remnd 的操作"),
        ((*REMIND, "--revision", "1"), 2, "--revision"),
        (("case", "do", "u1-2026W01", "remind"), 3, "没有督办单"),
        (("case", "sheet", "P1.1-C1"), 3, "没有督办单"),
        (
            ("case", "do", CASES[0], "remind", "--fact", "letter_no=1", "--fact", "sheet=别的"),
            2,
            "由系统记录",
        ),
    ):
        ran = city.at(now, *words)
        assert (ran.code, said in ran.err) == (code, True), (words, ran.err)
    # nobody without the right reminds, and each case says so
    ran = city.at(now, *REMIND, person=OFFICER)
    assert (ran.code, ran.out.count("拒绝  ")) == (4, 3)
    assert city.dump() == before


def test_a_rehearsal_of_a_sheet_leaves_nothing_behind(city: Desk) -> None:
    before = city.dump()
    assert "预演" in city.done(f"{TUESDAY} 09:30", *REMIND, "--dry-run")
    found = city.data(f"{TUESDAY} 09:30", *REMIND, "--dry-run")
    assert ([d["matter"] for d in found["done"]], found["refused"], found["dry_run"]) == (CASES, [], True)
    assert city.dump() == before


def test_a_case_names_its_sheet_on_its_page(city: Desk) -> None:
    assert f"督办单 {SHEET}" in city.done(f"{TUESDAY} 09:00", "case", "show", CASES[0])
    found = city.data(f"{TUESDAY} 09:00", "case", "list")["cases"]
    assert {c["id"]: c["sheet"] for c in found} == {**dict.fromkeys(CASES, SHEET), "P4.1-C1": NEXT}
