"""Wherever people have led a project, people can bring it to its end; and after a returned payment once more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from engine.matter import Matter
from tests.properties.cast import NAMELESS
from tests.properties.ending import bring_to_the_end
from tests.properties.histories import History, Stage, act, begin, budget, histories
from tests.properties.order import Order
from tests.properties.walking import Op, Walk


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Two cities for all histories of this module, one per profile."""
    made = Stage()
    yield made
    made.close()


@budget(30, 400)
@given(history=histories(40))
def test_people_can_bring_every_walk_to_its_end(stage: Stage, history: History) -> None:
    walk = begin(stage, history)
    order = Order(walk)
    for op in history.ops:
        walk.wait(op.gap, dense=False, beat=op.beat)
        act(walk, op)
    bring_to_the_end(walk)
    order.holds()
    assert walk.city.matter("P1").state in ("closed", "cancelled")
    assert not [c for c in order.clocks if c.state == "paused"]
    if came_back(walk, order.matters):
        order.holds()
        assert walk.city.matter("P1").state == "open"
        bring_to_the_end(walk)
        order.holds()
        assert walk.city.matter("P1").state == "closed"


def came_back(walk: Walk, matters: list[Matter]) -> bool:
    """Let a payment come back to a closed project, where one was made."""
    for matter in matters if walk.city.matter("P1").state == "closed" else ():
        if matter.state == "paid":
            action = walk.city.office.workflow(matter).actions["return_payment"]
            deed = walk.record(matter, action, Op(0, "back", 0, 0, 1, False), by=NAMELESS)
            assert deed.done, deed
            return True
    return False
