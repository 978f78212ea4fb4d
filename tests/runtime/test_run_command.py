"""`yiriban run` as the system sees it: signals, kill -9, a second one, a database that goes away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commands.run import _Teller
from engine.errors import StorageTrouble
from engine.patrol import Beat
from runtime import assembly
from runtime.metronome import Failed
from tests.conftest import Ran

DATABASE = "yiriban.db"
OVERDUE = timedelta(days=20)
"""So long ago was the report delivered: no holiday is long enough for the promise still to run."""


class Place:
    """A folder with a database, programs started in it, and what the database holds."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Work in ``folder`` with the program of ``root``."""
        self.folder = folder
        self._root = root
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the program as a process of its own."""
        process = subprocess.Popen(
            [sys.executable, str(self._root / "cli.py"), *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._started.append(process)
        return process

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Look into the database."""
        with closing(sqlite3.connect(self.folder / DATABASE, timeout=5)) as connection:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
            return rows

    def wait_for(self, statement: str, *values: Any) -> list[Any]:
        """Wait until a query finds something."""
        end = time.monotonic() + 10
        while not (rows := self.sql(statement, *values)):
            assert time.monotonic() < end, f"nothing: {statement}"
            time.sleep(0.05)
        return rows

    def fires(self) -> list[str]:
        """The keys of all fires."""
        return [key for (key,) in self.sql("select key from fire order by key")]

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first city made is kept for the others."""
    return tmp_path_factory.mktemp("template") / DATABASE


@pytest.fixture
def place(
    template: Path, tmp_path: Path, root: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """A city made at the command line twenty days ago, and left alone since."""
    if not template.exists():
        _make_city(tmp_path, run, monkeypatch)
        shutil.copy(tmp_path / DATABASE, template)
    shutil.copy(template, tmp_path / DATABASE)
    made = Place(tmp_path, root)
    yield made
    made.close()


def _make_city(folder: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    then = assembly.system_now() - OVERDUE
    at = ("--at", f"{then - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}Z")
    project = f"P{then:%Y}-0001"
    with monkeypatch.context() as past:
        past.setattr(assembly, "system_now", lambda: then)
        for words in (
            ("init",),
            ("project", "new", "课桌椅采购", "--stage", "package.evaluating", "--code", project, *at),
            ("project", "do", project, "end_evaluation", *at),
            ("project", "do", project, "deliver_report", "--evidence", "evaluation_report=report.pdf", *at),
        ):
            ran = run("--as", "张三", *words)
            assert ran.code == 0, ran.err


def due(run: Callable[..., Ran]) -> list[str]:
    """What a patrol would fire now."""
    return [fire["key"] for fire in json.loads(run("patrol", "--dry-run", "--json").out)["fires"]]


def test_overdue_clocks_fire_once_and_a_second_run_is_refused(place: Place, run: Callable[..., Ran]) -> None:
    wanted = due(run)
    before = place.fires()
    assert len(wanted) >= 3
    first = place.start("run", "--every", "1s", "--json")
    place.wait_for("select 1 from fire where key = ?", wanted[-1])
    ((pid, host, holder),) = place.sql("select pid, host, holder from lease")
    assert (pid, host) == (first.pid, socket.gethostname())
    second = run("run", "--once")
    assert (second.code, second.out) == (7, "")
    assert all(word in second.err for word in (str(pid), host, holder, "自 20"))
    time.sleep(1.2)  # at least one more beat
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=10)
    assert first.returncode == 0, err
    (line,) = out.splitlines()
    beat = json.loads(line)
    assert (beat["schema"], beat["fires"], beat["troubles"]) == ("yiriban.beat/1", len(wanted), [])
    assert place.fires() == sorted(before + wanted)
    messages = [key for (key,) in place.sql("select key from message")]
    assert len(messages) == len(set(messages))
    assert (
        beat["messages"]
        == place.sql(f"select count(*) from message where fire in ({','.join('?' * len(wanted))})", *wanted)[
            0
        ][0]
    )
    assert place.sql("select * from lease") == []
    assert due(run) == []


def test_sigterm_waits_for_the_beat_in_progress(place: Place, run: Callable[..., Ran]) -> None:
    wanted, before = due(run), place.fires()
    later = int(timedelta(days=365).total_seconds()) * 1_000_000
    place.sql("update clock set look_at = look_at + ? where look_at is not null", later)
    program = place.start("run", "--every", "1s")
    place.wait_for("select 1 from lease where pid = ?", program.pid)
    with closing(sqlite3.connect(place.folder / DATABASE, isolation_level=None, timeout=5)) as holding:
        holding.execute("BEGIN IMMEDIATE")
        holding.execute("update clock set look_at = look_at - ? where look_at is not null", (later,))
        time.sleep(1.5)  # by now a beat stands waiting for the lock
        program.send_signal(signal.SIGTERM)
        program.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert program.poll() is None
        holding.execute("COMMIT")
    out, err = program.communicate(timeout=10)
    assert program.returncode == 0, err
    assert f"触发 {len(wanted)}" in out
    assert place.fires() == sorted(before + wanted)
    assert place.sql("select * from lease") == []


def test_after_kill_9_the_next_run_replaces_the_dead_holder_at_once(
    place: Place, run: Callable[..., Ran]
) -> None:
    program = place.start("run", "--every", "1s")
    place.wait_for("select 1 from lease where pid = ?", program.pid)
    refused = run("run", "--once")
    assert refused.code == 7
    program.kill()
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)  # its parent takes no notice yet
    assert place.sql("select pid from lease") == [(program.pid,)]
    again = run("run", "--once")
    assert again.code == 0, again.err
    assert "接替已不在的巡查程序：" in again.err
    assert str(program.pid) in again.err
    assert place.sql("select * from lease") == []


def test_once_beats_once_says_so_and_then_finds_nothing_to_do(place: Place, run: Callable[..., Ran]) -> None:
    wanted = due(run)
    first = run("run", "--once")
    assert first.code == 0
    assert f"触发 {len(wanted)}，消息 " in first.out
    assert "故障 0" in first.out
    assert first.out.count("\n") == 1
    again = run("--lang", "en", "run", "--once", "--json")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert place.sql("select * from lease") == []


@pytest.mark.parametrize("every", ["0s", "301s", "6m", "15", "1s", "5m", "2分", "1h", "soon", ""])
def test_a_pace_is_a_second_to_five_minutes(run: Callable[..., Ran], every: str) -> None:
    ran = run("run", "--once", "--every", every)
    # a pace that is understood comes as far as the missing database, and makes none
    assert ran.code == (3 if every in ("15", "1s", "5m", "2分") else 2), ran.err
    assert not Path(DATABASE).exists()


def test_a_lasting_trouble_is_said_at_doubling_intervals_and_so_is_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = datetime(2026, 11, 6, 1, tzinfo=UTC)  # a Friday, 09:00 in Shanghai
    tell = _Teller("zh", as_json=False)
    for _ in range(9):
        tell(Failed(at, StorageTrouble("磁盘已满", then="腾出空间")))
    tell(Failed(at, RuntimeError("another")))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("错误：磁盘已满") == 4
    assert told.err.count("下一步：腾出空间") == 4
    assert [n for n in range(2, 10) if f"（第 {n} 次）" in told.err] == [2, 4, 8]
    assert "内部错误：RuntimeError: another" in told.err
    tell(Failed(at, RuntimeError("another")))
    capsys.readouterr()
    tell(Beat(at))
    assert capsys.readouterr() == (
        "",
        "2026-11-06 09:00:00  已恢复，此前 2 次巡查没有做完，到点的事都已办到\n",
    )
    tell(Beat(at))
    assert capsys.readouterr() == ("", "")
