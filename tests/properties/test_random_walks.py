"""Whatever people do in whatever order, over the whole tree of workflows: nothing gets out of order.

Every kind of disorder that is looked for is planted once, and must be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from time import monotonic
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from engine import advance, checking, holding, passing, performing, standstill
from engine.clock import Clock, Planner
from tests.properties.histories import (
    AFTER,
    AROUND_A_COMPLAINT,
    COMPLAINT_LANES,
    STARTS,
    THOROUGH,
    History,
    Stage,
    act,
    begin,
    budget,
    histories,
)
from tests.properties.order import Order
from tests.properties.right import Right
from tests.properties.walking import LANES

STEPS = 10_000
"""So many steps a thorough run walks at least."""
STATES = 40
"""So many different states even a short run sees."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Two cities for all histories of this module, one per profile."""
    made = Stage()
    yield made
    made.close()


def walk_along(stage: Stage, history: History, seen: Counter[str]) -> None:
    """Walk ``history`` and look at everything after every step."""
    walk = begin(stage, history)
    order, right = Order(walk), Right(walk)
    order.holds()
    for deed in walk.deeds:
        right.judge(deed, [])
    for op in history.ops:
        walk.wait(op.gap, dense=False, beat=op.beat or op.lane == "stranger")
        if op.beat:
            order.nothing_is_left_due()
            order.holds()
        before = walk.as_it_stands()[0] if op.lane == "hold" else []
        whole = walk.city.everything() if op.lane == "stranger" else None
        deed = act(walk, op)
        right.judge(deed, before)
        order.holds()
        # who is refused leaves no trace, nor does the time that passed with the attempt
        assert whole is None or deed.done or walk.city.everything() == whole
        seen[f"{deed.what} {'done' if deed.done else 'refused'}"] += 1
    walk.city.patrol(walk.now + AFTER)
    order.holds()
    seen.update(f"{workflow}.{state}" for workflow, state in order.states)


def test_everything_stays_in_order_on_random_walks(stage: Stage) -> None:
    seen: Counter[str] = Counter()
    began = monotonic()

    @budget(40, 500)
    @given(history=histories(60))
    def along(history: History) -> None:
        walk_along(stage, history, seen)

    along()
    steps = sum(n for name, n in seen.items() if " " in name)
    states = {name for name in seen if "." in name}
    bundle = next(iter(stage.cities.values()))[0].office.current
    whole = {f"{w.name}.{s}" for w in bundle.workflows.values() for s in w.states if w.name != "tender"}
    deeds = {f"{a} done" for w in bundle.workflows.values() for a in w.actions} & seen.keys()
    print(f"{steps} steps in {monotonic() - began:.0f} s, {len(deeds)} different actions accepted")  # noqa: T201
    print("states never seen:", *sorted(whole - states))  # noqa: T201
    assert len(states) >= STATES
    assert not THOROUGH or steps >= STEPS


def test_everything_stays_in_order_around_a_complaint(stage: Stage) -> None:
    seen: Counter[str] = Counter()

    @budget(40, 500)
    @given(history=histories(40, starts=AROUND_A_COMPLAINT, lanes=COMPLAINT_LANES))
    def along(history: History) -> None:
        walk_along(stage, history, seen)

    along()
    bundle = next(iter(stage.cities.values()))[0].office.current
    near = ("complaint", "statement", "suspension")
    whole = {f"{name}.{state}" for name in near for state in bundle.workflows[name].states}
    print("states never seen:", *sorted(whole - seen.keys()))  # noqa: T201
    assert len(whole & seen.keys()) >= 16


# planted disorder


def found(stage: Stage, walks: st.SearchStrategy[History]) -> Exception:
    """Return what the first walk stumbled upon; raise ``NoSuchExample`` if none did."""
    stumbled: list[Exception] = []

    def stumbles(history: History) -> bool:
        try:
            walk_along(stage, history, Counter())
        except Exception as disorder:
            stumbled.append(disorder)
            return True
        return False

    how = settings(budget(400, 400), phases=(Phase.generate,), database=None)
    find(walks, stumbles, settings=how, random=Random(1))
    return stumbled[0]


