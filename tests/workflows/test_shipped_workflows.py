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


def _files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (SHIPPED_WORKFLOWS / folder).glob("*.yaml"))
    return sorted(path.relative_to(SHIPPED_WORKFLOWS) for path in found)


REFERRED_TO = _files("", "parts", "ladders")
OTHERS = _files("law", "rules", "profiles", "messages", "thresholds", "words")
DECISIONS = (
    "dismiss",
    "uphold_no_effect",
    "uphold_redo",
    "uphold_annul",
    "uphold_revoke",
    "uphold_performed",
)
WORKS_DECISIONS = ("dismiss", "uphold_correct", "uphold_annul", "uphold_reevaluate", "uphold_retender")
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
    "choose_form": ("Y06", None, None, ["state accepted"], "urge", "attend", "caution", "summon", "interview", "penalise", "write_off", "find_ready"),
    "review_case": ("Y07", None, None, ["state reviewing"], "return_rectification", "attend", "caution", "summon", "interview", "penalise", "write_off", "find_ready"),
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
    "acknowledge_order": ("Y31", None, None, ["state sent"], "acknowledge_order", "revoke_order", "climb_order"),
    "acknowledge_above": ("Y31", None, None, ["action climb_order"], "acknowledge_order", "revoke_order"),
    "fulfil_duty": ("Y34", None, None, ["state owed"], "fulfil_duty", "excuse_duty"),
    "handle_order": ("Y32", None, None, ["state acknowledged"], "finish_order", "revoke_order"),
    "assess_query": ("Y08", None, None, ["state registered"], "find_affecting", "find_harmless", "withdraw_query"),
    "answer_query": ("D61", "7 working days", date(2003, 1, 1), ["state registered"], "answer", "withdraw_query"),
    "publish_call_off": ("D59d", "2 working days", date(2022, 3, 1), ["action award_call_off"], "publish_call_off"),
    "report_off_framework": ("D59e", "1 working day", date(2022, 3, 1), ["action award_call_off"], "report_off_framework"),
    "sign_works_contract": ("D93", "30 days", date(2000, 1, 1), ["state awarded"], "sign_contract"),
    "refund_works": ("D94", "5 days", date(2012, 2, 1), ["action sign_contract"], "refund_winner"),
    "rate_experts": ("D37", "5 working days", date(2017, 1, 1), ["action end_evaluation"], "rate_experts"),
    "rate_agency": ("D38", "5 working days", date(2018, 3, 1), ["action issue_award_letter"], "rate_agency"),
    "rate_framework_agency": ("D38", "5 working days", date(2018, 3, 1), ["action issue_entry_notices"], "rate_agency"),
    "reply_enquiry": ("D20", "3 working days", date(2015, 3, 1), ["state asked"], "reply"),
    "review_application": ("D59g", "7 working days", date(2022, 3, 1), ["state applied"], "admit", "reject_application"),
    "publish_entry": ("D59h", "2 working days", date(2022, 3, 1), ["action admit"], "publish_entry"),
    "publish_exit": ("D59i", "2 working days", date(2022, 3, 1), ["action ask_to_leave"], "publish_exit"),
    "sign_framework": ("D59a", "30 days", date(2022, 3, 1), ["action issue_entry_notices"], "sign_framework"),
    "tell_users": ("D59c", "3 working days", date(2022, 3, 1), ["action sign_framework"], "tell_users"),
    "file_framework": ("D59b", "7 working days", date(2022, 3, 1), ["state in_force"], "file_framework"),
    "framework_goods": ("D59j", "1 year", date(2022, 3, 1), ["state in_force"], "expire"),
    "framework_services": ("D59j", "2 years", date(2022, 3, 1), ["state in_force"], "expire"),
    "publish_summary": ("D59f", "10 working days", date(2022, 3, 1), ["state expired"], "publish_summary"),
    "argue_again": ("D05", "5 working days", date(2014, 2, 1), ["action close_publicity"], "argue_again"),
    "report_milestone": ("Y50", None, None, ["state planned"], "report_milestone"),
    "answer_objection": ("D91", "3 days", date(2012, 2, 1), ["state raised"], "answer_objection"),
    "publish_candidates": ("D90", "3 days", date(2012, 2, 1), ["action deliver_report"], "publish_candidates"),
    "report_award": ("D92", "15 days", date(2000, 1, 1), ["action decide_award"], "report_award"),
    "admit_works_complaint": ("D95", "3 working days", date(2012, 2, 1), ["state received"], "accept_complaint", "reject_complaint", "withdraw_complaint"),
    "decide_works_complaint": ("D95", "30 working days", date(2012, 2, 1), ["action accept_complaint"], *WORKS_DECISIONS, "withdraw_complaint"),
    "screen_complaint": ("D63", "5 working days", date(2018, 3, 1), ["state received"], "ask_completion", "accept_complaint", "find_inadmissible", "withdraw_complaint"),
    "ask_completion": ("D64", "5 working days", date(2018, 3, 1), ["state received"], "ask_completion", "accept_complaint", "find_inadmissible", "withdraw_complaint"),
    "complete_complaint": ("Y41", None, None, ["state correcting"], "submit_completion", "find_inadmissible", "withdraw_complaint"),
    "tell_screening": ("D65", "3 working days", date(2018, 3, 1), ["state inadmissible"], "tell_rejection", "tell_redirection"),
    "serve_complaint": ("D66", "8 working days", date(2018, 3, 1), ["state received"], "serve_complaint", "find_inadmissible", "withdraw_complaint"),
    "give_statement": ("D67", "5 working days", date(2018, 3, 1), ["state awaited"], "give_statement", "waive_statement", "end_with_complaint"),
    "mediate": ("Y42", None, None, ["action offer_mediation"], "end_mediation", "withdraw_complaint", *DECISIONS),
    "decide_complaint": ("D68", "30 working days", date(2018, 3, 1), ["state received"], *DECISIONS, "find_inadmissible", "withdraw_complaint"),
    "suspend_procurement": ("D69", "30 days", date(2018, 3, 1), ["state suspended"], "lift_suspension", "resume_by_time", "end_with_complaint"),
    "publish_decision": ("D70", "5 working days", date(2015, 7, 17), ["state decided"], "publish_decision"),
    "decide_again": ("Y46", None, None, ["action annul_award"], "decide_award", "fail", "order_again", "abandon"),
    "route_arrears": ("D54", "10 working days", date(2025, 6, 1), ["state accepted"], "route_arrears", "withdraw_arrears"),
    "answer_arrears": ("D54", "30 days", date(2025, 6, 1), ["action route_arrears"], "answer_arrears", "withdraw_arrears"),
    "explain_attention": ("Y43", None, None, ["state attention"], "explain_attention", "end_guidance"),
    "accept_referral": ("Y44", None, None, ["state sent"], "accept_referral", "return_referral"),
    "give_feedback": ("Y45", None, None, ["state accepted"], "give_feedback"),
    "decide_penalty": ("D74", "90 days", date(2021, 7, 15), ["state filed"], "decide_penalty", "drop_penalty"),
    "serve_penalty": ("D77", "7 working days", date(2021, 7, 15), ["state decided"], "serve_penalty"),
    "publish_penalty": ("D70", "5 working days", date(2015, 7, 17), ["state decided"], "publish_penalty"),
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
    "explain_price": ("D29", "30 minutes", ["action ask_explanation"], "invalidate_bid"),
    "intent_lead": ("D01", "30 days", ["action publish_intent"], "publish_notice", "invite_suppliers", "begin_selection",
                    "open_call", "begin_single_source"),
    "draw_experts": ("D21", "2 working days", ["fact evaluation_day"], "draw_experts"),
    "negotiation_response": ("D12", "3 working days", ["state responding"], "bid_deadline", "open_bids"),
    "inquiry_response": ("D13", "3 working days", ["state responding"], "bid_deadline", "open_bids"),
    "reply_notice": ("D07", "3 working days", ["state responding"], "notice_until"),
    "reply_clarification": ("D18", "3 working days", ["action clarify"], "bid_deadline", "open_bids"),
    "innovation_notice": ("D24", "5 working days", ["action publish_innovation"], "call_until"),
    "innovation_application": ("D25", "20 working days", ["action publish_innovation"], "application_deadline",
                               "check_applicants"),
    "innovation_first_response": ("D26", "10 working days", ["action issue_research_documents"],
                                  "first_response_deadline", "begin_research_talks"),
    "innovation_final_response": ("D27", "5 working days", ["action issue_final_documents"], "final_response_deadline",
                                  "begin_evaluation"),
    "prequalification_notice": ("D06", "5 working days", ["action publish_prequalification"], "draw_suppliers"),
    "prequalification_application": ("D14", "5 working days", ["action publish_prequalification"], "application_deadline"),
    "prequalification_clarification": ("D16", "3 days", ["action clarify_prequalification"], "application_deadline"),
    "single_source_publicity": ("D04", "5 working days", ["action publish_single_source"], "close_publicity",
                                "approve_method"),
    "works_documents": ("D88", "5 days", ["state responding"], "documents_until"),
    "works_response": ("D89", "20 days", ["state responding"], "bid_deadline", "open_bids"),
    "works_clarification": ("Y51", "15 days", ["action clarify"], "bid_deadline", "open_bids"),
    "candidates_period": ("D90", "3 days", ["action publish_candidates"], "decide_award"),
    "interview_notice": ("Y47", None, ["action summon"], "interview_on", "interview"),
    "appeal_period": ("D71", "60 days", ["action deliver_decision"], "close_complaint"),
    "hearing_request": ("D75", "5 working days", ["action tell_facts"], "decide_penalty"),
    "hearing_notice": ("D76", "7 working days", ["action set_hearing"], "hearing_on", "hold_hearing"),
    "keep_listed": ("D78", "3 years", ["action list_violation"], "unlist_violation"),
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
    grounds += [
        value.ground for rule in bundle.rules.values() for dated in rule.params.values() for value in dated
    ]
    grounds += [rule.override.ground for rule in bundle.rules.values() if rule.override is not None]
    grounds += [row.ground for table in bundle.thresholds.values() for row in table.rows]
    grounds += [words.ground for words in bundle.words.values()]
    assert len(grounds) > 150
    checked = (date(2026, 11, 21), date(2026, 11, 22))  # a Saturday, a Sunday
    assert all(ground.basis and ground.checked_on in checked for ground in grounds)


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
    own |= {"package.decide_again", "complaint.mediate", "guidance.explain_attention"}
    own |= {"referral.accept_referral", "referral.give_feedback"}
    assert {key for key in statutory.promises if not key.startswith(("case.", "alert."))} == own
    assert {key for key in one_day.promises if not key.startswith(("case.", "alert."))} - own == {
        "package.decide_award",
        "contract.sign_contract",
        "instalment.accept_delivery",
        "instalment.pay",
    }
    for key, dated in one_day.promises.items():
        promise = dated.on(date(1999, 1, 1))  # a Friday: a promise without `from` always holds
        assert promise is not None
        if key.startswith(("case.", "alert.")) or key in own:
            continue
        assert promise.value is not None
        assert (promise.value.limit, promise.value.ends) == (Length(1, "working days"), "midnight")


