"""`yiriban init`: the database, the first unit, and who acts for it; twice changes nothing."""

from __future__ import annotations

from tests.commands.conftest import HALFWAY, Desk

MONDAY = "2026-11-02 08:00"
TUESDAY = "2026-11-03 08:00"


def test_the_first_run_registers_everything_and_the_second_changes_nothing(empty: Desk) -> None:
    words = ("init", "--unit", "市一中", "--jurisdiction", "410400", "--profile", "statutory")
    first = empty.data(MONDAY, *words)
    assert first["added"] == ["database", "jurisdiction", "unit", "person", "appointment", "bundle"]
    before = empty.dump()
    again = empty.data(TUESDAY, *words)
    assert (again["changed"], again["added"]) == (False, [])
    assert "没有变化" in empty.done(TUESDAY, *words)
    assert empty.dump() == before
    # who leaves the options out means the unit that there is
    assert empty.data(TUESDAY, "init")["unit"] == "市一中"
    assert empty.dump() == before
    roles = empty.sql("select role from appointment where person = '张三' order by role")
    assert [r[0] for r in roles] == ["officer", "purchaser_head", "purchaser_rep"]
    files = empty.sql("select files from bundle where hash = ?", first["bundle"])
    assert "contract.yaml" in files[0][0]


def test_a_registered_unit_is_never_changed_behind_anybodys_back(desk: Desk) -> None:
    before = desk.dump()
    for words in (("--profile", "statutory"), ("--jurisdiction", "410000")):
        ran = desk.at(TUESDAY, "init", "--unit", "市一中", *words)
        assert (ran.code, "不改动已有的" in ran.err) == (7, True)
    for words, code in (
        (("--profile", "two-day"), 3),
        (("--jurisdiction", "平顶山"), 2),
        (("--unit", "a/b"), 2),
    ):
        assert desk.at(TUESDAY, "init", *words).code == code
    assert desk.dump() == before


def test_a_project_takes_the_bundle_and_the_promises_of_its_unit(empty: Desk) -> None:
    empty.done(MONDAY, "init", "--unit", "市一中", "--profile", "statutory")
    empty.done(MONDAY, "project", "new", "甲", *HALFWAY)
    do = ("project", "do", "P2026-0001")
    empty.done(TUESDAY, *do, "end_evaluation")
    empty.done(TUESDAY, *do, "deliver_report", "--evidence", "evaluation_report=文件.pdf")
    shown = empty.data(TUESDAY, "project", "show", "P2026-0001")
    assert {m["profile"] for m in shown["matters"]} == {"statutory"}
    decide = next(c for c in shown["clocks"] if c["clock"] == "decide_award")
    assert [d["moment"] for d in decide["due"]] == ["statutory"]
    kept = {row[0] for row in empty.sql("select hash from bundle")}
    assert {m["bundle"] for m in shown["matters"]} <= kept


def test_who_serves_two_units_must_say_for_which_a_project_is_opened(desk: Desk) -> None:
    desk.done(TUESDAY, "init", "--unit", "市二中")
    ran = desk.at(TUESDAY, "project", "new", "甲")
    assert (ran.code, "市一中" in ran.err, "市二中" in ran.err) == (2, True, True)
    assert desk.data(TUESDAY, "project", "new", "甲", "--unit", "市二中")["unit"] == "市二中"
    assert desk.at(TUESDAY, "project", "new", "甲", "--unit", "市二中", person="李四").code == 4
