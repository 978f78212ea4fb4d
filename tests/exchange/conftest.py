"""The workflows and mappings that ship, and short ways to read a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engine.reader import read_bundle
from engine.workflow import WorkflowDef
from exchange.mapping import Mapping
from exchange.mapping_reader import load_mappings, read_mapping
from exchange.observation import Finding, Row
from exchange.source import open_source

UNTIL = date(2026, 11, 21)  # Saturday


@pytest.fixture(scope="session")
def workflows(root: Path) -> dict[str, WorkflowDef]:
    return read_bundle(root / "workflows").workflows


@pytest.fixture(scope="session")
def shipped(root: Path, workflows: dict[str, WorkflowDef]) -> list[Mapping]:
    return load_mappings(root / "workflows" / "mappings", workflows)


@pytest.fixture
def mapping(workflows: dict[str, WorkflowDef]) -> Callable[[str], Mapping]:
    """Read a mapping from its columns (indented) or from a whole file."""

    def reader(text: str) -> Mapping:
        return read_mapping(text, "test.yaml", workflows)

    return reader


@pytest.fixture
def read() -> Callable[..., tuple[list[Row], list[Finding]]]:
    """Read a source with mappings: its rows, and all findings of rows and source."""

    def reader(path: Path, *mappings: Mapping, **more: Mapping) -> tuple[list[Row], list[Finding]]:
        source = open_source(path, mappings, until=UNTIL, **more)
        rows = list(source)
        return rows, [f for row in rows for f in row.findings] + source.findings

    return reader
