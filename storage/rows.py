"""Engine values to rows and back. A row is a tuple in the order of the column lists below."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from json.encoder import encode_basestring as _quote
from typing import Any

from engine.clock import Charged, Clock, Planned
from engine.errors import Unreadable
from engine.matter import Entry, FactValue, Matter, Pause
from engine.term import Length, read_length
from engine.work import Fire, Handed, Message, Work
from storage import moments

Row = tuple[Any, ...]

MATTER = (
    "id", "root", "workflow", "state", "title", "unit", "jurisdiction", "bundle", "profile", "opened_at",
    "part_of", "about", "about_clock", "state_since", "revision", "history_no", "head_hash", "children",
    "cases", "go_live", "marks", "pauses",
)  # fmt: skip
MATTER_CHANGES = (
    "state",
    "state_since",
    "revision",
    "history_no",
    "head_hash",
    "children",
    "cases",
    "marks",
    "pauses",
    "title",
    "unit",
    "jurisdiction",
    "bundle",
)
FACT = ("matter", "name", "type", "value", "jurisdiction")
HISTORY = ("matter", "no", "kind", "at", "recorded_at", "body", "hash", "algorithm", "jurisdiction")
CLOCK = (
    "matter", "name", "round", "root", "jurisdiction", "epoch", "state", "anchor", "promise", "agreed",
    "statutory", "provisional", "plan", "fired", "look_at", "ended_at", "ended_recorded_at", "trouble",
    "moved", "asked", "charged",
)  # fmt: skip
CLOCK_CHANGES = (
    "epoch", "state", "promise", "agreed", "statutory", "provisional", "plan", "fired", "look_at",
    "ended_at", "ended_recorded_at", "trouble", "moved", "asked", "charged", "jurisdiction",
)  # fmt: skip
FIRE = (
    "key", "matter", "root", "jurisdiction", "clock", "round", "epoch", "rung", "occurrence", "does", "at",
    "fired_at", "collapsed", "opened",
)  # fmt: skip
MESSAGE = (
    "key", "fire", "matter", "jurisdiction", "person", "role", "channel", "rung", "subject", "text",
    "send_from", "created_at", "wording", "params", "expires_at", "state",
)  # fmt: skip
EVIDENCE = ("matter", "history_no", "kind", "name", "sha256", "size", "place", "jurisdiction")
ALIAS = ("kind", "value", "matter", "jurisdiction")

# many rows of one transaction share their instants: midnights, the moment of recording
to_ticks = lru_cache(maxsize=8192)(moments.to_ticks)
from_ticks = lru_cache(maxsize=8192)(moments.from_ticks)
_read = json.JSONDecoder().decode
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_DAMAGED = (ValueError, TypeError, OverflowError, KeyError, IndexError, AttributeError)
"""What reading a row raises that holds something else than what was written."""


def _unreadable(what: str, error: Exception) -> Unreadable:
    return Unreadable(
        f"数据库里{what}读不出来",
        why=f"内容已损坏，或在程序之外改动过（{error}）",
        then="用 yiriban db verify 核对，用备份恢复，或请维护人员改正",
    )


def _at(moment: datetime | None) -> int | None:
    return None if moment is None else to_ticks(moment)


def _when(ticks: int | None) -> datetime | None:
    return None if ticks is None else from_ticks(ticks)


def matter_row(m: Matter) -> Row:
    """Return the whole row of a new matter."""
    return (
        m.id, m.root, m.workflow, m.state, m.title, m.unit, m.jurisdiction, m.bundle, m.profile,
        to_ticks(m.opened_at), m.part_of, m.about, m.about_clock, _at(m.state_since), m.revision,
        m.history_no, m.head_hash, m.children, m.cases, _at(m.go_live), _marks(m),
        _pauses(m),
    )  # fmt: skip


def matter_changes(m: Matter) -> Row:
    """Return what can change of a matter, with its id last."""
    return (
        m.state, _at(m.state_since), m.revision, m.history_no, m.head_hash, m.children, m.cases, _marks(m),
        _pauses(m), m.title, m.unit, m.jurisdiction, m.bundle, m.id,
    )  # fmt: skip


def _marks(m: Matter) -> str:
    return "{" + ",".join([f"{_quote(k)}:{to_ticks(v)}" for k, v in m.marks.items()]) + "}"


def _pauses(m: Matter) -> str:
    if not m.pauses:
        return "[]"
    return _write(
        [
            [to_ticks(p.since), _at(p.until), p.ground, p.by, *([list(p.clocks)] if p.clocks else [])]
            for p in m.pauses
        ]
    )


def matter_of(row: Row) -> Matter:
    """Return the matter of a row, without its facts; raise ``Unreadable``."""
    try:
        return Matter(
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], from_ticks(row[9]),
            row[10], row[11], row[12], _when(row[13]), row[14], row[15], row[16], row[17], row[18],
            _when(row[19]), marks_of(row[20]), {}, pauses_of(row[21]),
        )  # fmt: skip
    except _DAMAGED as error:
        raise _unreadable(f"事项 {row[0]} ", error) from error


def marks_of(text: str) -> dict[str, datetime]:
    """Return the marks of a matter's column."""
    return {k: from_ticks(v) for k, v in _read(text).items()} if text != "{}" else {}


