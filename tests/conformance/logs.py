"""From an export to events: what happened, told by names alone, so that only a net can say whether it was possible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.workflow import Bundle, Spawn
from tests.conformance.walks import Export

BY_PEOPLE, BY_ITSELF, FILLED_IN = "", " (by itself)", " (filled in)"
HOW = {"action": BY_PEOPLE, "automatic": BY_ITSELF, "inferred": FILLED_IN}
OPEN, AS_TWIN = "open", "open as twin in"
"""How a matter begins: in the first state, or where the matter stands that it is the twin of."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a matter: an action in one of three ways, or its opening."""

    matter: str
    action: str
    how: str = BY_PEOPLE
    parts: int = 0
    """So many parts the action announces: what the export says of the fact that counts them."""

    @property
    def opens(self) -> bool:
        """Whether this is how the matter begins."""
        return self.action == OPEN or self.action.startswith(AS_TWIN)

    @property
    def label(self) -> str:
        """The name of the event in a log of this matter alone."""
        return self.action + self.how

    @property
    def full_label(self) -> str:
        """Its name in a log of the whole family."""
        parts = f", {self.parts} parts" if self.parts else ""
        return f"{self.matter} {self.label}{parts}"


def events_of(export: Export, bundle: Bundle) -> list[Event]:
    """Return the events of a family in the order in which they were recorded."""
    workflows = {m["id"]: bundle.workflows[m["workflow"]] for m in export.matters}
    facts: dict[str, dict[str, Any]] = {m: {} for m in workflows}
    found: list[Event] = []
    for line in export.lines:
        body, matter = line["body"], line["matter"]
        facts[matter] |= body["detail"].get("facts", {})
        if body["name"] == "open":
            twin = body["detail"].get("cause", "").endswith("/twin")
            found.append(Event(matter, f"{AS_TWIN} {body['to']}" if twin else OPEN))
        elif body["kind"] in HOW:
            # one line may stand for a run of steps that were filled in
            for step in body["detail"].get("steps", [body["name"]]):
                action = workflows[matter].actions[step]
                parts = announced(action.spawns, facts[matter], seen=body["kind"] != "inferred")
                found.append(Event(matter, step, HOW[body["kind"]], parts))
        else:
            assert body["from"] in (None, body["to"]), f"{matter}: moved by a line that is no action: {body}"
    return found


def announced(spawns: Spawn | None, facts: Mapping[str, Any], *, seen: bool) -> int:
    """Return how many parts an action opens, by the file and the facts told so far.

    Where steps are filled in and nobody has told the number it is one.
    """
    if spawns is None:
        return 0
    if spawns.count.isdigit():
        return int(spawns.count)
    fact = re.fullmatch(r"\w+\.(\w+)", spawns.count)
    assert fact, f"a count that this check cannot read: {spawns.count}"
    return int(facts[fact[1]] if seen else facts.get(fact[1], 1))


def by_matter(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Return the events of each matter."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.matter, []).append(event)
    return found
