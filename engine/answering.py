"""Answers for rules: thresholds, questions about other matters, words in a text. 查问

What a variable means stands in `questions` and `thresholds`; here it is looked up, for one matter, on one day.
A question about a unit's year goes by an index (`Work.unit`), one about a package's bids through the family that
is loaded anyway; nothing here knows SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from statistics import median_low

from engine.elapsed import days_paid_late, survey_years
from engine.freezing import due_around
from engine.matter import FactValue, Matter, Pause
from engine.office import Office
from engine.questions import ASKED, QUESTIONS, Kin, Question
from engine.rules import HITS, THRESHOLD, MissingFact
from engine.thresholds import ANY, wanted
from engine.work import Work

GONE = frozenset({"withdrawn", "invalid", "rejected"})
"""States of a bid that no longer takes part. 撤回、无效、未通过"""
CONFORMING = frozenset({"conforming", "ranked"})
"""States of a bid that passed the check of conformity. 通过符合性审查"""
RELEASED = "released"
"""State of a contract that was never signed, or has ended early and is settled. 已终止"""
CANCELLED = frozenset({"cancelled"})
FRUITLESS = frozenset({"failed", "redrafting", "abandoned"})
"""States of a package without a result that counts."""
OPEN_TENDER = "open_tender"
QUERY = "query"
OBJECTION = "works_objection"
TO_COMPLAIN = "complaint_filing"
"""The term in which a supplier may complain after the answer to its query. 投诉期"""
TO_COMPLAIN_OF_WORKS = "works_complaint_filing"
"""The same for a works tender, from the day of knowledge; the time of answering an objection is left out."""
YEARS_BACK = 3
"""How many calendar years before its own a package is compared with: older prices say little."""


def look_up(office: Office, work: Work, matter: Matter, name: str, day: date) -> FactValue:
    """Return the value of a variable that only rules may use; raise ``MissingFact`` where there is none."""
    if name.startswith(THRESHOLD):
        return _threshold(office, work, matter, name, day)
    if name.startswith(HITS):
        return _hits(office, work, matter, name)
    question = QUESTIONS[name.removeprefix(ASKED)]
    asked = next(m for m in work.chain(matter) if office.workflow(m).tier == question.tier)
    for fact in question.first:
        if (found := _fact_of(office, work, asked, fact)) is None or found == "":
            raise MissingFact(fact)
    dated = _BY_DAY.get(question.name)
    answer = (
        dated(office, work, asked, day) if dated else _ANSWERS[question.name](office, work, asked, question)
    )
    if answer is None:
        raise MissingFact(name, f"{question.doc}：现在还没有")
    return answer


def involved(office: Office, work: Work, matter: Matter, names: Sequence[str]) -> list[Matter]:
    """Return the other matters that the questions ``names`` counted: the bids with the same machine code."""
    found: dict[str, Matter] = {}
    for name in names:
        fact = name.removeprefix(f"{ASKED}bids_same_")
        if fact != name and fact in matter.facts:
            found.update({bid.id: bid for bid in _same(office, work, matter, fact)})
    return [found[name] for name in sorted(found)]


def _threshold(office: Office, work: Work, matter: Matter, name: str, day: date) -> int:
    table = office.machines(matter.bundle).bundle.thresholds[name.removeprefix(THRESHOLD)]
    kind = next((str(m.facts["object"]) for m in work.chain(matter) if "object" in m.facts), "")
    if not kind and table.depends_on_object(matter.jurisdiction, day):
        raise MissingFact("project.object", "写明采购标的（货物、工程、服务），才知道适用哪一项数额")
    row = table.find(matter.jurisdiction, kind or ANY, day)
    if row is None:
        raise MissingFact(name, wanted(table.name, matter.jurisdiction, kind or ANY, day))
    return row.amount


def _hits(office: Office, work: Work, matter: Matter, name: str) -> int:
    _, words, fact = name.split(".", 2)
    text = _fact_of(office, work, matter, fact)
    if text is None:
        raise MissingFact(fact)
    return len(office.machines(matter.bundle).bundle.words[words].hits(str(text)))


def _fact_of(office: Office, work: Work, matter: Matter, name: str) -> FactValue | None:
    """Return ``tier.fact`` of the matter or of what it is part of."""
    tier, _, fact = name.partition(".")
    return next((m.facts.get(fact) for m in work.chain(matter) if office.workflow(m).tier == tier), None)


# bids of one package


def _bids(office: Office, work: Work, bid: Matter) -> list[Matter]:
    """Return the bids of the package, this one among them, as far as they still take part."""
    beside = work.parts_of(work.chain(bid)[1])
    return [m for m in beside if office.workflow(m).tier == "bid" and m.state not in GONE]


def _same(office: Office, work: Work, bid: Matter, fact: str) -> list[Matter]:
    value = _plain(bid.facts[fact])
    alike = [m for m in _bids(office, work, bid) if m.id != bid.id and fact in m.facts]
    return [m for m in alike if _plain(m.facts[fact]) == value]


def _plain(value: FactValue) -> str:
    """Codes and accounts are compared without gaps, signs and case: 00-1A-2B is 001a2b."""
    text = "".join(sign for sign in str(value).casefold() if sign.isalnum())
    return text or str(value)


def _count_same(fact: str) -> Callable[[Office, Work, Matter, Question], int]:
    return lambda office, work, bid, _question: len(_same(office, work, bid, fact))


def _prices(office: Office, work: Work, bid: Matter, states: frozenset[str] | None = None) -> list[int]:
    found = [m.facts.get("price") for m in _bids(office, work, bid) if states is None or m.state in states]
    return sorted(price for price in found if isinstance(price, int))


def _bid_count(office: Office, work: Work, bid: Matter, _question: Question) -> int:
    return len(_prices(office, work, bid))


def _median_price(office: Office, work: Work, bid: Matter, _question: Question) -> int | None:
    return _median(_prices(office, work, bid))


def _conforming_count(office: Office, work: Work, bid: Matter, _question: Question) -> int:
    return len(_prices(office, work, bid, CONFORMING))


def _mean_conforming(office: Office, work: Work, bid: Matter, _question: Question) -> int | None:
    prices = _prices(office, work, bid, CONFORMING)
    return sum(prices) // len(prices) if prices else None


def _nth_price(place: int) -> Callable[[Office, Work, Matter, Question], int | None]:
    def answer(office: Office, work: Work, bid: Matter, _question: Question) -> int | None:
        prices = _prices(office, work, bid, CONFORMING)
        return prices[place] if place < len(prices) else None

    return answer


def _median(amounts: Sequence[int]) -> int | None:
    """Return the median in whole fen; of an even number the mean of the two in the middle."""
    ordered = sorted(amounts)
    if not ordered:
        return None
    half = len(ordered) // 2
    return median_low(ordered) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


# a unit's year


def _year_of(office: Office, opened_at: datetime, facts: Mapping[str, FactValue]) -> int:
    """Return the budget year of a project: as it says itself, else the calendar year of its opening (预算法第18条)."""
    said = facts.get("budget_year")
    return said if isinstance(said, int) else office.calendar.day_of(opened_at).year


def _year(office: Office, work: Work, project: Matter, question: Question) -> list[Kin]:
    """Return the unit's other matters whose project is of the same budget year and not cancelled.

    A project is opened in its budget year, in the one before or in the one after.
    """
    year = _year_of(office, project.opened_at, project.facts)
    since, until = (office.calendar.start_of(date(y, 1, 1)) for y in (year - 1, year + 2))
    names = sorted({fact.partition(".")[2] for fact in question.reads})
    found = [k for k in work.unit(project.unit, since, until, names) if k.root != project.root]
    roots = {
        k.id
        for k in found
        if k.id == k.root and k.state not in CANCELLED and _year_of(office, k.opened_at, k.facts) == year
    }
    return [k for k in found if k.root in roots]


def _whole_number(value: FactValue | None) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _spent(kin: Sequence[Kin], root: Kin | Matter) -> int:
    """Return what a project costs: what was awarded, where every package has a result, else its budget."""
    parts = [k for k in kin if k.root == root.root and k.id != k.root and k.state not in FRUITLESS]
    awards = [_whole_number(k.facts["award_amount"]) for k in parts if "award_amount" in k.facts]
    if awards and len(awards) >= _whole_number(root.facts.get("packages")):
        return sum(awards)
    return _whole_number(root.facts.get("budget"))


def _split_total(office: Office, work: Work, project: Matter, question: Question) -> int:
    kin = _year(office, work, project, question)
    alike = [
        k
        for k in kin
        if k.id == k.root
        and all(k.facts.get(name) == project.facts[name] for name in ("category", "budget_item"))
        and k.facts.get("method") != OPEN_TENDER
    ]
    return sum(_spent(kin, k) for k in alike)


def _category_total(office: Office, work: Work, project: Matter, question: Question) -> int:
    kin = _year(office, work, project, question)
    alike = [k for k in kin if k.id == k.root and k.facts.get("category") == project.facts["category"]]
    own = [_kin_of(part, question) for part in work.family(project.root)]
    return sum(_spent(kin, k) for k in alike) + _spent(own, project)


def _kin_of(matter: Matter, question: Question) -> Kin:
    names = {fact.partition(".")[2] for fact in question.reads}
    facts = {name: value for name, value in matter.facts.items() if name in names}
    return Kin(matter.id, matter.root, matter.workflow, matter.state, matter.opened_at, facts)


def _summed(fact: str, *, alike: str = "") -> Callable[[Office, Work, Matter, Question], int]:
    """Sum a fact over the unit's year, this project among it; ``alike``: only where that fact is the same."""

    def answer(office: Office, work: Work, project: Matter, question: Question) -> int:
        kin = [k for k in _year(office, work, project, question) if k.id == k.root]
        counted = [k for k in kin if not alike or k.facts.get(alike) == project.facts[alike]]
        return sum(_whole_number(facts.get(fact)) for facts in (project.facts, *(k.facts for k in counted)))

    return answer


