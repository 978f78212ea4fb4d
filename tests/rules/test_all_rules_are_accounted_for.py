"""Each of the seventy-eight rules has its file, or the page says what stands in for it and what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runtime.settings import SHIPPED_WORKFLOWS

ROW = re.compile(r"^\| (R\d\d) \| (.+?) \| (.+) \|$", re.MULTILINE)
WORDS = ("规则文件 ", "审查清单：", "流程", "引擎：", "部分：", "未做：")


@pytest.fixture(scope="module")
def rows(root: Path) -> dict[str, tuple[str, str]]:
    """Title and account by code, as the page has them."""
    page = (root / "docs" / "reference" / "rules-covered.md").read_text("utf-8")
    found = ROW.findall(page)
    assert len({code for code, _, _ in found}) == len(found)
    return {code: (title, how) for code, title, how in found}


def test_the_page_names_every_rule_once_and_says_how_each_is_met(rows: dict[str, tuple[str, str]]) -> None:
    assert sorted(rows) == [f"R{number:02}" for number in range(1, 79)]
    assert [code for code, (_, how) in rows.items() if not how.startswith(WORDS)] == []


def test_a_rule_has_a_file_exactly_where_the_page_says_so(rows: dict[str, tuple[str, str]]) -> None:
    files = {path.stem for path in (SHIPPED_WORKFLOWS / "rules").glob("R*.yaml")}
    named = {name for _, how in rows.values() for name in re.findall(r"rules/(R\w+)\.yaml", how)}
    assert named == files
    assert {code for code, (_, how) in rows.items() if how.startswith("规则文件 ")} == files & rows.keys()


def test_the_codes_and_titles_are_those_of_the_table(
    rows: dict[str, tuple[str, str]], real_data: Path
) -> None:
    file = real_data.parent / "reference" / "law" / "rules.json"
    if not file.is_file():
        pytest.skip("rules not compared: no table of rules beside the real data")
    table = {row["id"]: row["zh"] for row in json.loads(file.read_text("utf-8"))}
    assert {code: title for code, (title, _) in rows.items()} == table


def test_every_action_and_rule_that_the_page_names_exists(rows: dict[str, tuple[str, str]]) -> None:
    said = " ".join(path.read_text("utf-8") for path in SHIPPED_WORKFLOWS.rglob("*.yaml"))
    for _, how in rows.values():
        for name in re.findall(r"`([a-z_]+)`", how):
            assert re.search(rf"\b{name}\b", said), name
