"""Backing up a database in use, checking it from end to end, and putting a backup in its place. 备份、核对、恢复

SQLite only: a database on a server is backed up by the server's own means.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.errors import BadInput, Conflict, StorageTrouble, YiribanError
from engine.verify import orphan, verify
from storage.claims import BUSY_MS, speaking
from storage.holds import Hold, put_hold
from storage.moments import from_ticks
from storage.store import SqlStore
from storage.tables import SCHEMA_VERSION
from storage.views import chains, orphans

COUNTED = ("matter", "history", "clock", "fire", "message", "event", "person", "unit")
"""The tables whose rows are counted."""
_BESIDE = ("-wal", "-shm", "-journal")
_AT_ONCE = 1 << 20
_MOST = 100
_TRIGGERS = 6
"""How many triggers `feed_tables` sets up."""


@dataclass(frozen=True, slots=True)
class LastLine:
    """The line of history written last."""

    matter: str
    no: int
    recorded_at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Made:
    """A backup: its file, size in bytes, SHA-256, how many matters it holds, and its last line of history."""

    file: Path
    size: int
    sha256: str
    matters: int
    last: LastLine | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: ``check`` is one of ``file, integrity, schema, history, feed``; ``where`` may be empty."""

    check: str
    where: str
    what: str


@dataclass(slots=True)
class Tally:
    """What was counted on the way: rows by table, and the schema version as it is written down."""

    rows: dict[str, int] = field(default_factory=dict)
    schema: str = ""


# backing up


def back_up(source: Path, target: Path, *, force: bool) -> Made:
    """Copy the database ``source``, which may be in use, to ``target``: whole or not at all.

    Raise ``Conflict`` where ``target`` exists and ``force`` is not given, ``BadInput`` where it is ``source``,
    ``StorageTrouble`` where the copy is not sound or cannot be written.
    """
    if target.exists() and target.samefile(source):
        raise BadInput(f"{target} 就是正在使用的数据库", then="写另一个文件名")
    if target.exists() and not force:
        raise _exists(target)
    part = _part(target)
    try:
        _copy(source, part)
        with closing(sqlite3.connect(part)) as copy, speaking(str(part)):
            # a single file that nobody need write to: no -wal beside it
            copy.execute("pragma journal_mode = delete").fetchone()
            told = copy.execute("pragma integrity_check(1)").fetchone()[0]
            if told != "ok":
                raise StorageTrouble(
                    f"{source} 不是完好的数据库，没有做成备份",
                    why=told,
                    then="不要继续写入，用以前的备份恢复",
                )
            matters = copy.execute("select count(*) from matter").fetchone()[0]
            sql = "select matter, no, recorded_at, hash from history order by id desc limit 1"
            row = copy.execute(sql).fetchone()
        size, digest = part.stat().st_size, sha256_of(part)
        _settle(part, target, force=force)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        _remove(part)
    last = None if row is None else LastLine(row[0], row[1], from_ticks(row[2]), row[3])
    return Made(target, size, digest, int(matters), last)


