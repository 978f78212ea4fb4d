"""Messages and channels as people look at them: a message's whole life, the state of providers, replaying."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.directory import ADDRESSES, mask_address
from engine.errors import NotFound, Refused
from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

REPLAYABLE = ("dead", "expired", "undelivered", "unconfirmed")
_SHORTEST_REFERENCE = 8
_REMEMBERED = timedelta(days=30)
_BY_CHANNEL = " ".join(f"when '{channel}' then p.{name}" for channel, name in ADDRESSES.items())
_ADDRESS = f"case m.channel {_BY_CHANNEL} end"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a message's life; ``asked``: the provider was asked, nothing was sent."""

    no: int
    at: datetime
    outcome: str
    provider: str
    code: str
    detail: str
    asked: bool
    provider_id: str


@dataclass(frozen=True, slots=True)
class Came:
    """A receipt as it was kept."""

    at: datetime
    received_at: datetime
    state: str
    provider: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Life:
    """Everything about one message; ``to`` is masked."""

    key: str
    reference: str
    fire: str
    matter: str
    person: str
    role: str
    channel: str
    to: str
    contact: str
    subject: str
    text: str
    created_at: datetime
    send_from: datetime
    expires_at: datetime | None
    state: str
    waits_for: str
    doubt: str
    tries: int
    provider: str
    provider_id: str
    digest: str | None
    fallback: str | None
    instead_of: tuple[str, ...]
    members: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    receipts: tuple[Came, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """A provider of a channel in numbers: the breaker, what it took since midnight, its last trouble."""

    open: bool
    since: datetime | None
    probe_at: datetime | None
    detail: str
    today: int
    trouble: str
    trouble_at: datetime | None


def find(store: SqlStore, wanted: str) -> str:
    """Return the key of the message called so, by its key or by (the beginning of) its reference."""
    row = store.run("select key from message where key = ?", (wanted,)).fetchone()
    if row is not None:
        return str(row[0])
    found = []
    if len(wanted) >= _SHORTEST_REFERENCE:
        sql = "select key from message where reference is not null and substr(reference, 1, ?) = ? limit 2"
        found = store.run(sql, (len(wanted), wanted.lower())).fetchall()
    if len(found) != 1:
        raise NotFound(
            "没有这条消息" if not found else "有几条消息的编号都这样开头",
            then="yiriban message list --json 列出每条消息的 key",
        )
    return str(found[0][0])


def life(store: SqlStore, key: str) -> Life:
    """Return the whole life of a message."""
    r = store.run(
        f"select m.key, m.reference, m.fire, m.matter, m.person, m.role, m.channel, {_ADDRESS}, c.state, m.subject,"
        " m.text, m.created_at, m.send_from, m.expires_at, m.state, m.waits_for, m.doubt, m.tries, m.provider,"
        " m.provider_id, m.digest, m.fallback from message m left join person p on p.id = m.person"
        " left join contact c on c.person = m.person and c.channel = m.channel where m.key = ?",
        (key,),
    ).fetchone()
    shown = mask_address(r[6], r[7] or "") if r[6] in ADDRESSES else r[4]
    return Life(
        r[0], r[1] or "", r[2], r[3], r[4], r[5], r[6], shown, r[8] or "ok", r[9], r[10],
        from_ticks(r[11]), from_ticks(r[12]), from_ticks(r[13]) if r[13] is not None else None, r[14], r[15], r[16],
        r[17], r[18], r[19], r[20], r[21], _keys(store, "fallback", key), _keys(store, "digest", key),
        _attempts(store, key), _receipts(store, key),
    )  # fmt: skip


def _keys(store: SqlStore, column: str, key: str) -> tuple[str, ...]:
    sql = f"select key from message where {column} is not null and {column} = ? order by key"
    return tuple(row[0] for row in store.run(sql, (key,)).fetchall())


def _attempts(store: SqlStore, key: str) -> tuple[Attempt, ...]:
    sql = (
        "select no, started_at, outcome, provider, code, detail, asked, provider_id from attempt where message = ?"
        " order by no"
    )
    return tuple(
        Attempt(r[0], from_ticks(r[1]), r[2], r[3], r[4], r[5], bool(r[6]), r[7])
        for r in store.run(sql, (key,)).fetchall()
    )


def _receipts(store: SqlStore, key: str) -> tuple[Came, ...]:
    sql = "select at, received_at, state, provider, code, detail from receipt where message = ? order by received_at, id"
    return tuple(
        Came(from_ticks(r[0]), from_ticks(r[1]), r[2], r[3], r[4], r[5])
        for r in store.run(sql, (key,)).fetchall()
    )


def refuse_replay(found: Life) -> None:
    """Raise ``Refused`` for a message that may not be sent once more."""
    if found.state not in REPLAYABLE:
        raise Refused(
            "这条消息不能重发",
            why="只有没有送达的消息可以重发；在发、已发、已并入汇总的不行",
            then="yiriban message list --state dead 列出没有送达的",
        )


def replay(store: SqlStore, key: str, said: str, start: datetime, now: datetime) -> None:
    """Put a message that failed back into the queue, from ``start`` on; ``said`` is who wants it and why.

    One in doubt is asked for first, as always; but now it is sent even if nobody knows.
    """
    row = store.run("select state, doubt, unknowns from message where key = ?", (key,)).fetchone()
    doubtful = row[1] == "dropped" or row[2] > 0
    ticks = to_ticks(now)
    done = store.run(
        "update message set state = ?, lease_until = ?, owner = '', send_from = ?, tries = 0, unknowns = 0, doubt = '',"
        f" insisted = 1, expires_at = null, waits_for = '', look_at = null where key = ? and state in {REPLAYABLE}",
        ("sending" if doubtful else "queued", ticks if doubtful else None, to_ticks(start), key),
    )
    if done.rowcount == 1:
        store.run(
            "insert into attempt (message, no, started_at, ended_at, outcome, detail, jurisdiction, person, channel)"
            " select key, (select coalesce(max(a.no), 0) + 1 from attempt a where a.message = m.key), ?, ?, 'replay', ?,"
            " jurisdiction, person, channel from message m where key = ?",
            (ticks, ticks, said, key),
        )


def put_trial(
    store: SqlStore, key: str, person: str, channel: str, subject: str, text: str, wording: str,
    params: Mapping[str, str], now: datetime,
) -> None:  # fmt: skip
    """Write a message that only tries a channel out."""
    store.run(
        "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text, send_from,"
        " created_at, state, tries, wording, params) select ?, '', '', jurisdiction, id, '', ?, 'test', ?, ?, ?, ?,"
        " 'queued', 0, ?, ? from person where id = ?",
        (key, channel, subject, text, to_ticks(now), to_ticks(now), wording,
         json.dumps(dict(params), ensure_ascii=False), person),
    )  # fmt: skip


def served(store: SqlStore, channel: str, provider: str, midnight: datetime, now: datetime) -> Served:
    """Return how a provider does."""
    row = store.run(
        "select open, since, probe_at, detail from breaker where channel = ? and provider = ?",
        (channel, provider),
    ).fetchone()
    today = store.run(
        "select count(*) from attempt where started_at >= ? and channel = ? and provider = ? and outcome = 'accepted'",
        (to_ticks(midnight), channel, provider),
    ).fetchone()[0]
    trouble = store.run(
        "select detail, started_at from attempt where started_at >= ? and channel = ? and provider = ?"
        " and outcome in ('retry', 'quota', 'rejected', 'config', 'unknown') order by started_at desc limit 1",
        (to_ticks(now - _REMEMBERED), channel, provider),
    ).fetchone()
    down = row is not None and bool(row[0])
    return Served(
        down, from_ticks(row[1]) if down else None, from_ticks(row[2]) if down else None, row[3] if down else "",
        int(today), trouble[0] if trouble else "", from_ticks(trouble[1]) if trouble else None,
    )  # fmt: skip


def waiting(store: SqlStore) -> dict[str, int]:
    """Count what waits or is in doubt, by channel."""
    sql = "select channel, count(*) from message where state in ('queued', 'sending') group by channel"
    return {channel: int(count) for channel, count in store.run(sql).fetchall()}


def contacts(store: SqlStore) -> list[tuple[str, str, str]]:
    """Return whose addresses are suspect or invalid: (person, channel, state)."""
    sql = "select person, channel, state from contact order by state, person, channel"
    return [(row[0], row[1], row[2]) for row in store.run(sql).fetchall()]
