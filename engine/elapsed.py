"""How much time has passed between two days of a matter, for rules that ask: a survey's age, a payment's lateness. 已过多久"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count

from engine.clock import Clock, DueMoment
from engine.counting import shift
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.rules import MissingFact
from engine.starting import nearest_fact, pauses_on
from engine.term import Length, Moment
from engine.work import Work
from engine.workflow import ClockDef, MomentName

SURVEY, DEFINE = "action:survey_need", "action:define_need"
BY_AGREEMENT: tuple[str, MomentName] = ("pay", "agreed")
BY_LAW: tuple[str, MomentName] = ("pay_small_supplier", "statutory")
"""The clock and the moment by which a small or medium supplier is to be paid: as agreed, else by the regulation."""
_TICK = timedelta(microseconds=1)


def survey_years(office: Office, _work: Work, project: Matter, day: date) -> int:
    """Return how many years, begun ones too, lie between the survey and the day on which the need was defined.

    The survey is the one made in this project or the earlier one that is relied on, whichever is later.
    """
    handed = project.facts.get("surveyed_on")
    if isinstance(handed, date) and handed > day:
        raise MissingFact("project.surveyed_on", f"需求调查日 {handed} 在办理当天以后，改正后再办")
    made = project.marks.get(SURVEY)
    known = [handed] if isinstance(handed, date) else []
    known += [office.calendar.day_of(made)] if made is not None else []
    defined = project.marks.get(DEFINE)
    until = office.calendar.day_of(defined) if defined is not None else day
    if not known or max(known) >= until:
        return 0
    start = office.calendar.start_of(max(known))
    surveyed = Moment(max(known), start, None)
    return next(n for n in count(1) if shift(surveyed, 1, Length(n, "years"), office.calendar).day >= until)


def days_paid_late(office: Office, work: Work, instalment: Matter, day: date) -> int:
    """Return by how many calendar days a payment on ``day`` to a small or medium supplier is late; 0 for another."""
    agreed = nearest_fact(work, instalment, "pay_within")
    name, moment = BY_LAW if agreed is None else BY_AGREEMENT
    definition = office.workflow(instalment).clocks.get(name)
    if nearest_fact(work, instalment, "supplier_small") is not True or definition is None:
        return 0
    ran = [clock for clock in work.clocks_of(instalment) if clock.name == name and clock.state != "void"]
    clock = max(ran, key=lambda c: c.round, default=None)
    if clock is not None and clock.state != "paused":
        due = clock.moment(moment)
        last = office.calendar.day_of(due - _TICK) if due is not None else None
    else:
        counted = _counted(office, work, instalment, definition, clock, agreed, day)
        last = next((found.moment.day for found in counted if found.name == moment), None)
    return max(0, (day - last).days) if last is not None else 0


def _counted(
    office: Office, work: Work, instalment: Matter, definition: ClockDef, clock: Clock | None,
    agreed: FactValue | None, day: date,
) -> tuple[DueMoment, ...]:  # fmt: skip
    """Count what no running clock tells: one that stands still, as if it ran again after ``day``; and the payment of
    a project taken in half-way, by the days that were handed in.
    """
    over = office.calendar.midnight_after(day)
    pauses = [
        replace(pause, until=max(over, pause.since)) if pause.until is None else pause
        for pause in pauses_on(office, work, instalment, definition.name)
    ]
    if clock is not None:
        anchor = clock.anchor
    else:
        wanted = ("accepted_on",) if definition.name == BY_LAW[0] else ("accepted_on", "invoiced_on")
        days = [value for name in wanted if isinstance(value := instalment.facts.get(name), date)]
        if len(days) < len(wanted):
            return ()
        anchor = office.calendar.start_of(max(days))
    moved = clock.moved if clock is not None else {}
    return (
        office.planner(instalment)
        .prepare(instalment.workflow, definition, anchor, agreed, pauses=pauses, moved=moved)
        .dues
    )
