"""The desks for programs: one line for each clock and case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from commands.desk_page import about_title, case_steps, for_unit
from commands.desk_regulator import Standing
from commands.desk_view import View
from commands.printing import SHANGHAI
from commands.project_page import offer_data
from commands.words import here
from engine.desk import ENDED_LATELY, Item, agenda, cross_table
from engine.matter import Matter
from engine.workflow import MOMENTS
from exchange.rates import Rate

Command = Callable[..., str]


def desk_data(view: View) -> dict[str, Any]:
    """What every desk begins with: who, when, and the counts."""
    found = agenda(view.items, view.room.now, SHANGHAI)
    return {
        "person": view.person,
        "now": here(view.room.now),
        "due_today": found.today,
        "due_this_week": found.week,
        "lamps": dict(sorted(found.lights.items())),
        "ended_lately_days": ENDED_LATELY.days,
    }


def item_data(view: View, item: Item, command: Command | None = None) -> dict[str, Any]:
    """One clock under its lamp; with ``command`` also what to do next."""
    clock, due = item.clock, item.due
    title = view.room.workflow(item.seen.bundle, item.seen.workflow).clocks[clock.name].title.zh
    data: dict[str, Any] = {
        "lamp": item.light,
        "matter": clock.matter,
        "project": clock.root,
        "title": item.seen.title,
        "unit": item.seen.unit,
        "clock": clock.name,
        "clock_title": title,
        "round": clock.round,
        "state": clock.state,
        **{name: here(clock.moment(name)) for name in MOMENTS},
        "due": here(due),
        "left_seconds": None if due is None else int((due - view.room.now).total_seconds()),
        "case": item.case,
        "brought_in": item.seen.halfway,
        "extension_asked": dict(clock.asked) or None,
        "trouble": clock.trouble or None,
    }
    if command is not None:
        offer = view.next_of(item)
        data["next"] = None if offer is None else offer_data(offer, command)
    return data


def case_data(view: View, case: Matter, roles: frozenset[str], command: Command) -> dict[str, Any]:
    """One case with its own clock, whom it waits for, and what people with ``roles`` can do."""
    item = view.clock_of(case.id)
    due = item.due if item else None
    return {
        "case": case.id,
        "about": case.about,
        "about_clock": case.about_clock,
        "about_title": about_title(view, case, "zh"),
        "project": case.root,
        "title": case.title,
        "unit": case.unit,
        "level": case.facts.get("level"),
        "state": case.state,
        "opened_at": here(case.opened_at),
        "waits_for_unit": for_unit(view, case),
        "clock": None if item is None else item.clock.name,
        "lamp": None if item is None else item.light,
        "due": here(due),
        "left_seconds": None if due is None else int((due - view.room.now).total_seconds()),
        "next": [offer_data(o, command) for o in case_steps(view, case, roles)],
    }


def attributions_data(view: View) -> list[dict[str, Any]]:
    """The attributions that wait, for programs."""
    return [
        {
            "matter": seen.clock.matter,
            "project": seen.clock.root,
            "unit": seen.unit,
            "clock": seen.clock.name,
            "round": seen.clock.round,
            "party": asked.party,
            "since": asked.since,
            "until": asked.until,
            "reason": asked.reason,
            "by": asked.by,
        }
        for seen in view.charges
        if (asked := seen.clock.charge_asked) is not None
    ]


def stages_data(view: View) -> dict[str, Any]:
    """Unit → workflow → lamp → how many clocks."""
    return {unit: dict(row) for unit, row in sorted(cross_table((*view.items, *view.on_cases)).items())}


def standing_data(standing: Standing) -> dict[str, Any]:
    """One unit of the ranking."""
    return {"unit": standing.unit, **rate_data(standing.rate), "cases": standing.cases}


def rate_data(rate: Rate) -> dict[str, Any]:
    """One rate, with the shares worked out."""
    return {**asdict(rate), "promise_share": rate.promise_share, "law_share": rate.law_share}
