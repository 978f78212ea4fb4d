"""A small county of offices: units in a tree, a wall between two bureaus, three levels of government."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from engine.directory import Appointment, Delegation, DelegationKind, Jurisdiction, Person, Unit
from storage.people import People
from storage.store import SqlStore
from tests.city import moment
from tests.commands.conftest import Desk, desk, empty

__all__ = ["Desk", "desk", "empty"]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = {
    "教育局": ("教育局", "410400"),
    "市一中": ("教育局/市一中", "410400"),
    "市二中": ("教育局/市二中", "410400"),
    "教育局二组": ("教育局二组", "410400"),  # its name begins like 教育局, its path does not lie below
    "卫健局": ("卫健局", "410400"),
    "驻区分局": ("卫健局/驻区分局", "410402"),  # below a bureau of the city, but on the district's budget
    "市财政局": ("市财政局", "410400"),
    "区财政局": ("区财政局", "410402"),
}


@dataclass
class Offices:
    """The directory in a database of its own; times are Shanghai times."""

    store: SqlStore
    people: People

    def appoint(self, person: str, role: str, unit: str, since: str = "", until: str = "") -> str:
        """Appoint; without ``since`` from the beginning of 2026."""
        self.people.set_person(Person(person, person, UNITS[unit][1]))
        begins = moment(since) if since else BEGAN
        ends = moment(until) if until else None
        return self.people.appoint(Appointment(person, role, unit, begins, ends, UNITS[unit][1]))

    def delegate(
        self,
        principal: str,
        deputy: str,
        kind: DelegationKind,
        since: str = "",
        until: str = "",
        unit: str = "",
    ) -> str:
        """Let one stand in for another."""
        begins = moment(since) if since else BEGAN
        ends = moment(until) if until else None
        code = UNITS[unit][1] if unit else "410400"
        return self.people.delegate(Delegation(principal, deputy, kind, unit, begins, ends, code))

    def told(self, role: str, unit: str, at: str, *, warning: bool = False) -> dict[str, str]:
        """Who is told, with the role that the message records."""
        found = self.people.recipients(role, unit, UNITS[unit][1], moment(at), warning=warning)
        return {r.person: r.role_text for r in found}

    def roles(self, person: str, unit: str, at: str = "2026-11-20 09:00") -> set[str]:
        """The roles of a person for a unit."""
        return set(self.people.roles(person, unit, moment(at)))


@pytest.fixture
def offices() -> Iterator[Offices]:
    """The offices without anybody in them, inside an open transaction."""
    store = SqlStore("sqlite://")
    store.create(BEGAN)
    with store.transaction():
        people = People(store)
        people.set_jurisdiction(Jurisdiction("410000", "河南省", "province"))
        people.set_jurisdiction(Jurisdiction("410400", "平顶山市", "city", "410000"))
        people.set_jurisdiction(Jurisdiction("410402", "新华区", "county", "410400"))
        for name, (path, code) in UNITS.items():
            people.add_unit(Unit(name, name, path, "one-day", code))
        yield Offices(store, people)
    store.close()
