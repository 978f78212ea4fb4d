"""The to-do list as a workbook: out with what waits, filled in, back in; every cell answers for itself."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.desk.conftest import Town

FILE = "待办.xlsx"
WEDNESDAY = "2026-11-04 09:00"
EVENING = "2026-11-04 18:00"


class Sheet:
    """The list in the hands of an officer: cells by row and by the key of the column."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.book = openpyxl.load_workbook(path)
        self.page: Any = self.book.active
        self.columns = {cell.value: cell.column for cell in self.page[1] if cell.value}

    def row_of(self, matter: str, action: str) -> int:
        return next(
            n
            for n in range(3, self.page.max_row + 1)
            if (self.get(n, "matter"), self.get(n, "action")) == (matter, action)
        )

    def get(self, row: int, key: str) -> Any:
        return self.page.cell(row, self.columns[key]).value

    def put(self, row: int, **values: Any) -> None:
        for key, value in values.items():
            name = key.replace("__", ":").replace("_of_", ".")
            self.page.cell(row, self.columns[name]).value = value

    def acts(self) -> list[tuple[str, str]]:
        return [
            (self.get(n, "matter"), self.get(n, "action"))
            for n in range(3, self.page.max_row + 1)
            if self.get(n, "action")
        ]

    def save(self) -> None:
        self.book.save(self.path)


def export(town: Town, moment: str = WEDNESDAY, name: str = FILE) -> Sheet:
    town.desk.done(moment, "desk", "officer", "--xlsx", name, person="张三")
    return Sheet(town.desk.folder / name)


def hand_in(town: Town, *words: str, moment: str = EVENING, name: str = FILE, person: str = "张三") -> Any:
    return json.loads(town.desk.done(moment, "desk", "fill", name, *words, "--json", person=person))


def flaws(found: Any) -> list[tuple[str, int, str | None]]:
    return [(f["kind"], f["row"], f["column"]) for f in found["findings"]]


@pytest.fixture
def waiting(town: Town) -> Town:
    """P1 waits for the award, P2 for the evaluation to end, P3 for the report."""
    town.reported("P1")
    town.city.open("2026-11-03 09:00", id="P2")
    town.city.open("2026-11-03 09:00", id="P3")
    town.city.do("end_evaluation", "2026-11-03 10:00", on="P3")
    return town


def test_the_list_holds_what_waits_for_this_person_by_time_left_and_nothing_else(waiting: Town) -> None:
    sheet = export(waiting)
    # the award is due first; giving a package up waits for nobody
    assert sheet.acts() == [("P1.1", "decide_award"), ("P3.1", "deliver_report"), ("P2.1", "end_evaluation")]
    row = sheet.row_of("P1.1", "decide_award")
    shown = [sheet.get(row, key) for key in ("title", "item", "name", "due", "left", "day", "reason")]
    assert shown == [
        "教学楼桌椅", "采购包", "确定中标（成交）供应商", "2026-11-04 24:00", "剩 15 小时", None, None,
    ]  # fmt: skip
    assert sheet.page.row_dimensions[1].hidden
    assert sheet.page.freeze_panes == "B3"
    heads = [cell.value for cell in sheet.page[2]]
    assert heads[:7] == ["编号", "项目", "事项", "操作", "截止", "剩余", "发生日期（填）"]


def test_a_filled_row_is_one_act_with_its_facts_day_reason_and_source(waiting: Town) -> None:
    sheet = export(waiting)
    row = sheet.row_of("P1.1", "decide_award")
    sheet.put(row, day=date(2026, 11, 4), fact__package_of_supplier="甲公司")
    sheet.save()
    found = hand_in(waiting)
    assert found["done"] == [{"row": row, "matter": "P1.1", "action": "确定中标（成交）供应商"}]
    assert (found["known"], found["empty"], found["not_done"], found["findings"]) == ([], 2, 0, [])
    matter = waiting.city.matter("P1.1")
    assert (matter.state, matter.facts["supplier"]) == ("decided", "甲公司")
    body = json.loads(
        waiting.desk.sql("select body from history where matter = 'P1.1' order by no desc limit 1")[0][0]
    )
    assert (body["actor"], body["detail"]["source"]) == ("张三", f"{FILE}:{row}")
    assert waiting.city.clock("P1.1", "decide_award").state == "met"


