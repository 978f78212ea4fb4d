"""Where a number comes from: its legal ground, and values that hold from a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Generic, Literal, TypeVar

Confidence = Literal["sure", "fairly sure", "to verify"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """The article a value rests on, when a person last compared it, and how sure we are."""

    basis: str
    checked_on: date | None = None
    confidence: Confidence = "to verify"
    note: str = ""
    """What a reader should know beside it: what was not seen, what was assumed."""


@dataclass(frozen=True, slots=True)
class Value(Generic[T]):
    """A value in force from ``since`` (``None``: always) with its ground; ``None`` as value = repealed."""

    value: T | None
    ground: Ground
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """Values in order of ``since``; the last one that began on or before a day is in force."""

    values: tuple[Value[T], ...] = ()

    def on(self, day: date) -> Value[T] | None:
        """Return the value in force on ``day``, or ``None`` where none was yet or it was repealed."""
        found: Value[T] | None = None
        for value in self.values:
            if value.since is None or value.since <= day:
                found = value
        return found if found is not None and found.value is not None else None

    def __iter__(self) -> Iterator[Value[T]]:
        """Walk the values, oldest first."""
        return iter(self.values)
