"""The pages of the law: one for each workflow, rule and term; they say what the files say, and every link leads somewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from commands.book import law_book
from commands.book_condition import condition_in_words
from commands.book_names import Names
from commands.book_words import MARK, plain, table
from engine.reader import Read, read_both
from runtime.settings import SHIPPED_WORKFLOWS
from tests.commands.conftest import Desk

SUNDAY = "2026-11-22 09:00"
HOW = "run: python cli.py law pages --to docs/reference/law"

TERM = """term: contract_signing
code: D39
kind: max
ends: midnight
title: {zh: 签订合同|及其他, en: sign the contract}
# 试验：本地改短了。
statutory:
  - {from: 2003-01-01, limit: 30 days, basis: 政府采购法 第46条, checked_on: 2026-03-10, confidence: sure}   # a Tuesday
  - {from: 2026-12-01, limit: 20 days, basis: 试验法 第9条, checked_on: 2026-11-20, confidence: to verify}  # a Friday
"""


@pytest.fixture(scope="module")
def read() -> Read:
    return read_both(SHIPPED_WORKFLOWS, None)


@pytest.fixture(scope="module")
def book(read: Read) -> dict[str, str]:
    return law_book(read.bundle, read.texts)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A local folder in which the law on signing was changed, and its title holds what would break a table."""
    folder = tmp_path / "本地"
    (folder / "law").mkdir(parents=True)
    (folder / "law" / "contract_signing.yaml").write_text(TERM, encoding="utf-8")
    return folder


def test_the_pages_in_the_docs_are_what_the_files_say(root: Path, book: dict[str, str]) -> None:
    folder = root / "docs" / "reference" / "law"
    written = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    wanted = {name: text.encode() for name, text in book.items()}
    stale = sorted(name for name in written.keys() | wanted.keys() if written.get(name) != wanted.get(name))
    assert stale == [], HOW


def test_every_workflow_rule_and_term_has_its_page_and_the_first_page_leads_to_it(
    read: Read, book: dict[str, str]
) -> None:
    bundle = read.bundle
    wanted = {f"workflows/{name}.md" for name in bundle.workflows}
    wanted |= {f"rules/{rule.code}.md" for rule in bundle.rules.values()}
    wanted |= {f"terms/{name}.md" for name in bundle.terms}
    assert wanted <= book.keys()
    assert {target for _, target in _links(book["README.md"])} == book.keys() - {"README.md"}


def test_no_link_is_broken(book: dict[str, str]) -> None:
    count = 0
    for name, text in book.items():
        for shown, target in _links(text):
            folder = name.rpartition("/")[0]
            there = (
                target.removeprefix("../") if target.startswith("../") else f"{folder}/{target}".strip("/")
            )
            assert there in book, f"{name}: [{shown}]({target})"
            count += 1
    assert count > 2000


def test_every_row_of_a_table_has_as_many_cells_as_its_head(book: dict[str, str]) -> None:
    for name, text in book.items():
        wanted = 0
        for line in text.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not (wanted and cells and cells != wanted), f"{name}: {line}"
            wanted = cells


def test_what_a_table_or_markdown_would_break_is_escaped() -> None:
    assert plain("a*b*[c] <d> & `x*y`") == "a\\*b\\*\\[c\\] &lt;d> &amp; `x*y`"
    assert plain("一个`反引号") == "一个‘反引号"
    assert table(("甲", "乙", "丙"), [("a|b", "", "c\nd"), ("`x|y`", "", "")]) == (
        "| 甲 | 丙 |\n| --- | --- |\n| a\\|b | c<br>d |\n| `x\\|y` |  |"
    )


def test_a_term_says_from_when_to_when_each_limit_holds_and_loudly_what_nobody_verified(
    empty: Desk, overlay: Path
) -> None:
    empty.done(SUNDAY, "--workflows", overlay, "law", "pages", "--to", "law")
    page = (empty.folder / "law" / "terms" / "contract_signing.md").read_text(encoding="utf-8")
    assert page.startswith(f"{MARK}\n\n# D39 签订合同|及其他（sign the contract）\n")
    assert "> 试验：本地改短了。" in page
    assert "| 30日 | 2003-01-01 | 2026-11-30 | 政府采购法 第46条 | 2026-03-10 | 确定 |" in page
    assert "| 20日 | 2026-12-01 |  | 试验法 第9条 | 2026-11-20 | **⚠ 待核对** |" in page
    assert "[四个“一日办”](../profiles/one-day.md)" in page
    assert "[duty](../ladders/duty.md)" in page
    contract = (empty.folder / "law" / "workflows" / "contract.md").read_text(encoding="utf-8")
    assert "[D39 签订合同\\|及其他](../terms/contract_signing.md)" in contract


def test_a_rule_says_its_condition_in_words_its_comments_its_numbers_and_its_examples(
    book: dict[str, str],
) -> None:
    page = book["rules/R66.md"]
    for wanted in (
        "处置：**拦截**。条件不成立的，不许办。",
        "> 对中小企业的付款期限不得超过上限。",
        "> 签订之后改约定付款期限，同样要过这一条\n",
        "  - 没有填写「约定付款期限」",
        "    - 「约定付款期限」不超过 60（参数 max_days）",
        "| `max_days` | 60 | 2025-06-01 |",
        "| **不通过** | 「供应商为中小企业」为是<br>「约定付款期限」：61日 |",
        "[合同](../workflows/contract.md)",
        "谁也不能例外。",
    ):
        assert wanted in page


