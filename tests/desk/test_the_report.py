"""The four rates against a count of our own from the tables; brought-in projects apart."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from engine.entering import enter
from engine.losing import ANSWERABLE
from engine.matter import Matter
from engine.opening import open_matter
from tests.city import PERSONS, PLACE, City, calendar, moment
from tests.commands.conftest import DATABASE
from tests.desk.conftest import Town

NAMES = ("decide_award", "sign_contract", "accept_delivery", "pay")
GAPS = {"decide_award": 3, "sign_contract": 4, "accept": 3, "pay": 30}
STEPS = (
    "end_evaluation", "deliver_report", "decide_award", "issue_award_letter", "sign_contract", "request_acceptance",
    "accept", "receive_invoice", "pay",
)  # fmt: skip
NOW = "2026-11-20 09:00"  # a Friday
EIGHT_HOURS = timedelta(hours=8)


def _live(city: City, project: str, at: datetime, end: datetime, chance: random.Random) -> None:
    """Walk a project with gaps that chance decides, as far as ``end`` allows."""
    for step in STEPS:
        at += timedelta(days=chance.randint(0, GAPS.get(step, 1)), minutes=chance.randint(0, 400))
        if at > end:
            return
        city.do(step, at, on=project)


@pytest.fixture
def busy(town: Town) -> Town:
    """Thirty projects of u1 and u2; every fifth was brought in half-way on 2026-10-15."""
    chance = random.Random(20261121)
    end = moment(NOW)
    initial = town.city.office.current.workflows["project"].initial
    with town.city.store.transaction():
        for role, person in PERSONS.items():
            if role not in ("tracker", "regulator"):
                town.city.store.run(
                    "insert into appointment (person, role, unit, since, jurisdiction) values (?, ?, 'u2', 0, ?)",
                    (person, role, PLACE),
                )
    for number in range(1, 31):
        at = moment("2026-09-01 08:00") + timedelta(days=chance.randint(0, 70))
        unit = ("u1", "u2")[number % 2]
        live = moment("2026-10-15") if number % 5 == 0 else None
        matter = Matter(
            f"P{number}", f"P{number}", "project", initial, f"项目{number}", unit, PLACE,
            town.city.office.current.hash, "one-day", at, state_since=at, go_live=live, facts={"packages": 1},
        )  # fmt: skip
        with town.city.store.work() as work:
            open_matter(town.city.office, work, matter, now=at, actor="李四")
            enter(town.city.office, work, matter, "package", "evaluating", at=at, now=at, actor="李四")
        _live(town.city, f"P{number}", at, end, chance)
    town.city.patrol(end)
    return town


class Count:
    """A count of our own: plain SQL and plain arithmetic, nothing of the program."""

    def __init__(self, database: Path, unit: str, name: str, stock: bool, since: int, until: int) -> None:
        half = "r.go_live is not null and r.opened_at < r.go_live"
        sql = (
            "select c.state, c.anchor, c.promise, c.statutory, c.agreed, c.ended_at from clock c"
            " join matter m on m.id = c.matter join matter r on r.id = c.root"
            f" where c.name = ? and m.unit = ? and {'' if stock else 'not '}({half})"
        )
        with closing(sqlite3.connect(database)) as connection:
            rows = connection.execute(sql, (name, unit)).fetchall()
        ended = [r for r in rows if r[0] == "met" and since <= r[5] < until]
        self.judged = len(ended)
        self.in_promise = sum(1 for r in ended if r[2] is not None and r[5] < r[2])
        self.of_promise = sum(1 for r in ended if r[2] is not None)
        self.in_law = sum(1 for r in ended if r[3] is not None and r[5] < r[3])
        self.of_law = sum(1 for r in ended if r[3] is not None)
        self.only = sum(1 for r in ended if r[2] is not None and r[3] is not None and r[2] <= r[5] < r[3])
        late = sorted(
            (_day(r[5]) - _day(latest - 1)).days
            for r in ended
            if (latest := max((v for v in r[2:5] if v is not None), default=None)) is not None
            and r[5] >= latest
        )
        self.late = len(late)
        self.median = late[ceil(0.5 * len(late)) - 1] if late else None
        self.p90 = late[ceil(0.9 * len(late)) - 1] if late else None
        still = [
            r
            for r in rows
            if r[1] < until and (r[0] in ("running", "paused") or (r[0] == "met" and r[5] >= until))
        ]
        self.open = len(still)
        self.open_past = sum(1 for r in still if min(v for v in r[2:5] if v is not None) <= until)


def _day(ticks: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks) + EIGHT_HOURS).date()


def _ticks(text: str) -> int:
    return int(moment(text).timestamp() * 1_000_000)


def _mine(count: Count) -> tuple[Any, ...]:
    return (
        count.judged, count.of_promise, count.of_law, count.only, count.late, count.open, count.open_past,
        count.median, count.p90,
    )  # fmt: skip


def _theirs(rate: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        rate[name]
        for name in ("judged", "of_promise", "of_law", "promise_only", "late", "open", "open_past",
                     "median_late_days", "p90_late_days")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ((), "1990-01-01", NOW),
        (("--since", "2026-10-01"), "2026-10-01", NOW),
        # a day counts to its 24:00
        (("--since", "2026-10-01", "--until", "2026-10-31"), "2026-10-01", "2026-11-01"),
    ],
)
def test_every_number_is_that_of_a_count_of_our_own(
    busy: Town, words: tuple[str, ...], since: str, until: str
) -> None:
    found: Any = busy.data(NOW, "周九", "report", *words)
    database = busy.desk.folder / DATABASE
    seen = {"judged": 0, "late": 0, "open": 0, "of_law": 0}
    for key, stock in (("units", False), ("brought_in", True)):
        by_unit = {entry["unit"]: entry["clocks"] for entry in found[key]}
        assert set(by_unit) == {None, "u1", "u2"}
        for unit in ("u1", "u2"):
            for name in NAMES:
                mine = Count(database, unit, name, stock, _ticks(since), _ticks(until))
                rate = by_unit[unit][name]
                assert _theirs(rate) == _mine(mine), (key, unit, name)
                assert (rate["in_promise"] or 0) == mine.in_promise
                assert (rate["in_law"] or 0) == mine.in_law
                for number in seen:
                    seen[number] += rate[number]
        for name in NAMES:
            for number in ("judged", "of_promise", "of_law", "promise_only", "late", "open", "open_past"):
                total = sum(by_unit[unit][name][number] for unit in ("u1", "u2"))
                assert by_unit[None][name][number] == total
    # a comparison of nothing with nothing would prove nothing
    assert min(seen.values()) > 0, seen


def test_the_period_takes_an_end_from_its_first_instant_to_the_last_and_no_further(town: Town) -> None:
    town.reported()
    town.city.do("decide_award", "2026-11-05 00:00", on="P1")  # a Thursday, the first instant of the day

    def judged(since: str, until: str) -> tuple[int, int]:
        found: Any = town.data("2026-11-09 09:00", "周九", "report", "--since", since, "--until", until)
        clocks = next((e["clocks"] for e in found["units"] if e["unit"] == "u1"), None)
        return (
            (0, 0) if clocks is None else (clocks["decide_award"]["judged"], clocks["decide_award"]["open"])
        )

    assert judged("2026-11-04", "2026-11-04") == (0, 1)
    assert judged("2026-11-04", "2026-11-05") == (1, 0)
    assert judged("2026-11-05", "2026-11-05") == (1, 0)
    assert judged("2026-11-06", "2026-11-06") == (0, 0)


def test_the_same_definitions_as_a_replay(town: Town) -> None:
    """A promise missed by a minute is not late while the law is kept; late is beyond the latest moment."""
    for number, ended in enumerate(
        ("2026-11-04 23:59", "2026-11-05 00:00", "2026-11-10 23:59", "2026-11-11 00:00"), 1
    ):
        town.reported(f"P{number}")
        town.city.do("decide_award", ended, on=f"P{number}")
    found: Any = town.data("2026-11-12 09:00", "周九", "report")
    rate = next(e for e in found["units"] if e["unit"] == "u1")["clocks"]["decide_award"]
    assert (rate["in_promise"], rate["in_law"], rate["promise_only"], rate["late"]) == (1, 3, 2, 1)
    assert (rate["median_late_days"], rate["p90_late_days"]) == (1, 1)
    assert (rate["promise_share"], rate["law_share"]) == (0.25, 0.75)


def test_the_page_names_the_four_rates_and_says_what_it_leaves_out(busy: Town) -> None:
    out = busy.see(NOW, "周九", "report")
    for name in ("采购结果一日定", "采购合同一日签", "履约验收一日成", "项目资金一日付"):
        assert f"【{name}】" in out
        assert f"【{name}  存量】" in out
    assert "【损失的工作日】" in out
    assert "【损失的工作日  存量】" in out
    assert "中止触及的不算" in out
    assert "合计" in out
    english = busy.see(NOW, "周九", "--lang", "en", "report", "--since", "2026-10-01")
    assert "[award decided in a day  Brought in]" in english
    assert "2026-10-01 to 2026-11-20 09:00" in english
    assert busy.desk.at(NOW, "report", "--since", "2026-11-21", person="周九").code == 2
    quiet = busy.see(NOW, "郑一", "report", "--since", "2026-11-20")
    assert "四率  2026-11-20 至 2026-11-20 09:00" in quiet


def test_the_workbook_says_the_same_as_the_page_in_numbers(busy: Town) -> None:
    found: Any = busy.data(NOW, "周九", "report", "--xlsx", "四率.xlsx")
    book = openpyxl.load_workbook(busy.desk.folder / "四率.xlsx")
    assert book.sheetnames == ["四率", "存量", "损失日", "损失日（存量）"]
    for sheet, key in zip(book.worksheets[:2], ("units", "brought_in"), strict=True):
        by_unit = {e["unit"]: e["clocks"] for e in found[key]}
        rows = [r for r in sheet.iter_rows(min_row=2, values_only=True) if r[1]]
        assert len(rows) == sum(
            1 for clocks in by_unit.values() for rate in clocks.values() if rate["judged"] or rate["open"]
        )
        for row in rows:
            unit = None if row[0] == "合计" else row[0]
            name = NAMES[
                ("采购结果一日定", "采购合同一日签", "履约验收一日成", "项目资金一日付").index(row[1])
            ]
            rate = by_unit[unit][name]
            assert row[2] == rate["judged"]
            assert row[5] == pytest.approx(rate["promise_share"])
            assert row[13:15] == (rate["open"], rate["open_past"])
    for sheet, key in zip(book.worksheets[2:], ("units", "brought_in"), strict=True):
        rows = [r for r in sheet.iter_rows(min_row=2, values_only=True) if r[1]]
        told = {e["unit"]: e for e in found["lost_days"][key]}
        assert len(rows) == sum(len(e["clocks"]) + 1 for e in told.values())
        for row in rows:
            if row[1] == "合计":
                wanted = told[None if row[0] == "合计" else row[0]]["overall"]
                assert row[2:] == (*(wanted[who] for who in ANSWERABLE), wanted["total"])
    assert busy.desk.at(NOW, "report", "--xlsx", "四率.xlsx", person="周九").code == 2


@pytest.mark.parametrize(
    ("words", "first", "until"),
    [
        ((), date(1990, 1, 1), NOW),
        (("--since", "2026-10-01", "--until", "2026-10-31"), date(2026, 10, 1), "2026-11-01"),
    ],
)
def test_lost_days_are_those_of_a_count_of_our_own(
    busy: Town, words: tuple[str, ...], first: date, until: str
) -> None:
    found: Any = busy.data(NOW, "周九", "report", *words)
    end, seen = _ticks(until), 0
    for key, stock in (("units", False), ("brought_in", True)):
        told = {e["unit"]: e for e in found["lost_days"][key]}
        for unit in ("u1", "u2"):
            by_clock, overall = _lost(busy, unit, stock, first, end)
            entry = told[unit]
            assert {name: n["total"] for name, n in entry["clocks"].items()} == by_clock
            assert entry["overall"]["total"] == overall
            seen += overall
            for numbers in (entry["overall"], *entry["clocks"].values()):
                assert sum(numbers[who] for who in ANSWERABLE) == numbers["total"]
            for name, who in (("decide_award", "purchaser"), ("issue_award_letter", "agency")):
                if name in entry["clocks"]:
                    assert entry["clocks"][name][who] == entry["clocks"][name]["total"]
        for who in (*ANSWERABLE, "total"):
            assert told[None]["overall"][who] == sum(told[unit]["overall"][who] for unit in ("u1", "u2"))
    assert seen > 50, seen


def _lost(busy: Town, unit: str, stock: bool, first: date, until: int) -> tuple[dict[str, int], int]:
    """Count lost days per clock, and once per act, by nothing but SQL and the calendar (nobody paused)."""
    half = "r.go_live is not null and r.opened_at < r.go_live"
    sql = (
        "select c.matter, c.name, c.promise, c.statutory, c.agreed, c.ended_at from clock c"
        " join matter m on m.id = c.matter join matter r on r.id = c.root"
        f" where m.about is null and c.state <> 'void' and m.unit = ? and {'' if stock else 'not '}({half})"
        " and c.anchor < ?"
    )
    with closing(sqlite3.connect(busy.desk.folder / DATABASE)) as connection:
        rows = connection.execute(sql, (unit, until)).fetchall()
    flows = busy.city.office.current.workflows.values()
    waiting = {c.name for w in flows for c in w.clocks.values() if c.guards}
    by_clock: dict[str, int] = {}
    once: set[tuple[str, str, date]] = set()
    for matter, name, promise, statutory, agreed, ended in rows:
        if name in waiting:
            continue
        due = _day(min(v for v in (promise, statutory, agreed) if v is not None) - 1)
        last = _day(ended if ended is not None and ended < until else until - 1)
        days = [due + timedelta(days=n) for n in range(1, (last - due).days + 1)]
        days = [day for day in days if day >= first and calendar().is_worked(day)]
        if days:
            by_clock[name] = by_clock.get(name, 0) + len(days)
            once |= {(matter, "pay" if name.startswith("pay") else name, day) for day in days}
    return by_clock, len(once)
