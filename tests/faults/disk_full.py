"""The disk is full at every point of a command: it refuses in words, writes nothing by halves, and goes well later.

Twice over: SQLite is told how many pages its file may have (``max_page_count``, one page more at a time), and the
operating system how long any file may get (``RLIMIT_FSIZE``) for a process of its own that runs the real command.
"""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cli
from engine.delivery import reference_of
from storage import claims
from storage.store import SqlStore
from tests.city import PERSONS, ROOT, City, moment
from tests.faults._face import Ran, quickly, typed
from tests.faults.suite import Result

TITLE = "disk full at every page of an action, a patrol, a delivery, a backup, an import"
PLANTED = {
    "swallowed": "the refusal of the database is swallowed: the command says that all is well",
    "half": "what was written before the disk was full stays",
    "crash": "the refusal is not put into words",
}
NOW, LATER = moment("2026-11-06 09:00"), moment("2026-11-06 09:10")  # 周五
"""Later: a message that was handed over while nobody could write that down is asked about after its lease."""
PAGE = 4096
LONG = "按采购文件约定的评审标准确定" * 400
"""Longer than what is free on the pages that there are."""
FULL = ("磁盘已满", "写不成", "写入")
"""One of these stands in every refusal."""
_TABLES = {
    "matter": "*", "fact": "*", "clock": "*", "fire": "*", "alias": "*", "unit": "*", "person": "*", "bundle": "hash",
    "history": "matter, no, kind, at, recorded_at, body, hash", "evidence": "matter, history_no, kind, name, sha256",
    "message": "key, fire, person, channel, subject, text, state, digest",
    "event": "kind, matter, no, ref, state, hash",
}  # fmt: skip
"""What is compared; what a run makes up by itself (numbers of rows, owners of leases) is left out."""
Dump = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """A command that writes; ``whole``: it leaves nothing or everything, others may stop between two projects."""

    name: str
    words: Callable[[Path], Sequence[object]]
    whole: bool


CASES = (
    Case(
        "action",
        lambda _: ("project", "do", "P1", "decide_award", "--fact", "supplier=甲公司", "--reason", LONG),
        True,
    ),
    Case("new", lambda _: ("project", "new", "图书采购", "--budget", "35万元"), True),
    Case("patrol", lambda _: ("patrol",), True),
    Case(
        "import",
        lambda _: ("import", ROOT / "examples" / "register.csv", "--unit", "市一中", "--add-units"),
        False,
    ),
    Case("send", lambda folder: ("message", "send", "--drop", folder / "out"), False),
    Case("backup", lambda folder: ("db", "backup", folder / "backup.db"), True),
)


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Fill the disk at every point. ``seed`` decides nothing here: there is no chance in it."""
    del seed
    result = Result()
    base = _built(folder / "base.db", 30 if large else 6)
    cases = CASES[:3] if planted else CASES
    with quickly(), ExitStack() as stack:
        done = {case: _wanted(case, base, folder) for case in cases}
        for fault in _planted(planted):
            stack.enter_context(fault)
        for case, wanted in done.items():
            if case.name != "backup":  # another connection writes its file
                _by_pages(result, case, base, wanted, folder, range(200) if large else (0, 3))
            if planted is None and (large or case.name in ("send", "backup")):
                _by_limit(result, case, base, wanted, folder, large=large)
    return result


def _built(file: Path, projects: int) -> Path:
    city = City(f"sqlite:///{file}")
    with city.store.transaction():
        for number, person in enumerate(PERSONS.values()):
            city.store.run(
                "update person set email = ?, phone = ? where id = ?",
                (f"p{number}@example.org", f"1380000000{number}", person),
            )
    for number in range(1, projects + 1):
        city.open("2026-11-02 09:00", id=f"P{number}")  # 周一
        city.walk("deliver_report", "2026-11-02 10:00", on=f"P{number}")
    city.store.close()
    # recurring duties are opened by a transaction of their own: not by the patrol that meets the full disk
    ran = typed(file, moment("2026-11-04 09:00"), "patrol")
    assert ran.code == 0, ran.err
    with closing(sqlite3.connect(file)) as db:
        db.execute("vacuum")  # no free page to hide in
    Path(f"{file}-journal").unlink(missing_ok=True)
    return file


def _wanted(case: Case, base: Path, folder: Path) -> Dump:
    """Return what the database holds after the command has gone well."""
    place = _fresh(case, base, folder)
    ran = typed(place, NOW, *case.words(place.parent))
    assert ran.code == 0, ran.err
    return dump(place)


def _fresh(case: Case, base: Path, folder: Path) -> Path:
    place = folder / case.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copy(base, place / "yiriban.db")
    return place / "yiriban.db"


def dump(file: Path) -> Dump:
    """Return everything that counts, row by row; a beat of the patrol only says that somebody looked."""
    found: Dump = {}
    with closing(sqlite3.connect(file)) as db:
        for table, columns in _TABLES.items():
            beats = " where kind <> 'beat'" if table == "event" else ""
            found[table] = sorted(map(repr, db.execute(f"select {columns} from {table}{beats}")))
    return found


def _by_pages(
    result: Result, case: Case, base: Path, wanted: Dump, folder: Path, more: Sequence[int]
) -> None:  # fmt: skip
    """Let SQLite's file grow by none, one, two ... pages."""
    pages = base.stat().st_size // PAGE
    for extra in more:
        file = _fresh(case, base, folder)
        bounded = [*claims.pragmas(), f"PRAGMA max_page_count={pages + extra}"]
        with patch.object(claims, "pragmas", lambda bounded=bounded: bounded):
            ran = typed(file, NOW, *case.words(file.parent))
        if not _judge(result, case, ran, file, base, wanted, f"{extra} pages more"):
            return


