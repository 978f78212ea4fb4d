"""Times in which others may still object: told to whoever acts in them, never in the way. 质疑期

A supplier may query the result within seven working days after the period of the result notice has
ended (政府采购法第52条); the contract may be signed meanwhile, and a query freezes it then.
"""

from __future__ import annotations

from datetime import date, datetime

from engine.counting import due
from engine.matter import Matter
from engine.office import Office
from engine.work import Work
from engine.workflow import ActionDef


def window_end(office: Office, work: Work, matter: Matter, action: ActionDef) -> date | None:
    """Return the last day of the action's window; ``None`` where it has none, or where it has not begun."""
    window = action.window
    if window is None:
        return None
    began = [
        clock
        for here in work.chain(matter)
        for clock in work.clocks_of(here)
        if clock.name == window.after and clock.state != "void" and clock.statutory is not None
    ]
    if not began:
        return None
    last = max(began, key=lambda clock: clock.round)
    assert last.statutory is not None
    value = (
        office.machines(matter.bundle)
        .bundle.terms[window.term]
        .statutory.on(office.calendar.day_of(last.anchor))
    )
    if value is None or value.value is None:
        return None
    return due(last.statutory, value.value, "midnight", office.calendar).day


def window_note(office: Office, work: Work, matter: Matter, action: ActionDef, at: datetime) -> str:
    """Say in words until when others may object to what is done at ``at``; empty once that is over."""
    if action.window is None:
        return ""
    end = window_end(office, work, matter, action)
    if end is None:
        return f"{action.window.title}：尚未起算（结果还没有公告）"
    if office.calendar.day_of(at) > end:
        return ""
    return f"{action.window.title}到 {end}：此前收到可能影响结果的质疑，须暂停（登记质疑：register_query）"
