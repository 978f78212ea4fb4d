"""The terms that ship against the table of deadlines (opt-in: YIRIBAN_DATA), and what holds without it.

The table was made apart from the term files, from the texts themselves. It lies beside the real data.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from engine.law import Ground
from engine.reader import read_bundle
from engine.reading_law import read_term
from engine.reading_recurrence import read_duty
from engine.recurrence import DutyDef, PeriodDay
from engine.term import Length, Unit
from engine.workflow import Bundle, TermDef
from engine.yamlfile import Faults, read_yaml
from runtime.settings import SHIPPED_WORKFLOWS

Row = dict[str, Any]

UNITS: dict[str, Unit] = {"WD": "working days", "ND": "days", "Y": "years", "M": "months", "MIN": "minutes"}
KINDS = {"MAX": "max", "MIN": "min", "RET": "min", "CAP": "max"}
# a party's own time to query, complain, appeal, ask for a hearing: nobody of ours can be late, only its last
# day is counted
WINDOWS = {"D60", "D62", "D71", "D75"}
# one row of the table, two terms: goods and services; publish within three days and for three days
TWINS = {"D59j", "D90"}
# one row, three terms of several units: to complain of a works tender, to accept the complaint, to decide it. Each
# names the article that it stands on; together they name all of the row
STEPS = {"D95": {"works_complaint_filing": 0, "works_complaint_acceptance": 1, "works_complaint_decision": 2}}
# the first of them is a window, as those above
STEPS_THAT_ARE_WINDOWS = {"works_complaint_filing"}
# a second number that a row tells in its remarks: thirty days for the result of a complaint about late payment
FURTHER = {"D54"}
# what comes back with the calendar stands in `recurring/`, each duty under the number of its row
RECURRING = "REC"
# the column of units against the months of a period; a fixed date says in its anchor how often it comes
MONTHS = {"Y": 12, "Q": 3, "M": 1}
ANCHORS = {"每年": 12, "次月": 1}
# how often the inspection of an agency comes is one of three; only the first is modelled (its file says so)
FIRST_OF_SEVERAL = {"D82"}
# the fact sheet cites city descriptions as seeds and asks to name the city; the regulator's and the centre's roles
CITIES = {"seed 000": "青海省", "seed 001": "平顶山市", "seed 003": "高唐县"}
HANDS = {
    "bodies and institutions": "officer", "sampled projects": "regulator", "finance dept": "regulator",
    "regulator": "regulator", "centre": "centre",
}  # fmt: skip
SURENESS = ["to verify", "fairly sure", "sure"]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


@pytest.fixture(scope="session")
def table(real_data: Path) -> dict[str, Row]:
    """The rows of the table by code."""
    file = real_data.parent / "reference" / "law" / "deadlines.json"
    if not file.is_file():
        pytest.skip("terms not compared: no table of deadlines beside the real data")
    return {row["id"]: row for row in json.loads(file.read_text("utf-8"))}


def documents(basis: str) -> dict[str, set[str]]:
    """Take a basis apart: documents by number or short name, each with its articles.

    ``实施条例第43条; 87号令68`` and ``政府采购法实施条例 第43条；87号令 第68条`` are the same.
    """
    found: dict[str, set[str]] = {}
    for part in re.split("[;；]", basis):
        part = re.sub(r"〔\d+〕|\d{4}-\d{2}-\d{2}|[（(]\d{4}[)）]", "", part)
        number = re.search(r"(\d+)号", part)
        if number:
            name = number[1] + "号"
            part = part.replace(number[0], "")
        else:
            name = "实施条例" if "条例" in part else part.strip().split(" ")[0].rstrip("第条、,0123456789")
        found.setdefault(name, set()).update(re.findall(r"\d+|[一二三四五六七八九十]+", part))
    return found


def limit_of(row: Row) -> Length | None:
    """Return the number of a row, ``None`` where no law gives one (its basis then begins with "no")."""
    if row["basis"].startswith("no ") or not row["limit"].isdigit():
        return None
    return Length(int(row["limit"]), UNITS[row["unit"]])


def differences(terms: Iterable[TermDef], table: dict[str, Row]) -> list[str]:
    """Name every place where a term with a D code says something else than its row."""
    found: list[str] = []
    for term in terms:
        if term.code.startswith("D"):
            row = table.get(term.code)
            found += [f"{term.code} row"] if row is None else _differences(term, row)
    return sorted(found)


def articles(basis: str) -> set[tuple[str, str]]:
    """Return every article of a basis with its document."""
    return {(name, article) for name, numbers in documents(basis).items() for article in numbers}


def _differences(term: TermDef, row: Row) -> list[str]:
    window = term.code in WINDOWS or term.name in STEPS_THAT_ARE_WINDOWS
    wanted, kind = [limit_of(row)], "min" if window else KINDS.get(row["kind"], row["kind"].lower())
    if term.code in FURTHER:
        wanted += [Length(int(n), UNITS[unit]) for n, unit in re.findall(r"(\d+) (WD|ND)", row["notes"])]
    if term.code in TWINS:
        numbers = [int(number) for number in row["limit"].split(" / ")]
        wanted = [Length(number, UNITS[row["unit"]]) for number in numbers]
    if term.code in STEPS:
        number, unit = row["limit"].split(" / ")[STEPS[term.code][term.name]].split()
        wanted = [Length(int(number), UNITS[unit])]
    same = {
        "kind": term.kind in kind.split(" / "),
        "limit": all(value.value in wanted for value in term.statutory)
        and (wanted == [None]) != bool(term.statutory.values),
        # D01 is written without the mark; it runs back from the start of the procurement all the same
        "direction": not term.backward or "倒推" in row["anchor"] or term.code == "D01",
    }
    for value in term.statutory:
        said, row_says = articles(value.ground.basis), articles(row["basis"])
        same["basis"] = said <= row_says and (said == row_says or term.code in STEPS)
        same["confidence"] = SURENESS.index(value.ground.confidence) <= SURENESS.index(row["confidence"])
    return [f"{term.code} {what}" for what, is_same in same.items() if not is_same]


def test_every_term_with_a_number_of_the_table_says_what_its_row_says(
    bundle: Bundle, table: dict[str, Row]
) -> None:
    compared = [term for term in bundle.terms.values() if term.code in table]
    assert len(compared) > 30
    assert differences(bundle.terms.values(), table) == []
    for code, steps in STEPS.items():
        grounds = [value.ground.basis for name in steps for value in bundle.terms[name].statutory]
        assert set().union(*map(articles, grounds)) == articles(table[code]["basis"])


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("tender_response", "limit: 20 days", "limit: 21 days", ["D10 limit"]),
        ("tender_response", "limit: 20 days", "limit: 20 working days", ["D10 limit"]),
        ("tender_response", "kind: min", "kind: max", ["D10 kind"]),
        ("tender_response", "kind: min", "kind: min\ncounts: backward", ["D10 direction"]),
        ("tender_response", "政府采购法 第35条", "政府采购法 第36条", ["D10 basis"]),
        ("tender_response", "政府采购法 第35条", "政府采购法实施条例 第35条", ["D10 basis"]),
        ("tender_response", "code: D10", "code: D110", ["D110 row"]),
        ("refund_losers", "；74号令 第20条", "", ["D36 basis"]),
        ("works_complaint_filing", "limit: 10 days", "limit: 10 working days", ["D95 limit"]),
        ("works_complaint_filing", "kind: min\ncounts: whole", "kind: max", ["D95 kind"]),
        ("works_complaint_acceptance", "limit: 3 working days", "limit: 30 working days", ["D95 limit"]),
        ("works_complaint_decision", "第61条", "第62条", ["D95 basis"]),
        ("works_complaint_decision", "kind: max", "kind: min", ["D95 kind"]),
        ("consultation_notice_period", "confidence: fairly sure", "confidence: sure", ["D07 confidence"]),
        (
            "archiving",
            "statutory: []",
            "statutory:\n  - {limit: 30 days, basis: 某法 第1条, checked_on: 2026-11-21, confidence: to verify}",
            ["D57 basis", "D57 limit"],
        ),
    ],
)
def test_a_wrong_copy_of_a_term_is_found(
    table: dict[str, Row], file: str, old: str, new: str, found: list[str]
) -> None:
    text = (SHIPPED_WORKFLOWS / "law" / f"{file}.yaml").read_text("utf-8")
    assert text.count(old) == 1
    # read alone: the clocks of the workflows would not fit a wrong term
    faults = Faults()
    tree = read_yaml(text.replace(old, new), file, faults)
    assert tree is not None
    copy = read_term(tree, file, faults)
    assert list(faults) == []
    assert differences([copy], table) == found


def months_of(row: Row) -> int:
    """Return how many months lie between two times of a recurring duty of the table."""
    if row["unit"] == "FIX":
        return ANCHORS[row["anchor"]]
    number = row["limit"].split("/")[0] if row["id"] in FIRST_OF_SEVERAL else row["limit"]
    return int(number) * MONTHS[row["unit"]]


def day_of(row: Row) -> PeriodDay:
    """Return by which day of its period the duty is done: a fixed date, else by the period's end."""
    if row["unit"] != "FIX":
        return PeriodDay(0)
    if row["limit"].endswith("th"):
        return PeriodDay(int(row["limit"].removesuffix("th")))
    return PeriodDay(int(row["limit"][3:]), int(row["limit"][:2]))