def pauses_of(text: str) -> list[Pause]:
    """Return the pauses of a matter's column."""
    if text == "[]":
        return []
    # what stops some clocks only names them; the others are written as ever
    return [
        Pause(from_ticks(p[0]), _when(p[1]), p[2], p[3], tuple(p[4]) if len(p) > 4 else ())
        for p in _read(text)
    ]


def fact_row(matter: str, name: str, value: FactValue, jurisdiction: str) -> Row:
    """Return the row of a fact: its type, and its value as text."""
    if isinstance(value, bool):
        return (matter, name, "boolean", "true" if value else "false", jurisdiction)
    if isinstance(value, int):
        return (matter, name, "integer", str(value), jurisdiction)
    if isinstance(value, date):
        return (matter, name, "date", value.isoformat(), jurisdiction)
    if isinstance(value, Length):
        return (matter, name, "length", str(value), jurisdiction)
    return (matter, name, "text", value, jurisdiction)


def fact_of(kind: str, value: str) -> FactValue:
    """Return the value of a fact's row; raise ``Unreadable``."""
    try:
        if kind == "boolean":
            return value == "true"
        if kind == "integer":
            return int(value)
        if kind == "date":
            return date.fromisoformat(value)
        return read_length(value) if kind == "length" else value
    except _DAMAGED as error:
        raise _unreadable(f"要素的值 {value!r} ", error) from error


def entry_row(e: Entry) -> Row:
    """Return the row of a history line."""
    return (
        e.matter,
        e.no,
        e.kind,
        to_ticks(e.at),
        to_ticks(e.recorded_at),
        e.body,
        e.hash,
        e.algorithm,
        e.jurisdiction,
    )


def _plan(clock: Clock) -> str:
    # JSON spelled out: half the time of an encoder, and every changed clock passes here
    planned = [
        f"[{to_ticks(p.at)},{_quote(p.rung)},{p.occurrence},{'null' if p.retry_at is None else to_ticks(p.retry_at)}]"
        for p in clock.plan
    ]
    return "[" + ",".join(planned) + "]"


def _moved(clock: Clock) -> str:
    return _write({k: v.isoformat() for k, v in clock.moved.items()}) if clock.moved else "{}"


def _asked(clock: Clock) -> str:
    return _write(clock.asked) if clock.asked else "{}"


def _charged(clock: Clock) -> str:
    if not clock.charged:
        return "[]"
    return _write(
        [[c.since.isoformat(), c.until.isoformat(), c.party, c.reason, c.by, c.asked_by, c.approved_by]
         for c in clock.charged]
    )  # fmt: skip


