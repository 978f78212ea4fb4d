"""Recurring duties are opened once per duty, place and period: whoever looks, however often, and after any outage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from engine.directory import Appointment, Unit
from engine.errors import BadRow
from engine.patrol import Beat, patrol
from engine.recurrence import DutyDef, PeriodDay, read_period_day
from engine.recurring import LATE, lacking
from engine.workflow import Bundle
from storage.people import People
from storage.store import SqlStore
from tests.city import PLACE, ROOT, UNIT, City, moment, shipped

BEGUN = "2026-11-23 09:00"  # 周一
YEARLY, PATROL = "D82-410400-2026", "D83-410400-2026Q4"


def begin(city: City, at: str = BEGUN) -> City:
    with city.store.transaction():
        city.store.begin_duties(moment(at))
    return city


@pytest.fixture
def qinghai(build: Callable[..., City]) -> City:
    """A city with the duties of the finance department and of its unit, of which those are opened on Monday."""
    return begin(build(profile="qinghai-small-works"))


def opened(city: City) -> dict[str, str]:
    sql = "select m.id, m.title from matter m join fact f on f.matter = m.id and f.name = 'duty'"
    return dict(city.rows(f"{sql} order by m.opened_at, m.id"))


def ids(beat: Beat) -> list[str]:
    return [matter.id for matter in beat.opened]


def missing(city: City, at: str) -> list[str]:
    with city.store.transaction():
        return lacking(city.office, city.store, moment(at))


# the calendar


def duty(bundle: Bundle, code: str) -> DutyDef:
    return next(d for d in bundle.duties.values() if d.code == code)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("first day", PeriodDay(1)), ("last day", PeriodDay(0)), ("day 10", PeriodDay(10)), ("03-31", PeriodDay(31, 3)),
        ("day 0", None), ("day 29", None), ("02-29", None), ("13-01", None), ("04-31", None), ("3-31", None), ("", None),
    ],
)  # fmt: skip
def test_a_day_of_a_period_is_read_or_refused(text: str, day: PeriodDay | None) -> None:
    assert read_period_day(text) == day


@pytest.mark.parametrize(
    ("code", "keys", "labels", "last"),
    [
        ("D53", ["2026", "2027"], ["2025年度", "2026年度"], date(2027, 3, 31)),
        (
            "D81",
            ["2026M12", "2027M01", "2027M02"],
            ["2026年11月", "2026年12月", "2027年1月"],
            date(2027, 2, 10),
        ),
        ("D83", ["2026Q4", "2027Q1"], ["2026年第四季度", "2027年第一季度"], date(2027, 3, 31)),
        ("D84", ["2026H2", "2027H1"], ["2026年下半年", "2027年上半年"], date(2027, 6, 30)),
    ],
)
def test_periods_are_those_not_past_before_and_begun_by_a_day(
    code: str, keys: list[str], labels: list[str], last: date
) -> None:
    since = date(2026, 3, 31) if code == "D53" else date(2026, 11, 23)  # a Tuesday, a Monday
    found = list(duty(shipped()[0], code).periods(since, date(2027, 2, 1)))
    assert ([p.key for p in found], [p.label for p in found], found[-1].due) == (keys, labels, last)


def test_years_are_counted_from_the_first_and_none_opens_outside_its_law() -> None:
    yearly = duty(shipped()[0], "D82")
    three = replace(yearly, months=36, since=date(2025, 1, 1), until=date(2031, 6, 30))
    found = list(three.periods(date(2020, 1, 1), date(2040, 1, 1)))
    assert [(p.key, p.label, p.due.year) for p in found] == [
        ("2025", "2025至2027年", 2027), ("2028", "2028至2030年", 2030), ("2031", "2031至2033年", 2033),
    ]  # fmt: skip
    # in force from June 2025: the disclosure that opened in January 2025 was before it
    assert next(duty(shipped()[0], "D53").periods(date(2020, 1, 1), date(2040, 1, 1))).key == "2026"


# once


def test_two_beats_of_one_moment_and_of_one_day_open_a_duty_once(qinghai: City) -> None:
    assert ids(qinghai.patrol(BEGUN)) == [YEARLY, PATROL]
    kept = qinghai.everything()
    for again in (BEGUN, "2026-11-23 09:00:30", "2026-11-23 23:59"):
        beat = qinghai.patrol(again)
        assert (beat.opened, beat.fires) == ([], [])
    assert qinghai.everything() == kept
    assert ids(qinghai.patrol("2026-11-24 09:00")) == []


def test_two_schedulers_at_once_open_each_duty_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'city.db'}"
    city = begin(City(url, profile="qinghai-small-works"))
    city.store.close()
    beats: list[list[str]] = []
    start = Barrier(4)

    def look() -> None:
        store = SqlStore(url)
        start.wait()
        beats.append(ids(patrol(city.office, store, moment("2027-01-04 09:00"))))  # 周一
        store.close()

    threads = [Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, beats)) == [0, 0, 0, 7]
    calm = begin(City(profile="qinghai-small-works"))
    calm.patrol("2027-01-04 09:00")
    assert opened(city) == opened(calm)
    fires = "select key, at, fired_at, collapsed from fire order by key"
    assert city.rows(fires) == calm.rows(fires)
    city.store.close()


def test_whoever_is_killed_while_opening_leaves_nothing_and_the_next_opens_all(tmp_path: Path) -> None:
    file = tmp_path / "city.db"
    city = begin(City(f"sqlite:///{file}", profile="qinghai-small-works"))
    before = city.everything()
    city.store.close()
    program = f"""
        import os, signal
        from engine import recurring
        from engine.patrol import patrol
        from storage.store import SqlStore
        from tests.city import City, calendar, moment, shipped
        from engine.office import Office
        seen = SqlStore.duties_seen
        def killed(self, now):
            seen(self, now)
            os.kill(os.getpid(), signal.SIGKILL)
        SqlStore.duties_seen = killed
        bundle, texts = shipped()
        store = SqlStore("sqlite:///{file}")
        patrol(Office(bundle, calendar(), dict(texts), lambda _: None), store, moment("2027-01-04 09:00"))
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    gone = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=env, cwd=ROOT, check=False)
    assert gone.returncode == -signal.SIGKILL
    assert city.everything() == before
    assert len(city.patrol("2027-01-04 09:00").opened) == 7
    city.store.close()


