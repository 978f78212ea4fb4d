"""Random histories of a whole project, from its budget to its end, played with as many or as few beats as one likes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.office import Office
from tests.city import STEPS, City
from tests.properties.cast import BEGIN, NAMELESS, change_places, enter_stage
from tests.properties.holds import hold
from tests.properties.notices import adopt, second_office
from tests.properties.papers import plan
from tests.properties.walking import DAY, HOUR, LANES, Deed, Op, Walk

THOROUGH = bool(os.environ.get("YIRIBAN_THOROUGH"))
AFTER = timedelta(days=60)
TABLES = ("message", "fire", "evidence", "history", "clock", "fact", "alias", "matter")
SPINE = (
    "define_need", "skip_intent", "draft_plan", "review_plan", "file_plan", "engage_agency", "draft_documents",
    "approve_documents", "publish_notice",
)  # fmt: skip
STAGES = (
    "project.docs_approved", "package.responding", "package.evaluating", "package.evaluated", "package.redrafting",
    "contract.awarded", "instalment.performing", "instalment.payment_requested",
)  # fmt: skip


def budget(few: int, many: int) -> settings:
    """So many examples in CI, more where YIRIBAN_THOROUGH is set; never a deadline for one example."""
    return settings(
        max_examples=many if THOROUGH else few, deadline=None, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """A project with ``packages`` packages under ``profile``, and what is recorded about it.

    It begins at ``start``: a stage at which the project was taken in, or the last of the steps that were taken
    in one go; empty: at its very beginning.
    """

    profile: str
    packages: int
    start: str
    ops: tuple[Op, ...]


GAPS = (0, 0, 1, 45, 5 * HOUR, DAY, DAY, 2 * DAY + 30, 4 * DAY, 12 * DAY, 21 * DAY, 31 * DAY)
BACKS = (0, 0, 0, 0, 0, 1, 7 * HOUR, DAY, 3 * DAY, 7 * DAY, 20 * DAY)
STARTS = ("", "", *SPINE[-2:], SPINE[-1], *STAGES, *STEPS[:8])


def histories(
    longest: int, *, starts: Sequence[str] = STARTS, lanes: Sequence[str] = LANES
) -> st.SearchStrategy[History]:
    """Histories of up to ``longest`` steps that begin at one of ``starts`` and go along ``lanes``."""
    ops = st.builds(
        Op,
        gap=st.sampled_from(GAPS),
        lane=st.sampled_from(lanes),
        pick=st.integers(0, 23),
        back=st.sampled_from(BACKS),
        number=st.integers(0, 23),
        beat=st.integers(0, 4).map(lambda n: n == 0),
    )
    return st.builds(
        History,
        profile=st.sampled_from(["one-day", "statutory"]),
        packages=st.sampled_from([1, 1, 2]),
        start=st.sampled_from(starts),
        ops=st.integers(2, longest).flatmap(lambda size: st.lists(ops, min_size=size, max_size=size)).map(tuple),
    )  # fmt: skip


_ANSWERED = ("register_query", "find_harmless", "answer", "register_complaint")
_SERVED = (*_ANSWERED, "accept_complaint", "serve_complaint")
WAYS = {
    "queried": _ANSWERED[:1],
    "complaint": _ANSWERED,
    "correcting": (*_ANSWERED, "ask_completion"),
    "served": _SERVED,
    "examining": (*_SERVED, "begin_examination"),
    "suspended": (*_SERVED, "suspend_procurement"),
}
"""Where a history begins in whose package somebody has queried or complained, and the steps that lead there."""
AROUND_A_COMPLAINT = tuple(start for start in WAYS if start != "queried")
COMPLAINT_LANES = (*["query"] * 5, *["ahead"] * 3, "record", "back", "hold")


class Stage:
    """A city that is emptied before every history."""

    def __init__(self) -> None:
        self.cities: dict[str, tuple[City, Office, Office]] = {}

    def walk(self, profile: str) -> Walk:
        """Begin a walk in the city of ``profile``: nothing goes on in it, and everybody is in their places."""
        if profile not in self.cities:
            city = City(profile=profile)
            self.cities[profile] = (city, city.office, second_office(city))
        city, city.office, other = self.cities[profile]
        with city.store.transaction():
            for table in TABLES:
                city.store.run(f"delete from {table}")
        enter_stage(city)
        return Walk(city, other)

    def close(self) -> None:
        """Close the cities."""
        for city, _, _ in self.cities.values():
            city.store.close()


def begin(stage: Stage, history: History) -> Walk:
    """Bring the project to where the history begins."""
    walk = stage.walk(history.profile)
    start, number = history.start, history.ops[0].number
    if start in WAYS:
        stage_of_package = ("package.evaluated", "contract.awarded")[number % 2]
        walk.city.open(BEGIN, packages=history.packages, stage=stage_of_package, **plan(4))
        for step in WAYS[start]:
            at_once(walk, step, 4)
    elif start in SPINE or not start:
        walk.city.open(BEGIN, packages=history.packages, stage="")
        for step in SPINE[: SPINE.index(start) + 1] if start else ():
            at_once(walk, step, 4)
    else:
        taken_in = start if start in STAGES else "package.evaluating"
        walk.city.open(BEGIN, packages=history.packages, stage=taken_in, **plan(number))
        for step in STEPS[: STEPS.index(start) + 1] if start in STEPS else ():
            at_once(walk, step, number)
    return walk


def at_once(walk: Walk, step: str, number: int) -> None:
    """Take a step now, without anybody's name; of several matters the first takes it."""
    matter, action = next(
        o for lane in ("ahead", "back", "record", "query") for o in walk.offers(lane) if o[1].name == step
    )
    deed = walk.record(matter, action, Op(0, "ahead", 0, 0, number, False), by=NAMELESS)
    assert deed.done, deed
    walk.deeds.append(deed)


