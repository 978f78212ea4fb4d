"""Somebody looks: what lies on a person's desk, in which order, under which lamp. 工作台

Values only: nothing is read and nothing is printed here. A due moment that passed with nothing recorded is
待核实; it becomes 超期 when the limit of the reminder to correct has passed as well, in silence or by the
tracker's word (decision 5 of the plan), which the state of the case about the clock tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from engine.clock import Clock
from engine.directory import BUYING
from engine.explain import Lamp, lamp_of
from engine.offering import Offer
from engine.workdays import WorkingCalendar
from engine.workflow import MOMENTS, ActionDef, WorkflowDef

RECEIPT = "sign_for_letter"
"""The case's clock for the letter's receipt: once its moment has passed, the letter must be brought. 送达"""
DECISION = "decide_referral"
"""The case's clock for the tracker's decision on the drafted referral."""
ACCEPTANCE = frozenset({"accept_case", "accept_lead", "accept_climbed"})
"""The case's clocks for the regulator's acceptance."""
ENDED_LATELY = timedelta(days=7)
"""How long a clock that ended late (补办) or was recorded late (补录) stays in the counts of a desk."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A clock with as much of its matter as a desk needs; ``halfway``: brought in after its start (存量)."""

    clock: Clock
    title: str
    unit: str
    workflow: str
    state: str
    bundle: str
    about: str | None
    halfway: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A clock on a desk under its lamp; ``case`` is the open case about it."""

    seen: Seen
    light: Lamp
    case: str | None = None

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.seen.clock

    @property
    def due(self) -> datetime | None:
        """The earliest due moment, passed or not."""
        return earliest(self.seen.clock)

    @property
    def past(self) -> bool:
        """Whether a due moment has passed with nothing recorded."""
        return self.light in ("unverified", "overdue")


def earliest(clock: Clock) -> datetime | None:
    """Return the earliest due moment of a clock, passed or not; ``None`` where it has none."""
    return min((m for n in MOMENTS if (m := clock.moment(n)) is not None), default=None)


def lay_out(
    found: Iterable[Seen],
    cases: Mapping[tuple[str, str], tuple[str, str]],
    now: datetime,
    zone: tzinfo,
    calendar: Callable[[], WorkingCalendar],
) -> list[Item]:
    """Return the clocks under their lamps, by time left; paused ones come behind, ended ones last.

    ``cases``: (matter, ``clock/round/epoch``) → id and state of the open case about it.
    """
    items: list[Item] = []
    for seen in found:
        clock = seen.clock
        case, state = cases.get((clock.matter, clock.spelled), (None, None))
        items.append(Item(seen, lamp_of(clock, "max", now, zone, calendar, state), case))
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[int, bool, float, str, str]:
    rank = {"running": 0, "paused": 1}.get(item.clock.state, 2)
    due = item.due
    return (rank, due is None, due.timestamp() if due else 0.0, item.clock.matter, item.clock.name)


@dataclass(frozen=True, slots=True)
class Agenda:
    """How many clocks a desk holds: due today and this week (still to come), and by lamp."""

    today: int
    week: int
    lights: Mapping[Lamp, int]


def agenda(items: Iterable[Item], now: datetime, zone: tzinfo) -> Agenda:
    """Count. A due moment at 24:00 belongs to the day that it ends; a week ends on Sunday at 24:00."""
    day = now.astimezone(zone).date()
    sunday = day + timedelta(days=6 - day.weekday())
    lights: dict[Lamp, int] = {}
    today = week = 0
    for item in items:
        lights[item.light] = lights.get(item.light, 0) + 1
        if item.clock.state != "running" or item.due is None or item.due <= now:
            continue
        due = due_day(item.due, zone)
        today += due == day
        week += due <= sunday
    return Agenda(today, week, lights)


def due_day(due: datetime, zone: tzinfo) -> date:
    """Return the day that a due instant ends or lies in."""
    return (due - _TICK).astimezone(zone).date()


def cross_table(items: Iterable[Item]) -> dict[str, dict[str, dict[Lamp, int]]]:
    """Return unit → workflow → lamp → how many clocks."""
    table: dict[str, dict[str, dict[Lamp, int]]] = {}
    for item in items:
        cell = table.setdefault(item.seen.unit, {}).setdefault(item.seen.workflow, {})
        cell[item.light] = cell.get(item.light, 0) + 1
    return table


# what to do next


def waits_for_unit(workflow: WorkflowDef, state: str) -> bool:
    """Say whether a case in ``state`` waits for the purchasing side."""
    return any(set(a.by) & BUYING for a in leaving(workflow, state))


def leaving(workflow: WorkflowDef, state: str) -> list[ActionDef]:
    """Return what people can do in ``state``."""
    return [a for a in workflow.actions.values() if state in a.sources and not a.automatic]


def next_for(offers: Sequence[Offer], clock: Clock) -> Offer | None:
    """Return the offer that ends ``clock``, one without reasons before one with; ``None`` if none can now."""
    ending = [o for o in offers if o.matter.id == clock.matter and clock in o.ends]
    return min(ending, key=lambda o: (bool(o.blocked), o.action.needs_reason), default=None)


def waiting(offers: Sequence[Offer], roles: Callable[[str, str], frozenset[str]]) -> list[Offer]:
    """Return the offers that wait for a person, the most urgent first; ``roles`` are held for a unit's matters
    in a jurisdiction.

    What gives a matter up (it needs a reason and ends no clock) waits for nobody; what a rule, a minimum period
    or a query still forbids waits for something else.
    """
    return sorted(
        (
            offer
            for offer in offers
            if roles(offer.matter.unit, offer.matter.jurisdiction) & set(offer.action.by)
            and not offer.blocked
            and not offer.held_up
            and offer.not_before is None
            and offer.waits
            and (offer.ends or not offer.action.needs_reason)
        ),
        key=lambda offer: (_nearest(offer), offer.matter.id, offer.action.name),
    )


def _nearest(offer: Offer) -> float:
    return min((m.timestamp() for c in offer.ends if (m := earliest(c)) is not None), default=float("inf"))
