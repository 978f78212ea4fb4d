"""Who walks about in the histories: holders, deputies and strangers, and what each may do by the bare tables.

Rights are read here by the simplest rule there is (who is appointed, who stands in for whom, at that moment),
so that the engine's own reading can be held against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.directory import BUYING, REGULATOR, Appointment, Delegation
from engine.errors import YiribanError
from engine.office import Actor
from storage.moments import to_ticks
from storage.people import People
from tests.city import BEGAN, PERSONS, PLACE, UNIT, City, moment

BEGIN = moment("2026-04-27 09:00")  # 周一，劳动节前：5 月 9 日（周六）补班
STRANGER = "路人"
NAMELESS = Actor("register", None)


def day(number: int) -> datetime:
    """The moment so many days after the beginning."""
    return BEGIN + timedelta(days=number)


APPOINTED = (
    ("吴十", "officer", day(5), day(60)),
    ("郑一", "purchaser_rep", BEGAN, day(30)),
    ("卫五", "tracker", BEGAN, None),
    ("蒋六", "regulator", day(15), None),
    ("韩七", "agency", day(2), day(200)),
    ("沈八", "purchaser_head", day(40), None),
)
"""Beside one holder of every role: second holders who come and go."""
LENT = (
    ("张三", "冯二", "AB", BEGAN, None),
    ("李四", "陈三", "leave", day(8), day(45)),
    ("王五", "褚四", "acting", day(20), day(90)),
    ("周九", "杨九", "AB", day(1), day(120)),
    ("张三", "韩七", "AB", day(10), day(25)),
)
"""Principal, deputy, kind, from, to."""
EVERYBODY = tuple(sorted({*PERSONS.values(), *(a[0] for a in APPOINTED), *(d[1] for d in LENT), STRANGER}))


def enter_stage(city: City) -> None:
    """Give everybody the place that they have when a history begins."""
    people = People(city.store)
    with city.store.transaction():
        for table in ("delegation", "appointment"):
            city.store.run(f"delete from {table}")
        for person in EVERYBODY:
            people.add_person(person, person, PLACE)
        for role, person in PERSONS.items():
            people.appoint(Appointment(person, role, UNIT, BEGAN, None, PLACE))
        for person, role, since, until in APPOINTED:
            people.appoint(Appointment(person, role, UNIT, since, until, PLACE))
        for principal, deputy, kind, since, until in LENT:
            people.delegate(Delegation(principal, deputy, kind, UNIT, since, until, PLACE))  # type: ignore[arg-type]


class Rights:
    """Who holds what at one moment, read from the bare rows."""

    def __init__(self, city: City, at: datetime) -> None:
        """Read everything in force at ``at``."""
        ticks = to_ticks(at)
        held = "since <= ? and (until is null or until > ?)"
        self.own: dict[str, set[str]] = {}
        for person, role in city.rows(f"select person, role from appointment where {held}", ticks, ticks):
            self.own.setdefault(person, set()).add(role)
        self.principals: dict[str, set[str]] = {}
        for principal, deputy in city.rows(
            f"select principal, deputy from delegation where {held}", ticks, ticks
        ):
            self.principals.setdefault(deputy, set()).add(principal)

    def roles(self, person: str) -> set[str]:
        """The roles of a person: own ones and those of principals."""
        found = set(self.own.get(person, ()))
        for principal in self.principals.get(person, ()):
            found |= self.own.get(principal, set())
        return found

    def counts_as(self, person: str) -> set[str]:
        """As whom a person counts where duties are separate: a principal without any role lends nothing."""
        return {person} | {p for p in self.principals.get(person, ()) if self.own.get(p)}

    def holders(self, roles: Iterable[str]) -> list[str]:
        """Everybody who holds one of the roles."""
        wanted = set(roles)
        return [p for p in EVERYBODY if self.roles(p) & wanted]

    def others(self, roles: Iterable[str]) -> list[str]:
        """Everybody who holds none of the roles."""
        wanted = set(roles)
        return [p for p in EVERYBODY if not self.roles(p) & wanted]

    def both_sides(self) -> list[str]:
        """Who regulates and buys at one time."""
        return [p for p in EVERYBODY if REGULATOR in self.roles(p) and self.roles(p) & BUYING]


def change_places(city: City, number: int, now: datetime) -> str:
    """Somebody is appointed, dismissed, or stands in for somebody; the last tracker stays."""
    person = EVERYBODY[number % len(EVERYBODY)]
    other = EVERYBODY[(number * 7 + 3) % len(EVERYBODY)]
    role = list(PERSONS)[(number * 5 + 1) % len(PERSONS)]
    until = now + timedelta(days=1 + number) if number % 3 else None
    people = People(city.store)
    try:
        with city.store.transaction():
            if number % 4 == 0:
                people.appoint(Appointment(person, role, UNIT, now, until, PLACE))
                return f"{person} becomes {role}"
            if number % 4 == 1:
                kind = ("AB", "leave", "acting")[number % 3]
                people.delegate(Delegation(person, other, kind, UNIT, now, until, PLACE))  # type: ignore[arg-type]
                return f"{other} stands in for {person}"
            held = [h for h in people.appointments(person) if h.person != PERSONS["tracker"]]
            if not held:
                return f"{person} has no place to lose"
            people.dismiss(person, held[number % len(held)].role, UNIT, now)
            return f"{person} is {held[number % len(held)].role} no longer"
    except YiribanError as refused:
        return f"{person}: {refused.what}"
