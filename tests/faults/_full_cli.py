"""Run the command line at a given moment: ``python -m tests.faults._full_cli 2026-11-06T01:00:00+00:00 WORDS``."""

from __future__ import annotations

import sys
from datetime import datetime

import cli
from runtime import assembly

if __name__ == "__main__":
    moment = datetime.fromisoformat(sys.argv[1])
    assembly.system_now = lambda: moment
    sys.exit(cli.main(sys.argv[2:]))
