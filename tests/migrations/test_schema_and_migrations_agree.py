"""The migrations lead to the very schema that the tables declare; what one of them forgets is found."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, Index, MetaData, Table, Text, event

from engine.errors import StorageTrouble
from storage import upgrading
from storage.claims import connect
from storage.columns import metadata
from storage.layout import Layout, differences, layout_of
from storage.store import SqlStore
from storage.tables import SCHEMA_VERSION, TABLES
from storage.upgrading import FOLDER, all_steps, upgrade
from tests.commands.conftest import DATABASE, Desk
from tests.migrations.conftest import made_of

_DDL = re.compile(r"\s*(create|drop|alter)\s", re.IGNORECASE)


def _told(file: Path) -> dict[str, list[Any]]:
    """What SQLite itself tells of every table: columns, their order, types and defaults, and its indexes."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [r[0] for r in connection.execute("select name from sqlite_master where type = 'table'")]
        told = {}
        for table in sorted(tables):
            columns = connection.execute(f"pragma table_xinfo({table})").fetchall()
            indexes = [
                (r[1:], connection.execute(f"pragma index_xinfo({r[1]})").fetchall())
                for r in connection.execute(f"pragma index_list({table})")
            ]
            told[table] = [columns, sorted(indexes)]
        return told


def test_an_upgraded_database_is_made_of_the_same_as_a_new_one(
    upgraded: Desk, fresh: Layout, tmp_path: Path
) -> None:
    file = upgraded.folder / DATABASE
    assert differences(made_of(file), fresh) == []
    made_of(tmp_path / "new.db", create=True)
    assert _told(file) == _told(tmp_path / "new.db")
    tables = {name for kind, name in fresh if kind == "table"}
    assert tables == set(TABLES), "and nothing of Alembic's own"
    assert sum(1 for kind, _ in fresh if kind == "trigger") == 6
    assert sum(1 for kind, _ in fresh if kind == "index") >= 26


def _to_write(file: Path, wanted: MetaData) -> str:
    """The migration that Alembic would have: a second opinion, and a beginning for whoever has to write it."""
    engine = connect(f"sqlite:///{file}")
    with engine.connect() as connection:
        options = {"target_metadata": wanted, "render_as_batch": True}
        found = produce_migrations(MigrationContext.configure(connection, opts=options), wanted).upgrade_ops
    engine.dispose()
    assert found is not None
    return "" if found.is_empty() else render_python_code(found, render_as_batch=True)


def test_the_tables_have_no_change_without_a_migration(upgraded: Desk) -> None:
    lacking = _to_write(upgraded.folder / DATABASE, metadata)
    assert lacking == "", f"a migration is missing (docs/how-to/upgrade.md); perhaps:\n{lacking}"


def test_a_column_an_index_and_a_table_without_a_migration_are_told_with_what_to_write(
    upgraded: Desk, fresh: Layout
) -> None:
    file = upgraded.folder / DATABASE
    for change, words in (
        (lambda m: m.tables["person"].append_column(Column("fax", Text)), "add_column(sa.Column('fax'"),
        (lambda m: Index("ix_fact_type", m.tables["fact"].c.type), "create_index('ix_fact_type'"),
        (lambda m: Table("stamp", m, Column("id", Text, primary_key=True)), "create_table('stamp'"),
        (lambda m: m.remove(m.tables["breaker"]), "drop_table('breaker'"),
    ):
        changed = MetaData(naming_convention=metadata.naming_convention)
        for table in metadata.tables.values():
            table.to_metadata(changed)
        change(changed)
        assert words in _to_write(file, changed)
        with connect("sqlite://").connect() as connection:
            changed.create_all(connection)
            wanted = {key: value for key, value in layout_of(connection).items() if key[0] != "trigger"}
        found = {key: value for key, value in fresh.items() if key[0] != "trigger"}
        assert len(differences(found, wanted)) in (1, 2), "a table goes with its index"


def test_every_version_has_one_migration_with_a_title_in_both_languages() -> None:
    steps = all_steps()
    assert [step.version for step in steps] == list(range(1, SCHEMA_VERSION + 1))
    assert all(all(step.title) for step in steps)
    names = sorted(path.name for path in (FOLDER / "versions").glob("*.py"))
    assert [name[:4] for name in names] == [f"{n:04d}" for n in range(1, SCHEMA_VERSION + 1)]


