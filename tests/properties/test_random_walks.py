"""Whatever people do in whatever order, clocks, history and outbox stay in order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given

from engine.chain import chained
from storage.moments import from_ticks
from tests.city import City
from tests.properties.histories import AFTER, BEGIN, HISTORIES, History, Stage, act, budget


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Two cities for all histories of this module, one per profile."""
    made = Stage()
    yield made
    made.close()


@budget(80, 800)
@given(history=HISTORIES)
def test_clocks_history_and_outbox_stay_in_order(stage: Stage, history: History) -> None:
    city = stage.empty(history.profile)
    now = BEGIN
    city.open(now, packages=history.packages)
    for op in history.ops:
        now += timedelta(minutes=op.gap)
        act(city, op, now)
        clocks_are_in_order(city)
        if op.beat:
            city.patrol(now)
            clocks_are_in_order(city)
            nothing_is_left_due(city, now)
        history_holds_together(city)
    city.patrol(now + AFTER)
    clocks_are_in_order(city)
    history_holds_together(city)
    fires_and_messages_agree(city)


def clocks_are_in_order(city: City) -> None:
    """Whoever runs and has something planned is looked at; whoever has ended is left alone."""
    matters, clocks = city.family()
    where = {m.id: m for m in matters}
    running = Counter((c.matter, c.name) for c in clocks if c.state == "running")
    assert not [key for key, number in running.items() if number > 1]
    for clock in clocks:
        definition = city.office.clock(where[clock.matter], clock.name)
        if clock.state != "running":
            assert (clock.plan, clock.look_at) == ([], None)
            assert clock.ended_at is not None
            assert clock.ended_recorded_at is not None
            continue
        assert (clock.ended_at, clock.trouble) == (None, "")
        looks = [p.look_at for p in clock.plan]
        assert looks == sorted(looks)
        assert clock.look_at == (looks[0] if looks else None)
        if not clock.plan:  # exhausted: its last rungs have fired
            assert clock.fired
        assert clock.latest is not None
        final = city.office.workflow(where[clock.matter]).states[where[clock.matter].state].final
        assert not final or where[clock.matter].state in definition.survives
    for case in [m for m in matters if m.about is not None]:
        assert case.about in where
    for matter in matters:
        assert matter.cases == sum(1 for m in matters if m.about == matter.id)
        assert matter.children == sum(1 for m in matters if m.part_of == matter.id)


def nothing_is_left_due(city: City, now: datetime) -> None:
    """After a beat nothing waits whose moment has come."""
    assert all(c.look_at is None or c.look_at > now for c in city.family()[1])


def history_holds_together(city: City) -> None:
    """Every line is chained to the one before; the matter knows the last; revisions count actions."""
    heads: dict[str, tuple[int, str]] = {}
    actions: Counter[str] = Counter()
    sql = "select matter, no, kind, at, recorded_at, body, hash from history order by matter, no"
    for matter, no, kind, at, recorded_at, body, digest in city.rows(sql):
        last, previous = heads.get(matter, (0, ""))
        assert no == last + 1
        assert digest == chained(previous, body)
        assert at <= recorded_at
        told = json.loads(body)
        assert (told["at"], told["recorded_at"]) == (
            from_ticks(at).isoformat(),
            from_ticks(recorded_at).isoformat(),
        )
        heads[matter] = (no, digest)
        actions[matter] += kind in ("action", "automatic")
    for matter in city.family()[0]:
        assert heads[matter.id] == (matter.history_no, matter.head_hash)
        assert actions[matter.id] == matter.revision


def fires_and_messages_agree(city: City) -> None:
    """A fire lies behind every message; only what took effect speaks; a case has the fire that opened it."""
    fires = {
        key: (does, collapsed) for key, does, collapsed in city.rows("select key, does, collapsed from fire")
    }
    told = Counter(fire for (fire,) in city.rows("select fire from message"))
    assert set(told) <= set(fires)
    assert all(told[key] > 0 for key, (_, collapsed) in fires.items() if not collapsed)
    assert not [
        key for key, (does, collapsed) in fires.items() if collapsed and (does != "remind" or told[key])
    ]
    opened = city.rows("select opened from fire where opened is not null order by 1")
    assert opened == city.rows("select id from matter where about is not null order by 1")
    per_epoch = Counter(city.rows("select matter, clock, round, epoch from fire where does = 'open'"))
    assert all(number == 1 for number in per_epoch.values())
    assert not city.rows("select 1 from fire where at > fired_at")
