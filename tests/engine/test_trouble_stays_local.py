"""One bad rung never silences another rung or another matter; it is retried and heals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import BadRow
from engine.performing import Deed, perform
from engine.work import Work
from storage.claims import translated
from storage.store import SqlStore
from tests.city import City, keys, moment, paper

FRIDAY = "2026-11-06 09:00"


def spoil(city: City, text: str = "overdue_unrecorded") -> None:
    """Let a text mention a parameter that does not exist."""
    good = city.office.texts[text]
    city.office.texts = {**city.office.texts, text: replace(good, sms="{nobody}")}


def heal(city: City) -> None:
    city.office.texts = dict(City().office.texts)


def test_a_broken_text_stops_its_own_rung_only(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")  # 周一
    city.open("2026-11-02 09:00", id="P2")
    city.walk("end_evaluation", "2026-11-02 10:00", on="P2")
    spoil(city, "overdue_unrecorded")
    beat = city.patrol(FRIDAY)
    # the case of P1 opens, P2's reminders go out; only the warnings are missing
    assert "case" in keys(beat.fires)
    assert "overdue" not in keys(beat.fires)
    assert {(c.matter, c.name) for c in beat.troubled} == {
        ("P1.1", "decide_award"),
        ("P2.1", "deliver_report"),
    }
    clock = city.clock("P1.1", "decide_award")
    assert clock.trouble.startswith("overdue: ")
    assert "{nobody}" in clock.trouble


def test_a_rung_in_trouble_is_tried_again_and_keeps_its_logical_moment(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    spoil(city)
    city.patrol("2026-11-04 09:00")
    assert city.clock("P1.1", "decide_award").look_at == moment("2026-11-04 09:15")
    assert keys(city.patrol("2026-11-04 09:14:59").fires) == []
    assert city.patrol("2026-11-04 09:15").troubled
    heal(city)
    assert keys(city.patrol("2026-11-04 09:29").fires) == []
    healed = city.patrol("2026-11-04 09:30").fires
    assert [(f.rung, f.at, f.fired_at) for f in healed] == [
        ("overdue", moment("2026-11-03 24:00"), moment("2026-11-04 09:30"))
    ]
    assert city.clock("P1.1", "decide_award").trouble == ""


def test_a_reminder_that_heals_after_its_moment_has_passed_is_stale(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    spoil(city, "due_soon")
    city.patrol("2026-11-03 16:00")
    city.patrol("2026-11-03 23:50")  # 下一次重试在 0:05
    city.patrol("2026-11-03 24:00")
    assert city.fired("P1.1/decide_award") == ["overdue"]
    heal(city)
    again = city.patrol("2026-11-04 09:00").fires
    assert [(f.rung, f.collapsed) for f in again if f.clock == "decide_award"] == [("soon", True)]


def test_a_broken_text_does_not_stop_people_from_acting(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    spoil(city)
    assert city.do("decide_award", FRIDAY).outcome.went_to == "decided"
    assert city.cases() == {"P1.1-C1": "opened"}


def test_a_case_that_cannot_be_opened_leaves_nothing_half_done(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    spoiled = dict(city.office.current.workflows)
    del spoiled["case"]
    whole = city.office.current
    city.office.current = replace(whole, workflows=spoiled)
    city.patrol(FRIDAY)
    assert city.matter("P1.1").cases == 0
    assert city.cases() == {}
    assert city.clock("P1.1", "decide_award").trouble.startswith("case: ")
    city.office.current = whole
    city.patrol("2026-11-06 10:00")
    assert city.cases() == {"P1.1-C1": "opened"}


def test_a_matter_whose_bundle_is_lost_does_not_stop_the_others(city: City) -> None:
    city.open("2026-11-02 09:00", id="P2")
    city.walk("deliver_report", "2026-11-02 10:00")
    city.walk("deliver_report", "2026-11-02 10:00", on="P2")
    with city.store.transaction():
        city.store.run("update matter set bundle = 'gone' where id = 'P1.1'")
    beat = city.patrol(FRIDAY)
    assert {f.matter for f in beat.fires} == {"P2.1"}
    assert "找不到流程版本" in city.clock("P1.1", "decide_award").trouble


class Choosy:
    """Makes the store refuse the rows of one rung of one clock, as a constraint would."""

    def __init__(self, store: SqlStore, fire: str) -> None:
        self.store = store
        self.fire = fire
        self.whole = store.write
        self.refused = 0

    def write(self, work: Work) -> None:
        """Write, or refuse after having written half."""
        bad = any(f.key == self.fire for f in work.fires)
        self.whole(work)
        if bad:
            self.refused += 1
            raise BadRow("数据库拒绝了一行数据", why="NOT NULL")


@contextmanager
def choosy(city: City, fire: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Choosy]:
    made = Choosy(city.store, fire)
    with monkeypatch.context() as patch:
        patch.setattr(city.store, "write", made.write)
        yield made


def test_a_bad_row_is_narrowed_down_to_its_rung(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2, 12):
        city.open("2026-11-02 09:00", id=f"P{number}")
        city.walk("deliver_report", "2026-11-02 10:00", on=f"P{number}")
    bad = "P7.1/decide_award/1/1/overdue/1"
    with choosy(city, bad, monkeypatch) as store:
        beat = city.patrol(FRIDAY)
    assert store.refused > 1
    warned = {f.matter for f in beat.fires if f.rung == "overdue"}
    assert warned == {f"P{n}.1" for n in (*range(2, 7), *range(8, 12))}
    # on the bad clock itself the reminders before and the case after took effect
    assert city.fired("P7.1/decide_award", collapsed=True) == ["started", "soon", "case"]
    assert len(city.cases()) == 10
    clock = city.clock("P7.1", "decide_award")
    assert clock.trouble.startswith("overdue: ")
    assert [p.rung for p in clock.plan if p.retry_at] == ["overdue"]
    assert [(c.matter, c.name) for c in beat.troubled].count(("P7.1", "decide_award")) >= 1
    assert keys(city.patrol("2026-11-06 09:15").fires) == ["overdue"]
    assert city.clock("P7.1", "decide_award").trouble == ""
    assert city.everything()["fire"] == sorted(city.everything()["fire"])


def test_a_real_constraint_makes_a_bad_row(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    with city.store.transaction():
        city.store.run(
            "insert into fire select 'P1.1/decide_award/1/1/overdue/1', matter, root, jurisdiction, clock, round,"
            " epoch, 'overdue', 1, 'warn', at, fired_at, 0, null from fire limit 1"
        )
    city.patrol(FRIDAY)
    clock = city.clock("P1.1", "decide_award")
    assert "UNIQUE" in clock.trouble
    assert "case" in clock.fired
    assert "overdue" not in clock.fired
    assert isinstance(translated(sqlite3.IntegrityError("x"), "db"), BadRow)


def test_other_troubles_of_the_database_stop_the_patrol_and_undo_it(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    before = city.everything()
    whole = city.store.write

    def full(work: Work) -> Any:
        whole(work)
        raise translated(sqlite3.OperationalError("database or disk is full"), "db")

    with monkeypatch.context() as patch:
        patch.setattr(city.store, "write", full)
        with pytest.raises(Exception, match="磁盘已满"):
            city.patrol(FRIDAY)
    assert city.everything() == before
    assert city.patrol(FRIDAY).fires


def test_a_broken_text_of_withdrawal_does_not_stop_a_late_record(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol("2026-11-04 09:00")
    spoil(city, "warning_withdrawn")
    city.do("decide_award", "2026-11-03 16:00", now="2026-11-04 10:00", reason="漏登")
    assert city.fired("P1.1/decide_award") == ["overdue", "withdrawn"]
    ((body,),) = city.rows("select body from history where body like '%decide_award/withdrawn%'")
    assert "{nobody}" in body


def test_an_act_that_fails_half_way_is_taken_back_whole(city: City) -> None:
    """What time does by itself may fail in its middle; nothing of it may be written."""
    city.walk("request_acceptance", "2026-11-02 10:00")
    before = city.everything()
    after = moment("2026-11-02 11:00")
    with city.store.work() as work:
        held = {m.id: m for m in work.family("P1")}
        acted = held["P1.1.1.1"]
        was = deepcopy((held, work.clocks))
        mark = work.mark(acted, whole=True)
        accept = city.office.workflow(acted).actions["accept"]
        perform(city.office, work, acted, accept, Deed(after, after, "system", evidence=[paper("x")]))
        release = city.office.workflow(held["P1.1.1"]).actions["release"]
        perform(city.office, work, held["P1.1.1"], release, Deed(after, after, "system"))
        assert (held, work.clocks) != was
        work.undo(mark)
        assert (held, work.clocks) == was
    assert city.everything() == before
