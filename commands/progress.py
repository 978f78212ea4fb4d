"""A progress bar on stderr, for work that takes longer than a second, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how much is done so far; nothing is drawn where nobody looks."""
    with click.progressbar(
        length=max(length, 1), label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as drawn:
        done = 0

        def told(so_far: int) -> None:
            nonlocal done
            if so_far > done:
                drawn.update(so_far - done)
                done = so_far

        yield told
