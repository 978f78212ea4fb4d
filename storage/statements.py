"""SQL compiled once from the tables, run on the driver's own cursor.

SQLAlchemy's per-call cost would halve the rate of single actions (docs/why/speed.md).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, bindparam, delete, insert, select, update

from storage import rows
from storage.claims import upsert
from storage.tables import TABLES


class Statements:
    """All statements of the hot paths for one dialect, with positional parameters."""

    def __init__(self, dialect: Dialect) -> None:
        """Compile every statement for ``dialect``."""
        self._dialect = dialect
        t = TABLES
        self.new_matter = self._insert("matter", rows.MATTER)
        self.change_matter = self._update("matter", rows.MATTER_CHANGES, ("id",))
        self.new_history = self._insert("history", rows.HISTORY)
        self.new_clock = self._insert("clock", rows.CLOCK)
        self.change_clock = self._update("clock", rows.CLOCK_CHANGES, ("matter", "name", "round"))
        self.new_fire = self._insert("fire", rows.FIRE)
        self.new_message = self._insert("message", rows.MESSAGE)
        self.new_evidence = self._insert("evidence", rows.EVIDENCE)
        self.set_fact = self._sql(
            upsert(t["fact"], dialect.name, ["matter", "name"], ["type", "value", "jurisdiction"]), rows.FACT
        )
        self.drop_fact = self._sql(
            delete(t["fact"]).where(
                t["fact"].c.matter == bindparam("k_matter"), t["fact"].c.name == bindparam("k_name")
            ),
            None,
            ["k_matter", "k_name"],
        )
        self.new_alias = self._sql(
            upsert(t["alias"], dialect.name, ["kind", "value", "matter"], []), rows.ALIAS
        )
        matter, fact, clock = t["matter"], t["fact"], t["clock"]
        m = [matter.c[n] for n in rows.MATTER]
        f = [fact.c[n] for n in ("matter", "name", "type", "value")]
        c = [clock.c[n] for n in rows.CLOCK]
        root = matter.c.root == bindparam("root")
        self.family = self._sql(select(*m).where(root).order_by(matter.c.opened_at, matter.c.id))
        self.family_facts = self._sql(select(*f).join(matter, matter.c.id == fact.c.matter).where(root))
        self.family_clocks = self._sql(
            select(*c)
            .where(clock.c.root == bindparam("root"))
            .order_by(clock.c.matter, clock.c.name, clock.c.round)
        )
        self.all_clocks = self._sql(select(*c).order_by(clock.c.matter, clock.c.name, clock.c.round))
        self.matter = self._sql(select(*m).where(matter.c.id == bindparam("id")))
        self.matter_facts = self._sql(select(*f).where(fact.c.matter == bindparam("id")))
        due = clock.c.look_at.is_not(None) & (clock.c.look_at <= bindparam("now"))
        order = (clock.c.look_at, clock.c.matter, clock.c.name, clock.c.round)
        self.due = self._sql(select(*c).where(due).order_by(*order)) + " LIMIT ?"

    def _insert(self, table: str, columns: tuple[str, ...]) -> str:
        return self._sql(insert(TABLES[table]), columns)

    def _update(self, table: str, columns: tuple[str, ...], keys: tuple[str, ...]) -> str:
        t = TABLES[table]
        statement = update(t).ordered_values(*((name, bindparam(f"v_{name}")) for name in columns))
        for key in keys:
            statement = statement.where(t.c[key] == bindparam(f"k_{key}"))
        return self._sql(statement, None, [*(f"v_{n}" for n in columns), *(f"k_{n}" for n in keys)])

    def _sql(
        self, statement: Any, columns: tuple[str, ...] | None = None, order: list[str] | None = None
    ) -> str:
        compiled = statement.compile(dialect=self._dialect, column_keys=list(columns) if columns else None)
        wanted = order or (list(columns) if columns else None)
        given = compiled.positiontup
        if wanted is not None and given is not None and list(given) != wanted:
            raise AssertionError(f"parameters in another order: {given} instead of {wanted}")
        return str(compiled)
