"""A spreadsheet of people is brought in whole or not at all, and twice is once."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from exchange.people import COLUMNS
from tests.people.conftest import Desk

NOW = "2026-11-03 10:00"  # Tuesday
HEADER = ("姓名", "账号", "角色", "单位", "上级单位", "手机", "邮箱", "起", "止")
GOOD: tuple[tuple[Any, ...], ...] = (
    ("王五", "wangwu", "专办员、采购人代表", "市二中", "教育局", 13812345678, "wang@example.org", None, None),
    ("赵六", "", "officer", "教育局", "市一中", "138 0000 1111", "", date(2026, 11, 4), date(2026, 12, 31)),
    ("周九", "zhoujiu", "财政部门", "市财政局", "市一中", "", "zhou@example.org", "2026年1月1日", ""),
    ("王五", "wangwu", "评审专家", "市一中", "", "", "", "", ""),
    ("孙七", "", "", "", "", "0375-2991234", "", "", ""),
)


def workbook(folder: Path, rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> str:
    """Write an Excel file with a heading above its header."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("政府采购人员名册",), header, *rows):
        sheet.append(list(row))
    book.save(folder / "名册.xlsx")
    return "名册.xlsx"


def table(folder: Path, rows: Sequence[Sequence[Any]], encoding: str = "gb18030") -> str:
    """Write the same as CSV, as Excel in China does."""
    with (folder / "名册.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([HEADER, *(["" if c is None else c for c in row] for row in rows)])
    return "名册.csv"


@pytest.mark.parametrize("write", [workbook, table])
def test_a_good_roster_is_brought_in_and_the_second_time_changes_nothing(desk: Desk, write: Any) -> None:
    file = write(desk.folder, GOOD)
    before = desk.dump()
    preview = desk.data(NOW, "person", "import", file, "--dry-run")
    assert (preview["written"], preview["findings"]) == (False, {})
    assert preview["counts"]["appointment"]["added"] == 5
    assert desk.dump() == before

    done = desk.data(NOW, "person", "import", file)
    assert (done["written"], done["read"], done["refused"]) == (True, 5, 0)
    assert {what: n["added"] for what, n in done["counts"].items()} == {
        "unit": 3,
        "person": 4,
        "appointment": 5,
    }
    assert desk.sql("select path from unit order by path") == [
        ("市一中",), ("市一中/市财政局",), ("市一中/教育局",), ("市一中/教育局/市二中",),
    ]  # fmt: skip
    assert desk.sql("select phone, email from person where id = 'wangwu'") == [
        ("13812345678", "wang@example.org")
    ]
    assert desk.sql("select phone from person where id = '孙七'") == [("03752991234",)]
    spans = {
        p["person"]: [(a["role"], a["since"], a["until"]) for a in p["appointments"]]
        for p in desk.data("2026-11-05 09:00", "person", "list")["persons"]
    }
    assert spans["赵六"] == [("officer", "2026-11-04T00:00:00+08:00", "2027-01-01T00:00:00+08:00")]
    assert spans["zhoujiu"] == [("regulator", "2026-01-01T00:00:00+08:00", None)]
    assert {role for role, *_ in spans["wangwu"]} == {"officer", "purchaser_rep", "expert"}

    after = desk.dump()
    again = desk.data("2026-11-10 10:00", "person", "import", file)
    assert again["written"] is False
    assert all(n["added"] == n["changed"] == 0 for n in again["counts"].values())
    assert desk.dump() == after


DIRTY: tuple[tuple[Any, ...], ...] = (
    ("王五", "", "专办员", "市一中", "", "", "", "", ""),  # line 3 of the workbook is sound
    ("赵六", "", "专办圆", "市一中", "", "", "", "", ""),
    ("孙七", "", "专办员", "市三中", "", "", "", "", ""),
    ("", "", "专办员", "市一中", "", "", "", "", ""),
    ("周九", "", "专办员", "市一中", "", "138123456789O", "zhou#example.org", "", ""),
    ("郑十", "", "专办员", "市一中", "", "", "", "2026-02-30", ""),
    ("郑十", "", "专办员", "市一中", "", "", "", "2026-11-20", "2026-11-19"),
    ("郑十", "", "专办员", "", "", "", "", "", ""),
    ("王五", "", "", "", "", "", "", "2026-11-20", ""),
    ("13812345678", "", "专办员", "市一中", "", "", "", "", ""),
    ("王大五", "王五", "专办员", "市一中", "", "", "", "", ""),
    ("张三", "", "财政部门", "市一中", "", "", "", "", ""),
    ("张三", "", "专办员", "市一中", "", "", "", "2026-01-01", ""),
    ("冯十", "", "专办员", "甲局", "乙局", "", "", "", ""),
    ("冯十", "", "专办员", "乙局", "甲局", "", "", "", ""),
    ("冯十", "", "专办员", "市一中", "市二中", "", "", "", ""),
)
FINDINGS = [
    (4, "角色", "unknown_role"),
    (5, "单位", "unknown_unit"),
    (6, "姓名", "no_person"),
    (7, "邮箱", "unreadable_email"),
    (7, "手机", "unreadable_phone"),
    (8, "起", "unreadable_date"),
    (9, "止", "ends_before_start"),
    (10, "单位", "no_unit"),
    (11, "角色", "no_role"),
    (12, "姓名", "unusable_name"),
    (13, "姓名", "contradicts_line"),
    (14, "角色", "buys_and_regulates"),
    (15, "起", "overlapping_appointment"),
    (16, "单位", "unknown_unit"),
    (17, "单位", "unknown_unit"),
    (18, "单位", "unknown_unit"),
]


def test_a_dirty_roster_is_refused_whole_with_every_cell_named(desk: Desk) -> None:
    file = workbook(desk.folder, DIRTY)
    before = desk.dump()
    ran = desk.at(NOW, "person", "import", file)
    assert ran.code == 2
    assert "全部未写入" in ran.out
    assert "名册.xlsx:4 角色 [unknown_role] 没有角色“专办圆”，是不是专办员？" in ran.out
    assert desk.dump() == before
    preview = desk.data(NOW, "person", "import", file, "--dry-run")
    found = [(f["line"], f["column"], f["kind"]) for f in preview["finding_list"]]
    assert found == FINDINGS
    assert {f["file"] for f in preview["finding_list"]} == {"名册.xlsx"}
    assert preview["refused"] == 15
    assert desk.at(NOW, "person", "import", file, "--dry-run", "--exit-code").code == 6
    assert desk.dump() == before


def test_partial_brings_in_the_sound_rows_and_leaves_nothing_of_the_others(desk: Desk) -> None:
    file = workbook(desk.folder, DIRTY)
    done = desk.data(NOW, "person", "import", file, "--partial")
    assert (done["written"], done["refused"]) == (True, 15)
    assert {what: n["added"] for what, n in done["counts"].items()} == {
        "unit": 0,
        "person": 1,
        "appointment": 1,
    }
    assert {p for (p,) in desk.sql("select id from person")} == {"张三", "李四", "王五"}
    assert desk.sql("select id from unit") == [("市一中",)]
    after = desk.dump()
    assert desk.data(NOW, "person", "import", file, "--partial")["written"] is False
    assert desk.dump() == after


def test_a_changed_cell_changes_that_alone_and_an_empty_one_says_nothing(desk: Desk) -> None:
    first = ("王五", "", "专办员", "市一中", "", "13812345678", "wang@example.org", "", "")
    desk.done(NOW, "person", "import", table(desk.folder, [first]))
    second = ("王小五", "王五", "专办员", "市一中", "", "", "", "", "2026-12-31")
    done = desk.data("2026-11-10 10:00", "person", "import", table(desk.folder, [second], "utf-8-sig"))
    assert {what: n["changed"] for what, n in done["counts"].items()} == {
        "unit": 0,
        "person": 1,
        "appointment": 1,
    }
    assert desk.sql("select name, phone, email from person where id = '王五'") == [
        ("王小五", "13812345678", "wang@example.org")
    ]
    [held] = desk.data("2026-11-10 10:00", "person", "show", "王五")["appointments"]
    assert (held["since"], held["until"]) == ("2026-11-03T10:00:00+08:00", "2027-01-01T00:00:00+08:00")


def test_a_known_unit_is_not_moved(desk: Desk) -> None:
    desk.done(NOW, "unit", "add", "市二中")
    file = table(desk.folder, [("王五", "", "专办员", "市二中", "市一中", "", "", "", "")])
    ran = desk.at(NOW, "person", "import", file)
    assert ran.code == 2
    assert "名册.csv:2 上级单位 [unit_stands_elsewhere]" in ran.out


def test_a_row_of_another_width_is_held_back(desk: Desk) -> None:
    short = ("王五", "", "专办员", "市一中")
    long = ("赵六", "", "专办员", "市一中", "", "", "", "", "", "13812345678")
    file = table(desk.folder, [short, long])
    preview = desk.data(NOW, "person", "import", file, "--dry-run")
    assert [(f["line"], f["kind"]) for f in preview["finding_list"]] == [
        (2, "too_few_cells"),
        (3, "too_many_cells"),
    ]
    assert preview["finding_list"][0]["message"] == "本行 4 格，表头 9 列"
    assert preview["counts"]["person"]["added"] == 0


def test_a_file_that_is_no_roster_is_refused(desk: Desk) -> None:
    (desk.folder / "名册.csv").write_text("项目,金额\n甲,1\n", encoding="utf-8")
    ran = desk.at(NOW, "person", "import", "名册.csv")
    assert (ran.code, "姓名" in ran.err) == (2, True)
    assert desk.at(NOW, "person", "import", "没有.xlsx").code == 2
    assert desk.at(NOW, "person", "import", "名册.docx").code == 2
    ignored = workbook(desk.folder, [("王五", "科长")], ("姓名", "职务"))
    assert desk.data(NOW, "person", "import", ignored)["ignored_columns"] == ["职务"]


def test_the_how_to_shows_the_header_that_is_read(root: Path) -> None:
    page = (root / "docs" / "how-to" / "people.md").read_text(encoding="utf-8")
    whole = (*HEADER[:7], "企业微信", "钉钉", *HEADER[7:])
    assert f"| {' | '.join(whole)} |" in page
    assert tuple(names[0] for names in COLUMNS.values()) == whole
