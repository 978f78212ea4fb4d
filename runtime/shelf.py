"""What the workflow files said, kept for the next command: reading 250 files anew takes ten times as long. 读取结果缓存

Only what was found without a fault is kept, by the hash of the files, under a name that changes with the program. What
lies there is data: nothing but the value types of the engine is ever made of it, whatever somebody may have put there.
A shelf that cannot be written or read, or holds something else, is as good as none. ``YIRIBAN_CACHE`` names another
folder.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

import engine
from engine.reader import Read

MOST = 12
"""So many of the newest are kept."""
_PLAIN = {("datetime", "date"), ("builtins", "frozenset")}
_ENGINE = f"{engine.__name__}."


class DiskShelf:
    """A folder with a file for each."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made when something is put there."""
        self._folder = folder

    def take(self, key: str) -> Read | None:
        """Return what was put under ``key``, if it is there, whole, and put by this very program."""
        # what is damaged may raise nearly anything; it is read from the files instead
        with suppress(Exception):
            data = self._path(key).read_bytes()
            found = _Values(io.BytesIO(data)).load()
            if isinstance(found, Read):
                return found
        return None

    def put(self, key: str, read: Read) -> None:
        """Keep it; where that cannot be, nothing is said: it is only faster."""
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._path(key)
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(pickle.dumps(read, protocol=5))
            fresh.replace(path)
            for old in sorted(self._folder.glob("*.read"), key=lambda p: -p.stat().st_mtime)[MOST:]:
                old.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{_program()[:16]}-{key}.read"


class _Values(pickle.Unpickler):
    """Makes value types of the engine, dates and sets, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that may be made."""
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        found: Callable[..., Any] | None = None
        if module.startswith(_ENGINE):
            found = super().find_class(module, name)
        if isinstance(found, type) and is_dataclass(found):
            return found
        raise pickle.UnpicklingError(f"{module}.{name}")


def shelf() -> DiskShelf:
    """Return the shelf of this user on this machine."""
    named = os.environ.get("YIRIBAN_CACHE")
    return DiskShelf(Path(named) if named else platformdirs.user_cache_path("yiriban", appauthor=False))


@cache
def _program() -> str:
    """Return a hash that changes with the engine's code and with Python, as compiled files do."""
    digest = sha256(sys.version.encode())
    for place in engine.__path__:
        for path in sorted(Path(place).glob("*.py")):
            stat = path.stat()
            digest.update(f"{path}:{stat.st_size}:{stat.st_mtime_ns}".encode())
    return digest.hexdigest()
