"""What the check says of rules that ask, lists of words and parts that come with facts; and how words are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.law import Ground
from engine.reader import check, read_bundle
from engine.sensitive import WordList
from engine.title import Title
from runtime.settings import SHIPPED_WORKFLOWS

GROUND = "basis: 试验用\nchecked_on: 2026-11-22\nconfidence: to verify\n"
RULE = """rule: T901
title: {{zh: 试验}}
workflow: {workflow}
severity: {severity}
{more}passes_when: {when}
remedy: {{zh: 改正}}
examples:
  - {{passes: true, facts: {{{good}}}}}
  - {{passes: false, facts: {{{bad}}}}}
"""
PASSED = "override: {by: [purchaser_head], lasts: 3 working days, basis: 试验, checked_on: 2026-11-22, confidence: sure}\n"
USUAL = {
    "workflow": "project", "severity": "block", "more": "", "when": "project.budget < threshold.open_tender",
    "good": "project.budget: 1, threshold.open_tender: 2", "bad": "project.budget: 2, threshold.open_tender: 2",
}  # fmt: skip


def said(folder: Path, **told: str) -> list[str]:
    """What the check says of an overlay that adds this rule."""
    (folder / "rules").mkdir()
    (folder / "rules" / "T901.yaml").write_text(RULE.format(**{**USUAL, **told}) + GROUND, encoding="utf-8")
    return [str(fault) for fault in check(SHIPPED_WORKFLOWS, folder)]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, ""),
        ({"more": "unknown_threshold: note\n"}, ""),
        ({"more": PASSED}, ""),
        ({"more": f"opens: alert\n{PASSED}"}, ""),
        ({"more": "opens: alert\n"}, "opens 只用于 severity: escalate"),
        ({"more": PASSED, "severity": "warn"}, "severity: warn 的规则不拦截，不需要 override"),
        ({"more": PASSED.replace("purchaser_head", "mayor")}, "没有名为 mayor 的角色"),
        ({"more": "opens: alarm\n", "severity": "escalate"}, "没有名为 alarm 的流程"),
        ({"more": "opens: contract\n", "severity": "escalate"}, "流程 contract 不是针对事项的流程"),
        ({"when": "project.budget < threshold.open_tendr"}, "没有名为 threshold.open_tendr 的要素"),
        ({"when": "project.budget < 2", "good": "project.budget: 1", "bad": "project.budget: 2",
          "more": "unknown_threshold: note\n"}, "没有用到门槛表"),
        ({"good": "project.budget: 1, threshold.open_tender: 2 万"}, "threshold.open_tender 应是整数"),
        ({"good": "project.budget: 1, threshold.open_tendr: 2"}, "没有名为 threshold.open_tendr 的要素"),
        ({"bad": "project.budget: 2"}, "缺少 threshold.open_tender，无法判断"),
        ({"when": "asked.bids_same_ip == 0", "good": "asked.bids_same_ip: 0", "bad": "asked.bids_same_ip: 1"},
         "没有名为 asked.bids_same_ip 的要素"),
        ({"workflow": "bid", "when": "asked.bids_same_ip == asked.split_total",
          "good": "asked.bids_same_ip: 0, asked.split_total: 0", "bad": "asked.bids_same_ip: 1, asked.split_total: 0"}, ""),
        ({"when": "hits.rude.project.notice_text == 0"}, "没有名为 hits.rude.project.notice_text 的要素"),
    ],
)  # fmt: skip
def test_the_check_of_a_rule_that_asks(tmp_path: Path, told: dict[str, str], words: str) -> None:
    faults = said(tmp_path, **told)
    assert bool(faults) == bool(words), faults
    assert words in "".join(faults)


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        (
            "parts/response.yaml",
            "with_facts: true",
            "with_facts: true, count: 2",
            "with_facts 只用于一次开出一件",
        ),
        (
            "bid.yaml",
            "price:        {",
            "price:        {initially: x, ",
            "initially 只用于督办件、预警指令的 level",
        ),
        ("bid.yaml", "  machine_code:", "  machine:", "没有名为 given.bid.machine_code 的要素"),
        (
            "parts/spending.yaml",
            "  budget_year:",
            "  year:",
            "asked.split_total 要看要素 project.budget_year，流程里没有",
        ),
        (
            "words/sensitive.yaml",
            "words: [国家级, 最高级, 最佳]",
            "words: [国家级, 最佳, 最佳]",
            "最佳 写了两次",
        ),
        ("words/sensitive.yaml", "- kind: 涉密", "- sort: 涉密", "不认识的键 sort"),
    ],
)
def test_the_check_of_what_rules_rest_on(
    tmp_path: Path, file: str, before: str, after: str, words: str
) -> None:
    text = (SHIPPED_WORKFLOWS / file).read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert any(words in str(fault) for fault in check(SHIPPED_WORKFLOWS, tmp_path))


def words(*listed: str, allow: tuple[str, ...] = ()) -> WordList:
    return WordList("t", Title("试验"), tuple((word, "类") for word in listed), allow, Ground("试验用"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("指定品牌", ["指定品牌"]),
        ("须为指定 品\n牌", ["指定品牌"]),
        ("指\u200b定品牌，指定品牌", ["指定品牌", "指定品牌"]),
        ("ＡＢＣ认证与abc", ["abc", "abc"]),
        ("不指定品种", []),
    ],
)
def test_a_word_is_found_however_it_is_spread(text: str, found: list[str]) -> None:
    assert words("指定品牌", "abc").hits(text) == found


def test_the_longest_word_counts_once_and_allowed_sayings_do_not_count() -> None:
    listed = words("机密", "绝对机密", allow=("商业机密",))
    assert listed.hits("绝对机密") == ["绝对机密"]
    assert listed.hits("商业机密与机密") == ["机密"]
    assert listed.hits("商业 机密") == []


def test_the_shipped_list_hits_what_discriminates_and_spares_what_is_usual() -> None:
    shipped = read_bundle(SHIPPED_WORKFLOWS).words["sensitive"]
    assert shipped.hits("投标人须为本地企业，注册资本不低于1000万元") == ["本地企业", "注册资本不低于"]
    assert shipped.hits("投标人应具备政府采购法第二十二条规定的条件，落实促进中小企业发展政策") == []
