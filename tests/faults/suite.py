"""What every fault suite looks like: a size, an optional planted fault, figures, and what went wrong.

A suite is a module of this folder with ``TITLE``, ``PLANTED`` (fault → what it breaks) and ``run``. The checker of
a suite reads the ledger of the peer (a fake gateway, the database's own check), never what the killed process
said of itself; a planted fault must make ``wrong`` non-empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class Result:
    """What a suite counted (``figures``, in the order in which they are printed) and what it found ``wrong``."""

    figures: dict[str, int | float | str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def count(self, name: str, more: int = 1) -> None:
        """Add ``more`` to a figure."""
        self.figures[name] = int(self.figures.get(name, 0)) + more


class Suite(Protocol):
    """The module of a suite."""

    TITLE: str
    PLANTED: Mapping[str, str]

    def run(self, *, large: bool, planted: str | None, seed: int, folder: Path) -> Result:
        """Run in an empty ``folder``, with the fault ``planted`` if one is named; the same seed, the same faults."""
        ...
