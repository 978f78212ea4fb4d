"""What a round with kills must have left: the undisturbed run's database, and the providers' ledgers.

Rows are read with the driver alone: no code that was killed says here what it did.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from engine.verify import Head, StoredLine, verify
from storage.moments import from_ticks
from tests.faults.suite import Result

SAME: Mapping[str, str] = {
    "matter": "select * from matter order by id",
    "fact": "select * from fact order by matter, name",
    "history": "select matter, no, kind, at, recorded_at, body, hash, algorithm from history order by matter, no",
    "clock": "select * from clock order by matter, name, round",
    "evidence": "select matter, history_no, kind, name, sha256, size, place from evidence order by matter, history_no, id",
    "alias": "select * from alias order by kind, value, matter",
    "event": "select kind, matter, no, ref, at, recorded_at, hash from event where kind not in ('message', 'beat')"
    " order by kind, matter, no, ref",
}  # fmt: skip
"""What must be equal row by row; the ids of history and events are the order in which programs came to it."""
FIRES = "select key, matter, root, does, at, fired_at, collapsed, opened from fire order by key"
NOTICES = (
    "select key, fire, person, channel, subject, text, wording, params, created_at, expires_at from message"
)
ENDS = frozenset(
    {"accepted", "delivered", "digested", "moved", "expired", "dead", "undelivered", "unconfirmed"}
)
ARRIVED = frozenset({"accepted", "delivered", "unconfirmed"})
MOST_ASKS = 3
"""So often a provider that can be asked must have failed to answer before anything is sent again."""
FLAGGED = "messages doubled where nobody can be asked, flagged"
UNANSWERED = "messages doubled where the provider left three questions unanswered, flagged"


class End(NamedTuple):
    """How a message ended; ``does``: what its fire did."""

    state: str
    doubt: str
    digest: str | None
    fallback: str | None
    channel: str
    person: str
    does: str


def check(city_file: Path, oracle_file: Path, told: Mapping[str, Any], askable: bool, result: Result) -> None:
    """Compare both databases and the outbox with the ledgers; say what is wrong."""
    with closing(sqlite3.connect(city_file)) as city, closing(sqlite3.connect(oracle_file)) as oracle:
        whole = [row[0] for row in city.execute("pragma integrity_check")] == ["ok"]
        result.count("databases whose integrity_check is ok", whole)
        if not whole:
            result.wrong.append("integrity_check")
        _compare(city, oracle, result)
        _histories(city, result)
        _deeds(city, told, result)
        _Outbox(city, oracle, told["ledger"], askable, result).check()


def _compare(city: sqlite3.Connection, oracle: sqlite3.Connection, result: Result) -> None:
    """Everything but delivery is as if nobody had been killed."""
    ours, theirs = ({row[0]: row for row in db.execute(FIRES)} for db in (city, oracle))
    result.count("fires", len(ours))
    result.count("fires lost", len(theirs.keys() - ours.keys()))
    result.count("fires doubled or foreign", len(ours.keys() - theirs.keys()))
    odd = [key for key in theirs if ours.get(key) != theirs[key]] + [*(ours.keys() - theirs.keys())]
    result.wrong += [f"fire {key} is not as without kills" for key in odd[:5]]
    for table, sql in SAME.items():
        mine, yours = list(city.execute(sql)), list(oracle.execute(sql))
        if mine != yours:
            few = [str(row)[:150] for row in (Counter(mine) - Counter(yours))]
            less = [str(row)[:150] for row in (Counter(yours) - Counter(mine))]
            result.wrong.append(
                f"{table}: {len(few)} rows too many {few[:1]}, {len(less)} missing {less[:1]}"
            )


def _histories(city: sqlite3.Connection, result: Result) -> None:
    """Every chain is whole, by the product's own check and by a recount of the hashes."""
    sql = "select no, kind, at, recorded_at, body, hash, algorithm from history where matter = ? order by no"
    for head in city.execute("select id, state, history_no, head_hash from matter").fetchall():
        rows = city.execute(sql, (head[0],)).fetchall()
        lines = [
            StoredLine(r[0], r[1].encode(), from_ticks(r[2]), from_ticks(r[3]), r[4].encode(), r[5].encode(), r[6].encode())
            for r in rows
        ]  # fmt: skip
        breaks = list(verify(Head(*head), lines))
        last = ""
        for row in rows:
            last = sha256(f"{last}\n{row[4]}".encode()).hexdigest()
        result.count("histories verified", not breaks and last == head[3])
        if breaks or last != head[3]:
            result.wrong.append(f"history of {head[0]}: {breaks[:1]}")


def _deeds(city: sqlite3.Connection, told: Mapping[str, Any], result: Result) -> None:
    """What an officer was told is done stands in the history once; what was refused never."""
    bodies = "\n".join(body for (body,) in city.execute("select body from history where kind = 'action'"))
    opened = {row[0] for row in city.execute("select id from matter")}
    heard = Counter(told["ok"])
    for task in told["tasks"]:
        mark = f"办件{task['number']:06d}"
        times = task["root"] in opened if task["action"] == "open" else bodies.count(f'"{mark}"')
        result.count("deeds done", bool(times))
        if times != (not task["refused"]):
            result.wrong.append(f"{mark} {task['action']} on {task['on']} is there {int(times)} times")
        if heard[task["number"]] > times:
            result.wrong.append(
                f"{mark} was told {heard[task['number']]} times and is there {int(times)} times"
            )


