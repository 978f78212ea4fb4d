"""A row that is not what it should be stops its own clock only: seen, retried, healed."""

from __future__ import annotations

import pytest

from engine.errors import Unreadable
from tests.city import City, keys, moment

CLOCK = "where matter = 'P1.1' and name = 'decide_award'"
POISONS = (
    f"update clock set plan = '[[17' {CLOCK}",
    f"update clock set promise = 9223372036854775807 {CLOCK}",
    f"update clock set fired = cast(x'ff' as text) {CLOCK}",
    "insert into fact values ('P1.1', 'odd', 'date', '2026-13-45', '410400')",
    "update matter set marks = '{' where id = 'P1.1'",
    "update matter set workflow = 'gone' where id = 'P1.1'",
    "delete from matter where id = 'P1.1'",
    f"update clock set name = 'gone' {CLOCK}",
)
DUE, AGAIN = "2026-11-03 24:00", "2026-11-04 00:15"  # 周二


def damage(city: City, statement: str) -> None:
    with city.store.transaction():
        assert city.store.run(statement).rowcount == 1


@pytest.fixture
def two(city: City) -> City:
    """Two projects whose awards are due on Tuesday at 24:00."""
    city.walk("deliver_report", "2026-11-02 10:00")  # 周一
    city.open("2026-11-02 09:00", id="P2")
    city.walk("deliver_report", "2026-11-02 10:00", on="P2")
    return city


@pytest.mark.parametrize("poison", POISONS)
def test_a_clock_that_cannot_be_read_or_fired_stops_no_other(two: City, poison: str) -> None:
    damage(two, poison)
    beat = two.patrol(DUE)
    assert [f.rung for f in beat.fires if f.root == "P2" and not f.collapsed] == ["overdue"]
    assert not [f for f in beat.fires if f.root == "P1"]
    assert [(c.matter, bool(c.trouble)) for c in beat.troubled] == [("P1.1", True)]
    told = two.rows("select trouble <> '', look_at from clock where matter = 'P1.1' and state = 'running'")
    assert told == [(1, _ticks(AGAIN))]
    assert keys(two.patrol("2026-11-04 00:14:59").fires) == []
    assert two.patrol(AGAIN).troubled, "it is tried again"


def _ticks(text: str) -> int:
    return int(moment(text).timestamp()) * 1_000_000


def test_a_clock_that_was_mended_goes_on_where_it_stood(two: City) -> None:
    damage(two, f"update clock set plan = '[[17' || plan {CLOCK}")
    two.patrol(DUE)
    damage(two, f"update clock set plan = substr(plan, 5) {CLOCK}")
    fired = [f for f in two.patrol(AGAIN).fires if not f.collapsed]
    assert [(f.rung, f.at) for f in fired] == [
        ("overdue", moment(DUE)),
    ]
    assert two.clock("P1.1", "decide_award").trouble == ""


def test_a_rehearsal_foretells_it_and_writes_nothing(two: City) -> None:
    damage(two, f"update clock set plan = '[[17' {CLOCK}")
    before = two.everything()
    beat = two.patrol(DUE, dry_run=True)
    assert [c.matter for c in beat.troubled] == ["P1.1"]
    assert {f.root for f in beat.fires} == {"P2"}
    assert two.everything() == before


def test_whoever_acts_on_the_damaged_project_is_told_and_others_go_on(two: City) -> None:
    damage(two, "update clock set plan = '[[17' where matter = 'P2.1' and name = 'decide_award'")
    with pytest.raises(Unreadable, match=r"P2\.1/decide_award 读不出来"):
        two.do("decide_award", "2026-11-03 10:00", on="P2")
    assert two.do("decide_award", "2026-11-03 10:00").outcome.went_to == "decided"
