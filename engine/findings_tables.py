"""Whether tables of thresholds agree with themselves: no two rows for one day, no gap between two. 门槛表检查"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby, pairwise

from engine.findings_source import Sources
from engine.thresholds import COUNTRY, OBJECTS, TIER_NAMES, ThresholdRow, ThresholdTable

_DAY = timedelta(days=1)


def look_at_table(table: ThresholdTable, sources: Sources) -> None:
    """Check the rows of each cell (place, level, object) against each other, and levels against places."""
    for _, rows in groupby(table.rows, key=lambda row: row.cell):
        own = list(rows)
        for row in own:
            _look_at_level(table, row, sources)
        for before, row in pairwise(own):
            _look_at_pair(table, before, row, sources)


def _look_at_pair(table: ThresholdTable, before: ThresholdRow, row: ThresholdRow, sources: Sources) -> None:
    """Two rows of one cell follow each other: each from a later day, neither over the other nor with days between."""
    path = ("rows", row.item, "from")
    who = f"门槛表 {table.name}：{_words(row)}"
    if row.since is None or row.since == before.since:
        what = f"{who}有两行从同一天起"
        sources.add(table.file, path, what, "from: 新数额的生效日")
    elif before.until is not None and row.since <= before.until:
        what = f"{who}从 {row.since} 起，而前一行到 {before.until} 才止，两行重叠"
        sources.add(
            table.file, path, what, f"from: {before.until + _DAY}，或前一行 until: {row.since - _DAY}"
        )
    elif before.until is not None and row.since > before.until + _DAY:
        what = f"{who}在 {before.until + _DAY} 至 {row.since - _DAY} 之间没有数额"
        sources.add(table.file, path, what, f"from: {before.until + _DAY}，或补上中间的一行")


def _look_at_level(table: ThresholdTable, row: ThresholdRow, sources: Sources) -> None:
    """A row for a city cannot be about a province."""
    highest = {2: "province", 4: "city", 6: "county"}.get(len(row.place)) if row.place != COUNTRY else None
    order: list[str] = [*TIER_NAMES]
    if highest is not None and row.tier is not None and order.index(row.tier) < order.index(highest):
        what = f"门槛表 {table.name}：{row.place} 下面没有{TIER_NAMES[row.tier]}单位"
        sources.add(table.file, ("rows", row.item, "level"), what, f"level: {highest}")


def _words(row: ThresholdRow) -> str:
    level = TIER_NAMES[row.tier] if row.tier is not None else "各级"
    return f"{row.place} {level}{OBJECTS.get(row.object, '各类')}"
