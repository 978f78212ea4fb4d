"""The workflow files that ship: free of findings, and saying what the law page says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.errors import BrokenWorkflows
from engine.reader import check, read_bundle, read_bundle_from, read_texts
from engine.term import Length
from engine.workflow import Bundle, Trigger
from runtime.settings import SHIPPED_WORKFLOWS

ALL_FILES = sorted(path.relative_to(SHIPPED_WORKFLOWS) for path in SHIPPED_WORKFLOWS.glob("*.yaml")) + sorted(
    path.relative_to(SHIPPED_WORKFLOWS)
    for folder in ("law", "rules", "ladders", "profiles", "messages")
    for path in (SHIPPED_WORKFLOWS / folder).glob("*.yaml")
)

# code: (limit, in force from, anchors, ends). The last day before `from` has no statutory limit.
LAW = {
    "D30": ("2 working days", date(2015, 3, 1), "deliver_report",
            ["action end_evaluation"], "deliver_report"),
    "D31": ("5 working days", date(2015, 3, 1), "decide_award", ["action deliver_report"], "decide_award"),
    "D33": ("2 working days", date(2015, 3, 1), "publish_result", ["action decide_award"], "publish_result"),
    "D34": ("2 working days", date(2015, 3, 1), "issue_award_letter",
            ["action decide_award"], "issue_award_letter"),
    "D39": ("30 days", date(2003, 1, 1), "sign_contract", ["state awarded"], "sign_contract"),
    "D40": ("2 working days", date(2015, 3, 1), "publish_contract",
            ["action sign_contract"], "publish_contract"),
    "D41": ("7 working days", date(2003, 1, 1), "file_contract", ["action sign_contract"], "file_contract"),
    "D45": (None, None, "accept_delivery", ["action request_acceptance"], "accept"),
    "D47": ("10 working days", date(2023, 12, 15), "pay",
            ["action receive_invoice", "state accepted"], "pay"),
    "D48": ("30 days", date(2019, 9, 1), "pay_outer_limit", ["action receive_invoice"], "pay"),
    # 督办：没有法定期限，数字在方案里
    "Y01": (None, None, "sign_for_letter", ["state reminded"], "sign_for", "report_correction"),
    "D86": (None, None, "correct", ["action sign_for"], "report_correction", "draft_referral"),
    "Y02": (None, None, "decide_referral", ["state drafted"], "refer", "defer", "pass_on", "report_correction"),
    "Y03": (None, None, "accept_lead", ["action pass_on"], "accept_case", "return_case"),
    "Y04": (None, None, "check_answer", ["state answered"], "send_back", "close", "pass_on"),
    "Y05": (None, None, "end_deferral", ["state deferred"], "refer", "close", "pass_on"),
    "Y06": (None, None, "choose_form", ["state accepted"], "urge", "attend", "caution", "interview", "penalise",
            "write_off"),
    "Y07": (None, None, "review_case", ["state reviewing"], "return_rectification", "attend", "caution", "interview",
            "penalise", "write_off"),
    "D87": (None, None, "rectify", ["state rectifying"], "submit_rectification"),
    "D49": ("30 days", date(2025, 6, 1), "pay_small_supplier", ["state accepted"], "pay"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


def test_the_shipped_files_have_no_finding() -> None:
    assert check(SHIPPED_WORKFLOWS) == []


def test_every_clock_runs_on_the_term_anchor_and_end_that_the_law_gives(bundle: Bundle) -> None:
    found = {}
    for workflow in bundle.workflows.values():
        for clock in workflow.clocks.values():
            term = bundle.terms[clock.term]
            assert term.kind == "max"
            [value] = tuple(term.statutory) or [None]
            anchors = [f"{trigger.kind} {trigger.name}" for trigger in clock.starts]
            limit, since = (str(value.value), value.since) if value else (None, None)
            found[term.code] = (limit, since, clock.name, anchors, *clock.ends)
    assert found == LAW


def test_every_value_of_law_names_its_article_and_the_day_it_was_checked(bundle: Bundle) -> None:
    grounds = [value.ground for term in bundle.terms.values() for value in term.statutory]
    grounds += [value.ground for p in bundle.profiles.values() for d in p.promises.values() for value in d]
    grounds += [rule.ground for rule in bundle.rules.values()]
    assert len(grounds) == 10 + 4 + 2 + 2 * 10
    assert all(ground.basis and ground.checked_on == date(2026, 11, 21) for ground in grounds)


def test_a_statutory_limit_begins_on_its_day_and_not_the_day_before(bundle: Bundle) -> None:
    filing = bundle.terms["contract_filing"].statutory
    assert filing.on(date(2002, 12, 31)) is None  # a Tuesday
    value = filing.on(date(2003, 1, 1))  # a Wednesday
    assert value is not None
    assert value.value == Length(7, "working days")


def test_the_one_day_profile_promises_the_four_one_days_and_refers_on_them(bundle: Bundle) -> None:
    one_day, statutory = bundle.profiles["one-day"], bundle.profiles["statutory"]
    assert (one_day.refers_on, statutory.refers_on) == ("promise", "statutory")
    assert all(key.startswith("case.") for key in statutory.promises)
    assert {key for key in one_day.promises if not key.startswith("case.")} == {
        "package.decide_award",
        "contract.sign_contract",
        "instalment.accept_delivery",
        "instalment.pay",
    }
    for key, dated in one_day.promises.items():
        promise = dated.on(date(1999, 1, 1))  # a Friday: a promise without `from` always holds
        assert promise is not None
        if key.startswith("case."):
            continue
        assert promise.value is not None
        assert (promise.value.limit, promise.value.ends) == (Length(1, "working days"), "midnight")


def test_the_parts_lead_from_project_to_instalment(bundle: Bundle) -> None:
    project, package = bundle.workflows["project"], bundle.workflows["package"]
    assert project.spawns is not None
    assert (project.spawns.workflow, project.spawns.count) == ("package", "project.packages")
    assert {name: w.part_of for name, w in bundle.workflows.items()} == {
        "project": "",
        "package": "project",
        "contract": "package",
        "instalment": "contract",
        "case": "",
    }
    assert bundle.workflows["case"].about
    assert package.initial == "evaluating"
    assert bundle.workflows["instalment"].actions["accept"].sets == (("accepted_on", "day"),)
    assert Trigger("state", "accepted") in bundle.workflows["instalment"].clocks["pay"].starts


def test_a_clock_title_fits_the_item_of_an_sms(bundle: Bundle) -> None:
    item = read_texts(SHIPPED_WORKFLOWS)["overdue_unrecorded"].params["item"]
    titles = [clock.title.zh for w in bundle.workflows.values() for clock in w.clocks.values()]
    assert [title for title in titles if len(title) > item] == []


def test_the_warning_reads_as_the_bureaus_want_it() -> None:
    sms = read_texts(SHIPPED_WORKFLOWS)["overdue_unrecorded"].sms
    values = {
        "code": "平财采-2026-1",
        "name": "办公设备",
        "item": "签订合同",
        "kind": "承诺时限",
        "date": "11月23日",
    }
    assert sms.format(**values) == (
        "编号平财采-2026-1的办公设备项目，签订合同的承诺时限为11月23日，现已超期且未见办结登记。"
        "已办结请补录并附凭证，未办结请说明原因。"
    )


def test_a_bundle_is_read_again_from_its_own_files(bundle: Bundle) -> None:
    again = read_bundle_from(bundle.files)
    assert again == bundle
    assert not any(name.startswith("messages/") for name in bundle.files)


def test_the_hash_changes_with_any_file_and_not_with_line_ends(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_bytes(bundle.files["case.yaml"].replace("\n", "\r\n").encode())
    assert read_bundle(SHIPPED_WORKFLOWS, tmp_path).hash == bundle.hash
    (tmp_path / "case.yaml").write_text(bundle.files["case.yaml"] + "# 改过\n", encoding="utf-8")
    assert read_bundle(SHIPPED_WORKFLOWS, tmp_path).hash != bundle.hash
    # messages are not pinned: a new wording is no new bundle
    (tmp_path / "case.yaml").unlink()
    (tmp_path / "messages").mkdir()
    text = (SHIPPED_WORKFLOWS / "messages" / "due_soon.yaml").read_text(encoding="utf-8")
    (tmp_path / "messages" / "due_soon.yaml").write_text(text.replace("抓紧", "尽快"), encoding="utf-8")
    assert read_bundle(SHIPPED_WORKFLOWS, tmp_path).hash == bundle.hash
    assert "尽快" in read_texts(SHIPPED_WORKFLOWS, tmp_path)["due_soon"].sms


def test_an_overlay_adds_a_profile_beside_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "county.yaml").write_text(
        "profile: county\ntitle: {zh: 某县}\nrefers_on: agreed\npromises:\n  contract.sign_contract:\n"
        "    - {limit: 3 working days, ends: close, basis: 某县承诺, checked_on: 2026-11-21,"
        " confidence: sure}\n",
        encoding="utf-8",
    )
    bundle = read_bundle(SHIPPED_WORKFLOWS, tmp_path)
    assert set(bundle.profiles) == {"one-day", "statutory", "county"}
    assert bundle.profiles["county"].refers_on == "agreed"


@pytest.mark.parametrize("name", ALL_FILES, ids=str)
def test_one_unreadable_file_is_one_finding_and_not_a_shower(name: Path, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("workflow: [", encoding="utf-8")
    [fault] = check(SHIPPED_WORKFLOWS, tmp_path)
    assert fault.file == name.as_posix()
    with pytest.raises(BrokenWorkflows) as broken:
        (read_texts if name.parent.name == "messages" else read_bundle)(SHIPPED_WORKFLOWS, tmp_path)
    assert broken.value.faults == (fault,)
    assert broken.value.exit_code == 6


def test_a_term_says_how_far_the_law_lets_it_be_extended(tmp_path: Path) -> None:
    shipped = (SHIPPED_WORKFLOWS / "law" / "contract_signing.yaml").read_text("utf-8")
    (tmp_path / "law").mkdir()
    ground = "basis: 示例条例 第1条, checked_on: 2026-11-21, confidence: to verify"
    (tmp_path / "law" / "contract_signing.yaml").write_text(
        f"{shipped}extend: {{most: 15 days, {ground}}}\n", "utf-8"
    )
    term = read_bundle(SHIPPED_WORKFLOWS, tmp_path).terms["contract_signing"]
    assert term.extend is not None
    assert (term.extend.most, term.extend.ground.basis) == (Length(15, "days"), "示例条例 第1条")
    assert read_bundle(SHIPPED_WORKFLOWS).terms["contract_signing"].extend is None