def test_the_parts_lead_from_project_to_instalment(bundle: Bundle) -> None:
    project, package = bundle.workflows["project"], bundle.workflows["package"]
    opener = project.actions["publish_notice"].spawns
    assert opener is not None
    assert (opener.workflow, opener.which, opener.count) == ("package", "method", "project.packages")
    assert {w.tier: w.part_of for w in bundle.workflows.values()} == {
        "project": "",
        "duty": "",
        "package": "project",
        "contract": "package",
        "instalment": "contract",
        "site_milestone": "contract",
        "bid": "package",
        "entrant": "package",
        "enquiry": "",
        "contract_suspension": "",
        "works_objection": "",
        "works_complaint": "",
        "works_suspension": "works_complaint",
        "alert": "",
        "case": "",
        "query": "",
        "complaint": "",
        "statement": "complaint",
        "suspension": "complaint",
        "sme_payment_complaint": "",
        "guidance": "",
        "referral": "",
        "penalty": "",
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
    places = {
        "pingdingshan",
        "yantai",
        "qinghai-small-works",
        "qingdao",
        "gaotang",
        "qingyang",
        "jingmen",
        "shaanxi",
    }
    assert set(bundle.profiles) == {"one-day", "statutory", *places, "county"}
    assert bundle.profiles["county"].refers_on == "agreed"


@pytest.mark.parametrize("name", REFERRED_TO + OTHERS[::6], ids=str)
def test_one_unreadable_file_is_one_finding_and_not_a_shower(name: Path, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("workflow: [", encoding="utf-8")
    with pytest.raises(BrokenWorkflows) as broken:
        (read_texts if name.parent.name == "messages" else read_bundle)(SHIPPED_WORKFLOWS, tmp_path)
    assert [fault.file for fault in broken.value.faults] == [name.as_posix()], broken.value.faults
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
