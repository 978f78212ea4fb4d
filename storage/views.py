"""Reading lists: what people look at, read straight from the tables. SQL of the readers stands here only.

Every function runs in the store's open transaction (`SqlStore.reading`). A running clock is a deadline
unless it only waits: a minimum period has nothing planned and still something to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from engine.clock import Clock
from engine.directory import Unit
from engine.verify import Head, StoredLine
from engine.work import Fire
from storage import rows
from storage.desks import handled_in
from storage.moments import EPOCH, from_ticks, to_ticks
from storage.store import SqlStore

_AT_ONCE = 400
_EARLIEST = (
    "case when c.promise is not null and (c.agreed is null or c.promise <= c.agreed)"
    " and (c.statutory is null or c.promise <= c.statutory) then c.promise"
    " when c.agreed is not null and (c.statutory is null or c.agreed <= c.statutory) then c.agreed"
    " else c.statutory end"
)
_DEADLINE = "c.state = 'running' and not (c.plan = '[]' and c.look_at is not null)"
_OPEN = f"(c.state = 'paused' or {_DEADLINE})"
_BELOW = "(select id from unit where path = ? or path like ?)"


@dataclass(frozen=True, slots=True)
class Listed:
    """A matter in a list, with as much as its labels need."""

    id: str
    root: str
    title: str
    unit: str
    workflow: str
    state: str
    bundle: str
    profile: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it waits or went out; addresses are not read."""

    key: str
    matter: str
    person: str
    role: str
    channel: str
    rung: str
    subject: str
    text: str
    send_from: datetime
    created_at: datetime
    state: str
    digest: str | None
    """The digest that it went into."""
    waits_for: str = ""
    doubt: str = ""
    fallback: str | None = None
    """The message that carries on in another channel."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of history; ``body`` is its canonical JSON."""

    matter: str
    no: int
    kind: str
    at: datetime
    recorded_at: datetime
    body: str
    hash: str


_LISTED = "m.id, m.root, m.title, m.unit, m.workflow, m.state, m.bundle, m.profile, m.opened_at"


def _listed(row: Sequence[Any]) -> Listed:
    return Listed(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], from_ticks(row[8]))


def _among(store: SqlStore, sql: str, keys: Sequence[str], values: Sequence[Any] = ()) -> Iterator[Any]:
    """Run ``sql`` with its one ``{}`` filled by a few hundred of ``keys`` at a time."""
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        yield from store.run(sql.format(",".join("?" * len(part))), (*part, *values)).fetchall()


def _below(unit: Unit | None) -> tuple[str, tuple[Any, ...]]:
    return ("", ()) if unit is None else (f" and m.unit in {_BELOW}", (unit.path, unit.path + "/%"))


# projects


def projects(
    store: SqlStore, *, unit: Unit | None = None, state: str = "", limit: int = 0
) -> tuple[list[Listed], int]:
    """Return the projects whose next due moment is the most urgent, and how many there are in all.

    ``limit`` 0 = all. Projects with nothing running come last, the newest first.
    """
    where, values = _below(unit)
    # a recurring duty stands alone too, and is no project: only its opening writes this fact
    duty = "not exists (select 1 from fact f where f.matter = m.id and f.name = 'duty')"
    where = f"m.part_of is null and m.about is null and {duty}{where}"
    if state:
        where, values = f"{where} and m.state = ?", (*values, state)
    count = store.run(f"select count(*) from matter m where {where}", values).fetchone()[0]
    sql = (
        f"select {_LISTED} from matter m left join"
        f" (select c.root as root, min({_EARLIEST}) as due from clock c"
        f" where {_DEADLINE} group by c.root) d on d.root = m.id where {where}"
        " order by d.due is null, d.due, m.opened_at desc, m.id"
    )
    if limit:
        sql, values = f"{sql} limit ?", (*values, limit)
    return [_listed(r) for r in store.run(sql, values).fetchall()], int(count)


