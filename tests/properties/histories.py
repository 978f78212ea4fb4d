"""Random histories of a whole project, played on a city with as many or as few beats as one likes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from engine.advance import _possible_since
from engine.errors import YiribanError
from engine.matter import Matter
from engine.term import Length
from engine.workflow import ActionDef
from tests.city import NAMELESS, STEPS, City, moment

THOROUGH = bool(os.environ.get("YIRIBAN_THOROUGH"))
BEGIN = moment("2026-04-27 09:00")  # 周一，劳动节前：5 月 9 日（周六）补班
AFTER = timedelta(days=60)
TABLES = ("message", "fire", "evidence", "history", "clock", "fact", "alias", "matter")
HOUR = 60
DAY = 24 * HOUR


def budget(few: int, many: int) -> settings:
    """So many examples in CI, more where YIRIBAN_THOROUGH is set; never a deadline for one example."""
    return settings(
        max_examples=many if THOROUGH else few, deadline=None, print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Op:
    """After ``gap`` minutes somebody records the ``pick``-th of what is offered, done ``back`` minutes before.

    ``number`` makes facts differ; ``beat`` says whether the sparse city patrols before it.
    """

    gap: int
    pick: int
    back: int
    number: int
    beat: bool


OPS = st.builds(
    Op,
    gap=st.sampled_from([0, 1, 45, 5 * HOUR, DAY, DAY, 2 * DAY + 30, 4 * DAY, 12 * DAY]),
    pick=st.integers(0, 31),
    back=st.sampled_from([0, 0, 0, 1, 7 * HOUR, DAY, 3 * DAY, 7 * DAY, 20 * DAY]),
    number=st.integers(0, 23),
    beat=st.integers(0, 4).map(lambda n: n == 0),
)


@dataclass(frozen=True, slots=True)
class History:
    """A project with ``packages`` packages under ``profile``, and what is recorded about it.

    The first package has come as far as ``start`` in one go when the history begins.
    """

    profile: str
    packages: int
    start: str
    ops: tuple[Op, ...]


HISTORIES = st.builds(
    History,
    profile=st.sampled_from(["one-day", "statutory"]),
    packages=st.sampled_from([1, 1, 2]),
    start=st.sampled_from(["", *STEPS[:8], "sign_contract", "accept", "receive_invoice"]),
    ops=st.integers(2, 24).flatmap(lambda size: st.lists(OPS, min_size=size, max_size=size)).map(tuple),
)


class Stage:
    """A city that is emptied before every history."""

    def __init__(self) -> None:
        self.cities: dict[str, City] = {}

    def empty(self, profile: str) -> City:
        """Return the city of ``profile`` with nothing going on in it."""
        city = self.cities.get(profile)
        if city is None:
            city = self.cities[profile] = City(profile=profile)
        with city.store.transaction():
            for table in TABLES:
                city.store.run(f"delete from {table}")
        return city

    def close(self) -> None:
        """Close the cities."""
        for city in self.cities.values():
            city.store.close()


def offered(city: City, members: Sequence[Matter], *, cases: bool) -> list[tuple[Matter, ActionDef]]:
    """What people may do now on the project and its parts, or on the cases; giving up comes last."""
    found: list[tuple[Matter, ActionDef]] = []
    for matter in sorted(members, key=lambda m: m.id):
        if (matter.about is not None) == cases:
            machine = city.office.machines(matter.bundle).of[matter.workflow]
            found += [(matter, a) for a in machine.offers(matter.state)]
    return sorted(found, key=lambda offer: offer[1].needs_reason)


def facts_of(action: str, number: int) -> dict[str, Any]:
    """Facts that differ from one number to the next; agreed lengths come and change."""
    lengths = (
        None,
        Length(1, "days"),
        Length(5, "days"),
        Length(2, "working days"),
        Length(45, "days"),
        Length(9, "hours"),
    )
    agreed = lengths[number % len(lengths)]
    if action == "issue_award_letter":
        return {"contracts": 2 if number % 5 == 0 else 1}
    if action == "sign_contract":
        facts: dict[str, Any] = {"instalments": 1 + number % 2, "supplier_small": number % 3 == 0}
        return (
            facts
            | ({"pay_within": agreed} if agreed else {})
            | ({"accept_within": agreed} if agreed and number > 12 else {})
        )
    if action in ("publish_contract", "file_contract") and agreed is not None:
        return {"pay_within": agreed, "accept_within": agreed}
    return {"invoice_no": str(number)} if action == "receive_invoice" else {}


def act(city: City, op: Op, now: datetime) -> str:
    """Let somebody record something; return what, or why it was refused.

    From ``pick`` 20 on somebody looks after the cases, for which there must have been a beat.
    """
    cases = op.pick >= 20
    if cases:
        city.patrol(now)
    offers = offered(city, city.family()[0], cases=cases)
    if not offers:
        return "nothing offered"
    ways = sum(1 for _, a in offers if not a.needs_reason) or len(offers)
    matter, action = (
        offers[op.number % len(offers)] if op.pick in (18, 19) or cases else offers[op.pick % ways]
    )
    at = max(_possible_since(city.office, matter, action), now - timedelta(minutes=op.back))
    try:
        outcome = city.do(
            action.name,
            at,
            on=matter.id,
            now=now,
            by=NAMELESS,
            reason="登记",
            **facts_of(action.name, op.number),
        ).outcome
    except YiribanError as refused:
        return f"{matter.id} {action.name}: {refused.what}"
    return f"{matter.id} {action.name} -> {outcome.went_to}"


def play(city: City, history: History, *, dense: bool) -> tuple[list[str], dict[str, Any]]:
    """Play ``history``; return what happened and how the city looks at the end.

    ``dense``: a beat at every moment at which anything is due; else only where the history says so.
    """
    now = BEGIN
    city.open(now, packages=history.packages)
    if history.start:
        agreed = facts_of("sign_contract", history.ops[0].number)
        for step in STEPS[: STEPS.index(history.start) + 1]:
            signed = step in STEPS[5:]
            city.do(
                step, now, on="P1.1.1.1" if signed else "P1.1", **(agreed if step == "sign_contract" else {})
            )
    said: list[str] = []
    for op in history.ops:
        then = now + timedelta(minutes=op.gap)
        if dense:
            beats(city, now, then)
        elif op.beat:
            city.patrol(then)
        now = then
        said.append(act(city, op, now))
    if dense:
        beats(city, now, now + AFTER)
    city.patrol(now + AFTER)
    return said, picture(city)


def beats(city: City, now: datetime, until: datetime) -> None:
    """Patrol at every moment at which somebody must look, up to ``until``."""
    here = now
    while True:
        ((look,),) = city.rows("select min(look_at) from clock")
        if look is None:
            return
        here = max(here, moment("1970-01-01 08:00") + timedelta(microseconds=look))
        if here > until:
            return
        city.patrol(here)


def picture(city: City) -> dict[str, Any]:
    """What must not depend on the beats: states, facts, cases, clocks, and all fires but reminders."""
    matters, clocks = city.family()
    reminders = {key for (key,) in city.rows("select rung from fire where does = 'remind'")}
    return {
        "matters": {
            m.id: (m.workflow, m.state, m.state_since, m.opened_at, m.revision, m.children, m.cases, m.about_clock,
                   sorted(m.facts.items()), sorted(m.marks.items()))
            for m in matters
        },
        "clocks": {
            c.key: (c.epoch, c.state, c.anchor, c.promise, c.agreed, c.statutory, c.ended_at, c.ended_recorded_at,
                    [(p.rung, p.at) for p in c.plan], [r for r in c.fired if r not in reminders], c.trouble)
            for c in clocks
        },
        "fires": city.rows("select key, at, does, opened from fire where does <> 'remind' order by key"),
    }  # fmt: skip
