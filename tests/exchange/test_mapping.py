"""Mapping files: what they may say, and what is answered to those that say it wrongly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engine.errors import BadInput, NotFound
from engine.term import Length
from engine.workflow import WorkflowDef
from exchange.ledger import Header
from exchange.mapping import Mapping, lay_over
from exchange.mapping_reader import BrokenMapping, depths, find_mapping, load_mappings
from exchange.observation import Finding, Row

Read = Callable[..., tuple[list[Row], list[Finding]]]
Make = Callable[[str], Mapping]

HERE = Path(__file__).parent

WHOLE = """\
mapping: city
title: {zh: 全市台账, en: city register}
fits:
  headers: [项目, 包, 合同, 期, 名称]
encoding: gb18030
delimiter: ";"
dates: [iso, dd.mm.yyyy]
empty: [无, N/A]
currency: EUR
project: [项目]
parts: {package: [包], contract: [合同], instalment: [期]}
columns:
  名称: {is: title}
  单位: {is: unit}
  合同号: {alias: contract_no}
  通知: [{action: package.issue_award_letter}, {action: package.publish_result}]
  签订: {action: contract.sign_contract}
  签订二: {action: contract.sign_contract, part: 补, dates: [d/m/yy]}
  付款: {action: instalment.pay}
  申请: {date: true, why: 流程尚未覆盖}
  金额: {fact: contract.amount, unit: 万元}
  期数: {fact: contract.instalments}
  小微: {fact: contract.supplier_small, true_words: [是, Y], false_words: [否]}
  付款期限: {fact: contract.pay_within}
  验收日: {fact: instalment.accepted_on}
  发票: {fact: instalment.invoice_no}
  备注: {ignore: true, why: 自由文字}
facts:
  contract.accept_within: 7 working days
  package.contracts: 2
