"""The command line inside this process, at a given moment: what was printed, how it ended, and what escaped it."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cli
from runtime import assembly


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind; ``escaped`` is the traceback of an exception that nobody put into words."""

    code: int
    out: str
    err: str
    escaped: str = ""

    @property
    def traceback(self) -> bool:
        """Whether a person saw a traceback."""
        return bool(self.escaped) or "Traceback" in self.err

    @property
    def internal(self) -> bool:
        """Whether the program took the blame, in words."""
        return "内部错误" in self.err


@contextmanager
def quickly() -> Iterator[None]:
    """Compile the calendar once instead of once a command; it does not change meanwhile."""
    kept: Callable[..., Any] = lru_cache(maxsize=4)(assembly.compile_calendar)
    with patch.object(assembly, "compile_calendar", kept):
        yield


def typed(file: Path, now: datetime, *words: object, person: str = "张三") -> Ran:
    """Type a command over the database ``file`` at ``now``."""
    out, err = io.StringIO(), io.StringIO()
    front = ["--database", f"sqlite:///{file}", "--as", person]
    with (
        patch.object(assembly, "system_now", lambda: now), redirect_stdout(out), redirect_stderr(err),
    ):  # fmt: skip
        try:
            code = cli.main([*front, *(str(word) for word in words)])
        except BaseException:
            return Ran(-1, out.getvalue(), err.getvalue(), traceback.format_exc())
    return Ran(code, out.getvalue(), err.getvalue())
