"""A paused or extended clock reads as such: no lamp burns, the days left out and the new day are named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date

from engine.holding import ask_extension, decide_extension, pause, resume
from engine.matter import Matter
from engine.office import Actor, Office
from engine.word import Word
from engine.work import Work
from runtime import assembly
from runtime.settings import Settings
from tests.commands.conftest import DATABASE, Desk, instant

Deed = Callable[[Office, Work, Matter], object]


def _hold(desk: Desk, deed: Deed) -> None:
    """Do something to the package's clocks that has no command yet."""
    settings = Settings(database=f"sqlite:///{desk.folder / DATABASE}")
    with closing(assembly.open_store(settings)) as store:
        office = assembly.office_for(settings, store)
        with store.work() as work:
            work.family("P2026-0001")
            deed(office, work, work.matters["P2026-0001.1"])


def _word(person: str, moment: str, reason: str) -> Word:
    roles = frozenset({"officer", "purchaser_head"})
    return Word(Actor(person, roles), instant(moment), instant(moment), reason)


def test_a_paused_clock_is_neither_near_nor_overdue_and_its_days_are_left_out_afterwards(
    reported: Desk,
) -> None:
    halt = _word("张三", "2026-11-04 09:00", "供应商质疑")  # a Wednesday, the day of the promise
    _hold(reported, lambda office, work, matter: pause(office, work, matter, halt))
    thursday = "2026-11-05 09:00"
    project = reported.data(thursday, "project", "list")["projects"][0]
    assert (project["lamp"], project["clock"]) == ("paused", "decide_award")
    assert "中止中" in reported.done(thursday, "project", "list")
    assert "中止中，不计时" in reported.done(thursday, "project", "explain", "P2026-0001")
    assert reported.at(thursday, "clock", "list", "--exit-code").code == 0
    assert reported.data(thursday, "clock", "list")["clocks"][0]["lamp"] == "paused"
    assert reported.data(thursday, "clock", "list", "--overdue")["total"] == 0
    assert "没有到点的事" in reported.done(thursday, "patrol")
    onward = _word("张三", "2026-11-05 10:00", "质疑已答复")
    _hold(reported, lambda office, work, matter: resume(office, work, matter, onward))
    # Wednesday and Thursday are touched by the pause; the promised day is Friday the 6th
    text = reported.done("2026-11-05 11:00", "project", "explain", "P2026-0001")
    assert "承诺时限  2026-11-06 24:00  剩 1 天 13 小时" in text
    assert "中止，不计入：11-04、11-05" in text
    assert "中止  2026-11-04 09:00 - 2026-11-05 10:00  供应商质疑" in text
    history = reported.done("2026-11-05 11:00", "history", "show", "P2026-0001")
    assert "中止计时  供应商质疑" in history
    assert "恢复计时  质疑已答复" in history
    assert reported.at("2026-11-05 11:00", "history", "verify").code == 0


def test_an_extension_shows_while_it_is_asked_for_and_after_it_is_granted(reported: Desk) -> None:
    asked = _word("张三", "2026-11-04 09:00", "评委回避")  # a Wednesday

    def ask(office: Office, work: Work, matter: Matter) -> None:
        clock = next(c for c in work.clocks_of(matter) if c.name == "decide_award")
        ask_extension(office, work, matter, clock, "promise", date(2026, 11, 6), asked)

    _hold(reported, ask)
    waiting = reported.done("2026-11-04 10:00", "project", "explain", "P2026-0001")
    assert "待审批的延期  承诺时限 2026-11-06  张三  评委回避" in waiting
    assert "承诺时限  2026-11-04 24:00" in waiting

    def approve(office: Office, work: Work, matter: Matter) -> None:
        clock = next(c for c in work.clocks_of(matter) if c.name == "decide_award")
        word = _word("李四", "2026-11-04 11:00", "同意")
        decide_extension(office, work, matter, clock, word, approve=True)

    _hold(reported, approve)
    granted = reported.done("2026-11-04 12:00", "project", "explain", "P2026-0001")
    assert "承诺时限  2026-11-06 24:00  剩 2 天 12 小时" in granted
    assert "经批准延期至 2026-11-06" in granted
    assert "待审批" not in granted
