"""Spans of time in which a person holds a role or stands in for another: reading and settling them.

Every function takes ``run``, which executes one statement in the open transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from engine.directory import REGULATORS, Delegation, Scope
from engine.errors import BadInput, Conflict
from storage.moments import from_ticks, to_ticks

Run = Callable[[str, Sequence[Any]], Any]
Change = Literal["added", "changed", "unchanged"]
"""What a write did."""

_SCOPES = (
    "select a.person, a.role, a.unit, coalesce(u.path, a.unit), a.jurisdiction, a.since, a.until"
    " from appointment a left join unit u on u.id = a.unit where a.person = ?"
)
_DELEGATIONS = (
    "select d.principal, d.deputy, d.kind, d.unit, d.since, d.until, d.jurisdiction, coalesce(x.path, '')"
    " from delegation d left join unit x on x.id = d.unit where {} order by d.principal, d.deputy, d.since, d.id"
)
_ABOVE = (
    "d.unit = '' or exists (select 1 from unit u where u.id = ? and (u.path = x.path"
    " or substr(u.path, 1, length(x.path) + 1) = x.path || '/'))"
)


def own_scopes(run: Run, person: str) -> list[Scope]:
    """Return what the person's own appointments give, past and future ones too."""
    found = run(_SCOPES, (person,)).fetchall()
    return [
        Scope(holder, role, unit, path, jurisdiction, from_ticks(since), _instant(until))
        for holder, role, unit, path, jurisdiction, since, until in found
    ]


def scopes(run: Run, person: str) -> list[Scope]:
    """Return what the person has, by own appointments and as the deputy of others (one hop)."""
    lent = [
        had
        for delegation in delegations(run, "d.deputy = ?", person)
        for scope in own_scopes(run, delegation.principal)
        if (had := scope.lent(delegation)) is not None
    ]
    return own_scopes(run, person) + lent


def delegations(run: Run, where: str, *values: str) -> list[Delegation]:
    """Return the delegations that a condition over ``d`` (and its unit ``x``) picks, whenever they hold."""
    found = run(_DELEGATIONS.format(where), values).fetchall()
    return [
        Delegation(principal, deputy, kind, unit, from_ticks(since), _instant(until), jurisdiction, path)
        for principal, deputy, kind, unit, since, until, jurisdiction, path in found
    ]


def concerning(run: Run, role: str, unit: str, jurisdiction: str) -> list[Delegation]:
    """Return the delegations that concern ``role`` for ``unit``, a regulator's for ``jurisdiction``."""
    if role in REGULATORS:
        return delegations(run, "d.unit = '' or d.jurisdiction = ?", jurisdiction)
    return delegations(run, _ABOVE, unit)


def begun(run: Run, table: str, held: Mapping[str, str], at: datetime) -> datetime | None:
    """Return since when it is held at ``at``, or from when on it will be; ``None`` if neither."""
    where = " and ".join(f"{name} = ?" for name in held)
    sql = f"select min(since) from {table} where {where} and (until is null or until > ?)"
    return _instant(run(sql, (*held.values(), to_ticks(at))).fetchone()[0])


def settle(
    run: Run,
    table: str,
    held: Mapping[str, str],
    since: datetime,
    until: datetime | None,
    more: Mapping[str, str],
) -> Change:
    """Enter a span of time, or set the end of the one that began at ``since``.

    No end says nothing about a known one; what is held already without end stays as it is. Raise
    ``BadInput`` for an end that is not after the start, ``Conflict`` where two spans would overlap.
    """
    begins, ends = to_ticks(since), None if until is None else to_ticks(until)
    if ends is not None and ends <= begins:
        raise BadInput("止的时间不晚于起的时间", why="起止之间至少要有一刻", then="改正起止时间")
    where = " and ".join(f"{name} = ?" for name in held)
    known = run(
        f"select id, since, until from {table} where {where} order by since", (*held.values(),)
    ).fetchall()
    same = next((row for row in known if row[1] == begins), None)
    if same is not None and ends in (None, same[2]):
        return "unchanged"
    for _, first, last in (row for row in known if row is not same):
        if (ends is None or first < ends) and (last is None or begins < last):
            if last is None and ends is None and first <= begins:
                return "unchanged"
            raise Conflict(
                "已有时间重叠的同一登记：" + "、".join(held.values()),
                why="同一内容的起止时间不能重叠",
                then="不写起的时间就是更新现有的一条；用 yiriban person show 查看",
            )
    if same is not None:
        run(f"update {table} set until = ? where id = ?", (ends, same[0]))
        return "changed"
    row = {**held, **more, "since": begins, "until": ends}
    run(f"insert into {table} ({', '.join(row)}) values ({', '.join('?' * len(row))})", (*row.values(),))
    return "added"


def _instant(ticks: int | None) -> datetime | None:
    return None if ticks is None else from_ticks(ticks)
