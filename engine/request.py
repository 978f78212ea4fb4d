"""What a person asks for. 申请"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.matter import Evidence, FactValue
from engine.office import Actor


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. ``at`` is when it happened; ``revision`` guards against acting on old news."""

    matter: str
    action: str
    at: datetime
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    evidence: Sequence[Evidence] = ()
    reason: str = ""
    revision: int | None = None
    second: Actor | None = None
    checked: tuple[str, ...] = ()
    """Lists that were gone through (``key_review``) or single items (``key_review.competition``)."""