def clocks_under(store: SqlStore, roots: Sequence[str]) -> list[tuple[Clock, str, str]]:
    """Return every clock of these families, each with the workflow and the bundle of its matter."""
    columns = ", ".join(f"c.{name}" for name in rows.CLOCK)
    sql = (
        f"select {columns}, m.workflow, m.bundle from clock c join matter m on m.id = c.matter"
        " where c.root in ({}) order by c.matter, c.name, c.round"
    )
    size = len(rows.CLOCK)
    return [(rows.clock_of(r[:size]), r[size], r[size + 1]) for r in _among(store, sql, roots)]


def case_states(store: SqlStore, roots: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the states of the cases in these families, by what they are about: (matter, ``clock/round/epoch``)."""
    sql = "select about, about_clock, state from matter where about_clock is not null and root in ({})"
    return {(about, clock): state for about, clock, state in _among(store, sql, roots)}


def aliases(store: SqlStore, matters: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the other numbers of these matters: (kind, value)."""
    found: dict[str, list[tuple[str, str]]] = {}
    # an alias of kind "part" is the key that a source uses, not a number that people know
    sql = (
        "select matter, kind, value from alias where matter in ({}) and kind <> 'part'"
        " order by matter, kind, value"
    )
    for matter, kind, value in _among(store, sql, matters):
        found.setdefault(matter, []).append((kind, value))
    return found


def exists(store: SqlStore, matter: str) -> bool:
    """Say whether there is a matter with this id."""
    return store.run("select 1 from matter where id = ?", (matter,)).fetchone() is not None


# clocks, fires


def deadlines(
    store: SqlStore,
    now: datetime,
    *,
    unit: Unit | None = None,
    due_by: datetime | None = None,
    overdue: bool = False,
    ended_too: bool = False,
    limit: int = 0,
) -> tuple[list[tuple[Clock, Listed]], int, int]:
    """Return the clocks, the most urgent first; how many there are in all, and how many are overdue.

    Overdue: a due moment has come (``now`` included). ``ended_too`` lists ended ones and minimum
    periods after them.
    """
    where, values = _below(unit)
    conditions = "1 = 1" if ended_too else _OPEN
    passed = f"{_DEADLINE} and {_EARLIEST} <= ?"
    filters: tuple[Any, ...] = ()
    if overdue:
        conditions, filters = passed, (to_ticks(now),)
    elif due_by is not None:
        conditions, filters = f"{_DEADLINE} and {_EARLIEST} <= ?", (to_ticks(due_by),)
    source = f"from clock c join matter m on m.id = c.matter where {conditions}{where}"
    tally = f"select count(*), sum(case when {passed} then 1 else 0 end) {source}"
    count, late = store.run(tally, (to_ticks(now), *filters, *values)).fetchone()
    columns = ", ".join(f"c.{name}" for name in rows.CLOCK)
    order = f"case c.state when 'running' then 1 when 'paused' then 2 else 3 end, {_EARLIEST}, c.matter, c.name, c.round"
    sql = f"select {columns}, {_LISTED} {source} order by {order}"
    bound = (*filters, *values)
    if limit:
        sql, bound = f"{sql} limit ?", (*bound, limit)
    size = len(rows.CLOCK)
    found = [(rows.clock_of(r[:size]), _listed(r[size:])) for r in store.run(sql, bound).fetchall()]
    return found, int(count), int(late or 0)


def fires(store: SqlStore, matters: Sequence[str]) -> tuple[list[Fire], dict[str, list[tuple[str, str]]]]:
    """Return what fired on these matters in logical order, and whom each fire told: (person, channel)."""
    sql = f"select {', '.join(rows.FIRE)} from fire where matter in ({{}}) order by at, key"
    found = [
        Fire(
            r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], from_ticks(r[10]), from_ticks(r[11]),
            bool(r[12]), r[13],
        )
        for r in _among(store, sql, matters)
    ]  # fmt: skip
    told: dict[str, list[tuple[str, str]]] = {}
    sql = "select fire, person, channel from message where fire in ({}) order by person, channel"
    for fire, person, channel in _among(store, sql, [f.key for f in found]):
        told.setdefault(fire, []).append((person, channel))
    return found, told


