"""What /metrics costs with ten thousand and a hundred thousand open clocks: the reading once a beat, and the page.

Run ``python bench/scrape.py [--small] [--folder DIR]``. The limit is the same reading without the partial indexes on
open clocks. Exit code 1 if the figures of both differ, or a reading takes longer than the goal.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.city import NOW, build
from bench.harness import bare, conditions, office, table, timed
from runtime.pulse import Pulse
from runtime.sampler import Sampler
from storage.store import SqlStore
from web.metrics import Exposition, Sources

GOAL_MS = 250.0
SIZES, SMALL, DUE, ROUNDS = (10_000, 100_000), (400,), 60, 15
INDEXES = ("ix_clock_open", "ix_clock_trouble")
HEADS = ("open clocks", "all clocks", "reading ms", "unindexed ms", "page ms", "page bytes", "same figures")


def measured(path: Path) -> tuple[float, float, int, list[object]]:
    """Return reading and page in milliseconds, the page's length, and what was counted."""
    pulse = Pulse(15.0, now=lambda: NOW)
    sampler = Sampler(SqlStore(f"sqlite:///{path}"), lambda: NOW, lambda: pulse.beats)
    sources = Sources(15.0, lambda: date(2026, 12, 20), lambda: NOW.date(), lambda: [("sms", "aliyun-sms")])
    exposition = Exposition(pulse, sources)
    sampler.begin()
    reading = median(timed(sampler.take) for _ in range(ROUNDS)) * 1000
    sample = sampler.sample
    assert sample.well
    assert sample.measures is not None
    page = median(timed(lambda: exposition.page(sample, "")) for _ in range(ROUNDS)) * 1000
    counted = sorted(sample.measures.clocks, key=lambda c: (c.name, c.state))
    return reading, page, len(exposition.page(sample, "")[1]), [*counted, sample.measures.troubles]


def compare(path: Path, clocks: int) -> tuple[list[str], bool]:
    """Measure one size with the indexes and without; return its line, and whether all is well."""
    build(office(), path, clocks, DUE)
    reading, page, size, counted = measured(path)
    with bare(path) as db:
        total = db.execute("select count(*) from clock").fetchone()[0]
        for name in INDEXES:
            db.execute(f"drop index {name}")
    slow, _, _, again = measured(path)
    same = counted == again
    line = [
        f"{clocks:,}",
        f"{total:,}",
        f"{reading:.1f}",
        f"{slow:.1f}",
        f"{page:.1f}",
        f"{size:,}",
        "yes" if same else "NO",
    ]
    return line, same and reading <= GOAL_MS


def main() -> int:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        done = [compare(Path(folder) / f"{size}.db", size) for size in (SMALL if given.small else SIZES)]
    print(conditions())
    print(table(HEADS, [line for line, _ in done]))
    return 0 if all(well for _, well in done) else 1


if __name__ == "__main__":
    sys.exit(main())
