"""Working days: our calendar against the dense table that bounds it, and against a second source.

Run ``python bench/workdays.py``. The limit is a plain function over two lists indexed by ordinal,
built from chinesecalendar and measured in the same run, round by round in turns. Exit code 1 if the
median ratio is above 2 or any day differs; ``--plant-fault`` makes one holiday a worked day in the
second source, which must then show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from itertools import accumulate, compress
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import chinese_calendar  # type: ignore[import-untyped]
import holidays.countries.china  # noqa: F401 - the library's own import is not ours to measure

from engine.counting import due
from engine.term import Length
from engine.workdays import WorkingCalendar, compile_calendar

GOAL = 2.0
ROUNDS = 9
LENGTHS = (1, 2, 5, 7, 10, 20, 30)
FIRST, LAST = date(2004, 1, 1), date(2026, 12, 31)
# worked under the notice for 2006 (国办发明电〔2005〕35号); chinesecalendar overlooks it
OVERLOOKED = date(2005, 12, 31)
FAULT = date(2026, 2, 17)


def main() -> int:
    """Measure, compare, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plant-fault", action="store_true", help="falsify one day of the second source")
    planted = parser.parse_args().plant_fault

    start = perf_counter()
    calendar = compile_calendar("CN")
    compiling = perf_counter() - start
    days = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]
    table = _dense_table(days, planted)
    differences, compared = _differences(calendar, days, planted)

    span = days[:-60]  # the table ends where announcement ends
    limit, ours = _in_turns(span, lambda day: table(day, 5), lambda day: calendar.add(day, 5))
    one_day, noon = Length(1, "working days"), [datetime(d.year, d.month, d.day, 4, tzinfo=UTC) for d in span]
    _, moment = _in_turns(noon, calendar.day_of, lambda at: due(at, one_day, "midnight", calendar))
    ratio = ours / limit

    print(f"holidays {version('holidays')}, {len(span)} dates, median of {ROUNDS} rounds in turns")
    print(f"{'what':<44}{'result':>12}  goal")
    print(f"{'compile, the library already imported':<44}{compiling * 1e3:>9.0f} ms  <= 60 ms")
    print(f"{'dense table by ordinal, +5 (the limit)':<44}{limit:>9.3f} us")
    print(f"{'WorkingCalendar.add, +5':<44}{ours:>9.3f} us")
    print(f"{'  ratio':<44}{ratio:>10.2f} x  <= {GOAL} x")
    print(f"{'due(1 working day, 24:00)':<44}{moment:>9.2f} us  <= 5 us")
    print(f"{f'differences in {compared} comparisons':<44}{differences:>12}  0")
    return int(ratio > GOAL or differences > 0)


def _second_source(day: date, planted: bool) -> bool:
    return day == OVERLOOKED or (planted and day == FAULT) or chinese_calendar.is_workday(day)


def _dense_table(days: list[date], planted: bool) -> Callable[[date, int], date]:
    worked = [_second_source(day, planted) for day in days]
    base = days[0].toordinal()
    upto = list(accumulate(worked))
    nth = [0, *compress(range(base, base + len(days)), worked)]

    def add(day: date, n: int) -> date:
        return date.fromordinal(nth[upto[day.toordinal() - base] + n])

    return add


def _differences(calendar: WorkingCalendar, days: list[date], planted: bool) -> tuple[int, int]:
    """Count disagreements: each day, and each length forward and back while both know the answer."""
    worked = [day for day in days if _second_source(day, planted)]
    known = set(worked)
    wrong = sum(calendar.is_worked(day) != (day in known) for day in days)
    compared = len(days)
    before = 0  # worked days before the day
    for day in days:
        after = before + (day in known)
        for n in LENGTHS:
            if after + n <= len(worked):
                wrong += calendar.add(day, n) != worked[after + n - 1]
                compared += 1
            if before >= n:
                wrong += calendar.subtract(day, n) != worked[before - n]
                compared += 1
        before = after
    return wrong, compared


def _in_turns(inputs: list[date] | list[datetime], *ways: Callable[..., object]) -> tuple[float, ...]:
    """Return the median microseconds per call of each way, one round of each after the other."""
    rounds = [[_once(way, inputs) for way in ways] for _ in range(ROUNDS)]
    return tuple(median(column) for column in zip(*rounds, strict=True))


def _once(way: Callable[..., object], inputs: Iterable[date]) -> float:
    count = 0
    start = perf_counter()
    for item in inputs:
        way(item)
        count += 1
    return (perf_counter() - start) / count * 1e6


if __name__ == "__main__":
    sys.exit(main())
