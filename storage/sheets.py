"""Reading lists of 督办单: which there are, and which cases each holds. Runs in the store's open transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage.store import SqlStore

_OF_CASES = (
    "from matter m join fact f on f.matter = m.id and f.name = 'sheet' where m.about_clock is not null"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A 督办单 in a list: its unit, how many cases it has, and how many of them are not closed."""

    number: str
    unit: str
    cases: int
    open: int


def sheets(
    store: SqlStore, *, closed: Sequence[str], units: Sequence[str] | None = None, limit: int = 0
) -> tuple[list[Counted], int]:
    """Return the 督办单, the newest first, and how many there are in all.

    ``closed`` names the states in which a case is closed; ``units`` are the only ones to look at
    (``None``: all); ``limit`` 0 = all.
    """
    if units is not None and not units:
        return [], 0
    where = "" if units is None else f" and m.unit in ({_places(units)})"
    values: list[Any] = list(units or ())
    count = store.run(f"select count(distinct f.value) {_OF_CASES}{where}", values).fetchone()[0]
    sql = (
        f"select f.value, m.unit, count(*), sum(case when m.state in ({_places(closed)}) then 0 else 1 end)"
        f" {_OF_CASES}{where} group by f.value, m.unit order by max(m.opened_at) desc, f.value"
    )
    bound = [*closed, *values]
    if limit:
        sql, bound = f"{sql} limit ?", [*bound, limit]
    found = [Counted(r[0], r[1], int(r[2]), int(r[3])) for r in store.run(sql, bound).fetchall()]
    return found, int(count)


def cases_of(store: SqlStore, number: str) -> list[str]:
    """Return the ids of the cases of a 督办单 in the order in which they were opened; none: no such sheet."""
    sql = f"select m.id {_OF_CASES} and f.value = ? order by m.opened_at, m.id"
    return [row[0] for row in store.run(sql, (number,)).fetchall()]


def _places(values: Sequence[str]) -> str:
    return ",".join("?" * len(values)) if values else "''"
