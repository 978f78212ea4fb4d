"""Proposals, the how-to and the command: a stranger maps a table without Python."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from engine.errors import BadInput
from engine.workflow import WorkflowDef
from exchange.mapping import ActionTarget, FactTarget, Mapping
from exchange.mapping_reader import read_mapping
from exchange.observation import Finding, Row
from exchange.suggest import suggest
from tests.exchange.conftest import UNTIL

Read = Callable[..., tuple[list[Row], list[Finding]]]


def _proposed(path: Path, workflows: dict[str, WorkflowDef], **more: str) -> Mapping:
    return read_mapping(suggest(path, workflows, until=UNTIL, **more), "proposed.yaml", workflows)


def _meaning(mapping: Mapping) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for header, targets in mapping.columns.items():
        for one in targets:
            if isinstance(one, ActionTarget):
                found.setdefault(header, []).append(
                    f"{one.workflow}.{one.action}{one.part and '/' + one.part}"
                )
            elif isinstance(one, FactTarget):
                found.setdefault(header, []).append(f"{one.workflow}.{one.fact}{one.part and '/' + one.part}")
            else:
                found.setdefault(header, []).append(getattr(one, "role", type(one).__name__))
    return found


def _table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_how_to_maps_its_own_table(
    tmp_path: Path, root: Path, workflows: dict[str, WorkflowDef], read: Read
) -> None:
    page = (root / "docs" / "how-to" / "map-a-table.md").read_text(encoding="utf-8")
    (table,), (text,) = (re.findall(rf"^```{kind}\n(.*?)^```", page, re.S | re.M) for kind in ("csv", "yaml"))
    path = _table(tmp_path / "台账.csv", table)
    rows, findings = read(path, read_mapping(text, "对照.yaml", workflows))
    assert [(row.title, row.refused, len(row.steps)) for row in rows] == [
        ("办公桌椅", "", 6), ("空调维保", "", 4), ("印刷服务", "no_readable_date", 0),
    ]  # fmt: skip
    assert [step.parts for step in rows[0].steps if step.action == "pay"] == [("", "", "1"), ("", "", "2")]
    assert [(f.kind, f.place.line, f.column) for f in findings] == [("unreadable_date", 3, "付款1")]
    assert ("contract", ("", ""), "amount", 12_500_000) in rows[0].facts
    proposed = _meaning(_proposed(path, workflows))
    wanted = _meaning(read_mapping(text, "对照.yaml", workflows))
    assert {header for header in wanted if proposed[header] != wanted[header]} == {"通知书日期"}
    for kind in re.findall(r"`([a-z_]+)`", page.partition("## 5.")[2]):
        source = (root / "exchange").rglob("*.py")
        assert any(f'"{kind}"' in file.read_text(encoding="utf-8") for file in source) or kind == "iso", kind


HEADERS = [
    ("2025-03-05", "合同签订日期", "contract.sign_contract"),
    ("2025-03-05", "Contract signature date", "contract.sign_contract"),
    ("05.03.25", "Data e nënshkrimit të kontratës", "contract.sign_contract"),
    ("05.03.25", "Data e n\ufffdnshkrimit t\ufffd kontrat\ufffds", "contract.sign_contract"),
    ("05.03.25", "Data e nënshkrimit të Aneks kontratës(1)", "DateTarget"),
    ("15/03/2025", "Fecha de firma del contrato", "contract.sign_contract"),
    ("2025年3月5日", "中标通知书发出", "package.issue_award_letter"),
    ("2025-03-05", "验收申请日期", "instalment.request_acceptance"),
    ("2025-03-05", "验收合格日期", "instalment.accept"),
    ("2025-03-05T08:00:00+08:00", "收到发票时间", "instalment.receive_invoice"),
    ("20250305", "Invoice date", "instalment.receive_invoice"),
    ("2025/3/5", "支付日期", "instalment.pay"),
    ("2025-03-05", "Data e pagesës", "instalment.pay"),
    ("2025-03-05", "合同公告日期", "contract.publish_contract"),
    ("2025-03-05", "生日", "DateTarget"),
]


@pytest.mark.parametrize(("cell", "header", "meaning"), HEADERS)
def test_common_headers_of_four_languages_are_recognised(
    tmp_path: Path, workflows: dict[str, WorkflowDef], cell: str, header: str, meaning: str
) -> None:
    path = _table(tmp_path / "a.csv", f'项目名称,"{header}"\n甲,{cell}\n乙,\n')
    mapping = _proposed(path, workflows)
    assert _meaning(mapping)[header] == [meaning]
    assert len(mapping.dates) == 1


def test_day_and_month_never_change_places_within_a_proposal(
    tmp_path: Path, workflows: dict[str, WorkflowDef]
) -> None:
    days = "\n".join(f"甲,{day}" for day in ("3/14/2025", "3/4/2025", "4/25/2025", "13/4/2025"))
    path = _table(tmp_path / "a.csv", f"项目名称,签订日期\n{days}\n")
    assert _proposed(path, workflows).dates == ("m/d/yyyy",)
    assert "日、月先后" in suggest(path, workflows, until=UNTIL)


def test_a_proposal_for_a_sheet_skips_its_heading_and_names_the_sheet(
    tmp_path: Path, workflows: dict[str, WorkflowDef], read: Read
) -> None:
    book = openpyxl.Workbook()
    table = book.create_sheet("合同")
    for row in (["全市合同台账"], ["项目名称", "签订日期", "合同金额"], ["甲", "2025-03-05", 12]):
        table.append(row)
    book.save(tmp_path / "a.xlsx")
    mapping = _proposed(tmp_path / "a.xlsx", workflows, sheet="合同")
    (row,), _ = read(tmp_path / "a.xlsx", mapping)
    assert (row.place.line, row.title, row.facts) == (3, "甲", [("contract", ("", ""), "amount", 1_200)])


def test_a_hostile_header_stays_one_key_of_the_proposal(
    tmp_path: Path, workflows: dict[str, WorkflowDef]
) -> None:
    header = 'a": {action: x}\n"b\\\x07\u2028 签订'
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["项目名称", header], ["甲", "2025-03-05"]])
    assert len(_proposed(tmp_path / "a.csv", workflows).columns) == 2


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "", "是空的"),
        ("a.csv", "项目名称,签订日期\n", "没有一列像日期"),
        ("a.csv", "甲,乙\n1,2\n", "没有一列像日期"),
        ("a.json", '{"ocid": "x"}', "不需要对照"),
        ("a.txt", "甲", "不认识的文件类型"),
    ],
)
def test_where_nothing_can_be_proposed_the_reason_is_said(
    tmp_path: Path, workflows: dict[str, WorkflowDef], name: str, text: str, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        suggest(_table(tmp_path / name, text), workflows, until=UNTIL)


def test_the_command_proposes_checks_and_lists(run: Callable[..., Any], root: Path, tmp_path: Path) -> None:
    proposed = run("mapping", "suggest", root / "examples" / "register.csv")
    assert (proposed.code, proposed.out.count("# 依据：") >= 14) == (0, True)
    assert "逐条核对" in proposed.err
    good, bad = _table(tmp_path / "good.yaml", proposed.out), _table(tmp_path / "bad.yaml", "mapping: x\n")
    assert run("mapping", "check", good).code == 0
    checked = run("mapping", "check", bad, "--json")
    assert (checked.code, json.loads(checked.out)["ok"]) == (6, False)
    assert run("mapping", "check").code == 0
    names = {one["name"] for one in json.loads(run("mapping", "list", "--json").out)["mappings"]}
    assert names >= {"sample-register", "yichang-results", "kosovo-2010", "kosovo-lipjan"}
    assert run("mapping", "suggest", tmp_path / "none.csv").code == 3
    assert run("mapping", "suggest", _table(tmp_path / "a.csv", "甲\n1\n")).code == 2


REAL = [
    "kosovo-prishtina/lipjan/2017.csv",
    "kosovo-prishtina/procurements/old/2013.csv",
    "kosovo-prishtina/procurements/new/2018.csv",
    "cn-yichang-ggzy/award_results.jsonl",
    "cn-jianyu-notices/notices.jsonl",
]


@pytest.mark.parametrize("name", REAL)
def test_a_proposal_for_a_real_table_is_valid_and_reads_it(
    real_data: Path, workflows: dict[str, WorkflowDef], read: Read, name: str
) -> None:
    path = real_data / name
    rows, _ = read(path, _proposed(path, workflows))
    assert sum(not row.refused for row in rows) > 0.9 * len(rows) > 100
