"""Each method of procurement begins with an action of its own, however the project came to stand there."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.errors import Refused
from tests.city import City

MONDAY = "2026-11-02 10:00"  # 周一


def entered(build: Callable[..., City], stage: str, **facts: str) -> City:
    city = build()
    city.open(MONDAY, stage=stage, **facts)
    return city


@pytest.mark.parametrize(
    ("method", "stage"),
    [
        ("e_mall_direct", "package.ordered"),
        ("single_source", "package.agreed"),
        ("invited_tender", "package.drawn"),
        ("framework_open", "package.in_force"),
        ("cooperative_innovation", "package.researching"),
        ("competitive_negotiation", "package.opened"),
    ],
)
def test_a_project_half_way_has_come_by_the_way_of_its_method(
    build: Callable[..., City], method: str, stage: str
) -> None:
    city = entered(build, stage, method=method)
    package = city.matter("P1.1")
    assert (package.workflow, f"package.{package.state}") == (method, stage)


@pytest.mark.parametrize(("method", "opener"), [
    ("e_mall_direct", "order_in_mall"), ("single_source", "begin_single_source"), ("inquiry", "publish_notice"), (None, "publish_notice"),
])  # fmt: skip
def test_the_steps_that_are_filled_in_are_those_of_the_method(
    build: Callable[..., City], method: str | None, opener: str
) -> None:
    stage = "package.evaluating" if opener == "publish_notice" else ""
    city = entered(build, stage or ("package.choosing" if method == "e_mall_direct" else "package.negotiating"),
                   **({"method": method} if method else {}))  # fmt: skip
    bodies = city.rows("select body from history where matter = 'P1' and kind = 'inferred'")
    [line] = [json.loads(body) for (body,) in bodies]
    assert line["name"] == opener
    assert ("publish_intent" in line["detail"]["steps"]) is (opener != "order_in_mall")


def test_a_method_that_is_handed_in_with_the_action_counts(build: Callable[..., City]) -> None:
    city = entered(build, "project.need_defined")
    with pytest.raises(Refused) as refused:
        city.do("order_in_mall", MONDAY, method="inquiry")
    assert "网上商城采购" in refused.value.why
    city.do("order_in_mall", MONDAY, method="e_mall_direct")
    assert city.matter("P1.1").workflow == "e_mall_direct"


def test_a_day_handed_in_with_the_draw_of_experts_holds_it_back_at_once(build: Callable[..., City]) -> None:
    city = entered(build, "package.responding", method="open_tender")
    from_friday = {"evaluation_day": city.office.calendar.day_of(city.matter("P1").opened_at).replace(day=13)}
    before = city.everything()
    with pytest.raises(Refused, match="2026-11-11 00:00"):  # 周三
        city.do("draw_experts", "2026-11-10 17:00", **from_friday)  # 周二
    assert city.everything() == before
    city.do("draw_experts", "2026-11-11 00:00", **from_friday)  # 周三
