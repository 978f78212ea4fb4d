"""What the law costs a command: reading its files anew, and taking what they said from the shelf, beside starting alone."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.harness import middle, timed
from runtime.settings import SHIPPED_WORKFLOWS

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 9
GOAL = 1.3
"""With the shelf a command may take so many times what it takes to load the program and to read the files."""
ALONE = f"import commands.workflow, runtime.assembly, pathlib; [p.read_bytes() for p in pathlib.Path({str(SHIPPED_WORKFLOWS)!r}).rglob('*.yaml')]"


def ask(shelf: str) -> str:
    """List the workflows in a process of its own, with its shelf in the folder ``shelf``."""
    return _run(shelf, str(ROOT / "cli.py"), "workflow", "list", "--json")


def _run(shelf: str, *words: str) -> str:
    environ = {**os.environ, "YIRIBAN_CACHE": shelf, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], env=environ, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout


def main() -> int:
    """Measure in turns, compare what was said, print; exit code 1 where it differs or the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="judge only what is said")
    small = parser.parse_args().small
    with tempfile.TemporaryDirectory() as folder:
        anew, kept = ask(os.devnull), (ask(folder), ask(folder))
        wrong = sum(said != anew for said in kept) + (not list(Path(folder).iterdir()))
        print(f"{'answers that differ, with and without a shelf':<48}{wrong:>8}")
        if small:
            return int(wrong > 0)
        ways = (lambda: _run(folder, "-c", ALONE), lambda: ask(folder), lambda: ask(os.devnull))
        alone, quick, slow = middle([[timed(way) for way in ways] for _ in range(ROUNDS)])
    print(f"{'loading the program and the files (the limit)':<48}{alone:>8.2f} s")
    print(f"{'workflow list, from the shelf':<48}{quick:>8.2f} s  {quick / alone:>6.2f} x  <= {GOAL} x")
    print(f"{'workflow list, reading anew':<48}{slow:>8.2f} s  {slow / alone:>6.2f} x")
    return int(wrong > 0 or quick / alone > GOAL)


if __name__ == "__main__":
    sys.exit(main())
