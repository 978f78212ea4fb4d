"""Random walks through a whole project by the real engine, and what a user exports of them afterwards."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import cli
from engine.errors import YiribanError
from engine.matter import FactValue
from engine.term import Length
from engine.workflow import FactDef
from tests.properties.cast import BEGIN
from tests.properties.histories import AFTER, BACKS, GAPS, STARTS, WAYS, History, Stage, act, begin
from tests.properties.papers import LINK, facts_of, plan
from tests.properties.walking import LANES, Op, Walk

LONGEST = 60
ANYTHING = 0.3
"""So often, in every second walk, the next step is any that is offered, not one of those that people usually take."""
OBJECTS = ("goods", "works", "services")
BEGINNINGS = (*STARTS, *WAYS)


@dataclass(frozen=True, eq=False)
class Export:
    """One family as `yiriban` prints it: its matters (`project show`) and all lines (`history show`)."""

    matters: list[dict[str, Any]]
    lines: list[dict[str, Any]]


def exports(number: int, folder: Path, seed: int) -> Iterator[Export]:
    """Walk ``number`` random walks and hand out the export of each; every third by a method chosen by chance."""
    stage, chance = Stage(), Random(seed)
    with closing(stage):
        for count in range(number):
            history = _history(chance)
            walk = _by_any_method(stage, history, chance) if count % 3 == 2 else begin(stage, history)
            for op in history.ops:
                walk.wait(op.gap, dense=False, beat=op.beat)
                if count % 2 and chance.random() < ANYTHING:
                    _any_step(walk, op, chance)
                else:
                    act(walk, op)
            walk.city.patrol(walk.now + AFTER)
            yield _export(walk, folder / f"walk-{count}.db")


def _history(chance: Random) -> History:
    ops = tuple(
        Op(
            gap=chance.choice(GAPS), lane=chance.choice(LANES), pick=chance.randrange(24), back=chance.choice(BACKS),
            number=chance.randrange(24), beat=chance.randrange(5) == 0,
        )
        for _ in range(chance.randint(2, LONGEST))
    )  # fmt: skip
    profile = chance.choice(["one-day", "statutory"])
    return History(profile, chance.choice([1, 1, 2]), chance.choice(BEGINNINGS), ops)


def _by_any_method(stage: Stage, history: History, chance: Random) -> Walk:
    """Take a project in half-way whose method and stage are drawn from all that there are."""
    walk = stage.walk(history.profile)
    methods = [w for w in walk.city.office.current.workflows.values() if w.tier == "package"]
    while True:
        method = chance.choice(methods)
        state = chance.choice([s for s in method.states.values() if not s.final])
        facts = {**plan(history.ops[0].number), "method": method.name, "object": chance.choice(OBJECTS)}
        try:
            walk.city.open(BEGIN, packages=history.packages, stage=f"package.{state.name}", **facts)
        except YiribanError:
            continue  # a stage that this method does not have, or that comes only with its parts
        return walk


def _any_step(walk: Walk, op: Op, chance: Random) -> None:
    """Take one of all steps that are offered, with whatever its form asks for."""
    walk.city.patrol(walk.now)  # what time alone has opened is there once a beat has written it
    matter = chance.choice(walk.as_it_stands()[0])
    offers = walk.city.office.machines(matter.bundle).of[matter.workflow].offers(matter.state)
    if not offers:
        return
    action = chance.choice(offers)
    today = walk.city.office.calendar.day_of(walk.now)
    workflows = walk.city.office.current.workflows
    asked = [workflows[matter.workflow].facts.get(name) for name in action.needs]
    opened = action.opens or (action.spawns.workflow if action.spawns and action.spawns.with_facts else "")
    if opened:
        asked += [fact for fact in workflows[opened].facts.values() if not fact.optional]
    usual = facts_of(action, op.number, today)
    walk.record(
        matter, action, op, **{f.name: _any_value(f, today) for f in asked if f and f.name not in usual}
    )


def _any_value(fact: FactDef, today: date) -> FactValue:
    """Return something that fits a fact."""
    if fact.options:
        return fact.options[0][0]
    values: dict[str, FactValue] = {
        "money": 100_000, "integer": 3, "boolean": True, "text": "某某", "link": LINK, "date": today + timedelta(days=20),
        "length": Length(5, "days"),
    }  # fmt: skip
    return values[fact.type]


def _export(walk: Walk, file: Path) -> Export:
    """Copy the city into a file and ask the command line, as a user would."""
    walk.city.store.engine.raw_connection().execute("vacuum into ?", (str(file),))
    try:
        shown = _said(file, "project", "show", "P1")
        lines = _said(file, "history", "show", "P1", "--limit", "0")["lines"]
        return Export([*shown["matters"], *shown["cases"]], lines)
    finally:
        file.unlink()


def _said(file: Path, *words: str) -> dict[str, Any]:
    out = io.StringIO()
    with redirect_stdout(out):
        code = cli.main(["--database", f"sqlite:///{file}", *words, "--json"])
    assert code == 0, out.getvalue()
    said: dict[str, Any] = json.loads(out.getvalue())
    return said
