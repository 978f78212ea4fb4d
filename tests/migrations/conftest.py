"""The database of the first issue, as its own code left it on Monday 2026-11-09 at 11:06."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from storage.layout import Layout, layout_of
from storage.store import SqlStore
from tests.city import BEGAN
from tests.commands.conftest import DATABASE, Desk, empty
from tests.faults.upgrades import first_issue

__all__ = ["Desk", "empty"]

NOW = "2026-11-09 11:30"
"""Shortly after; nothing has fallen due meanwhile."""


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of the database."""
    file = tmp_path_factory.mktemp("first") / "old.db"
    first_issue(file)
    return file.read_bytes()


@pytest.fixture
def old(empty: Desk, first: bytes) -> Desk:
    """A desk with the database of the first issue."""
    (empty.folder / DATABASE).write_bytes(first)
    return empty


@pytest.fixture
def upgraded(old: Desk) -> Desk:
    """The same after its upgrade."""
    old.done(NOW, "db", "upgrade")
    return old


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """What a database is made of that was set up today."""
    return made_of(tmp_path_factory.mktemp("fresh") / "new.db", create=True)


def made_of(file: Path, *, create: bool = False) -> Layout:
    """Return what the database in ``file`` is made of."""
    with closing(SqlStore(f"sqlite:///{file}")) as store:
        if create:
            store.create(BEGAN)
        with store.engine.connect() as connection:
            return layout_of(connection)
