"""One walk through a city: what people try there, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from engine.advance import Request, advance
from engine.checking import _possible_since
from engine.clock import Clock
from engine.errors import YiribanError
from engine.matter import Matter
from engine.office import Actor, Office
from engine.passing import pass_time
from engine.performing import Outcome
from engine.workflow import ActionDef
from storage.moments import from_ticks
from storage.people import People
from tests.city import UNIT, City, paper
from tests.properties.cast import BEGIN, NAMELESS, Rights
from tests.properties.papers import facts_of

HOUR = 60
DAY = 24 * HOUR
LANES = (
    *["ahead"] * 14, *["record"] * 3, *["back"] * 2, *["query"] * 2, *["case"] * 4, *["hold"] * 5, "stranger", "people",
    "calendar",
)  # fmt: skip
"""``ahead``: the next step; ``record``: something beside it; ``back``: what needs a reason; ``query`` and ``case``:
what is about a matter; ``hold``: pauses, extensions, lost days; ``stranger``: somebody without the right;
``people``: somebody comes or goes; ``calendar``: another notice."""

ONWARD = ("receive_invoice", "tender_again", "publish_again", "explain_delay")
"""What leads on, though it leaves the state or needs a reason."""


@dataclass(frozen=True, slots=True)
class Op:
    """After ``gap`` minutes somebody does the ``pick``-th of what ``lane`` holds, done ``back`` minutes before.

    ``number`` makes facts and persons differ; ``beat`` says whether the sparse city patrols before it.
    """

    gap: int
    lane: str
    pick: int
    back: int
    number: int
    beat: bool


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody tried, and how it ended: with an outcome, with a note, or in the words of the refusal."""

    matter: str
    what: str
    at: datetime
    now: datetime
    actor: Actor
    second: Actor | None = None
    papers: bool = False
    action: ActionDef | None = None
    outcome: Outcome | None = None
    refused: YiribanError | None = None
    note: str = ""

    @property
    def done(self) -> bool:
        """Whether it was not refused."""
        return self.refused is None

    def __str__(self) -> str:
        """Say it in one line, the same in every city."""
        how = self.refused.what if self.refused else self.outcome.went_to if self.outcome else self.note
        return f"{self.now:%m-%d %H:%M} {self.actor.person} {self.matter} {self.what} -> {how}"


@dataclass(slots=True)
class Walk:
    """One history as it goes on in one city."""

    city: City
    other_office: Office
    """The same office with the other calendar."""
    now: datetime = BEGIN
    deeds: list[Deed] = field(default_factory=list)

    # time

    def wait(self, gap: int, *, dense: bool, beat: bool) -> None:
        """Let ``gap`` minutes pass: with a beat at every due moment, with one beat, or with none."""
        then = self.now + timedelta(minutes=gap)
        if dense:
            self.beats(then)
        elif beat:
            self.city.patrol(then)
        self.now = then

    def beats(self, until: datetime) -> None:
        """Patrol at every moment at which somebody must look, up to ``until``."""
        here = self.now
        while True:
            ((look,),) = self.city.rows("select min(look_at) from clock")
            if look is None:
                return
            here = max(here, from_ticks(look))
            if here > until:
                return
            self.city.patrol(here)

    # looking

    def as_it_stands(self) -> tuple[list[Matter], list[Clock]]:
        """The family and its clocks once time has passed: what people see does not depend on the beats."""
        with self.city.store.transaction():
            work = self.city.store.new_work()
            due = [c for m in work.family("P1") for c in work.clocks_of(m)]
            pass_time(self.city.office, work, due, self.now)
            matters = sorted(work.family("P1"), key=lambda m: m.id)
            return matters, sorted((c for m in matters for c in work.clocks_of(m)), key=lambda c: c.key)

    def offers(self, *lanes: str) -> list[tuple[Matter, ActionDef]]:
        """What is offered to people now along the first of ``lanes`` that has anything to offer."""
        matters = self.as_it_stands()[0]
        return next((found for lane in lanes if (found := self._offers(lane, matters))), [])

    def _offers(self, lane: str, matters: Sequence[Matter]) -> list[tuple[Matter, ActionDef]]:
        found: list[tuple[Matter, ActionDef]] = []
        for matter in matters:
            about = "case" if matter.is_case else "query" if matter.about is not None else ""
            if (lane in ("case", "query") and about != lane) or (
                lane in ("ahead", "record", "back") and about
            ):
                continue
            machine = self.city.office.machines(matter.bundle).of[matter.workflow]
            found += [
                (matter, a) for a in machine.offers(matter.state) if _along(a, lane) and _sensible(matter, a)
            ]
        return found

    # acting

    def record(
        self, matter: Matter, action: ActionDef, op: Op, *, by: Actor | None = None, **more: Any
    ) -> Deed:
        """Let somebody record ``action`` on ``matter`` as ``op`` says."""
        rights = Rights(self.city, self.now)
        able = rights.others(action.by) if op.lane == "stranger" else rights.holders(action.by)
        actor = by or self.somebody(able or rights.others(()), op.number)
        at = max(_possible_since(self.city.office, matter, action), self.now - timedelta(minutes=op.back))
        calendar = self.city.office.calendar
        past = calendar.day_of(at) < calendar.day_of(self.now)
        facts = facts_of(action, op.number, calendar.day_of(at)) | more
        evidence = [paper(kind) for kind in action.evidence]
        if past and op.number % 4:
            evidence.append(paper("proof"))
        second = self.somebody(able, op.number + 1 + op.pick) if past and able and op.number % 3 else None
        tried: dict[str, Any] = {
            "matter": matter.id, "what": action.name, "at": at, "now": self.now, "actor": actor, "second": second,
            "papers": bool(evidence), "action": action,
        }  # fmt: skip
        request = Request(
            matter.id, action.name, at, facts, tuple(evidence), "登记", None, second, action.checklists
        )
        try:
            with self.city.store.work() as work:
                work.family(matter.root)
                receipt = advance(self.city.office, work, request, actor, self.now)
        except YiribanError as refused:
            return Deed(**tried, refused=refused)
        return Deed(**tried, outcome=receipt.outcome)

    def somebody(self, people: Iterable[str], number: int) -> Actor:
        """One of these people, as who acts; now and then a nameless one, as in an import."""
        found = sorted(people)
        if number == 23 or not found:
            return NAMELESS
        with self.city.store.transaction():
            return People(self.city.store).actor(found[number % len(found)], UNIT, self.now)


def _sensible(matter: Matter, action: ActionDef) -> bool:
    """Leave out what would be refused almost every time: the file is kept for years, the bill is
    still to come. Not every second project is given up.
    """
    if action.name in ("pay", "request_payment"):
        return "invoice_no" in matter.facts or matter.revision % 4 == 0
    if action.name in ("cancel", "abandon", "release", "terminate_contract") or (
        matter.is_case and action.name == "close"
    ):
        return matter.revision % 3 == 2
    if action.opens and action.opens not in ("query", "complaint"):
        return matter.revision % 4 == 3
    return action.name != "destroy_file" or matter.revision % 9 == 0


def _along(action: ActionDef, lane: str) -> bool:
    """Whether an action lies on the way of that name."""
    if lane == "ahead":
        return action.name in ONWARD or (action.to is not None and not action.needs_reason)
    if lane == "record":
        return action.to is None and not action.needs_reason
    return action.needs_reason if lane == "back" else True
