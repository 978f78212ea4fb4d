"""A real `yiriban run` in a process of its own, that tests may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PATIENCE = 30.0
ROOT = Path(__file__).resolve().parents[2]


class Running:
    """`yiriban run` in ``folder``; what it says goes into files there, so that no pipe can fill."""

    def __init__(self, folder: Path, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._out = (folder / "run.out").open("ab")
        self._err = (folder / "run.err").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), "run", "--every", "1s", *words],
            cwd=folder, stdout=self._out, stderr=self._err, env={**os.environ, **(env or {})},
        )  # fmt: skip

    def until(self, done: Callable[[], object]) -> None:
        """Wait until ``done``; fail where it takes too long or the process has ended."""
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        """Everything said so far, by every process that ran in the folder."""
        return "".join((self.folder / name).read_text("utf-8") for name in ("run.out", "run.err"))

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self._close()

    def stop(self) -> int:
        """End it as an administrator does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._close()
        return self.process.returncode

    def _close(self) -> None:
        self.process.wait(PATIENCE)
        self._out.close()
        self._err.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.kill()
