"""Two persons may let a matter pass a rule once, where the rule says so; everything else still refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from engine.chain import chained
from engine.directory import Delegation
from engine.errors import BadInput, Forbidden, Refused, YiribanError
from engine.grants import grants
from engine.overriding import Passed, override
from engine.word import Word
from storage.people import People
from tests.city import BEGAN, PLACE, UNIT, City, moment

MONDAY = "2026-11-02 09:00"  # 周一
WAN = 1_000_000
FACTS: dict[str, Any] = {
    "category": "办公家具", "budget_item": "校舍维修", "method": "competitive_consultation", "object": "goods",
}  # fmt: skip


@pytest.fixture
def split(build: Callable[..., City]) -> City:
    """A city whose table says 200 wan: P2 has spent 150 of it, P1 would like 80 more of the same."""
    city = build(overlay="henan")
    city.open(MONDAY, id="P2", stage="", budget=150 * WAN, **FACTS)
    city.open(MONDAY, id="P1", stage="")
    city.do("define_need", MONDAY)
    city.do("skip_intent", MONDAY, reason="急需")
    return city


def plan(city: City, at: str, budget: int = 80 * WAN) -> Any:
    return city.do("draft_plan", at, budget=budget, **FACTS)


def approve(
    city: City, at: str, *, rule: str = "R03", action: str = "draft_plan", by: str = "张三", approver: str = "王五",
    reason: str = "两批桌椅用途不同", on: str = "P1",
) -> Passed:  # fmt: skip
    """Let the matter pass the rule, as the command does."""
    now = moment(at)

    with city.store.work() as work:
        people = People(city.store)
        asks, agrees = (people.actor(name, UNIT, now, jurisdiction=PLACE) for name in (by, approver))
        work.family(on)
        return override(
            city.office, work, work.matters[on], action, rule, Word(asks, now, now, reason), agrees
        )


def test_a_rule_that_may_be_passed_says_how_and_passes_once_then_refuses_again(split: City) -> None:
    with pytest.raises(Refused) as refused:
        plan(split, "2026-11-03 09:00")
    assert "R03" in refused.value.what
    assert "政府采购法 第28条" in refused.value.why
    assert "yiriban project override P1 draft_plan R03" in refused.value.then
    passed = approve(split, "2026-11-03 10:00")
    assert passed.grant.until == moment("2026-11-06 24:00")  # 周五，三个工作日
    receipt = plan(split, "2026-11-03 11:00")
    assert receipt.outcome.went_to == "plan_drafted"
    assert [k for k in split.matter("P1").marks if k.startswith("override")] == []
    split.do("return_plan", "2026-11-03 12:00", reason="改预算")
    with pytest.raises(Refused):
        plan(split, "2026-11-03 13:00", budget=81 * WAN)


def test_history_keeps_rule_reason_and_both_persons_and_the_use_names_the_approval(split: City) -> None:
    approve(split, "2026-11-03 10:00")
    plan(split, "2026-11-03 11:00")
    lines = split.rows("select body, hash from history where matter = 'P1' order by no")
    bodies = [json.loads(body) for body, _ in lines]
    granted = next(b for b in bodies if b["kind"] == "override")
    assert (granted["name"], granted["actor"], granted["detail"]["approved_by"]) == ("R03", "张三", "王五")
    assert granted["detail"]["reason"] == "两批桌椅用途不同"
    used = next(b for b in bodies if b["name"] == "draft_plan")
    assert used["detail"]["overrides"] == [
        {"rule": "R03", "approved_by": "王五", "granted_at": moment("2026-11-03 10:00").isoformat()}
    ]
    assert [chained(before, body) for (_, before), (body, _) in pairwise([("", ""), *lines])] == [
        h for _, h in lines
    ]


def test_the_use_tells_the_regulator_where_the_rule_says_so(split: City) -> None:
    approve(split, "2026-11-03 10:00")
    receipt = plan(split, "2026-11-03 11:00")
    assert [(m.id, m.workflow, m.about_clock) for m in receipt.outcome.opened] == [("P1-A1", "alert", "R03")]


@pytest.mark.parametrize(
    ("at", "passes"), [("2026-11-06 23:59:59", True), ("2026-11-06 24:00", False)]
)  # 周五
def test_an_approval_that_is_not_used_lapses_after_its_working_days(
    split: City, at: str, passes: bool
) -> None:
    approve(split, "2026-11-03 10:00")  # 周二
    matter = split.matter("P1")
    assert [g.rule for g in grants(split.office, matter, moment(at))] == (["R03"] if passes else [])
    if passes:
        plan(split, at)
    else:
        with pytest.raises(Refused):
            plan(split, at)


def test_an_approval_for_one_action_or_rule_is_none_for_another(split: City) -> None:
    approve(split, "2026-11-03 10:00")
    plan(split, "2026-11-03 11:00")
    split.do("review_plan", "2026-11-03 12:00")
    with pytest.raises(Refused) as refused:
        split.do("file_plan", "2026-11-03 13:00")
    assert "R03" in refused.value.what


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"approver": "张三"}, Forbidden, "不能批准自己的"),
        ({"approver": "李四"}, Forbidden, "purchaser_head（分管领导）"),
        ({"by": "赵六"}, Forbidden, "赵六 不能对 P1 进行"),
        ({"reason": ""}, Refused, "需要说明原因"),
        ({"rule": "R66"}, BadInput, "不核对规则 R66"),
        ({"rule": "R99"}, BadInput, "不核对规则 R99"),
        ({"action": "pay"}, Refused, "现在不能"),
    ],
)
def test_who_may_not_and_what_cannot_be_passed_is_refused(
    split: City, how: dict[str, str], error: type[YiribanError], words: str
) -> None:
    before = split.everything()
    with pytest.raises(error) as refused:
        approve(split, "2026-11-03 10:00", **how)
    assert words in f"{refused.value.what}{refused.value.why}{refused.value.then}"
    assert split.everything() == before


def test_a_rule_without_override_cannot_be_passed_by_anybody(split: City) -> None:
    approve(split, "2026-11-03 10:00")
    plan(split, "2026-11-03 11:00")
    split.do("review_plan", "2026-11-03 12:00")
    with pytest.raises(Refused) as refused:
        approve(split, "2026-11-03 13:00", rule="R02", action="file_plan")
    assert "R02 采购限额与采购方式匹配不能例外办理" in refused.value.what


def test_a_deputy_counts_as_both_persons(split: City) -> None:
    with split.store.transaction():
        People(split.store).delegate(Delegation("王五", "张三", "AB", "", BEGAN, None, PLACE))
    with pytest.raises(Forbidden) as refused:
        approve(split, "2026-11-03 10:00")
    assert "代理人与被代理人算同一人" in refused.value.why


def test_an_unknown_amount_leaves_a_note_with_the_row_to_add_and_a_strict_rule_would_refuse(
    build: Callable[..., City], monkeypatch: pytest.MonkeyPatch
) -> None:
    city = build()
    city.open(MONDAY, id="P1", stage="")
    city.do("define_need", MONDAY)
    city.do("skip_intent", MONDAY, reason="急需")
    city.do(
        "draft_plan",
        MONDAY,
        budget=900 * WAN,
        object="goods",
        method="competitive_consultation",
        method_case="complex",
    )
    city.do("review_plan", MONDAY)
    rule = city.office.current.rules["R02"]
    object.__setattr__(rule, "lenient", False)
    try:
        with pytest.raises(Refused) as refused:
            city.do("file_plan", "2026-11-03 09:00")
    finally:
        object.__setattr__(rule, "lenient", True)
    assert 'place: "4104", level: city, object: goods' in refused.value.why
    receipt = city.do("file_plan", "2026-11-03 09:00")
    [note] = receipt.notes
    assert note.startswith(
        "R02 采购限额与采购方式匹配：未判断（门槛表 thresholds/open_tender.yaml 没有410400（市级）货物"
    )