def test_the_same_file_twice_changes_nothing(waiting: Town) -> None:
    (waiting.desk.folder / "报告.pdf").write_bytes(b"%PDF")
    sheet = export(waiting)
    sheet.put(sheet.row_of("P1.1", "decide_award"), day="2026-11-04", fact__package_of_supplier="甲公司")
    sheet.put(
        sheet.row_of("P3.1", "deliver_report"), day="2026年11月4日", paper__evaluation_report="报告.pdf"
    )
    sheet.put(sheet.row_of("P2.1", "end_evaluation"), day=datetime(2026, 11, 4))  # noqa: DTZ001 - as Excel has it
    sheet.save()
    first = hand_in(waiting)
    assert (len(first["done"]), first["not_done"]) == (3, 0)
    before = waiting.desk.dump()
    for moment in (EVENING, "2026-11-05 09:00"):
        again = hand_in(waiting, moment=moment)
        assert (again["done"], sorted(again["known"]), again["not_done"]) == ([], [3, 4, 5], 0)
        assert waiting.desk.dump() == before


def test_what_was_recorded_otherwise_since_is_a_conflict_and_the_record_stands(waiting: Town) -> None:
    sheet = export(waiting)
    row = sheet.row_of("P1.1", "decide_award")
    sheet.put(row, day="2026-11-04", fact__package_of_supplier="乙公司")
    sheet.save()
    waiting.city.do("decide_award", "2026-11-04 10:00", on="P1", supplier="甲公司")
    found = hand_in(waiting)
    assert flaws(found) == [("refused", row, None)]
    assert "已经登记过" in found["findings"][0]["message"]
    assert waiting.city.matter("P1.1").facts["supplier"] == "甲公司"


def test_each_cell_that_cannot_be_used_is_named_and_its_row_leaves_nothing_behind(waiting: Town) -> None:
    sheet = export(waiting)
    award, report, evaluation = (sheet.row_of(m, a) for m, a in sheet.acts())
    sheet.put(award, day="上周三", fact__package_of_supplier="甲公司")
    sheet.put(report, day="2026-11-05", paper__evaluation_report="报告.pdf")
    sheet.put(evaluation, fact__package_of_supplier="甲公司")
    sheet.save()
    before = waiting.desk.dump()
    found = hand_in(waiting)
    assert flaws(found) == [
        ("unreadable_date", award, "G"),
        ("future_day", report, "G"),
        ("unreadable_paper", report, "I"),
        ("no_day", evaluation, "G"),
        ("not_asked", evaluation, "H"),
    ]
    assert found["not_done"] == 3
    assert waiting.desk.dump() == before

    # days that can be read; what is wrong with the other cells remains
    for row in (award, report, evaluation):
        sheet.put(row, day="2026-11-04")
    sheet.put(award, fact__package_of_supplier=None)
    sheet.put(award, reason="已定")
    sheet.save()
    found = hand_in(waiting)
    assert flaws(found) == [
        ("missing_fact", award, "H"),
        ("unreadable_paper", report, "I"),
        ("not_asked", evaluation, "H"),
    ]
    out = waiting.desk.done(EVENING, "desk", "fill", FILE, person="张三")
    assert f"第 {award} 行 H 列（中标（成交）供应商）" in out
    assert waiting.desk.at(EVENING, "desk", "fill", FILE, "--exit-code", person="张三").code == 6
    assert waiting.desk.dump() == before


def test_a_row_that_is_refused_says_why_and_the_others_stand(waiting: Town) -> None:
    (waiting.desk.folder / "报告.pdf").write_bytes(b"%PDF")
    sheet = export(waiting)
    award, report, _ = (sheet.row_of(m, a) for m, a in sheet.acts())
    # the report was delivered on Tuesday 11-03: an award before that cannot be
    sheet.put(award, day="2026-11-02", fact__package_of_supplier="甲公司", reason="补录")
    sheet.put(report, day="2026-11-04", paper__evaluation_report="报告.pdf")
    sheet.save()
    found = hand_in(waiting)
    assert [d["row"] for d in found["done"]] == [report]
    assert flaws(found) == [("refused", award, None)]
    assert "早于" in found["findings"][0]["message"]
    assert waiting.city.matter("P1.1").state == "report_delivered"
    assert waiting.city.matter("P3.1").state == "report_delivered"