def _past_awards_median(office: Office, work: Work, package: Matter, _question: Question) -> int:
    """Return the median of the unit's earlier awards of this category, 0 where there is none."""
    category = _fact_of(office, work, package, "project.category")
    first = date(office.calendar.day_of(package.opened_at).year - YEARS_BACK, 1, 1)
    since = office.calendar.start_of(first)
    found = work.unit(package.unit, since, package.opened_at, ("award_amount", "category"))
    roots = {k.root for k in found if k.id == k.root and k.facts.get("category") == category}
    awards = [
        _whole_number(k.facts.get("award_amount"))
        for k in found
        if k.root in roots
        and k.root != package.root
        and k.state not in FRUITLESS
        and "award_amount" in k.facts
    ]
    return _median(awards) or 0


# contracts of a package, complaints


def _contracts(office: Office, work: Work, package: Matter) -> list[Matter]:
    return [part for part in work.parts_of(package) if office.workflow(part).tier == "contract"]


def _contracts_to_sign(office: Office, work: Work, package: Matter, _question: Question) -> int:
    found = _contracts(office, work, package)
    return sum(1 for contract in found if contract.state == office.workflow(contract).initial)


def _contracts_given_up(office: Office, work: Work, package: Matter, _question: Question) -> int:
    return sum(1 for contract in _contracts(office, work, package) if contract.state == RELEASED)


