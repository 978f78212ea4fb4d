"""Matters and what is known of them. 事项

Everything that has a state, clocks and a history is a matter: project, package, contract,
instalment, query, complaint, case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from engine.term import Length

FactValue = bool | int | str | date | Length
"""A fact's value: money is integer fen; dates are days; lengths are ``Length``."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Clocks stand still from ``since`` until ``until`` (``None``: still); ``ground`` says why. 中止

    ``by`` is the matter that holds the pause (a query, a complaint); empty where a person ordered it.
    ``clocks``: only these clocks of this very matter (the time of an expert's opinion does not count towards
    the decision); empty: all, with those of its parts and of the cases about it.
    """

    since: datetime
    until: datetime | None
    ground: str
    by: str = ""
    clocks: tuple[str, ...] = ()

    def stops(self, clock: str) -> bool:
        """Whether the pause, lying on the clock's own matter, stops ``clock``."""
        return not self.clocks or clock in self.clocks


@dataclass(slots=True)
class Matter:
    """One matter as it stands. ``revision`` counts actions, ``history_no`` everything that happened."""

    id: str
    root: str
    workflow: str
    state: str
    title: str
    unit: str
    jurisdiction: str
    bundle: str
    profile: str
    opened_at: datetime
    part_of: str | None = None
    about: str | None = None
    about_clock: str | None = None
    state_since: datetime | None = None
    revision: int = 0
    history_no: int = 0
    head_hash: str = ""
    children: int = 0
    cases: int = 0
    go_live: datetime | None = None
    marks: dict[str, datetime] = field(default_factory=dict)
    """When the triggers of clocks that wait for several of them happened (``action:x``, ``state:y``)."""
    facts: dict[str, FactValue] = field(default_factory=dict)
    pauses: list[Pause] = field(default_factory=list)

    @property
    def is_case(self) -> bool:
        """Whether this is a case: about a clock or a rule, not merely about a matter as a query is. 督办件"""
        return self.about_clock is not None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document handed in with an action: what kind, its name, SHA-256 (hex), bytes, where it lies."""

    kind: str
    name: str
    sha256: str
    size: int
    place: str


@dataclass(slots=True)
class Entry:
    """One line of a matter's history, chained to the line before by ``hash``.

    ``at`` is when it happened, ``recorded_at`` when it was written down. ``kind`` is one of
    ``opened, action, automatic, inferred, observed, fire, clock, override``.
    """

    matter: str
    no: int
    kind: str
    at: datetime
    recorded_at: datetime
    actor: str
    came_from: str | None
    went_to: str | None
    name: str
    detail: dict[str, Any]
    body: str
    previous: str
    hash: str
    algorithm: str
    jurisdiction: str = ""
    """Where the matter was when the line was written: a case may have climbed since."""
