"""A patrol does what is due, in logical order, once; a rehearsal does nothing and says the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from engine import patrol as patrolling
from tests.city import City, moment

FRIDAY = "2026-11-06 09:00"


def crowd(city: City, number: int) -> None:
    """So many projects whose award was to be decided on Tuesday 3 November, reports in at different times."""
    for n in range(number):
        at = moment("2026-11-02 09:00") + timedelta(seconds=37 * ((n * 7) % number))
        city.open(at, id=f"Q{n:04}")
        city.walk("deliver_report", at, on=f"Q{n:04}")


def test_a_patrol_twice_changes_nothing(city: City) -> None:
    city.walk("receive_invoice", "2026-11-02 10:00")
    assert city.patrol(FRIDAY).fires
    before = city.everything()
    again = city.patrol(FRIDAY)
    assert (again.fires, again.messages, again.looked_at) == ([], [], 0)
    assert city.everything() == before


def test_a_clock_put_back_an_hour_fires_nothing_again(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.patrol(FRIDAY)
    before = city.everything()
    assert city.patrol("2026-11-06 08:00").fires == []
    assert city.everything() == before


def test_a_patrol_of_several_sets_keeps_the_logical_order(
    build: Callable[..., City], monkeypatch: pytest.MonkeyPatch
) -> None:
    fired = {}
    for size in (3, 7, 500):
        city = build()
        crowd(city, 12)
        monkeypatch.setattr(patrolling, "SET", size)
        beat = city.patrol(FRIDAY)
        assert [f.at for f in beat.fires] == sorted(f.at for f in beat.fires)
        fired[size] = [f.key for f in beat.fires], city.everything()
        assert not city.patrol(FRIDAY).fires
    assert fired[3] == fired[7] == fired[500]


def test_a_patrol_of_more_than_five_hundred_due_clocks_leaves_nothing_due(city: City) -> None:
    crowd(city, 520)
    sets: list[int] = []
    beat = patrolling.patrol(city.office, city.store, moment(FRIDAY), on_set=sets.append)
    assert len(sets) > 1
    assert len({f.key for f in beat.fires}) == len(beat.fires) == 520 * 4
    assert [f.at for f in beat.fires] == sorted(f.at for f in beat.fires)
    assert len(city.cases()) == 520
    assert not city.rows("select 1 from clock where look_at <= ?", int(moment(FRIDAY).timestamp() * 1e6))


def test_a_rehearsal_writes_nothing_and_equals_the_real_beat(
    build: Callable[..., City], monkeypatch: pytest.MonkeyPatch
) -> None:
    city = build()
    crowd(city, 12)
    monkeypatch.setattr(patrolling, "SET", 5)
    before = city.everything()
    rehearsed = city.patrol(FRIDAY, dry_run=True)
    assert city.everything() == before
    real = city.patrol(FRIDAY)
    assert [f.key for f in rehearsed.fires] == [f.key for f in real.fires]
    assert rehearsed.fires == real.fires
    assert rehearsed.messages == real.messages
    assert len(rehearsed.fires) == 12 * 4


def test_a_rehearsal_also_foretells_trouble(city: City) -> None:
    city.walk("deliver_report", "2026-11-02 10:00")
    city.office.texts = {}
    rehearsed = city.patrol(FRIDAY, dry_run=True)
    assert {c.trouble.split(":")[0] for c in rehearsed.troubled} == {"case"} | {
        c.trouble.split(":")[0] for c in city.patrol(FRIDAY).troubled
    }
    assert [f.rung for f in rehearsed.fires if not f.collapsed] == []


def test_nothing_due_is_nothing_done(city: City) -> None:
    before = city.everything()
    assert city.patrol(FRIDAY).looked_at == 0
    assert city.everything() == before


def test_cases_of_one_instant_are_numbered_alike_however_often_somebody_looks(
    build: Callable[..., City],
) -> None:
    about: list[list[str | None]] = []
    for beats in ([], ["2026-11-03 09:00"], ["2026-11-02 11:00", "2026-12-02 16:00", "2026-12-03 09:00"]):
        city = build(profile="statutory")
        city.open("2026-11-02 09:00")
        city.walk("request_acceptance", "2026-11-02 09:00", supplier_small=True)
        city.do("accept", "2026-11-02 09:10")  # 中小企业付款自验收起三十日
        city.do("receive_invoice", "2026-11-02 09:20")  # 支付外限自发票起三十日，同一时刻到期
        for at in (*beats, "2026-12-10 09:00"):
            city.patrol(at)
        cases = [c for c in city.cases() if c.startswith("P1.1.1.1-")]
        about.append([city.matter(c).about_clock for c in cases])
    assert about == [["pay/1/1", "pay_outer_limit/1/1", "pay_small_supplier/1/1"]] * 3
