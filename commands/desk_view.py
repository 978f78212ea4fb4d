"""What a desk shows, collected: the clocks inside a person's wall under their lamps, cases, next steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from commands.printing import SHANGHAI
from commands.room import Room
from commands.words import due_at, left
from engine.auditing import Finding
from engine.desk import ENDED_LATELY, Item, Seen, earliest, lay_out, next_for, waiting
from engine.errors import YiribanError
from engine.matter import Matter
from engine.offering import Offer, offers
from engine.opening import REGULATED
from engine.recurrence import TIER
from engine.work import Work
from exchange.todo import Act, Asked, Check
from storage import desks
from storage.auditing import read_kept
from storage.desks import Wall
from storage.people import People

_OPEN = ("normal", "soon", "unverified", "overdue", "paused")
_NEVER = timedelta(days=36_500)


@dataclass(slots=True)
class View:
    """Everything inside a wall at one moment. ``items`` are clocks of matters, ``on_cases`` those of cases."""

    room: Room
    work: Work
    person: str
    wall: Wall
    items: list[Item]
    on_cases: list[Item]
    cases: dict[str, Matter]
    charges: list[Seen] = field(default_factory=list)
    """Clocks on which an attribution of lost days waits, ended ones too."""
    _offers: dict[str, list[Offer]] = field(default_factory=dict)
    _roles: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @property
    def standing(self) -> list[Finding]:
        """What the engine found wrong with itself and people were told of, as of its last check."""
        kept = read_kept(self.room.store)
        return [s.finding for s in kept.standing if s.told_at is not None and s.gone_since is None]

    @property
    def open(self) -> list[Item]:
        """The clocks of matters that have not ended, by time left."""
        return [item for item in self.items if item.light in _OPEN]

    def offers_of(self, matter: str, root: str) -> list[Offer]:
        """Return what can be done now on a matter."""
        if matter not in self._offers:
            self.work.family(root)
            found = self.work.matters[matter]
            self._offers[matter] = offers(self.room.office(), self.work, [found], self.room.now)
        return self._offers[matter]

    def duties(self, roles: Collection[str]) -> list[Item]:
        """Return the open clocks of recurring duties that people of ``roles`` do, by time left."""
        return [item for item in self.open if (by := self._by(item)) and by & set(roles)]

    def others_duty(self, item: Item, roles: Collection[str]) -> bool:
        """Say whether a clock is of a recurring duty that none of ``roles`` does: the regulator's is no purchaser's."""
        by = self._by(item)
        return bool(by) and not by & set(roles)

    def _by(self, item: Item) -> frozenset[str]:
        """Return who does a recurring duty; nobody for any other clock, and for one that no workflow knows."""
        try:
            workflow = self.room.workflow(item.seen.bundle, item.seen.workflow)
        except KeyError:
            return frozenset()
        if workflow.tier != TIER:
            return frozenset()
        return frozenset(role for action in workflow.actions.values() for role in action.by)

    def next_of(self, item: Item) -> Offer | None:
        """Return what ends a running clock, if anything can now."""
        if item.clock.state != "running":
            return None
        try:
            found = self.offers_of(item.clock.matter, item.clock.root)
        except (
            YiribanError,
            KeyError,
        ):  # a damaged project is shown; what may be done with it nobody can say
            return None
        held = next((c for c in self.work.clocks[item.clock.matter] if c.key == item.clock.key), None)
        return None if held is None else next_for(found, held)

    def roles_for(self, unit: str, jurisdiction: str) -> frozenset[str]:
        """Return the roles that the person holds now for a unit's matters in a jurisdiction."""
        key = (unit, jurisdiction)
        if key not in self._roles:
            people, now = People(self.room.store), self.room.now
            self._roles[key] = people.roles(self.person, unit, now, jurisdiction=jurisdiction)
        return self._roles[key]

    def may(self, offer: Offer) -> bool:
        """Say whether the person may take an offer."""
        return bool(self.roles_for(offer.matter.unit, offer.matter.jurisdiction) & set(offer.action.by))

    def clock_of(self, case: str) -> Item | None:
        """Return the open clock of a case that started last: of one that climbed, that of the present level."""
        own = [i for i in self.on_cases if i.clock.matter == case and i.clock.is_open]
        return max(own, key=lambda i: i.clock.anchor, default=None)

    def cases_in(self, level: str) -> list[Matter]:
        """Return the open cases in the hands of ``level``, by the time left to their own clocks."""
        found = [case for case in self.cases.values() if case.facts.get("level") == level]
        return sorted(found, key=lambda c: (self._left(c.id), c.opened_at, c.id))

    def regulated(self) -> list[Matter]:
        """Return the open cases in the hands of regulators, by the time left to their own clocks."""
        return self.by_time([c for c in self.cases.values() if c.facts.get("level") in REGULATED])

    def in_hand(self) -> list[Matter]:
        """Of these, the cases that wait for the regulators of the person's own jurisdictions."""
        return [c for c in self.regulated() if c.jurisdiction in self.wall.jurisdictions]

    def climbed(self) -> list[Matter]:
        """Of these, the cases that have climbed out of the person's jurisdictions: to be seen, not to be acted on."""
        return [c for c in self.regulated() if c.jurisdiction not in self.wall.jurisdictions]

    def by_time(self, cases: Sequence[Matter]) -> list[Matter]:
        """Return cases by the time left to their own clocks."""
        return sorted(cases, key=lambda c: (self._left(c.id), c.opened_at, c.id))

    def _left(self, case: str) -> timedelta:
        item = self.clock_of(case)
        return _NEVER if item is None or item.due is None else item.due - self.room.now


