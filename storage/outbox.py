"""The outbox as delivery sees it: putting together, leasing, settling, and the attempts that stay on record."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Any

from engine.deliver_breaker import Breaker
from engine.deliver_contact import Contact, refused
from engine.deliver_limits import Past
from engine.deliver_outbox import Alarm, Settled
from engine.deliver_plan import FULL, LEAST_RETRY, End, Fallback, Ready, Wait
from engine.delivery import reference_of
from engine.digest import RUNG, Digest, Gathered, Notice, Taken
from engine.errors import Conflict
from storage.holds import read_hold
from storage.moments import from_ticks, to_ticks
from storage.outbox_reading import DAMAGED, LOOSE, READY, notice_of, past_of, ready_of
from storage.store import SqlStore

_AT_ONCE = 400
_EVERYWHERE = "000000"
# A set goes into the database as one statement: the driver hands the processor to other threads with every row of
# an ``executemany``, and whoever commits then waits for all of them, once a row. ``column1`` ... are what both
# databases call the columns of VALUES; the casts tell PostgreSQL what an empty one is.
_ATTEMPTS = (
    "insert into attempt (message, no, started_at, ended_at, outcome, detail, provider, provider_id, code, asked,"
    " again_at, jurisdiction, person, channel)"
    " select m.key, (select coalesce(max(a.no), 0) + 1 from attempt a where a.message = m.key),"
    " cast(v.column2 as bigint), cast(v.column3 as bigint), v.column4, v.column5, v.column6, v.column7, v.column8,"
    " cast(v.column9 as integer), cast(v.column10 as bigint), m.jurisdiction, m.person, m.channel"
    " from (values {}) v cross join message m where m.key = v.column1"
)
_AFTER = (
    "update message set state = v.column2, tries = message.tries + cast(v.column3 as integer),"
    " lease_until = cast(v.column4 as bigint), owner = '',"
    " send_from = coalesce(cast(v.column5 as bigint), message.send_from),"
    " provider_id = case when v.column6 = '' then message.provider_id else v.column6 end,"
    " unknowns = cast(v.column7 as integer), doubt = v.column8, waits_for = v.column9,"
    " look_at = cast(v.column10 as bigint) from (values {}) v where message.key = v.column1 and"
    " (message.owner = v.column11 or (v.column2 = 'accepted' and message.state in ('queued', 'sending')))"
)
_SENT = "asked = 0 and outcome in ('accepted', 'unknown')"
_SENT_TWICE = (
    f"select message from attempt where message in ({{}}) and {_SENT} group by message having count(*) > 1"
)
_DOUBLED = (
    "update message set doubt = 'resent' where key = ? and doubt = '' and exists (select 1 from"
    f" (select * from attempt where {_SENT}) one join (select * from attempt where {_SENT}) other"
    " on other.message = one.message and other.no > one.no where one.message = message.key and not exists"
    " (select 1 from attempt a where a.message = one.message and a.asked = 1 and a.outcome = 'retry'"
    " and a.started_at >= one.ended_at and a.no > one.no and a.no < other.no))"
)
"""Two handed a message over, and in between no provider said that it had nothing."""


class SqlOutbox:
    """Leases messages and writes what became of them, in the transaction that ``together`` opens."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    def together(self) -> AbstractContextManager[Any]:
        """Open a writing transaction for what follows."""
        return self._store.transaction()

    # putting together

    def gather(self, now: datetime, put: Callable[[Sequence[Notice], Taken], Gathered]) -> Gathered:
        """Write the digests that ``put`` makes of the notices that may go out by ``now``.

        Raise ``Conflict`` where another sender took one of them meanwhile; then nothing is written.
        """
        if read_hold(self._store) is not None:
            return Gathered()
        notices = []
        for row in self._store.fetch(LOOSE, (to_ticks(now),)):
            with suppress(*DAMAGED):  # it goes alone, and is found out there
                notices.append(notice_of(row))
        if len(notices) < 2:
            return Gathered()
        found = put(notices, self._existing)
        for digest in found.digests:
            self._write(digest, to_ticks(now))
        for key, until in found.waits.items():
            self._change("send_from = ?", to_ticks(until), key)
        return found

    def _existing(self, keys: Collection[str]) -> frozenset[str]:
        return frozenset(
            key for (key,) in self._among("select key from message where key in ({})", list(keys))
        )

    def _among(
        self, sql: str, keys: Sequence[str], before: Sequence[Any] = (), after: Sequence[Any] = ()
    ) -> Iterator[Any]:
        """Run ``sql`` with its one ``{}`` filled by a few hundred of ``keys`` at a time."""
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            yield from self._store.run(
                sql.format(",".join("?" * len(part))), (*before, *part, *after)
            ).fetchall()

    def _write(self, digest: Digest, ticks: int) -> None:
        self._store.run(
            "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text,"
            " send_from, created_at, state, wording, params, tries, expires_at)"
            " values (?, '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, 0, ?)",
            (
                digest.key, digest.jurisdiction, digest.person, digest.role, digest.channel, RUNG, digest.subject,
                digest.text, ticks, ticks, digest.wording, json.dumps(dict(digest.params), ensure_ascii=False),
                to_ticks(digest.expires_at) if digest.expires_at else None,
            ),
        )  # fmt: skip
        for member in digest.members:
            self._change("state = 'digested', digest = ?", digest.key, member)

    def _change(self, what: str, value: Any, key: str) -> None:
        """Change a message that waits; where it no longer does, the whole transaction is undone."""
        sql = f"update message set {what} where key = ? and state = 'queued'"
        if self._store.run(sql, (value, key)).rowcount != 1:
            raise _overtaken()

    # before the providers

    def due(self, now: datetime, limit: int) -> list[Ready]:
        """Return messages that may go out by ``now``; doubtful are those whose lease ran out unsettled.

        On hold (`storage.holds`) there are none.
        """
        if read_hold(self._store) is not None:
            return []
        ticks = to_ticks(now)
        found: list[Ready] = []
        for row in self._store.fetch(READY, (ticks, ticks, limit)):
            try:
                found.append(ready_of(row))
            except DAMAGED as error:
                self._give_up(row[0], f"消息读不出来：内容已损坏，或在程序之外改动过（{error}）", ticks)
        return found

    def _give_up(self, key: str, detail: str, ticks: int) -> None:
        """End a message that nobody can read, for people to see; the others go on."""
        self._set(_ATTEMPTS, [(key, ticks, ticks, "dead", detail, "", "", "", 0, None)])
        self._store.run(
            "update message set state = 'dead', lease_until = null, owner = '' where key = ?", (key,)
        )

    def past(self, channel: str, persons: Collection[str], since: datetime, now: datetime) -> dict[str, Past]:
        """Return what went to the numbers of ``persons`` after ``since``, or is on its way."""
        return past_of(self._among, channel, sorted(persons), to_ticks(since), to_ticks(now))

    def lease(self, taken: Sequence[tuple[Ready, str]], owner: str, now: datetime, until: datetime) -> None:
        """Take messages, each for a provider; raise ``Conflict`` where somebody else has one by now."""
        if not taken:
            return
        # whom a doubtful one was handed to, and when, is what the provider will be asked for
        rows = [
            (to_ticks(until), owner, provider, reference_of(r.message.key), r.doubtful, to_ticks(now), r.message.key,
             "sending" if r.doubtful else "queued", r.owner)
            for r, provider in taken
        ]  # fmt: skip
        sql = (
            "update message set state = 'sending', lease_until = ?, owner = ?, provider = ?, reference = ?, waits_for = '',"
            " handed_at = case when ? then coalesce(handed_at, 0) else ? end where key = ? and state = ? and owner = ?"
        )
        if self._many(sql, rows) != len(rows):
            raise _overtaken()

    def _many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement with many rows; return how many rows of the table it changed."""
        return self._store.run_many(sql, rows)

    def _set(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run ``sql`` with its one ``{}`` filled by a few hundred of ``rows`` at a time."""
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            places = ",".join(["(" + ",".join("?" * len(part[0])) + ")"] * len(part))
            self._store.run(sql.format(places), [value for row in part for value in row])

    def postpone(self, waiting: Sequence[tuple[Ready, Wait]], now: datetime) -> None:
        """Let messages wait; what must be put right on our side is recorded when it is new."""
        if not waiting:
            return
        self._many(
            "update message set send_from = ?, waits_for = ? where key = ? and state = 'queued'",
            [(to_ticks(wait.until), wait.why, ready.message.key) for ready, wait in waiting],
        )
        for ready, wait in waiting:
            if wait.why in ("address", "channel"):
                self._note_once(ready.message.key, wait.detail, to_ticks(now))

    def _note_once(self, key: str, detail: str, ticks: int) -> None:
        sql = "select outcome, detail from attempt where message = ? order by no desc limit 1"
        if self._store.run(sql, (key,)).fetchone() != ("config", detail):
            self._set(_ATTEMPTS, [(key, ticks, ticks, "config", detail, "", "", "", 0, None)])

    def end(self, ended: Sequence[tuple[Ready, End]], now: datetime) -> None:
        """End messages that are not handed over, with the ones that carry on instead."""
        ticks = to_ticks(now)
        for ready, end in ended:
            key = ready.message.key
            state: str = end.state
            if end.fallback is not None and not self.carry_on(key, end.fallback, now):
                state = "dead"  # the other way had failed before
            self._set(_ATTEMPTS, [(key, ticks, ticks, state, end.detail, "", "", "", 0, None)])
            self._change("waits_for = '', state = ?", state, key)

    # after the providers

    def settle(self, done: Sequence[Settled], owner: str) -> None:
        """Record attempts and new states. What another sender holds by now is left to it, unless it was accepted.

        After an ``unknown`` a message stays in doubt: whoever takes it next asks before sending. What two senders
        handed over, because one of them was stopped while it did so, is marked as perhaps doubled.
        """
        self._set(_ATTEMPTS, [_attempt(one) for one in done])
        self._set(_AFTER, [_after(one, owner) for one in done])
        twice = list(self._among(_SENT_TWICE, [one.ready.message.key for one in done]))
        if twice:
            self._many(_DOUBLED, twice)
        for one in done:
            if one.after.fallback is not None:
                self.carry_on(one.ready.message.key, one.after.fallback, one.ended)
            if one.outcome.kind == "rejected":
                message = one.ready.message
                reason = one.outcome.code or one.outcome.detail
                self.blame(message.person, message.channel, one.outcome.blame, reason, one.ended)

    def carry_on(self, key: str, other: Fallback, now: datetime) -> bool:
        """Let another message carry on; where it exists already, it is the one, unless it has failed itself."""
        self._store.run(
            "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text,"
            " send_from, created_at, state, wording, params, tries, expires_at)"
            " select ?, fire, matter, jurisdiction, person, role, ?, rung, ?, ?, ?, ?, 'queued', wording, params, 0,"
            " expires_at from message where key = ? on conflict do nothing",
            (
                other.key,
                other.channel,
                other.subject,
                other.text,
                to_ticks(other.send_from),
                to_ticks(now),
                key,
            ),
        )
        done = self._store.run(
            "update message set fallback = ? where key = ? and exists (select 1 from message o where o.key = ?"
            " and o.state not in ('dead', 'expired', 'undelivered', 'unconfirmed'))",
            (other.key, key, other.key),
        )
        return bool(done.rowcount)

    def blame(self, person: str, channel: str, blame: Any, reason: str, now: datetime) -> None:
        """Note a refusal against a person's address, where it was the address."""
        sql = "select state, since, last_at, reason from contact where person = ? and channel = ?"
        row = self._store.run(sql, (person, channel)).fetchone()
        known = Contact(row[0], from_ticks(row[1]), from_ticks(row[2]), row[3]) if row else None
        after = refused(known, blame, reason, now)
        if after is None or after == known:
            return
        self._store.run(
            "insert into contact (person, channel, state, since, last_at, reason, jurisdiction)"
            " values (?, ?, ?, ?, ?, ?, ?) on conflict (person, channel) do update set state = excluded.state,"
            " last_at = excluded.last_at, reason = excluded.reason",
            (
                person,
                channel,
                after.state,
                to_ticks(after.since),
                to_ticks(after.last_at),
                after.reason,
                _EVERYWHERE,
            ),
        )

    # what is out of use

    def breakers(self) -> dict[tuple[str, str], Breaker]:
        """Return every breaker that was ever opened."""
        sql = "select channel, provider, open, since, probe_at, failures, probing, detail from breaker"
        return {
            (r[0], r[1]): Breaker(
                r[0], r[1], bool(r[2]), from_ticks(r[3]), from_ticks(r[4]), r[5], bool(r[6]), r[7]
            )
            for r in self._store.run(sql).fetchall()
        }

    def set_breaker(self, breaker: Breaker, now: datetime) -> None:
        """Write a breaker; what waited for one that is closed may go out at once."""
        self._store.run(
            "insert into breaker (channel, provider, open, since, probe_at, failures, probing, detail, jurisdiction)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (channel, provider) do update set open = excluded.open,"
            " since = excluded.since, probe_at = excluded.probe_at, failures = excluded.failures,"
            " probing = excluded.probing, detail = excluded.detail",
            (breaker.channel, breaker.provider, breaker.open, to_ticks(breaker.since), to_ticks(breaker.probe_at),
             breaker.failures, breaker.probing, breaker.detail, _EVERYWHERE),
        )  # fmt: skip
        if not breaker.open:
            self._store.run(
                "update message set send_from = ? where waits_for = 'breaker' and channel = ? and state = 'queued'",
                (to_ticks(now), breaker.channel),
            )

    def alarm(self, alarms: Callable[[str], Alarm | None], now: datetime, *, rung: str = "breaker") -> int:
        """Queue one message to each person who is a tracker now; return how many. ``rung`` says what it is about."""
        ticks = to_ticks(now)
        sql = (
            "select person, min(jurisdiction) from appointment where role = 'tracker' and since <= ?"
            " and (until is null or until > ?) group by person order by person"
        )
        told = 0
        for person, jurisdiction in self._store.run(sql, (ticks, ticks)).fetchall():
            one = alarms(person)
            if one is None:
                continue
            self._store.run(
                "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text,"
                " send_from, created_at, wording, params, state, tries) values (?, '', '', ?, ?, 'tracker', ?, ?, ?, ?, ?, ?,"
                " ?, ?, 'queued', 0) on conflict do nothing",
                (
                    one.key,
                    jurisdiction,
                    person,
                    one.channel,
                    rung,
                    one.subject,
                    one.text,
                    to_ticks(one.send_from),
                    ticks,
                    one.wording,
                    json.dumps(dict(one.params), ensure_ascii=False),
                ),
            )
            told += 1
        return told


def _attempt(one: Settled) -> tuple[Any, ...]:
    outcome = one.outcome
    again = outcome.again_at
    if outcome.kind == "quota":  # until then the number counts as full
        again = max(again or one.ended + FULL, one.ended + LEAST_RETRY)
    detail = "；".join(part for part in (outcome.detail, one.after.note) if part)
    return (
        one.ready.message.key, to_ticks(one.started), to_ticks(one.ended), outcome.kind, detail, one.provider,
        outcome.provider_id, outcome.code, one.asked, to_ticks(again) if again else None,
    )  # fmt: skip


def _after(one: Settled, owner: str) -> tuple[Any, ...]:
    after, outcome = one.after, one.outcome
    again = to_ticks(after.again_at) if after.again_at else None
    waits = after.state == "sending"
    return (
        one.ready.message.key, after.state, after.tried, again if waits else None, None if waits else again,
        outcome.provider_id, after.unknowns, after.doubt, after.waits_for,
        to_ticks(after.look_at) if after.look_at else None, owner,
    )  # fmt: skip


def _overtaken() -> Conflict:
    return Conflict("另一个程序正在发送同一批消息", then="稍候再发；已发出的不会重发")
