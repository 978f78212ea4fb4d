"""What a case rests on, frozen when it climbs: facts, clocks, messages and evidence of the watched matter. 卷宗

Everything is folded out of the histories, as far as they had come when the case was referred; later lines
change nothing. The referring line of the case names number and hash of each history's last line, and these
pin every line before them, so the same dossier can be made again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from engine.chain import chained
from engine.errors import DamagedFile
from engine.matter import Matter

FORM = "yiriban.dossier/1"


@dataclass(frozen=True, slots=True)
class PastLine:
    """A line of a matter's history as it is kept: ``body`` is its canonical JSON, ``hash`` chains it."""

    matter: str
    no: int
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message that was written: to whom, about which fire, in which words."""

    fire: str
    person: str
    role: str
    channel: str
    subject: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Dossier:
    """The content, its one canonical form, and the SHA-256 (hex) of that. ``frozen``: the case was referred."""

    content: dict[str, Any]
    text: str
    digest: str
    frozen: bool


def dossier(
    case: Matter, watched: Sequence[Matter], lines: Sequence[PastLine], told: Sequence[Told]
) -> Dossier:
    """Put the dossier of ``case`` together; ``watched`` is the matter it is about and what that is part of.

    Raise ``DamagedFile`` where a history does not agree with its chain or with the referring line.
    """
    held = {m.id: _checked(m.id, lines) for m in (case, *watched)}
    referral = next((b for _, b in reversed(held[case.id]) if "dossier" in b["detail"]), None)
    heads: dict[str, tuple[int, str]]
    if referral is None:
        heads = {m.id: (m.history_no, m.head_hash) for m in (case, *watched)}
    else:
        heads = {name: (number, head) for name, (number, head) in referral["detail"]["dossier"].items()}
    for matter, (number, head) in heads.items():
        if len(held[matter]) < number or (number and held[matter][number - 1][0].hash != head):
            raise _damaged(matter, number)
    kept = [pair for matter, (number, _) in heads.items() for pair in held[matter][:number]]
    bodies = [body for _, body in kept]
    fires = {b["detail"]["fire"] for b in bodies if b["kind"] == "fire" and "fire" in b["detail"]}
    content = {
        "schema": FORM,
        "case": case.id,
        "about": case.about,
        "clock": case.about_clock,
        "referred": None if referral is None else {n: referral[n] for n in ("name", "at", "actor", "no")},
        # a case is referred from where the matter is; it may have climbed since
        "matters": [
            _matter(m, bodies, heads[m.id], watched[0].jurisdiction if m is case else m.jurisdiction)
            for m in (case, *watched)
        ],
        "clocks": _clocks(bodies),
        "messages": [_message(t) for t in sorted(told, key=_order) if t.fire in fires],
        "evidence": [
            {"matter": b["matter"], "line": b["no"], **item}
            for b in bodies
            for item in b["detail"].get("evidence", ())
        ],
        "history": [{"hash": line.hash, **body} for line, body in kept],
    }
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Dossier(content, text, sha256(text.encode()).hexdigest(), referral is not None)


def _checked(matter: str, lines: Sequence[PastLine]) -> list[tuple[PastLine, dict[str, Any]]]:
    """Return the lines of one matter in order, each with its body; check the chain on the way."""
    own = sorted((line for line in lines if line.matter == matter), key=lambda line: line.no)
    previous = ""
    for number, line in enumerate(own, 1):
        if line.no != number or chained(previous, line.body) != line.hash:
            raise _damaged(matter, number)
        previous = line.hash
    return [(line, json.loads(line.body)) for line in own]


def _damaged(matter: str, number: int) -> DamagedFile:
    return DamagedFile(
        f"{matter} 的历史与校验链不符（第 {number} 行起），卷宗不能出具",
        why="卷宗须与提请时的记录逐行一致",
        then=f"用 yiriban history verify {matter} 查明，与备份核对",
    )


def _matter(
    matter: Matter, bodies: Sequence[Mapping[str, Any]], head: tuple[int, str], jurisdiction: str
) -> dict[str, Any]:
    """A matter as it stood: its state and facts are those that its lines tell."""
    facts: dict[str, Any] = {}
    state = ""
    for body in bodies:
        if body["matter"] == matter.id:
            facts.update(body["detail"].get("facts", {}))
            state = body["to"] or state
    return {
        "id": matter.id,
        "workflow": matter.workflow,
        "title": matter.title,
        "unit": matter.unit,
        "jurisdiction": jurisdiction,
        "bundle": matter.bundle,
        "profile": matter.profile,
        "state": state,
        "facts": facts,
        "lines": head[0],
        "head": head[1],
    }


def _clocks(bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The clocks with their last due moments and state, out of the notes that actions left on them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for body in bodies:
        for note in body["detail"].get("clocks", ()):
            matter, _, name = str(note["clock"]).rpartition("/")[0].rpartition("/")
            key = (matter or body["matter"], f"{name}/{str(note['clock']).rpartition('/')[2]}")
            if "not_started" in note:
                continue
            clock = found.setdefault(key, {"matter": key[0], "clock": key[1], "state": "running"})
            told = {n: v for n, v in note.items() if n != "clock"}
            clock.update({"state" if n == "ended" else n: v for n, v in told.items()})
            if "ended" in note:
                clock["ended_at"] = body["at"]
    return [found[key] for key in sorted(found)]


def _message(told: Told) -> dict[str, Any]:
    return {
        "fire": told.fire,
        "person": told.person,
        "role": told.role,
        "channel": told.channel,
        "subject": told.subject,
        "text": told.text,
        "created_at": told.created_at.isoformat(),
    }


def _order(told: Told) -> tuple[str, str, str]:
    return told.fire, told.person, told.channel