def test_a_record_of_the_past_needs_its_reason_on_paper_as_anywhere(waiting: Town) -> None:
    sheet = export(waiting)
    row = sheet.row_of("P2.1", "end_evaluation")
    sheet.put(row, day="2026-11-03")
    sheet.save()
    assert "需要说明原因" in hand_in(waiting)["findings"][0]["message"]
    sheet.put(row, reason="当天漏登")
    sheet.save()
    assert hand_in(waiting)["not_done"] == 0


def test_a_review_is_signed_in_the_list_with_an_opinion_and_its_cells_say_what_is_lacking(town: Town) -> None:
    town.city.open("2026-11-03 09:00", id="P1", stage="project.plan_filed")
    sheet = export(town)
    row = sheet.row_of("P1", "engage_agency")
    head = sheet.page.cell(2, sheet.columns["check:agency_terms"]).value
    assert head.startswith("委托代理协议必备事项（填：逐项看过、都符合的，填“都符合”")
    assert len(head.split("\n")) == 1 + len(town.city.office.current.checklists["agency_terms"].items)

    sheet.put(row, day="2026-11-04", paper__agency_agreement="文件.pdf", fact__project_of_agency="公正代理")
    sheet.save()
    found = hand_in(town)
    assert [(f["kind"], f["head"].partition("（")[0]) for f in found["findings"]] == [
        ("missing_check", "委托代理协议必备事项"),
        ("missing_opinion", "原因、审查意见"),
    ]
    sheet.put(row, check__agency_terms="基本齐全", reason="齐全")
    sheet.save()
    assert [f["kind"] for f in hand_in(town)["findings"]] == ["unreadable_check"]
    assert town.city.matter("P1").state == "plan_filed"

    sheet.put(row, check__agency_terms="都符合")
    sheet.save()
    assert [d["matter"] for d in hand_in(town)["done"]] == ["P1"]
    body = json.loads(
        town.desk.sql("select body from history where matter = 'P1' order by no desc limit 1")[0][0]
    )
    assert (list(body["detail"]["checked"]), body["detail"]["reason"]) == (["agency_terms"], "齐全")


def test_the_methods_of_a_tier_share_their_columns(waiting: Town) -> None:
    waiting.city.open("2026-11-03 09:00", id="P4", stage="package.report_delivered", method="open_tender")
    waiting.city.open(
        "2026-11-03 09:00", id="P5", stage="package.report_delivered", method="competitive_consultation"
    )
    sheet = export(waiting)
    heads = [str(cell.value) for cell in sheet.page[2]]
    assert heads.count("中标（成交）供应商（填）") == 1
    for project in ("P4", "P5"):
        sheet.put(
            sheet.row_of(f"{project}.1", "decide_award"), day="2026-11-04", fact__package_of_supplier="甲公司"
        )
    sheet.save()
    assert [d["matter"] for d in hand_in(waiting)["done"]] == ["P4.1", "P5.1"]
    assert waiting.city.matter("P5.1").facts["supplier"] == "甲公司"


def test_a_rehearsal_takes_the_whole_list_and_keeps_nothing(waiting: Town) -> None:
    sheet = export(waiting)
    sheet.put(sheet.row_of("P1.1", "decide_award"), day="2026-11-04", fact__package_of_supplier="甲公司")
    sheet.save()
    before = waiting.desk.dump()
    found = hand_in(waiting, "--dry-run")
    assert (found["dry_run"], len(found["done"])) == (True, 1)
    assert waiting.desk.dump() == before
    out = waiting.desk.done(EVENING, "desk", "fill", FILE, "--dry-run", person="张三")
    assert out.startswith("【预演，没有保存】")