def _charged_of(text: str) -> list[Charged]:
    return [
        Charged(date.fromisoformat(c[0]), date.fromisoformat(c[1]), c[2], c[3], c[4], tuple(c[5]), c[6])
        for c in _read(text)
    ]


def clock_row(c: Clock) -> Row:
    """Return the whole row of a new clock."""
    return (
        c.matter, c.name, c.round, c.root, c.jurisdiction, c.epoch, c.state, to_ticks(c.anchor), _at(c.promise),
        _at(c.agreed), _at(c.statutory), int(c.provisional), _plan(c), ",".join(c.fired), _at(c.look_at),
        _at(c.ended_at), _at(c.ended_recorded_at), c.trouble, _moved(c), _asked(c),
        _charged(c),
    )  # fmt: skip


def clock_changes(c: Clock) -> Row:
    """Return what can change of a clock, with its key last."""
    return (
        c.epoch, c.state, _at(c.promise), _at(c.agreed), _at(c.statutory), int(c.provisional), _plan(c),
        ",".join(c.fired), _at(c.look_at), _at(c.ended_at), _at(c.ended_recorded_at), c.trouble,
        _moved(c), _asked(c), _charged(c), c.jurisdiction, c.matter, c.name, c.round,
    )  # fmt: skip


def clock_of(row: Row) -> Clock:
    """Return the clock of a row; raise ``Unreadable``."""
    try:
        plan = (
            [Planned(from_ticks(p[0]), p[1], p[2], _when(p[3])) for p in _read(row[12])]
            if row[12] != "[]"
            else []
        )
        return Clock(
            row[0], row[3], row[4], row[1], row[2], row[5], row[6], from_ticks(row[7]), _when(row[8]), _when(row[9]),
            _when(row[10]), bool(row[11]), plan, row[13].split(",") if row[13] else [], _when(row[14]),
            _when(row[15]), _when(row[16]), row[17],
            {k: date.fromisoformat(v) for k, v in _read(row[18]).items()} if row[18] != "{}" else {},
            _read(row[19]) if row[19] != "{}" else {},
            _charged_of(row[20]) if row[20] != "[]" else [],
        )  # fmt: skip
    except _DAMAGED as error:
        raise _unreadable(f"计时 {row[0]}/{row[1]} ", error) from error


def clock_in_trouble(row: Row, trouble: str) -> Clock:
    """Return as much of a clock as can be said of one that cannot be read: what it is called, and its trouble."""
    round_, epoch = (n if isinstance(n, int) else 0 for n in (row[2], row[5]))
    told = row[17] if isinstance(row[17], str) and row[17] else trouble
    return Clock(
        str(row[0]), str(row[3]), str(row[4]), str(row[1]), round_, epoch, row[6], moments.EPOCH, trouble=told
    )


def fire_row(f: Fire) -> Row:
    """Return the row of a fire."""
    return (
        f.key, f.matter, f.root, f.jurisdiction, f.clock, f.round, f.epoch, f.rung, f.occurrence, f.does,
        to_ticks(f.at), to_ticks(f.fired_at), int(f.collapsed), f.case,
    )  # fmt: skip


def message_row(m: Message) -> Row:
    """Return the row of a message waiting to be sent."""
    return (
        m.key, m.fire, m.matter, m.jurisdiction, m.person, m.role, m.channel, m.rung, m.subject, m.text,
        to_ticks(m.send_from), to_ticks(m.created_at), m.wording, _write(m.params),
        _at(m.expires_at), "queued",
    )  # fmt: skip


def evidence_row(h: Handed) -> Row:
    """Return the row of a document handed in."""
    e = h.evidence
    return (h.matter, h.history_no, e.kind, e.name, e.sha256, e.size, e.place, h.jurisdiction)


def fact_rows(work: Work) -> list[Row]:
    """Return the rows of all facts that ``work`` set."""
    return [
        fact_row(m, n, v, work.matters[m].jurisdiction)
        for (m, n), v in work.new_facts.items()
        if v is not None
    ]
