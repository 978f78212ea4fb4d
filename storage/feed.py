"""The events that an outsider checks this engine by, under numbers without gaps, in the order of commits. 事件流水

Why a table of its own and not the number of a history line: a tracker must also see what history does not hold
(messages handed over, reminders that collapsed, that a beat took place), all in one order. Why the numbers have
no gap and no reordering on SQLite: every row is written by a trigger (`feed_tables`) inside the transaction that
writes what it tells, writing transactions begin with ``BEGIN IMMEDIATE`` and so follow one another, a number is
the greatest ever given plus one, and a transaction that is rolled back takes the counter (``sqlite_sequence``)
back with it, whole or to its savepoint. ``AUTOINCREMENT`` never gives the number of a deleted last row again:
what somebody cuts off leaves a gap. On PostgreSQL a sequence would burn numbers and commit out of order; there
the number must be given under a lock, which this module does not do.

Who may not see a matter gets its events as bare numbers (``hidden``): the sequence stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.errors import NotFound
from storage.leases import EVERYWHERE
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

BEAT_EVERY = timedelta(minutes=5)
"""A beat is told at most so often: 105 000 rows a year."""
Sees = Callable[[str, str], bool]
"""Says whether the reader may see the matters of (unit, jurisdiction)."""

_READ = """
select e.seq, e.kind, e.matter, e.no, e.ref, e.state, e.at, e.recorded_at, e.hash, e.jurisdiction,
  m.unit, m.workflow, m.profile, m.bundle, m.part_of, m.about, m.go_live, h.body, h.hash,
  g.fire, g.person, g.channel
from event e left join matter m on m.id = e.matter
  left join history h on e.no > 0 and h.matter = e.matter and h.no = e.no
  left join message g on e.kind = 'message' and g.key = e.ref
where e.seq > ? order by e.seq limit ?
"""
_OPENS = ("opened", "inferred")


@dataclass(frozen=True, slots=True)
class Subscription:
    """How far a subscriber has come; ``upto > after``: a batch is on its way, and nobody knows whether it arrived."""

    name: str
    after: int = 0
    upto: int = 0
    state: str = "open"
    detail: str = ""
    again_at: datetime | None = None
    told_at: datetime | None = None
    """When this was written down."""


class Feed:
    """Reads events and keeps how far each subscriber has come; opens no transaction of its own."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``, whose transaction must be open."""
        self._store = store

    def read(self, after: int, limit: int, sees: Sees = lambda _unit, _place: True) -> list[dict[str, Any]]:
        """Return up to ``limit`` events that follow number ``after``, as what JSON can hold."""
        return [_event(row, sees) for row in self._store.run(_READ, (after, limit)).fetchall()]

    def last(self) -> int:
        """Return the greatest number given, 0 before the first."""
        return int(self._store.run("select coalesce(max(seq), 0) from event").fetchone()[0])

    def beat(self, now: datetime, every: timedelta = BEAT_EVERY) -> bool:
        """Tell that everything due by ``now`` is done, unless that was told less than ``every`` ago."""
        ticks = to_ticks(now)
        last = self._store.run("select max(at) from event where kind = 'beat'").fetchone()[0]
        if last is not None and last <= ticks < last + every // timedelta(microseconds=1):
            return False
        sql = "insert into event (kind, at, recorded_at, jurisdiction) values ('beat', ?, ?, ?)"
        self._store.run(sql, (ticks, ticks, EVERYWHERE))
        return True

    def subscription(self, name: str) -> Subscription:
        """Return how far ``name`` has come; one that is not known yet begins at the first event."""
        sql = 'select name, "after", upto, state, detail, again_at, told_at from subscriber where name = ?'
        row = self._store.run(sql, (name,)).fetchone()
        if row is None:
            return Subscription(name)
        again, told = (None if ticks is None else from_ticks(ticks) for ticks in row[5:7])
        return Subscription(row[0], row[1], row[2], row[3], row[4], again, told)

    def keep(self, subscription: Subscription, now: datetime) -> None:
        """Write down how far a subscriber has come."""
        s = subscription
        again = None if s.again_at is None else to_ticks(s.again_at)
        self._store.run(
            'insert into subscriber (name, "after", upto, state, detail, again_at, told_at, jurisdiction)'
            " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (name) do update set"
            ' "after" = excluded."after", upto = excluded.upto, state = excluded.state,'
            " detail = excluded.detail, again_at = excluded.again_at, told_at = excluded.told_at",
            (s.name, s.after, s.upto, s.state, s.detail, again, to_ticks(now), EVERYWHERE),
        )

    def subscriptions(self) -> list[Subscription]:
        """Return everybody who was ever sent anything, by name."""
        rows = self._store.run("select name from subscriber order by name").fetchall()
        return [self.subscription(name) for (name,) in rows]


def events_between(feed: Feed, after: int, upto: int) -> list[dict[str, Any]]:
    """Return the events with numbers above ``after`` up to ``upto``; raise ``NotFound`` if one is missing."""
    found = feed.read(after, upto - after)
    if [e["seq"] for e in found] != list(range(after + 1, upto + 1)):
        raise NotFound(
            f"事件流水在 {after + 1} 至 {upto} 之间缺号",
            why="有人从数据库里删过事件",
            then="不要继续写入，保留现有文件，与备份核对",
        )
    return found


def _event(row: tuple[Any, ...], sees: Sees) -> dict[str, Any]:
    (seq, kind, matter, no, ref, state, at, recorded_at, told_hash, place,
     unit, workflow, profile, bundle, part_of, about, go_live, body, line_hash, fire, person, channel) = row  # fmt: skip
    if matter and not sees(unit or "", place):
        return {"seq": seq, "kind": "hidden"}
    found: dict[str, Any] = {
        "seq": seq, "kind": kind, "matter": matter, "unit": unit or "", "jurisdiction": place,
        "at": from_ticks(at).isoformat(), "recorded_at": from_ticks(recorded_at).isoformat(), "hash": told_hash,
    }  # fmt: skip
    if kind == "message":
        # a digest has no matter of its own
        found |= {"message": ref, "state": state, "fire": fire, "person": person, "channel": channel}
    elif kind == "collapsed":
        found |= {"fire": ref}
    elif no:
        found |= {"no": no, "line": body, "line_hash": line_hash, "workflow": workflow}
        if kind in _OPENS and no == 1:
            gone_live = None if go_live is None else from_ticks(go_live).isoformat()
            found |= {
                "profile": profile,
                # the one it began with, as its first line says: a matter may have been migrated since
                "bundle": json.loads(body)["detail"].get("bundle", bundle),
                "part_of": part_of,
                "about": about,
                "go_live": gone_live,
            }
    return found
