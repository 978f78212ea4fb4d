"""What the engine's check of itself reads, and what it remembers from one round to the next. 自查

Every function runs in the store's open transaction. The questions of each round are answered by partial indexes
that hold next to nothing while all is well; what an index cannot answer is looked at a few families at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.auditing import MOST, Finding, Standing
from engine.examining import Record
from engine.verify import StoredLine
from storage.feed import Feed, Subscription
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore
from storage.views import chains

_NAME = "audit"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept between two rounds: when the last one was, the last family looked at, what stands."""

    at: datetime | None = None
    cursor: str = ""
    standing: tuple[Standing, ...] = ()


def read_kept(store: SqlStore) -> Kept:
    """Return what the last round left, wherever it ran."""
    row = store.run("select value from meta where name = ?", (_NAME,)).fetchone()
    if row is None:
        return Kept()
    told = json.loads(row[0])
    standing = tuple(
        Standing(Finding(*one[:3]), datetime.fromisoformat(one[3]), _when(one[4]), _when(one[5]))
        for one in told["standing"]
    )
    return Kept(_when(told["at"]), told["cursor"], standing)


def keep(store: SqlStore, kept: Kept) -> None:
    """Write down what a round leaves."""
    told = {
        "at": _said(kept.at), "cursor": kept.cursor,
        "standing": [
            [s.finding.kind, s.finding.subject, s.finding.what, s.since.isoformat(), _said(s.told_at), _said(s.gone_since)]
            for s in kept.standing
        ],
    }  # fmt: skip
    sql = (
        "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value"
    )
    store.run(sql, (_NAME, json.dumps(told, ensure_ascii=False)))


