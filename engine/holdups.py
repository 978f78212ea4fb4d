"""What is about a matter may forbid its actions for a while: a query the signing of the contract. 暂停"""

from __future__ import annotations

from engine.errors import Refused
from engine.matter import Matter
from engine.office import Office
from engine.work import Work, watched_by
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
        if about.workflow not in blockers:
            continue
        state = office.workflow(about).states[about.state]
        watched = watched_by(work, about) if state.blocks else None
        if watched is not None and watched.id in above and state.forbids(action, itself=watched is matter):
            found.append((about, state))
    return found


def check_offered(office: Office, work: Work, matter: Matter, action: ActionDef) -> None:
    """Raise ``Refused`` where ``action`` does something to what the matter is about, and that cannot be done there."""
    watched = watched_by(work, matter) if action.for_about else None
    if watched is None:
        return
    workflow = office.workflow(watched)
    wanted = workflow.actions.get(action.for_about)
    if wanted is not None and watched.state in wanted.sources:
        return
    named = wanted.title if wanted is not None else action.for_about
    raise Refused(
        f"现在不能“{action.title}”：{watched.id} 现为“{workflow.states[watched.state].title}”",
        why=f"这一处理同时要对 {watched.id}“{named}”，它现在不能这样办",
        then=f"用 yiriban project show {watched.id} 核对所处阶段，另选相应的处理",
    )
