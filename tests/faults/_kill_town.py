"""A town of several units for the kill suite, and the course of its weeks: who does what at which step.

Time goes by steps. All that happens at a step is recorded at the step's very moment, so the order in which programs
come to it, and how often they are killed over it, must not show in anything but the outbox's fate. The course is
lived once undisturbed, which gives both the tasks and what they must leave behind.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from engine.directory import Appointment, Unit
from engine.entering import enter
from engine.errors import YiribanError
from engine.matter import Matter
from engine.office import Actor, Office
from engine.opening import open_matter
from engine.patrol import patrol
from storage.people import People
from storage.store import SqlStore
from tests.city import BEGAN, PERSONS, PLACE, STEPS, City, calendar, moment, shipped

HOURS = ("09:30", "11:30", "14:30", "16:30")
FIRST = "2026-11-02"  # a Monday
OPEN = "open"
Seen = dict[str, list[str]]
"""By family what it looked like since the last deed."""
SIGNS = {"sign_contract": "publish_contract"}
"""After this action that one becomes possible beside the way itself."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a course is: projects, units that they belong to, days, moments of a day, and how many officers
    each unit has beside the one who acts: they are told all the same.
    """

    projects: int
    units: int
    days: int
    hours: int = 4
    mates: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One deed of an officer at a step; ``after`` is the family's footprint with it, ``before`` those without it:
    time may have passed for the family at this step, or not yet.

    ``refused`` is the kind of the engine's refusal, empty where it takes place.
    """

    number: int
    step: int
    root: str
    action: str
    on: str
    refused: str = ""
    before: tuple[str, ...] = ()
    after: str = ""

    @property
    def mark(self) -> str:
        """What makes the deed findable in the history."""
        return f"办件{self.number:06d}"


@dataclass(slots=True)
class Course:
    """The moments of the steps, the law, the tasks in their order, and by step which of them belong to it."""

    units: int
    steps: list[datetime]
    office: Office
    tasks: list[Task] = field(default_factory=list)

    def at(self, step: int, hand: int = 0, hands: int = 1) -> list[Task]:
        """The tasks of a step that one of several hands has to do: a family is in one hand."""
        return [t for t in self.tasks if t.step == step and number_of(t.root) % hands == hand]


def number_of(root: str) -> int:
    """The number of a project."""
    return int(root[1:])


def moments(size: Size) -> list[datetime]:
    """The moments of the steps, days off included: clocks run out on those too."""
    first = date.fromisoformat(FIRST)
    days = [first + timedelta(days=n) for n in range(size.days)]
    return [moment(f"{day} {hour}") for day in days for hour in HOURS[: size.hours]]


class Town(City):
    """The town on a database of its own; ``fresh`` makes it, else it is there already."""

    def __init__(
        self, file: Path, *, units: int, mates: int = 0, fresh: bool = False, office: Office | None = None
    ) -> None:  # fmt: skip
        bundle, texts = shipped()
        self.store = SqlStore(f"sqlite:///{file}")
        self.profile = "one-day"
        self.units, self.unit = units, 0
        self.office = office or Office(bundle, calendar(), dict(texts), self.fetch)
        if not fresh:
            return
        self.store.create(BEGAN)
        people = People(self.store)
        posts = [*PERSONS.items(), *(("officer", f"同事{n}号") for n in range(mates))]
        with self.store.transaction():
            people.add_jurisdiction(PLACE, "平顶山市", "city")
            for unit in range(units):
                people.add_unit(Unit(f"u{unit}", f"市{unit}中", f"u{unit}", self.profile, PLACE))
                for place, (role, name) in enumerate(posts):
                    person = f"{name}{unit}"
                    people.add_person(person, person, PLACE)
                    people.appoint(Appointment(person, role, f"u{unit}", BEGAN, None, PLACE))
                    reached = (f"p{unit}x{place}@example.org", f"138{unit:04d}{place:04d}", person)
                    self.store.run("update person set email = ?, phone = ? where id = ?", reached)
            self.store.keep_bundle(bundle, BEGAN, PLACE)

    def actor(self, person: str, at: datetime) -> Actor:
        """The person with the roles held for the unit of the task in hand."""
        own = f"{person}{self.unit}"
        with self.store.transaction():
            return Actor(own, People(self.store).roles(own, f"u{self.unit}", at))

    def act(self, task: Task, now: datetime) -> None:
        """Do a task in one transaction, as `yiriban project new` and `project do` would."""
        self.unit = number_of(task.root) % self.units
        if task.action == OPEN:
            self._open(task, now)
        else:
            self.do(task.action, now, on=task.on, reason=task.mark)

    def _open(self, task: Task, now: datetime) -> None:
        law = self.office.current
        matter = Matter(
            task.root, task.root, "project", law.workflows["project"].initial, "教学楼桌椅", f"u{self.unit}", PLACE,
            law.hash, self.profile, now, state_since=now, facts={"packages": 1},
        )  # fmt: skip
        actor = f"{PERSONS['purchaser_rep']}{self.unit}"
        with self.store.work() as work:
            open_matter(self.office, work, matter, now=now, actor=actor)
            enter(self.office, work, matter, "package", "evaluating", at=now, now=now, actor=actor)

    def done(self, task: Task) -> int:
        """How often a task stands in the history."""
        if task.action == OPEN:
            return int(self.rows("select count(*) from matter where id = ?", task.root)[0][0])
        like = f'%"{task.mark}"%'
        sql = "select count(*) from history h join matter m on m.id = h.matter where m.root = ? and h.body like ?"
        return int(self.rows(sql, task.root, like)[0][0])

    def open_cases(self) -> dict[str, dict[str, str]]:
        """By project the cases that wait for the tracker or the unit, with their states."""
        found: dict[str, dict[str, str]] = {}
        sql = "select root, id, state from matter where workflow = 'case' and state in ('opened', 'reminded') order by id"
        for root, case, state in self.rows(sql):
            found.setdefault(root, {})[case] = state
        return found


