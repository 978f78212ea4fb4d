"""One project from the demand to the archive, day by day, each person at the command line with one role only.

It reads like docs/how-to/run-a-project.md. 张三 is the officer, 李四 represents the purchaser, 王五 is its head, 赵六
the agency, 吴十 the supplier, 钱八 the tracker. The days are those of 2026; from 10-01 to 10-07 is the National
Day holiday, made up for on Sunday 09-20 and Saturday 10-10, and Friday 09-25 is Mid-Autumn.
"""

from __future__ import annotations

import pytest

from tests.commands.conftest import Desk

PROJECT, CONTRACT = "P2026-0001", "P2026-0001.1.1"
FIRST, SECOND = f"{CONTRACT}.1", f"{CONTRACT}.2"
STAFF = {
    "张三": "officer", "李四": "purchaser_rep", "王五": "purchaser_head", "赵六": "agency", "吴十": "supplier",
    "钱八": "tracker",
}  # fmt: skip
PAPER = "文件.pdf"


@pytest.fixture
def school(empty: Desk) -> Desk:
    """市一中, where six persons hold one role each; who set it up belongs to another unit."""
    since = ("--since", "2026-08-24")
    empty.done("2026-08-24 08:00", "init", "--unit", "信息中心", "--jurisdiction", "410400", person="管理员")
    empty.done("2026-08-24 08:00", "unit", "add", "市一中", "--jurisdiction", "410400")
    for person, role in STAFF.items():
        empty.done("2026-08-24 08:00", "person", "add", person, "--name", person)
        empty.done("2026-08-24 08:00", "person", "appoint", person, role, "市一中", *since)
    return empty


def act(school: Desk, moment: str, person: str, action: str, words: str = "", on: str = PROJECT) -> str:
    """Take an action as it stands in a how-to; return the receipt."""
    return school.done(moment, "project", "do", on, action, *words.split(), person=person)


def refused(
    school: Desk, moment: str, person: str, action: str, words: str = "", on: str = PROJECT, code: int = 5
) -> str:
    """Try an action that must be refused, and see that it leaves nothing behind; return what was said."""
    before = school.dump()
    ran = school.at(moment, "project", "do", on, action, *words.split(), person=person)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert school.dump() == before
    return ran.err


def states(school: Desk, moment: str) -> dict[str, str]:
    """The states of the project and its parts, without what is about them."""
    shown = school.data(moment, "project", "show", PROJECT)
    return {m["id"].removeprefix(PROJECT): m["state"] for m in shown["matters"] if m["about"] is None}


def test_from_the_demand_to_the_archive(school: Desk) -> None:
    _demand_and_plan(school)
    _documents_and_notice(school)
    _award(school)
    _query_and_contract(school)
    _acceptance(school)
    _payment(school)
    _archive(school)


def _demand_and_plan(school: Desk) -> None:
    # Monday: the officer opens the project; a secret one is turned away
    secret = school.at(
        "2026-08-24 09:00", "project", "new", "保密柜", "--fact", "secret=是", "--unit", "市一中"
    )
    assert (secret.code, "S01" in secret.err, "政府采购法 第85条" in secret.err) == (5, True, True)
    opened = school.done("2026-08-24 09:00", "project", "new", "教学楼课桌椅采购", "--budget", "350万元")
    assert f"已新建 {PROJECT}" in opened
    assert "已列预算" in opened
    act(school, "2026-08-24 10:00", "张三", "define_need")

    # Tuesday: the intent; a project with packages exists only from the notice on
    intent = act(
        school, "2026-08-25 10:00", "李四", "publish_intent", "--fact intent_url=https://www.example.cn/1"
    )
    assert "采购意向公开期（P2026-0001）  最早可办 2026-09-24 00:00" in intent
    assert states(school, "2026-08-25 11:00") == {"": "intent_published"}

    # Thursday and Friday: the plan; the head sends it back once, and only the head may review it
    plan = "--fact method=公开招标 --fact object=货物"
    act(school, "2026-08-27 10:00", "张三", "draft_plan", plan)
    assert "分管领导" in school.done("2026-08-27 10:05", "project", "show", PROJECT, person="王五")
    refused(school, "2026-08-27 10:10", "张三", "review_plan", f"--evidence review_record={PAPER}", code=4)
    act(school, "2026-08-27 15:00", "王五", "return_plan", "--reason 预算明细不全")
    act(school, "2026-08-28 09:00", "张三", "draft_plan")
    lacking = refused(school, "2026-08-28 15:00", "王五", "review_plan")
    assert "--evidence review_record=文件" in lacking
    act(
        school, "2026-08-28 15:00", "王五", "review_plan",
        f"--evidence review_record={PAPER} --checked general_review --reason 同意",
    )  # fmt: skip
    act(school, "2026-08-28 16:00", "张三", "file_plan", "--fact filing_no=平财采备〔2026〕15号")
    assert states(school, "2026-08-28 17:00") == {"": "plan_filed"}


