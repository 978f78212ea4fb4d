"""`yiriban law`: what an article says here, who uses it, where a word occurs, what must be checked again."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from engine.lawbook import numbers
from engine.reader import read_bundle
from engine.workflow import Bundle, TermDef
from runtime.settings import SHIPPED_WORKFLOWS
from tests.commands.conftest import Desk

SUNDAY = "2026-11-22 09:00"

TERM = """term: contract_signing
code: D39
kind: max
ends: midnight
title: {zh: 签订政府采购合同, en: sign the contract}
statutory:
  - {from: 2003-01-01, limit: 30 days, basis: 政府采购法 第46条, checked_on: 2026-03-10, confidence: sure}   # a Tuesday
  - {from: 2026-12-01, limit: 20 days, basis: 试验法 第9条, checked_on: 2026-11-20, confidence: to verify}  # a Friday
"""
RULE_OF_LAW = "law/contract_signing.yaml"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A local folder in which the law on signing was changed: a new limit from 2026-12-01 (a Tuesday)."""
    folder = tmp_path / "本地"
    (folder / "law").mkdir(parents=True)
    (folder / RULE_OF_LAW).write_text(TERM, encoding="utf-8")
    return folder


def test_every_code_of_the_shipped_law_can_be_shown_in_both_languages(empty: Desk, bundle: Bundle) -> None:
    entries = [*bundle.terms.values(), *bundle.rules.values()]
    assert len({entry.code for entry in entries}) > 100
    for entry in entries:
        chinese = empty.done(SUNDAY, "law", "show", entry.code)
        english = empty.done(SUNDAY, "--lang", "en", "law", "show", entry.code)
        chinese.encode("gbk")
        for text, title in ((chinese, entry.title.zh), (english, entry.title.en or entry.title.zh)):
            assert f"{entry.code} " in text
            # the table may cut a long file name, a title it never does
            assert title in text
        grounds = [v.ground for v in entry.statutory] if isinstance(entry, TermDef) else [entry.ground]
        assert all(str(ground.checked_on) in chinese for ground in grounds)


def test_a_term_stands_with_its_article_its_clocks_and_what_cities_promise_beside_the_law(
    empty: Desk,
) -> None:
    found = empty.data(SUNDAY, "law", "show", "d39")
    assert found["schema"] == "yiriban.law.show/1"
    (term,) = found["entries"]
    assert (term["name"], term["kind"], term["ends"]) == ("contract_signing", "max", "midnight")
    (value,) = term["statutory"]
    assert (value["limit"], value["basis"], value["until"]) == ("30 days", "政府采购法 第46条", None)
    assert "质疑" in term["note"]
    assert ("contract", "sign_contract") in {(c["workflow"], c["clock"]) for c in term["clocks"]}
    promised = {p["profile"]: (p["promise"], p["statutory"]) for p in term["profiles"]}
    # what a profile takes over from another is listed once, where it is written
    assert promised == {
        "one-day": ("1 working day", "30 days"),
        "pingdingshan": ("1 working day", "30 days"),
        "jingmen": ("20 days", "30 days"),
        "qingyang": ("10 days", "30 days"),
    }
    said = empty.done(SUNDAY, "law", "show", "contract_signing")
    assert said == empty.done(SUNDAY, "law", "show", "签订政府采购合同")


def test_a_rule_stands_with_its_parameters_its_examples_and_the_actions_that_ask_it(empty: Desk) -> None:
    (rule,) = empty.data(SUNDAY, "law", "show", "r66")["entries"]
    assert (rule["severity"], rule["from"], rule["override"]) == ("block", "2025-06-01", None)
    (most,) = rule["params"]["max_days"]
    assert (most["value"], most["basis"]) == (60, "保障中小企业款项支付条例（国务院令第802号）第9条")
    assert Counter(example["passes"] for example in rule["examples"]) == {True: 5, False: 3}
    assert ("contract", "sign_contract") in {(a["workflow"], a["action"]) for a in rule["asked_at"]}
    (passed,) = empty.data(SUNDAY, "law", "show", "R03")["entries"]
    assert passed["override"]["by"] == ["purchaser_head"]
    assert "例外由分管领导" in empty.done(SUNDAY, "law", "show", "R03")


def test_a_list_of_a_review_stands_with_its_items_and_how_it_is_signed(empty: Desk) -> None:
    page = empty.done(SUNDAY, "law", "show", "重点审查")
    assert "--checked key_review --reason 审查意见" in page
    assert re.search(r"^competition +竞争性审查", page, re.MULTILINE)
    (entry,) = empty.data(SUNDAY, "law", "show", "key_review")["entries"]
    assert (entry["what"], entry["asked_at"]) == ("checklist", ["project.review_plan"])
    assert [item["name"] for item in entry["items"]] == [
        "nondiscrimination",
        "competition",
        "policies",
        "risks",
    ]
    (vetted,) = empty.data(SUNDAY, "law", "show", "vet_contract")["entries"]
    assert vetted["asked_at"] == ["contract.vet_contract"]


def test_two_terms_of_one_article_are_both_shown(empty: Desk) -> None:
    names = [entry["name"] for entry in empty.data(SUNDAY, "law", "show", "D54")["entries"]]
    assert sorted(names) == ["arrears_result", "arrears_transfer"]


