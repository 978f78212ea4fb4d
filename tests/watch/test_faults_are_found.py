"""The tracker's check finds each planted fault, from the events alone; without one it finds nothing.

The award is promised by Wednesday 2026-11-04 24:00; the warning falls due at that instant, the case two working
days later, on Friday 24:00.
"""

from __future__ import annotations

import json
import re
from contextlib import nullcontext, suppress
from datetime import timedelta
from hashlib import sha256

import pytest

from engine.chain import chained
from engine.errors import YiribanError
from engine.watching import SILENT, Watch
from storage.feed import Feed
from tests.city import moment
from tests.watch.planted import DEEDS, END, QUARTER, Engine, kinds


class Undone(Exception):
    """Leaves a transaction so that it is rolled back."""


WARNING = "P1.1/decide_award/1/1/overdue/1"


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_an_engine_that_does_its_work_is_found_faultless(engine: Engine) -> None:
    engine.run(END, deeds=DEEDS)
    events = engine.events()
    assert engine.watch() == []
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert {"opened", "action", "fire", "message", "beat"} <= {e["kind"] for e in events}


@pytest.mark.parametrize(
    ("rung", "told"),
    [("overdue", "overdue/1"), ("soon", "soon/1"), ("case", "case/1"), ("started", "started/1")],
)
def test_a_fire_that_is_suppressed_is_missing_from_the_next_beat_on(
    engine: Engine, rung: str, told: str
) -> None:
    engine.run("2026-11-03 10:45", deeds=DEEDS)
    engine.city.do("deliver_report", "2026-11-03 11:00")
    [(plan,)] = engine.city.rows("select plan from clock where name = 'decide_award'")
    left = [item for item in json.loads(plan) if rung not in item]
    assert len(left) == len(json.loads(plan)) - 1
    first = min(item[0] for item in left)
    engine.sql("update clock set plan = ?, look_at = ? where name = 'decide_award'", json.dumps(left), first)
    engine.now = moment("2026-11-03 11:00")
    engine.run(END)
    found = [f for f in engine.watch() if f.kind == "missing"]
    assert [f.what.split("，")[0] for f in found] == [f"到点没有触发：P1.1/decide_award/1/1/{told}"]
    assert {"missing"} == set(kinds(engine.watch()))


def test_a_fire_that_is_dropped_by_the_very_last_beat_is_found_at_that_beat(engine: Engine) -> None:
    engine.run("2026-11-04 23:45", deeds=DEEDS)
    engine.sql("update clock set look_at = null where name = 'decide_award'")
    assert engine.watch() == [], "nothing is due yet"
    engine.now = moment("2026-11-04 24:00")
    engine.run("2026-11-04 24:00")
    assert [(f.kind, f.matter) for f in engine.watch()] == [("missing", "P1.1")]


@pytest.mark.parametrize(("quarters", "found"), [(0, []), (3, []), (4, ["late"]), (5, ["late"])])
def test_a_fire_is_late_from_an_hour_on(engine: Engine, quarters: int, found: list[str]) -> None:
    due = moment("2026-11-04 24:00")
    engine.skip = {due + n * QUARTER for n in range(quarters)}
    engine.run("2026-11-05 08:00", deeds=DEEDS)
    findings = engine.watch()
    assert kinds(findings) == found
    if found:
        assert [f.what for f in findings] == [f"触发晚了 {quarters * 15} 分钟：{WARNING}"]


@pytest.mark.parametrize(("until", "found"), [("00:45", []), ("01:00", ["message"]), ("08:00", ["message"])])
def test_a_message_that_nobody_hands_over_is_found_after_an_hour(
    engine: Engine, until: str, found: list[str]
) -> None:
    engine.run("2026-11-04 23:45", deeds=DEEDS)
    del engine.channels["email"]
    engine.now = moment("2026-11-04 24:00")
    engine.run(f"2026-11-05 {until}")
    findings = engine.watch()
    assert kinds(findings) == found
    assert all(f.what.startswith(f"消息没有送出：{WARNING}/") for f in findings)
    assert {f.what.rpartition("/")[2] for f in findings} <= {"email，还没有交给渠道"}


def test_a_message_of_which_nobody_heard_again_is_found_though_its_row_is_gone(engine: Engine) -> None:
    engine.run("2026-11-04 23:45", deeds=DEEDS)
    engine.city.patrol("2026-11-04 24:00")
    engine.sql("delete from message where fire = ? and channel = 'email'", WARNING)
    engine.now = moment("2026-11-04 24:00")
    engine.run("2026-11-05 09:00")
    assert kinds(engine.watch()) == ["message"]


def test_a_changed_line_is_found(engine: Engine) -> None:
    engine.run(END, deeds=DEEDS)
    engine.sql("update history set body = replace(body, '赵六', '孙七') where matter = 'P1.1' and no = 3")
    assert [(f.kind, f.matter) for f in engine.watch()] == [("changed", "P1.1")]


