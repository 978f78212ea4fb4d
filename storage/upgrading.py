"""Bringing a database to the schema of this version by Alembic migrations: whole, or not at all. 升级

Everything happens in one transaction that begins with ``BEGIN IMMEDIATE``: SQLite takes DDL back like anything else,
so that whoever is killed on the way leaves the database as it was. Alembic brings the migrations, their order and
its operations; the version stands in ``meta``, where it always stood, and in no table of Alembic's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from engine.errors import StorageTrouble
from storage.claims import begin, connect, speaking
from storage.columns import metadata
from storage.layout import Layout, differences, layout_of, shortened
from storage.store import SqlStore, nothing_in, of_another_version
from storage.tables import SCHEMA_VERSION

FOLDER = Path(__file__).with_name("migrations")
Secure = Callable[[], None]
"""Called once the database is locked and before anything is changed: makes the backup."""


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: the version that it leads to, what it is about (zh, en), and what it does."""

    version: int
    title: tuple[str, str]
    run: Callable[[], None]


def all_steps(folder: Path = FOLDER) -> list[Step]:
    """Return every migration in its order; raise ``StorageTrouble`` where they are not 1, 2, 3 …"""
    scripts = [script.module for script in ScriptDirectory(str(folder)).walk_revisions()]
    steps = [Step(int(m.revision), m.TITLE, m.upgrade) for m in reversed(scripts)]
    if [step.version for step in steps] != list(range(1, SCHEMA_VERSION + 1)):
        raise StorageTrouble(
            "这份安装的升级步骤不完整",
            why=f"应有 1 至 {SCHEMA_VERSION}，现有 {'、'.join(str(step.version) for step in steps) or '无'}",
            then="重新安装一日办",
        )
    return steps


def upgrade(
    store: SqlStore, secure: Secure, *, dry_run: bool, folder: Path = FOLDER
) -> tuple[int, list[Step]]:
    """Bring the database of ``store`` up to date; return the version that it had, and the steps taken.

    A rehearsal takes every step and takes it back. Raise ``StorageTrouble`` for a newer schema or one that is not
    what its version says, ``Conflict`` where somebody writes to it.
    """
    with _locked(store) as connection:
        found = _version(store, connection)
        steps = all_steps(folder)
        wanted = steps[found:]
        if not wanted:
            return found, []
        _refuse_other(store, connection, steps[:found])
        if not dry_run:
            secure()
        _take(connection, wanted)
        wrong = differences(layout_of(connection), _fresh())
        if wrong:
            raise StorageTrouble(
                "升级后的结构与新建的库不同，没有升级",
                why=shortened(wrong),
                then="数据没有改动。请把这段话交给开发人员",
            )
        if not dry_run:
            connection.commit()
    return found, wanted


def _version(store: SqlStore, connection: Connection) -> int:
    """Return the version of the schema; raise where there is none, or one that no migration starts from."""
    if not inspect(connection).has_table("meta"):
        raise nothing_in(store.place)
    row = connection.exec_driver_sql("select value from meta where name = 'schema'").first()
    found = "" if row is None else str(row[0])
    if found not in map(str, range(1, SCHEMA_VERSION + 1)):
        raise of_another_version(store.place, found)
    return int(found)


def _take(connection: Connection, steps: Sequence[Step]) -> None:
    context = MigrationContext.configure(connection, opts={"transactional_ddl": True})
    with Operations.context(context):
        for step in steps:
            step.run()
            connection.exec_driver_sql(
                "update meta set value = ? where name = 'schema'", (str(step.version),)
            )


@contextmanager
def _locked(store: SqlStore) -> Iterator[Connection]:
    """Hold the write lock of the database; what is not committed is taken back."""
    with speaking(store.place), store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":  # the journal of an upgrade is as large as its tables
            connection.exec_driver_sql("pragma journal_size_limit = 0")
        # the driver begins nothing by itself (claims.connect), so neither does SQLAlchemy
        connection.exec_driver_sql(begin(connection.dialect.name))
        try:
            yield connection
        finally:
            connection.rollback()


def _refuse_other(store: SqlStore, connection: Connection, taken: Sequence[Step]) -> None:
    """Raise ``StorageTrouble`` where the schema is not the one that its version stands for."""
    wrong = differences(layout_of(connection), _after(taken))
    if wrong:
        raise StorageTrouble(
            f"{store.place} 的结构不是版本 {taken[-1].version} 的结构，没有升级",
            why=shortened(wrong),
            then="数据没有改动。自己加的表、索引先删去，升级后再建；开发中途的库请用建库时的那一版打开",
        )


def _after(steps: Sequence[Step]) -> Layout:
    with _scratch() as connection:
        _take(connection, steps)
        return layout_of(connection)


def _fresh() -> Layout:
    with _scratch() as connection:
        metadata.create_all(connection)
        return layout_of(connection)


@contextmanager
def _scratch() -> Iterator[Connection]:
    """Open an empty database in memory."""
    engine = connect("sqlite://")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
