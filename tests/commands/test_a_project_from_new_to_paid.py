"""One project through the command line, from the evaluation to its close; what comes before has a story of its own."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.commands.conftest import HALFWAY, Desk

EVIDENCE = "文件.pdf"
# (moment, matter, action and what is handed in, what the receipt must say)
STEPS = [
    ("2026-11-03 10:00", "P2026-0001", "end_evaluation", ["评审中 → 评审结束", "2026-11-05 24:00"]),
    (
        "2026-11-03 11:00",
        "P2026-0001",
        f"deliver_report --evidence evaluation_report={EVIDENCE}",
        [
            "[按期]",
            "承诺时限 2026-11-04 24:00  剩 1 天 13 小时",
            "法定期限 2026-11-10 24:00",
            "87号令 第68条",
        ],
    ),
    ("2026-11-04 09:00", "P2026-0001", "decide_award --fact supplier=甲公司", ["[按期]", "结果已确定"]),
    (
        "2026-11-04 10:00",
        "P2026-0001",
        "publish_result --fact notice_url=https://www.example.cn/1 --checked result_contents",
        ["结果已确定", "[按期]"],
    ),
    (
        "2026-11-04 11:00",
        "P2026-0001",
        f"issue_award_letter --fact contracts=1 --evidence award_letter={EVIDENCE}",
        ["P2026-0001.1.1  合同  待签订", "政府采购法 第46条", "承诺时限 2026-11-05 24:00"],
    ),
    (
        "2026-11-05 09:00",
        "P2026-0001",
        "sign_contract --fact amount=34.8万元 --fact instalments=2 --fact supplier_small=是"
        f" --fact pay_within=15日 --evidence contract_text={EVIDENCE} --checked contract_terms",
        ["待签订 → 履约中", "P2026-0001.1.1.1  分期", "P2026-0001.1.1.2  分期"],
    ),
    (
        "2026-11-05 10:00",
        "P2026-0001",
        "publish_contract --fact notice_url=https://www.example.cn/2",
        ["合同公告"],
    ),
    ("2026-11-05 10:05", "P2026-0001", "file_contract", ["合同备案"]),
    ("2026-11-09 09:00", "P2026-0001.1.1.1", "request_acceptance", ["承诺时限 2026-11-10 24:00"]),
    (
        "2026-11-09 15:00",
        "P2026-0001.1.1.1",
        f"accept --evidence acceptance_certificate={EVIDENCE}",
        ["已申请验收 → 验收合格"],
    ),
    (
        "2026-11-10 09:00",
        "P2026-0001.1.1.1",
        "receive_invoice --fact invoice_no=24372000",
        ["承诺时限 2026-11-11 24:00", "约定期限 2026-11-25 24:00", "15日  按合同约定"],
    ),
    ("2026-11-10 16:00", "P2026-0001.1.1.1", "pay --fact paid_amount=17.4万元", ["验收合格 → 已支付"]),
    ("2026-11-12 09:00", "P2026-0001.1.1.2", "request_acceptance", []),
    (
        "2026-11-12 15:00",
        "P2026-0001.1.1.2",
        f"accept --evidence acceptance_certificate={EVIDENCE}",
        [],
    ),
    ("2026-11-12 16:00", "P2026-0001.1.1.2", "receive_invoice --fact invoice_no=24372001", []),
    (
        "2026-11-13 09:00",
        "P2026-0001",
        "pay --fact paid_amount=174000.00元",
        ["合同办结  P2026-0001.1.1  已办结", "采购包办结", "采购包全部办结  P2026-0001  待归档"],
    ),
    (
        "2026-11-13 09:30",
        "P2026-0001",
        f"archive --evidence archive_list={EVIDENCE} --checked archive_contents --reason 齐全",
        ["待归档 → 已归档", "归档（P2026-0001）  [按期]"],
    ),
    ("2026-11-13 09:40", "P2026-0001", "close", ["已归档 → 已办结"]),
]


@pytest.fixture
def paid(desk: Desk) -> Desk:
    known = ("--budget", "350000元", "--alias", "plan=平财采备〔2026〕15号")
    new = ("project", "new", "课桌椅采购", *HALFWAY, *known)
    assert "P2026-0001" in desk.done("2026-11-02 09:00", *new)  # a Monday
    for moment, matter, words, said in STEPS:
        out = desk.done(moment, "project", "do", matter, *words.split())
        for phrase in said:
            assert phrase in out, f"{words}: {phrase!r} is not in\n{out}"
    return desk


def test_a_project_runs_from_the_evaluation_to_its_close_and_every_clock_is_kept(paid: Desk) -> None:
    assert "已办结" in paid.done("2026-11-13 10:00", "project", "list")
    found = paid.data("2026-11-13 10:00", "project", "explain", "平财采备〔2026〕15号")
    ended = [c for c in found["clocks"] if c["clock"] not in ("keep_file", "result_notice_period")]
    assert {c["lamp"] for c in ended} == {"in_time"}
    assert {c["clock"] for c in found["clocks"]} >= {
        "decide_award",
        "sign_contract",
        "accept_delivery",
        "pay",
    }
    assert paid.data("2026-11-13 10:00", "clock", "list")["total"] == 0
    assert "没有到点的事" in paid.done("2026-12-31 10:00", "patrol")
    verified = paid.data("2026-11-13 10:00", "history", "verify")
    assert (verified["ok"], verified["matters"]) == (True, 5)
    assert verified["lines"] == paid.sql("select count(*) from history")[0][0]
    shown = paid.data("2026-11-13 10:00", "project", "show", "P2026-0001")
    assert [m["id"] for m in shown["matters"]] == [
        "P2026-0001",
        "P2026-0001.1",
        "P2026-0001.1.1",
        "P2026-0001.1.1.1",
        "P2026-0001.1.1.2",
    ]
    assert shown["matters"][2]["facts"]["amount"] == 34_800_000
    assert shown["matters"][2]["facts"]["pay_within"] == "15 days"


def test_evidence_is_kept_with_its_hash_size_and_place(paid: Desk) -> None:
    rows = paid.sql("select kind, name, sha256, size, place from evidence order by id")
    path = paid.folder / EVIDENCE
    seen = (EVIDENCE, sha256(path.read_bytes()).hexdigest(), path.stat().st_size, str(path))
    assert [row[0] for row in rows][:3] == ["evaluation_report", "award_letter", "contract_text"]
    assert {row[1:] for row in rows} == {seen}


def test_every_proposed_command_can_be_typed_as_it_stands_until_the_project_is_closed(desk: Desk) -> None:
    """An officer who only ever types the first proposal, the placeholders filled in, gets through."""
    desk.done("2026-11-02 09:00", "project", "new", "课桌椅采购", *HALFWAY)  # a Monday
    (desk.folder / "文件").write_bytes(b"x")
    taken = []
    for minute in range(40):
        moment = f"2026-11-03 10:{minute:02d}"
        offers = desk.data(moment, "project", "show", "P2026-0001")["offers"]
        if not offers or offers[0]["needs_reason"]:
            break
        words = offers[0]["command"].replace("'", "").split()
        assert words[:2] == ["yiriban", "--as"]
        desk.done(moment, *words[3:])
        taken.append(offers[0]["action"])
    state = desk.data("2026-11-04 10:00", "project", "list")["projects"][0]["state"]
    assert (state, len(taken)) == ("closed", 14), taken