class _Outbox:
    """The outbox against the ledgers of the providers."""

    def __init__(
        self, city: sqlite3.Connection, oracle: sqlite3.Connection,
        ledgers: Mapping[str, Sequence[Sequence[str]]], askable: bool, result: Result,
    ) -> None:  # fmt: skip
        self.result = result
        self.askable = {"sms": askable, "email": False}
        self.copies = {channel: Counter(entry[0] for entry in ledger) for channel, ledger in ledgers.items()}
        self.notices = self._by_key(city, NOTICES)
        self.due = self._by_key(oracle, NOTICES)
        self.ends = {
            row[0]: End(*row[1:])
            for row in city.execute(
                "select m.key, m.state, m.doubt, m.digest, m.fallback, m.channel, m.person, coalesce(f.does, '')"
                " from message m left join fire f on f.key = m.fire"
            )
        }
        sql = "select message, count(*) from attempt where asked and outcome = 'unknown' group by message"
        self.unanswered = dict(city.execute(sql))
        self.numbers = {
            r[0]: {"sms": r[1], "email": r[2]} for r in city.execute("select id, phone, email from person")
        }
        self.texts = {channel: {e[0]: e[1] for e in ledger} for channel, ledger in ledgers.items()}

    @staticmethod
    def _by_key(db: sqlite3.Connection, sql: str) -> dict[str, Any]:
        return {row[0]: row for row in db.execute(sql)}

    def check(self) -> None:
        """Every notice that the undisturbed run decided on is there as it was decided, and ended well."""
        count = self.result.count
        count("notices decided", len(self.due))
        carried = self._carried()
        for key, row in self.due.items():
            if key not in self.notices:
                count("messages lost")
                self._wrong(f"notice {key} was never written")
                continue
            self._reached(key)
            if self.notices[key] != row and key not in carried:
                self._wrong(f"notice {key} is not as without kills")
        for key in self.ends:
            self._ended(key)
        self._foreign()

    def _carried(self) -> set[str | None]:
        """Messages that carry on for another one: they may have been written by delivery before their fire's own."""
        return {end.fallback for end in self.ends.values() if end.fallback}

    def _copies(self, key: str) -> int:
        return self.copies[self.ends[key].channel][reference(key)]

    def _ended(self, key: str) -> None:
        """One message by itself: it has ended, as often as it says, at the right number."""
        end, copies = self.ends[key], self._copies(key)
        self.result.count("messages accepted, by the ledger", copies > 0)
        self.result.count("messages that count as accepted", end.state in ARRIVED)
        if end.state not in ENDS:
            self._lost(key, f"is still {end.state}")
        elif end.state in ARRIVED and not copies:
            self._lost(key, f"counts as {end.state}")
        self._doubled(key, end, copies)
        if copies and self.texts[end.channel][reference(key)] != self.numbers[end.person][end.channel]:
            self._wrong(f"{key} went to another number")

    def _doubled(self, key: str, end: End, copies: int) -> None:
        """One copy of what arrived, none of what did not, one of what is in doubt; more only where it is flagged."""
        beyond = copies - (end.state in ARRIVED or bool(end.doubt))
        if beyond <= 0:
            return
        if end.doubt == "resent" and not self.askable[end.channel]:
            self.result.count(FLAGGED, beyond)
        elif end.doubt == "resent" and self.unanswered.get(key, 0) >= MOST_ASKS:
            self.result.count(UNANSWERED, beyond)
        else:
            self.result.count("messages doubled", beyond)
            self._wrong(f"{key} ({end.state}, doubt {end.doubt or 'none'}) was accepted {copies} times")

    def _reached(self, key: str) -> None:
        """A notice, with its digest and what carried on for it, has reached the provider, or says why not."""
        way = self._way(key)
        if any(self._copies(one) for one in way):
            return
        ends = [self.ends[one] for one in way]
        if any(end.doubt for end in ends):
            kind = "reminders" if ends[0].does == "remind" else "warnings"
            self.result.count(f"{kind} given up in doubt, flagged, that no provider has")
        elif ends[0].does == "remind" and ends[-1].state in ("expired", "dead"):
            self.result.count("reminders that came too late, on record")
        else:
            self._lost(key, f"ended as {' > '.join(end.state for end in ends)}")

    def _way(self, key: str) -> list[str]:
        """The message, the digest that it went into, what carried on for either."""
        way: list[str] = []
        todo: list[str | None] = [key]
        while todo:
            one = todo.pop()
            if one is not None and one in self.ends and one not in way:
                way.append(one)
                todo += [self.ends[one].fallback, self.ends[one].digest]
        return way

    def _lost(self, key: str, how: str) -> None:
        self.result.count("messages lost")
        self._wrong(f"message {key} {how}, and the provider has none")

    def _foreign(self) -> None:
        """Providers got nothing that we do not know of; what was added has a reason."""
        ours = {reference(key) for key in self.ends}
        for channel, copies in self.copies.items():
            if strangers := copies.keys() - ours:
                self._wrong(f"{channel}: {len(strangers)} messages that nobody wrote")
        reasons = {end.digest for end in self.ends.values()} | self._carried()
        for key in self.ends.keys() - self.due.keys():
            if key not in reasons and not key.startswith("breaker/"):
                self._wrong(f"message {key} has no reason")

    def _wrong(self, what: str) -> None:
        self.result.wrong.append(what)


def reference(key: str) -> str:
    """How a provider knows a message: recomputed here."""
    return sha256(key.encode()).hexdigest()[:32]
