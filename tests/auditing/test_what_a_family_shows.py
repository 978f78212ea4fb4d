"""A family is held against its own history: each planted fault is found, a sound family shows nothing.

The award is promised by Wednesday 2026-11-04 24:00; the warning falls due at that instant.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.auditing import Finding
from runtime.auditing import family
from tests.city import FRONT, STEPS, City

Fault = Callable[[City], None]
AWARD = "P1.1/decide_award/1"


def sql(statement: str, *values: object) -> Fault:
    """Touch the database behind the program's back."""

    def plant(city: City) -> None:
        with city.store.transaction():
            assert city.store.run(statement, values).rowcount > 0

    return plant


def replan(change: Callable[[list[list[object]]], list[list[object]]]) -> Fault:
    """Change what a clock has planned, with the look that goes with it, so that nothing else shows."""

    def plant(city: City) -> None:
        [(text,)] = city.rows("select plan from clock where name = 'decide_award'")
        plan = change(json.loads(text))
        first = min((item[0] for item in plan), default=None)  # type: ignore[type-var]
        sql("update clock set plan = ?, look_at = ? where name = 'decide_award'", json.dumps(plan), first)(
            city
        )

    return plant


def without(rung: str) -> Fault:
    return replan(lambda plan: [item for item in plan if rung not in item])


def later(rung: str, ticks: int) -> Fault:
    return replan(lambda plan: [[item[0] + ticks, *item[1:]] if rung in item else item for item in plan])  # type: ignore[operator]


FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "no next look": (
        sql("update clock set look_at = null where name = 'decide_award'"), "unplanned", AWARD, "没有下一次巡查",
    ),
    "the plan emptied": (replan(lambda _: []), "astray", AWARD, "应当触发，而计划里没有"),
    "a warning taken out": (without("overdue"), "astray", AWARD, "overdue 应当触发"),
    "a warning put off by a day": (later("overdue", 86_400_000_000), "astray", AWARD, "overdue 应在"),
    "a rung that nobody wrote": (
        replan(lambda plan: [*plan, [plan[0][0], "praise", 1, None]]), "astray", AWARD, "不该有的 praise",
    ),
    "the look moved ahead of the plan": (
        sql("update clock set look_at = look_at + 1 where name = 'decide_award'"), "astray", AWARD, "与计划不符",
    ),
    "stood still by hand": (
        sql("update clock set state = 'paused', look_at = null where name = 'decide_award'"), "halted", AWARD, "没有中止",
    ),
    "a state set by hand": (
        sql("update matter set state = 'awarded' where id = 'P1.1'"), "history", "P1.1", "状态",
    ),
    "a line rewritten": (
        sql("update history set body = replace(body, '赵六', '孙七') where matter = 'P1.1' and no = 3"),
        "history", "P1.1", "第 3 行",
    ),
    "workflows lost": (
        sql("update matter set bundle = 'gone' where root = 'P1'"), "bundle", "P1", "找不到流程版本",
    ),
}  # fmt: skip


@pytest.fixture
def city() -> City:
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-03 11:00")
    made.patrol("2026-11-03 11:00")
    return made


def look(city: City, root: str = "P1") -> list[Finding]:
    with city.store.reading() as work:
        return family(city.store, work, city.office, root)


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_planted_fault_is_found_and_nothing_else(city: City, name: str) -> None:
    plant, kind, subject, word = FAULTS[name]
    assert look(city) == []
    plant(city)
    found = look(city)
    assert [(f.kind, f.subject) for f in found] == [(kind, subject)], found
    assert word in found[0].what


def test_a_clock_that_runs_on_in_a_finished_matter_is_found(city: City) -> None:
    city.walk_on(*STEPS[2:], at="2026-11-04 09:00")
    assert look(city) == []
    [(key,)] = city.rows(
        "select c.matter || '/' || c.name || '/' || c.round from clock c join matter m on m.id = c.matter"
        " where m.workflow = 'instalment' and c.name = 'pay'"
    )
    sql(
        "update clock set state = 'running', ended_at = null where matter || '/' || name || '/' || round = ?",
        key,
    )(city)
    assert [(f.kind, f.subject) for f in look(city)] == [("left_open", key)]


def test_the_end_of_a_minimum_period_is_looked_at_in_a_project_taken_in_half_way(city: City) -> None:
    """Nothing fires for what fell due before the go-live day; a period that still runs must end all the same."""
    city.open("2026-11-03 09:00", id="P2", stage="")
    sql("update matter set go_live = opened_at where id = 'P2'")(city)
    minimum = (
        "select c.look_at, c.statutory, c.matter, c.name from clock c where c.root = 'P2' and c.plan = '[]'"
    )
    city.walk_on(*FRONT[:2], at="2026-11-03 10:00", on="P2")
    found = city.rows(minimum)
    assert found, "the story has a minimum period"
    assert [look for look, *_ in found] == [end for _, end, *_ in found]
    assert look(city, "P2") == []
    sql("update clock set look_at = null where root = 'P2' and plan = '[]'")(city)
    assert [f.kind for f in look(city, "P2")] == ["unplanned"] * len(found)
