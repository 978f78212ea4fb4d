"""Run fault suites: ``python -m tests.faults kills --large``; without a name, all of them, one after the other.

Every suite prints its figures; its exit code is 1 where something was lost, doubled or wrong. ``--planted all`` runs
each planted fault instead and fails where one is not found.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

import tests.faults


def suites() -> dict[str, Any]:
    """Return the suites of this folder by name."""
    found: dict[str, Any] = {}
    for module in pkgutil.iter_modules(tests.faults.__path__):
        if module.name.startswith(("_", "test_")) or module.name == "suite":
            continue
        loaded = importlib.import_module(f"tests.faults.{module.name}")
        if hasattr(loaded, "PLANTED"):
            found[module.name] = loaded
    return found


def run(name: str, suite: Any, *, large: bool, planted: str | None, seed: int) -> bool:
    """Run one suite and print what it counted; say whether it ended as it should."""
    with tempfile.TemporaryDirectory(prefix=f"yiriban-{name}-") as folder:
        began = time.monotonic()
        result = suite.run(large=large, planted=planted, seed=seed, folder=Path(folder))
        took = time.monotonic() - began
    fault = f", planted: {planted}" if planted else ""
    click.echo(f"{name}{fault} (seed {seed}, {took:.0f} s)")
    for figure, value in result.figures.items():
        click.echo(f"  {figure}: {value:,}" if isinstance(value, int) else f"  {figure}: {value}")
    for wrong in result.wrong[:20]:
        click.echo(f"  wrong: {wrong}")
    return bool(result.wrong) == bool(planted)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--large", is_flag=True, help="The size whose figures stand in docs/reference/reliability.md.")
@click.option("--planted", help="Plant this fault (all: each in turn); the run succeeds where it is found.")
@click.option("--seed", default=1, show_default=True)
def main(names: tuple[str, ...], large: bool, planted: str | None, seed: int) -> None:
    """Run the suites NAMES, or all."""
    known = suites()
    if unknown := set(names) - set(known):
        raise click.UsageError(
            f"no such suite: {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}"
        )
    good = True
    for name in names or sorted(known):
        faults = known[name].PLANTED if planted == "all" else [planted]
        for fault in faults:
            good = run(name, known[name], large=large, planted=fault, seed=seed) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
