"""What desks and reports read: the wall around a person, and the clocks and cases inside it. 工作台

SQL of the desks stands here only. Every function runs in the store's open transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.desk import Seen
from engine.directory import REGULATORS, Unit, below
from engine.errors import Forbidden, Unreadable
from engine.losing import Traces
from engine.matter import Pause
from engine.roles import ROLES
from storage import rows
from storage.moments import to_ticks
from storage.people import People
from storage.store import MATTERS_AT_ONCE, SqlStore
from storage.tenures import scopes

_CLOCK = ", ".join(f"c.{name}" for name in rows.CLOCK)
_SIZE = len(rows.CLOCK)
_SEEN = (
    f"select {_CLOCK}, m.title, m.unit, m.workflow, m.state, m.bundle,"
    # only a case is somebody else's desk; a query is work on the matter itself
    " case when m.about_clock is null then null else m.about end,"
    " r.go_live is not null and r.opened_at < r.go_live"
    " from clock c join matter m on m.id = c.matter join matter r on r.id = c.root"
)


@dataclass(frozen=True, slots=True)
class Wall:
    """What a person may see: ``units`` (their ids) by appointment, and the matters of ``jurisdictions``,
    cases among them that have climbed away.

    ``within``: nothing but these units, where one was asked for; ``shown`` are all units inside.
    """

    units: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    shown: tuple[Unit, ...]
    within: tuple[str, ...] | None = None

    def where(self) -> tuple[str, tuple[str, ...]]:
        """Return the condition over the matter ``m``, and its values."""
        handled, places = handled_in(self.jurisdictions)
        sql = f"(m.unit in ({_places(self.units)}) or m.jurisdiction in ({_places(self.jurisdictions)}) or {handled})"
        values = (*self.units, *self.jurisdictions, *places)
        if self.within is not None:
            sql, values = f"{sql} and m.unit in ({_places(self.within)})", (*values, *self.within)
        return sql, values


def _places(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def handled_in(places: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return the condition that the case ``m`` is or once was in one of these jurisdictions, and its values.

    Whoever let a case climb keeps it in sight: every line of its history tells where it was at the time.
    """
    if not places:
        return "1 = 0", ()
    told = f"select 1 from history h where h.matter = m.id and h.jurisdiction in ({_places(places)})"
    return f"(m.about_clock is not null and exists ({told}))", tuple(places)


def places_of(store: SqlStore, matter: str) -> list[str]:
    """Return every jurisdiction that a matter has been in: more than one for a case that climbed."""
    sql = "select distinct jurisdiction from history where matter = ? order by jurisdiction"
    return [place for (place,) in store.run(sql, (matter,)).fetchall()]


def wall_of(
    store: SqlStore, person: str, roles: Collection[str], at: datetime, *, unit: str | None = None
) -> Wall:
    """Return what ``person`` may see at ``at`` under ``roles``, own ones and as a deputy.

    A regulator sees the matters of a jurisdiction, every other role its units and those below. Raise
    ``Forbidden`` for who holds none of the roles, and for a ``unit`` outside: whether it exists is not said.
    """
    held = [s for s in scopes(store.run, person) if s.at(at) and s.role in roles]
    if not held:
        named = "、".join(str(ROLES[r]) for r in ROLES if r in roles)
        raise Forbidden(
            f"{person} 没有可看的单位",
            why=f"此刻没有{'任何任命' if len(roles) == len(ROLES) else '这些任命：' + named}",
            then="核对 --as 的姓名；任命用 yiriban person appoint 登记",
        )
    known = People(store).units()
    below_them = tuple(u.id for u in known if any(s.role not in REGULATORS and s.covers(u) for s in held))
    mine = set(below_them)
    places = tuple(sorted({s.jurisdiction for s in held if s.role in REGULATORS}))
    inside = tuple(u for u in known if u.id in mine or u.jurisdiction in places)
    if unit is None:
        return Wall(below_them, places, inside)
    place = next((u for u in inside if unit in (u.id, u.name)), None)
    if place is None:
        shown = "、".join(u.id for u in inside[:20]) or "无"
        raise Forbidden(f"{person} 看不到单位 {unit}", why="没有该单位的任命", then=f"可以看的：{shown}")
    chosen = tuple(u for u in inside if below(u.path, place.path))
    return Wall(below_them, places, chosen, tuple(u.id for u in chosen))


def clocks(store: SqlStore, wall: Wall, *, recorded_since: datetime) -> list[Seen]:
    """Return the open clocks inside, and those whose end was recorded since then and behind a due moment.

    Minimum periods are among them.
    """
    inside, values = wall.where()
    sql = (
        f"{_SEEN} where (c.state in ('running', 'paused') or (c.state = 'met' and c.ended_recorded_at >= ?"
        " and (c.ended_recorded_at >= c.promise or c.ended_recorded_at >= c.agreed"
        " or c.ended_recorded_at >= c.statutory)))"
        f" and {inside} order by c.matter, c.name, c.round"
    )
    return [_seen(r) for r in store.run(sql, (to_ticks(recorded_since), *values)).fetchall()]


