"""The shortest way on from every state, taken by people until the project is closed."""

from __future__ import annotations

from datetime import date, timedelta

from commands.demo_course import METHOD_CASES
from engine.holding import resume
from engine.matter import Matter
from engine.word import Word
from tests.properties.cast import NAMELESS
from tests.properties.walking import Deed, Op, Walk

WAY = {
    "project.budgeted": "define_need", "project.need_defined": "skip_intent", "project.intent_published": "draft_plan",
    "project.plan_drafted": "review_plan", "project.plan_reviewed": "file_plan", "project.plan_filed": "engage_agency",
    "project.organised": "draft_documents", "project.docs_drafted": "approve_documents",
    "project.docs_approved": "publish_notice", "project.performed": "archive", "project.archived": "close",
    "package.responding": "open_bids", "package.opened": "check_qualification", "package.qualified": "begin_evaluation",
    "package.evaluating": "end_evaluation", "package.evaluated": "deliver_report",
    "package.report_delivered": "decide_award", "package.deemed": "decide_award", "package.decided": "issue_award_letter",
    "package.failed": "tender_again", "package.redrafting": "publish_again", "contract.awarded": "sign_contract",
    "instalment.performing": "request_acceptance", "instalment.rectifying": "request_acceptance",
    "instalment.acceptance_requested": "accept", "instalment.accepted": "request_payment",
    "instalment.payment_requested": "pay", "instalment.payment_returned": "pay",
    "suspension.suspended": "lift_suspension", "complaint.received": "find_inadmissible",
    "complaint.correcting": "find_inadmissible", "complaint.supplemented": "find_inadmissible",
    "complaint.inadmissible": "tell_rejection", "complaint.accepted": "serve_complaint", "complaint.served": "dismiss",
    "complaint.examining": "end_examination", "complaint.decided": "deliver_decision",
    "complaint.delivered": "publish_decision", "query.registered": "find_harmless", "query.affecting": "answer", "query.harmless": "answer",
}  # fmt: skip
MOST = 400
"""Steps after which a project that is not closed never will be."""


def bring_to_the_end(walk: Walk) -> int:
    """Resume what stands still, answer what is asked, and take the next step everywhere until nothing is left to
    do; return how many steps it took.
    """
    for steps in range(MOST):
        if not (_resumes(walk) or _goes_on(walk)):
            return steps
        if not steps % 4:
            walk.wait(24 * 60, dense=False, beat=True)
    raise AssertionError(f"not closed after {MOST} steps: {walk.deeds[-8:]}")


def _resumes(walk: Walk) -> bool:
    held = [m for m in walk.as_it_stands()[0] if any(p.until is None and not p.by for p in m.pauses)]
    for matter in held:
        with walk.city.store.work() as work:
            work.family("P1")
            resume(
                walk.city.office, work, work.matters[matter.id], Word(NAMELESS, walk.now, walk.now, "恢复")
            )
    return bool(held)


def _place(walk: Walk, matter: Matter) -> str:
    """Say where a matter stands; the methods are all packages."""
    return f"{walk.city.office.workflow(matter).tier}.{matter.state}"


def _goes_on(walk: Walk) -> bool:
    """Take one step; where none is permitted yet wait for the longest of the minimum periods."""
    refused = []
    todo = [m for m in walk.as_it_stands()[0] if _place(walk, m) in WAY]
    # a query or a suspension first: it holds up the rest
    for matter in sorted(todo, key=lambda m: (m.about is None and m.workflow != "suspension", m.id)):
        deed = _step(walk, matter)
        if deed.done:
            return True
        refused.append(deed)
    if not refused:
        return False
    # the longest minimum period, and after it perhaps a bid deadline that was announced far ahead
    for _month in range(3):
        walk.wait(31 * 24 * 60, dense=False, beat=True)
        deeds = [_step(walk, m) for m in walk.as_it_stands()[0] if _place(walk, m) in WAY]
        if any(deed.done for deed in deeds):
            return True
        refused += deeds
    raise AssertionError([str(d) for d in refused])


def _step(walk: Walk, matter: Matter) -> Deed:
    name = WAY[_place(walk, matter)]
    if matter.state == "accepted" and "invoice_no" not in matter.facts:
        name = "receive_invoice"
    if name == "begin_evaluation" and isinstance(least := matter.facts.get("qualified"), int) and least < 3:
        name = "fail"
    today = walk.city.office.calendar.day_of(walk.now)
    soon = {"documents_until": today + timedelta(days=20), "bid_deadline": today + timedelta(days=28)}
    more: dict[str, int | str | date] = {"bidders": 3} if name == "open_bids" else {}
    if name in ("publish_notice", "publish_again"):
        more |= soon
    if name == "file_plan" and matter.facts.get("method") in METHOD_CASES:
        more |= {"method_case": METHOD_CASES[str(matter.facts["method"])]}
    if (
        name in ("pay", "request_payment") and "accepted_on" not in matter.facts
    ):  # taken in after its acceptance
        more |= {"accepted_on": today, "invoice_no": "7"}
    action = walk.city.office.workflow(matter).actions[name]
    deed = walk.record(matter, action, Op(0, "ahead", 0, 0, 1, False), by=NAMELESS, **more)
    walk.deeds.append(deed)
    return deed