def footprint(file: Path, root: str) -> str:
    """What deeds have left in a family, cases apart: states, facts, documents, numbers, history; as a hash."""
    with closing(sqlite3.connect(file, timeout=10)) as db:
        db.execute("begin")
        return _footprint(db, root)


def _footprint(db: sqlite3.Connection, root: str) -> str:
    family = f"(select id from matter where root = '{root}' and about is null)"
    parts: list[Any] = [
        db.execute(f"select id, state, state_since, revision, children, marks from matter where id in {family} order by 1").fetchall(),
        db.execute(f"select matter, name, type, value from fact where matter in {family} order by 1, 2").fetchall(),
        db.execute(f"select matter, history_no, kind, name, sha256 from evidence where matter in {family} order by id").fetchall(),
        db.execute(f"select kind, value, matter from alias where matter in {family} order by 1, 2, 3").fetchall(),
        db.execute(f"select matter, name, round, anchor, promise, statutory from clock where matter in {family} order by 1, 2, 3").fetchall(),
    ]  # fmt: skip
    for matter, body in db.execute(
        f"select matter, body from history where matter in {family} order by matter, no"
    ):
        told = json.loads(body)
        if told["kind"] != "fire":
            parts.append((matter, told))
    return sha256(repr(parts).encode()).hexdigest()


def live(file: Path, size: Size, seed: int) -> Course:
    """Live the weeks undisturbed, deciding on the way what people do; return it all as a course."""
    random = Random(seed)
    steps = moments(size)
    town = Town(file, units=size.units, mates=size.mates, fresh=True)
    course = Course(size.units, steps, town.office)
    seen: Seen = {}
    cases: dict[str, dict[str, str]] = {}
    looking = sqlite3.connect(file, timeout=10)
    plans = [_Plan(f"P{n}", random, len(steps)) for n in range(size.projects)]
    try:
        for step, now in enumerate(steps):
            _pass(town, looking, now, seen)
            for plan in plans:
                for action, on in plan.due(step, cases.get(plan.root, {})):
                    task = Task(len(course.tasks), step, plan.root, action, on)
                    course.tasks.append(_lived(town, looking, task, now, seen))
            _pass(town, looking, now, seen)
            cases = town.open_cases()  # people know of those only that were there before
    finally:
        looking.close()
        town.store.close()
    return course


def _pass(town: Town, db: sqlite3.Connection, now: datetime, seen: Seen) -> None:
    """Let time pass, and remember what that made of the families that it touched."""
    for root in {fire.root for fire in patrol(town.office, town.store, now).fires}:
        seen.setdefault(root, []).append(_footprint(db, root))


def _lived(town: Town, db: sqlite3.Connection, task: Task, now: datetime, seen: Seen) -> Task:
    before = seen.get(task.root) or [_footprint(db, task.root)]
    refused = ""
    try:
        town.act(task, now)
    except YiribanError as error:
        refused = type(error).__name__
    after = _footprint(db, task.root)
    seen[task.root] = [after]
    return replace(task, refused=refused, before=tuple(dict.fromkeys(before)), after=after)


class _Plan:
    """What is meant to happen with one project: its way, and at which step it is taken up again."""

    def __init__(self, root: str, random: Random, steps: int) -> None:
        self.root = root
        self._random = random
        self._way = [OPEN, *STEPS]
        self._next = random.randrange(max(1, steps * 2 // 3))
        self._beside = ""
        self._slow = random.random() < 0.3

    def due(self, step: int, cases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Say what is done at this step: the next of the way, something beside it, something about a case."""
        random = self._random
        opened = self._way[:1] != [OPEN]
        if self._beside and random.random() < 0.4:
            yield self._beside, self.root
            self._beside = ""
        if self._way and step >= self._next:
            many = random.choice((1, 1, 2, 4)) if opened else 1
            for action in self._way[:many]:
                yield action, self.root
                self._beside = SIGNS.get(action, self._beside)
            del self._way[:many]
            self._next = step + random.choice((3, 8, 20, 40) if self._slow else (0, 1, 2, 4, 8))
        if opened and random.random() < 0.15:
            for case, state in cases.items():
                yield ("remind" if state == "opened" else "sign_for"), case
