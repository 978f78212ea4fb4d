"""What can be done now, by whom, and what has to be handed in with it; the most urgent first. 可以办理"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.asking import applies
from engine.checking import too_early
from engine.clock import Clock
from engine.grants import grant_of
from engine.holdups import held_up
from engine.judging import BROKEN, broken
from engine.matter import Matter
from engine.office import Office
from engine.opening import newcomer
from engine.signing import asked
from engine.work import Work
from engine.workflow import MOMENTS, ActionDef, ChecklistDef, FactDef, RuleDef, StateDef


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be done now on a matter, by whom, and what has to be handed in with it.

    ``missing`` are the facts still to be given, ``ends`` the running clocks that the action ends,
    ``not_before`` the end of a minimum period that still forbids it, ``blocked`` the rules that do, as
    far as they can be judged before the facts are given; ``held_up`` names what about the matter forbids it.
    """

    matter: Matter
    action: ActionDef
    holders: tuple[tuple[str, tuple[str, ...]], ...]
    missing: tuple[FactDef, ...]
    ends: tuple[Clock, ...]
    not_before: datetime | None
    blocked: tuple[RuleDef, ...]
    held_up: tuple[tuple[str, StateDef], ...] = ()
    lists: tuple[ChecklistDef, ...] = ()
    """What has to be gone through item by item and signed with it."""

    @property
    def waits(self) -> bool:
        """Whether somebody waits for it: not for what others must ask for (a query), nor for what is recorded only
        when it happens, unless a clock runs that it ends.
        """
        return bool(self.ends) or not (self.action.opens or self.action.occasional)

    @property
    def urgency(self) -> tuple[bool, bool, bool, float, bool]:
        """Sort key: what ends the nearest clock first, what a rule forbids later, then giving up and explaining, and
        last what nobody waits for; of what ends no clock, a step onward before a record.
        """
        near = min((m for c in self.ends for n in MOMENTS if (m := c.moment(n))), default=None)
        return (
            not self.waits,
            self.action.needs_reason,
            bool(self.blocked or self.held_up),
            near.timestamp() if near else float("inf"),
            self.action.to is None,
        )


def offers(office: Office, work: Work, matters: Sequence[Matter], now: datetime) -> list[Offer]:
    """Return what people can do now on ``matters``, the most urgent first."""
    found: list[Offer] = []
    for matter in matters:
        workflow = office.workflow(matter)
        clocks = [c for c in work.clocks_of(matter) if c.is_open]
        for action in office.machines(matter.bundle).of[matter.workflow].offers(matter.state):
            if not applies(office, work, matter, action):
                continue
            if _done_already(matter, action) or _idle(office, matter, action, clocks):
                continue
            held = tuple((role, tuple(work.holders(role, matter, now))) for role in action.by)
            missing = tuple(workflow.facts[n] for n in action.needs if n not in matter.facts)
            if (comes := newcomer(office, matter, action)) is not None:
                missing += tuple(f for f in comes.facts.values() if not f.optional)
            ends = tuple(c for c in clocks if action.name in workflow.clocks[c.name].ends)
            early = [until for _, until in too_early(office, work, matter, action, now)]
            blocked = _blocked(office, work, matter, action, now)
            up = tuple((m.id, state) for m, state in held_up(office, work, matter, action))
            lists = tuple(asked(office, work, matter, action, now).lists)
            found.append(
                Offer(matter, action, held, missing, ends, max(early, default=None), blocked, up, lists)
            )
    return sorted(found, key=lambda offer: offer.urgency)


def _blocked(
    office: Office, work: Work, matter: Matter, action: ActionDef, now: datetime
) -> tuple[RuleDef, ...]:
    """Return the rules that already refuse; one that waits for a fact to be given does not."""
    return tuple(
        item.rule
        for item in broken(office, work, matter, action, {}, now)
        if item.rule.severity == "block"
        and (item.why == BROKEN or item.why.startswith("given."))
        and grant_of(office, matter, action.name, item.rule, now) is None
    )


def _done_already(matter: Matter, action: ActionDef) -> bool:
    """A record that was made need not be proposed again; it may still be made again."""
    return action.to is None and f"action:{action.name}" in matter.marks


def _idle(office: Office, matter: Matter, action: ActionDef, running: Sequence[Clock]) -> bool:
    """Whether a record would be for nothing: it only ends clocks, none of which runs (no deposit, no refund),
    or takes back what was not done (no invoice, none to give back).
    """
    if action.to is None and action.undoes:
        return not any(f"action:{name}" in matter.marks for name in action.undoes)
    if action.to is not None or action.opens:
        return False
    ends = office.machines(matter.bundle).ends_on.get((matter.workflow, action.name), ())
    return bool(ends) and not any(clock.name in ends for clock in running)
