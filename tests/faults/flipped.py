"""A byte of the database file flips: the hash chain finds it, and no reading command falls over it.

What a flip changed is judged by a reader of our own, on raw bytes, before and after. A seventh of the flips
falls anywhere in the file, the others into lines of history, their hashes, moments and names, what matters say of them,
and facts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import cli
from commands import history
from engine.verify import Break, Head
from engine.verify import verify as check
from tests.city import City, moment
from tests.faults._face import Ran, quickly, typed
from tests.faults.suite import Result

TITLE = "a flipped byte in the database file, found by the hash chain"
PLANTED = {
    "column_skipped": "the check of the chain does not look at the moments beside a line",
    "head_skipped": "the check of the chain does not look at what a matter says of its history",
    "hash_skipped": "the check of the chain does not look at the hash of a line",
    "crash": "what cannot be read is not put into words",
}
NOW = moment("2026-11-10 09:00")  # 周二
LINES = ("matter", "no", "kind", "at", "recorded_at", "body", "hash", "algorithm")
HEADS = ("id", "state", "history_no", "head_hash")
READING: tuple[tuple[str, ...], ...] = (
    ("project", "list"),
    ("project", "show", "P3"),
    ("project", "explain", "P3"),
    ("history", "show", "P2"),
    ("clock", "list"),
    ("case", "list"),
    ("message", "list"),
    ("desk", "officer"),
    ("desk", "tracker"),
    ("report",),
    ("unit", "list"),
    ("person", "list"),
    ("feed", "list"),
    ("patrol", "--dry-run"),
    ("project", "list", "--json"),
    ("message", "list", "--json"),
)
"""What people type to look at something; some of them after each flip."""
TRACKER = "钱八"


def run(*, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
    """Flip bytes one at a time, each in a fresh copy."""
    random, result = Random(seed), Result()
    whole = _built(folder / "whole.db", 12 if large else 5)
    original = whole.read_bytes()
    was = _content(whole)
    assert was is not None
    targets = _targets(whole, original)
    with quickly(), ExitStack() as stack:
        for fault in _planted(planted):
            stack.enter_context(fault)
        if typed(whole, NOW, "history", "verify").code != 0 or typed(whole, NOW, "db", "verify").code != 0:
            result.wrong.append("the whole database is not sound")
        for number in range(1_400 if large else 35):
            at = random.choice(targets[number % len(targets)])
            flipped = bytearray(original)
            # the highest bit makes a letter none: what is not UTF-8 nobody can read
            flipped[at] ^= 0x80 if number % 4 == 1 else 1 << random.randrange(7)
            file = folder / "flipped.db"
            file.write_bytes(flipped)
            commands = READING if planted == "crash" else random.sample(READING, 3 if large else 2)
            _look(result, file, was, at, commands)
            if planted and result.wrong:
                break
    return result


def _built(file: Path, projects: int) -> Path:
    """Make a city with histories of every kind: projects at all stages, late ones, cases."""
    city = City(f"sqlite:///{file}")
    last = ("deliver_report", "decide_award", "sign_contract", "accept", "pay")
    for number in range(1, projects + 1):
        city.open("2026-11-02 09:00", id=f"P{number}")  # 周一
        city.walk(last[number % len(last)], "2026-11-02 10:00", on=f"P{number}")
    city.patrol("2026-11-09 09:00")
    city.store.close()
    for beside in ("-journal", "-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    return file


def _content(file: Path) -> tuple[list[Any], list[Any]] | None:
    """Read the lines and heads as raw bytes; ``None`` where SQLite cannot read them any more."""
    found = []
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as db:
            db.text_factory = bytes
            for table, columns in (("history", LINES), ("matter", HEADS)):
                found.append(
                    sorted(map(repr, db.execute(f"select {', '.join(columns)} from {table} not indexed")))
                )
    except (
        sqlite3.Error,
        UnicodeDecodeError,
    ):  # of a damaged schema the driver cannot even say what is wrong
        return None
    return found[0], found[1]


def _targets(file: Path, original: bytes) -> list[list[int]]:
    """Return places in the file by what lies there: anything, then lines, hashes, columns, names, heads, facts."""
    with closing(sqlite3.connect(file)) as db:
        bodies = [row[0].encode() for row in db.execute("select body from history")]
        hashes = [row[0].encode() for row in db.execute("select hash from history")]
        heads = [(s + t).encode() for s, t in db.execute("select state, title from matter")]
        heads += [row[0].encode() for row in db.execute("select head_hash from matter")]
        # the number of a first line takes no byte of its own: its kind follows its matter's name
        names = [
            row[0].encode()
            for row in db.execute("select matter from history where no = 1 and kind = 'opened'")
        ]
        facts = [
            (m + n + t + v).encode()
            for m, n, t, v in db.execute("select matter, name, type, value from fact")
        ]
    found = [list(range(len(original)))]
    found += [[at for piece in pieces for at in _places(piece, original)] for pieces in (bodies, hashes)]
    # the moments of a line stand right before it
    found.append(
        [at - back for piece in bodies for at in _places(piece, original)[:1] for back in range(1, 17)]
    )
    found.append([at for name in names for at in _places(name + b"opened", original)[: len(name)]])
    found += [[at for piece in pieces for at in _places(piece, original)] for pieces in (heads, facts)]
    return found


def _places(piece: bytes, original: bytes) -> list[int]:
    """Return where ``piece`` stands, wherever it does; a long one lies in parts over several pages and is not found."""
    found: list[int] = []
    at = original.find(piece)
    while at >= 0:
        found += range(at, at + len(piece))
        at = original.find(piece, at + 1)
    return found


def _look(
    result: Result, file: Path, was: tuple[list[Any], list[Any]], at: int, commands: Sequence[tuple[str, ...]]
) -> None:
    """Judge one flip: what it changed, who found it, and whether anybody fell over it."""
    result.count("flips")
    now = _content(file)
    verified = typed(file, NOW, "history", "verify")
    whole = typed(file, NOW, "db", "verify")
    loud = whole.code != 0 or verified.code != 0
    kind = "unreadable" if now is None else "content of a history" if now != was else "elsewhere"
    result.count(f"changed: {kind}")
    if verified.code == 6:
        result.count("found by history verify")
    if _integrity(file):
        result.count("found by SQLite's integrity_check alone")
    if loud:
        result.count("found by db verify or refused as unreadable")
    if kind == "content of a history":
        # a line that another table's damage hides counts as found only if the chain says so
        if verified.code == 6:
            result.count("of histories, found by history verify")
        else:
            result.wrong.append(f"byte {at}: history verify ended with {verified.code} {verified.err[:200]}")
    elif kind == "unreadable" and not loud:
        result.wrong.append(f"byte {at}: nobody says that the file cannot be read")
    for words in commands:
        _read(result, typed(file, NOW, *words, person=TRACKER if "tracker" in words else "张三"), at, words)
    for words, ran in ((("history", "verify"), verified), (("db", "verify"), whole)):
        _read(result, ran, at, words)
    for beside in ("-journal", "-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)


def _read(result: Result, ran: Ran, at: int, words: Sequence[str]) -> None:
    result.count("reading commands")
    if ran.code not in (0, 6):
        result.count("refused in words")
    if ran.internal:
        result.count("took the blame (内部错误)")
    if ran.traceback or ran.code not in (0, 1, 2, 3, 4, 6, 7):
        result.wrong.append(
            f"byte {at}: {' '.join(words)} ended with {ran.code}: {(ran.escaped or ran.err)[-300:]}"
        )


def _integrity(file: Path) -> bool:
    """Say whether SQLite itself notices anything."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as db:
            return bool(db.execute("pragma integrity_check").fetchall() != [("ok",)])
    except (sqlite3.Error, UnicodeDecodeError):
        return True


def _planted(fault: str | None) -> Iterator[Any]:
    def blind(kind: str) -> Any:
        def verify(head: Head, lines: Any) -> Iterator[Break]:
            return (found for found in check(head, lines) if found.kind != kind)

        return patch.object(history, "check", verify)

    if fault == "head_skipped":

        def trusting(head: Head, lines: Any) -> Iterator[Break]:
            return (b for b in check(head, lines) if b.kind not in ("head", "state", "tail"))

        yield patch.object(history, "check", trusting)
    if fault == "column_skipped":
        yield blind("column")
    if fault == "hash_skipped":
        yield blind("hash")
    if fault == "crash":

        def speechless(error: BaseException, _lang: str) -> Any:
            raise error

        yield patch.object(cli, "explain", speechless)
