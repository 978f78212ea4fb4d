"""Which fires must come, told from nothing but the lines of history and the workflows. 应有的触发

For whoever stands outside: the lines carry the due moments of the clocks that started, `Planner` plans the same
rungs from them. What is expected is taken away by the fire itself, by the end of its clock, by a pause.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from engine.clock import Clock, ClockState, DueMoment, Planned, Planner, Prepared
from engine.term import Ends, Moment
from engine.workdays import WorkingCalendar
from engine.workflow import MOMENTS, Bundle, ClockDef, WorkflowDef

_TICK = timedelta(microseconds=1)
_SEEN = ("opened", "action", "automatic", "observed")
PAUSED = "paused"


@dataclass(slots=True)
class Expected:
    """A fire that must come: when by its clock, and since when that could be known."""

    key: str
    matter: str
    at: datetime
    known: datetime
    seq: int

    @property
    def due(self) -> datetime:
        """The moment from which its absence is a fault."""
        return max(self.at, self.known)


@dataclass(slots=True)
class Subject:
    """A matter as its lines tell it."""

    id: str
    workflow: WorkflowDef
    planner: Planner
    part_of: str | None
    about: str | None
    go_live: datetime | None
    marks: dict[str, datetime] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    pauses: set[str] = field(default_factory=set)
    state: str = ""
    clocks: dict[tuple[str, int], Clock] = field(default_factory=dict)


class Expectation:
    """Follows the lines in their order; ``open`` has the fires that must come and have not."""

    def __init__(self, bundle: Bundle, calendar: WorkingCalendar) -> None:
        """Bind to the workflows that the matters run on; a matter of another bundle is not followed."""
        self.open: dict[str, Expected] = {}
        self.unjudged: set[str] = set()
        self._waiting: list[tuple[datetime, str]] = []
        self._keys: dict[tuple[str, str, int], list[str]] = {}
        self._bundle = bundle
        self._calendar = calendar
        self._subjects: dict[str, Subject] = {}
        self._planners: dict[str, Planner] = {}

    def begin(self, event: Mapping[str, Any]) -> None:
        """Hear of a new matter (the event of its first line)."""
        matter = str(event["matter"])
        profile = self._bundle.profiles.get(str(event["profile"]))
        workflow = self._bundle.workflows.get(str(event["workflow"]))
        if not self._bundle.hash.startswith(str(event["bundle"])) or profile is None or workflow is None:
            self.unjudged.add(matter)
            return
        planner = self._planners.get(profile.name)
        if planner is None:
            planner = self._planners[profile.name] = Planner(self._bundle, profile, self._calendar)
        live = event["go_live"]
        self._subjects[matter] = Subject(
            matter, workflow, planner, event["part_of"], event["about"],
            None if live is None else datetime.fromisoformat(live),
        )  # fmt: skip

    def hear(self, line: Mapping[str, Any], seq: int) -> None:
        """Hear of one line (its body as read); a line of a matter that is not followed is passed over."""
        subject = self._subjects.get(line["matter"])
        if subject is None:
            self.unjudged.add(line["matter"])
            return
        at, now = datetime.fromisoformat(line["at"]), datetime.fromisoformat(line["recorded_at"])
        detail = line["detail"]
        passed_to = detail.get("bundle", "") if (line["kind"], line["name"]) == ("clock", "migrate") else ""
        if passed_to and not self._bundle.hash.startswith(passed_to):
            # it passed to workflows that are not at hand here: what comes of it can no longer be told
            self._leave(subject, now)
            return
        subject.state = line["to"]
        if line["kind"] in _SEEN:
            self._mark(subject, line, at)
        if line["kind"] == "clock" and line["name"] in ("pause", "resume"):
            change = subject.pauses.add if line["name"] == "pause" else subject.pauses.discard
            change(detail.get("by", ""))
        # what time does by itself is known as it happens, whenever the beat comes
        known = at if line["actor"] == "system" else now
        for note in detail.get("clocks", ()):
            self._note(subject, note, at, now, known, seq)

    def fired(self, key: str, *, collapsed: bool = False) -> Expected | None:
        """Take a fire that came from what is expected; ``None`` where it was not expected now."""
        matter, name, number, _, rung, occurrence = key.rsplit("/", 5)
        subject = self._subjects.get(matter)
        clock = subject.clocks.get((name, int(number))) if subject else None
        if clock is not None:
            clock.plan = [p for p in clock.plan if (p.rung, p.occurrence) != (rung, int(occurrence))]
            if not collapsed:
                clock.fired.append(rung)
        return self.open.pop(key, None)

    def _leave(self, subject: Subject, now: datetime) -> None:
        """Follow a matter no longer; what should have come before is still owed."""
        for clock in subject.clocks.values():
            self._end(clock, now)
        del self._subjects[subject.id]
        self.unjudged.add(subject.id)

    def overdue(self, until: datetime) -> list[Expected]:
        """Return what should have come by ``until`` and has not; each is told once."""
        found: list[Expected] = []
        while self._waiting and self._waiting[0][0] <= until:
            due, key = heapq.heappop(self._waiting)
            expected = self.open.get(key)
            if expected is not None and expected.due == due:
                found.append(expected)
        return found

    def follows(self, key: str) -> bool:
        """Say whether the matter of a fire is followed at all."""
        return key.rsplit("/", 5)[0] in self._subjects

    # the notes on clocks

    def _note(
        self,
        subject: Subject,
        note: Mapping[str, Any],
        at: datetime,
        now: datetime,
        known: datetime,
        seq: int,
    ) -> None:
        """Follow one note on a clock: it stood still or runs again, did not start, ended, moved, or began."""
        name, _, number = str(note["clock"]).rpartition("/")
        if "state" in note:
            self._halt(name, int(number), note, now, seq)
            return
        definition = subject.workflow.clocks.get(name)
        if "not_started" in note or definition is None:
            return
        clock = subject.clocks.get((name, int(number)))
        if clock is None:
            self._start(subject, definition, int(number), note, at, known)
            self._expect(subject, subject.clocks[name, int(number)], now, seq)
        elif "ended" in note:
            self._end(clock, known)
        else:
            self._move(subject, clock, definition, note, known)
            self._expect(subject, clock, now, seq)

    def _start(
        self, subject: Subject, definition: ClockDef, number: int, note: Mapping[str, Any], at: datetime, known: datetime
    ) -> None:  # fmt: skip
        for (name, _), running in subject.clocks.items():
            if name == definition.name:  # an earlier round whose anchor moved is void without a note
                self._end(running, known)
        state: ClockState = "paused" if self._stands_still(subject, definition.name) else "running"
        anchor = self._anchor(subject, definition, at)
        clock = Clock(subject.id, subject.id, "", definition.name, number, 1, state, anchor)
        subject.clocks[definition.name, number] = clock
        if "ended" in note:  # it was running before the first line heard
            clock.state = "void"
            return
        self._wind(subject, clock, definition, note, None)

    def _move(
        self, subject: Subject, clock: Clock, definition: ClockDef, note: Mapping[str, Any], known: datetime
    ) -> None:
        if "epoch" in note:
            self._forget(clock)
            clock.epoch = int(note["epoch"])
            self._wind(subject, clock, definition, note, known)
            return
        moved = {rung: datetime.fromisoformat(when) for rung, when in note.get("rungs", {}).items()}
        for item in clock.plan:
            item.at = moved.get(item.rung, item.at)

    def _wind(
        self,
        subject: Subject,
        clock: Clock,
        definition: ClockDef,
        note: Mapping[str, Any],
        now: datetime | None,
    ) -> None:
        prepared = self._prepared(subject, definition, note)
        subject.planner.wind(clock, prepared, definition, now=now)
        live = subject.go_live
        if live is not None:
            kept = [
                p
                for p in clock.plan
                if p.at >= live and (m := self._hung(subject, clock, p)) is not None and m >= live
            ]
            clock.plan = kept

    def _prepared(self, subject: Subject, definition: ClockDef, note: Mapping[str, Any]) -> Prepared:
        dues = [
            DueMoment(name, self._moment(datetime.fromisoformat(note[name])), None, None)
            for name in MOMENTS
            if name in note
        ]
        if self._bundle.terms[definition.term].kind == "min":
            return Prepared(tuple(dues), ())
        return Prepared(tuple(dues), subject.planner.rungs(definition, dues))

    def _moment(self, instant: datetime) -> Moment:
        """Tell a due moment's day and ending from its instant, as it was counted."""
        calendar = self._calendar
        day = calendar.day_of(instant - _TICK)
        ends: Ends | None = None
        if calendar.midnight_after(day) == instant:
            ends = "midnight"
        elif calendar.close_of(day) == instant:
            ends = "close"
        return Moment(day, instant, ends)

    def _hung(self, subject: Subject, clock: Clock, item: Planned) -> datetime | None:
        ladder = self._bundle.ladders[subject.workflow.clocks[clock.name].ladder]
        base = next(r.at.base for r in ladder.rungs if r.name == item.rung)
        if base == "start":
            return min((m for n in MOMENTS if (m := clock.moment(n)) is not None), default=None)
        return clock.moment(subject.planner.profile.refers_on if base == "referral" else base)

    def _halt(self, path: str, number: int, note: Mapping[str, Any], now: datetime, seq: int) -> None:
        """Stop a clock, or let it run again with the due moments that the note tells."""
        matter, _, name = path.rpartition("/")
        there = self._subjects.get(matter)
        clock = there.clocks.get((name, number)) if there else None
        if there is None or clock is None:
            return
        if note["state"] == PAUSED:
            clock.state = "paused"
            self._forget(clock, after=now)
            return
        definition = there.workflow.clocks[name]
        clock.state = "running"
        there.planner.replan(clock, self._prepared(there, definition, note), definition)
        self._expect(there, clock, now, seq)

    def _end(self, clock: Clock | None, known: datetime) -> None:
        if clock is not None and clock.is_open:
            clock.state = "void"
            clock.plan = []
            self._forget(clock, after=known)

    def _forget(self, clock: Clock, after: datetime | None = None) -> None:
        """Expect nothing more of ``clock``, but what should have come up to ``after``."""
        for key in self._keys.get(clock.key, ()):
            if key in self.open and (after is None or self.open[key].at > after):
                del self.open[key]

    def _expect(self, subject: Subject, clock: Clock, now: datetime, seq: int) -> None:
        self._forget(clock)
        if clock.state != "running":
            return
        keys = self._keys[clock.key] = []
        for item in clock.plan:
            key = f"{clock.matter}/{clock.name}/{clock.round}/{clock.epoch}/{item.rung}/{item.occurrence}"
            expected = self.open[key] = Expected(key, subject.id, item.at, now, seq)
            keys.append(key)
            heapq.heappush(self._waiting, (expected.due, key))

    # what a clock's anchor and standstill are told from

    def _mark(self, subject: Subject, line: Mapping[str, Any], at: datetime) -> None:
        if line["kind"] == "opened" or line["from"] != line["to"]:
            subject.marks[f"state:{line['to']}"] = at
        if line["kind"] != "opened":
            subject.marks[f"action:{line['name']}"] = at
        for name, value in line["detail"].get("facts", {}).items():
            subject.marks[f"fact:{name}"] = self._day(subject, name, value) or at
        if line["kind"] != "opened" and (action := subject.workflow.actions.get(line["name"])):
            for name, source in action.sets:
                subject.marks[f"fact:{name}"] = (
                    self._begin_of(self._calendar.day_of(at)) if source == "day" else at
                )

    def _day(self, subject: Subject, name: str, value: object) -> datetime | None:
        definition = subject.workflow.facts.get(name)
        if definition is None or definition.type != "date":
            return None
        return self._begin_of(date.fromisoformat(str(value)))

    def _begin_of(self, day: date) -> datetime:
        return self._calendar.start_of(day)

    def _anchor(self, subject: Subject, definition: ClockDef, at: datetime) -> datetime:
        marks: Iterable[datetime | None] = (
            subject.marks.get(f"{t.kind}:{t.name}") for t in definition.starts
        )
        return max((m for m in marks if m is not None), default=at)

    def _stands_still(self, subject: Subject, clock: str) -> bool:
        """Say whether something pauses the clock: its matter's state, the matter itself, what that is part of, for a
        case what it is about.
        """
        state = subject.workflow.states.get(subject.state)
        if state is not None and clock in state.stops:
            return True
        above = self._chain(subject.id)
        if subject.about is not None and not subject.workflow.apart:
            above += self._chain(subject.about)
        return any(here.pauses for here in above)

    def _chain(self, matter: str | None) -> list[Subject]:
        found: list[Subject] = []
        while matter is not None and (here := self._subjects.get(matter)) is not None:
            found.append(here)
            matter = here.part_of
        return found
