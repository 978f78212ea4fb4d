"""What is about a matter may forbid its actions for a while: a query the signing of the contract. 暂停"""

from __future__ import annotations

from engine.errors import Refused
from engine.matter import Matter
from engine.office import Office
from engine.work import Work
from engine.workflow import ActionDef, StateDef


def check_free(office: Office, work: Work, matter: Matter, action: ActionDef) -> None:
    """Raise ``Refused`` while something about the matter, or about what it is part of, forbids the action."""
    for about, state in held_up(office, work, matter, action):
        raise Refused(
            f"现在不能“{action.title}”：{about.id} {office.workflow(about).title}现为“{state.title}”",
            why=state.basis,
            then=f"先办理 {about.id}：yiriban project show {about.id}",
        )


def held_up(office: Office, work: Work, matter: Matter, action: ActionDef) -> list[tuple[Matter, StateDef]]:
    """Return what is about the matter or its ancestors and forbids ``action`` in its present state."""
    blockers = office.machines(office.current.hash).blockers
    if not blockers:
        return []
    above = {m.id for m in work.chain(matter)}
    found: list[tuple[Matter, StateDef]] = []
    for about in work.family(matter.root):
        if about.about in above and about.workflow in blockers:
            state = office.workflow(about).states[about.state]
            if action.name in state.blocks:
                found.append((about, state))
    return found