def _documents_and_notice(school: Desk) -> None:
    agreed = f"--fact agency=某代理公司 --evidence agency_agreement={PAPER}"
    act(
        school,
        "2026-08-31 10:00",
        "张三",
        "engage_agency",
        f"{agreed} --checked agency_terms --reason 事项齐全",
    )  # a Monday
    act(school, "2026-09-14 10:00", "赵六", "draft_documents")  # a Monday
    act(school, "2026-09-16 10:00", "李四", "return_documents", "--reason 评分标准指向特定品牌")
    act(school, "2026-09-18 10:00", "赵六", "draft_documents")
    signed = "--checked fair_competition --checked documents_content --reason 没有限制竞争的条款"
    act(school, "2026-09-21 10:00", "李四", "approve_documents", f"--evidence review_sheet={PAPER} {signed}")

    # the intent was published on 08-25: the notice comes thirty days later, not a minute before
    notice = "--fact notice_link=https://www.example.cn/2 --fact documents_until=2026-10-09"
    notice += " --checked notice_contents"
    early = refused(
        school, "2026-09-23 23:59", "赵六", "publish_notice", f"{notice} --fact bid_deadline=2026-10-16"
    )
    assert "财库〔2020〕10号" in early

    # Thursday: twenty days for the bids, five working days for the documents, the holiday and Mid-Autumn left out
    short = refused(
        school, "2026-09-24 10:00", "赵六", "publish_notice", f"{notice} --fact bid_deadline=2026-10-13"
    )
    assert "投标（响应）截止日 2026-10-13 太早，最早可定在 2026-10-14" in short
    assert "政府采购法 第35条" in short
    hasty = notice.replace("10-09", "10-08")
    hasty = refused(
        school, "2026-09-24 10:00", "赵六", "publish_notice", f"{hasty} --fact bid_deadline=2026-10-14"
    )
    assert "采购文件提供截止日 2026-10-08 太早，最早可定在 2026-10-09" in hasty
    out = act(
        school, "2026-09-24 10:00", "赵六", "publish_notice", f"{notice} --fact bid_deadline=2026-10-14"
    )
    assert "P2026-0001.1  采购包（公开招标）  投标（响应）中" in out

    # Friday after the holiday: a clarification that affects the bids leaves them fifteen days
    told = f"--fact affects_bids=是 --evidence clarification={PAPER}"
    short = refused(school, "2026-10-09 10:00", "赵六", "clarify", told)
    assert "投标（响应）截止日 2026-10-14 太早，最早可定在 2026-10-24" in short
    refused(school, "2026-10-09 10:00", "赵六", "clarify", f"{told} --fact bid_deadline=2026-10-23")
    act(school, "2026-10-09 10:00", "赵六", "clarify", f"{told} --fact bid_deadline=2026-10-26")


def _award(school: Desk) -> None:
    # Monday: the opening; two bidders would be too few; the agency evaluates
    refused(school, "2026-10-26 09:00", "吴十", "open_bids", "--fact bidders=4", code=4)
    few = refused(school, "2026-10-26 09:00", "赵六", "open_bids", "--fact bidders=2")
    assert "R47" in few
    act(school, "2026-10-26 09:00", "赵六", "open_bids", "--fact bidders=4")
    act(
        school,
        "2026-10-26 10:00",
        "李四",
        "check_qualification",
        "--fact qualified=4 --checked qualification_check",
    )
    act(school, "2026-10-26 10:30", "赵六", "begin_evaluation", "--checked panel_duties")
    act(school, "2026-10-26 17:00", "赵六", "end_evaluation")
    act(school, "2026-10-27 10:00", "赵六", "deliver_report", f"--evidence evaluation_report={PAPER}")

    # Wednesday: what the officer's desk proposes is what the representative decides
    desk = school.done("2026-10-28 08:30", "desk", "officer", person="张三")
    assert "今日到期 1" in desk
    assert f"project do {PROJECT}.1 decide_award --fact supplier=" in desk
    refused(school, "2026-10-28 09:00", "赵六", "decide_award", "--fact supplier=甲公司", code=4)
    assert "[按期]" in act(school, "2026-10-28 15:00", "李四", "decide_award", "--fact supplier=甲公司")
    act(
        school,
        "2026-10-28 16:00",
        "赵六",
        "publish_result",
        "--fact notice_url=https://www.example.cn/3 --checked result_contents",
    )
    letter = f"--fact contracts=1 --evidence award_letter={PAPER}"
    out = act(school, "2026-10-29 09:00", "赵六", "issue_award_letter", letter)
    assert "签订合同（P2026-0001.1.1）  承诺时限 2026-10-30 24:00" in out