def act(walk: Walk, op: Op) -> Deed:
    """Let somebody do something; return what, or why it was refused. What time alone has opened is
    looked after once a beat has written it."""
    if op.lane == "people":
        said = change_places(walk.city, op.number, walk.now)
        deed = Deed("", "people", walk.now, walk.now, NAMELESS, note=said)
    elif op.lane == "calendar":
        deed = adopt(walk)
    elif op.lane == "hold":
        deed = hold(walk, op)
    else:
        if op.lane in ("case", "stranger"):
            walk.city.patrol(walk.now)
        offers = walk.offers(op.lane, "ahead", "back")
        deed = Deed("", "nothing", walk.now, walk.now, NAMELESS)
        if offers:
            deed = walk.record(*offers[op.pick % len(offers)], op)
    walk.deeds.append(deed)
    return deed


def play(stage: Stage, history: History, *, dense: bool) -> tuple[list[str], dict[str, Any]]:
    """Play ``history``; return what happened and how the city looks at the end.

    ``dense``: a beat at every moment at which anything is due; else only where the history says so.
    """
    walk = begin(stage, history)
    for op in history.ops:
        walk.wait(op.gap, dense=dense, beat=op.beat)
        act(walk, op)
    if dense:
        walk.beats(walk.now + AFTER)
    walk.city.patrol(walk.now + AFTER)
    return [str(deed) for deed in walk.deeds], picture(walk.city)


def picture(city: City) -> dict[str, Any]:
    """What must not depend on the beats: states, facts, pauses, cases, clocks, all fires but reminders, and the
    history of everything but reminders, except for when the system wrote it down and whom it told."""
    matters, clocks = city.family()
    reminders = {key for (key,) in city.rows("select rung from fire where does = 'remind'")}
    return {
        "matters": {
            m.id: (m.workflow, m.state, m.state_since, m.opened_at, m.revision, m.children, m.cases, m.about_clock,
                   sorted(m.facts.items()), sorted(m.marks.items()), m.pauses)
            for m in matters
        },
        "clocks": {
            c.key: (c.epoch, c.state, c.anchor, c.promise, c.agreed, c.statutory, c.ended_at, c.ended_recorded_at,
                    [(p.rung, p.at) for p in c.plan], [r for r in c.fired if r not in reminders], c.trouble,
                    c.look_at, c.moved, c.asked, c.charged)
            for c in clocks
        },
        "fires": city.rows("select key, at, does, opened from fire where does <> 'remind' order by key"),
        "lines": [line for (body,) in city.rows("select body from history order by matter, no")
                  if (line := _line(json.loads(body), reminders)) is not None],
    }  # fmt: skip


def _line(body: dict[str, Any], reminders: set[str]) -> dict[str, Any] | None:
    """A line of history without what the beats decide: its number and, where the system wrote it, when."""
    if body["kind"] == "fire" and body["name"].rpartition("/")[2] in reminders:
        return None
    detail = {k: v for k, v in body["detail"].items() if k not in ("told", "unheld", "dossier")}
    if "clocks" in detail:  # in the order in which the database or the beat brought them
        detail["clocks"] = sorted(detail["clocks"], key=str)
    body = {**body, "detail": detail, "no": 0}
    return body if body["actor"] != "system" else {**body, "recorded_at": ""}
