"""Beats that an outage swallowed are made up for: breaches, cases and warnings are those of calm weeks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine import advance, opening, passing, patrol, starting
from tests.city import City, moment
from tests.outages.lives import Outage, differences, swallowed
from tests.outages.weeks import AUTUMN, OUTAGES, SPRING, calm, play, sliding

P1 = "P1.1/decide_award/1"
MOMENTS = {
    "soon": "2026-11-03 15:30", "overdue": "2026-11-03 24:00", "case": "2026-11-05 24:00",
    "soon_by_law": "2026-11-06 17:30", "overdue_by_law": "2026-11-09 24:00",
}  # fmt: skip


@pytest.mark.parametrize("late", [False, True], ids=["recorded at once", "recorded late and back-dated"])
@pytest.mark.parametrize("where", OUTAGES)
def test_an_outage_changes_neither_states_nor_cases_nor_breaches_nor_warnings(where: str, late: bool) -> None:
    first, out = OUTAGES[where]
    hit = play(first, out, late=late)
    assert differences(calm(first, late=late), hit) == []
    assert swallowed(hit, out) != []  # the outage was one


@pytest.mark.parametrize("late", [False, True], ids=["recorded at once", "recorded late and back-dated"])
@pytest.mark.parametrize("first", [AUTUMN, SPRING], ids=["autumn", "spring"])
def test_two_days_without_a_beat_change_nothing_wherever_they_lie(first: str, late: bool) -> None:
    usual = calm(first, late=late)
    changed = {
        str(out.since): found
        for out in sliding(first)
        if (found := differences(usual, play(first, out, late=late)))
    }
    assert changed == {}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_backlog_is_made_up_for_in_whatever_sets_it_is_read(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    first, out = OUTAGES["over three weeks"]
    usual = calm(first, late=True)
    monkeypatch.setattr(patrol, "SET", size)
    hit = play(first, out, late=True)
    assert differences(usual, hit) == []
    assert len(swallowed(hit, out)) > 20


@pytest.fixture
def city() -> Iterator[City]:
    """The report of P1 was delivered on Monday 2 November 2026 at 10:00: reminded on Tuesday at 15:30, due at 24:00."""
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    made.patrol("2026-11-02 11:00")
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("back", "wanted"),
    [
        ("2026-11-03 15:29:59", []),  # Tuesday: a second before the reminder
        ("2026-11-03 15:30", ["soon"]),
        ("2026-11-03 23:59:59", ["soon"]),
        ("2026-11-03 24:00", ["soon (collapsed)", "overdue"]),
        ("2026-11-05 23:59:59", ["soon (collapsed)", "overdue"]),
        ("2026-11-05 24:00", ["soon (collapsed)", "overdue", "case"]),  # Thursday, two working days on
        ("2026-11-06 17:30", ["soon (collapsed)", "overdue", "case", "soon_by_law"]),  # Friday
        ("2026-11-09 24:00", ["soon (collapsed)", "overdue", "soon_by_law (collapsed)", "case", "overdue_by_law"]),
    ],
)  # fmt: skip
def test_what_came_due_meanwhile_is_made_up_for_to_the_second(
    city: City, back: str, wanted: list[str]
) -> None:
    beat = city.patrol(back)
    fires = [f for f in beat.fires if f.key.startswith(P1) and f.rung in MOMENTS]
    assert sorted(f"{f.rung}{' (collapsed)' * f.collapsed}" for f in fires) == sorted(wanted)
    assert {f.rung: f.at for f in fires} == {f.rung: moment(MOMENTS[f.rung]) for f in fires}
    told = {m.rung for m in beat.messages if m.key.startswith(P1) and m.rung in MOMENTS}
    assert told == {rung for rung in wanted if "collapsed" not in rung}
    assert city.patrol(back).fires == []


def _always(answer: bool) -> Callable[..., bool]:
    return lambda *_args, **_how: answer


def _fired_when_looked(*args: Any, **how: Any) -> Any:
    return _FIRE_OF(*args, **(how | {"at": how["now"]}))


def _opened_when_looked(*args: Any, **how: Any) -> Any:
    return _OPEN_CASE(*args, **(how | {"at": how["now"]}))


def _no_time_passes(*_args: Any, **_how: Any) -> list[Any]:
    return []


_FIRE_OF, _OPEN_CASE = starting.fire_of, opening.open_case


@pytest.mark.parametrize(
    ("module", "name", "fault", "part"),
    [
        (passing, "_is_stale", _always(False), "reminders"),  # all stale reminders are sent
        (passing, "_is_stale", _always(True), "reminders"),  # not even the newest one is
        (passing, "fire_of", _fired_when_looked, "fires"),  # the breach moves to the day of the beat
        (passing, "open_case", _opened_when_looked, "cases"),
        (advance, "pass_time", _no_time_passes, "fires"),  # people act before time has passed
    ],
)
def test_a_planted_fault_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fault: Any, part: str
) -> None:
    out = Outage(moment("2026-11-03 15:00"), moment("2026-11-06 08:00"))  # Tuesday to Friday
    sound = play(AUTUMN, None, late=True, pictures=[out.until])
    assert differences(sound, play(AUTUMN, out, late=True)) == []
    monkeypatch.setattr(module, name, fault)
    whole = play(AUTUMN, None, late=True, pictures=[out.until])
    assert part in differences(whole, play(AUTUMN, out, late=True))