def test_an_installation_that_lacks_a_migration_says_so(old: Desk, tmp_path: Path) -> None:
    (tmp_path / "part" / "versions").mkdir(parents=True)
    before = old.dump()
    store = SqlStore(f"sqlite:///{old.folder / DATABASE}")
    with closing(store), pytest.raises(StorageTrouble, match="不完整"):
        upgrade(store, lambda: None, dry_run=False, folder=tmp_path / "part")
    assert old.dump() == before


class _Forgetful:
    """Leaves out one statement of the upgrade that changes what the database is made of."""

    def __init__(self, number: int) -> None:
        self.number, self.met, self.left_out = number, 0, ""

    def __call__(
        self, connection: Connection, _cursor: Any, statement: str, values: Any, *_: Any
    ) -> tuple[str, Any]:
        if connection.engine.url.database != ":memory:" and _DDL.match(statement):
            self.met += 1
            if self.met == self.number:
                self.left_out = statement
                return "select 1", ()
        return statement, values


def test_a_migration_that_forgets_a_table_column_check_index_or_trigger_is_refused_and_taken_back(
    old: Desk, fresh: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement in turn: whether the comparison or SQLite itself finds it, nothing is left changed."""
    former = upgrading._after(all_steps()[:1])
    monkeypatch.setattr(upgrading, "_fresh", lambda: fresh)  # worked out once
    monkeypatch.setattr(upgrading, "_after", lambda _steps: former)
    file = old.folder / DATABASE
    before = old.dump()
    number, compared = 0, set()
    with closing(SqlStore(f"sqlite:///{file}")) as store:
        while True:
            number += 1
            forgetful = _Forgetful(number)
            event.listen(Engine, "before_cursor_execute", forgetful, retval=True)
            try:
                upgrade(store, lambda: None, dry_run=False)
            except Exception as error:  # the next statement may stumble over what is not there, in any way
                assert old.dump() == before, forgetful.left_out
                if isinstance(error, StorageTrouble) and "与新建的库不同" in error.what:
                    compared.add(" ".join(forgetful.left_out.split()[:2]).lower())
            else:
                break
            finally:
                event.remove(Engine, "before_cursor_execute", forgetful)
    assert forgetful.left_out == "", f"nobody missed: {forgetful.left_out}"
    assert number > 45, "so many statements were left out, and the last run left out none"
    assert compared >= {"create index", "create unique", "create trigger", "create table", "alter table"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("drop index ix_clock_root", "缺少索引 ix_clock_root"),
        ("create index mine on matter (title)", "多出索引 mine"),
        ("alter table person add column wecom text", "表 person不同：现有 wecom text"),
        ("create trigger t after insert on fact begin select 1; end", "多出触发器 t"),
        ("drop table alias", "缺少表 alias"),
    ],
)
def test_a_database_that_is_not_what_its_version_says_is_not_touched(
    old: Desk, change: str, said: str
) -> None:
    old.sql(change)
    before = old.dump()
    refused = old.at("2026-11-09 11:30", "db", "upgrade")
    assert (refused.code, said in refused.err) == (1, True), refused.err
    assert "数据没有改动" in refused.err
    assert old.dump() == before
    assert not list(old.folder.glob("*before-upgrade*"))


def test_the_layout_tells_what_differs_and_not_how_it_is_spelled() -> None:
    """The comparison's own eyes: gaps, quotes and the order of constraints are nothing, all else is something."""

    def seen(*statements: str) -> Layout:
        with connect("sqlite://").connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            return layout_of(connection)

    plain = seen("create table t (a text default '' not null, b integer, check (a <> 'X'), check (b > 0))")
    same = seen(
        "CREATE TABLE \"t\" (\n\t\"a\" TEXT DEFAULT '' NOT NULL, \n\tb INTEGER, CHECK (b > 0), CHECK (a <> 'X')\n)"
    )
    assert differences(same, plain) == []
    for other in (
        "create table t (a text default ' ' not null, b integer, check (a <> 'X'), check (b > 0))",
        "create table t (a text default '' not null, b integer, check (a <> 'x'), check (b > 0))",
        "create table t (b integer, a text default '' not null, check (a <> 'X'), check (b > 0))",
        "create table t (a text default '' not null, b integer, check (a <> 'X'))",
        "create table t (a text default '', b integer, check (a <> 'X'), check (b > 0))",
        "create table t (a text default '' not null, b integer, check (a <> 'X'), check (b > 0)) strict",
    ):
        assert differences(seen(other), plain), other
