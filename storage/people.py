"""Units, persons and their appointments, as they stand in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime
from difflib import get_close_matches

from engine.directory import (
    ADDRESSES,
    BUYING,
    REGULATORS,
    SEPARATION,
    Appointment,
    Delegation,
    Jurisdiction,
    Person,
    Recipient,
    Scope,
    Unit,
    clash,
    in_force,
    masked,
    recipients,
)
from engine.errors import BadInput, NotFound, Refused
from engine.office import Actor
from storage.moments import from_ticks, to_ticks
from storage.store import COMPETENT, TENURES, SqlStore
from storage.tenures import Change, begun, concerning, delegations, own_scopes, scopes, settle

_UNIT = "select id, name, path, profile, jurisdiction from unit"
_SAID = ("name", *ADDRESSES.values())  # what can be said of a person, fields and columns alike
_FIELDS = tuple(one.name for one in fields(Person))
_PERSON = f"select {', '.join(_FIELDS)} from person"
_BUYING = ", ".join(f"'{role}'" for role in sorted(BUYING))
_REGULATING = ", ".join(f"'{role}'" for role in sorted(REGULATORS))
_BOTH_SIDES = (
    "select r.person from appointment r join appointment b on b.person = r.person join unit x on x.id = b.unit"
    f" where r.role in ({_REGULATING}) and r.jurisdiction = ? and b.role in ({_BUYING})"
    " and substr(?, 1, length(x.path) + 1) = x.path || '/'"
    " and (r.until is null or b.since < r.until) and (b.until is null or r.since < b.until)"
)


@dataclass(frozen=True, slots=True)
class Held:
    """An appointment as a list shows it: who holds which role where, from … until."""

    person: str
    role: str
    unit: str
    since: datetime
    until: datetime | None


class People:
    """Reads and writes who is who; every call runs in the store's open transaction."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    # jurisdictions

    def add_jurisdiction(self, code: str, name: str, level: str, part_of: str | None = None) -> None:
        """Add a jurisdiction where it is missing."""
        self._store.run(
            "insert into jurisdiction (jurisdiction, name, level, part_of) values (?, ?, ?, ?) on conflict do nothing",
            (code, name, level, part_of),
        )

    def set_jurisdiction(self, wanted: Jurisdiction) -> Change:
        """Add a jurisdiction, or give a known one its name, level and place."""
        known = next((j for j in self.jurisdictions() if j.code == wanted.code), None)
        if known is None:
            self.add_jurisdiction(wanted.code, wanted.name, wanted.level, wanted.part_of)
            return "added"
        if known == wanted:
            return "unchanged"
        self._store.run(
            "update jurisdiction set name = ?, level = ?, part_of = ? where jurisdiction = ?",
            (wanted.name, wanted.level, wanted.part_of, wanted.code),
        )
        return "changed"

    def jurisdictions(self) -> list[Jurisdiction]:
        """Return all jurisdictions in the order of their codes."""
        sql = "select jurisdiction, name, level, part_of from jurisdiction order by jurisdiction"
        return [Jurisdiction(*row) for row in self._store.run(sql).fetchall()]

    def jurisdiction(self, code: str) -> Jurisdiction:
        """Return a jurisdiction by code or name; raise ``NotFound`` naming those there are."""
        found = self.jurisdictions()
        for one in found:
            if code in (one.code, one.name):
                return one
        known = "、".join(f"{j.code} {j.name}" for j in found[:20]) or "无"
        raise NotFound(
            f"没有行政区划 {code}",
            why=f"已登记的：{known}",
            then="先用 yiriban unit jurisdiction add 代码 名称 --level city 登记",
        )

    # units

    def add_unit(self, unit: Unit) -> Change:
        """Add a unit where it is missing; raise ``Refused`` where that would join buying and regulating."""
        if self._store.run(f"{_UNIT} where id = ?", (unit.id,)).fetchone() is not None:
            return "unchanged"
        both = self._store.run(_BOTH_SIDES, (unit.jurisdiction, unit.path)).fetchone()
        if both is not None:
            raise _both_sides(both[0], unit.jurisdiction)
        self._store.run(
            "insert into unit (id, name, path, profile, jurisdiction) values (?, ?, ?, ?, ?)",
            (unit.id, unit.name, unit.path, unit.profile, unit.jurisdiction),
        )
        return "added"

    def unit(self, unit: str) -> Unit:
        """Return a unit; raise ``NotFound`` naming those there are."""
        found = self._store.run(f"{_UNIT} where id = ? or name = ? order by path", (unit, unit)).fetchone()
        if found is not None:
            return Unit(*found)
        known = "、".join(u.id for u in self.units()[:20]) or "无"
        raise NotFound(
            f"没有单位 {unit}",
            why=f"已登记的单位：{known}",
            then="核对单位名称；新单位先用 yiriban unit add 登记，导入台账时可加 --add-units",
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

    def holders_of(self, unit: Unit, at: datetime) -> list[Held]:
        """Return who holds what for ``unit`` at ``at``: here, above, and as the competent regulators."""
        columns = "select a.person, a.role, a.unit, a.since, a.until"
        rows = self._store.run(
            f"{columns} {TENURES} and a.role not in ({_REGULATING})", (unit.id,)
        ).fetchall()
        rows += self._store.run(
            f"{columns} {COMPETENT} and a.role in ({_REGULATING})", (unit.jurisdiction,)
        ).fetchall()
        return sorted((h for h in map(_held, rows) if in_force(h.since, h.until, at)), key=_order)

    # persons

    def add_person(self, person: str, name: str, jurisdiction: str, **addresses: str) -> None:
        """Add a person where it is missing; ``addresses`` are called as the fields of `Person`."""
        self._add(Person(person, name, jurisdiction, **addresses))

    def _add(self, person: Person) -> None:
        places = ", ".join("?" * len(_FIELDS))
        sql = f"insert into person ({', '.join(_FIELDS)}) values ({places}) on conflict do nothing"
        self._store.run(sql, astuple(person))

    def set_person(self, wanted: Person) -> Change:
        """Add a person, or change what ``wanted`` says of a known one; an empty field says nothing."""
        found = self._store.run(f"{_PERSON} where id = ?", (wanted.id,)).fetchone()
        said = {name: value for name in _SAID if (value := getattr(wanted, name))}
        if found is None:
            self._add(replace(wanted, name=wanted.name or wanted.id))
            return "added"
        known = Person(*found)
        changed = replace(known, **said)
        if changed == known:
            return "unchanged"
        self._store.run(
            f"update person set {', '.join(f'{name} = ?' for name in _SAID)} where id = ?",
            (*(getattr(changed, name) for name in _SAID), known.id),
        )
        for channel, name in ADDRESSES.items():
            if getattr(known, name) != getattr(changed, name):
                # what was known against the old address says nothing about the new one
                self._store.run("delete from contact where person = ? and channel = ?", (known.id, channel))
        return "changed"

    def person(self, person: str) -> Person:
        """Return a person; raise ``NotFound`` with the nearest ids."""
        found = self._store.run(f"{_PERSON} where id = ?", (person,)).fetchone()
        if found is not None:
            return Person(*found)
        near = get_close_matches(person, [p.id for p in self.persons()], 3)
        raise NotFound(
            f"没有登记人员 {masked(person)}",
            why=f"相近的：{'、'.join(near)}" if near else "",
            then="先用 yiriban person add 账号 --name 姓名 登记",
        )

    def persons(self) -> list[Person]:
        """Return all persons in the order of their ids."""
        return [Person(*row) for row in self._store.run(f"{_PERSON} order by id").fetchall()]

    # appointments

    def appointments(self, person: str = "") -> list[Held]:
        """Return the appointments of ``person``, or of everybody; past and future ones too."""
        where, values = (" where person = ?", (person,)) if person else ("", ())
        sql = f"select person, role, unit, since, until from appointment{where} order by person, unit, role, since"
        return [_held(row) for row in self._store.run(sql, values).fetchall()]

    def appointed_since(self, person: str, role: str, unit: str, at: datetime) -> datetime | None:
        """Return since when this appointment holds at ``at``, or from when on it will."""
        return begun(self._store.run, "appointment", {"person": person, "role": role, "unit": unit}, at)

    def appoint(self, appointment: Appointment) -> Change:
        """Appoint; the same appointment again changes nothing, another ``until`` ends it then.

        Raise ``Refused`` where the person, or a deputy of the person, would buy and regulate in one
        jurisdiction (政府采购法 第60条), ``Conflict`` for an overlapping one, ``BadInput`` for times.
        """
        a = appointment
        if a.role in REGULATORS | BUYING:
            found = self._store.run("select path from unit where id = ?", (a.unit,)).fetchone()
            path = a.unit if found is None else found[0]
            given = Scope(a.person, a.role, a.unit, path, a.jurisdiction, a.since, a.until)
            self._keep_apart(a.person, [given])
            for delegation in delegations(self._store.run, "d.principal = ?", a.person):
                lent = given.lent(delegation)
                self._keep_apart(delegation.deputy, [lent] if lent else [])
        held = {"person": a.person, "role": a.role, "unit": a.unit}
        more = {"jurisdiction": a.jurisdiction}
        return settle(self._store.run, "appointment", held, a.since, a.until, more)

    def dismiss(self, person: str, role: str, unit: str, at: datetime) -> None:
        """End an appointment at ``at`` (one that has not begun never will); ``NotFound`` where none holds."""
        ticks = to_ticks(at)
        values = (person, role, unit, ticks)
        where = "person = ? and role = ? and unit = ? and (until is null or until > ?)"
        if self._store.run(f"select 1 from appointment where {where}", values).fetchone() is None:
            raise NotFound(f"{person} 在 {unit} 没有这项任命", then=f"用 yiriban person show {person} 查看")
        ends = "case when since > ? then since else ? end"
        self._store.run(f"update appointment set until = {ends} where {where}", (ticks, ticks, *values))

    # delegations

    def delegations(self, person: str) -> list[Delegation]:
        """Return the delegations in which ``person`` is principal or deputy, past and future ones too."""
        return delegations(self._store.run, "d.principal = ? or d.deputy = ?", person, person)

    def delegated_since(
        self, principal: str, deputy: str, kind: str, unit: str, at: datetime
    ) -> datetime | None:
        """Return since when this delegation holds at ``at``, or from when on it will."""
        held = {"principal": principal, "deputy": deputy, "kind": kind, "unit": unit}
        return begun(self._store.run, "delegation", held, at)

    def delegate(self, delegation: Delegation) -> Change:
        """Let ``deputy`` stand in for ``principal``; the same again changes nothing.

        Raise ``BadInput`` for one person twice or a circle of absent persons, ``Refused`` where the deputy
        would buy and regulate in one jurisdiction (政府采购法 第60条), ``Conflict`` for an overlapping one.
        """
        d = delegation
        if d.principal == d.deputy:
            raise BadInput(f"{d.principal} 不能代理自己", then="另写一位代理人")
        circle = self._circle(d)
        if circle:
            raise BadInput(
                "代理成了一圈：" + " → ".join(circle),
                why="同一时间都不在岗，谁也收不到通知",
                then="改由在岗的人代理，或错开时间",
            )
        lent = [s for own in own_scopes(self._store.run, d.principal) if (s := own.lent(d))]
        self._keep_apart(d.deputy, lent)
        held = {"principal": d.principal, "deputy": d.deputy, "kind": d.kind, "unit": d.unit}
        more = {"jurisdiction": d.jurisdiction}
        return settle(self._store.run, "delegation", held, d.since, d.until, more)

    def _circle(self, new: Delegation) -> list[str]:
        """Return the way from the deputy back to the principal over absences that overlap the new one."""
        if new.kind == "AB":
            return []
        ways = [[new.principal, new.deputy]]
        for way in ways:
            for d in delegations(self._store.run, "d.principal = ? and d.kind <> 'AB'", way[-1]):
                apart = (d.until and d.until <= new.since) or (new.until and new.until <= d.since)
                if apart or d.deputy in way[1:]:
                    continue
                if d.deputy == new.principal:
                    return [*way, d.deputy]
                ways.append([*way, d.deputy])
        return []

    def _keep_apart(self, person: str, given: Iterable[Scope]) -> None:
        """Refuse what would let ``person`` buy and regulate in one jurisdiction at one time (R78)."""
        fresh = [s for s in given if s.role in REGULATORS | BUYING]
        sides = {s.role in REGULATORS for s in fresh}
        others = (
            [s for s in scopes(self._store.run, person) if s.role in REGULATORS | BUYING] if fresh else []
        )
        sides |= {s.role in REGULATORS for s in others}
        if len(sides) < 2:
            return
        units = self.units()
        for new in fresh:
            for other in [*others, *fresh]:
                if clash(new, other, units):
                    regulating = new if new.role in REGULATORS else other
                    raise _both_sides(person, regulating.jurisdiction)

    # rights

    def _scopes(self, person: str, at: datetime) -> list[Scope]:
        return [s for s in scopes(self._store.run, person) if s.at(at)]

    def units_of(self, person: str, at: datetime) -> list[Unit]:
        """Return the units for which ``person`` is appointed at ``at``, or stands in for one who is."""
        named = {s.unit for s in self._scopes(person, at)}
        return [unit for unit in self.units() if unit.id in named]

    def visible_units(self, person: str, at: datetime) -> list[Unit]:
        """Return the units behind the wall of ``person``: those where any role is held, with what is below.

        A regulator sees the units of the jurisdiction.
        """
        held = self._scopes(person, at)
        return [unit for unit in self.units() if any(s.covers(unit) for s in held)]

    def sees(self, person: str, unit: str, jurisdiction: str, at: datetime) -> bool:
        """Say whether a matter of ``unit`` that lies in ``jurisdiction`` stands before the wall of ``person``."""
        found = self._store.run(f"{_UNIT} where id = ?", (unit,)).fetchone()
        if found is None:
            return True
        place = Unit(*found)
        return any(s.covers(place) or s.covers(place, jurisdiction) for s in self._scopes(person, at))

    def regulated(self, person: str, at: datetime) -> list[str]:
        """Return the jurisdictions in which ``person`` regulates at ``at``, or stands in for one who does."""
        return sorted({s.jurisdiction for s in self._scopes(person, at) if s.role in REGULATORS})

    def roles(
        self, person: str, unit: str, at: datetime, *, jurisdiction: str | None = None
    ) -> frozenset[str]:
        """Return the roles of ``person`` at ``at`` for ``unit``: own ones and those of principals.

        ``jurisdiction`` is that of the matter where it is not the unit's: a case that climbed.
        """
        return self.actor(person, unit, at, jurisdiction=jurisdiction).roles or frozenset()

    def stands_for(self, person: str, unit: str, at: datetime) -> frozenset[str]:
        """Return whose deputy ``person`` is at ``at`` for ``unit``: principals who hold a role there."""
        return self.actor(person, unit, at).stands_for

    def actor(
        self, person: str, unit: str, at: datetime, os_user: str = "", *, jurisdiction: str | None = None
    ) -> Actor:
        """Return ``person`` as who acts for ``unit`` at ``at``, with roles and principals.

        Of a case that climbed, ``jurisdiction`` is where it is now. Who buys for the unit does not regulate
        it there either (R78).
        """
        found = self._store.run(f"{_UNIT} where id = ?", (unit,)).fetchone()
        mine = [] if found is None else self._scopes(person, at)
        held = [s for s in mine if s.covers(Unit(*found), jurisdiction)]
        if jurisdiction and any(s.role in BUYING for s in held):
            held = [s for s in held if s.role not in REGULATORS]
        roles = frozenset(s.role for s in held)
        principals = frozenset(s.person for s in held) - {person}
        return Actor(person, roles, os_user, stands_for=principals)

    def recipients(
        self, role: str, unit: str, jurisdiction: str, at: datetime, *, warning: bool = False
    ) -> list[Recipient]:
        """Return who is told at ``at`` when a rung tells ``role`` about a matter of ``unit``."""
        return recipients(
            role,
            lambda r: self._store.holders(r, unit, jurisdiction, at),
            lambda r: [
                d
                for d in concerning(self._store.run, r, unit, jurisdiction)
                if in_force(d.since, d.until, at)
            ],
            warning=warning,
        )


def _both_sides(person: str, jurisdiction: str) -> Refused:
    return Refused(
        f"{person} 不能在同一行政区划（{jurisdiction}）既任财政监管又任采购方或代理机构",
        why=f"{SEPARATION}：政府采购监督管理部门不得参与政府采购项目的采购活动（R78 管采分离）",
        then="另选一人；如已调任，先用 yiriban person dismiss 解除原任命",
    )


def _held(row: tuple[str, str, str, int, int | None]) -> Held:
    return Held(row[0], row[1], row[2], from_ticks(row[3]), None if row[4] is None else from_ticks(row[4]))


def _order(held: Held) -> tuple[str, str, str]:
    return held.role, held.person, held.unit
