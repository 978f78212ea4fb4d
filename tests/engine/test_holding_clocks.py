"""Pauses and extensions meet warnings, cases and late records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from engine.holding import ask_extension, decide_extension, pause, resume
from engine.matter import Matter
from engine.office import Actor
from engine.word import Word
from engine.work import Work
from tests.city import City, moment, paper


def word(person: str, role: str, at: str) -> Word:
    return Word(Actor(person, frozenset({role})), moment(at), moment(at), "设备到货延迟", [paper("request")])


def hold(city: City, act: Callable[[Work, Matter], Any], matter: str = "P1.1") -> None:
    """Do something to the clocks of ``matter`` in a transaction."""
    with city.store.work() as work:
        work.family("P1")
        act(work, work.matters[matter])


def extended(city: City, asked: str, approved: str, until: date) -> None:
    """Let the promise to decide the award be extended."""

    def ask(work: Work, matter: Matter) -> None:
        clock = next(c for c in work.clocks_of(matter) if c.name == "decide_award")
        ask_extension(city.office, work, matter, clock, "promise", until, word("张三", "officer", asked))

    def approve(work: Work, matter: Matter) -> None:
        clock = next(c for c in work.clocks_of(matter) if c.name == "decide_award")
        said = word("钱八", "tracker", approved)  # 已有督办件的，由跟踪机构审批
        decide_extension(city.office, work, matter, clock, said, approve=True)

    hold(city, ask)
    hold(city, approve)


def test_a_late_record_within_an_extension_withdraws_nothing_twice(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol("2026-11-06 09:00")
    extended(city, "2026-11-06 10:00", "2026-11-06 11:00", date(2026, 11, 9))
    assert city.fired("P1.1/decide_award") == ["overdue", "case", "withdrawn"]
    city.do("decide_award", "2026-11-06 16:00", now="2026-11-09 10:00", reason="漏登")
    assert city.fired("P1.1/decide_award").count("withdrawn") == 1


def test_a_warning_of_the_extended_moment_is_withdrawn_in_its_turn(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol("2026-11-04 09:00")
    extended(city, "2026-11-04 10:00", "2026-11-04 11:00", date(2026, 11, 6))
    city.patrol("2026-11-06 24:00")
    city.do("decide_award", "2026-11-06 16:00", now="2026-11-09 10:00", reason="漏登")
    rows = city.rows("select key from fire where rung = 'withdrawn' order by key")
    assert [key for (key,) in rows] == [
        "P1.1/decide_award/1/2/withdrawn/1",
        "P1.1/decide_award/1/2/withdrawn/2",
    ]


def test_a_clock_without_anything_left_to_fire_is_not_taken_for_done_after_a_pause(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    with city.store.transaction():  # as go-live leaves a clock whose moments were past
        city.store.run("update clock set plan = '[]', look_at = null, fired = '' where name = 'decide_award'")
    said = word("张三", "officer", "2026-11-02 11:00")
    hold(city, lambda work, matter: pause(city.office, work, matter, said))
    later = word("张三", "officer", "2026-11-03 11:00")
    hold(city, lambda work, matter: resume(city.office, work, matter, later))
    city.patrol("2026-12-01 09:00")
    assert city.clock("P1.1", "decide_award").state == "running"


def test_nothing_fires_while_a_clock_is_paused_and_the_rest_fires_after(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")  # 周一，周二 24:00 到期
    said = word("张三", "officer", "2026-11-02 11:00")
    hold(city, lambda work, matter: pause(city.office, work, matter, said))
    assert city.patrol("2026-11-20 09:00").fires == []
    later = word("张三", "officer", "2026-11-20 10:00")  # 周五；中止触及的日子不计
    hold(city, lambda work, matter: resume(city.office, work, matter, later))
    assert city.clock("P1.1", "decide_award").promise == moment("2026-11-23 24:00")
    city.patrol("2026-11-23 24:00")
    assert city.fired("P1.1/decide_award")[-1] == "overdue"
