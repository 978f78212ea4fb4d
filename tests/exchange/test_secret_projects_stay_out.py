"""涉密项目不得录入 (S01; 政府采购法第85条): refused at creation and at import, nothing of it is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Ran

MAPPING = """mapping: classified-register
title: {zh: 带密级的台账}
fits:
  headers: [项目编号, 项目名称, 是否涉密, 评审结束]
dates: [iso]
columns:
  项目编号: {alias: project_no}
  项目名称: {is: title}
  是否涉密: {fact: project.secret, true_words: [是], false_words: [否]}
  评审结束: {action: package.end_evaluation}
"""
LEDGER = "项目编号,项目名称,是否涉密,评审结束\nA-1,课桌椅,否,2026-11-02\nA-2,某某工程甲,是,2026-11-03\n"


@pytest.fixture
def city(run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run("--as", "张三", "init", "--unit", "市一中").code == 0
    return tmp_path


def everything(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "yiriban.db")) as connection:
        return "\n".join(connection.iterdump())


def test_a_secret_project_is_refused_and_leaves_no_trace(city: Path, run: Callable[..., Ran]) -> None:
    before = everything(city)
    ran = run("--as", "张三", "project", "new", "某某工程甲", "--fact", "secret=是")
    assert ran.code == 5
    assert "S01" in ran.err
    assert "政府采购法 第85条" in ran.err
    assert everything(city) == before


@pytest.mark.parametrize("words", [(), ("--fact", "secret=否")])
def test_one_that_is_not_secret_is_welcome(
    city: Path, run: Callable[..., Ran], words: tuple[str, ...]
) -> None:
    assert run("--as", "张三", "project", "new", "课桌椅", *words).code == 0


@pytest.mark.parametrize("noun", ["import", "replay"])
def test_a_register_leaves_its_secret_rows_outside_and_says_where_they_stood(
    city: Path, run: Callable[..., Ran], noun: str
) -> None:
    (city / "m.yaml").write_text(MAPPING, encoding="utf-8")
    (city / "ledger.csv").write_text(LEDGER, encoding="utf-8")
    unit = ("--unit", "市一中") if noun == "import" else ()
    ran = run("--as", "张三", noun, "ledger.csv", "--mapping", "m.yaml", *unit, "--json")
    assert ran.code == 0, ran.err
    answer = json.loads(ran.out)
    assert answer["findings"] == {"rule_S01": 1}
    assert "某某工程甲" not in ran.out + ran.err
    assert "某某工程甲" not in everything(city)
    assert "ledger.csv" in ran.out
