"""A city of many small units, for suites that need thousands of clocks: built through the engine, in sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.advance import Request, advance, find
from engine.directory import Appointment, Unit
from engine.entering import enter
from engine.matter import Matter
from engine.office import Actor
from engine.opening import open_matter
from engine.work import Work
from storage.people import People
from tests.city import BEGAN, PLACE, USUAL, City, moment, paper

AT_ONCE = 200
"""So many projects are opened in one transaction."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who holds ``role`` for ``units``, with the addresses that notices go to."""

    id: str
    role: str
    units: tuple[str, ...]
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project of ``unit`` whose evaluation report was delivered at ``reported``, local time."""

    id: str
    unit: str
    reported: str


def units(number: int) -> list[str]:
    """Name the units."""
    return [f"第{n}小学" for n in range(1, number + 1)]


def staff(of: Sequence[str], *, per_tracker: int = 20, shared: int = 0) -> list[Person]:
    """An officer and a head for each unit, a tracker for every few; ``shared`` officers have one telephone."""
    people: list[Person] = []
    for n, unit in enumerate(of):
        phone = "13900000000" if n < shared else f"1380000{n:04d}"
        people.append(Person(f"专办员{n:03d}", "officer", (unit,), f"o{n}@example.org", phone))
        people.append(
            Person(f"负责人{n:03d}", "purchaser_head", (unit,), f"h{n}@example.org", f"1370000{n:04d}")
        )
    for n, first in enumerate(range(0, len(of), per_tracker)):
        covered = tuple(of[first : first + per_tracker])
        people.append(Person(f"跟踪{n:03d}", "tracker", covered, f"t{n}@example.org", f"1360000{n:04d}"))
    return people


def found(file: Path, people: Iterable[Person]) -> City:
    """Make the city on ``file`` with the units and the people."""
    city = City(f"sqlite:///{file}")
    with city.store.transaction():
        book = People(city.store)
        for person in people:
            book.add_person(person.id, person.id, PLACE, email=person.email, phone=person.phone)
            for unit in person.units:
                book.add_unit(Unit(unit, unit, unit, city.profile, PLACE))
                book.appoint(Appointment(person.id, person.role, unit, BEGAN, None, PLACE))
    return city


def report(city: City, projects: Sequence[Project]) -> None:
    """Open the projects in the evaluation and deliver their reports: from then on the award is to be decided."""
    for first in range(0, len(projects), AT_ONCE):
        with city.store.work() as work:
            for project in projects[first : first + AT_ONCE]:
                at = moment(project.reported)
                matter = Matter(
                    project.id, project.id, "project", city.office.current.workflows["project"].initial, "课桌椅",
                    project.unit, PLACE, city.office.current.hash, city.profile, at, state_since=at,
                    facts={"packages": 1},
                )  # fmt: skip
                open_matter(city.office, work, matter, now=at, actor="登记")
                enter(city.office, work, matter, "package", "evaluating", at=at, now=at, actor="登记")
                for action in ("end_evaluation", "deliver_report"):
                    _act(city, work, Request(project.id, action, at), at)


def decide(city: City, project: Project, at: str, now: str, reason: str = "") -> None:
    """Record that the award was decided ``at``, recorded ``now``."""
    with city.store.work() as work:
        work.family(project.id)
        _act(city, work, Request(project.id, "decide_award", moment(at), reason=reason), moment(now))


def _act(city: City, work: Work, asked: Request, now: datetime) -> None:
    """Take an action with whatever it needs, as usual."""
    work.family(asked.matter)
    _, definition = find(city.office, work, work.matters[asked.matter], asked.action)
    facts = {name: USUAL[name] for name in definition.needs if name in USUAL}
    papers = tuple(paper(kind) for kind in definition.evidence)
    advance(city.office, work, replace(asked, facts=facts, evidence=papers), Actor("登记", None), now)