"""


def test_a_row_says_all_that_its_columns_mean(tmp_path: Path, mapping: Make, read: Read) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "项目;包;合同;期;名称;单位;合同号;通知;签订;签订二;付款;申请;金额;"
        "期数;小微;付款期限;验收日;发票;备注;新列\r\n"
        "P1;1;A;一;桌椅 采购;图书馆;HT-1;2025-03-04;05.03.2025;6/3/25;无;2025-02-30;1,2.5;"
        "3;y;30日;2025-04-01;007;=1+1;x\r\n"
        "P1;1;A;二;;;n/a;;;;2025-05-06;;0.00000001;x;也许;很久;昨天;;;\r\n".encode("gb18030")
    )
    (first, second), findings = read(path, mapping(WHOLE))
    assert [(s.workflow, s.action, s.day, s.parts, s.column) for s in first.steps] == [
        ("package", "issue_award_letter", date(2025, 3, 4), ("1",), "通知"),  # Tuesday
        ("package", "publish_result", date(2025, 3, 4), ("1",), "通知"),  # Tuesday
        ("contract", "sign_contract", date(2025, 3, 5), ("1", "A"), "签订"),  # Wednesday
        ("contract", "sign_contract", date(2025, 3, 6), ("1", "补"), "签订二"),  # Thursday
    ]
    assert [(s.action, s.day, s.parts) for s in second.steps] == [("pay", date(2025, 5, 6), ("1", "A", "二"))]
    assert first.facts == [
        ("contract", ("1", "A"), "instalments", 3),
        ("contract", ("1", "A"), "supplier_small", True),
        ("contract", ("1", "A"), "pay_within", Length(30, "days")),
        ("instalment", ("1", "A", "一"), "accepted_on", date(2025, 4, 1)),  # Tuesday
        ("instalment", ("1", "A", "一"), "invoice_no", "007"),
        ("contract", ("1", "A"), "accept_within", Length(7, "working days")),
        ("package", ("1",), "contracts", 2),
    ]
    assert (first.project, first.title, first.unit, first.currency) == ("P1", "桌椅 采购", "图书馆", "EUR")
    assert (first.aliases, second.aliases, second.project) == ([("contract_no", "HT-1")], [], "P1")
    assert [(f.kind, f.place.line, f.column) for f in findings] == [
        ("unreadable_date", 2, "申请"),
        ("unreadable_amount", 2, "金额"),
        ("amount_rounded", 3, "金额"),
        ("unreadable_number", 3, "期数"),
        ("unreadable_word", 3, "小微"),
        ("unreadable_length", 3, "付款期限"),
        ("unreadable_date", 3, "验收日"),
        ("unknown_column", 1, "新列"),
    ]


def test_a_row_without_a_readable_date_is_refused_and_one_without_a_project_stands_alone(
    tmp_path: Path, mapping: Make, read: Read
) -> None:
    text = WHOLE.replace("encoding: gb18030\n", "")
    path = tmp_path / "a.csv"
    path.write_text("项目;包;合同;期;名称;签订;申请\nP1;;;;甲;待定;\n;;;;乙;;2025-03-05\n", encoding="utf-8")
    (refused, alone), findings = read(path, mapping(text))
    assert (refused.refused, alone.refused, alone.steps) == ("no_readable_date", "", [])
    assert alone.project == "a.csv:3"
    assert [f.kind for f in findings] == ["unreadable_date", "no_project_key"]


def test_every_fault_of_a_mapping_is_named_at_once_with_line_and_what_to_write(mapping: Make) -> None:
    with pytest.raises(BrokenMapping) as refused:
        mapping((HERE / "faulty.yaml").read_text(encoding="utf-8"))
    assert refused.value.exit_code == BadInput.exit_code
    golden = (HERE / "faulty.txt").read_text(encoding="utf-8").splitlines()
    assert [str(fault) for fault in refused.value.faults] == golden
    assert all(str(fault) in refused.value.what for fault in refused.value.faults)


def test_a_mapping_that_reads_no_date_is_refused(mapping: Make) -> None:
    with pytest.raises(BrokenMapping, match="没有一列是操作的日期"):
        mapping("mapping: a\ntitle: {zh: 甲}\nfits: {headers: [名称]}\ncolumns:\n  名称: {is: title}\n")


def test_the_faults_of_a_whole_folder_are_named_together(
    tmp_path: Path, workflows: dict[str, WorkflowDef]
) -> None:
    (tmp_path / "a.yaml").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(WHOLE, encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"mapping: \xff\n")
    (tmp_path / "d.yaml").write_text("mapping: [", encoding="utf-8")
    with pytest.raises(BrokenMapping) as refused:
        load_mappings(tmp_path, workflows)
    assert [(f.file, f.line) for f in refused.value.faults] == [("b.yaml", 1), ("c.yaml", 1), ("d.yaml", 2)]
    assert load_mappings(tmp_path / "none", workflows) == []


def test_a_mapping_is_found_by_name_or_path(
    tmp_path: Path, mapping: Make, workflows: dict[str, WorkflowDef]
) -> None:
    (tmp_path / "mine.yaml").write_text(WHOLE.replace("mapping: city", "mapping: mine"), encoding="utf-8")
    known = [mapping(WHOLE)]
    assert find_mapping("city", known, workflows) is known[0]
    assert find_mapping(str(tmp_path / "mine.yaml"), known, workflows).name == "mine"
    with pytest.raises(NotFound, match="没有对照 other"):
        find_mapping("other", known, workflows)


def test_part_keys_lead_from_the_project_down(workflows: dict[str, WorkflowDef]) -> None:
    assert depths(workflows) == {
        "project": 0,
        "package": 1,
        "contract": 2,
        "instalment": 3,
        "site_milestone": 3,
    }


SHORT = "mapping: {}\ntitle: {{zh: 甲}}\nfits: {{headers: [{}]}}\ncolumns:\n{}"


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        ("Data e nënshkrimit", True),
        ("Data e n\ufffdnshkrimit", True),
        ("Data e n\ufffd\ufffdnshkrimit", True),  # one letter, two bytes lost
        ("Data e n\ufffdshkrimit", False),  # one mark never stands for two letters
        ("Data e nenshkrimit", False),
        ("\ufffdata e nënshkrimit e", False),
    ],
)
def test_a_lost_character_in_a_header_stands_for_one_letter(mapping: Make, header: str, fits: bool) -> None:
    column = "  Data e nënshkrimit: {action: contract.sign_contract}\n"
    one = mapping(SHORT.format("a", "Data e nënshkrimit", column))
    assert (lay_over(one, [Header(1, (header,))]) is not None) is fits


def test_a_damaged_header_that_could_be_two_columns_is_neither(mapping: Make) -> None:
    columns = "  期一: {action: contract.sign_contract}\n  期二: {action: instalment.pay}\n"
    one = mapping(SHORT.format("a", "期一", columns))
    assert lay_over(one, [Header(1, ("期\ufffd", "期\ufffd.2"))]) is None
    laid = lay_over(one, [Header(1, ("期一", "期\ufffd"))])
    assert laid is not None
    assert laid.names == {"期一": "期一", "期二": "期\ufffd"}
