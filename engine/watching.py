"""The tracker's own check of this engine: from its events and the workflows alone. 外部核对

Whoever supervises must not have to believe the engine: `Watch` counts again which fires were due, and finds one
that never came, came late, or came unasked; a message that nobody handed over; a line that was changed; a number
that is missing; an engine that fell silent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from engine.chain import chained
from engine.expecting import Expectation
from engine.workdays import WorkingCalendar
from engine.workflow import Bundle

LATE = timedelta(hours=1)
SILENT = timedelta(minutes=15)
"""Beats are told every five minutes; three missing ones are silence."""
HANDED = frozenset({"accepted", "delivered", "undelivered", "unconfirmed", "digested", "moved"})
"""States in which a message, or the one that took its place, has reached a provider."""
_SAID = {
    "queued": "还没有交给渠道", "sending": "还没有交成", "held": "没有地址", "expired": "过了时限也没有交出",
    "dead": "交不出去，已停发",
}  # fmt: skip
_LINES = frozenset({"opened", "action", "automatic", "inferred", "observed", "fire", "clock", "override"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: ``kind``, the event that shows it (0: none), the matter, and in words.

    ``kind`` is one of ``gap, changed, missing, late, wrong, message, silent``.
    """

    kind: str
    seq: int
    matter: str
    what: str


@dataclass(slots=True)
class _Letter:
    seq: int
    matter: str
    due: datetime
    state: str


_NOW = frozenset({"unit"})
"""What an event says of its matter as it is now: a pooled contract passes to another unit. Nothing rests on it."""


