"""People, units and jurisdictions as values. 人员、单位、行政区划"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

PURCHASER_ROLES = ("officer", "purchaser_rep", "purchaser_head")


@dataclass(frozen=True, slots=True)
class Unit:
    """A purchasing unit. ``path`` spells it from the top of its tree; ``profile`` holds for its projects."""

    id: str
    name: str
    path: str
    profile: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Appointment:
    """A person holds a role for a unit and what is below it, from ``since`` until perhaps ``until``. 任命"""

    person: str
    role: str
    unit: str
    since: datetime
    until: datetime | None
    jurisdiction: str
