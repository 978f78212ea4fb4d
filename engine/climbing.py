"""A case changes hands between finance departments: up where nobody accepts it, home where it is returned.

A case lies in the jurisdiction whose regulators decide about it. It begins in that of the matter that it is
about and comes back there with the tracker; an action that climbs takes it to the jurisdiction above. 逐级上报
A contract of a pooled tender passes to its purchaser, whose unit may lie elsewhere. 汇总采购
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.clock import Clock
from engine.directory import Jurisdiction
from engine.errors import NotFound, Refused
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.opening import FIRST_HANDS
from engine.work import Work
from engine.workflow import ActionDef


def superior_of(work: Work, case: Matter) -> Jurisdiction | None:
    """Return the jurisdiction above the one that the case is in; ``None`` at the top, or where none is known."""
    return work.reader.superior(case.jurisdiction)


def check_climb(work: Work, case: Matter, action: ActionDef) -> None:
    """Raise ``Refused`` where the action climbs and nothing lies above."""
    if action.climbs and superior_of(work, case) is None:
        raise Refused(
            f"{case.id} 不能再“{action.title}”",
            why=f"行政区划 {case.jurisdiction} 没有登记上级，或已是最高一级",
            then="由本级受理或退回；确有上级的，先用 yiriban unit jurisdiction add 登记隶属关系",
        )


def check_level(office: Office, case: Matter, clock: Clock) -> None:
    """Raise ``Refused`` for a clock of a level that the case has left: extended, it would climb once more."""
    climbed = [
        at
        for action in office.workflow(case).actions.values()
        if action.climbs and (at := case.marks.get(f"action:{action.name}")) is not None
    ]
    if climbed and clock.anchor < max(climbed):
        raise Refused(
            f"{case.id} 已逐级上报，{clock.name} 不能再延期",
            why="上级另有受理期限，从上报时起算",
            then="需要延期的，对上级受理的计时申请",
        )


def change_hands(work: Work, case: Matter, action: ActionDef, changed: frozenset[str]) -> dict[str, str]:
    """Move the case to the jurisdiction where ``action`` takes it, with its facts and its open clocks.

    ``changed`` are the facts that the action changed: at the level of the tracker the case is home again.
    Return from where to where, for the history; empty where it stays.
    """
    if action.climbs:
        above = superior_of(work, case)
        where = case.jurisdiction if above is None else above.code
    elif case.about is not None and "level" in changed and case.facts["level"] == FIRST_HANDS:
        work.family(case.root)
        where = work.matters[case.about].jurisdiction
    else:
        return {}
    before = case.jurisdiction
    if where == before:
        return {}
    _settle(work, case, where)
    return {"from": before, "to": where}


def check_hand_over(work: Work, action: ActionDef, facts: Mapping[str, FactValue]) -> None:
    """Raise ``NotFound`` where ``action`` passes a matter to a unit that nobody registered."""
    unit = str(facts.get(action.hands_to, ""))
    if action.hands_to and work.reader.home_of(unit) is None:
        raise NotFound(
            f"没有单位 {unit}",
            why=f"“{action.title}”把事项移交给该单位",
            then="先用 yiriban unit add 登记该单位",
        )


def hand_over(work: Work, matter: Matter, action: ActionDef) -> dict[str, str]:
    """Pass the matter to the unit that the action's fact names: its people act from now on, its finance department
    watches; return from which unit to which, for the history. A pooled tender ends in a contract for every purchaser.
    """
    unit = str(matter.facts.get(action.hands_to, "")) if action.hands_to else ""
    home = work.reader.home_of(unit) if unit else None
    if home is None or unit == matter.unit:
        return {}
    before, matter.unit = matter.unit, unit
    work.touch(matter)
    if home != matter.jurisdiction:
        _settle(work, matter, home)
    return {"from": before, "to": unit}


def _settle(work: Work, matter: Matter, where: str) -> None:
    """Move the matter to the jurisdiction ``where``, with its facts and its open clocks."""
    matter.jurisdiction = where
    work.touch(matter)
    for name, value in matter.facts.items():
        work.set_fact(matter, name, value)
    for clock in work.clocks_of(matter):
        if clock.is_open:
            clock.jurisdiction = where
            work.touch_clock(clock)
