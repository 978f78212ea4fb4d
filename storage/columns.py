"""The kinds of columns that the tables are made of, and how their indexes are called."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, MetaData, Text
from sqlalchemy import text as sql
from sqlmodel import SQLModel

from storage.moments import Instant

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


def instant(*, nullable: bool = False) -> Any:
    """Return a column of instants."""
    return Column(Instant, nullable=nullable)


def text(*, nullable: bool = False, key: bool = False) -> Any:
    """Return a column of text without a default."""
    return Column(Text, nullable=nullable, primary_key=key)


def said(default: str = "") -> Any:
    """Return a column of text that is ``default`` where nothing is said."""
    return Column(Text, nullable=False, server_default=default)


def count() -> Any:
    """Return a column of numbers that begin at 0."""
    return Column(Integer, nullable=False, server_default="0")


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows that ``where`` names; statements must spell the condition alike."""
    return Index(name, *columns, unique=unique, sqlite_where=sql(where), postgresql_where=sql(where))
