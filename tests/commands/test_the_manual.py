"""The page of commands says what the program says, and the how-to's commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli import COMMANDS
from tests.commands.conftest import Desk
from tests.commands.manual import PAGE, manual


def test_the_page_of_commands_is_what_the_program_says() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == manual(), "run: python -m tests.commands.manual"
    for name in COMMANDS:
        assert f"\n## {name}\n" in written


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("run-a-project", 20),
        ("handle-a-case", 30),
        ("pause-and-extend", 12),
        ("back-up-and-restore", 17),
        ("read-the-law", 13),
    ],
)
def test_the_commands_of_the_how_to_run_in_the_order_in_which_they_stand(
    empty: Desk, root: Path, name: str, least: int
) -> None:
    """Each `sh` line runs at the moment written in the comment above it, and leaves with the code there."""
    page = (root / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    for paper in re.findall(r"=(\S+\.pdf)", page):
        (empty.folder / paper).write_bytes(b"%PDF-1.7")
    ran = 0
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        moment, code = "", 0
        for line in block.splitlines():
            if line.startswith("#"):
                when = re.search(r"(\d{4}-\d\d-\d\d \d\d:\d\d)", line)
                leaves = re.search(r"退出码 (\d)", line)
                moment = when[1] if when else moment
                code = int(leaves[1]) if leaves else 0
                continue
            words = shlex.split(line)
            assert words[0] == "yiriban"
            done = empty.at(moment, *words[1:])
            assert done.code == code, f"{line}\n{done.err}{done.out}"
            ran += 1
            code = 0
    assert ran >= least
