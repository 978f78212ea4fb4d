"""Compares the outbox with what the providers accepted, both ways; and asks the engine's own checks."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.delivery import reference_of
from tests.fakes.serve import Entry
from tests.faults._city_peers import SIGN
from tests.faults.suite import Result

SENT = ("accepted", "delivered", "undelivered", "unconfirmed")
UNSENT = ("queued", "digested", "moved", "expired", "held")
_SAME_FIRE = "matter, clock, round, epoch, rung, occurrence"


@dataclass(frozen=True, slots=True)
class Row:
    """A message of the outbox."""

    key: str
    channel: str
    state: str
    text: str
    digest: str
    doubt: str
    params: str


def outbox(database: Path) -> dict[str, Row]:
    """Return the whole outbox by its keys."""
    sql = "select key, channel, state, text, coalesce(digest, ''), doubt, params from message"
    with closing(sqlite3.connect(database, timeout=10)) as looking:
        return {row[0]: Row(*row) for row in looking.execute(sql)}


def compare(
    before: Mapping[str, Row], after: Mapping[str, Row], ledgers: Mapping[str, Sequence[Entry]], result: Result
) -> None:  # fmt: skip
    """Count what was lost, doubled, changed or never meant; ``before`` is the outbox of the morning."""
    for channel, entries in ledgers.items():
        copies = Counter(entry.reference for entry in entries)
        texts = {entry.reference: entry.text for entry in entries}
        mine = {reference_of(row.key): row for row in after.values() if row.channel == channel}
        result.figures[f"{channel}: in the provider's ledger"] = len(entries)
        for reference in copies.keys() - mine.keys():
            result.wrong.append(f"{channel}: {reference} was never in the outbox")
        for reference, row in mine.items():
            wanted = row.state in SENT and (row.key not in before or before[row.key].state not in SENT)
            _compare(row, copies[reference], texts.get(reference, ""), result, wanted=wanted)
    _digests(before, after, result)


def _compare(row: Row, copies: int, text: str, result: Result, *, wanted: bool) -> None:
    result.count(f"{row.channel}: sent, as the outbox says", int(wanted))
    if row.state == "dead" and row.doubt and row.channel == "email":
        # twice killed while it was handed over: nobody knows, and the trackers' desk shows it
        result.count("email: given up in doubt, shown")
        return
    if row.state not in (*SENT, *UNSENT):
        result.wrong.append(f"{row.key} stands at {row.state} in the evening")
    if not wanted and copies:
        result.wrong.append(f"{row.key} reached its reader, and the outbox says {row.state}")
    if wanted and not copies:
        result.wrong.append(f"{row.key} counts as {row.state} and was lost")
    if copies > 1:
        # a mail cannot be asked for; a second copy has the same Message-ID, and says so in the outbox
        flagged = row.channel == "email" and row.doubt == "resent"
        result.count(f"{row.channel}: came twice, marked" if flagged else f"{row.channel}: doubled")
        if not flagged:
            result.wrong.append(f"{row.key} came {copies} times")
    if wanted and copies and text.strip() not in (row.text.strip(), f"【{SIGN}】{row.text.strip()}"):
        result.wrong.append(f"{row.key}: the reader got {text!r} instead of {row.text!r}")


def _digests(before: Mapping[str, Row], after: Mapping[str, Row], result: Result) -> None:
    """Every notice that went into a digest today is counted by it, and the digest went out or still waits."""
    members = Counter(row.digest for row in after.values() if row.state == "digested")
    for key, number in members.items():
        if key in before:
            continue
        result.count("digests")
        result.count("notices in digests", number)
        digest = after.get(key)
        if digest is None:
            result.wrong.append(f"{number} notices point to a digest that there is not: {key}")
        elif digest.state not in (*SENT, "queued") and not (digest.state == "dead" and digest.doubt):
            result.wrong.append(f"{number} notices went into a digest that is {digest.state}: {key}")
        elif int(json.loads(digest.params)["count"]) != number:
            result.wrong.append(f"{key} tells of {digest.params} and holds {number}")


def database_of(database: Path, result: Result) -> None:
    """Look for fires that took effect twice, clocks in trouble, and a broken file."""
    with closing(sqlite3.connect(database, timeout=10)) as looking:
        twice = looking.execute(
            f"select {_SAME_FIRE}, count(*) from fire group by {_SAME_FIRE} having count(*) > 1"
        ).fetchall()
        told = looking.execute(
            "select matter, json_extract(body, '$.name'), count(*) from history where kind = 'fire'"
            " group by matter, body having count(*) > 1"
        ).fetchall()
        troubled = looking.execute("select matter, name, trouble from clock where trouble <> ''").fetchall()
        broken = looking.execute("pragma integrity_check").fetchall()
    result.figures["fires doubled"] = len(twice) + len(told)
    result.wrong += [f"fired twice: {row}" for row in [*twice, *told]]
    result.wrong += [f"in trouble: {row}" for row in troubled]
    result.wrong += [f"the file is broken: {row}" for row in broken if row != ("ok",)]
