"""The other ways of buying in the demonstration city: the course of each method, from its need to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from commands.demo_course import (
    DOCUMENTS,
    FOUR,
    INTENT,
    ONE,
    THREE,
    TWO,
    WAITS,
    closing,
    contract,
    delivery,
    evaluation,
    need,
    notice,
)
from commands.demo_diary import DayOf, Gap, Step, Wanted

INVITED, NEGOTIATION, INQUIRY, SINGLE = (
    "invited_tender",
    "competitive_negotiation",
    "inquiry",
    "single_source",
)
CLOSED, OPEN_FRAMEWORK, SMALL_WORKS, MALL = (
    "framework_closed", "framework_open", "small_works_consultation", "e_mall_direct",
)  # fmt: skip
INNOVATION = "cooperative_innovation"
QUOTES = Step("take_final_quotes", "P.1", "agent", hour=15, facts={"final_quotes": 3}, papers=())
LINK = "https://example.org/{number}"


def bargained(method: str) -> list[Step]:
    """An evaluation with negotiations and final quotes."""
    steps = evaluation(method)
    begun = [step.action for step in steps].index("begin_evaluation") + 1
    talks = Step("bargain", "P.1", "agent", hour=14, papers=("negotiation_record",))
    return [*steps[:begun], talks, QUOTES, *steps[begun:]]


def group() -> Step:
    """The group confirms the documents."""
    return Step("confirm_by_group", hand="agent", hour=16, papers=("group_confirmation",))


def negotiation() -> list[Step]:
    """M03: three working days to answer, the lowest final quote."""
    return [
        *need(), group(), notice(NEGOTIATION), *bargained(NEGOTIATION), *contract(), *delivery(), *closing(),
    ]  # fmt: skip


def inquiry() -> list[Step]:
    """M05: one firm quote each."""
    return [*need(), group(), notice(INQUIRY), *evaluation(INQUIRY), *contract(), *delivery(), *closing()]


def start(action: str, leads: str, **facts: Wanted) -> Step:
    """What begins a procurement without a notice of the project, a month after the intent."""
    return Step(
        action, hand="agent", gap=ONE, hour=9, leads=leads, facts=facts, after=("publish_intent", INTENT)
    )


def invited() -> list[Step]:
    """M02: suppliers are drawn from the pool and invited together."""
    return [
        *need(), start("begin_selection", "package.selecting"),
        Step("draw_suppliers", "P.1", "agent", ONE, 10, "package.drawn",
             {"list_by": "pool", "pool_size": 8, "drawn": 4}, ("draw_record",)),
        Step("invite", "P.1", "agent", ONE, 9, "package.responding",
             {"documents_until": DOCUMENTS, "bid_deadline": DayOf("open_bids", WAITS[INVITED])}, ("invitation_list",)),
        *evaluation(INVITED), *contract(), *delivery(), *closing(),
    ]  # fmt: skip


def single() -> list[Step]:
    """M06: argued, made public for five working days, approved, then negotiated."""
    told = need()
    filed = [step.action for step in told].index("file_plan") + 1
    case = [
        Step("argue_single_source", hour=11, facts={"single_case": "only_supplier"}, papers=("expert_opinion",)),
        Step("publish_single_source", gap=ONE, facts={"publicity_url": LINK}),
        Step("close_publicity", gap=Gap(6), facts={"objections": 0}),
        Step("approve_method", gap=ONE, facts={"method_approval": "财购批〔{year}〕{number}号"}, papers=("approval",)),
    ]  # fmt: skip
    return [
        *told[:filed], *case, *told[filed:], start("begin_single_source", "package.negotiating"),
        Step("agree_price", "P.1", gap=TWO, leads="package.agreed", papers=("negotiation_record",),
             facts={"supplier": "{supplier}", "award_amount": "{amount}"}),
        Step("decide_award", "P.1", gap=ONE, hour=15, leads="package.decided"),
        *evaluation(SINGLE)[6:], *contract(), *delivery(), *closing(),
    ]  # fmt: skip


def small_works() -> list[Step]:
    """M10: all suppliers see the site; materials and craft are signed off before the works are accepted."""
    seen = Step(
        "visit_site", "P.1", "agent", Gap(7), 9, facts={"takers": 4, "invited": 4}, papers=("minutes",)
    )
    return [
        *need(), notice(SMALL_WORKS), seen, replace(bargained(SMALL_WORKS)[0], gap=TWO), *bargained(SMALL_WORKS)[1:],
        *contract(), *milestone("P.1.1.2", "materials", "防水卷材"), *milestone("P.1.1.3", "craft", "基层处理"),
        *delivery(), *closing(),
    ]  # fmt: skip


def milestone(part: str, kind: str, item: str) -> list[Step]:
    """A milestone on the site."""
    return [
        Step("plan_milestone", "P.1.1", gap=ONE, facts={"kind": kind, "item": item, "planned_on": THREE}),
        Step("report_milestone", part, gap=TWO, papers=("site_record",)),
        Step("sign_off", part, hour=16, facts={"signed_by": "监理工程师"}, papers=("supervision_opinion",)),
    ]  # fmt: skip


def mall() -> list[Step]:
    """M11: no intent, no plan; chosen, approved, ordered, confirmed."""
    return [
        Step("define_need", gap=ONE, leads="project.need_defined"),
        Step("order_in_mall", gap=ONE, hour=9, leads="package.choosing", facts={"method": "{method}"}),
        Step("choose", "P.1", hour=11, leads="package.chosen",
             facts={"chosen_by": "bargain", "supplier": "{supplier}", "award_amount": "{amount}"}),
        Step("approve_order", "P.1", "head", ONE, 9, "package.approved"),
        Step("order", "P.1", hour=10, leads="package.ordered"),
        Step("confirm_order", "P.1", hour=15, leads="contract.awarded"),
        *contract(rated=False), *delivery(), *closing(),
    ]  # fmt: skip


def call_off(chosen_by: str) -> list[Step]:
    """One purchase under a framework agreement, to its payment."""
    told = [
        Step("open_call_off", "P.1", gap=TWO, hour=9),
        Step("award_call_off", "P.1.1", hour=11, facts={"chosen_by": chosen_by}),
    ]
    if chosen_by != "direct":
        told.append(Step("publish_call_off", "P.1.1", gap=ONE, facts={"call_off_url": LINK}))
    return [*told, *contract(rated=False), *delivery()]


def framework_closed() -> list[Step]:
    """M07: called for like an open tender, a fifth eliminated, signed, filed, then bought under."""
    judged = evaluation(CLOSED)[:5]
    return [
        *need(), notice(CLOSED), *judged,
        Step("decide_entrants", "P.1", gap=ONE, hour=15, leads="package.decided", facts={"entrants": 3, "eliminated": 1}),
        Step("issue_entry_notices", "P.1", "agent", hour=16, leads="package.notified", facts={"entry_url": LINK},
             papers=("entry_notice",)),
        Step("sign_framework", "P.1", gap=TWO, leads="package.in_force", papers=("framework_agreement",)),
        Step("file_framework", "P.1", gap=ONE, hour=9), Step("tell_users", "P.1", hour=11),
        Step("rate_agency", "P.1", hour=12), *call_off("competition"),
    ]  # fmt: skip


def framework_open() -> list[Step]:
    """M08: suppliers apply at any time; one is admitted, one bought from."""
    return [
        *need(), start("open_call", "package.in_force", notice_link=LINK),
        Step("file_framework", "P.1", gap=TWO, hour=15),
        Step("receive_application", "P.1", "agent", ONE, facts={"entrant": "{supplier}"}),
        Step("admit", "P.1-E1", "agent", FOUR), Step("publish_entry", "P.1-E1", "agent", ONE), *call_off("direct"),
    ]  # fmt: skip


def innovation() -> list[Step]:
    """M09: applications are invited for a month."""
    return [
        *need(), start("begin_selection", "package.preparing"),
        Step("publish_innovation", "P.1", "agent", ONE, 9, "package.applying",
             {"application_deadline": Gap(21, 30)}, ("innovation_plan",)),
    ]  # fmt: skip


COURSES: Mapping[str, list[Step]] = {
    INVITED: invited(), NEGOTIATION: negotiation(), INQUIRY: inquiry(), SINGLE: single(), SMALL_WORKS: small_works(),
    MALL: mall(), CLOSED: framework_closed(), OPEN_FRAMEWORK: framework_open(), INNOVATION: innovation(),
}  # fmt: skip