def _when(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


# clocks

_UNPLANNED = "look_at is null and state = 'running' and plan <> '[]'"
"""As in the partial index on `clock`: a plan is there, and no moment at which somebody looks at it."""


def unplanned(store: SqlStore) -> tuple[list[tuple[str, str, int]], int]:
    """Return the first running clocks with something planned and no next look, and how many there are."""
    return _first(store, f"from clock where {_UNPLANNED}", (), "matter, name, round")


def unlooked(store: SqlStore, before: datetime) -> tuple[list[tuple[str, str, int]], int]:
    """Return the first clocks that somebody should have looked at before then, and how many there are."""
    return _first(store, "from clock where look_at < ?", (to_ticks(before),), "look_at, matter, name, round")


def _first(
    store: SqlStore, where: str, values: Sequence[Any], order: str
) -> tuple[list[tuple[str, str, int]], int]:
    """Return a few clocks, and count them only where there are more."""
    # the limit is spelled out: with a bound one SQLite walks the primary key instead of the partial index
    sql = f"select matter, name, round {where} order by {order} limit {MOST}"
    rows = [(r[0], r[1], int(r[2])) for r in store.run(sql, values).fetchall()]
    if len(rows) < MOST:
        return rows, len(rows)
    return rows, int(store.run(f"select count(*) {where}", values).fetchone()[0])


# messages


@dataclass(frozen=True, slots=True)
class Heap:
    """Messages that wait for one reason: in which channel, how many, the oldest since when, and what is known."""

    channel: str
    why: str
    count: int
    since: datetime
    detail: str = ""


def untaken(store: SqlStore, before: datetime) -> list[Heap]:
    """Return, by channel, what may go out since before then and nobody takes; a lease that ran out is up for taking."""
    ticks = to_ticks(before)
    sql = (
        "select channel, count(*), min(case when state = 'sending' then lease_until else send_from end) from message"
        " where state in ('queued', 'sending') and send_from <= ? and (state = 'queued' or lease_until <= ?)"
        " group by channel order by channel"
    )
    rows = store.run(sql, (ticks, ticks)).fetchall()
    return [Heap(channel, "", int(count), from_ticks(oldest)) for channel, count, oldest in rows]


def retried(store: SqlStore, before: datetime) -> list[Heap]:
    """Return, by channel and cause, what was first tried before then and still has not gone out.

    Not what waits for a quota to open, for a breaker (told apart), or for the end of a hold.
    """
    sql = (
        "select m.channel, m.waits_for, count(*), min(a.started_at), min(m.key) from message m"
        " join attempt a on a.message = m.key and a.no = 1"
        " where m.state in ('queued', 'sending') and (m.tries > 0 or m.waits_for in ('address', 'channel'))"
        " and m.waits_for not in ('quota', 'breaker', 'hold') and a.started_at <= ?"
        " group by m.channel, m.waits_for order by m.channel, m.waits_for"
    )
    last = "select detail from attempt where message = ? order by no desc limit 1"
    return [
        Heap(channel, why, int(count), from_ticks(since), store.run(last, (key,)).fetchone()[0])
        for channel, why, count, since, key in store.run(sql, (to_ticks(before),)).fetchall()
    ]


def unasked(store: SqlStore, before: datetime) -> list[Heap]:
    """Return, by channel, the messages whose receipts should have been asked for before then."""
    sql = (
        "select channel, count(*), min(look_at) from message where look_at is not null and look_at <= ?"
        " group by channel order by channel"
    )
    rows = store.run(sql, (to_ticks(before),)).fetchall()
    return [Heap(channel, "", int(count), from_ticks(oldest)) for channel, count, oldest in rows]


def stopped(store: SqlStore, before: datetime) -> list[tuple[str, str, str, datetime]]:
    """Return what has been out of use since before then: (channel, provider, reason, since)."""
    sql = "select channel, provider, detail, since from breaker where open = 1 and since <= ? order by channel, provider"
    rows = store.run(sql, (to_ticks(before),)).fetchall()
    return [(r[0], r[1], r[2], from_ticks(r[3])) for r in rows]


def behind(store: SqlStore, before: datetime) -> list[Subscription]:
    """Return the subscribers that stopped for good, and those in trouble that lack an event from before then."""
    found: list[Subscription] = []
    for stands in Feed(store).subscriptions():
        if stands.state != "open":
            found.append(stands)
            continue
        row = store.run("select recorded_at from event where seq = ?", (stands.after + 1,)).fetchone()
        if stands.detail and row is not None and from_ticks(row[0]) <= before:
            found.append(stands)
    return found


# families


def families_after(store: SqlStore, cursor: str, limit: int) -> list[str]:
    """Return the next roots behind ``cursor``; behind the last one begins the next turn."""
    sql = "select distinct root from matter where root > ? order by root limit ?"
    return [row[0] for row in store.run(sql, (cursor, limit)).fetchall()]


def roots_of(store: SqlStore, matters: Sequence[str]) -> list[str]:
    """Return the roots of these matters, each once."""
    found = {
        r[0] for m in matters for r in store.run("select root from matter where id = ?", (m,)).fetchall()
    }
    return sorted(found)


def record_of(store: SqlStore, root: str) -> Record:
    """Return the lines of a family in the order in which they were written, and its collapsed fires."""
    lines: list[tuple[str, StoredLine]] = [
        (head.matter, line) for head, listed in chains(store, root) for line in listed
    ]
    order = {
        (matter, number): place
        for place, (matter, number) in enumerate(
            store.run(
                "select h.matter, h.no from matter m join history h on h.matter = m.id where m.root = ? order by h.id",
                (root,),
            ).fetchall()
        )
    }
    # a line whose number was made unreadable stands where it was read: the chain says what is wrong with it
    lines.sort(key=lambda one: order.get((one[0], one[1].no), len(order)))
    sql = "select f.key, f.fired_at from matter m join fire f on f.matter = m.id where m.root = ? and f.collapsed = 1"
    collapsed = [(key, from_ticks(ticks)) for key, ticks in store.run(sql, (root,)).fetchall()]
    return Record(lines, collapsed)