# messages

_POSTED = (
    "select key, matter, person, role, channel, rung, subject, text, send_from, created_at, state, digest,"
    " waits_for, doubt, fallback from message"
)


def _posted(r: Sequence[Any]) -> Posted:
    return Posted(
        r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], from_ticks(r[8]), from_ticks(r[9]), r[10], r[11],
        r[12], r[13], r[14],
    )  # fmt: skip


def messages(
    store: SqlStore, *, state: str = "", person: str = "", channel: str = "", limit: int = 0
) -> tuple[list[Posted], int]:
    """Return the messages, the newest first, and how many there are in all."""
    wanted = [(n, v) for n, v in (("state", state), ("person", person), ("channel", channel)) if v]
    where = "".join(f" and {name} = ?" for name, _ in wanted)
    values: tuple[Any, ...] = tuple(value for _, value in wanted)
    count = store.run(f"select count(*) from message where 1 = 1{where}", values).fetchone()[0]
    sql = f"{_POSTED} where 1 = 1{where} order by created_at desc, send_from desc, key"
    if limit:
        sql, values = f"{sql} limit ?", (*values, limit)
    return [_posted(r) for r in store.run(sql, values).fetchall()], int(count)


def messages_of(store: SqlStore, matters: Sequence[str]) -> list[Posted]:
    """Return every message about these matters, in the order of their keys."""
    found = [_posted(r) for r in _among(store, f"{_POSTED} where matter in ({{}}) order by key", matters)]
    return sorted(found, key=lambda posted: posted.key)


def digested(store: SqlStore, digests: Sequence[str]) -> dict[str, int]:
    """Count the messages that went into these digests; what is no digest is not in the answer."""
    sql = "select digest, count(*) from message where digest in ({}) group by digest"
    return {key: int(count) for key, count in _among(store, sql, digests)}


# cases


@dataclass(frozen=True, slots=True)
class Watched:
    """A case in a list: what it is about, and in whose hands it is."""

    case: Listed
    about: str
    about_clock: str
    level: str


def cases(
    store: SqlStore,
    *,
    level: str = "",
    state: str = "",
    closed: Sequence[str] = (),
    units: Sequence[str] | None = None,
    places: Sequence[str] = (),
    limit: int = 0,
) -> tuple[list[Watched], int]:
    """Return the cases whose next due moment is the most urgent, and how many there are in all.

    ``closed`` names states to leave out; ``units`` are the only ones to look at (``None``: all), together
    with the cases that are or were in one of ``places`` (jurisdictions).
    """
    where, values = "m.about_clock is not null", list[Any]()
    for condition, wanted in (("f.value = ?", level), ("m.state = ?", state)):
        if wanted:
            where, values = f"{where} and {condition}", [*values, wanted]
    if closed:
        where, values = f"{where} and m.state not in ({','.join('?' * len(closed))})", [*values, *closed]
    if units is not None:
        if not units and not places:
            return [], 0
        handled, own = handled_in(places)
        mine = f"m.unit in ({','.join('?' * len(units))})" if units else "1 = 0"
        where, values = f"{where} and ({mine} or {handled})", [*values, *units, *own]
    source = f"from matter m left join fact f on f.matter = m.id and f.name = 'level' where {where}"
    count = store.run(f"select count(*) {source}", values).fetchone()[0]
    due = f"(select min({_EARLIEST}) from clock c where c.matter = m.id and {_DEADLINE})"
    columns = f"{_LISTED}, m.about, m.about_clock, f.value, {due} as due"
    sql = f"select * from (select {columns} {source}) x order by due is null, due, opened_at desc, id"
    if limit:
        sql, values = f"{sql} limit ?", [*values, limit]
    found = [Watched(_listed(r), r[9], r[10] or "", r[11] or "") for r in store.run(sql, values).fetchall()]
    return found, int(count)


# histories


