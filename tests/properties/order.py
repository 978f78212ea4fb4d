"""What must hold after every step of every walk, read from the bare rows and by rules of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from engine.chain import chained
from engine.clock import Clock
from engine.matter import Matter
from engine.starting import counted_again
from engine.workflow import MOMENTS, ClockDef
from storage.moments import from_ticks
from tests.properties.walking import Walk


class Order:
    """Looks at a city after every step; history only from where it looked last."""

    def __init__(self, walk: Walk) -> None:
        """Begin with an empty city."""
        self.walk = walk
        self.city = walk.city
        self.heads: dict[str, tuple[int, str]] = {}
        self.actions: Counter[str] = Counter()
        self.last_line = 0
        self.states: set[tuple[str, str]] = set()
        """The states that were seen, by workflow."""

    def holds(self) -> None:
        """Assert everything."""
        with self.city.store.transaction():
            self.work = self.city.store.new_work()
            self.matters = self.work.family("P1")
            self.clocks = [c for m in self.matters for c in self.work.clocks_of(m)]
            self.of = {m.id: m for m in self.matters}
            self.states |= {(m.workflow, m.state) for m in self.matters}
            self.states_are_known_and_counted()
            for clock in self.clocks:
                self.clock_is_in_order(clock)
            self.one_round_of_a_clock_is_open()
            self.what_freezes_is_frozen()
            self.joins_hold()
            self.history_holds_together()
            self.fires_and_messages_agree()

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a query in the transaction in which everything is looked at."""
        return list(self.city.store.run(sql, values).fetchall())

    def states_are_known_and_counted(self) -> None:
        """Every state is one of the workflow, and has a way on unless it is final; nothing is miscounted."""
        for matter in self.matters:
            workflow = self.city.office.workflow(matter)
            assert matter.state in workflow.states
            machine = self.city.office.machines(matter.bundle).of[matter.workflow]
            assert (
                workflow.states[matter.state].final
                or machine.offers(matter.state)
                or machine.automatic(matter.state)
            )
            parts = [m for m in self.matters if m.part_of == matter.id]
            beside = [m for m in parts if self.city.office.workflow(m).aside]
            assert matter.cases == len(beside) + sum(1 for m in self.matters if m.about == matter.id)
            assert matter.children == len(parts) - len(beside)
            assert (matter.about is None) or matter.about in self.of
            assert set(matter.facts) <= set(workflow.facts)

    # clocks

    def definition(self, clock: Clock) -> ClockDef:
        return self.city.office.clock(self.of[clock.matter], clock.name)

    def clock_is_in_order(self, clock: Clock) -> None:
        """Whoever runs and has something planned is looked at; whoever has ended or stands still is left alone."""
        if not clock.is_open:
            assert (clock.plan, clock.look_at, clock.asked) == ([], None, {}), clock
            assert clock.ended_at is not None
            assert clock.ended_recorded_at is not None
            return
        matter, definition = self.of[clock.matter], self.definition(clock)
        assert (clock.ended_at, clock.trouble) == (None, ""), clock
        assert clock.latest is not None
        state = self.city.office.workflow(matter).states[matter.state]
        assert not state.final or matter.state in definition.survives, clock
        lasting = [(m, p) for m in self.above(matter) for p in m.pauses if p.until is None]
        stopped = [p for m, p in lasting if not p.clocks or (m is matter and clock.name in p.clocks)]
        assert (clock.state == "paused") == bool(stopped), (clock, stopped)
        if clock.state == "paused":
            assert clock.look_at is None, clock
            return
        self.is_looked_at_in_time(clock, definition)
        self.is_counted_anew_to_the_same_moments(matter, clock)

    def is_looked_at_in_time(self, clock: Clock, definition: ClockDef) -> None:
        """The next look is the earliest of what is planned; nothing but reminders is left out of the plan."""
        looks = [p.look_at for p in clock.plan]
        assert looks == sorted(looks)
        office, matter = self.city.office, self.of[clock.matter]
        bundle = office.machines(matter.bundle).bundle
        if bundle.terms[definition.term].kind == "min":
            # a minimum period has no rungs: its end is what is looked at
            assert clock.look_at == clock.statutory is not None, clock
            return
        assert clock.look_at == (looks[0] if looks else None), clock
        planned = {p.rung for p in clock.plan}
        assert len(planned) == len(clock.plan), clock
        profile = office.planner(matter).profile
        for rung in bundle.ladders[definition.ladder].rungs if definition.ladder else ():
            base = profile.refers_on if rung.at.base == "referral" else rung.at.base
            if rung.switch and rung.switch not in profile.switches:
                continue
            if rung.does == "remind" or (base != "start" and clock.moment(base) is None):
                continue
            assert rung.name in planned or rung.name in clock.fired, (clock, rung.name)

    def is_counted_anew_to_the_same_moments(self, matter: Matter, clock: Clock) -> None:
        """Whoever counts again from the anchor finds the moments that are stored."""
        dues = counted_again(self.city.office, self.work, matter, clock).dues
        counted = {d.name: d.moment.instant for d in dues}
        assert {n: m for n in MOMENTS if (m := clock.moment(n)) is not None} == counted, clock

    def above(self, matter: Matter) -> Iterator[Matter]:
        """What a pause must lie on to stop the clocks of ``matter``: it, what it is part of; for a case also
        what it is about. What stops others, or has limits of its own, is not stopped with them."""
        yield matter
        if matter.part_of is not None:
            yield from self.above(self.of[matter.part_of])
        workflow = self.city.office.workflow(matter)
        alone = workflow.runs_on or any(s.freezes for s in workflow.states.values())
        if matter.about is not None and not alone:
            yield from self.above(self.of[matter.about])

    def one_round_of_a_clock_is_open(self) -> None:
        """A clock never runs twice at once, and its rounds are numbered without a gap."""
        opened = Counter((c.matter, c.name) for c in self.clocks if c.is_open)
        assert not [key for key, number in opened.items() if number > 1]
        rounds: dict[tuple[str, str], set[int]] = {}
        for clock in self.clocks:
            rounds.setdefault((clock.matter, clock.name), set()).add(clock.round)
        assert all(numbers == set(range(1, len(numbers) + 1)) for numbers in rounds.values())

    def what_freezes_is_frozen(self) -> None:
        """A query that freezes holds a pause, and none that does not; nor does a state hold one that stops no clock."""
        holding = {(p.by, m.id) for m in self.matters for p in m.pauses if p.until is None and p.by}
        states = {m.id: self.city.office.workflow(m).states[m.state] for m in self.matters}
        freezing = {(m.id, self.watched(m)) for m in self.matters if states[m.id].freezes}
        stopping = {(m.id, m.id) for m in self.matters if states[m.id].stops}
        assert holding == freezing | stopping
        for matter in self.matters:
            assert len([p for p in matter.pauses if p.until is None and not p.by]) <= 1
            assert all(p.until is None or p.until >= p.since for p in matter.pauses)

    def watched(self, matter: Matter) -> str | None:
        """What a matter is about: it, or what it is part of."""
        return matter.about if matter.part_of is None else self.watched(self.of[matter.part_of])

    def joins_hold(self) -> None:
        """What has parts is done exactly when all of them are; what was done comes back when one of them does."""
        for matter in self.matters:
            parts = [m for m in self.matters if m.part_of == matter.id]
            workflow = self.city.office.workflow(matter)
            still = [m for m in parts if not self.city.office.workflow(m).states[m.state].final]
            waits = {
                s
                for a in workflow.actions.values()
                if a.automatic and "parts.open == 0" in a.when
                for s in a.sources
            }
            if parts and matter.state in waits:
                assert still, matter
            if matter.state in ("completed", "performed", "archived", "closed") and not matter.is_case:
                assert not still, matter

    # history, fires, messages

    def history_holds_together(self) -> None:
        """Every line is chained to the one before; the matter knows the last; revisions count actions."""
        sql = "select rowid, matter, no, kind, at, recorded_at, body, hash from history where rowid > ? order by rowid"
        for line, matter, no, kind, at, recorded_at, body, digest in self.rows(sql, self.last_line):
            self.last_line = line
            last, previous = self.heads.get(matter, (0, ""))
            assert no == last + 1
            assert digest == chained(previous, body)
            assert at <= recorded_at
            told = json.loads(body)
            assert (told["at"], told["recorded_at"]) == (
                from_ticks(at).isoformat(),
                from_ticks(recorded_at).isoformat(),
            )
            self.heads[matter] = (no, digest)
            self.actions[matter] += kind in ("action", "automatic", "inferred") and told["name"] != "open"
        for matter in self.matters:
            assert self.heads[matter.id] == (matter.history_no, matter.head_hash)
            assert self.actions[matter.id] == matter.revision

    def fires_and_messages_agree(self) -> None:
        """A fire lies behind every message; only what took effect speaks; a case has the fire that opened it."""
        fires = {
            key: (does, collapsed)
            for key, does, collapsed in self.rows("select key, does, collapsed from fire")
        }
        told = Counter(fire for (fire,) in self.rows("select fire from message"))
        assert set(told) <= set(fires)
        silent = {key for key, (_, collapsed) in fires.items() if not collapsed and not told[key]}
        # where nobody holds any of the roles, the line says so
        lines = (
            [json.loads(b)["detail"] for (b,) in self.rows("select body from history where kind = 'fire'")]
            if silent
            else []
        )
        assert silent <= {line["fire"] for line in lines if line.get("unheld")}
        assert not [
            key for key, (does, collapsed) in fires.items() if collapsed and (does != "remind" or told[key])
        ]
        opened = self.rows("select opened from fire where opened is not null order by 1")
        twins = {m.facts["twin"] for m in self.matters if m.is_case and "twin" in m.facts and m.state_since}
        cases = self.rows("select id from matter where about_clock is not null order by 1")
        # of two twins one was opened by hand
        assert len(cases) - len(opened) == len(twins) // 2
        assert set(opened) <= set(cases)
        per_epoch = Counter(self.rows("select matter, clock, round, epoch from fire where does = 'open'"))
        assert all(number == 1 for number in per_epoch.values())
        assert not self.rows("select 1 from fire where at > fired_at")

    def nothing_is_left_due(self) -> None:
        """After a beat nothing waits whose moment has come."""
        assert all(c.look_at is None or c.look_at > self.walk.now for c in self.city.family()[1])