def _query_and_contract(school: Desk) -> None:
    # Thursday afternoon: a supplier that lost queries the result, and signing is frozen
    query = f"--fact subject=中标（成交）结果 --fact asked_by=乙公司 --evidence query_letter={PAPER}"
    out = act(school, "2026-10-29 16:00", "张三", "register_query", query)
    assert "P2026-0001.1-Q1  质疑  待认定是否影响结果" in out
    assert "答复质疑（P2026-0001.1-Q1）  法定期限 2026-11-09 24:00" in out
    sign = "--fact amount=338万元 --fact instalments=2 --fact supplier_small=是 --fact pay_within=15日"
    sign += f" --evidence contract_text={PAPER} --checked contract_terms"
    held = refused(school, "2026-10-30 09:00", "李四", "sign_contract", sign)
    assert "P2026-0001.1-Q1 质疑现为“待认定是否影响结果”" in held
    assert "政府采购法实施条例 第54条" in held

    # Friday: nobody is warned of what stands still; the representative finds the result untouched, and signs
    assert "没有到点的事" not in school.done("2026-10-30 09:05", "patrol")  # those who answer are reminded
    refused(
        school, "2026-10-30 09:30", "张三", "find_harmless", "--reason 无关", on=f"{PROJECT}.1-Q1", code=4
    )
    act(
        school,
        "2026-10-30 10:00",
        "李四",
        "find_harmless",
        "--reason 所质疑的事项与评审结果无关",
        on=f"{PROJECT}.1-Q1",
    )
    late = refused(school, "2026-10-30 10:30", "李四", "sign_contract", sign.replace("15日", "61日"))
    assert "R66" in late
    signed = act(school, "2026-10-30 10:30", "李四", "sign_contract", sign)
    # the two days that the query touched are not counted: one working day from Thursday is Monday now
    assert "承诺时限 2026-11-02 24:00 按期" in signed
    # published on 10-28 for one working day, then seven working days
    assert "供应商质疑期到 2026-11-09" in signed
    act(school, "2026-10-30 11:00", "张三", "publish_contract", "--fact notice_url=https://www.example.cn/4")
    act(school, "2026-10-30 11:10", "张三", "file_contract")
    assert "[按期]" in act(school, "2026-10-30 11:20", "张三", "rate_agency")
    answered = f"--evidence query_answer={PAPER}"
    assert "[按期]" in act(school, "2026-11-04 10:00", "李四", "answer", answered, on=f"{PROJECT}.1-Q1")


def _acceptance(school: Desk) -> None:
    # Monday: the supplier delivers and asks for acceptance; that is all that a supplier may do
    act(school, "2026-11-09 09:00", "吴十", "request_acceptance", on=FIRST)
    good = f"--evidence acceptance_certificate={PAPER}"
    refused(school, "2026-11-09 10:00", "吴十", "accept", good, on=FIRST, code=4)
    bad = f"--evidence defect_list={PAPER} --reason 三套桌面开裂"
    assert "[按期]" in act(school, "2026-11-10 10:00", "李四", "reject", bad, on=FIRST)
    act(school, "2026-11-12 09:00", "吴十", "request_acceptance", on=FIRST)

    # accepted on Friday, recorded on Monday: the officer, the head and the tracker had been warned
    warned = school.done("2026-11-16 08:30", "patrol")
    assert "2026-11-13 24:00  预警  履约验收" in warned
    assert all(person in warned for person in ("张三", "王五", "钱八"))
    assert "■ 待核实 1" in school.done("2026-11-16 08:35", "desk", "officer", person="张三")
    back = act(
        school,
        "2026-11-16 09:00",
        "李四",
        "accept",
        f"{good} --at 2026-11-13T16:00 --reason 当天漏登",
        on=FIRST,
    )
    assert "[补录]" in back
    assert "预警解除" in back


