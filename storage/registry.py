"""Numbers of matters: the next project number, aliases, and the keys that sources use for parts."""

from __future__ import annotations

from engine.errors import NotFound
from storage.store import SqlStore


class Registry:
    """Finds and gives numbers; every call runs in the store's open transaction."""

    def __init__(self, store: SqlStore) -> None:
        """Bind to ``store``."""
        self._store = store

    def next_project(self, year: int) -> str:
        """Return the next free project number of ``year``: ``P2026-0001``, ``P2026-0002`` …"""
        prefix = f"P{year}-"
        found = self._store.run(
            "select max(cast(substr(id, ?) as integer)) from matter where root = id and id like ?",
            (len(prefix) + 1, f"{prefix}%"),
        ).fetchone()
        return f"{prefix}{(found[0] or 0) + 1:04d}"

    def matters_called(self, kind: str, value: str) -> list[str]:
        """Return the roots of the matters that have this alias."""
        found = self._store.run(
            "select distinct m.root from alias a join matter m on m.id = a.matter where a.kind = ? and a.value = ?"
            " order by m.root",
            (kind, value),
        )
        return [r[0] for r in found.fetchall()]

    def part_keys(self, root: str) -> dict[str, str]:
        """Return the keys that a source uses for the parts of ``root``: key path → matter id."""
        found = self._store.run(
            "select a.value, a.matter from alias a join matter m on m.id = a.matter"
            " where m.root = ? and a.kind = 'part'",
            (root,),
        )
        return {value.partition("|")[2]: matter for value, matter in found.fetchall()}

    def root_of(self, reference: str) -> str:
        """Return the id of the matter called ``reference`` by id or alias.

        Raise ``NotFound`` where there is none, or where several answer to it.
        """
        run = self._store.run
        found = run("select id from matter where id = ?", (reference,)).fetchone()
        if found is not None:
            return str(found[0])
        sql = "select distinct matter from alias where value = ? and kind <> 'part' order by matter"
        named = run(sql, (reference,)).fetchall()
        if len(named) == 1:
            return str(named[0][0])
        if named:
            raise NotFound(
                f"编号 {reference} 对应 {len(named)} 个事项",
                then="指明其中之一：" + "、".join(r[0] for r in named[:10]),
            )
        raise NotFound(f"没有编号为 {reference} 的事项", then="用 yiriban project list 查看")
