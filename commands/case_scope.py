"""Around a case: whose cases a person sees, the offices that papers name, the clock that was missed."""

from __future__ import annotations

from commands.room import Room
from engine.directory import below
from engine.errors import Forbidden
from engine.explain import ClockAccount, explain
from engine.matter import Matter
from engine.papers import Parties
from engine.work import Work
from storage import views
from storage.people import People


def units_seen(room: Room, person: str, wanted: str | None) -> list[str] | None:
    """Return the units to look at: those asked for, behind the wall of ``person`` where one is named.

    ``None``: all. Raise ``Forbidden`` where the person sees none of those asked for.
    """
    people = People(room.store)
    if wanted is None and not person:
        return None
    place = None if wanted is None else people.unit(wanted)
    inside = [u.id for u in people.units() if place is None or below(u.path, place.path)]
    if not person:
        return inside
    visible = {u.id for u in people.visible_units(person, room.now)}
    if place is not None and not visible.intersection(inside):
        raise Forbidden(
            f"{person} 看不到 {place.id} 的督办件",
            why="在该单位及其下属都没有任命，也不代理任何人",
            then="请有任命的人查看，或先用 yiriban person appoint 登记任命",
        )
    return [unit for unit in inside if unit in visible]


def places_seen(room: Room, person: str) -> list[str]:
    """Return the jurisdictions whose cases ``person`` sees as a regulator, from whatever unit they climbed."""
    return People(room.store).regulated(person, room.now) if person else []


def parties_of(
    room: Room, unit: str, jurisdiction: str, *, regulator: str | None = None, tracker: str | None = None
) -> Parties:
    """Return the offices by name: the unit, the finance department of its jurisdiction, the tracker.

    ``regulator`` and ``tracker`` replace the names that follow from the jurisdiction.
    """
    people = People(room.store)
    place = people.jurisdiction(jurisdiction)
    # `init` registers a code as name until somebody gives the place its own
    prefix = "" if place.name == place.code else place.name
    finance = f"{prefix}财政{'厅' if place.level == 'province' else '局'}" if prefix else "财政部门"
    return Parties(people.unit(unit).name, regulator or finance, tracker or f"{prefix}政府采购第三方跟踪机构")


def watched_of(work: Work, named: Matter) -> list[Matter]:
    """Return the matter that the case is about, and what that is part of."""
    assert named.about is not None
    return work.chain(work.matters[named.about])


def account_of(room: Room, work: Work, named: Matter) -> ClockAccount | None:
    """Take apart the clock that the case is about; ``None`` where a rule opened it."""
    watched = watched_of(work, named)[0]
    name = (named.about_clock or "").split("/")
    clock = next((c for c in work.clocks_of(watched) if [c.name, str(c.round)] == name[:2]), None)
    if clock is None:
        return None
    fires, told = views.fires(room.store, [watched.id])
    return explain(room.office(), work, watched, clock, room.now, fires=fires, told=told)