def test_the_law_of_an_overlay_counts_and_each_value_ends_the_day_before_the_next(
    empty: Desk, overlay: Path
) -> None:
    for day, limit in (
        ("2026-11-30 23:59", "30 days"),  # a Monday
        ("2026-12-01 00:00", "20 days"),  # a Tuesday
    ):
        (term,) = empty.data(day, "--workflows", overlay, "law", "show", "D39")["entries"]
        assert [(v["from"], v["until"]) for v in term["statutory"]] == [
            ("2003-01-01", "2026-11-30"),
            ("2026-12-01", None),
        ]
        assert {own["statutory"] for own in term["profiles"]} == {limit}
        (hit,) = empty.data(day, "--workflows", overlay, "law", "search", "试验法")["hits"]
        assert hit["limit"] == limit


def test_who_asks_for_what_there_is_not_is_told_what_is_near(empty: Desk) -> None:
    for wanted, near in (("D399", "D39"), ("contract_sining", "contract_signing"), ("合同公示", "合同公告")):
        ran = empty.at(SUNDAY, "law", "show", wanted)
        assert (ran.code, ran.out) == (3, "")
        assert near in ran.err
    for wanted in ("?", ""):
        ran = empty.at(SUNDAY, "law", "show", wanted)
        assert ran.code == 3
        assert "law search" in ran.err


def test_search_finds_by_article_by_limit_and_only_where_every_word_occurs(empty: Desk) -> None:
    def codes(*words: str) -> list[str]:
        return [hit["code"] for hit in empty.data(SUNDAY, "law", "search", *words)["hits"]]

    # gaps, width and case make no difference
    for words in (("政府采购法第46条",), ("政府采购法 第４６条",), ("46条", "政府采购法 第")):
        assert "D39" in codes(*words)
    assert "R66" in codes("802号", "第9条")
    assert "D39" in codes("CONTRACT_signing", "30日")
    assert set(codes("合同", "公告")) == set(codes("合同")) & set(codes("公告"))
    assert {"D40", "D43"} <= set(codes("合同", "公告")) < set(codes("合同"))
    listed = empty.done(SUNDAY, "law", "search", "第46条")
    assert re.search(r"^D39 .*签订政府采购合同 +MAX 30日 +政府采购法 第46条$", listed, re.MULTILINE)


def test_what_is_not_found_is_said_and_is_no_error(empty: Desk) -> None:
    assert empty.data(SUNDAY, "law", "search", "合同", "火星")["hits"] == []
    assert "没有同时含有" in empty.done(SUNDAY, "law", "search", "合同", "火星")
    assert empty.at(SUNDAY, "law", "search", " ").code == 2


def test_every_ground_in_the_files_is_looked_at_once(bundle: Bundle) -> None:
    written = Counter(
        {
            name: len(re.findall(r"^[^#\n]*\bchecked_on:", text, re.MULTILINE))
            for name, text in bundle.files.items()
        }
    )
    assert written.total() > 200
    assert Counter(number.file for number in numbers(bundle)) == +written


def test_a_number_is_due_a_year_and_a_day_after_it_was_checked_and_not_on_the_very_day(
    empty: Desk, overlay: Path
) -> None:
    for now, listed in (
        ("2027-03-09 23:59", False),  # a Tuesday, a year less a day
        ("2027-03-10 23:59", False),  # a Wednesday, a year to the day
        ("2027-03-11 00:00", True),  # a Thursday, a year and a day
    ):
        found = empty.data(now, "--workflows", overlay, "law", "due")
        assert (found["schema"], found["unverified"]) == ("yiriban.law.due/1", False)
        old = [(g["confidence"], n["code"], n["checked_on"]) for g in found["groups"] for n in g["numbers"]]
        assert old == ([("sure", "D39", "2026-03-10")] if listed else [])
    page = empty.done("2027-03-11 00:00", "--workflows", overlay, "law", "due")
    assert "政府采购法 第46条" in page
    assert RULE_OF_LAW in page
    assert "没有该重新核对的数值" in empty.done("2027-03-10 23:59", "--workflows", overlay, "law", "due")


def test_what_is_not_sure_is_listed_by_confidence_with_what_was_checked_longest_ago_first(
    empty: Desk, overlay: Path
) -> None:
    found = empty.data(SUNDAY, "--workflows", overlay, "law", "due", "--unverified")
    assert [group["confidence"] for group in found["groups"]] == ["to verify", "fairly sure"]
    for group in found["groups"]:
        days = [number["checked_on"] for number in group["numbers"]]
        assert days == sorted(days)
        assert {number["confidence"] for number in group["numbers"]} == {group["confidence"]}
        assert all(number["file"] and number["basis"] for number in group["numbers"])
    first = found["groups"][0]["numbers"][0]
    assert (first["code"], first["value"], first["from"]) == ("D39", "20 days", "2026-12-01")
    kinds = {number["kind"] for group in found["groups"] for number in group["numbers"]}
    assert kinds >= {"term", "promise", "rule", "parameter", "override", "threshold"}
    empty.done(SUNDAY, "--lang", "en", "law", "due", "--unverified")


def test_another_age_may_be_asked_for_and_not_in_working_days(empty: Desk, overlay: Path) -> None:
    def due(age: str) -> list[str]:
        found = empty.data(SUNDAY, "--workflows", overlay, "law", "due", "--older-than", age)
        return [number["code"] for group in found["groups"] for number in group["numbers"]]

    # from Tuesday 2026-03-10 to Sunday 2026-11-22 it is 257 days
    assert (due("256d"), due("257d"), due("8个月"), due("9 months")) == (["D39"], [], ["D39"], [])
    for age in ("5个工作日", "许久", "-3d"):
        assert empty.at(SUNDAY, "law", "due", f"--older-than={age}").code == 2