def named(basis: str) -> set[str]:
    """Return the documents of a basis by number, and the cities whose practice it is."""
    for seed, city in CITIES.items():
        basis = basis.replace(seed, city)
    numbers = set(re.findall(r"(\d+)号", basis))
    return numbers | {city for city in CITIES.values() if city in basis}


def duty_differences(duties: Iterable[DutyDef], table: dict[str, Row]) -> list[str]:
    """Name every place where a recurring duty says something else than its row."""
    found: list[str] = []
    for duty in duties:
        row = table.get(duty.code)
        if row is None or row["kind"] != RECURRING:
            found.append(f"{duty.code} row")
            continue
        articles = [re.findall(r"第(\d+)条", text) for text in (duty.ground.basis, row["basis"])]
        local = "seed" in row["basis"] or "Qinghai" in row["notes"]
        same = {
            "every": duty.months == months_of(row),
            "due": duty.due == day_of(row),
            "previous": duty.previous == any(word in row["notes"] for word in ("previous year", "last year", "next month")),
            "role": duty.role == HANDS[row["scope"]],
            "basis": named(duty.ground.basis) == named(row["basis"]) and articles[0] == articles[1],
            "switch": bool(duty.switch) == local,
            "confidence": SURENESS.index(duty.ground.confidence) <= SURENESS.index(row["confidence"]),
        }  # fmt: skip
        found += [f"{duty.code} {what}" for what, is_same in same.items() if not is_same]
    return sorted(found)


