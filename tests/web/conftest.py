"""A city on a file, the real `yiriban run --http` over it in a process of its own, and what it answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import pytest

from tests.city import City

PATIENCE = 30.0
NAME, PHONE, MAIL = "司马测试", "13912345678", "simaceshi@canary.example"
"""A person whom nobody may find in a log, a measure or an answer."""


@dataclass(frozen=True, slots=True)
class Got:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def check(self, name: str) -> Any:
        """One judgement of /readyz."""
        return next(one for one in self.json["checks"] if one["name"] == name)


def ask(port: int, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
    """Ask the server on loopback."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    with closing(line):
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Got(answer.status, told, answer.read().decode())


class Program:
    """`yiriban run --http` as a process, with its lines."""

    def __init__(self, command: list[str], folder: Path, environ: Mapping[str, str]) -> None:
        """Start it; ``port`` is known as soon as it says so."""
        self.process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONIOENCODING": "utf-8", **environ},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        self.out: list[str] = []
        self.err: list[str] = []
        self._told: SimpleQueue[str] = SimpleQueue()
        self._readers = [
            Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
            Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.port = 0

    def _read(self, stream: Any, kept: list[str]) -> None:
        for line in stream:
            kept.append(line.rstrip("\n"))
            self._told.put(line)

    def listening(self) -> int:
        """Wait until it says where it listens."""
        end = time.monotonic() + PATIENCE
        while not self.port:
            try:
                line = self._told.get(timeout=max(0.01, end - time.monotonic()))
            except Empty:
                raise AssertionError(f"it never listened: {self.out} {self.err}") from None
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
        return self.port

    def says(self, text: str) -> None:
        """Wait until a line on stderr holds ``text``."""
        end = time.monotonic() + PATIENCE
        while not any(text in line for line in self.err):
            assert time.monotonic() < end, f"it never said {text}: {self.err}"
            time.sleep(0.05)

    def ask(self, path: str, **options: Any) -> Got:
        """Ask it."""
        return ask(self.listening(), path, **options)

    def until(self, path: str, wanted: Callable[[Got], bool], within: float = PATIENCE) -> Got:
        """Ask again and again until the answer is wanted."""
        end = time.monotonic() + within
        while True:
            got = self.ask(path)
            if wanted(got):
                return got
            assert time.monotonic() < end, f"{path} stays {got.status}: {got.body[:2000]} {self.err}"
            time.sleep(0.1)

    def ready(self) -> Got:
        """Wait until it is ready."""
        return self.until("/readyz", lambda got: got.status == 200)

    def stop(self) -> float:
        """Send SIGTERM, wait, and return how many seconds the end took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        took = time.monotonic() - began
        for reader in self._readers:
            reader.join(5)
        return took

    def kill(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Place:
    """A folder with the database of a city, and the programs started in it."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Work in ``folder`` with the program of ``root``."""
        self.folder = folder
        self.database = folder / "yiriban.db"
        self._root = root
        self._programs: list[Program] = []

    def settings(self, text: str) -> None:
        """Write ``yiriban.toml``."""
        (self.folder / "yiriban.toml").write_text(text, encoding="utf-8")

    def start(self, *words: str, planted: str = "", **environ: str) -> Program:
        """Start `yiriban run` on a free port; ``planted`` is Python that spoils it beforehand."""
        run = ["run", "--http", "127.0.0.1:0", *words]
        path = [sys.executable, str(self._root / "cli.py")]
        if planted:
            source = f"import sys; sys.path.insert(0, {str(self._root)!r})\n{planted}\nimport cli\nsys.exit(cli.main())"
            path = [sys.executable, "-c", source]
        program = Program([*path, *run], self.folder, environ)
        self._programs.append(program)
        return program

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Look into the database, or change it."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
            return rows

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the database as a writer does that never ends."""
        with closing(sqlite3.connect(self.database, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """End what still runs."""
        for program in self._programs:
            program.kill()


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a city whose award is overdue for weeks, with one person who must stay unseen."""
    file = tmp_path_factory.mktemp("city") / "yiriban.db"
    made = City(f"sqlite:///{file}")
    made.open("2026-11-02 09:00")  # a Monday
    made.walk("deliver_report", "2026-11-02 10:00")
    with made.store.transaction():
        made.store.run("update person set email = ?, phone = ? where id = '张三'", (MAIL, PHONE))
        for table, column in (("person", "id"), ("appointment", "person"), ("message", "person")):
            made.store.run(f"update {table} set {column} = ? where {column} = '张三'", (NAME,))
        made.store.run("update person set name = ? where id = ?", (NAME, NAME))
    made.store.close()
    return file


@pytest.fixture
def place(small_city: Path, tmp_path: Path, root: Path) -> Iterator[Place]:
    """A copy of the city."""
    shutil.copy(small_city, tmp_path / "yiriban.db")
    made = Place(tmp_path, root)
    yield made
    made.close()
