"""The real registers, end to end, against counts made without this program (opt-in: YIRIBAN_DATA)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]
AWARD_NOTICE, SIGNED = 20, 32  # columns of the Kosovo registers: they stand alike in all four layouts
UNTIL = "2026-11-21"  # a Saturday


def replayed(run: Run, source: Path) -> tuple[dict[str, Any], str]:
    ran = run("replay", str(source), "--until", UNTIL, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out), ran.out


def one_date(cell: str) -> date | None:
    match = re.fullmatch(r"(\d\d?)[./](\d\d?)[./](\d{4}|\d\d)", cell.strip())
    if not match:
        return None
    day, month, year = (int(part) for part in match.groups())
    try:
        read = date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
    return read if 1990 <= read.year <= 2027 else None


def kosovo_rows(folder: Path) -> Iterator[list[str]]:
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            yield from list(csv.reader(stream))[1:]


def worked_on_or_after(day: date) -> date:
    while not chinese_calendar.is_workday(day):
        day += timedelta(days=1)
    return day


def test_kosovo_signatures_are_judged_as_an_independent_count_judges_them(run: Run, real_data: Path) -> None:
    folder = real_data / "kosovo-prishtina"
    report, bytes_out = replayed(run, folder)
    rows = list(kosovo_rows(folder))
    pairs = [
        (a, s) for r in rows if (a := one_date(r[AWARD_NOTICE])) and (s := one_date(r[SIGNED])) and s >= a
    ]
    promised = sum(s <= worked_on_or_after(a + timedelta(days=1)) for a, s in pairs)
    lawful = sum(s <= worked_on_or_after(a + timedelta(days=30)) for a, s in pairs)
    assert len(pairs) > 200
    assert report["rows"]["read"] == len(rows)
    assert report["rows"]["read"] == report["rows"]["replayed"] + report["rows"]["refused"]
    clock = report["clocks"]["sign_contract"]
    assert (clock["judged"], clock["in_promise"], clock["in_law"]) == (len(pairs), promised, lawful)
    assert clock["late"] == len(pairs) - lawful
    assert len(set(report["mappings"].values())) == 4
    assert all(f["file"].endswith(".csv") and f["line"] > 0 for f in report["finding_list"])
    assert replayed(run, folder)[1] == bytes_out


def test_yichang_results_are_all_accounted_for_and_none_is_judged(run: Run, real_data: Path) -> None:
    source = real_data / "cn-yichang-ggzy" / "award_results.jsonl"
    report, _ = replayed(run, source)
    lines = sum(1 for line in source.read_text("utf-8").splitlines() if line.strip())
    assert report["rows"]["read"] == lines == report["rows"]["replayed"] + report["rows"]["refused"]
    assert all(clock["judged"] == 0 for clock in report["clocks"].values())
    assert any("不作评判" in note or "未评判" in note for note in report["notes"])


@pytest.mark.parametrize("publisher", ["armenia", "colombia", "mexico", "paraguay", "ukraine"])
def test_each_publisher_of_ocds_replays_and_adds_up(run: Run, real_data: Path, publisher: str) -> None:
    report, _ = replayed(run, real_data / "ocds" / publisher)
    rows = report["rows"]
    assert rows["read"] == rows["replayed"] + rows["refused"] > 0
    for clock in report["clocks"].values():
        assert (clock["in_promise"] or 0) <= clock["judged"]
        assert (clock["in_law"] or 0) <= clock["judged"]
        assert clock["late"] <= clock["judged"]
    assert sum(report["findings"].values()) == len(report["finding_list"])