def test_every_recurring_duty_of_the_table_is_a_file_that_says_what_its_row_says(
    bundle: Bundle, table: dict[str, Row]
) -> None:
    wanted = {code for code, row in table.items() if row["kind"] == RECURRING}
    # Y35 is not of the table of deadlines: what rule R41 asks for
    assert wanted == {duty.code for duty in bundle.duties.values()} - {"Y35"}
    assert wanted == {"D53", "D58", "D81", "D82", "D83", "D84", "D85"}
    assert duty_differences([d for d in bundle.duties.values() if d.code in wanted], table) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("arrears_disclosure", "due: 03-31", "due: 04-30", ["D53 due"]),
        ("arrears_disclosure", "previous: true", "previous: false", ["D53 previous"]),
        ("arrears_disclosure", "第18条", "第19条", ["D53 basis"]),
        ("arrears_disclosure", "role: officer", "role: agency", ["D53 role"]),
        ("points_publication", "due: day 10", "due: day 11", ["D81 due"]),
        ("points_publication", "switch: points_publication", "", ["D81 switch"]),
        ("points_publication", "confidence: fairly sure", "confidence: sure", ["D81 confidence"]),
        ("quarterly_patrol", "every: 3 months", "every: 6 months", ["D83 every"]),
        ("staff_training", "basis: 高唐县", "basis: 青海省", ["D84 basis"]),
        ("open_day", "code: D85", "code: D84", ["D84 every"]),
        ("open_day", "code: D85", "code: D39", ["D39 row"]),
    ],
)
def test_a_wrong_copy_of_a_recurring_duty_is_found(
    table: dict[str, Row], file: str, old: str, new: str, found: list[str]
) -> None:
    text = (SHIPPED_WORKFLOWS / "recurring" / f"{file}.yaml").read_text("utf-8")
    assert text.count(old) == 1
    faults = Faults()
    tree = read_yaml(text.replace(old, new), file, faults)
    assert tree is not None
    copy = read_duty(tree, file, faults)
    assert list(faults) == []
    assert duty_differences([copy], table) == found


