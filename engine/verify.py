"""Check a matter's history: every line against its chain, its columns, and the matter's head. 校验

What is found: a changed, missing, inserted, reordered or rewritten line, a cut tail, a state changed
behind the history's back. What is not: a whole chain rewritten together with its head (decision 0003).
Texts arrive as bytes, because a damaged one need not be UTF-8 any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.chain import ALGORITHM, chained


@dataclass(frozen=True, slots=True)
class Head:
    """What a matter says of its own history: how many lines, the hash of the last one, its state."""

    matter: str
    state: str
    history_no: int
    head_hash: str
    workflow: str = ""
    """Empty where nobody asks for it."""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as it is stored; ``body`` was hashed, the other fields repeat parts of it."""

    no: int
    kind: bytes
    at: datetime
    recorded_at: datetime
    body: bytes
    hash: bytes
    algorithm: bytes
    matter: bytes = b""
    """Whose line it says to be; empty where nobody asks."""


@dataclass(frozen=True, slots=True)
class Break:
    """A finding: which matter, which line (0 = the matter as a whole), what kind, and what was seen.

    ``kind`` is one of ``missing, order, algorithm, hash, body, column, tail, head, state, orphan``.
    """

    matter: str
    line: int
    kind: str
    what: str


def verify(head: Head, lines: Iterable[StoredLine]) -> Iterator[Break]:
    """Walk the lines of one matter in order of their numbers and yield every break."""
    previous = ""
    number = 0
    state = None
    begun_as = None
    for line in lines:
        if line.no > number + 1:
            gap = f"第 {number + 1} 行" if line.no == number + 2 else f"第 {number + 1} 至 {line.no - 1} 行"
            yield Break(head.matter, number + 1, "missing", f"缺少{gap}")
        elif line.no <= number:
            yield Break(head.matter, line.no, "order", "行号重复或倒退")
        number = line.no
        body, breaks = _look_at(head.matter, line, previous)
        yield from breaks
        state = body.get("to") if body is not None else None
        if number == 1 and body is not None and isinstance(body.get("detail"), dict):
            begun_as = body["detail"].get("workflow")
        previous = line.hash.decode("ascii", "replace")
    if number < head.history_no:
        yield Break(head.matter, number + 1, "tail", f"末尾缺少：应有 {head.history_no} 行，只有 {number} 行")
    elif number > head.history_no:
        yield Break(head.matter, number, "tail", f"末尾多出：应有 {head.history_no} 行，却有 {number} 行")
    elif previous != head.head_hash:
        yield Break(head.matter, number, "head", "最后一行的校验值与事项所记的不同")
    elif state is not None and state != head.state:
        yield Break(head.matter, number, "state", f"事项的状态是 {head.state}，历史记到的是 {state}")
    if head.workflow and begun_as is not None and begun_as != head.workflow:
        yield Break(head.matter, 1, "state", f"事项的流程是 {head.workflow}，历史记到的是 {begun_as}")


def orphan(matter: str) -> Break:
    """Say that a history belongs to no matter."""
    return Break(matter, 0, "orphan", "有历史而没有这个事项")


def _look_at(matter: str, line: StoredLine, previous: str) -> tuple[dict[str, Any] | None, list[Break]]:
    """Return the body as read (``None`` where it cannot be) and what is wrong with the line."""
    if line.algorithm != ALGORITHM.encode():
        named = line.algorithm.decode("utf-8", "replace")
        return None, [Break(matter, line.no, "algorithm", f"不认识的校验算法 {named}")]
    try:
        text = line.body.decode("utf-8")
        body = json.loads(text)
    except ValueError:
        return None, [Break(matter, line.no, "body", "内容已损坏，读不出来")]
    found: list[Break] = []
    if chained(previous, text).encode() != line.hash:
        found.append(Break(matter, line.no, "hash", "内容、前一行或校验值被改动过"))
    if not isinstance(body, dict):
        return None, [*found, Break(matter, line.no, "body", "内容不是一行历史")]
    columns = {
        "matter": matter,
        "no": line.no,
        "kind": line.kind.decode("utf-8", "replace"),
        "at": line.at.isoformat(),
        "recorded_at": line.recorded_at.isoformat(),
    }
    wrong = [name for name, value in columns.items() if body.get(name) != value]
    if line.matter not in (b"", matter.encode()):
        wrong.append("matter")
    if wrong:
        found.append(Break(matter, line.no, "column", "表中各栏与内容不一致：" + "、".join(wrong)))
    return body, found
