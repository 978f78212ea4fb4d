"""Projects in which something was late and a case came of it: one case at each stage of its chain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from commands.demo_diary import Diary, Gap, Step, Wanted


@dataclass(frozen=True, slots=True)
class Watched:
    """Somebody was late with ``what``; then came what is done about the case, as (working days ago, action).

    ``done`` is when the late act was done after all, 0 for never; ``back``: it had been done in time, and
    only its record is late.
    """

    what: str
    unit: str
    chain: tuple[tuple[int, str], ...] = ()
    done: int = 0
    back: bool = False


@dataclass(frozen=True, slots=True)
class _Begun:
    """How a clock began that then ran out: where the project was taken in, the steps of that day, the late act, and
    what follows it, on the same day and on the next.
    """

    stage: str
    on: str
    steps: tuple[Step, ...]
    late: Step
    then: tuple[Step, ...] = ()
    next_day: tuple[Step, ...] = ()


_RESULT = Step(
    "publish_result", "P.1", "agent", hour=15, facts={"notice_url": "https://example.org/result/{number}"}
)
_LETTER = Step(
    "issue_award_letter", "P.1", "agent", hour=15, facts={"contracts": 1}, papers=("award_letter",)
)
_SIGNED = Step(
    "sign_contract",
    "P.1.1",
    hour=16,
    papers=("contract_text",),
    facts={"amount": "{amount}", "instalments": 1, "supplier_small": "{small}"},
)
_ACCEPTED = Step("accept", "P.1.1.1", hour=11, papers=("acceptance_certificate",))
_INVOICE = Step("receive_invoice", "P.1.1.1", hour=11, facts={"invoice_no": "2441{number}"})
_REQUESTED = Step("request_payment", "P.1.1.1", hour=15)
_PAID = Step("pay", "P.1.1.1", hour=11, facts={"paid_amount": "{amount}"})
_LATE = {
    "award": _Begun(
        "package.evaluated", "P.1",
        (Step("deliver_report", "P.1", "agent", hour=11, papers=("evaluation_report",)),),
        Step("decide_award", "P.1", facts={"supplier": "{supplier}"}, hour=9), (_RESULT, _LETTER), (_SIGNED,),
    ),
    "sign": _Begun("package.decided", "P.1.1", (_RESULT, _LETTER), _SIGNED),
    "accept": _Begun(
        "instalment.performing", "P.1.1.1", (Step("request_acceptance", "P.1.1.1", hour=11),),
        replace(_ACCEPTED, hour=9), (_INVOICE, _REQUESTED), (_PAID,),
    ),
    "pay": _Begun("instalment.acceptance_requested", "P.1.1.1", (_ACCEPTED, _INVOICE), _PAID),
}  # fmt: skip
HANDS = {
    **dict.fromkeys(("remind", "refer", "defer", "close"), "tracker"),
    **dict.fromkeys(
        ("accept_case", "urge", "caution", "summon", "interview", "open_twin", "find_ready", "write_off"),
        "regulator",
    ),
}
REASONS = {
    "report_correction": "合同文本已谈妥，正在走用印流程",
    "defer": "单位已改正，等待补录凭证",
    "submit_rectification": "已办结并完善内控流程",
    "open_twin": "代理机构迟送报告，一并查处",
    "find_ready": "采购人一方已整改到位",
    "write_off": "整改到位",
}
PAPERS = {"summon": ("interview_notice",)}
CASES: dict[str, Watched] = {
    "待提醒改正": Watched("sign", "市人民医院"),
    "提醒改正函待签收": Watched("award", "市第一中学", ((1, "remind"),)),
    "限期改正中": Watched("accept", "市疾控中心", ((4, "remind"), (3, "sign_for"))),
    "改正待核实": Watched("sign", "市妇幼保健院", ((6, "remind"), (5, "sign_for"), (1, "report_correction"))),
    "提请稿待决定": Watched("award", "市实验小学", ((8, "remind"), (6, "sign_for"))),
    "暂缓提请": Watched("accept", "市职业技术学院", ((12, "remind"), (11, "sign_for"), (5, "defer"))),
    "已提请": Watched("sign", "市职业技术学院", ((12, "remind"), (8, "sign_for"), (2, "refer"))),
    "待核线索": Watched("pay", "市第一中学", ((14, "remind"), (12, "sign_for"))),
    "已受理": Watched("award", "市人民医院", ((13, "remind"), (11, "sign_for"), (5, "refer"), (3, "accept_case"))),
    "整改中": Watched("sign", "市实验小学", (
        (15, "remind"), (13, "sign_for"), (7, "refer"), (6, "accept_case"), (5, "urge"))),
    "复核中": Watched("award", "市疾控中心", (
        (18, "remind"), (16, "sign_for"), (10, "refer"), (9, "accept_case"), (8, "interview"),
        (2, "submit_rectification")), done=3),
    "已销号": Watched("accept", "叶原县高级中学", (
        (20, "remind"), (18, "sign_for"), (12, "refer"), (11, "accept_case"), (10, "urge"),
        (6, "submit_rectification"), (3, "write_off")), done=7),
    "已撤回": Watched("award", "市妇幼保健院", done=3, back=True),
    "已通知约谈": Watched("award", "省特殊教育学院", (
        (14, "remind"), (12, "sign_for"), (6, "refer"), (5, "accept_case"), (2, "summon"))),
    "一案双查": Watched("award", "叶原县实验小学", (
        (16, "remind"), (14, "sign_for"), (8, "refer"), (7, "accept_case"), (5, "open_twin"), (2, "find_ready"))),
    "县级已提请": Watched("pay", "叶原县实验小学", ((12, "remind"), (8, "sign_for"), (2, "refer"))),
    "省级整改中": Watched("accept", "省特殊教育学院", (
        (15, "remind"), (13, "sign_for"), (7, "refer"), (6, "accept_case"), (5, "caution"))),
}  # fmt: skip
"""What stands at which stage today. Two of one unit are opened in one week: they share one 督办单."""


def course(watched: Watched, diary: Diary) -> tuple[str, int, list[tuple[Step, int]]]:
    """Return at which stage the project is taken in and how many working days ago, and its steps with their days."""
    begun = _LATE[watched.what]
    # the case opens two working days behind the promise, which is the day after the steps of the beginning
    opened = max([ago for ago, _ in watched.chain] + ([watched.done] if watched.back else []), default=1)
    start = opened + 4
    steps = [(step, start) for step in begun.steps]
    if watched.back:
        happened = start - 1
        steps.append((_recorded_back(begun.late, happened - watched.done), happened))
    elif watched.done:
        steps.append((begun.late, watched.done))
    if watched.done:
        steps += [(step, watched.done) for step in begun.then]
        steps += [(step, watched.done - 1) for step in begun.next_day]
    steps += [(_about(begun.on, action, diary), ago) for ago, action in watched.chain]
    return begun.stage, diary.before(start, Gap(1)), steps


def _recorded_back(step: Step, late: int) -> Step:
    return Step(
        step.action, step.on, step.hand, hour=10, facts=step.facts, papers=("decision_letter",), late=late,
        reason="当时已确定，漏登，现补录",
    )  # fmt: skip


def _about(on: str, action: str, diary: Diary) -> Step:
    year = diary.today.year
    known: dict[str, dict[str, Wanted]] = {
        "remind": {"letter_no": f"明衡函〔{year}〕{{number}}号"},
        "summon": {"interview_on": Gap(5)},
        "open_twin": {"against": "agency"},
        "find_ready": {"result": "complete"},
        "write_off": {"result": "complete"},
    }
    facts = known.get(action, {})
    if action in ("urge", "caution", "interview"):
        facts = {"document_no": f"财督〔{year}〕{{number}}号"}
    return Step(
        action,
        f"{on}-C1",
        HANDS.get(action, "officer"),
        hour=14,
        facts=facts,
        papers=PAPERS.get(action, ()),
        reason=REASONS.get(action, ""),
    )
