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

# clock: (code, limit, in force from, anchors, ends). The last day before `from` has no statutory limit.
LAW = {
    "deliver_report": ("D30", "2 working days", date(2015, 3, 1), ["action end_evaluation"], "deliver_report"),
    "decide_award": ("D31", "5 working days", date(2015, 3, 1), ["action deliver_report"], "decide_award"),
    "publish_result": ("D33", "2 working days", date(2015, 3, 1), ["action decide_award"], "publish_result"),
    "issue_award_letter": ("D34", "2 working days", date(2015, 3, 1), ["action decide_award"], "issue_award_letter"),
    "sign_contract": ("D39", "30 days", date(2003, 1, 1), ["state awarded"], "sign_contract"),
    "publish_contract": ("D40", "2 working days", date(2015, 3, 1), ["action sign_contract"], "publish_contract"),
    "file_contract": ("D41", "7 working days", date(2003, 1, 1), ["action sign_contract"], "file_contract"),
    "accept_delivery": ("D45", None, None, ["action request_acceptance"], "accept", "reject"),
    "pay": ("D47", "10 working days", date(2023, 12, 15), ["action receive_invoice", "action accept"], "pay"),
    "pay_outer_limit": ("D48", "30 days", date(2019, 9, 1), ["action receive_invoice"], "pay"),
    "sign_for_letter": ("Y01", None, None, ["state reminded"], "sign_for", "report_correction"),
    "correct": ("D86", None, None, ["action sign_for"], "report_correction", "draft_referral"),
    "decide_referral": ("Y02", None, None, ["state drafted"], "refer", "defer", "pass_on", "report_correction"),
    "accept_case": ("Y03", None, None, ["action refer"], "accept_case", "return_case"),
    "accept_lead": ("Y03", None, None, ["action pass_on"], "accept_case", "return_case"),
    "accept_climbed": ("Y03", None, None, ["action climb"], "accept_case", "return_case"),
    "check_answer": ("Y04", None, None, ["state answered"], "send_back", "close", "pass_on"),
    "end_deferral": ("Y05", None, None, ["state deferred"], "refer", "close", "pass_on"),
    "choose_form": ("Y06", None, None, ["state accepted"], "urge", "attend", "caution", "interview", "penalise", "write_off"),
    "review_case": ("Y07", None, None, ["state reviewing"], "return_rectification", "attend", "caution", "interview", "penalise", "write_off"),
    "rectify": ("D87", None, None, ["state rectifying"], "submit_rectification"),
    "pay_small_supplier": ("D49", "30 days", date(2025, 6, 1), ["action accept"], "pay"),
    "refund_winner": ("D42", "5 working days", date(2015, 3, 1), ["action sign_contract"], "refund_winner"),
    "publish_amendment": ("D43", "2 working days", date(2023, 12, 15), ["action amend_contract"], "publish_amendment"),
    "pay_again": ("Y10", None, None, ["action return_payment"], "pay"),
    "publish_acceptance": ("D46", None, None, ["action accept"], "publish_acceptance"),
    "refund_withdrawn": ("D22", "5 working days", date(2017, 10, 1), ["action withdraw_bid"], "refund_withdrawn"),
    "decide_self_run": ("D32", "5 working days", date(2017, 10, 1), ["action end_evaluation"], "decide_award"),
    "confirm_deemed": ("Y09", None, None, ["state deemed"], "decide_award", "explain_delay", "fail"),
    "refund_losers": ("D36", "5 working days", date(2015, 3, 1), ["action issue_award_letter"], "refund_losers"),
    "refund_all": ("D23", "5 working days", date(2017, 10, 1), ["action fail"], "refund_all"),
    "refund_abandoned": ("D23", "5 working days", date(2017, 10, 1), ["action abandon"], "refund_all"),
    "archive": ("D57", None, None, ["state performed"], "archive"),
    "assess_query": ("Y08", None, None, ["state registered"], "find_affecting", "find_harmless", "withdraw_query"),
    "answer_query": ("D61", "7 working days", date(2003, 1, 1), ["state registered"], "answer", "withdraw_query"),
}  # fmt: skip
# clock: (code, limit, anchors, what must wait)
WAITS = {
    "tender_notice": ("D06", "5 working days", ["state responding"], "notice_until"),
    "consultation_notice": ("D07", "3 working days", ["state responding"], "notice_until"),
    "tender_documents": ("D08", "5 working days", ["state responding"], "documents_until"),
    "consultation_documents": ("D09", "5 working days", ["state responding"], "documents_until"),
    "tender_response": ("D10", "20 days", ["state responding"], "bid_deadline", "open_bids"),
    "consultation_response": ("D11", "10 days", ["state responding"], "bid_deadline", "open_bids"),
    "tender_clarification": ("D15", "15 days", ["action clarify"], "bid_deadline", "open_bids"),
    "consultation_clarification": ("D17", "5 days", ["action clarify"], "bid_deadline", "open_bids"),
    "result_notice_period": ("D35", "1 working day", ["action publish_result"], "result_until"),
    "intent_lead": ("D01", "30 days", ["action publish_intent"], "publish_notice"),
    "keep_file": ("D56", "15 years", ["state performed"], "destroy_file"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


def test_the_shipped_files_have_no_finding() -> None:
    assert check(SHIPPED_WORKFLOWS) == []


def test_every_clock_runs_on_the_term_anchor_and_end_that_the_law_gives(bundle: Bundle) -> None:
    found, waits = {}, {}
    for workflow in bundle.workflows.values():
        for clock in [c for c in workflow.clocks.values() if not c.profile]:
            term = bundle.terms[clock.term]
            [value] = tuple(term.statutory) or [None]
            anchors = [f"{trigger.kind} {trigger.name}" for trigger in clock.starts]
            limit, since = (str(value.value), value.since) if value else (None, None)
            if term.kind == "max":
                found[clock.name] = (term.code, limit, since, anchors, *clock.ends)
            else:
                waits[clock.name] = (term.code, limit, anchors, *clock.guards)
    assert found == LAW
    assert waits == WAITS


def test_every_value_of_law_names_its_article_and_the_day_it_was_checked(bundle: Bundle) -> None:
    grounds = [value.ground for term in bundle.terms.values() for value in term.statutory]
    said = [p for p in bundle.profiles.values() if not p.extends]
    grounds += [value.ground for p in said for d in p.promises.values() for value in d]
    grounds += [rule.ground for rule in bundle.rules.values()]
    assert len(grounds) == 29 + 4 + 4 + 2 * 15
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
    # beside the four: defaults of ours where neither law nor city gives a number, in both profiles
    own = {"package.confirm_deemed", "instalment.pay_again", "query.assess_query", "project.archive"}
    assert {key for key in statutory.promises if not key.startswith("case.")} == own
    assert {key for key in one_day.promises if not key.startswith("case.")} - own == {
        "package.decide_award",
        "contract.sign_contract",
        "instalment.accept_delivery",
        "instalment.pay",
    }
    for key, dated in one_day.promises.items():
        promise = dated.on(date(1999, 1, 1))  # a Friday: a promise without `from` always holds
        assert promise is not None
        if key.startswith("case.") or key in own:
            continue
        assert promise.value is not None
        assert (promise.value.limit, promise.value.ends) == (Length(1, "working days"), "midnight")


def test_the_parts_lead_from_project_to_instalment(bundle: Bundle) -> None:
    project, package = bundle.workflows["project"], bundle.workflows["package"]
    opener = project.actions["publish_notice"].spawns
    assert opener is not None
    assert (opener.workflow, opener.count) == ("package", "project.packages")
    assert {name: w.part_of for name, w in bundle.workflows.items()} == {
        "project": "",
        "package": "project",
        "contract": "package",
        "instalment": "contract",
        "case": "",
        "query": "",
    }
    assert bundle.workflows["case"].about
    assert (project.initial, package.initial) == ("budgeted", "responding")
    assert bundle.workflows["instalment"].actions["accept"].sets == (("accepted_on", "day"),)
    assert Trigger("action", "accept") in bundle.workflows["instalment"].clocks["pay"].starts


def test_a_clock_title_fits_the_item_of_an_sms(bundle: Bundle) -> None:
    item = read_texts(SHIPPED_WORKFLOWS)["overdue_unrecorded"].params["item"]
    clocks = [clock for w in bundle.workflows.values() for clock in w.clocks.values() if clock.ladder]
    titles = [clock.title.zh for clock in clocks]
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
    assert set(bundle.profiles) == {"one-day", "statutory", "qingyang", "jingmen", "county"}
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