def test_a_list_gives_nobody_a_right_that_the_person_lacks(waiting: Town) -> None:
    sheet = export(waiting)
    row = sheet.row_of("P1.1", "decide_award")
    sheet.put(row, day="2026-11-04", fact__package_of_supplier="甲公司")
    sheet.save()
    before = waiting.desk.dump()
    # 赵六 is the agency of this unit, 吴十 works behind the wall
    refused = hand_in(waiting, person="赵六")
    assert "不能对 P1.1 进行" in refused["findings"][0]["message"]
    behind = hand_in(waiting, person="吴十")
    sheet.put(row, matter="P9.1")
    sheet.save()
    missing = hand_in(waiting, person="吴十")
    said = [f["findings"][0]["message"].replace(m, "…") for f, m in ((behind, "P1.1"), (missing, "P9.1"))]
    assert said[0] == said[1]
    assert waiting.desk.dump() == before


def test_a_paper_is_taken_from_beside_the_list_and_from_nowhere_else(waiting: Town) -> None:
    sheet = export(waiting)
    row = sheet.row_of("P3.1", "deliver_report")
    for name in ("../报告.pdf", "/etc/hostname", "文件夹\\报告.pdf", ".."):
        sheet.put(row, day="2026-11-04", paper__evaluation_report=name)
        sheet.save()
        found = hand_in(waiting)
        assert found["findings"][0]["kind"] in ("unusable_paper", "unreadable_paper"), name
    sheet.put(row, paper__evaluation_report="文件.pdf")  # it lies on the desk
    sheet.save()
    assert hand_in(waiting)["not_done"] == 0
    kept = waiting.desk.sql("select name, size from evidence where matter = 'P3.1'")
    assert kept == [("文件.pdf", len(b"%PDF-1.7 evidence"))]


def test_no_cell_is_ever_a_formula_or_a_link(waiting: Town) -> None:
    for title in ('=HYPERLINK("http://example.cn","x")', "+1+1", "-2", "@SUM(A1)", "http://example.cn"):
        waiting.desk.sql("update matter set title = ?", title)
        name = f"{abs(hash(title))}.xlsx"
        sheet = export(waiting, name=name)
        assert {c.data_type for row in sheet.page.iter_rows() for c in row if c.value is not None} <= {
            "s",
            "n",
        }
        row = sheet.row_of("P1.1", "decide_award")
        assert (sheet.get(row, "title"), sheet.page.cell(row, 2).hyperlink) == (title, None)
        with zipfile.ZipFile(waiting.desk.folder / name) as parts:
            page = parts.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in page
        assert "hyperlink" not in page


def test_a_list_that_may_have_been_filled_in_is_never_overwritten(waiting: Town) -> None:
    export(waiting)
    again = waiting.desk.at(WEDNESDAY, "desk", "officer", "--xlsx", FILE, person="张三")
    assert again.code == 2
    assert "已经存在" in again.err
    assert waiting.desk.at(WEDNESDAY, "desk", "officer", "--xlsx", "待办.csv", person="张三").code == 2


def test_another_workbook_or_a_broken_one_is_refused_in_words(waiting: Town) -> None:
    other = openpyxl.Workbook()
    other.active["A1"] = "编号"  # type: ignore[index]
    other.save(waiting.desk.folder / "别的.xlsx")
    (waiting.desk.folder / "坏的.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    for name, code, said in (
        ("别的.xlsx", 2, "不是一日办导出的待办清单"),
        ("坏的.xlsx", 1, "不是完整的 Excel 工作簿"),
        ("没有.xlsx", 2, "没有这个文件"),
    ):
        ran = waiting.desk.at(EVENING, "desk", "fill", name, person="张三")
        assert (ran.code, said in ran.err) == (code, True), name


def test_the_list_speaks_english_and_is_taken_back_in_either_language(waiting: Town) -> None:
    waiting.desk.done(WEDNESDAY, "--lang", "en", "desk", "officer", "--xlsx", "todo.xlsx", person="张三")
    sheet = Sheet(waiting.desk.folder / "todo.xlsx")
    heads = [str(cell.value) for cell in sheet.page[2]]
    assert heads[6] == "happened on (fill in)"
    assert not any(re.search(r"[\u4e00-\u9fff]", head) for head in heads)
    sheet.put(sheet.row_of("P1.1", "decide_award"), day="2026-11-04", fact__package_of_supplier="甲公司")
    sheet.save()
    assert len(hand_in(waiting, name="todo.xlsx")["done"]) == 1
