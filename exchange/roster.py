"""Bring a spreadsheet of people into a running city: upsert by account, the same file twice changes nothing.

A row that cannot be brought in is a finding and leaves nothing behind; whether the others stand is the
caller's decision (all or nothing, or in part). 人员名册导入
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from engine.directory import Appointment, Person, Unit, masked
from engine.errors import BadInput, Conflict, NotFound, Refused, YiribanError
from exchange.observation import Finding
from exchange.people import COLUMNS, PersonLine

Change = Literal["added", "changed", "unchanged"]


class _Misplaced(NotFound):
    """A known unit stands elsewhere in the tree than the file says."""


_KINDS: Mapping[type[YiribanError], tuple[str, str]] = {
    _Misplaced: ("unit_stands_elsewhere", "above"),
    NotFound: ("unknown_unit", "unit"),
    BadInput: ("ends_before_start", "until"),
    Conflict: ("overlapping_appointment", "since"),
    Refused: ("buys_and_regulates", "roles"),
}


class Directory(Protocol):
    """What bringing people in asks of the database."""

    def unit(self, unit: str) -> Unit:
        """Return a unit or raise ``NotFound``."""
        ...

    def add_unit(self, unit: Unit) -> Change:
        """Add a unit where it is missing."""
        ...

    def set_person(self, wanted: Person) -> Change:
        """Add a person, or change what ``wanted`` says of a known one."""
        ...

    def appointed_since(self, person: str, role: str, unit: str, at: datetime) -> datetime | None:
        """Return since when this appointment holds, or will."""
        ...

    def appoint(self, appointment: Appointment) -> Change:
        """Appoint; the same again changes nothing."""
        ...


@dataclass(slots=True)
class Enrolled:
    """What was done, or would be: counts by kind (unit, person, appointment) and change, and findings."""

    counts: Counter[tuple[str, Change]] = field(default_factory=Counter)
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def changes(self) -> int:
        """How many rows of the database differ from before."""
        return sum(n for (_, change), n in self.counts.items() if change != "unchanged")


class Enrolment:
    """One import of people; every call runs in the caller's open transaction."""

    def __init__(
        self,
        people: Directory,
        savepoint: Callable[[], AbstractContextManager[None]],
        *,
        place: str,
        now: datetime,
    ) -> None:
        """``place`` is the jurisdiction of persons without a unit; what has no start begins ``now``."""
        self._people = people
        self._savepoint = savepoint
        self._place = place
        self._now = now
        self._above: dict[str, str] = {}
        self.result = Enrolled()

    def run(self, lines: Iterable[PersonLine]) -> Enrolled:
        """Bring in every row; a row that cannot be is undone and becomes a finding."""
        rows = list(lines)
        # a unit may be placed by a later row than the first that names it
        for line in rows:
            if line.above:
                self._above.setdefault(line.unit, line.above)
        for line in rows:
            counted: Counter[tuple[str, Change]] = Counter()
            try:
                with self._savepoint():
                    self._line(line, counted)
            except (NotFound, BadInput, Conflict, Refused) as error:
                kind, column = next(said for known, said in _KINDS.items() if isinstance(error, known))
                message = masked("，".join(part for part in (error.what, error.why) if part))
                self.result.findings.append(Finding(kind, line.place, message, COLUMNS[column][0]))
                self.result.refused += 1
            else:
                self.result.counts += counted
        return self.result

    def _line(self, line: PersonLine, counted: Counter[tuple[str, Change]]) -> None:
        unit = self._unit(line.unit, counted, ()) if line.unit else None
        if unit is not None and line.above:
            self._in_place(unit, line.above)
        place = self._place if unit is None else unit.jurisdiction
        person = Person(line.person, line.name, place, line.email, line.phone, line.wecom, line.dingtalk)
        counted["person", self._people.set_person(person)] += 1
        if unit is None:
            return
        for role in line.roles:
            known = self._people.appointed_since(line.person, role, unit.id, self._now)
            since = line.since or known or self._now
            appointment = Appointment(line.person, role, unit.id, since, line.until, unit.jurisdiction)
            counted["appointment", self._people.appoint(appointment)] += 1

    def _unit(self, name: str, counted: Counter[tuple[str, Change]], under: tuple[str, ...]) -> Unit:
        """Return the unit, registered below the one that the file puts it under where it is missing."""
        try:
            return self._people.unit(name)
        except NotFound:
            if name not in self._above or name in under:
                why = "名册里的上级单位绕成一圈" if name in under else "名册也没有写它的上级单位"
                raise NotFound(f"没有单位 {name}", why=why) from None
        above = self._unit(self._above[name], counted, (*under, name))
        unit = Unit(name, name, f"{above.path}/{name}", above.profile, above.jurisdiction)
        counted["unit", self._people.add_unit(unit)] += 1
        return unit

    def _in_place(self, unit: Unit, above: str) -> None:
        standing = unit.path.split("/")[-2:-1]
        if standing != [self._people.unit(above).id]:
            where = f"在{standing[0]}之下" if standing else "在最上一级"
            raise _Misplaced(f"单位 {unit.id} 已登记{where}，不在 {above} 之下", why="导入不移动单位")