def _payment(school: Desk) -> None:
    # Monday: a wrong invoice counts as not received; a right one starts the clocks of the payment
    early = refused(school, "2026-11-16 09:30", "张三", "pay", "--fact paid_amount=169万元", on=FIRST)
    assert "R68" in early
    act(school, "2026-11-16 10:00", "张三", "receive_invoice", "--fact invoice_no=24372000", on=FIRST)
    void = act(school, "2026-11-16 11:00", "张三", "return_invoice", "--reason 税号有误", on=FIRST)
    assert "支付资金（P2026-0001.1.1.1）  [作废]" in void
    right = act(school, "2026-11-17 09:00", "张三", "receive_invoice", "--fact invoice_no=24372001", on=FIRST)
    assert "承诺时限 2026-11-18 24:00" in right
    assert "约定期限 2026-12-02 24:00" in right
    act(school, "2026-11-17 10:00", "张三", "request_payment", on=FIRST)
    assert "[按期]" in act(school, "2026-11-18 15:00", "张三", "pay", "--fact paid_amount=169万元", on=FIRST)

    # the second instalment: with the last payment the project waits for its archive
    act(school, "2026-11-19 09:00", "吴十", "request_acceptance", on=SECOND)
    act(school, "2026-11-19 15:00", "李四", "accept", f"--evidence acceptance_certificate={PAPER}", on=SECOND)
    act(school, "2026-11-19 16:00", "张三", "receive_invoice", "--fact invoice_no=24372002", on=SECOND)
    act(school, "2026-11-20 09:00", "张三", "pay", "--fact paid_amount=169万元", on=SECOND)
    done = {"": "performed", ".1": "completed", ".1.1": "completed", ".1.1.1": "paid", ".1.1.2": "paid"}
    assert states(school, "2026-11-20 09:30") == done

    # Monday: the money came back; all that was done with it is open again until it is paid again
    act(school, "2026-11-23 09:00", "张三", "return_payment", "--reason 收款账号有误", on=SECOND)
    again = {"": "open", ".1": "notified", ".1.1": "signed", ".1.1.1": "paid", ".1.1.2": "payment_returned"}
    assert states(school, "2026-11-23 09:30") == again
    repaid = act(school, "2026-11-24 10:00", "张三", "pay", "--fact paid_amount=169万元", on=SECOND)
    assert "退票再支付（P2026-0001.1.1.2）  [按期]" in repaid
    assert states(school, "2026-11-24 10:30") == done


def _archive(school: Desk) -> None:
    archived = act(
        school,
        "2026-11-25 10:00",
        "赵六",
        "archive",
        f"--evidence archive_list={PAPER} --checked archive_contents --reason 齐全",
    )
    assert "归档（P2026-0001）  [按期]" in archived
    act(school, "2026-11-25 11:00", "李四", "close")
    kept = refused(school, "2026-11-25 11:30", "李四", "destroy_file", "--reason 档案室已满")
    assert "2041" in kept
    assert "政府采购法 第42条" in kept

    # nothing was late, nobody was followed up, everybody took part, and nobody can rewrite it quietly
    clocks = school.data("2026-11-25 12:00", "project", "explain", PROJECT)["clocks"]
    lamps = {c["lamp"] for c in clocks if c["state"] == "met"}
    assert lamps == {"in_time", "recorded_late"}
    assert [c["clock"] for c in clocks if c["lamp"] == "recorded_late"] == ["accept_delivery"]
    assert {c["clock"] for c in clocks if c["state"] == "running"} == {"keep_file"}
    assert "没有到点的事" in school.done("2026-12-31 10:00", "patrol", person="钱八")
    assert "没有督办件" in school.done("2026-12-31 10:00", "case", "list", "--all", person="钱八")
    lines = school.data("2026-12-31 10:00", "history", "show", PROJECT, "--limit", "0")["lines"]
    assert {line["body"]["actor"] for line in lines if line["kind"] == "action"} == set(STAFF) - {"钱八"}
    verified = school.data("2026-12-31 10:00", "history", "verify")
    assert (verified["ok"], verified["lines"]) == (True, len(lines))