def test_dense_beats_and_one_after_an_outage_open_the_same_and_only_the_title_tells(
    build: Callable[..., City],
) -> None:
    dense, sparse = (begin(build(profile="qinghai-small-works")) for _ in range(2))
    for day in (
        "2026-11-23",
        "2026-12-01",
        "2026-12-11",
        "2027-01-01",
        "2027-01-11",
        "2027-02-01",
        "2027-02-11",
    ):
        dense.patrol(f"{day} 00:00")
    sparse.patrol("2027-02-11 00:00")  # 周四
    same = "select id, workflow, state, unit, opened_at from matter order by id"
    assert dense.rows(same) == sparse.rows(same)
    due = "select matter, anchor, promise, statutory from clock order by matter"
    assert dense.rows(due) == sparse.rows(due)
    fired = "select key, at from fire where does <> 'remind' order by key"
    assert dense.rows(fired) == sparse.rows(fired)
    late = {id for id, title in opened(sparse).items() if title.endswith(LATE)}
    assert late == {
        "D81-410400-2026M12", "D81-410400-2027M01", "D81-410400-2027M02", YEARLY, PATROL,
    }  # fmt: skip
    assert not any(title.endswith(LATE) for title in opened(dense).values())


def test_a_wall_clock_set_back_opens_nothing_twice(qinghai: City) -> None:
    qinghai.patrol("2027-01-04 09:00")
    kept = opened(qinghai)
    for at in ("2026-12-01 09:00", "2027-01-04 09:00", "2027-01-05 09:00"):
        assert qinghai.patrol(at).opened == []
    assert opened(qinghai) == kept


# from when on, and where


def test_nothing_is_opened_for_what_was_past_when_the_installation_began(build: Callable[..., City]) -> None:
    city = begin(build(), "2026-04-01 00:00")  # 周三, the disclosure was due by the Tuesday before
    assert ids(city.patrol("2026-04-01 09:00")) == [YEARLY]
    earlier = begin(build(), "2026-03-31 23:59")  # 周二
    assert ids(earlier.patrol("2026-03-31 23:59")) == ["D53-u1-2026", YEARLY]
    [matter] = [earlier.matter("D53-u1-2026")]
    assert matter.opened_at == moment("2026-03-31 23:59")


def test_a_database_that_never_began_opens_nothing(build: Callable[..., City]) -> None:
    city = build()
    assert city.patrol("2027-01-04 09:00").opened == []
    assert missing(city, "2027-01-04 09:00") == []


def test_an_installation_begins_once(qinghai: City) -> None:
    begin(qinghai, "2027-06-01 09:00")
    with qinghai.store.transaction():
        looked = qinghai.store.looked()
    assert looked is not None
    assert looked.begun == moment(BEGUN)


def test_a_place_has_its_duties_from_the_day_on_which_the_role_is_held(qinghai: City) -> None:
    qinghai.patrol(BEGUN)
    with qinghai.store.transaction():
        people = People(qinghai.store)
        people.add_jurisdiction("410402", "新华区", "county")
        people.add_unit(Unit("u9", "区一中", "u9", "one-day", "410402"))
        people.add_person("郑九", "郑九", "410402")
        people.appoint(
            Appointment(
                "郑九", "officer", "u9", moment("2027-02-01 09:00"), moment("2027-03-01 09:00"), "410402"
            )
        )
    found = ids(qinghai.patrol("2027-01-04 09:00"))
    assert "D53-u9-2027" not in found
    assert ids(qinghai.patrol("2027-02-01 08:00")) == ["D81-410400-2027M02"]
    assert ids(qinghai.patrol("2027-02-02 08:00")) == ["D53-u9-2027"]
    assert qinghai.matter("D53-u9-2027").opened_at == moment("2027-02-01 09:00")
    assert qinghai.matter("D53-u9-2027").profile == "one-day"
    # in 2028 nobody holds the role there any more
    assert "D53-u9-2028" not in ids(qinghai.patrol("2028-01-04 09:00"))


