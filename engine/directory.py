"""People, units and jurisdictions as values. 人员、单位、行政区划"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

PURCHASER_ROLES = ("officer", "purchaser_rep", "purchaser_head")
ROLES: dict[str, str] = {
    "officer": "专办员",
    "purchaser_rep": "采购人代表",
    "purchaser_head": "分管领导",
    "agency": "采购代理机构",
    "supplier": "供应商",
    "tracker": "第三方跟踪机构",
    "regulator": "财政监管部门",
}


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
