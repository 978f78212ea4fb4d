"""A town to look at from three desks: 市一中 with everybody it needs, and 市二中 behind a wall."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.directory import Appointment, Unit
from storage.people import People
from tests.city import BEGAN, PLACE, City
from tests.commands.conftest import DATABASE, Desk, empty

__all__ = ["Desk", "Town", "empty"]

OTHER = "u2"
OTHERS = {"officer": "吴十", "purchaser_rep": "吴十", "agency": "吴十", "tracker": "郑一"}
COUNTY, COUNTY_UNIT, COUNTY_REGULATOR = "410402", "u3", "冯二"


@dataclass
class Town:
    """People act through the engine (``city``) and look through the command line (``desk``)."""

    desk: Desk
    city: City

    def see(self, moment: str, person: str, *words: object) -> str:
        """Print a desk; every line fits the screen."""
        return self.desk.done(moment, *words, person=person)

    def data(self, moment: str, person: str, *words: object) -> dict[str, object]:
        """Read a desk as a program does."""
        self.desk.person = person
        return self.desk.data(moment, *words)

    def reported(self, project: str = "P1", at: str = "2026-11-03 11:00") -> None:
        """Deliver the evaluation report on a Tuesday: the award is promised by Wednesday 24:00."""
        self.city.open(at, id=project)
        self.city.walk("deliver_report", at, on=project)

    def reminded(self) -> None:
        """The case of P1 (opened on Friday 11-06 at 24:00) and its letter of Monday 2026-11-09."""
        self.reported()
        self.city.patrol("2026-11-09 09:00")
        self.city.do("remind", "2026-11-09 10:00", on="P1.1-C1")

    def drafted(self) -> None:
        """Signed for on Tuesday 11-10, not corrected within five working days: drafted on 11-17 at 24:00."""
        self.reminded()
        self.city.do("sign_for", "2026-11-10 09:00", on="P1.1-C1")
        self.city.patrol("2026-11-18 08:00")


@pytest.fixture
def town(empty: Desk) -> Town:
    """The town on a database in the desk's folder."""
    city = City(f"sqlite:///{empty.folder / DATABASE}")
    with city.store.transaction():
        people = People(city.store)
        people.add_jurisdiction(COUNTY, "某区", "county", PLACE)
        for unit, name, place in ((OTHER, "市二中", PLACE), (COUNTY_UNIT, "区一小", COUNTY)):
            people.add_unit(Unit(unit, name, unit, "one-day", place))
        held = [(person, role, OTHER, PLACE) for role, person in OTHERS.items()]
        for person, role, unit, place in [*held, (COUNTY_REGULATOR, "regulator", COUNTY_UNIT, COUNTY)]:
            people.add_person(person, person, place)
            people.appoint(Appointment(person, role, unit, BEGAN, None, place))
    return Town(empty, city)
