"""Six projects in different stages over three weeks, and the beats that an outage may swallow there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import cache

from engine.holding import ask_extension, decide_extension, pause, resume
from engine.office import Actor
from engine.term import Length
from engine.word import Word
from tests.city import PERSONS, City, moment, paper
from tests.outages.lives import Do, Life, Outage, Script, hourly, live, outage

AUTUMN = "2026-11-02"  # a Monday, and no holiday for weeks
SPRING = "2026-02-12"  # a Thursday: the Saturday after is worked, then nine days of Spring Festival
AFTER = timedelta(days=24)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
THOROUGH = bool(os.environ.get("YIRIBAN_THOROUGH"))

# the award of P1 is promised for the second working day, 24:00: reminded at 15:30
OUTAGES: dict[str, tuple[str, Outage]] = {
    "before the reminder": (AUTUMN, outage("2026-11-03 15:00", "2026-11-05 15:00")),  # 周二至周四
    "between the reminder and the due moment": (AUTUMN, outage("2026-11-03 16:00", "2026-11-05 16:00")),
    "exactly at the due moment": (AUTUMN, outage("2026-11-04 00:00", "2026-11-06 00:00")),
    "just after the due moment": (AUTUMN, outage("2026-11-04 01:00", "2026-11-06 01:00")),
    "back exactly at the due moment": (AUTUMN, outage("2026-11-02 00:00", "2026-11-04 00:00")),
    "when a case was due": (AUTUMN, outage("2026-11-05 12:00", "2026-11-07 12:00")),  # 周四至周六
    "over a weekend": (AUTUMN, outage("2026-11-06 18:00", "2026-11-09 08:00")),  # 周五至周一
    "when silence passed a case on": (AUTUMN, outage("2026-11-16 09:00", "2026-11-18 09:00")),  # 周一至周三
    "over three weeks": (AUTUMN, outage("2026-11-02 12:00", "2026-11-23 12:00")),
    "over a make-up Saturday": (SPRING, outage("2026-02-13 14:00", "2026-02-15 14:00")),  # 14 日周六补班
    "over Spring Festival": (SPRING, outage("2026-02-14 12:00", "2026-02-25 12:00")),
    "over the first day after Spring Festival": (SPRING, outage("2026-02-24 00:00", "2026-02-26 00:00")),
    "over the second make-up Saturday": (
        SPRING,
        outage("2026-02-27 10:00", "2026-03-01 10:00"),
    ),  # 周五至周日
}


def weeks(first: str) -> Script:
    """What people do: some in time, some late, some not at all; nothing is recorded long after.

    Whoever acts on a case has seen it: a record about the same project came before, and let time pass.
    """
    script = Script(first)
    on = script.on
    # an award that nobody decides until the third week
    script.project("P1", on(0, "10:00"), "deliver_report", packages=2)
    # a contract signed in the last hour of the promise
    script.project("P2", on(1, "11:00"), "issue_award_letter")
    script.act("sign_contract", on(2, "23:10"), "P2.1.1", supplier_small=True)
    # an acceptance whose agreed moment lies at an odd minute, done a day late
    script.project("P3", on(0, "10:30"), "sign_contract", accept_within=Length(9, "hours"), instalments=2)
    script.act("request_acceptance", on(1, "09:17"), "P3.1.1.1")
    script.act("accept", on(3, "09:00"), "P3.1.1.1")
    # a payment that is not made: its case goes the whole way by silence
    script.project("P4", on(0, "10:20"), "receive_invoice", supplier_small=True)
    script.act("publish_contract", on(4, "09:00"), "P4.1.1")
    script.act("remind", on(4, "09:05"), "P4.1.1.1-C1")
    script.act("sign_for", on(4, "10:05"), "P4.1.1.1-C1")
    # two projects whose clocks run out at one moment; one is decided on the stroke
    for root in ("P5", "P6"):
        script.project(root, on(2, "15:00"), "deliver_report")
    script.act("decide_award", on(4, "00:00"), "P5.1")
    # the case about P1 is reminded, signed for and answered; the award comes at last
    script.walk("end_evaluation", on(5, "08:50"), "P1.2")
    script.act("remind", on(5, "09:00"), "P1.1-C1")
    script.act("sign_for", on(5, "17:00"), "P1.1-C1")
    script.act("report_correction", on(8, "11:00"), "P1.1-C1", reason="已催办")
    script.act("decide_award", on(10, "16:00"), "P1.1")
    return script


def late_and_back_dated(script: Script) -> Script:
    """What is recorded long after it was done, in time or not, with the papers and the second person."""
    on = script.on
    second = {"second": "张三", "reason": "补录", "evidence": [paper("other")]}
    # 补录: in time after all, warned about meanwhile
    script.act("decide_award", on(4, "09:30"), "P6.1", at=on(3, "16:00"), reason="补录")
    # 补录 beyond three working days: case C1 is withdrawn that had gone far by silence
    script.act("pay", on(12, "09:15"), "P4.1.1.1", at=on(1, "15:00"), **second)
    # 补办: done after its due moment, recorded later still
    script.act("request_acceptance", on(3, "14:00"), "P3.1.1.2", at=on(1, "10:00"), reason="补录")
    script.act("accept", on(6, "10:10"), "P3.1.1.2", at=on(4, "10:00"), reason="补录")
    script.act(
        "publish_contract", on(7, "09:40"), "P2.1.1", at=on(3, "10:00"), **(second | {"second": "赵六"})
    )
    # what starts clocks that had run out before anybody knew of them
    script.act("receive_invoice", on(9, "10:40"), "P3.1.1.1", at=on(8, "09:00"), reason="补录")
    # a pause that is recorded when it has lasted for hours, and an extension when the warning is out
    script.write(on(4, "17:00"), "P2", _held(pause, "P2.1.1", on(4, "09:00"), on(4, "17:00")))
    script.write(on(8, "11:00"), "P2", _held(resume, "P2.1.1", on(8, "09:00"), on(8, "11:00")))
    script.write(on(10, "09:00"), "P3", _extended(on(10, "09:00"), until=on(11, "").strip()))
    script.write(on(10, "10:00"), "P3", _extended(on(10, "10:00")))
    return script


def _word(person: str, at: str, now: str) -> Word:
    role = next(role for role, name in PERSONS.items() if name == person)
    return Word(Actor(person, frozenset({role})), moment(at), moment(now), "设备到货延迟", [paper("request")])


def _held(act: Callable[..., object], matter: str, at: str, now: str) -> Do:
    """A matter is paused or resumed."""

    def do(city: City) -> None:
        with city.store.work() as work:
            work.family(matter.split(".")[0])
            act(city.office, work, work.matters[matter], _word("张三", at, now))

    return do


def _extended(now: str, until: str = "") -> Do:
    """The promise to pay the first instalment of P3: more time ``until`` a day is asked for, or approved."""

    def do(city: City) -> None:
        with city.store.work() as work:
            work.family("P3")
            matter = work.matters["P3.1.1.1"]
            clock = next(c for c in work.clocks_of(matter) if c.name == "pay")
            if until:
                day, said = date.fromisoformat(until), _word("张三", now, now)
                ask_extension(city.office, work, matter, clock, "promise", day, said)
            else:
                said = _word("王五", now, now)
                decide_extension(city.office, work, matter, clock, said, approve=True)

    return do


@cache
def calm(first: str, *, late: bool = False) -> Life:
    """The weeks with a beat every hour, and pictures of every moment at which an outage may end."""
    ends = {out.until for season, out in OUTAGES.values() if season == first}
    return play(first, None, late=late, pictures=[*ends, *(out.until for out in sliding(first))])


def sliding(first: str) -> list[Outage]:
    """Two days without a beat, from every few hours of the weeks on."""
    step = HOUR if THOROUGH else timedelta(hours=23)
    starts = hourly(moment(f"{first} 00:00"), moment(f"{first} 00:00") + AFTER - 3 * DAY, step=step)
    return [Outage(start, start + 2 * DAY) for start in starts]


def play(first: str, out: Outage | None, *, late: bool = False, pictures: Iterable[datetime] = ()) -> Life:
    """Live the weeks, with an outage or without; the last picture is of the end."""
    script = weeks(first)
    if late:
        late_and_back_dated(script)
    since = moment(f"{first} 00:00") - timedelta(hours=8)
    until = since + AFTER
    wanted = {*pictures, until, *([out.until] if out is not None else ())}
    city = City()
    try:
        return live(city, script.records, hourly(since, until, out), wanted)
    finally:
        city.store.close()
