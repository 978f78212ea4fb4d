"""The way of a project from demand to archive as the demonstration walks it, and how it is varied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from commands.demo_diary import DayOf, Gap, Step, Wanted

TENDER, CONSULTATION = "open_tender", "competitive_consultation"
INTENT = Gap(0, 31)
SHORT = Gap(4)
WAITS = {
    TENDER: Gap(9, 22), CONSULTATION: Gap(8, 12), "invited_tender": Gap(9, 22), "framework_closed": Gap(9, 22),
    "small_works_consultation": Gap(8, 12), "competitive_negotiation": SHORT, "inquiry": SHORT, "single_source": SHORT,
}  # fmt: skip
METHOD_CASES = {
    CONSULTATION: "complex", "invited_tender": "few_suppliers", "competitive_negotiation": "urgent",
    "framework_closed": "small_catalogue", "framework_open": "all_accepted", "cooperative_innovation": "breakthrough",
}  # fmt: skip
"""The statutory case that lets each method be used."""
DOCUMENTS = Gap(6)
"""From the intent to the notice, from the notice to the bids, and how long the documents are out: a little longer
than the minimum periods that the workflows know."""
ONE, TWO, THREE, FOUR, FIVE = Gap(1), Gap(2), Gap(3), Gap(4), Gap(5)


def need() -> list[Step]:
    """From demand to the approved documents."""
    return [
        Step("define_need", gap=ONE, leads="project.need_defined"),
        Step("survey_need", hour=15, papers=("survey_report",)),
        Step("publish_intent", gap=ONE, leads="project.intent_published",
             facts={"intent_url": "https://example.org/intent"}),
        Step("draft_plan", gap=THREE, leads="project.plan_drafted", facts={"method": "{method}"}),
        Step("review_plan", hand="head", gap=ONE, leads="project.plan_reviewed", papers=("review_record",)),
        Step("file_plan", gap=TWO, leads="project.plan_filed", facts={"filing_no": "备〔{year}〕{number}号"}),
        Step("engage_agency", gap=TWO, leads="project.organised", facts={"agency": "{agency}"},
             papers=("agency_agreement",)),
        Step("draft_documents", hand="agent", gap=THREE, leads="project.docs_drafted"),
        Step("approve_documents", gap=TWO, leads="project.docs_approved", papers=("review_sheet",)),
    ]  # fmt: skip


def notice(method: str) -> Step:
    """The procurement notice, with the dates that it names."""
    return Step(
        "publish_notice", hand="agent", gap=ONE, hour=9, leads="package.responding",
        facts={
            "documents_until": DOCUMENTS, "bid_deadline": DayOf("open_bids", WAITS[method]),
            "notice_link": "https://example.org/notice/{number}",
        },
        after=("publish_intent", INTENT),
    )  # fmt: skip


def evaluation(method: str, part: str = "P.1") -> list[Step]:
    """From the opening of the bids to the award letter."""
    return [
        Step("open_bids", part, "agent", WAITS[method], 9, "package.opened", {"bidders": 5}),
        Step("check_qualification", part, hour=11, leads="package.qualified", facts={"qualified": 4}),
        Step("begin_evaluation", part, "agent", hour=14, leads="package.evaluating"),
        Step("end_evaluation", part, "agent", ONE, 16, "package.evaluated"),
        Step("deliver_report", part, "agent", ONE, 11, "package.report_delivered", papers=("evaluation_report",)),
        Step("decide_award", part, gap=ONE, hour=15, leads="package.decided", facts={"supplier": "{supplier}"}),
        Step("publish_result", part, "agent", hour=16, facts={"notice_url": "https://example.org/result/{number}"}),
        Step("issue_award_letter", part, "agent", hour=16, leads="contract.awarded", facts={"contracts": 1},
             papers=("award_letter",)),
    ]  # fmt: skip


def contract(part: str = "P.1.1", instalments: int = 1, *, rated: bool = True) -> list[Step]:
    """The contract: signed, published, filed; on the way the agency is rated."""
    rating = [Step("rate_agency", part.rpartition(".")[0], gap=ONE, hour=12)] if rated else []
    signing: dict[str, Wanted] = {
        "amount": "{amount}",
        "instalments": instalments,
        "supplier_small": "{small}",
    }
    return [
        Step("sign_contract", part, gap=ONE, hour=16, leads="instalment.performing", facts=signing,
             papers=("contract_text",)),
        Step("publish_contract", part, gap=ONE, hour=11,
             facts={"notice_url": "https://example.org/contract/{number}"}),
        *rating,
        Step("file_contract", part, gap=ONE if rated else TWO, hour=14),
    ]  # fmt: skip


def delivery(part: str = "P.1.1.1") -> list[Step]:
    """One instalment: accepted, invoiced, paid. Asking for the payment is the unit's part, paying the treasury's."""
    return [
        Step("request_acceptance", part, gap=FOUR, leads="instalment.acceptance_requested"),
        Step("accept", part, gap=ONE, hour=15, leads="instalment.accepted", papers=("acceptance_certificate",)),
        Step("receive_invoice", part, hour=16, facts={"invoice_no": "2441{number}"}),
        Step("request_payment", part, hour=17, leads="instalment.payment_requested"),
        Step("pay", part, gap=ONE, hour=11, leads="instalment.paid", facts={"paid_amount": "{amount}"}),
    ]  # fmt: skip


def closing() -> list[Step]:
    """The file goes into the archive, the project is closed."""
    return [
        Step("archive", gap=TWO, leads="project.archived", papers=("archive_list",)),
        Step("close", gap=ONE, leads="project.closed"),
    ]


def spine(method: str) -> list[Step]:
    """Return the whole way with one package, one contract and one instalment."""
    return [*need(), notice(method), *evaluation(method), *contract(), *delivery(), *closing()]


@dataclass(frozen=True, slots=True)
class Story:
    """A project that the city has: how far its course goes and what is special about it.

    ``last`` is the last step that was done, ``ago`` working days before today; empty: nothing yet. Steps more than
    ``since`` working days ago are not told: the project is taken in half-way. ``changes`` alters steps by
    name, ``behind`` puts steps behind another one.
    """

    last: str
    ago: int = 1
    method: str = TENDER
    unit: str = ""
    since: int = 0
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    behind: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    facts: Mapping[str, Wanted] = field(default_factory=dict)

    def course(self) -> list[Step]:
        """Return the steps up to the last one, varied as the story says."""
        told = list(self.steps) or spine(self.method)
        told = [replace(step, **self.changes.get(step.action, {})) for step in told]
        told = list(_with(told, self.behind))
        if not self.last:
            return []
        end = max(place for place, step in enumerate(told) if step.action == self.last)
        return told[: end + 1]


def _with(steps: Iterable[Step], behind: Mapping[str, Sequence[Step]]) -> Iterable[Step]:
    for step in steps:
        yield step
        yield from behind.get(step.action, ())