def _by_limit(result: Result, case: Case, base: Path, wanted: Dump, folder: Path, *, large: bool) -> None:
    """Let no file of a process grow beyond a size, the database's journal and backups included."""
    size = base.stat().st_size
    grown = (1, 2, 4, 8, 16, 32, 64) if large else ()
    limits = [0, PAGE, size // 2, size - PAGE] if large else [0]
    for limit in [*limits, *(size + PAGE * n for n in grown)]:
        file = _fresh(case, base, folder)
        _judge(
            result,
            case,
            _process(file, limit, case.words(file.parent)),
            file,
            base,
            wanted,
            f"files of {limit}",
        )


def _process(file: Path, limit: int, words: Sequence[object]) -> Ran:
    def narrow() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    front = [sys.executable, "-B", "-m", "tests.faults._full_cli", NOW.isoformat()]
    typed_in = ["--database", f"sqlite:///{file}", "--as", "张三", *(str(word) for word in words)]
    ended = subprocess.run(
        [*front, *typed_in],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=narrow,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def _judge(
    result: Result, case: Case, ran: Ran, file: Path, base: Path, wanted: Dump, how: str
) -> bool:  # fmt: skip
    """Judge what a command did on a full disk, then give it room; say whether the disk was full for it."""
    where = f"{case.name}, {how}"
    result.count("runs")
    if ran.traceback or ran.internal:
        result.wrong.append(f"{where}: {(ran.escaped or ran.err)[-300:]}")
    held = dump(file)
    if ran.code == 0:
        _expect_done(result, case, file, held, wanted, where)
        return False
    result.count(f"refused: {case.name}")
    if ran.code != 1 or not any(word in ran.err for word in FULL):
        result.wrong.append(f"{where}: exit {ran.code}, {ran.err!r}")
    if case.whole and held not in (dump(base), wanted):
        result.wrong.append(f"{where}: half of it is written")
    if list(file.parent.glob(".*.part")) or (file.parent / "backup.db").exists():
        result.wrong.append(f"{where}: an unfinished file stays")
    _expect_sound(result, file, where)
    again = typed(file, LATER if case.name == "send" else NOW, *case.words(file.parent))
    if again.code and not (case.whole and held == wanted):
        result.wrong.append(f"{where}, with room again: exit {again.code}, {again.err!r}")
    _expect_done(result, case, file, dump(file), wanted, f"{where}, with room again")
    _expect_sound(result, file, f"{where}, with room again")
    return True


def _expect_sound(result: Result, file: Path, where: str) -> None:
    ran = typed(file, NOW, "db", "verify")
    result.count("databases verified")
    if ran.code:
        result.wrong.append(f"{where}: the database is not sound: {ran.out[-300:]}{ran.err}")


def _expect_done(result: Result, case: Case, file: Path, held: Dump, wanted: Dump, where: str) -> None:
    """The effects are there, once."""
    if case.name == "backup":
        ran = typed(file, NOW, "db", "verify", file.parent / "backup.db")
        if ran.code or dump(file.parent / "backup.db") != dump(file):
            result.wrong.append(f"{where}: the backup is not the database: {ran.err}")
    elif case.name == "send":
        _expect_sent(result, file, where)
    elif held != wanted:
        tables = [table for table in held if held[table] != wanted[table]]
        result.wrong.append(f"{where}: not what it should be: {', '.join(tables)}")


def _expect_sent(result: Result, file: Path, where: str) -> None:
    """Every message that says so lies in the folder, once; what failed for want of room is waiting."""
    with closing(sqlite3.connect(file)) as db:
        states = dict(db.execute("select key, state from message"))
        soon = [key for key, in db.execute("select key from message where state = 'queued' and tries = 0 and waits_for = ''"
                                           f" and send_from <= {int(NOW.timestamp() * 1e6)}")]  # fmt: skip
    names = [path.stem.partition("-")[2] for path in (file.parent / "out").rglob("*.*")]
    accepted = [reference_of(key) for key, state in states.items() if state == "accepted"]
    if sorted(names) != sorted(accepted) or len(set(names)) != len(names):
        result.wrong.append(f"{where}: {len(names)} files, {len(accepted)} messages accepted")
    if soon:
        result.wrong.append(f"{where}: {len(soon)} messages were left lying")


def _planted(fault: str | None) -> Iterator[Any]:
    if fault == "swallowed":

        class Silent:
            exit_code = 0

            def lines(self, _lang: str) -> list[str]:
                return []

        yield patch.object(cli, "explain", lambda *_: Silent())
    if fault == "crash":

        def speechless(error: BaseException, _lang: str) -> Any:
            raise error

        yield patch.object(cli, "explain", speechless)
    if fault == "half":
        yield patch.object(SqlStore, "transaction", _careless)


@contextmanager
def _careless(store: Any, _how: str = "") -> Iterator[Any]:
    """Write without a transaction: every statement stays."""
    if store._connection is None:
        store._connection = store.engine.connect()
    store._cursor = store._connection.connection.driver_connection.cursor()
    try:
        yield store._cursor
    finally:
        store._cursor = None
