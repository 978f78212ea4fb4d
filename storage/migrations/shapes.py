"""The columns and indexes that migrations are written with.

Migrations are frozen, and so is this: what changes here changes the past. A later kind of column gets a name of its own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def text(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column of text."""
    return sa.Column(name, sa.Text(), server_default=default, nullable=nullable)


def number(name: str, default: str | None = None) -> sa.Column[Any]:
    """Return a column of whole numbers."""
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)


def instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column of instants: UTC microseconds since 1970."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def index(name: str, table: str, *columns: str, where: str = "", unique: bool = False) -> None:
    """Create an index, over the rows that ``where`` names."""
    condition = sa.text(where) if where else None
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )
