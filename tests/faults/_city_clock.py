"""A clock that several processes read and one moves: the machine's own, plus a shift that stands in a file."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DOUBLE = struct.Struct("d")


class SharedClock:
    """Tells the time in UTC; jumps when anybody moves it, in every process at once, as a wall clock does."""

    def __init__(self, file: Path) -> None:
        """Share the clock of ``file``; one that does not exist begins with the machine's time."""
        if not file.exists():
            file.write_bytes(_DOUBLE.pack(0.0))
        self.file = file
        with file.open("r+b") as opened:
            self._shift = mmap.mmap(opened.fileno(), _DOUBLE.size)

    def __call__(self) -> datetime:
        """Return the time now."""
        return datetime.now(UTC) + timedelta(seconds=self._read())

    def move(self, by: timedelta) -> None:
        """Let the clock leap; only one process may do so at a time."""
        # all eight bytes at once; `pack_into` would show the others a zero in between
        self._shift[:] = _DOUBLE.pack(self._read() + by.total_seconds())

    def put(self, moment: datetime) -> None:
        """Let the clock leap to ``moment``."""
        self.move(moment - self())

    def _read(self) -> float:
        shift: float = _DOUBLE.unpack(self._shift[:])[0]
        return shift

    def close(self) -> None:
        """Let go of the file."""
        self._shift.close()