def _raised_before(work: Work, complaint: Matter, workflow: str) -> list[Matter]:
    """Return what of this workflow had been raised about the same matter when the complaint came."""
    alike = [m for m in work.family(complaint.root) if m.workflow == workflow and m.about == complaint.about]
    return [m for m in alike if m.opened_at <= complaint.opened_at]


def _queries_before(_office: Office, work: Work, complaint: Matter, _question: Question) -> int:
    return len(_raised_before(work, complaint, QUERY))


def _objections(work: Work, complaint: Matter) -> list[Matter]:
    """Return the objections to a works tender on the same subject as the complaint, raised before it."""
    subject = complaint.facts["about_what"]
    raised = _raised_before(work, complaint, OBJECTION)
    return [m for m in raised if m.facts.get("objection_about") == subject]


def _objections_before(_office: Office, work: Work, complaint: Matter, _question: Question) -> int:
    return len(_objections(work, complaint))


def _filed_days_late(office: Office, _work: Work, complaint: Matter, _question: Question) -> int | None:
    return _days_late(office, complaint, TO_COMPLAIN, "answered_on", ())


def _works_days_late(office: Office, work: Work, complaint: Matter, _question: Question) -> int | None:
    answering = []
    for objection in _objections(work, complaint):
        finals = office.machines(objection.bundle).finals[objection.workflow]
        answered = objection.state_since if objection.state in finals else None
        answering.append(Pause(objection.opened_at, answered or complaint.opened_at, "", objection.id))
    return _days_late(office, complaint, TO_COMPLAIN_OF_WORKS, "known_on", answering)


def _days_late(
    office: Office, complaint: Matter, name: str, since: str, pauses: Sequence[Pause]
) -> int | None:
    """Return how many days after the last one of its term the complaint came; ``None`` where none is in force."""
    calendar, began = office.calendar, complaint.facts[since]
    assert isinstance(began, date)
    term = office.machines(complaint.bundle).bundle.terms.get(name)
    value = term.statutory.on(began) if term is not None else None
    if value is None or value.value is None:
        return None
    last = due_around(calendar.start_of(began), value.value, "midnight", calendar, pauses).day
    return max(0, (calendar.day_of(complaint.opened_at) - last).days)


_ANSWERS: dict[str, Callable[[Office, Work, Matter, Question], int | None]] = {
    "split_total": _split_total,
    "category_total": _category_total,
    "category_green": _summed("green_amount", alike="category"),
    "year_suitable": _summed("sme_suitable"),
    "year_reserved": _summed("sme_reserved"),
    "year_reserved_small": _summed("sme_reserved_small"),
    "past_awards_median": _past_awards_median,
    "contracts_given_up": _contracts_given_up,
    "contracts_to_sign": _contracts_to_sign,
    "queries_before": _queries_before,
    "filed_days_late": _filed_days_late,
    "objections_before": _objections_before,
    "works_days_late": _works_days_late,
    "bid_count": _bid_count,
    "median_price": _median_price,
    "conforming_count": _conforming_count,
    "mean_conforming": _mean_conforming,
    "lowest_price": _nth_price(0),
    "second_lowest_price": _nth_price(1),
    **{
        f"bids_same_{fact}": _count_same(fact)
        for fact in ("machine_code", "ip", "bond_account", "drafter", "contact", "responsible")
    },
}
_BY_DAY: dict[str, Callable[[Office, Work, Matter, date], int | None]] = {
    "survey_years": survey_years,
    "days_paid_late": days_paid_late,
}
"""What depends on the day on which it is asked."""
assert _ANSWERS.keys() | _BY_DAY.keys() == QUESTIONS.keys()
