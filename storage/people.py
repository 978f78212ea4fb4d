"""Units, persons and their appointments, as they stand in the database."""

from __future__ import annotations

from datetime import datetime

from engine.directory import Appointment, Unit
from engine.errors import NotFound
from storage.moments import to_ticks
from storage.store import TENURES, SqlStore

_UNIT = "select id, name, path, profile, jurisdiction from unit"


class People:
    """Reads and writes who is who; every call runs in the store's open transaction."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    def add_jurisdiction(self, code: str, name: str, level: str, part_of: str | None = None) -> None:
        """Add a jurisdiction where it is missing."""
        self._store.run(
            "insert into jurisdiction (jurisdiction, name, level, part_of) values (?, ?, ?, ?) on conflict do nothing",
            (code, name, level, part_of),
        )

    def add_unit(self, unit: Unit) -> None:
        """Add a unit where it is missing."""
        self._store.run(
            "insert into unit (id, name, path, profile, jurisdiction) values (?, ?, ?, ?, ?) on conflict do nothing",
            (unit.id, unit.name, unit.path, unit.profile, unit.jurisdiction),
        )

    def add_person(
        self, person: str, name: str, jurisdiction: str, *, email: str = "", phone: str = ""
    ) -> None:
        """Add a person where it is missing."""
        self._store.run(
            "insert into person (id, name, email, phone, jurisdiction) values (?, ?, ?, ?, ?) on conflict do nothing",
            (person, name, email, phone, jurisdiction),
        )

    def appoint(self, appointment: Appointment) -> None:
        """Add an appointment where it is missing."""
        a = appointment
        self._store.run(
            "insert into appointment (person, role, unit, since, until, jurisdiction)"
            " select ?, ?, ?, ?, ?, ? where not exists (select 1 from appointment where person = ? and role = ?"
            " and unit = ? and until is null)",
            (a.person, a.role, a.unit, to_ticks(a.since), None if a.until is None else to_ticks(a.until),
             a.jurisdiction, a.person, a.role, a.unit),
        )  # fmt: skip

    def unit(self, unit: str) -> Unit:
        """Return a unit; raise ``NotFound`` naming those there are."""
        for found in self.units():
            if unit in (found.id, found.name):
                return found
        known = "、".join(u.id for u in self.units()[:20]) or "无"
        raise NotFound(
            f"没有单位 {unit}",
            why=f"已登记的单位：{known}",
            then="核对单位名称；导入时可加 --add-units 一并登记",
        )

    def first_unit(self) -> Unit:
        """Return the unit at the top; raise ``NotFound`` before ``init``."""
        found = self.units()
        if not found:
            raise NotFound("还没有登记任何单位", then="先运行 yiriban init")
        return found[0]

    def units(self) -> list[Unit]:
        """Return all units in the order of their paths."""
        return [Unit(*row) for row in self._store.run(f"{_UNIT} order by path").fetchall()]

    def units_of(self, person: str, at: datetime) -> list[Unit]:
        """Return the units for which ``person`` holds any role at ``at``."""
        ticks = to_ticks(at)
        found = self._store.run(
            f"{_UNIT} where id in (select unit from appointment where person = ? and since <= ?"
            " and (until is null or until > ?)) order by path",
            (person, ticks, ticks),
        )
        return [Unit(*row) for row in found.fetchall()]

    def roles(self, person: str, unit: str, at: datetime) -> frozenset[str]:
        """Return the roles that ``person`` holds at ``at`` for ``unit`` or a unit above it."""
        ticks = to_ticks(at)
        found = self._store.run(
            f"select distinct a.role {TENURES} and a.person = ? and a.since <= ? and (a.until is null or a.until > ?)",
            (unit, person, ticks, ticks),
        )
        return frozenset(r[0] for r in found.fetchall())