def history(store: SqlStore, matters: Sequence[str], limit: int = 0) -> list[Line]:
    """Return the lines of these matters in the order in which they were written, the last ``limit``."""
    sql = "select id, matter, no, kind, at, recorded_at, body, hash from history where matter in ({})"
    if limit:
        # of every few hundred matters the newest are enough; the last cut comes below
        found = list(_among(store, f"{sql} order by id desc limit ?", matters, (limit,)))
    else:
        found = list(_among(store, sql, matters))
    found.sort(key=lambda r: r[0])
    return [
        Line(r[1], r[2], r[3], from_ticks(r[4]), from_ticks(r[5]), r[6], r[7])
        for r in (found[-limit:] if limit else found)
    ]


def chains(store: SqlStore, root: str | None = None) -> Iterator[tuple[Head, Iterable[StoredLine]]]:
    """Walk every matter (of one family, if ``root`` is given) with its lines, one streaming query for all.

    Texts come as bytes: a damaged one need not be UTF-8. Everything is read where it is kept: SQLite would take
    names and numbers out of an index, and the row itself might say something else.
    """
    sqlite = store.engine.dialect.name == "sqlite"
    raw = "cast({} as blob)" if sqlite else "convert_to({}, 'UTF8')"
    texts = {name: raw.format(f"h.{name}") for name in ("matter", "kind", "body", "hash", "algorithm")}
    whole = " not indexed" if sqlite and root is None else ""
    order = "order by m.rowid, k.no" if whole else "order by m.id, k.no"
    sql = (
        f"select {', '.join(raw.format(f'm.{name}') for name in ('id', 'state', 'head_hash', 'workflow'))},"
        " m.history_no, h.no,"
        f" {texts['kind']}, h.at, h.recorded_at, {texts['body']}, {texts['hash']}, {texts['algorithm']}, {texts['matter']}"
        f" from matter m{whole} left join history k on k.matter = m.id left join history h on h.id = k.id"
    )
    if root is None:
        found = store.run(f"{sql} {order}")
    else:
        found = store.run(f"{sql} where m.root = ? {order}", (root,))
    for head, lines in groupby(found, key=lambda r: r[:5]):
        matter, state, last, workflow = (bytes(text).decode("utf-8", "replace") for text in head[:4])
        number = head[4] if isinstance(head[4], int) else -1
        yield Head(matter, state, number, last, workflow), (_stored(r[5:]) for r in lines if r[5] is not None)


def _stored(r: Sequence[Any]) -> StoredLine:
    number = r[0] if isinstance(r[0], int) else -1
    kind, body, digest, algorithm, matter = (bytes(r[at]) for at in (1, 4, 5, 6, 7))
    return StoredLine(number, kind, _read(r[2]), _read(r[3]), body, digest, algorithm, matter)


def _read(ticks: Any) -> datetime:
    """Return an instant, or the first of all instants for a cell that holds none: it will not match."""
    try:
        return from_ticks(ticks)
    except (TypeError, OverflowError):
        return EPOCH


def orphans(store: SqlStore) -> list[str]:
    """Return what histories call a matter that does not exist, as far as it can be read."""
    sqlite = store.engine.dialect.name == "sqlite"
    name, whole = ("cast(h.matter as blob)", " not indexed") if sqlite else ("h.matter", "")
    lost = "not exists (select 1 from matter m where m.id = h.matter)"
    sql = f"select distinct {name} from history h{whole} where {lost}"
    found = [r[0] for r in store.run(sql).fetchall()]
    return sorted(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in found)


# the directory


def directory_counts(store: SqlStore) -> dict[str, int]:
    """Count what `init` may add to: jurisdictions, units, persons, appointments, bundles."""
    names = ("jurisdiction", "unit", "person", "appointment", "bundle")
    return {name: int(store.run(f"select count(*) from {name}").fetchone()[0]) for name in names}


def open_roots(store: SqlStore) -> list[str]:
    """Return the ids of the projects in whose family a clock has not ended."""
    found = store.run("select distinct root from clock where state in ('running', 'paused') order by root")
    return [row[0] for row in found.fetchall()]
