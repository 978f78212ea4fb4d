"""The history chain: a line's one canonical form, and its hash over the line before (decision 0003)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as _quote
from typing import Any

from engine.errors import BadInput
from engine.matter import FactValue
from engine.term import Length

ALGORITHM = "sha256"

_ENCODE = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


# the lines of one transaction share their instants; only UTC ones, since equal instants of other zones
# are written otherwise
_written = lru_cache(maxsize=8192)(datetime.isoformat)


def line_of(
    matter: str,
    no: int,
    kind: str,
    name: str,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    came_from: str | None,
    went_to: str | None,
    detail: Mapping[str, Any],
) -> str:
    """Write a history line in its one canonical form: JSON, keys sorted, UTC instants in ISO 8601."""
    # spelled out rather than encoded as a dictionary: half the time (docs/why/speed.md)
    instant = _written(at) if at.tzinfo is UTC else at.isoformat()
    recorded = _written(recorded_at) if recorded_at.tzinfo is UTC else recorded_at.isoformat()
    return (
        f'{{"actor":{_quote(actor)},"at":"{instant}","detail":{_ENCODE(detail) if detail else "{}"}'
        f',"from":{"null" if came_from is None else _quote(came_from)},"kind":{_quote(kind)}'
        f',"matter":{_quote(matter)},"name":{_quote(name)},"no":{no},"recorded_at":"{recorded}"'
        f',"to":{"null" if went_to is None else _quote(went_to)}}}'
    )


def chained(previous: str, body: str) -> str:
    """Return the hash of a line: SHA-256 over the hash before it and its canonical form (hex).

    Raise ``BadInput`` for text that is none: half a character, as a terminal in another encoding sends it.
    """
    try:
        return sha256(f"{previous}\n{body}".encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"文字里有无法保存的字符（第 {error.start + 1} 个起）",
            why="它不是完整的 Unicode 文字，多半是终端或文件的编码不是 UTF-8",
            then="换用 UTF-8 后重新输入",
        ) from None


def plain(value: FactValue) -> Any:
    """Turn a fact's value into what JSON can hold."""
    if isinstance(value, Length):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def plain_facts(facts: Mapping[str, FactValue] | Iterable[tuple[str, FactValue]]) -> dict[str, Any]:
    """Turn facts into what JSON can hold."""
    items = facts.items() if isinstance(facts, Mapping) else facts
    return {name: plain(value) for name, value in items}
