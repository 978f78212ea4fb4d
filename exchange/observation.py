"""What a source file says happened, before anything is judged.

A reader (`ledger`, `ocds`) yields one ``Row`` per record of the source; replay and import take it
from there. Nothing here knows a clock or a database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from engine.matter import FactValue


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a row stands: file (relative to the source, ``/``), and line (or OCDS release id)."""

    file: str
    line: int
    item: str = ""

    def __str__(self) -> str:
        """``new/2017.csv:12``, for OCDS ``releases/6.json:1#release-id``."""
        return f"{self.file}:{self.line}" + (f"#{self.item}" if self.item else "")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the source that a person should look at. ``kind`` is a snake_case word."""

    kind: str
    place: Place
    message: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """An action seen on a day. ``parts`` leads from the project to the matter acted upon, one key
    per level (package, contract, instalment); an empty key is "the only one".
    """

    workflow: str
    action: str
    day: date
    parts: tuple[str, ...] = ()
    facts: tuple[tuple[str, FactValue], ...] = ()
    column: str = ""
    place: Place | None = None
    """Set where steps of several rows have been merged (``Spool.steps``); else the row's place."""


@dataclass(slots=True)
class Row:
    """One record of the source. ``project`` groups rows of one project; ``refused`` says why a row
    cannot be used at all (``findings`` has no finding of that kind, only its details). ``facts`` are
    facts known without a day: (workflow, parts, fact, value).
    """

    place: Place
    project: str
    title: str = ""
    unit: str = ""
    aliases: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    facts: list[tuple[str, tuple[str, ...], str, FactValue]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refused: str = ""
    currency: str = "CNY"
    """Currency of the row's money facts (fen = a hundredth of its main unit)."""
