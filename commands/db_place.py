"""Where the database lies as a file, and whether somebody is at work on it."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from commands.doctor_running import lives
from commands.printing import SHANGHAI
from commands.room import sqlite_file
from engine.errors import BadInput, Conflict, YiribanError
from runtime.lease import NAME
from runtime.settings import Settings
from storage.leases import Leases
from storage.store import SqlStore


def file_of(settings: Settings) -> Path:
    """Return the file of the database; raise ``BadInput`` where it is none."""
    file = sqlite_file(settings)
    if file is None:
        raise BadInput(
            "数据库不是一个文件",
            why="备份、恢复、升级只管 SQLite 文件",
            then="服务器上的数据库用它自己的工具备份（PostgreSQL：pg_dump）",
        )
    return file


def is_ours(settings: Settings, file: Path | None) -> bool:
    """Say whether ``file`` is the database in use."""
    ours = sqlite_file(settings)
    return file is not None and ours is not None and ours.exists() and file.exists() and file.samefile(ours)


def refuse_running(settings: Settings, target: Path, now: datetime, then: str) -> None:
    """Raise ``Conflict`` while `yiriban run` is alive on the database ``target``; ``then``: what is to be done after it."""
    if not target.exists():
        return
    holder = None
    # a database that cannot be read any more has nobody running on it
    with closing(SqlStore(settings.database)) as store, suppress(YiribanError), store.reading():
        holder = Leases(store).read(NAME)
    if holder is not None and lives(holder, now):
        raise Conflict(
            "yiriban run 正在使用这个数据库",
            why=f"主机 {holder.host} 的进程 {holder.pid}",
            then=f"先停掉它，再{then}",
        )


def beside(target: Path, now: datetime, mark: str = "") -> Path:
    """Name a file beside the database that is to be kept: ``yiriban.20261104T090000.db``; never one that exists."""
    stem = f"{target.stem}{mark}.{now.astimezone(SHANGHAI):%Y%m%dT%H%M%S}"
    number = 1
    while (kept := target.with_name(f"{stem}{f'-{number}' if number > 1 else ''}{target.suffix}")).exists():
        number += 1
    return kept
