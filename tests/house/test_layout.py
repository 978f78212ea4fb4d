"""The house stands as docs/decisions/0001-layout.md says."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli import COMMANDS, VERSION
from cli import root as command_root

NOT_CARRIED = {"tests", "docs", "bench", "examples", "yiriban-demo"}
"""Not part of the program; the last is what README's first command leaves behind in a clone, ignored by git."""


def _project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sources(root: Path, folders: list[Path]) -> list[Path]:
    """Every Python file of the checkout."""
    return [path for folder in folders for path in folder.rglob("*.py")] + [root / "cli.py"]


def test_the_wheel_carries_every_top_level_folder_and_nothing_else(root: Path, folders: list[Path]) -> None:
    wheel = _project(root)["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {folder.name for folder in folders} - NOT_CARRIED
    assert set(wheel["only-include"]) == wanted
    assert wheel["sources"] == {name: f"yiriban/_application/{name}" for name in wanted - {"yiriban"}}
    assert wheel["force-include"] == {"cli.py": "yiriban/_application/cli.py"}


def test_the_version_is_the_same_in_the_program_and_in_its_metadata(root: Path) -> None:
    assert _project(root)["project"]["version"] == VERSION


def test_an_init_file_holds_a_docstring_and_nothing_else(sources: list[Path]) -> None:
    packages = [path for path in sources if path.name == "__init__.py"]
    assert len(packages) >= 7
    for path in packages:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert [type(statement) for statement in body] == [ast.Expr], path
        assert ast.get_docstring(ast.Module(body, [])), path


def test_no_source_file_is_longer_than_four_hundred_lines(sources: list[Path]) -> None:
    long = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_the_engine_never_asks_what_time_it_is(root: Path) -> None:
    asked = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.(time|localtime)|utcnow)\(")
    found = [
        f"{path.relative_to(root)}:{number}"
        for folder in ("engine", "exchange", "storage")
        for path in (root / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if asked.search(line)
    ]
    assert found == []


def test_every_command_of_the_table_exists() -> None:
    with command_root.make_context("yiriban", ["--help"], resilient_parsing=True) as ctx:
        for name in COMMANDS:
            command = command_root.get_command(ctx, name)
            assert command is not None
            assert command.name == name
            assert command.help, f"{name} has no help"


def test_help_imports_nothing_heavy(root: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "cli.py", "--help"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in run.stderr.splitlines()}
    assert {"click", "runtime"} <= imported
    heavy = {
        "sqlmodel",
        "sqlalchemy",
        "transitions",
        "pydantic",
        "apscheduler",
        "holidays",
        "yaml",
        "cel_expr_python",
        "starlette",
        "uvicorn",
        "prometheus_client",
        "structlog",
    }
    assert imported & heavy == set()


def test_the_launcher_runs_the_checkout_from_anywhere(root: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(root / "yiriban" / "__main__.py"), "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"yiriban {VERSION}\n"


def test_a_test_cannot_reach_the_network() -> None:
    with socket.socket() as line, pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        line.connect(("192.0.2.1", 25))