def forget_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which one rung is left is not looked at."""
    whole = Clock.reschedule

    def forgetful(self: Clock) -> None:
        whole(self)
        self.look_at = None if len(self.plan) == 1 else self.look_at

    monkeypatch.setattr(Clock, "reschedule", forgetful)


def forget_minimum_periods_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minimum period that runs again is not looked at."""
    whole = Planner.replan

    def forgetful(self: Planner, clock: Clock, prepared: Any, definition: Any) -> None:
        whole(self, clock, prepared, definition)
        clock.look_at = clock.plan[0].look_at if clock.plan else None

    monkeypatch.setattr(Planner, "replan", forgetful)


def let_void_clocks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What still runs at the end runs on."""
    monkeypatch.setattr(performing, "void_rest", lambda *_args, **_how: [])


def count_lost_days_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pause touched is counted all the same."""
    monkeypatch.setattr(standstill, "counted_again", lambda o, w, m, c: o.planner(m).prepare(
        m.workflow, o.clock(m, c.name), c.anchor, None))  # fmt: skip


def stop_no_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state in which some clocks of a matter stand still stops none."""
    monkeypatch.setattr(performing, "halt", lambda *_args, **_how: [])


def tell_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rung takes effect and tells nobody."""
    monkeypatch.setattr(passing, "compose", lambda *_args, **_how: ([], []))


def forbid_by_the_day_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a minimum period stands still it is taken for over."""
    monkeypatch.setattr(checking, "permitted_from", _as_stored)


def _as_stored(_office: Any, _work: Any, _matter: Any, clock: Clock, _at: datetime) -> datetime:
    assert clock.statutory is not None
    return clock.statutory


def nothing(*_args: Any, **_how: Any) -> None:
    """Ask nothing, do nothing."""


def instead(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Leave out what ``name`` does where ``module`` asks for it."""
    return lambda patch: patch.setattr(module, name, nothing)


AWARDED, NOTICED = ("issue_award_letter", "contract.awarded"), ("publish_notice",)
PLANTED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], tuple[str, ...], tuple[str, ...]]] = {
    "a last look that is forgotten": (forget_the_last_look, STARTS, LANES),
    "a minimum period that is forgotten": (forget_minimum_periods_after_a_pause, NOTICED, ("hold",)),
    "a query that freezes nothing": (instead(performing, "interfere"), AWARDED, ("record",)),
    "a query that blocks nothing": (instead(advance, "check_free"), ("queried",), ("ahead", "query")),
    "a minimum period that guards nothing": (instead(advance, "check_minimum"), NOTICED, ("ahead",)),
    "a period that ends while it stands still": (forbid_by_the_day_alone, NOTICED, ("ahead", "hold")),
    "a deadline that is too early": (instead(advance, "check_dates"), ("approve_documents",), ("ahead",)),
    "a right that nobody needs": (instead(advance, "check_right"), STARTS, ("stranger",)),
    "a past that nobody vouches for": (instead(advance, "check_when"), STARTS, LANES),
    "a hold by anybody": (instead(holding, "check_right"), STARTS, LANES),
    "an end that ends no clock": (let_void_clocks_run, AWARDED, ("back", "ahead")),
    "lost days that count": (count_lost_days_too, ("deliver_report",), ("hold",)),
    "a state that stops no clock": (stop_no_clock_of_its_own, ("complaint", "served"), ("query",)),
    "a suspension that freezes nothing": (instead(performing, "interfere"), ("served",), ("query",)),
    "a fire that tells nobody": (tell_nobody, STARTS, LANES),
}
"""What is left out or done wrong, and where the walks begin and along which lanes they go to stumble upon it."""


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_disorder_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch, planted: str) -> None:
    plant, starts, lanes = PLANTED[planted]
    plant(monkeypatch)
    assert isinstance(found(stage, histories(30, starts=starts, lanes=lanes)), AssertionError)
