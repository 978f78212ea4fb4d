"""The one place that knows database dialects: connecting, beginning, upserting, and what errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table, create_engine, event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from engine.errors import BadInput, BadRow, Conflict, NotFound, StorageTrouble, Unreadable, YiribanError

BUSY_MS = 5_000
# SQLite before 3.51.3 (backports 3.44.6, 3.50.7) can corrupt a WAL database that several connections use
_WAL_SOUND = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


def journal_mode(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """Return ``WAL`` where the library's WAL is sound, ``PERSIST`` (rollback journal) elsewhere."""
    sound = version >= _WAL_SOUND[2] or any(f <= version < (f[0], f[1] + 1, 0) for f in _WAL_SOUND[:2])
    return "WAL" if sound else "PERSIST"


def pragmas(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> list[str]:
    """Return the PRAGMAs of every SQLite connection; benchmarks' baselines use and print the same."""
    return [
        f"PRAGMA journal_mode={journal_mode(version)}",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        f"PRAGMA busy_timeout={BUSY_MS}",
    ]


def connect(url: str) -> Engine:
    """Make the engine for a database URL; raise ``BadInput`` for one that cannot be understood."""
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise BadInput(
            f"看不懂的数据库地址：{url}",
            why=str(error).splitlines()[0],
            then="写成 sqlite:///文件 或 postgresql+psycopg://…",
        ) from error
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            for pragma in pragmas():
                connection.execute(pragma)

    return engine


def begin(dialect: str) -> str:
    """Return how a writing transaction begins: SQLite must take its lock at once, or it starves."""
    return "BEGIN IMMEDIATE" if dialect == "sqlite" else "BEGIN"


def upsert(table: Table, dialect: str, keys: list[str], sets: list[str]) -> Any:
    """Return an INSERT that updates ``sets`` where ``keys`` exist already; with no ``sets`` it does nothing."""
    statement: Any = sqlite_insert(table) if dialect == "sqlite" else postgresql_insert(table)
    if not sets:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: getattr(statement.excluded, name) for name in sets}
    )


@contextmanager
def speaking(place: str) -> Iterator[None]:
    """Turn a database's errors into refusals that speak to people; ``place`` names the database."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error.orig or error, place) from error
    # where a name in a damaged schema is no text, the driver cannot even say so
    except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
        raise translated(error, place) from error


def translated(error: BaseException, place: str) -> YiribanError:
    """Say what a database error means and what to do."""
    text = str(error)
    for marks, kind, what, why, then in _MEANINGS:
        if any(mark in text for mark in marks):
            return kind(what.format(place=place), why=why.format(place=place, text=text), then=then)
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError, OverflowError)):
        return BadRow("数据库拒绝了一行数据", why=text, then="该行的问题会留在计时上，其余照常")
    return StorageTrouble(
        "数据库出错，本次操作没有保存", why=f"{place}：{text}", then="核对数据库文件，或用备份恢复"
    )


_MEANINGS: tuple[tuple[tuple[str, ...], type[YiribanError], str, str, str], ...] = (
    (
        ("locked", "busy"),
        Conflict,
        "数据库正忙：另一个程序正在写入",
        "{place}",
        "稍候重试；若一直如此，查看是否有停住的 yiriban 进程",
    ),
    (
        ("full", "No space", "disk I/O"),
        StorageTrouble,
        "磁盘已满或写入失败，本次操作没有保存",
        "{place}",
        "腾出空间后重试",
    ),
    (
        ("unable to open",),
        StorageTrouble,
        "打不开数据库 {place}",
        "它是文件夹、不存在或没有权限",
        "检查 --database 指向的文件",
    ),
    (("readonly", "read-only"), StorageTrouble, "数据库 {place} 是只读的", "没有写权限", "检查文件权限"),
    (
        ("malformed", "not a database", "file is encrypted", "codec can't decode"),
        StorageTrouble,
        "{place} 不是完好的数据库",
        "{text}",
        "用备份恢复，不要继续写入",
    ),
    (
        ("Could not decode",),
        Unreadable,
        "数据库里有一行读不出来",
        "文字已损坏（{text}）",
        "用 yiriban db verify 核对，用备份恢复，或请维护人员改正",
    ),
    (("no such table",), NotFound, "{place} 里还没有一日办的数据", "{text}", "先运行 yiriban init"),
)