def test_the_finance_departments_own_unit_stands_for_its_jurisdiction(qinghai: City) -> None:
    with qinghai.store.transaction():
        People(qinghai.store).add_unit(Unit("市财政局", "市财政局", "市财政局", "one-day", PLACE))
        qinghai.store.run("update appointment set unit = '市财政局' where role = 'regulator'")
    qinghai.patrol(BEGUN)
    # its own profile says which local duties it has: those of this one are switched on elsewhere
    found = [(m, qinghai.matter(m).unit, qinghai.matter(m).profile) for m in opened(qinghai)]
    assert found == [(YEARLY, "市财政局", "one-day")]


# what goes wrong


def test_a_duty_that_cannot_be_opened_stops_no_other_and_is_tried_at_every_beat(qinghai: City) -> None:
    with qinghai.store.transaction():
        qinghai.store.run("update unit set profile = 'gone' where id = ?", (UNIT,))
        people = People(qinghai.store)
        people.add_jurisdiction("410402", "新华区", "county")
        people.add_unit(Unit("u9", "区一中", "u9", "one-day", "410402"))
        people.add_person("郑九", "郑九", "410402")
        people.appoint(Appointment("郑九", "regulator", "u9", moment("2020-01-01"), None, "410402"))
    for at in (BEGUN, "2026-11-23 09:01"):
        beat = qinghai.patrol(at)
        assert len(beat.unopened) == 4
        assert all("没有名为 gone 的地方时限方案" in trouble for trouble in beat.unopened)
    assert opened(qinghai) == {"D82-410402-2026": "2026年度代理机构检查"}
    with qinghai.store.transaction():
        qinghai.store.run("update unit set profile = 'qinghai-small-works' where id = ?", (UNIT,))
    beat = qinghai.patrol("2026-11-23 09:02")
    assert (ids(beat), beat.unopened) == ([YEARLY, PATROL], [])


def test_a_row_that_the_database_refuses_stops_no_other(
    qinghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = qinghai.store.write

    def refuse(work: Any) -> None:
        if any(m.id == YEARLY for m in work.new_matters):
            raise BadRow("数据库拒绝了一行数据", why="试验")
        write(work)

    monkeypatch.setattr(qinghai.store, "write", refuse)
    beat = qinghai.patrol(BEGUN)
    assert ids(beat) == [PATROL]
    assert beat.unopened == [f"{YEARLY}：数据库拒绝了一行数据（试验）"]
    monkeypatch.undo()
    assert ids(qinghai.patrol("2026-11-23 09:01")) == [YEARLY]


def test_a_rehearsal_shows_the_fires_and_writes_nothing(qinghai: City) -> None:
    before = qinghai.everything()
    beat = qinghai.patrol(BEGUN, dry_run=True)
    assert (ids(beat), len(beat.fires)) == ([YEARLY, PATROL], 2)
    assert qinghai.everything() == before
    assert ids(qinghai.patrol(BEGUN)) == [YEARLY, PATROL]


@contextmanager
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The planted fault: an engine that calls its look done and has opened nothing."""
    with monkeypatch.context() as patch:
        patch.setattr("engine.recurring._open", lambda *_: None)
        yield


def test_a_duty_that_was_never_opened_is_found_by_who_counts_again(
    qinghai: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = "2026-11-24 09:00"
    with _forgetful(monkeypatch):
        qinghai.patrol(BEGUN)
    assert opened(qinghai) == {}
    assert missing(qinghai, tomorrow) == [YEARLY, PATROL]
    # the next day's look finds it missing by its id, and opens it where it belongs
    assert ids(qinghai.patrol(tomorrow)) == [YEARLY, PATROL]
    assert qinghai.matter(YEARLY).opened_at == moment(BEGUN)
    assert missing(qinghai, tomorrow) == []


def test_the_first_line_of_its_history_is_the_engines_and_lies_at_the_logical_moment(qinghai: City) -> None:
    qinghai.patrol("2027-01-04 09:00")
    line = "select no, kind, at, recorded_at, body from history where matter = ? order by no"
    no, kind, at, recorded, body = qinghai.rows(line, "D53-u1-2027")[0]
    assert (no, kind) == (1, "opened")
    assert (at, recorded) == tuple(
        int(moment(t).timestamp()) * 1_000_000 for t in ("2027-01-01", "2027-01-04 09:00")
    )
    assert '"actor":"system"' in body
    assert '"cause":"D53-u1-2027"' in body
