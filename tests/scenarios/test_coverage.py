"""What the scenarios of this folder show between them: steps, clocks, lamps; and that their weekdays are right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.workflow import Bundle, ClockDef
from tests.city import shipped
from tests.scenarios.play import LAMPS

HERE = Path(__file__).parent
LEAST = 110
ONE_DAYS = ("decide_award", "sign_contract", "accept_delivery", "pay")
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def scenarios() -> list[dict[str, Any]]:
    """All scenarios, as they are written."""
    files = sorted(HERE.glob("*.yaml"))
    return [told for file in files for told in yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader)]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The shipped workflows."""
    return shipped()[0]


def thens(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is compared, at the end and between the steps."""
    yield told["then"]
    yield from (step["then"] for step in told.get("when", []) if "then" in step)


def compared(told: dict[str, Any], *parts: str) -> Iterator[tuple[str, Any]]:
    """What a scenario compares under these words: clock or matter, and what is wanted of it."""
    for wanted in thens(told):
        for part in parts:
            found = wanted.get(part)
            yield from found.items() if isinstance(found, dict) else ()


def refusals(told: dict[str, Any]) -> str:
    """The words in which acts must be refused."""
    said = [step["refused"] for step in told.get("when", []) if "refused" in step]
    return "；".join("；".join(words) if isinstance(words, list) else words for words in said)


def clocks(bundle: Bundle, kind: str) -> dict[str, ClockDef]:
    """The clocks of the shipped workflows, without those of local profiles, by name."""
    return {
        clock.name: clock
        for workflow in bundle.workflows.values()
        for clock in workflow.clocks.values()
        if bundle.terms[clock.term].kind == kind and not clock.profile
    }


def lamps(scenarios: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The lamps that the scenarios ask for, by clock."""
    found: dict[str, set[str]] = defaultdict(set)
    for told in scenarios:
        for clock, lamp in compared(told, "lamp"):
            found[clock.split("/")[1]].add(lamp)
    return found


def test_every_scenario_is_a_chinese_sentence_of_its_own_with_its_ground(
    scenarios: list[dict[str, Any]],
) -> None:
    names = [told["scenario"] for told in scenarios]
    assert len(names) >= LEAST
    assert len(names) == len(set(names))
    assert [n for n in names if len(CHINESE.findall(n)) < 8] == []
    assert [told["scenario"] for told in scenarios if not told.get("ground")] == []
    assert [told["scenario"] for told in scenarios if not told["then"]] == []


def test_every_date_stands_beside_its_weekday() -> None:
    wrong: list[str] = []
    for file in sorted(HERE.glob("*.yaml")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            code, _, comment = line.partition(" #")
            days = dict.fromkeys(DATE.findall(code))
            said = "、".join(WEEKDAYS[date.fromisoformat(day).weekday()] for day in days)
            if days and re.match(r"[^；]*", comment.strip())[0] != said:  # type: ignore[index]
                wrong.append(f"{file.name}:{number} 应注明 {said}")
    assert wrong == []


def test_every_minimum_period_is_tried_before_at_and_after(
    scenarios: list[dict[str, Any]], bundle: Bundle
) -> None:
    minimum = clocks(bundle, "min")
    named: dict[str, int] = defaultdict(int)
    refused: set[str] = set()
    for told in scenarios:
        compares = {clock.split("/")[1] for clock, _ in compared(told, "lamp", "due")}
        for name, clock in minimum.items():
            if clock.title.zh in refusals(told):
                refused.add(name)
            named[name] += name in compares or clock.title.zh in refusals(told)
    assert len(minimum) >= 11
    assert {name: n for name, n in named.items() if n < 3} == {}
    assert set(minimum) - refused == set()


def test_every_deadline_is_met_in_one_scenario_and_missed_in_another(
    scenarios: list[dict[str, Any]], bundle: Bundle
) -> None:
    found = lamps(scenarios)
    deadlines = clocks(bundle, "max")
    assert {name for name in deadlines if "按期" not in found[name]} == set()
    missed = {name for name in deadlines if found[name] & {"补办", "待核实"}}
    # what time itself ends, with nobody to be warned, cannot be missed: a framework agreement runs out
    by_time = {
        name
        for name, clock in deadlines.items()
        if clock.ladder
        and all(
            rung.action in clock.ends for rung in bundle.ladders[clock.ladder].rungs if rung.does != "remind"
        )
    }
    assert set(deadlines) - missed <= by_time


def test_each_one_day_is_tried_before_at_and_after_its_end(scenarios: list[dict[str, Any]]) -> None:
    for clock in ONE_DAYS:
        shown = [told for told in scenarios for c, _ in compared(told, "lamp") if c.split("/")[1] == clock]
        assert len(shown) >= 8, clock
        assert {"按期", "补办", "临期", "待核实"} <= lamps(scenarios)[clock], clock


def test_each_lamp_is_named_in_a_scenario(scenarios: list[dict[str, Any]]) -> None:
    assert set().union(*lamps(scenarios).values()) == set(LAMPS.values())
    named = [told["scenario"].split("：")[0] for told in scenarios]
    assert set(LAMPS.values()) <= set(named)


def test_every_state_of_every_workflow_is_reached(scenarios: list[dict[str, Any]], bundle: Bundle) -> None:
    reached = {want for told in scenarios for _, want in compared(told, "state", "cases")}
    states = {str(s.title): w.name for w in bundle.workflows.values() for s in w.states.values()}
    assert {title: flow for title, flow in states.items() if title not in reached} == {}


def test_every_action_that_people_may_take_is_taken_or_refused(
    scenarios: list[dict[str, Any]], bundle: Bundle
) -> None:
    taken = {step["do"] for told in scenarios for step in told.get("when", []) if "do" in step}
    taken |= {told["given"]["done"] for told in scenarios if "done" in told["given"]}
    by_time = {rung.action for ladder in bundle.ladders.values() for rung in ladder.rungs if rung.action}
    local = {
        action
        for workflow in bundle.workflows.values()
        for clock in workflow.clocks.values()
        if clock.profile
        for action in (*clock.ends, *(t.name for t in clock.starts))
    }
    offered = {
        action.name
        for workflow in bundle.workflows.values()
        for action in workflow.actions.values()
        if not action.automatic
    }
    assert offered - taken - by_time - local == set()


def test_the_limits_without_a_statute_are_alike_in_both_profiles(bundle: Bundle) -> None:
    # the scenarios try them under one of the two
    one_day, statutory = bundle.profiles["one-day"].promises, bundle.profiles["statutory"].promises
    assert len(statutory) >= 14
    assert statutory == {name: promises for name, promises in one_day.items() if name in statutory}
