"""Lengths of time and the moments they lead to. 期限

Counting follows law.md 2.3: first day excluded (87号令第85条, 民法典第201条), the end day ends at
close of business or at 24:00 (民法典第203条), calendar days that end on a rest day roll forward,
backward clocks do not roll, hours and minutes run plain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from engine.errors import BadInput

Unit = Literal["working days", "days", "hours", "minutes", "months", "years"]
Ends = Literal["close", "midnight"]

_UNITS: dict[str, Unit] = {
    "working day": "working days",
    "working days": "working days",
    "个工作日": "working days",
    "工作日": "working days",
    "day": "days",
    "days": "days",
    "日": "days",
    "天": "days",
    "hour": "hours",
    "hours": "hours",
    "小时": "hours",
    "minute": "minutes",
    "minutes": "minutes",
    "分钟": "minutes",
    "month": "months",
    "months": "months",
    "个月": "months",
    "year": "years",
    "years": "years",
    "年": "years",
}
_LENGTH = re.compile(r"(\d{1,5})\s*(\D+)")


@dataclass(frozen=True, slots=True)
class Length:
    """So many units of time, never negative; the direction is said by whoever counts."""

    number: int
    unit: Unit

    def __str__(self) -> str:
        """Write it as the files do: ``2 working days``, ``1 day``."""
        return f"{self.number} {self.unit[:-1] if self.number == 1 else self.unit}"

    def in_chinese(self) -> str:
        """Write it as an article does: ``2个工作日``, ``30日``."""
        names = {
            "working days": "个工作日",
            "days": "日",
            "hours": "小时",
            "minutes": "分钟",
            "months": "个月",
            "years": "年",
        }
        return f"{self.number}{names[self.unit]}"


def read_length(text: str) -> Length:
    """Read ``30 days``, ``1 working day``, ``30日`` or ``10个工作日``; raise ``BadInput`` otherwise."""
    match = _LENGTH.fullmatch(text.strip())
    unit = _UNITS.get(match[2].strip().lower()) if match else None
    if match is None or unit is None:
        raise BadInput(
            f"看不懂的期限：{text!r}",
            why="期限由数字和单位组成",
            then="写成 30 days、10 working days、2 hours，或 30日、10个工作日",
        )
    return Length(int(match[1]), unit)


@dataclass(frozen=True, slots=True)
class Moment:
    """A due moment: the day it falls on, and the instant (UTC) before which an act is in time.

    24:00 of a day is stored as the next day's first instant; ``day`` still names the day itself.
    """

    day: date
    instant: datetime
    ends: Ends | None
    provisional: bool = False
