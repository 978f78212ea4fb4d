"""At the command line: a rule is passed by two persons, an order reaches the regulator's desk and is handled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Desk
from tests.commands.supervision import appoint

MONDAY = "2026-11-02"
TABLE = """
table: open_tender
title: {zh: 公开招标数额标准}
unit: wan yuan
rows:
  - {place: "41", object: [goods, services], value: 200, basis: 试验用, checked_on: 2026-11-22, confidence: to verify}
"""
SAME = ("--fact", "method=竞争性磋商", "--fact", "category=课桌椅", "--fact", "budget_item=校舍维修")


@pytest.fixture
def split(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two projects of one item and category in a place whose table says 200 wan: 150 are planned, 80 more wanted."""
    overlay = Path(desk.folder) / "overlay"
    (overlay / "thresholds").mkdir(parents=True)
    (overlay / "thresholds" / "open_tender.yaml").write_text(TABLE, encoding="utf-8")
    monkeypatch.setenv("YIRIBAN_WORKFLOWS", str(overlay))
    for number, budget in ((1, "150万元"), (2, "80万元")):
        desk.done(f"{MONDAY} 09:00", "project", "new", f"课桌椅第{number}批", "--budget", budget)
        do = ("project", "do", f"P2026-000{number}")
        desk.done(f"{MONDAY} 09:10", *do, "define_need")
        desk.done(f"{MONDAY} 09:20", *do, "skip_intent", "--reason", "急需", person="李四")
    desk.done(f"{MONDAY} 10:00", "project", "do", "P2026-0001", "draft_plan", "--fact", "object=货物", *SAME)
    return desk


def test_a_rule_is_passed_by_two_persons_and_the_page_shows_it_until_it_is_used(split: Desk) -> None:
    plan = ("project", "do", "P2026-0002", "draft_plan", "--fact", "object=货物", *SAME)
    refused = split.at(f"{MONDAY} 10:10", *plan)
    assert refused.code == 5
    assert "R03 化整为零规避公开招标" in refused.err
    override = ("project", "override", "P2026-0002", "draft_plan", "R03", "--reason", "用途不同")
    assert split.at(f"{MONDAY} 10:15", *override).code == 2
    assert "没有写明由谁批准" in split.at(f"{MONDAY} 10:15", *override).err
    assert split.at(f"{MONDAY} 10:15", *override, "--approved-by", "张三").code == 4
    before = split.dump()
    rehearsed = split.done(f"{MONDAY} 10:20", *override, "--approved-by", "李四", "--dry-run")
    assert "【预演，没有保存】" in rehearsed
    assert split.dump() == before
    said = split.done(f"{MONDAY} 10:20", *override, "--approved-by", "李四")
    assert "张三 申请，李四 批准，2026-11-06 00:00 前有效" in said  # Friday: three working days after Monday
    shown = split.done(f"{MONDAY} 10:25", "project", "show", "P2026-0002")
    assert "已批准的例外" in shown
    assert "例外办理 R03（李四 批准）  用途不同" in shown
    split.done(f"{MONDAY} 10:30", *plan)
    data = split.data(f"{MONDAY} 10:35", "project", "show", "P2026-0002")
    assert data["overrides"] == []
    assert [c["workflow"] for c in data["cases"]] == ["alert"]
    assert split.at(f"{MONDAY} 10:40", "history", "verify").code == 0


def test_an_order_reaches_the_regulator_s_desk_and_is_handled_there(desk: Desk) -> None:
    appoint(desk, "孙七", "regulator")
    desk.done(
        f"{MONDAY} 09:00", "project", "new", "课桌椅", "--budget", "35万元", "--stage", "package.responding"
    )
    for bidder in ("甲公司", "乙公司"):
        desk.done(
            f"{MONDAY} 10:00", "project", "do", "P2026-0001.1", "register_bid", "--fact", f"bidder={bidder}",
            "--fact", "machine_code=00-1A-2B",
        )  # fmt: skip
    order = "P2026-0001.1-B2-A1"
    refused = desk.at(
        f"{MONDAY} 11:00", "project", "do", "P2026-0001.1-B2", "read_out_price", "--fact", "price=30万元"
    )
    assert refused.code == 0, refused.err
    desk.done(f"{MONDAY} 11:05", "patrol")
    assert order in desk.done(f"{MONDAY} 11:10", "desk", "regulator", person="孙七")
    assert order in desk.done(f"{MONDAY} 11:10", "case", "list")
    shown = desk.done(f"{MONDAY} 11:10", "case", "show", order)
    assert "预警指令" in shown
    assert "R56" in shown
    do = ("case", "do", order)
    desk.done(f"{MONDAY} 11:20", *do, "acknowledge_order", person="孙七")
    desk.done(f"{MONDAY} 11:30", *do, "take_up_order", person="孙七")
    words = ("--fact", "finding=未发现问题", "--reason", "同一打印店制作")
    desk.done(f"{MONDAY} 15:00", *do, "finish_order", *words, person="孙七")
    desk.done(f"{MONDAY} 15:30", *do, "close_order", person="孙七")
    assert order not in desk.done(f"{MONDAY} 16:00", "desk", "regulator", person="孙七")
    assert desk.at(f"{MONDAY} 16:10", "history", "verify").code == 0
