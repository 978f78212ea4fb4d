"""Refusals that speak to people: what, why (with the article), what to do next.

Exit codes are those of `docs/reference/exit-codes.md`: 1 error, 2 usage, 3 not found, 4 forbidden,
5 refused by rule or clock, 6 findings, 7 conflict.
"""

from __future__ import annotations

from typing import Any


class YiribanError(Exception):
    """Something went wrong that a person can understand and act upon."""

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", then: str = "") -> None:
        """Keep the three sentences apart: ``what`` happened, ``why``, and what to do ``then``."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.then = then


class BadInput(YiribanError):
    """What was handed in cannot be read or has the wrong type."""

    exit_code = 2


class NotFound(YiribanError):
    """No such matter, workflow, clock or file."""

    exit_code = 3


class Forbidden(YiribanError):
    """The person holds no appointment that allows this."""

    exit_code = 4


class Refused(YiribanError):
    """The workflow, a rule or a running minimum period does not allow this now."""

    exit_code = 5


class Conflict(YiribanError):
    """Somebody else was faster, or holds the database."""

    exit_code = 7


class OutsideCalendar(YiribanError):
    """A date lies outside everything the calendar knows."""


class BrokenWorkflows(YiribanError):
    """The workflow files have faults; `yiriban workflow check` lists them all.

    ``faults`` holds them one by one (``engine.yamlfile.Fault``).
    """

    exit_code = 6
    faults: tuple[Any, ...] = ()


class DamagedFile(YiribanError):
    """A source file is truncated, encoded otherwise than declared, or not what its name says."""


class BadRow(YiribanError):
    """The database refuses one row of a set (a constraint, a value); the rest of the set is sound."""


class StorageTrouble(YiribanError):
    """The database cannot be read or written: full disk, no file, no permission, damaged file."""


class Unreadable(StorageTrouble):
    """A row of the database is damaged, or was changed by hand into what it cannot be; others can be read."""