class Watch:
    """Hears events in their order, the same one perhaps several times; ``findings`` says what is wrong."""

    def __init__(
        self, bundle: Bundle, calendar: WorkingCalendar, *, late: timedelta = LATE, silent: timedelta = SILENT
    ) -> None:
        """``late``: how late a fire or a message may be; ``silent``: how long no beat may be told."""
        self.heard = 0
        self.last_beat: datetime | None = None
        self._late = late
        self._silent = silent
        self._expectation = Expectation(bundle, calendar)
        self._found: list[Finding] = []
        self._missing: dict[str, Finding] = {}
        self._letters: dict[str, _Letter] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        self._seen: dict[int, bytes] = {}
        self._last: int | None = None

    @property
    def unjudged(self) -> frozenset[str]:
        """Matters whose fires cannot be told: of other workflows, or begun before the first event heard."""
        return frozenset(self._expectation.unjudged)

    def hear(self, event: Mapping[str, Any]) -> None:
        """Hear one event; what cannot be read is a finding, never an exception."""
        try:
            self._hear(event)
        except (KeyError, ValueError, TypeError, AttributeError):
            seq = event.get("seq")
            self._add(
                "changed",
                seq if isinstance(seq, int) else 0,
                str(event.get("matter", "")),
                "内容已损坏，读不出来",
            )

    def findings(self, now: datetime) -> list[Finding]:
        """Return what is wrong as of ``now``, in the order in which it shows."""
        found = [*self._found, *self._missing.values()]
        for expected in self._expectation.open.values():
            if expected.key not in self._missing and now - expected.due >= self._late:
                found.append(_absent(expected.key, expected.seq, expected.matter, expected.at))
        for key, letter in self._letters.items():
            if letter.state not in HANDED and now - letter.due >= self._late:
                why = _SAID.get(letter.state, letter.state)
                found.append(Finding("message", letter.seq, letter.matter, f"消息没有送出：{key}，{why}"))
        found.sort(key=lambda f: f.seq)
        if self.last_beat is None:
            found.append(Finding("silent", 0, "", "从未报告过巡查：引擎没有在运行"))
        elif now - self.last_beat > self._silent:
            minutes = (now - self.last_beat) // timedelta(minutes=1)
            found.append(Finding("silent", 0, "", f"已有 {minutes} 分钟没有报告巡查：引擎可能停了"))
        return found

    def _add(self, kind: str, seq: int, matter: str, what: str) -> None:
        self._found.append(Finding(kind, seq, matter, what))

    def _hear(self, event: Mapping[str, Any]) -> None:
        seq = int(event["seq"])
        kept = {name: value for name, value in event.items() if name not in _NOW}
        mark = sha256(json.dumps(kept, sort_keys=True, ensure_ascii=True).encode()).digest()
        if seq in self._seen:
            if self._seen[seq] != mark:
                self._add("changed", seq, str(event.get("matter", "")), f"第 {seq} 号事件与先前收到的不同")
            return
        self._seen[seq] = mark
        if self._last is not None and seq != self._last + 1:
            self._add("gap", seq, "", f"第 {self._last} 号之后不是 {self._last + 1} 号，而是 {seq} 号")
        self._last = max(seq, self._last or 0)
        self.heard += 1
        kind = event["kind"]
        if kind == "beat":
            self._beat(datetime.fromisoformat(event["at"]), seq)
        elif kind == "message":
            self._letter(event, seq)
        elif kind == "collapsed":
            self._came(event["fire"], seq, datetime.fromisoformat(event["recorded_at"]), collapsed=True)
        elif kind in _LINES:
            self._line(event, seq)

    def _line(self, event: Mapping[str, Any], seq: int) -> None:
        """Check a line of history against its chain, then follow what it tells."""
        matter, text = str(event["matter"]), event["line"]
        if text is None:
            self._add("changed", seq, matter, f"第 {event['no']} 行历史已被删除")
            return
        number, previous = self._heads.get(matter, (0, ""))
        line = json.loads(text)
        digest = chained(previous, text)
        if event["no"] != number + 1:
            # what came before was not heard; from here on the chain is checked
            if matter in self._heads:
                self._add("changed", seq, matter, f"第 {number} 行之后不是下一行，而是第 {event['no']} 行")
        elif not digest == event["hash"] == event["line_hash"]:
            self._add("changed", seq, matter, f"第 {event['no']} 行历史被改动过：与校验链不符")
        self._heads[matter] = (int(event["no"]), str(event["hash"]))
        wrong = [name for name in ("matter", "no", "kind", "at", "recorded_at") if line[name] != event[name]]
        if wrong:
            self._add(
                "changed", seq, matter, f"第 {event['no']} 行历史的各栏与内容不一致：{'、'.join(wrong)}"
            )
        if event["no"] == 1:
            self._expectation.begin(event)
        if line["kind"] == "fire":
            at, recorded = datetime.fromisoformat(line["at"]), datetime.fromisoformat(line["recorded_at"])
            self._came(
                line["detail"]["fire"], seq, recorded, at=at, withdrawn=line["name"].endswith("/withdrawn")
            )
        self._expectation.hear(line, seq)

    def _came(
        self, key: str, seq: int, recorded: datetime, *, at: datetime | None = None, withdrawn: bool = False,
        collapsed: bool = False,
    ) -> None:  # fmt: skip
        """Hear that a fire took place."""
        matter = key.rsplit("/", 5)[0]
        expected = self._expectation.fired(key, collapsed=collapsed)
        self._missing.pop(key, None)
        if withdrawn or not self._expectation.follows(key):
            return
        if expected is None:
            self._add("wrong", seq, matter, f"不该有的触发：{key}")
            return
        if at is not None and at != expected.at:
            self._add("wrong", seq, matter, f"触发的时刻不对：{key} 应为 {expected.at.isoformat()}")
        if recorded - expected.due >= self._late:
            minutes = (recorded - expected.due) // timedelta(minutes=1)
            self._add("late", seq, matter, f"触发晚了 {minutes} 分钟：{key}")

    def _beat(self, at: datetime, seq: int) -> None:
        """A beat tells that everything due by ``at`` is done: what has not come by then is missing."""
        self.last_beat = at if self.last_beat is None else max(at, self.last_beat)
        for expected in self._expectation.overdue(at):
            if expected.key not in self._missing:
                self._missing[expected.key] = _absent(expected.key, seq, expected.matter, expected.at)

    def _letter(self, event: Mapping[str, Any], seq: int) -> None:
        due = max(datetime.fromisoformat(event["at"]), datetime.fromisoformat(event["recorded_at"]))
        known = self._letters.get(event["message"])
        if known is None:
            self._letters[event["message"]] = _Letter(seq, event["matter"], due, event["state"])
        else:
            known.seq, known.state = seq, event["state"]
            known.due = due if event["state"] == "queued" else known.due


def _absent(key: str, seq: int, matter: str, at: datetime) -> Finding:
    return Finding("missing", seq, matter, f"到点没有触发：{key}，应在 {at.isoformat()}")
