"""A person at the command line: a moment, a command, what was printed; and what the database then holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from commands.printing import width
from runtime import assembly
from tests.conftest import Ran

ZONE = ZoneInfo("Asia/Shanghai")
DATABASE = "yiriban.db"


def instant(text: str) -> datetime:
    """``2026-11-03 10:00`` in Shanghai, as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


HALFWAY = ("--stage", "package.evaluating")
"""Most stories begin in the evaluation; those from the demand say so."""


@dataclass
class Desk:
    """张三's desk in an empty folder; time is what the test says."""

    folder: Path
    run: Callable[..., Ran]
    tell_time: Callable[[str], None]
    person: str = "张三"

    def at(self, moment: str, *words: object, person: str | None = None) -> Ran:
        """Type a command at a moment; every table fits the screen and no traceback is ever seen."""
        self.tell_time(moment)
        ran = self.run("--as", person or self.person, *words)
        for line in ran.out.splitlines():
            # a command to type stays on one line, and JSON is for programs
            whole = "--json" in words or line.lstrip().startswith("yiriban ")
            assert whole or width(line) <= 100, f"{width(line)} columns: {line}"
        assert "Traceback" not in ran.err
        assert "内部错误" not in ran.err, ran.err
        return ran

    def done(self, moment: str, *words: object, person: str | None = None) -> str:
        """Type a command that must succeed; return what it printed."""
        ran = self.at(moment, *words, person=person)
        assert ran.code == 0, ran.err
        return ran.out

    def data(self, moment: str, *words: object) -> dict[str, Any]:
        """Type a command with --json and read it."""
        read: dict[str, Any] = json.loads(self.done(moment, *words, "--json"))
        return read

    def dump(self) -> list[str]:
        """Everything that the database holds, row by row."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection:
            return list(connection.iterdump())

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Touch the database behind the program's back."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
            return rows


@pytest.fixture
def empty(tmp_path: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk without a database; a document lies on it."""
    (tmp_path / "文件.pdf").write_bytes(b"%PDF-1.7 evidence")

    def tell_time(text: str) -> None:
        now = instant(text)
        monkeypatch.setattr(assembly, "system_now", lambda: now)

    return Desk(tmp_path, run, tell_time)


_KEPT: dict[str, bytes] = {}


def _kept(name: str, desk: Desk, build: Callable[[], None]) -> Desk:
    """Build a database once per run of the tests and lay a copy on every further desk."""
    path = desk.folder / DATABASE
    if name in _KEPT:
        path.write_bytes(_KEPT[name])
    else:
        build()
        _KEPT[name] = path.read_bytes()
    return desk


@pytest.fixture
def desk(empty: Desk) -> Desk:
    """A desk with the database of 市一中, where 张三 and 李四 hold the purchaser's roles."""

    def build() -> None:
        empty.done("2026-11-02 08:00", "init", "--unit", "市一中", "--jurisdiction", "410400")  # a Monday
        empty.done("2026-11-02 08:00", "init", person="李四")

    return _kept("desk", empty, build)


@pytest.fixture
def reported(desk: Desk) -> Desk:
    """P2026-0001, whose evaluation report was delivered on Tuesday 2026-11-03 at 11:00.

    The award is promised by Wednesday 11-04 24:00, and the law wants it by Tuesday 11-10 24:00.
    """

    def build() -> None:
        do = ("project", "do", "P2026-0001")
        desk.done("2026-11-02 09:00", "project", "new", "课桌椅采购", "--budget", "35万元", *HALFWAY)
        desk.done("2026-11-03 10:00", *do, "end_evaluation")
        desk.done("2026-11-03 11:00", *do, "deliver_report", "--evidence", "evaluation_report=文件.pdf")

    return _kept("reported", desk, build)