def look(room: Room, work: Work, person: str, wall: Wall) -> View:
    """Read what lies inside the wall: open clocks, those that ended late within the last days, open cases."""
    store = room.store
    found = [
        seen
        for seen in desks.clocks(store, wall, recorded_since=room.now - ENDED_LATELY)
        if _is_deadline(room, seen)
    ]
    cases = store.read_matters(desks.open_cases(store, wall, finals(room, about=True)))
    about = {(c.about or "", c.about_clock or ""): (c.id, c.state) for c in cases}
    items = [
        item
        for item in lay_out(found, about, room.now, SHANGHAI, room.calendar)
        if item.clock.is_open or item.light in ("recorded_late", "done_late")
    ]
    return View(
        room, work, person, wall,
        [item for item in items if item.seen.about is None],
        [item for item in items if item.seen.about is not None],
        {case.id: case for case in cases},
        desks.charges_asked(store, wall),
    )  # fmt: skip


def _is_deadline(room: Room, seen: Seen) -> bool:
    """Say whether a clock is to be met; of one that no workflow knows any more the trouble must be seen."""
    try:
        return room.term(seen.bundle, seen.workflow, seen.clock.name).kind == "max"
    except KeyError:
        return True


def finals(room: Room, *, about: bool) -> frozenset[str]:
    """Return the final states of the workflows of cases, or of projects."""
    bundle = room.bundle()
    projects = [w for w in bundle.workflows.values() if not w.part_of and not w.about]
    return frozenset(
        state.name
        for workflow in (bundle.case_workflows if about else projects)
        for state in workflow.states.values()
        if state.final
    )


def waiting_acts(view: View, lang: str) -> list[Act]:
    """Return every act that waits for the person, for the list that goes out as a file."""
    room, work = view.room, view.work
    roots = set(desks.open_roots(room.store, view.wall, finals(room, about=False)))
    acts: list[Act] = []
    for offer in waiting(
        [
            offer
            for root in sorted(roots | {c.root for c in view.cases.values()})
            for matter in work.family(root)
            if not matter.is_case or matter.id in view.cases
            for offer in view.offers_of(matter.id, root)
        ],
        view.roles_for,
    ):
        matter, action = offer.matter, offer.action
        workflow = room.workflow(matter.bundle, matter.workflow)
        due = min((m for c in offer.ends if (m := earliest(c)) is not None), default=None)
        acts.append(
            Act(
                matter.id,
                matter.title,
                workflow.title.in_(lang),
                action.name,
                action.title.in_(lang),
                "" if due is None else due_at(due),
                "" if due is None else left(due - room.now, lang),
                tuple(Asked(workflow.tier, f.name, f.title.in_(lang), f.type) for f in offer.missing),
                action.evidence,
                tuple(
                    Check(one.name, one.title.in_(lang), tuple(item.title.in_(lang) for item in one.items))
                    for one in offer.lists
                ),
                matter.history_no,
            )
        )
    return acts
