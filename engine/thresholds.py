"""Amounts that differ by place, level, object and day: open tender, limits, reserves. 门槛表

A table is data (`thresholds/`). The row for a matter is that of the nearest place that has one: county, city,
province, the whole country; in one place a row that names the level goes before one that does not, and one that
names the object before `any`. Where there is no row there is no number: whoever asks is told which row to add.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from engine.law import Ground
from engine.title import Title

Tier = Literal["central", "province", "city", "county"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""Levels of government from the top. 中央、省、市、县"""
TIER_NAMES: dict[Tier, str] = {"central": "中央", "province": "省级", "city": "市级", "county": "县级"}
OBJECTS = {"goods": "货物", "works": "工程", "services": "服务"}
ANY = "any"
COUNTRY = "CN"
UNITS = {"yuan": 100, "wan yuan": 1_000_000}
"""The units that a table may be written in, in fen. 元、万元"""
_CODE = re.compile(r"[1-9]\d{5}")
_PLACE = re.compile(r"[1-9]\d(\d\d(\d\d)?)?")


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """An amount in fen for a place, perhaps a level, and an object (or ``any``), from … until (both included)."""

    place: str
    tier: Tier | None
    object: str
    amount: int
    ground: Ground
    since: date | None = None
    until: date | None = None
    item: int = 0
    """Its place in the file's list, from 0: one item may name several levels and objects."""

    @property
    def cell(self) -> tuple[str, str, str]:
        """What the row is about: two rows of one cell must not be in force on one day."""
        return (self.place, self.tier or "", self.object)

    def on(self, day: date) -> bool:
        """Say whether the row is in force on ``day``, as far as it says itself."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class ThresholdTable:
    """A named table; the rows of one cell stand in the order of their days."""

    name: str
    title: Title
    rows: tuple[ThresholdRow, ...]
    file: str = ""

    def find(self, jurisdiction: str, kind: str, day: date) -> ThresholdRow | None:
        """Return the row in force for an object in a jurisdiction; ``None`` where none is known."""
        level = tier_of(jurisdiction)
        found: dict[tuple[str, str, str], ThresholdRow] = {}
        for row in self.rows:
            here = lies_in(jurisdiction, row.place) and row.tier in (None, level)
            # of one cell the last one that has begun is in force; what has lapsed is not replaced by an older one
            if here and row.object in (kind, ANY) and (row.since is None or row.since <= day):
                found[row.cell] = row
        alive = [row for row in found.values() if row.on(day)]
        return max(alive, key=_nearness, default=None)

    def depends_on_object(self, jurisdiction: str, day: date) -> bool:
        """Say whether the amount differs by object there, so that the object must be known."""
        found = {row.item for kind in OBJECTS if (row := self.find(jurisdiction, kind, day)) is not None}
        alike = {row.amount for kind in OBJECTS if (row := self.find(jurisdiction, kind, day)) is not None}
        missing = any(self.find(jurisdiction, kind, day) is None for kind in OBJECTS)
        return bool(found) and (missing or len(alike) > 1)


def _nearness(row: ThresholdRow) -> tuple[int, bool, bool]:
    return (0 if row.place == COUNTRY else len(row.place), row.tier is not None, row.object != ANY)


def tier_of(jurisdiction: str) -> Tier | None:
    """Return the level that a six-digit code stands for (GB/T 2260); ``None`` for what is no such code."""
    if not _CODE.fullmatch(jurisdiction):
        return None
    if jurisdiction.startswith("10"):
        return "central"
    if jurisdiction.endswith("0000"):
        return "province"
    return "city" if jurisdiction.endswith("00") else "county"


def lies_in(jurisdiction: str, place: str) -> bool:
    """Say whether a jurisdiction is ``place`` or below it."""
    if not _CODE.fullmatch(jurisdiction):
        return False
    return place == COUNTRY or jurisdiction.startswith(place)


def is_place(text: str) -> bool:
    """Say whether ``text`` names a place: CN, or the first two, four or all six digits of a code, none of them 00."""
    if text == COUNTRY:
        return True
    pairs: Iterator[str] = (text[at : at + 2] for at in range(0, len(text), 2))
    return _PLACE.fullmatch(text) is not None and "00" not in pairs


def wanted(table: str, jurisdiction: str, kind: str, day: date) -> str:
    """Say which row is missing, and where to add it."""
    level = tier_of(jurisdiction)
    if level is None:
        return (
            f"行政区划 {jurisdiction} 不是六位代码，门槛表 {table} 查不到数额；用 yiriban unit 登记正确的代码"
        )
    place = jurisdiction if level == "county" else jurisdiction[:4] if level == "city" else jurisdiction[:2]
    place = COUNTRY if level == "central" else place
    row = f'- {{place: "{place}", level: {level}, object: {kind}, value: ……, basis: ……}}'
    what = f"{jurisdiction}（{TIER_NAMES[level]}）{OBJECTS.get(kind, kind)}在 {day} 的数额"
    return f"门槛表 thresholds/{table}.yaml 没有{what}；查到以后加一行 {row}"
