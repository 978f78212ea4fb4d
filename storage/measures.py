"""What is measured from outside: counts that an index answers, whatever the tables have grown to. 指标

Every function runs in the store's open transaction. Nothing here may walk a table that grows with the years: open
clocks, waiting messages and troubles have partial indexes; what ends is counted as it is added, by its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.auditing import read_kept
from storage.feed import Feed
from storage.holds import read_hold
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

AT_ONCE = 50_000
"""So many new rows are counted in one go; what is left over is counted the next time."""
_OPEN = "state in ('running', 'paused')"
"""As in the partial index on `clock`."""
_WAITING = "state in ('queued', 'sending')"
_UNDER_WAY = ("queued", "sending")


@dataclass(frozen=True, slots=True)
class OpenClocks:
    """The open clocks of one name and state: how many, and of how many each due moment has passed."""

    name: str
    state: str
    count: int
    passed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The messages that wait in one channel and state, and since when the oldest might have gone out."""

    channel: str
    state: str
    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Up to which attempt and which event everything has been counted."""

    attempt: int = 0
    event: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """What was added since a place: attempts by channel, provider and outcome; messages that came to an end."""

    upto: Place
    attempts: Mapping[tuple[str, str, str], int]
    ended: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that is read from the database at one moment."""

    at: datetime
    clocks: tuple[OpenClocks, ...]
    due: int
    due_since: datetime | None
    troubles: int
    waiting: tuple[Waiting, ...]
    breakers: Mapping[tuple[str, str], bool]
    lags: Mapping[str, tuple[int, bool]]
    """By subscriber: how many events it has not taken, and whether it is being sent any."""
    on_hold: bool
    findings: Mapping[str, int] = field(default_factory=dict)
    audited_at: datetime | None = None


def measure(store: SqlStore, now: datetime) -> Measures:
    """Read everything at once."""
    ticks = to_ticks(now)
    due, due_since = store.run(
        "select count(*), min(look_at) from clock where look_at is not null and look_at <= ?", (ticks,)
    ).fetchone()
    kept = read_kept(store)
    findings: dict[str, int] = {}
    for standing in kept.standing:
        if standing.gone_since is None:
            findings[standing.finding.kind] = findings.get(standing.finding.kind, 0) + 1
    return Measures(
        now, open_clocks(store, ticks), int(due), _when(due_since), _troubles(store), _waiting(store),
        {(r[0], r[1]): bool(r[2]) for r in store.run("select channel, provider, open from breaker").fetchall()},
        _lags(store), read_hold(store) is not None, findings, kept.at,
    )  # fmt: skip


def open_clocks(store: SqlStore, ticks: int) -> tuple[OpenClocks, ...]:
    """Count the open clocks by name and state, and those whose due moments have passed."""
    sums = ", ".join(f"sum(case when {m} <= ? then 1 else 0 end)" for m in ("promise", "agreed", "statutory"))
    sql = f"select name, state, count(*), {sums} from clock where {_OPEN} group by name, state"
    return tuple(
        OpenClocks(r[0], r[1], int(r[2]), {"promise": int(r[3]), "agreed": int(r[4]), "statutory": int(r[5])})
        for r in store.run(sql, (ticks, ticks, ticks)).fetchall()
    )


def _troubles(store: SqlStore) -> int:
    rows = store.run("select state from clock where trouble <> ''").fetchall()
    return sum(1 for (state,) in rows if state in ("running", "paused"))


def _waiting(store: SqlStore) -> tuple[Waiting, ...]:
    """Count what has not gone out: what was tried before waits since it was made, the rest since it might go out."""
    since = "case when tries = 0 and waits_for in ('', 'quota') then send_from else created_at end"
    sql = (
        f"select channel, state, count(*), min({since}) from message where {_WAITING} group by channel, state"
    )
    return tuple(Waiting(r[0], r[1], int(r[2]), _when(r[3])) for r in store.run(sql).fetchall())


def _lags(store: SqlStore) -> dict[str, tuple[int, bool]]:
    feed = Feed(store)
    last = feed.last()
    return {s.name: (last - s.after, s.state == "open") for s in feed.subscriptions()}


# what is added


def place(store: SqlStore) -> Place:
    """Return where counting begins now."""
    attempt = store.run("select coalesce(max(id), 0) from attempt").fetchone()[0]
    return Place(int(attempt), Feed(store).last())


def added(store: SqlStore, since: Place) -> Added:
    """Count what was added since then, at most ``AT_ONCE`` rows of each kind."""
    here = place(store)
    upto = Place(min(here.attempt, since.attempt + AT_ONCE), min(here.event, since.event + AT_ONCE))
    sql = (
        "select channel, provider, outcome, count(*) from attempt where id > ? and id <= ?"
        " group by channel, provider, outcome"
    )
    attempts = {
        (r[0], r[1], r[2]): int(r[3]) for r in store.run(sql, (since.attempt, upto.attempt)).fetchall()
    }
    sql = (
        "select m.channel, e.state, count(*) from event e join message m on m.key = e.ref"
        " where e.seq > ? and e.seq <= ? and e.kind = 'message' group by m.channel, e.state"
    )
    rows = store.run(sql, (since.event, upto.event)).fetchall()
    return Added(upto, attempts, {(r[0], r[1]): int(r[2]) for r in rows if r[1] not in _UNDER_WAY})


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt as a log may show it: the message by our reference, nobody's name or address."""

    id: int
    channel: str
    provider: str
    outcome: str
    code: str
    asked: bool
    seconds: float
    reference: str


def attempts_after(store: SqlStore, attempt: int, limit: int = AT_ONCE) -> list[Tried]:
    """Return the attempts that follow number ``attempt``."""
    sql = (
        "select a.id, a.channel, a.provider, a.outcome, a.code, a.asked, a.started_at, a.ended_at, m.reference"
        " from attempt a left join message m on m.key = a.message where a.id > ? order by a.id limit ?"
    )
    return [_tried(row) for row in store.run(sql, (attempt, limit)).fetchall()]


def _tried(r: Any) -> Tried:
    seconds = 0.0 if r[7] is None else (r[7] - r[6]) / 1_000_000
    return Tried(int(r[0]), r[1], r[2], r[3], r[4], bool(r[5]), seconds, r[8] or "")


def _when(ticks: int | None) -> datetime | None:
    return None if ticks is None else from_ticks(ticks)
