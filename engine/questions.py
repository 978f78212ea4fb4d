"""What rules may ask about other matters: the register of questions, by name. 可以问的问题

Rules never look at other matters themselves; they name a question, ``asked.split_total``, and `answering` answers
it from the matter's own family and from `Reader.read_unit`, which goes by an index. This table says what each
question means, of which tier it is asked, what its answer is, and which facts it reads: a file that lacks one of
them is refused when a rule asks the question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.matter import FactValue

ASKED = "asked."
Answer = Literal["integer", "boolean", "string"]
Source = Literal["family", "unit"]


@dataclass(frozen=True, slots=True)
class Question:
    """A named question: what it means, of which tier, of which type the answer is, and what it reads.

    ``source``: ``family`` looks only at the matter's own family, which is loaded anyway; ``unit`` at the unit's
    projects of a time, by the index on unit and opening. ``reads`` are facts as ``tier.name``; ``first`` those
    of the matter itself without which there is nothing to ask.
    """

    name: str
    tier: str
    doc: str
    source: Source
    reads: tuple[str, ...]
    first: tuple[str, ...] = ()
    answer: Answer = "integer"


@dataclass(frozen=True, slots=True)
class Kin:
    """A matter of a unit as a question sees it: where it stands, and the facts that were wanted."""

    id: str
    root: str
    workflow: str
    state: str
    opened_at: datetime
    facts: dict[str, FactValue] = field(default_factory=dict)


_SPEND = (
    "project.budget", "project.packages", "project.category", "project.budget_year", "package.award_amount",
)  # fmt: skip


def _alike(fact: str, word: str) -> Question:
    return Question(
        f"bids_same_{fact}", "bid", f"本采购包里{word}与本投标相同的其他投标有几份；撤回的不算", "family",
        (f"bid.{fact}",), (f"bid.{fact}",),
    )  # fmt: skip


_ALL = (
    Question(
        "split_total", "project",
        "本单位本年度同一预算项目、同一品目、未公开招标的其他项目的金额合计（分）：有中标（成交）金额的按它，没有的按预算；取消的不算",
        "unit", (*_SPEND, "project.budget_item", "project.method"), ("project.category", "project.budget_item"),
    ),
    Question(
        "category_total", "project", "本单位本年度同一品目的金额合计（分），含本项目；取消的不算",
        "unit", _SPEND, ("project.category",),
    ),
    Question(
        "category_green", "project", "其中绿色产品的金额合计（分），含本项目",
        "unit", ("project.green_amount", "project.category", "project.budget_year"), ("project.category",),
    ),
    Question(
        "year_suitable", "project", "本单位本年度适宜由中小企业提供的金额合计（分），含本项目；取消的不算",
        "unit", ("project.sme_suitable", "project.budget_year"),
    ),
    Question(
        "year_reserved", "project", "其中专门面向中小企业预留的金额合计（分），含本项目",
        "unit", ("project.sme_reserved", "project.budget_year"),
    ),
    Question(
        "year_reserved_small", "project", "预留份额中预留给小型、微型企业的金额合计（分），含本项目",
        "unit", ("project.sme_reserved_small", "project.budget_year"),
    ),
    Question(
        "survey_years", "project",
        "需求调查到确定采购需求那天（还没有确定的，到办理当天）过了几年，不足一年的算一年；满一年的当天还是 1；没有记下调查日的是 0",
        "family", ("project.surveyed_on",),
    ),
    Question(
        "days_paid_late", "instalment",
        "付给中小企业的款项晚了几个日历日：约定了付款期限的自约定的到期日起，没有约定的自条例的到期日（计时 pay_small_supplier）起；"
        "没有晚、不是中小企业、还没有到期日的是 0",
        "family", ("contract.supplier_small", "contract.pay_within", "instalment.accepted_on", "instalment.invoiced_on"),
    ),
    Question(
        "past_awards_median", "package", "本单位近三个年度同一品目采购包的中标（成交）金额的中位数（分）；没有的是 0",
        "unit", ("package.award_amount", "project.category"), ("project.category",),
    ),
    Question("bid_count", "bid", "本采购包有报价的投标数，含本投标；撤回、无效的不算", "family", ("bid.price",)),
    Question(
        "median_price", "bid", "本采购包各投标报价的中位数（分），含本投标；撤回、无效的不算", "family", ("bid.price",)
    ),
    _alike("machine_code", "机器码"),
    _alike("ip", "IP 地址"),
    _alike("bond_account", "保证金账户"),
    _alike("drafter", "投标文件编制人"),
    _alike("contact", "投标经办人"),
    _alike("responsible", "单位负责人"),
    Question("contracts_given_up", "package", "本采购包没有签订就失效、或者已经终止的合同有几份", "family", ()),
    Question("contracts_to_sign", "package", "本采购包还没有签订的合同有几份", "family", ()),
    Question(
        "queries_before", "complaint", "所投诉的采购包在投诉以前登记过几件质疑", "family", ("complaint.complained_by",)
    ),
    Question(
        "filed_days_late", "complaint", "收到投诉时，投诉期（期限 complaint_filing，自质疑答复日起算）已经过了几天；在期内的是 0",
        "family", ("complaint.answered_on",), ("complaint.answered_on",),
    ),
    Question(
        "objections_before", "works_complaint", "所投诉的工程招标在投诉以前就同一事项登记过几件异议", "family",
        ("works_complaint.about_what", "works_objection.objection_about"), ("works_complaint.about_what",),
    ),
    Question(
        "works_days_late", "works_complaint",
        "收到投诉时，投诉期（期限 works_complaint_filing，自知道之日起算，同一事项异议的答复期间不计；没有答复的，到投诉之日都不计）已经过了几天；在期内的是 0",
        "family", ("works_complaint.known_on", "works_complaint.about_what", "works_objection.objection_about"),
        ("works_complaint.known_on", "works_complaint.about_what"),
    ),
    Question("conforming_count", "bid", "本采购包通过符合性审查的投标数", "family", ("bid.price",)),
    Question(
        "mean_conforming", "bid", "通过符合性审查的投标报价的平均数（分，舍去不足一分的）", "family", ("bid.price",)
    ),
    Question("lowest_price", "bid", "通过符合性审查的投标中的最低报价（分）", "family", ("bid.price",)),
    Question(
        "second_lowest_price", "bid", "通过符合性审查的投标中的次低报价（分）；不足两份的没有", "family", ("bid.price",)
    ),
)  # fmt: skip

QUESTIONS: dict[str, Question] = {question.name: question for question in _ALL}
"""Every question that there is, by name."""