def test_a_workflow_shows_its_diagram_its_actions_and_its_clocks_with_links(book: dict[str, str]) -> None:
    page = book["workflows/contract.md"]
    for wanted in (
        '```mermaid\nstateDiagram-v2\n    state "待签订" as awarded\n',
        "    awarded --> signed: 签订合同\n",
        "[R66 中小企业付款期限](../rules/R66.md)",
        "[D39 签订政府采购合同](../terms/contract_signing.md)",
        "| 终止合同<br>`terminate_contract` | 履约中 → 终止清算中 | 采购人代表 |",
        "`workflows/parts/contracting.yaml` 合同从签订到办结",
    ):
        assert wanted in page


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("contract.amount > 100000", "「合同金额」大于 1,000.00 元"),
        ("!(given.contract.months && contract.months > 12)", "没有填写「合同期限（月）」，或者「合同期限（月）」不超过 12"),
        ("!(project.method in ['inquiry'])", "采购项目「采购方式」不是下列任何一个：询价"),
        ("given.contract.pay_within && contract.pay_within.unit == 'working days'", "「约定付款期限」的单位是工作日"),
        (
            "given.contract.months && (contract.months < 12 || contract.supplier_small)",
            "填写了「合同期限（月）」，并且（「合同期限（月）」小于 12，或者「供应商为中小企业」为是）",
        ),
        (
            "contract.supplier_small ? contract.months < 12 : contract.months < 24",
            "「供应商为中小企业」为是的，「合同期限（月）」小于 12；其他情形，「合同期限（月）」小于 24",
        ),
        (
            "contract.months == 1 || contract.months == 2 && contract.supplier_small",
            "「合同期限（月）」等于 1，或者（「合同期限（月）」等于 2，并且「供应商为中小企业」为是）",
        ),
        (
            "!(contract.supplier_small || contract.months > 3)",
            "并非（「供应商为中小企业」为是，或者「合同期限（月）」大于 3）",
        ),
        ("contract.months % 2 == 1", "「合同期限（月）」除以 2 的余数等于 1"),
        ("contract.purchaser == 'x || y'", "「签约采购人（汇总采购）」是“x || y”"),
        ("contract.purchaser.startsWith('市')", "`contract.purchaser.startsWith('市')` 成立"),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_words_without_changing_its_sense(read: Read, source: str, said: str) -> None:
    bundle = read.bundle
    assert condition_in_words(source, Names(bundle, bundle.workflows["contract"])) == said


def test_the_order_in_which_a_machine_lists_its_files_does_not_show(read: Read, book: dict[str, str]) -> None:
    kinds = ("workflows", "terms", "rules", "ladders", "profiles", "thresholds")
    turned = {kind: dict(reversed(getattr(read.bundle, kind).items())) for kind in kinds}
    assert law_book(replace(read.bundle, **turned), read.texts) == book


def test_a_planted_change_is_noticed_and_written_and_what_is_gone_is_removed(
    empty: Desk, overlay: Path
) -> None:
    first = empty.data(SUNDAY, "law", "pages", "--to", "law")
    assert (first["schema"], len(first["new"]), first["changed"]) == (
        "yiriban.law.pages/1",
        first["pages"],
        [],
    )
    assert empty.data(SUNDAY, "law", "pages", "--to", "law", "--exit-code")["new"] == []

    (empty.folder / "law" / "terms" / "no_more.md").write_text(f"{MARK}\n", encoding="utf-8")
    stale = ("--workflows", overlay, "law", "pages", "--to", "law", "--dry-run", "--exit-code")
    ran = empty.at(SUNDAY, *stale)
    assert ran.code == 6
    assert "将改写" in ran.out
    assert "terms/no_more.md" in ran.out
    assert (empty.folder / "law" / "terms" / "no_more.md").exists()

    done = empty.data(SUNDAY, "--workflows", overlay, "law", "pages", "--to", "law")
    assert "terms/contract_signing.md" in done["changed"]
    assert done["gone"] == ["terms/no_more.md"]
    assert not (empty.folder / "law" / "terms" / "no_more.md").exists()
    assert empty.at(SUNDAY, *stale).code == 0


def test_a_folder_with_other_peoples_files_is_left_alone(empty: Desk) -> None:
    theirs = empty.folder / "mine" / "notes.md"
    theirs.parent.mkdir()
    theirs.write_text("我的笔记\n", encoding="utf-8")
    ran = empty.at(SUNDAY, "law", "pages", "--to", "mine")
    assert (ran.code, ran.out) == (7, "")
    assert "notes.md" in ran.err
    assert [path.name for path in theirs.parent.iterdir()] == ["notes.md"]
    assert empty.at(SUNDAY, "law", "pages", "--to", theirs).code == 2
    assert empty.at(SUNDAY, "law", "pages").code == 2


def test_the_command_speaks_english_too_and_the_pages_stay_the_same(
    empty: Desk, book: dict[str, str]
) -> None:
    said = empty.done(SUNDAY, "--lang", "en", "law", "pages", "--to", "law")
    assert f"law: {len(book)} pages" in said
    assert (empty.folder / "law" / "README.md").read_text(encoding="utf-8") == book["README.md"]


def _links(text: str) -> list[tuple[str, str]]:
    return re.findall(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\(([^)]+)\)", text)
