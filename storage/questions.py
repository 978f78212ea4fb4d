"""What the engine's questions about other matters read from the tables: by an index, never by a full scan. 查问"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from engine.questions import Kin
from storage.moments import from_ticks, to_ticks
from storage.rows import fact_of

Run = Callable[[str, Sequence[Any]], Any]


def unit_statement(names: Sequence[str]) -> str:
    """Return the statement behind ``unit_kin`` for as many facts; served by the index on unit and opening."""
    places = ",".join("?" * len(names))
    return (
        "select m.id, m.root, m.workflow, m.state, m.opened_at, f.name, f.type, f.value from matter m"
        f" left join fact f on f.matter = m.id and f.name in ({places})"
        " where m.unit = ? and m.opened_at >= ? and m.opened_at < ? and m.about is null"
        " and (m.part_of is null or f.name is not null) order by m.opened_at, m.id, f.name"
    )


def unit_kin(run: Run, unit: str, since: datetime, until: datetime, names: Sequence[str]) -> list[Kin]:
    """Return the unit's projects opened from ``since`` until ``until``, and their parts that have a wanted fact."""
    values = (*names, unit, to_ticks(since), to_ticks(until))
    found: dict[str, Kin] = {}
    for id_, root, workflow, state, opened, name, kind, value in run(
        unit_statement(names), values
    ).fetchall():
        kin = found.setdefault(id_, Kin(id_, root, workflow, state, from_ticks(opened)))
        if name is not None:
            kin.facts[name] = fact_of(kind, value)
    return list(found.values())