def test_a_line_that_is_gone_is_found(engine: Engine) -> None:
    engine.run(END, deeds=DEEDS)
    engine.sql("delete from history where matter = 'P1.1' and no = 4")
    assert "changed" in kinds(engine.watch())


def test_a_chain_that_is_rewritten_whole_with_its_head_is_found_by_the_hashes_told_at_the_time(
    engine: Engine,
) -> None:
    engine.run(END, deeds=DEEDS)
    kept = engine.events()
    _rewrite(engine)
    assert "changed" in kinds(engine.watch())
    # whoever rewrites the events too deceives a fresh reading, but not one that kept the old
    engine.unlock()
    engine.sql(
        "update event set hash = (select hash from history h where h.matter = event.matter and h.no = event.no)"
        " where matter = 'P1.1' and no > 0"
    )
    assert engine.watch() == []
    assert kinds(engine.watch(kept=kept)) == ["changed"]


def _rewrite(engine: Engine) -> None:
    previous = ""
    rows = engine.city.rows("select no, body from history where matter = 'P1.1' order by no")
    for no, body in rows:
        text = re.sub("赵六", "孙七", body)
        previous = chained(previous, text)
        engine.sql(
            "update history set body = ?, hash = ? where matter = 'P1.1' and no = ?", text, previous, no
        )
    engine.sql("update matter set head_hash = ? where id = 'P1.1'", previous)
    assert len(previous) == len(sha256().hexdigest())


def test_an_engine_that_stopped_is_found_after_a_quarter_of_an_hour(engine: Engine) -> None:
    engine.run("2026-11-04 12:00", deeds=DEEDS)
    watch = Watch(engine.city.office.current, engine.city.office.calendar)
    for event in engine.events():
        watch.hear(event)
    last = moment("2026-11-04 12:00")
    assert watch.last_beat == last
    second = timedelta(seconds=1)
    for quiet, found in ((SILENT - second, []), (SILENT, []), (SILENT + second, ["silent"])):
        assert kinds(watch.findings(last + quiet)) == found, quiet
    # what would have been done in the night is told too
    told = watch.findings(moment("2026-11-05 01:00"))
    assert [f.kind for f in told if WARNING in f.what] == ["missing"]
    assert "silent" in kinds(told)


def test_an_engine_that_never_ran_is_found(engine: Engine) -> None:
    assert kinds(engine.watch()) == ["silent"]


def test_events_are_never_changed_or_deleted_by_this_program(engine: Engine) -> None:
    engine.run("2026-11-02 10:00")
    for statement in ("delete from event where seq = 1", "update event set state = 'x' where seq = 1"):
        with pytest.raises(YiribanError):
            engine.sql(statement)


def test_an_event_that_was_taken_out_leaves_a_gap_and_its_number_is_not_given_again(engine: Engine) -> None:
    engine.run("2026-11-03 12:00", deeds=DEEDS)
    engine.unlock()
    [(last,)] = engine.city.rows("select max(seq) from event")
    engine.sql("delete from event where seq = ?", last)
    engine.now += QUARTER
    engine.run("2026-11-03 13:00")
    assert [(f.kind, f.seq) for f in engine.watch()] == [("gap", last + 1)]


def test_what_is_rolled_back_takes_no_number(engine: Engine) -> None:
    store = engine.city.store

    def undone(savepoint: bool) -> None:
        with store.work() as work, store.savepoint() if savepoint else nullcontext():
            work.record(work.family("P1")[0], "clock", "pause", at=engine.now, now=engine.now, actor="x")
            store.write(work)
            raise Undone

    for savepoint in (False, True):
        with pytest.raises(Undone):
            undone(savepoint)
    with store.transaction():
        with suppress(Undone), store.savepoint():
            Feed(store).beat(engine.now)
            raise Undone
        store.run("select 1")
    engine.run("2026-11-02 10:00")
    assert [f for f in engine.watch() if f.kind == "gap"] == []


def test_a_fire_that_nobody_planned_is_wrong(engine: Engine) -> None:
    engine.run("2026-11-03 12:00", deeds=DEEDS)
    with engine.city.store.work() as work:
        matter = work.family("P1")[1]
        detail = {"does": "warn", "fire": WARNING.replace("overdue", "overdue_by_law")}
        early = moment("2026-11-03 12:00")
        work.record(
            matter, "fire", "decide_award/overdue_by_law", at=early, now=early, actor="system", detail=detail
        )
    assert kinds(engine.watch()) == ["wrong"]


def test_the_same_events_heard_twice_change_nothing(engine: Engine) -> None:
    engine.run(END, deeds=DEEDS)
    events = engine.events()
    assert engine.watch(kept=events) == []
    assert engine.watch(kept=events[:7]) == []