def _copy(source: Path, part: Path) -> None:
    """Copy in one step: SQLite starts again from the first page where somebody writes between two steps."""
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it tells telephone numbers
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with (
        speaking(str(source)),
        closing(sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000)) as here,
        closing(sqlite3.connect(part)) as there,
    ):
        here.backup(there)


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _settle(part: Path, target: Path, *, force: bool) -> None:
    """Give the finished file its name; what reached the disk is the whole of it."""
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    if force:
        part.replace(target)
    else:
        try:
            os.link(part, target)  # unlike a rename it never takes the place of a file that came meanwhile
        except FileExistsError:
            raise _exists(target) from None
        except OSError:  # a file system without links
            part.replace(target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _remove(part: Path) -> None:
    for beside in ("", *_BESIDE):
        with suppress(OSError):
            Path(f"{part}{beside}").unlink(missing_ok=True)


def _exists(target: Path) -> Conflict:
    return Conflict(f"{target} 已经存在", why="不覆盖已有的文件", then="换一个文件名，或加 --force")


def _unwritable(target: Path, error: OSError) -> StorageTrouble:
    return StorageTrouble(
        f"写不成 {target}",
        why=error.strerror or str(error),
        then="检查文件夹、权限和剩余空间；原有文件没有改动",
    )


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


# checking


def open_backup(file: Path) -> SqlStore:
    """Open a backup so that reading leaves every byte of it as it is.

    Raise ``BadInput`` for a file that is still in use or was copied out of use: parts of it lie beside it.
    """
    for beside in ("-wal", "-journal"):
        other = Path(f"{file}{beside}")
        if _begins_with_something(other):
            raise BadInput(
                f"{file} 不是完整的备份",
                why=f"旁边的 {other.name} 里还有没有并入的内容：它正在使用，或是直接拷贝出来的",
                then="用 yiriban --database 该文件 db backup 另一个文件 先做成备份",
            )
    store = SqlStore(f"sqlite:///{file.resolve().as_uri()}?mode=ro&immutable=1&uri=true")
    store.place = str(file)
    return store


def _begins_with_something(file: Path) -> bool:
    """Say whether a journal is to be reckoned with: one that is kept for later begins with zeros."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return bool(stream.read(8).strip(b"\0"))


def examine(store: SqlStore, tally: Tally) -> Iterator[Finding]:
    """Check the file, the schema, every history and the events, and count; runs in an open transaction."""
    checks = (_integrity, _schema, _histories, _events, _counts)
    for check in checks:
        try:
            with speaking(store.place):
                found = list(check(store, tally))
        except YiribanError as error:
            # behind unreadable pages nothing more can be said
            yield Finding("integrity", "", "：".join(part for part in (error.what, error.why) if part))
            return
        yield from found
        if check is _schema and found:
            return


def damage(store: SqlStore) -> Finding | None:
    """Return the first thing that is wrong with a database, ``None`` where nothing is."""
    try:
        with store.reading():
            return next(examine(store, Tally()), None)
    except YiribanError as error:
        return Finding("integrity", "", f"{error.what}：{error.why}")
    except (sqlite3.Error, ValueError) as error:
        return Finding("integrity", "", str(error))


def _integrity(store: SqlStore, _tally: Tally) -> Iterator[Finding]:
    if store.engine.dialect.name != "sqlite":
        return
    for (told,) in store.run(f"pragma integrity_check({_MOST})").fetchall():
        if told != "ok":
            yield Finding("integrity", "", " ".join(told.split()))


def _schema(store: SqlStore, tally: Tally) -> Iterator[Finding]:
    found = store.run("select value from meta where name = 'schema'").fetchone()
    tally.schema = "" if found is None else str(found[0])
    if tally.schema != str(SCHEMA_VERSION):
        yield Finding("schema", "meta", f"结构版本是 {tally.schema or '未知'}，本程序需要 {SCHEMA_VERSION}")


def _histories(store: SqlStore, _tally: Tally) -> Iterator[Finding]:
    for head, lines in chains(store):
        for found in verify(head, lines):
            yield Finding("history", f"{found.matter} 第 {found.line} 行", found.what)
    for lost in orphans(store):
        yield Finding("history", lost, orphan(lost).what)


def _events(store: SqlStore, _tally: Tally) -> Iterator[Finding]:
    """The numbers of the feed have no gap, none was cut off, and every line of history is told as it is."""
    sqlite = store.engine.dialect.name == "sqlite"
    if sqlite:
        sql = (
            "select count(*) from sqlite_master where type = 'trigger' and name like 'event\\_%' escape '\\'"
        )
        if store.run(sql).fetchone()[0] < _TRIGGERS:
            yield Finding("feed", "event", "缺少写事件流水的触发器，今后的事件不会写入")
    sql = (
        "select seq, before from (select seq, lag(seq, 1, 0) over (order by seq) as before from event) x"
        f" where seq <> before + 1 limit {_MOST}"
    )
    for seq, before in store.run(sql).fetchall():
        gap = f"{before + 1}" if seq == before + 2 else f"{before + 1} 至 {seq - 1}"
        yield Finding("feed", gap, "事件流水缺号")
    last = store.run("select coalesce(max(seq), 0) from event").fetchone()[0]
    given = store.run("select seq from sqlite_sequence where name = 'event'").fetchone() if sqlite else None
    if given is not None and given[0] > last:
        yield Finding("feed", f"{last + 1} 至 {given[0]}", "事件流水末尾缺号")
    name = "cast(x.matter as blob)" if sqlite else "x.matter"  # a damaged name need not be UTF-8
    told = "select matter, no, hash from history except select matter, no, hash from event"
    for matter, no in store.run(f"select {name}, x.no from ({told}) x limit {_MOST}").fetchall():
        yield Finding("feed", f"{_read(matter)} 第 {no} 行", "历史的这一行不在事件流水里，或写入之后被改过")


def _read(text: object) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


def _counts(store: SqlStore, tally: Tally) -> Iterable[Finding]:
    tally.rows = {name: int(store.run(f"select count(*) from {name}").fetchone()[0]) for name in COUNTED}
    return ()


# restoring


def restore(file: Path, target: Path, why: str, now: datetime, aside: Path) -> Hold:
    """Put a copy of the backup ``file``, on hold, in the place of ``target``.

    A database that is there is first renamed to ``aside``, with what lies beside it. Raise ``Conflict`` where
    somebody is writing to it, ``StorageTrouble`` where the copy cannot be written; then ``target`` is what it was.
    """
    part = _part(target)
    try:
        _copy(file, part)
        with closing(sqlite3.connect(part, isolation_level=None)) as copy, speaking(str(part)):
            copy.execute("begin immediate")
            hold = put_hold(copy.execute, why, now)
            copy.execute("commit")
        if target.exists():
            _refuse_busy(target)
            shutil.copymode(target, part)  # who could open the former one can open this one
        # even where the database itself is gone: a journal left behind would be played into the new one
        _rename(target, aside)
        try:
            _settle(part, target, force=False)
        except BaseException:
            if not target.exists():
                _rename(aside, target)
            raise
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        _remove(part)
    return hold


def _refuse_busy(target: Path) -> None:
    """Raise ``Conflict`` while somebody writes to ``target``; one that cannot be read has no writer."""
    try:
        with (
            speaking(str(target)),
            closing(sqlite3.connect(target, isolation_level=None, timeout=BUSY_MS / 1000)) as present,
        ):
            present.execute("begin exclusive")
            present.execute("rollback")
    except Conflict:
        raise
    except YiribanError:
        return


def _rename(old: Path, new: Path) -> None:
    """Rename a database with what lies beside it: a journal under another name would be lost to it."""
    for beside in (*_BESIDE, ""):
        if Path(f"{old}{beside}").exists():
            Path(f"{old}{beside}").replace(f"{new}{beside}")