def charges_asked(store: SqlStore, wall: Wall) -> list[Seen]:
    """Return the clocks inside on which an attribution of lost days waits to be decided, ended ones too."""
    inside, values = wall.where()
    # the last cell of an attribution is who approved it
    sql = f"{_SEEN} where c.charged <> '[]' and c.charged like '%,\"\"]%' and {inside} order by c.matter, c.name, c.round"
    return [seen for r in store.run(sql, values).fetchall() if (seen := _seen(r)).clock.charge_asked]


def of_period(
    store: SqlStore,
    wall: Wall,
    names: Sequence[str],
    since: datetime | None,
    until: datetime,
    *,
    late: bool = False,
) -> Iterator[Seen]:
    """Walk the clocks of these names that ended from ``since`` (with it) to ``until`` (without it), and
    those that had started before ``until`` and had not ended by then. Void ones are not among them, nor
    those of cases. ``late``: only those of which a due moment passed by then.
    """
    inside, values = wall.where()
    end, begin = to_ticks(until), to_ticks(since) if since is not None else -(1 << 62)
    sql = (
        f"{_SEEN} where c.name in ({_places(names)}) and m.about_clock is null and ("
        "(c.state = 'met' and c.ended_at >= ? and c.ended_at < ?)"
        " or (c.anchor < ? and (c.state in ('running', 'paused') or (c.state = 'met' and c.ended_at >= ?))))"
    )
    given: tuple[Any, ...] = (*names, begin, end, end, end)
    if late:
        stop = "case when c.ended_at < ? then c.ended_at else ? end"
        sql += f" and (c.promise <= {stop} or c.agreed <= {stop} or c.statutory <= {stop})"
        given = (*given, *((end, end) * 3))
    sql += f" and {inside} order by c.matter, c.name, c.round"
    for row in store.run(sql, (*given, *values)).fetchall():
        yield _seen(row)


def traces(store: SqlStore, found: Collection[Seen], apart: Callable[[str, str], bool]) -> dict[str, Traces]:
    """Return, by matter, what is known of who had it in hand, with the pauses of what is above it.

    ``apart(bundle, workflow)``: matters about others that are not paused together with them.
    """
    roots = sorted({seen.clock.root for seen in found})
    known: dict[str, Sequence[Any]] = {}
    for start in range(0, len(roots), MATTERS_AT_ONCE):
        part = roots[start : start + MATTERS_AT_ONCE]
        sql = f"select id, part_of, about, marks, pauses from matter where root in ({_places(part)})"
        known.update((r[0], r[1:]) for r in store.run(sql, part).fetchall())
    told: dict[str, Traces] = {}
    for seen in found:
        here: str | None = seen.clock.matter
        if here in told:
            continue
        pauses: list[Pause] = []
        while here is not None:
            part_of, about, _, held = known[here]
            itself = here == seen.clock.matter
            # a case stands still with what it is about, and nothing with what that in turn is about
            pauses += [p for p in rows.pauses_of(held) if itself or not p.clocks]
            here = part_of or (about if itself and not apart(seen.bundle, seen.workflow) else None)
        told[seen.clock.matter] = Traces(rows.marks_of(known[seen.clock.matter][2]), pauses)
    return told


def _seen(row: Sequence[Any]) -> Seen:
    title, unit, workflow, state, bundle, about, halfway = row[_SIZE:]
    try:
        clock = rows.clock_of(tuple(row[:_SIZE]))
    except Unreadable as damage:  # it must be seen on a desk, above all
        clock = rows.clock_in_trouble(tuple(row[:_SIZE]), f"{damage.what}：{damage.why}")
    return Seen(clock, title, unit, workflow, state, bundle, about, bool(halfway))


def open_cases(store: SqlStore, wall: Wall, finals: Collection[str], *, level: str = "") -> list[str]:
    """Return the ids of the cases inside that are in none of ``finals``, the oldest first.

    ``level``: only those in whose hands they are (``tracker``, ``regulator``, ``superior``).
    """
    inside, values = wall.where()
    sql = f"select m.id from matter m where m.about_clock is not null and {inside}"
    given: tuple[str, ...] = values
    if finals:
        sql, given = f"{sql} and m.state not in ({_places(finals)})", (*given, *sorted(finals))
    if level:
        sql += " and exists (select 1 from fact f where f.matter = m.id and f.name = 'level' and f.value = ?)"
        given = (*given, level)
    return [r[0] for r in store.run(f"{sql} order by m.opened_at, m.id", given).fetchall()]


def open_roots(store: SqlStore, wall: Wall, finals: Collection[str]) -> list[str]:
    """Return the projects inside that are in none of ``finals`` or have a clock running, the oldest first."""
    inside, values = wall.where()
    sql = (
        "select m.id from matter m where m.part_of is null and m.about is null"
        f" and (m.state not in ({_places(finals)}) or exists (select 1 from clock c where c.root = m.id"
        f" and c.state = 'running')) and {inside} order by m.opened_at, m.id"
    )
    return [r[0] for r in store.run(sql, (*sorted(finals), *values)).fetchall()]


def covers(store: SqlStore, wall: Wall, matter: str) -> bool:
    """Say whether a matter exists inside the wall."""
    inside, values = wall.where()
    sql = f"select 1 from matter m where m.id = ? and {inside}"
    return store.run(sql, (matter, *values)).fetchone() is not None
