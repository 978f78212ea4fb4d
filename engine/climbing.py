"""A case changes hands between finance departments: up where nobody accepts it, home where it is returned.

A case lies in the jurisdiction whose regulators decide about it. It begins in that of the matter that it is
about and comes back there with the tracker; an action that climbs takes it to the jurisdiction above. 逐级上报
"""

from __future__ import annotations

from engine.clock import Clock
from engine.directory import Jurisdiction
from engine.errors import Refused
from engine.matter import Matter
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
    case.jurisdiction = where
    work.touch(case)
    for name, value in case.facts.items():
        work.set_fact(case, name, value)
    for clock in work.clocks_of(case):
        if clock.is_open:
            clock.jurisdiction = where
            work.touch_clock(clock)
    return {"from": before, "to": where}
