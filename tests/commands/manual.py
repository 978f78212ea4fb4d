"""Write docs/reference/commands.md from the commands themselves.

``python -m tests.commands.manual`` writes the page; a test compares it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

import cli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
_HEAD = """# Commands 命令

Written by `python -m tests.commands.manual` from the program itself; do not edit. Every reading command has `--json`
(`{"schema": "yiriban.<noun>.<verb>/1", ...}`, instants with +08:00, money in fen), every write `--dry-run`. What the
process leaves with: [exit codes](exit-codes.md). How to work with them: [run a project](../how-to/run-a-project.md).
"""


def manual() -> str:
    """Return the whole page."""
    with cli.root.make_context("yiriban", ["--help"], resilient_parsing=True) as context:
        parts = [_HEAD, "## yiriban\n", _table(cli.root, context)]
        for name, (zh, en) in cli.COMMANDS.items():
            command = cli.root.get_command(context, name)
            assert command is not None
            parts.append(f"## {name}\n\n{zh} / {en}\n")
            parts += _sections(command, click.Context(command, context, name))
    return "\n".join(parts)


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield _section(command, context)
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        below = click.Context(inner, context, name)
        yield f"### {context.info_name} {name}\n"
        yield _section(inner, below)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join(["yiriban", *_path(context), *command.collect_usage_pieces(context)])
    text = re.sub(r"\s*\n\s*", " ", (command.help or "").strip())
    return f"`{usage}`\n\n{text}\n\n{_table(command, context)}"


def _path(context: click.Context) -> list[str]:
    names: list[str] = []
    here: click.Context | None = context
    while here is not None and here.parent is not None:
        names.insert(0, here.info_name or "")
        here = here.parent
    return names


def _table(command: click.Command, context: click.Context) -> str:
    rows = [
        record
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option)
        and parameter.name != "help"
        and (record := parameter.get_help_record(context))
    ]
    cells = [f"| `{name.replace('|', '&#124;')}` | {text.replace('|', '&#124;')} |" for name, text in rows]
    return "\n".join(["| option | |", "|---|---|", *cells, ""])


if __name__ == "__main__":
    PAGE.write_text(manual(), encoding="utf-8")