def test_the_values_of_law_name_a_document_and_the_day_from_which_they_hold(bundle: Bundle) -> None:
    values = [(term, value) for term in bundle.terms.values() for value in term.statutory]
    assert len(values) > 20
    for term, value in values:
        assert re.search(r"〔\d{4}〕\d+号|\d+号令|法|条例", value.ground.basis), term.name
        assert value.ground.checked_on is not None, term.name
        assert value.ground.confidence in SURENESS, term.name
        assert value.since is not None, term.name
        assert value.since <= value.ground.checked_on, term.name


def test_a_term_for_which_no_law_gives_a_number_says_so_in_its_note(bundle: Bundle) -> None:
    bare = [term for term in bundle.terms.values() if not tuple(term.statutory)]
    assert {"D46", "D57", "Y08", "Y12"} <= {term.code for term in bare}
    silent = [
        term.name
        for term in bare
        if not re.search("note: .*没有(法定期限|国家层面的天数)", bundle.files[term.file])
    ]
    assert silent == []


def test_only_own_defaults_and_no_law_stand_behind_a_term_of_our_own(bundle: Bundle) -> None:
    own = [term.name for term in bundle.terms.values() if term.code[0] != "D" and tuple(term.statutory)]
    # the table gives the fifteen days of the tendering law (第23条) no number of their own
    assert own == ["works_clarification"]


def test_a_promise_on_a_clock_without_a_law_is_still_to_verify(bundle: Bundle) -> None:
    grounds: list[tuple[str, Ground]] = []
    for profile in bundle.profiles.values():
        for key, promises in profile.promises.items():
            workflow, _, clock = key.partition(".")
            term = bundle.terms[bundle.workflows[workflow].clocks[clock].term]
            if not tuple(term.statutory):
                grounds += [(f"{profile.name} {key}", promise.ground) for promise in promises]
    assert len(grounds) > 10
    assert [key for key, ground in grounds if ground.confidence != "to verify"] == []


def test_no_code_stands_on_two_terms(bundle: Bundle) -> None:
    codes = Counter(term.code for term in bundle.terms.values())
    assert {code for code, times in codes.items() if times > 1} == TWINS | FURTHER | STEPS.keys()


def test_only_the_notices_before_a_deadline_are_counted_back(bundle: Bundle) -> None:
    back = {term.name: term.kind for term in bundle.terms.values() if term.backward}
    assert back == dict.fromkeys(
        (
            "intent_lead", "tender_clarification", "consultation_clarification", "prequalification_clarification",
            "reply_clarification", "works_clarification", "hearing_notice", "interview_notice",
        ),
        "min",
    )  # fmt: skip
    # and one act may come only shortly before its day
    assert [term.name for term in bundle.terms.values() if term.ahead] == ["expert_draw"]
    assert read_bundle(Path(__file__).parent / "good").terms["notifying"].backward


ACCOUNT = re.compile(r"^\| (D\d+\w?) \| (.+?) \| (?:未做：|流程：|规则 |方案 )(.+) \|$", re.MULTILINE)


def test_every_row_of_the_table_has_a_file_or_the_page_says_what_stands_in_for_it(
    bundle: Bundle, table: dict[str, Row], root: Path
) -> None:
    page = (root / "docs" / "reference" / "deadlines-covered.md").read_text("utf-8")
    told = {code: title for code, title, _ in ACCOUNT.findall(page)}
    filed = {term.code for term in bundle.terms.values()} | {duty.code for duty in bundle.duties.values()}
    filed |= set(bundle.rules)
    assert told.keys() == table.keys() - filed
    assert told == {code: table[code]["zh"] for code in told}
    # what is planted: a row that nobody accounts for
    assert (table.keys() | {"D999"}) - filed - told.keys() == {"D999"}


def test_two_ways_of_writing_a_basis_name_the_same_articles() -> None:
    assert documents("实施条例第43条; 87号令68; 74号令36/49") == documents(
        "政府采购法实施条例 第43条；87号令 第68条；74号令 第36、49条"
    )
    assert documents("214号第10条") == documents("财库〔2014〕214号 第10条") == {"214号": {"10"}}
    assert documents("政府采购法52; 条例53") == {"政府采购法": {"52"}, "实施条例": {"53"}}
    assert documents("财库〔2020〕10号三(三)") == documents("财库〔2020〕10号 三（三）")
    assert documents("政府采购法 第35条") != documents("政府采购法 第36条")
    assert documents("87号令 第38条") != documents("74号令 第38条")
