"""The hold on the outbox of a restored database: nothing leaves until a person has decided on what waits. 停发

Which messages went out between the backup and the loss nobody knows any more: not those that waited in the
backup, and not those that clocks catching up write anew. So a hold stops all of them, and only them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.moments import from_ticks, to_ticks
from storage.store import SqlStore

WAITS_FOR = "hold"
"""What a message that already waited in the backup waits for."""
_NAME = "hold"
_RECORD = (
    "insert into attempt (message, no, started_at, ended_at, outcome, detail, jurisdiction, person, channel)"
    " select key, (select coalesce(max(a.no), 0) + 1 from attempt a where a.message = m.key), ?, ?, ?, ?,"
    " jurisdiction, person, channel from message m where key = ?"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Since when (UTC) the outbox is on hold, why, and how many messages waited in the backup."""

    since: datetime
    why: str
    waited: int


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits; ``old``: it waited in the backup, the others came after the restore."""

    key: str
    person: str
    channel: str
    state: str
    old: bool
    subject: str
    created_at: datetime


def read_hold(store: SqlStore) -> Hold | None:
    """Return the hold, ``None`` where there is none; runs in the store's open transaction."""
    row = store.run("select value from meta where name = ?", (_NAME,)).fetchone()
    if row is None:
        return None
    told = json.loads(row[0])
    return Hold(datetime.fromisoformat(told["since"]), told["why"], told["waited"])


def put_hold(run: Callable[[str, Sequence[Any]], Any], why: str, now: datetime) -> Hold:
    """Put a database on hold by ``run`` (its open transaction) and mark what waits; a hold it had is replaced.

    Nobody holds its leases either: whoever did belonged to the database that was lost.
    """
    marked = run("update message set waits_for = ? where state in ('queued', 'sending')", (WAITS_FOR,))
    hold = Hold(now, why, int(marked.rowcount))
    told = {"since": now.isoformat(), "why": why, "waited": hold.waited}
    sql = (
        "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value"
    )
    run(sql, (_NAME, json.dumps(told, ensure_ascii=False)))
    run("delete from lease", ())
    return hold


def held(store: SqlStore) -> list[Held]:
    """Return every message that waits, the oldest first."""
    sql = (
        "select key, person, channel, state, waits_for = ?, subject, created_at from message"
        " where state in ('queued', 'sending') order by created_at, key"
    )
    rows = store.run(sql, (WAITS_FOR,)).fetchall()
    return [Held(r[0], r[1], r[2], r[3], bool(r[4]), r[5], from_ticks(r[6])) for r in rows]


def end_hold(
    store: SqlStore,
    hold: Hold,
    said: str,
    send: Sequence[Held],
    drop: Sequence[Held],
    starts: Mapping[str, datetime],
    now: datetime,
) -> None:
    """End the hold: ``send`` may go out, ``drop`` never does; ``said`` is who decided and why.

    ``starts`` says for a channel from when on it is open. A message that was being sent stays in doubt: its
    provider is asked before anything is sent. The decision stays in ``meta``, and with every message.
    """
    ticks = to_ticks(now)
    store.run_many(
        "update message set waits_for = '', send_from = max(send_from, ?) where key = ?",
        [(to_ticks(starts.get(m.channel, now)), m.key) for m in send],
    )
    store.run_many(
        "update message set state = 'dead', waits_for = '', owner = '', lease_until = null,"
        " doubt = case when state = 'sending' then 'dropped' else doubt end where key = ?",
        [(m.key,) for m in drop],
    )
    for outcome, chosen in (("released", send), ("dropped", drop)):
        store.run_many(_RECORD, [(ticks, ticks, outcome, said, m.key) for m in chosen])
    told = {
        "since": hold.since.isoformat(), "why": hold.why, "waited": hold.waited, "ended": now.isoformat(),
        "said": said, "sent": [m.key for m in send], "dropped": [m.key for m in drop],
    }  # fmt: skip
    sql = "insert into meta (name, value) values (?, ?)"
    store.run(sql, (f"hold ended {now.isoformat()}", json.dumps(told, ensure_ascii=False)))
    store.run("delete from meta where name = ?", (_NAME,))
