"""What people write into the forms: facts that differ from one number to the next, some of them too early."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from engine.term import Length
from engine.workflow import ActionDef
from tests.city import USUAL

LENGTHS = (
    None, Length(1, "days"), Length(5, "days"), Length(2, "working days"), Length(45, "days"), Length(9, "hours"),
)  # fmt: skip
LINK = "https://www.example.cn/2"
PLAIN: dict[str, Any] = {
    **USUAL, "intent_url": LINK, "budget": 200_000_000, "object": "goods", "filing_no": "平财采备〔2026〕9号", "agency": "某代理",
    "notice_link": LINK, "failure": "too_few", "failure_url": LINK, "change_url": LINK, "acceptance_url": LINK,
    "bidders": 4, "qualified": 3, "affects_bids": False, "subject": "result", "completion_no": "财补〔2026〕1号",
    "rejected_for": "incomplete", "respondents": 2, "respondent": "采购人", "suspension_no": "财停〔2026〕1号",
    "examined": "样品", "decision_url": LINK, "party": "agency", "party_name": "某代理", "told_no": "财罚告〔2026〕1号",
    "penalty": "警告", "decision_no": "财罚〔2026〕1号", "penalty_url": LINK, "handler": "市教育局",
    "arrears_result": "paid", "feedback": "已办", "sanction": "列入名单", "against": "purchaser",
}  # fmt: skip
"""What fits any form."""
AHEAD = (45, 21, 20, 30, 25, 19, 60, 10, 15, 22)
"""So many days ahead people fix the deadline of the bids; 20 are the least for a tender, 10 for a consultation."""


def facts_of(action: ActionDef, number: int, today: date) -> dict[str, Any]:
    """Facts for ``action`` on ``today`` that differ from one number to the next."""
    facts = {name: PLAIN[name] for name in action.needs if name in PLAIN}
    facts |= _opening(action.opens, number, today)
    return facts | _particular(action.name, number, today)


def _opening(workflow: str, number: int, today: date) -> dict[str, Any]:
    """What somebody writes about what an action opens: a query, a complaint, a referral."""
    what = ("documents", "process", "result")[number % 3]
    answered = today - timedelta(days=number * 2)
    forms: dict[str, dict[str, Any]] = {
        "query": {"subject": what},
        "complaint": {"complained_by": "乙公司", "about_what": what, "answered_on": answered},
        "sme_payment_complaint": {"complained_by": "甲公司"},
        "guidance": {"advice": "补充样本"},
        "referral": {"to_whom": ("police", "audit")[number % 2], "matter_passed": "线索"},
    }
    return forms.get(workflow, {})


def _particular(name: str, number: int, today: date) -> dict[str, Any]:
    """What a number puts into one form or another."""
    agreed = LENGTHS[number % len(LENGTHS)]
    terms = {} if agreed is None else {"pay_within": agreed, "accept_within": agreed}
    deadline: dict[str, Any] = {"bid_deadline": today + timedelta(days=AHEAD[number % len(AHEAD)])}
    dates = {**deadline, "documents_until": today + timedelta(days=14 if number % 7 else 3)}
    forms: dict[str, dict[str, Any]] = {
        "ask_completion": {"complete_by": today + timedelta(days=number)},
        "set_hearing": {"hearing_on": today + timedelta(days=7 + number)},
        "summon": {"interview_on": today + timedelta(days=2 + number % 5)},
        "draft_plan": plan(number),
        "define_need": {"public_service": True} if number % 2 else {},
        "publish_notice": dates,
        "publish_again": dates,
        "move_deadline": deadline,
        "clarify": {"affects_bids": number % 2 == 0} | (deadline if number % 3 == 0 else {}),
        "accept": {"users_took_part": True},
        "open_bids": {"bidders": 2 + number % 3} | ({"two_suffice": True} if number % 4 == 0 else {}),
        "check_qualification": {"qualified": 2 if number % 6 == 0 else 3},
        "issue_award_letter": {"contracts": 2 if number % 5 == 0 else 1},
        "sign_contract": {"instalments": 1 + number % 2, "supplier_small": number % 3 == 0}
        | (terms if number > 12 else {n: v for n, v in terms.items() if n == "pay_within"}),
        "publish_contract": terms,
        "file_contract": terms,
        "receive_invoice": {"invoice_no": str(number)} | ({"prepayment": True} if number % 8 == 0 else {}),
    }
    return forms.get(name, {})


def plan(number: int) -> dict[str, Any]:
    """What the plan says: how, whether deposits are taken, who runs it."""
    method = "competitive_consultation" if number % 3 == 0 else "open_tender"
    return {"method": method, **({"deposit": number % 4 < 2} if number % 5 else {})}
