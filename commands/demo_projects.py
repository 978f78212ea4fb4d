"""The projects of the demonstration city: one at each stage of the spine, and one for each thing that can happen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from commands.demo_course import (
    CONSULTATION,
    DOCUMENTS,
    FIVE,
    FOUR,
    ONE,
    TENDER,
    THREE,
    TWO,
    WAITS,
    Story,
    closing,
    contract,
    delivery,
    evaluation,
    need,
    notice,
)
from commands.demo_diary import Gap, Kind, Step, Wanted
from commands.demo_methods import (
    CLOSED,
    COURSES,
    INNOVATION,
    INQUIRY,
    INVITED,
    MALL,
    NEGOTIATION,
    OPEN_FRAMEWORK,
    SINGLE,
    SMALL_WORKS,
)

NEVER_MIND = Gap()


def said(kind: Kind, on: str, clock: str = "", hand: str = "officer", *, gap: Gap = NEVER_MIND, hour: int = 11,
         reason: str, papers: tuple[str, ...] = (), **facts: Wanted) -> Step:  # fmt: skip
    """A word about a clock."""
    return Step(kind, on, hand, gap, hour, facts=facts, papers=papers, reason=reason, kind=kind, clock=clock)


def by(method: str, last: str, ago: int, since: int = 0, **facts: Wanted) -> Story:
    """A project that is bought in one of the other ways."""
    return Story(last, ago, method, since=since, steps=COURSES[method], facts=facts)


# queries

ASKED = Step(
    "register_query", "P.1", gap=ONE, hour=9, papers=("query_letter",),
    facts={"subject": "result", "asked_by": "云帆教育装备有限公司"},
)  # fmt: skip
AFFECTS = Step("find_affecting", "P.1-Q1", gap=ONE, reason="质疑的评分可能影响排名，先核实")
HARMLESS = Step("find_harmless", "P.1-Q1", gap=ONE, reason="质疑的是公告格式，不影响成交结果")
ANSWERED = Step("answer", "P.1-Q1", gap=FIVE, papers=("query_answer",))
TAKEN_BACK = Step("withdraw_query", "P.1-Q1", "agent", ONE, papers=("withdrawal",), reason="供应商来函撤回")

# a tender that failed, and its second round

TOO_FEW: dict[str, Any] = {"facts": {"failure": "too_few"}, "reason": "递交投标文件的供应商只有两家"}
FAILED = [
    *need(),
    replace(notice(TENDER), facts={**notice(TENDER).facts, "bid_deadline": WAITS[TENDER]}),
    Step("fail", "P.1", "agent", WAITS[TENDER], 11, "package.failed", **TOO_FEW),
    Step("publish_failure", "P.1", "agent", ONE, facts={"failure_url": "https://example.org/failure/{number}"}),
    Step("refund_all", "P.1", "agent", ONE, 15),
]  # fmt: skip
AGAIN = [
    Step("tender_again", "P.1", gap=ONE, leads="package.redrafting", reason="放宽与项目无关的业绩要求，重新招标"),
    Step("publish_again", "P.1", "agent", THREE, 9, "package.responding", reason="第二次招标", facts={
        "documents_until": DOCUMENTS, "bid_deadline": WAITS[TENDER],
    }),
]  # fmt: skip
GIVEN_UP = [
    Step("abandon", "P.1", gap=THREE, leads="package.abandoned", reason="需求已调整，并入下一年度采购"),
]
SECOND_ROUND = [*FAILED, *AGAIN, *evaluation(TENDER), *contract(), *delivery(), *closing()]

# one project with two packages, one with two instalments

FIRST, SECOND = evaluation(TENDER, "P.1"), evaluation(TENDER, "P.2")
TWO_PACKAGES = [
    *need(), notice(TENDER), FIRST[0], replace(SECOND[0], gap=NEVER_MIND), FIRST[1], SECOND[1], FIRST[2], SECOND[2],
    Step("fail", "P.2", "agent", hour=16, leads="package.failed", facts={"failure": "over_budget"},
         reason="三家报价均超过预算"),
    *FIRST[3:6],
]  # fmt: skip
TWO_INSTALMENTS = [
    *need(), notice(TENDER), *evaluation(TENDER), *contract(instalments=2), *delivery("P.1.1.1"),
    Step("request_acceptance", "P.1.1.2", gap=THREE, leads="instalment.acceptance_requested"),
]  # fmt: skip

# the purchaser runs it himself, in a hurry that he gives reasons for

_BY_HAND = {step.action: {"hand": "officer"} for step in [*need(), notice(TENDER), *evaluation(TENDER)]}
URGENT: dict[str, dict[str, Any]] = {
    **_BY_HAND,
    "publish_intent": {
        "action": "skip_intent", "facts": {}, "reason": "汛期抢修，采购人无法预见，急需开展",
    },
    "draft_plan": {"gap": TWO},
    "review_plan": {"gap": ONE},
    "engage_agency": {"action": "organise_self", "facts": {}, "papers": ()},
    "approve_documents": {"hand": "head"},
}  # fmt: skip

# deliveries, invoices and payments that go astray

REJECTED = Step("reject", "P.1.1.1", gap=ONE, hour=15, leads="instalment.rectifying", papers=("defect_list",),
                reason="三台设备型号与合同不符，限期更换")  # fmt: skip
NEW_REQUEST = Step("request_acceptance", "P.1.1.1", gap=THREE, leads="instalment.acceptance_requested")
WRONG_INVOICE = [
    Step("return_invoice", "P.1.1.1", hour=17, reason="发票抬头有误，退回重开"),
    Step("receive_invoice", "P.1.1.1", gap=TWO, facts={"invoice_no": "2442{number}"}),
]
CAME_BACK = Step("return_payment", "P.1.1.1", gap=TWO, leads="instalment.payment_returned",
                 reason="收款账号有误，银行退票")  # fmt: skip
PAID_AGAIN = Step(
    "pay", "P.1.1.1", gap=ONE, hour=15, leads="instalment.paid", facts={"paid_amount": "{amount}"}
)
REFUND_LOSERS = Step("refund_losers", "P.1", "agent", ONE, 15)
REFUND_WINNER = Step("refund_winner", "P.1.1", "agent", ONE, 15)
AMENDED = [
    Step("amend_contract", "P.1.1", gap=TWO, papers=("amendment",), reason="学校搬迁，交货地点变更"),
    Step("publish_amendment", "P.1.1", gap=ONE, facts={"change_url": "https://example.org/change/{number}"}),
]
CLARIFIED = [
    Step("move_deadline", "P.1", "agent", TWO, 15, facts={"bid_deadline": Gap(12, 24)},
         reason="技术参数有修改，顺延投标截止时间"),
    Step("clarify", "P.1", "agent", hour=16, facts={"affects_bids": True}, papers=("clarification",)),
]  # fmt: skip

STORIES: dict[str, Story] = {
    # one at each stage, from demand to archive
    "已列预算": Story("", 4),
    "需求已确定": Story("survey_need", 2),
    "意向公开中": Story("publish_intent", 9),
    "计划已编制": Story("draft_plan", 1),
    "计划已审查": Story("review_plan", 1, CONSULTATION),
    "计划已备案": Story("file_plan", 2),
    "组织形式已定": Story("engage_agency", 2, CONSULTATION),
    "采购文件待确认": Story("draft_documents", 1),
    "采购文件已确认": Story("approve_documents", 1, CONSULTATION),
    "招标公告期": Story("publish_notice", 6),
    "磋商响应期": Story("publish_notice", 3, CONSULTATION),
    "澄清后顺延": Story("clarify", 3, behind={"publish_notice": CLARIFIED}, since=40),
    "已开标": Story("open_bids", 1, since=30),
    "资格审查完毕": Story("check_qualification", 1, CONSULTATION, since=25),
    "评审中": Story("begin_evaluation", 1, since=26),
    "评审结束": Story("end_evaluation", 1, CONSULTATION, since=20),
    "报告已送达": Story("deliver_report", 1, since=25, unit="市实验小学"),
    "结果已确定": Story("decide_award", 1, CONSULTATION, since=25),
    "通知书已发出": Story("issue_award_letter", 1, since=30, unit="市第一中学"),
    "履约中": Story("file_contract", 3, CONSULTATION, since=30),
    "已申请验收": Story("request_acceptance", 1, since=20, unit="市第一中学"),
    "验收合格待支付": Story("receive_invoice", 1, CONSULTATION, since=30),
    "待归档": Story("pay", 6, since=28),
    "已归档": Story("archive", 2, CONSULTATION, since=35),
    # the whole way inside of the sixty days
    "公开招标全程": Story("close", 1),
    "竞争性磋商全程": Story("close", 3, CONSULTATION, behind={"sign_contract": AMENDED}),
    "面向公众的服务": Story("close", 6, CONSULTATION, facts={"public_service": True}, changes={"accept": {"facts": {"users_took_part": True}}}, behind={
        "accept": [Step("publish_acceptance", "P.1.1.1", facts={"acceptance_url": "https://example.org/ok/{number}"},
                        hour=16)]}),
    "收取保证金": Story("close", 4, facts={"deposit": True}, since=45, behind={
        "issue_award_letter": [REFUND_LOSERS], "publish_contract": [REFUND_WINNER]}),
    # the other ways of buying
    "网上商城": by(MALL, "close", 5, object="goods", budget=4_000_000),
    "网上商城待确认": by(MALL, "order", 1, object="goods", budget=3_000_000),
    "询价": by(INQUIRY, "pay", 8, since=50, object="goods"),
    "竞争性谈判": by(NEGOTIATION, "file_contract", 6, since=50),
    "单一来源": by(SINGLE, "publish_contract", 4, since=55, object="goods"),
    "邀请招标": by(INVITED, "invite", 7, since=55),
    "小型工程": by(SMALL_WORKS, "sign_off", 2, since=40, object="works", budget=280_000_000),
    "封闭式框架协议": by(CLOSED, "pay", 3, since=40, object="goods"),
    "开放式框架协议": by(OPEN_FRAMEWORK, "pay", 4, since=40, object="services"),
    "合作创新": by(INNOVATION, "publish_innovation", 9, since=20, object="goods"),
    # tenders that failed
    "废标": Story("publish_failure", 1, steps=FAILED, since=30, facts={"deposit": True}),
    "重新编制文件": Story("tender_again", 1, steps=SECOND_ROUND, since=28),
    "第二次招标": Story("publish_again", 5, steps=SECOND_ROUND, since=45),
    "第二次招标成交": Story("file_contract", 1, steps=SECOND_ROUND, facts={"deposit": True},
                            behind={"issue_award_letter": [REFUND_LOSERS], "publish_contract": [REFUND_WINNER]}),
    "终止采购": Story("abandon", 2, steps=[*FAILED, *GIVEN_UP], since=30),
    "取消任务": Story("cancel", 5, behind={"draft_documents": [
        Step("cancel", gap=ONE, leads="project.cancelled", reason="上级统一配发，不再采购")]}, since=25),
    "两个采购包": Story("decide_award", 1, steps=TWO_PACKAGES, since=22, facts={"packages": 2}),
    "分两期": Story("request_acceptance", 1, steps=TWO_INSTALMENTS, since=35),
    "自行组织": Story("sign_contract", 2, changes=URGENT),
    # queries
    "质疑待认定": Story("register_query", 1, behind={"issue_award_letter": [ASKED]}, since=20, unit="市实验小学"),
    "质疑影响结果": Story("find_affecting", 4, CONSULTATION, behind={"issue_award_letter": [ASKED, AFFECTS]}, since=25),
    "质疑不影响结果": Story("sign_contract", 2, behind={"issue_award_letter": [ASKED, HARMLESS]}, since=25),
    "质疑已答复": Story("file_contract", 4, behind={"issue_award_letter": [ASKED, AFFECTS, ANSWERED]}, since=35),
    "质疑撤回": Story("publish_contract", 5, CONSULTATION, since=30,
                      behind={"issue_award_letter": [ASKED, TAKEN_BACK]}),
    # what goes astray on the way
    "中止中": Story("pause", 2, CONSULTATION, since=25, unit="市第一中学", behind={"issue_award_letter": [
        said("pause", "P.1.1", gap=ONE, reason="中标人更名，等工商变更登记")]}),
    "中止后恢复": Story("file_contract", 3, since=30, behind={"deliver_report": [
        said("pause", "P.1", gap=NEVER_MIND, hour=14, reason="举报待核实，暂停确定结果"),
        said("resume", "P.1", gap=FOUR, reason="举报不属实")]}),
    "延期获准": Story("approve", 1, since=20, unit="市实验小学", behind={"request_acceptance": [
        said("extend", "P.1.1.1", "accept_delivery", hour=14, reason="第三方检测报告后天才出", until=THREE),
        said("approve", "P.1.1.1", "accept_delivery", "head", hour=16, reason="同意，检测是必要的")]}),
    "延期待批": Story("extend", 1, CONSULTATION, since=20, behind={"issue_award_letter": [
        said("extend", "P.1.1", "sign_contract", hour=17, reason="中标人授权代表出差，后天返回", until=THREE)]}),
    "供应商误期": Story("approve_charge", 4, since=22, unit="市第一中学", changes={"accept": {"gap": THREE}}, behind={
        "accept": [said("charge", "P.1.1.1", "accept_delivery", gap=ONE, hour=15, papers=("delivery_note",),
                        reason="供应商漏送配件，补齐后才能验收"),
                   said("approve_charge", "P.1.1.1", "accept_delivery", "head", gap=ONE, reason="有送货单为证")]}),
    "误期待划分": Story("charge", 1, CONSULTATION, since=22, changes={"accept": {"gap": TWO}}, behind={
        "accept": [said("charge", "P.1.1.1", "accept_delivery", gap=ONE, papers=("delivery_note",),
                        reason="供应商晚到一天")]}),
    "代理机构晚公告": Story("file_contract", 2, since=25, steps=[
        *need(), notice(TENDER), *FIRST[:6], FIRST[7], *contract()[:2], replace(FIRST[6], gap=TWO), *contract()[2:]]),
    "国库晚付": Story("pay", 3, since=26, changes={"pay": {"gap": THREE}}),
    "国库未付": Story("request_payment", 3, CONSULTATION, since=25, unit="市实验小学"),
    "补录签约": Story("file_contract", 3, since=30, changes={
        "sign_contract": {"late": 2, "reason": "当天已签，漏登"}, "publish_contract": {"gap": THREE}}),
    "晚定结果": Story("file_contract", 4, CONSULTATION, since=32, changes={"decide_award": {"gap": THREE}}),
    "晚签合同": Story("publish_contract", 3, since=26, unit="市第一中学", changes={"sign_contract": {"gap": THREE}}),
    "验收不合格": Story("reject", 1, since=20, behind={"request_acceptance": [REJECTED]},
                    changes={"file_contract": {"gap": ONE}}),
    "整改后验收": Story("pay", 4, CONSULTATION, since=32, steps=[
        *need(), notice(CONSULTATION), *evaluation(CONSULTATION), *contract(), delivery()[0], REJECTED, NEW_REQUEST,
        *delivery()[1:]]),
    "发票有误": Story("pay", 2, since=25, behind={"receive_invoice": WRONG_INVOICE}),
    "退票": Story("return_payment", 1, CONSULTATION, since=25, behind={"pay": [CAME_BACK]}, unit="市实验小学"),
    "退票后重付": Story("archive", 1, since=35, steps=[
        *need(), notice(TENDER), *evaluation(TENDER), *contract(), *delivery(), CAME_BACK, PAID_AGAIN, *closing()]),
}  # fmt: skip
