"""Launcher: find the application (a checkout or a wheel) and run its command line."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run the command line and return its exit code (docs/reference/exit-codes.md)."""
    here = Path(__file__).resolve().parent
    carried = here / "_application"
    sys.path.insert(0, str(carried if carried.is_dir() else here.parent))
    from cli import main as run  # only importable once the path above is set

    return run()


if __name__ == "__main__":
    sys.exit(main())
