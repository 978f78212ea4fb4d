"""Processes to be killed: born in a twentieth of a second, for they are forked from one that imported everything.

What runs in them is the product: the same ``cli.main`` that the installed program calls. Three things differ: the
wall clock is a `SharedClock`; the watchdog looks, and receipts are asked for, three times a second, because this
clock leaps all day; and a fault may be planted (`tests.faults._city_jobs`).
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import click

from tests.faults._city_clock import SharedClock

ROOT = Path(__file__).resolve().parents[2]
WATCH = 0.3
_LOOK = 0.005


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that has ended: its exit code (-9: killed) and what it said."""

    code: int
    out: str
    err: str


class Child:
    """A process of a nest."""

    def __init__(self, nest: Nest, pid: int, said: Path) -> None:
        """Know a process that writes what it says below ``said``."""
        self._nest = nest
        self.pid = pid
        self._said = said

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self._said.with_suffix(".out").read_text("utf-8", errors="replace")

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self._said.with_suffix(".err").read_text("utf-8", errors="replace")

    def wait_for(self, word: str, within: float = 20.0) -> None:
        """Wait until it has said ``word``; fail where it dies or keeps silent."""
        end = time.monotonic() + within
        while word not in self.out + self.err:
            assert time.monotonic() < end, f"{word!r} was never said: {self.out}{self.err}"
            time.sleep(_LOOK)

    def send(self, number: int) -> None:
        """Send a signal; one that is gone does not mind."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self, number: int = signal.SIGKILL, within: float = 20.0) -> Ran:
        """Send a signal, by default ``kill -9``, and wait until it has ended."""
        self.send(number)
        return self.wait(within)

    def wait(self, within: float = 60.0) -> Ran:
        """Wait until it has ended by itself."""
        code = self._nest.ask("wait", pid=self.pid, seconds=within)
        assert code is not None, f"process {self.pid} goes on: {self.out}{self.err}"
        return Ran(code, self.out, self.err)

    def lives(self) -> bool:
        """Say whether it has not ended yet."""
        return self._nest.ask("wait", pid=self.pid, seconds=0.0) is None


class Nest:
    """Gives birth to processes and learns how they ended; they die with it, and it with whoever began it."""

    def __init__(self) -> None:
        """Import everything, once."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults._city_process"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._lock = Lock()
        self._born = 0

    def start(self, clock: SharedClock, folder: Path, job: str, *words: str, plant: str = "") -> Child:
        """Start ``job`` (see ``JOBS``) in ``folder``."""
        self._born += 1
        said = folder / f"said-{self._process.pid}-{self._born}"
        for suffix in (".out", ".err"):
            said.with_suffix(suffix).touch()
        pid = self.ask(
            "start", clock=str(clock.file), folder=str(folder), job=job, words=words, plant=plant, said=str(said)
        )  # fmt: skip
        return Child(self, pid, said)

    def run(self, clock: SharedClock, folder: Path, *words: str) -> Ran:
        """Run the command line to its end."""
        return self.start(clock, folder, "cli", *words).wait()

    def ask(self, act: str, **told: Any) -> Any:
        """Let the nest do something."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps({"act": act, **told}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the nest has died"
        return json.loads(line)

    def close(self) -> None:
        """End it, and whatever of it still runs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@functools.cache
def nest(name: str) -> Nest:
    """Return the nest of that name: everybody who waits for somebody has one of his own, and it stays."""
    made = Nest()
    atexit.register(made.close)
    return made


# in the nest and in its processes


def _brood() -> None:
    """Serve until the pipe is closed."""
    cli = importlib.import_module("cli")
    jobs = importlib.import_module("tests.faults._city_jobs")
    for name in ("demo", "run", "project", "case", "clock", "feed", "history", "doctor", "patrol", "message"):
        importlib.import_module(f"commands.{name}")
    for name in ("smtp", "aliyun_sms", "gateway", "webhook"):
        importlib.import_module(f"notifiers.{name}")
    importlib.import_module("runtime.assembly").office_for(
        importlib.import_module("runtime.settings").Settings()
    )
    born: dict[int, int | None] = {}
    for line in sys.stdin:
        told = json.loads(line)
        if told["act"] == "start":
            pid = os.fork()
            if pid == 0:
                _live(jobs, cli, told)
            born[pid] = None
            answer: int | None = pid
        else:
            answer = _waited(born, told["pid"], told["seconds"])
        click.echo(json.dumps(answer))
    for pid, code in born.items():
        if code is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _waited(born: dict[int, int | None], pid: int, seconds: float) -> int | None:
    """Return a process's exit code, ``None`` where it has not ended in time."""
    end = time.monotonic() + seconds
    while born[pid] is None:
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            born[pid] = os.waitstatus_to_exitcode(status)
        elif time.monotonic() >= end:
            return None
        else:
            time.sleep(_LOOK)
    return born[pid]


def _live(jobs: Any, cli: Any, told: dict[str, Any]) -> None:
    """Live as a process: never returns."""
    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(f"{told['said']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(told["folder"])
        clock = SharedClock(Path(told["clock"]))
        jobs.wear(clock, WATCH)
        jobs.PLANTS[told["plant"]]()
        code = (
            cli.main(told["words"]) if told["job"] == "cli" else jobs.JOBS[told["job"]](clock, *told["words"])
        )
    except BaseException as error:  # the parent reads it; nobody else would
        traceback.print_exception(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _brood()
