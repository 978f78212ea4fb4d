"""A fire's messages go to whoever is there, and say for whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.directory import Delegation, DelegationKind
from storage.people import People
from tests.city import PLACE, City, moment


@pytest.fixture
def city() -> Iterator[City]:
    """张三 is the officer, 郑十一 may stand in; the report is delivered on Monday 2026-11-02."""
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    yield made
    made.store.close()


def lend(city: City, principal: str, deputy: str, kind: DelegationKind, since: str, until: str) -> None:
    with city.store.transaction():
        wanted = Delegation(principal, deputy, kind, "", moment(since), moment(until), PLACE)
        People(city.store).delegate(wanted)


def told(city: City, rung: str) -> list[tuple[str, str]]:
    found = city.rows("select distinct person, role from message where rung = ? order by person", rung)
    return [(person, role) for person, role in found]


def test_on_leave_the_deputy_is_reminded_and_both_are_warned(city: City) -> None:
    lend(city, "张三", "郑十一", "leave", "2026-11-03 00:00", "2026-11-06 00:00")
    city.patrol("2026-11-04 00:00")  # overdue since Tuesday 24:00
    assert told(city, "soon") == []  # collapsed: the warning is due as well
    assert [p for p in told(city, "overdue") if p[1].startswith("officer")] == [
        ("张三", "officer"),
        ("郑十一", "officer（代张三）"),
    ]


@pytest.mark.parametrize(
    ("since", "reminded"),
    [
        ("2026-11-03 15:30", ("郑十一", "officer（代张三）")),  # Tuesday, the instant of the reminder
        ("2026-11-03 15:30:01", ("张三", "officer")),
    ],
)
def test_who_is_there_when_the_reminder_fires_is_reminded(
    city: City, since: str, reminded: tuple[str, str]
) -> None:
    lend(city, "张三", "郑十一", "acting", since, "2026-11-06 00:00")
    city.patrol("2026-11-02 10:00")
    city.patrol("2026-11-03 15:30")
    assert told(city, "soon") == [reminded]


def test_nobody_there_means_the_head_is_reminded(city: City) -> None:
    lend(city, "张三", "郑十一", "leave", "2026-11-03 00:00", "2026-11-06 00:00")
    lend(city, "郑十一", "冯十二", "leave", "2026-11-03 00:00", "2026-11-06 00:00")
    city.patrol("2026-11-02 10:00")
    city.patrol("2026-11-03 15:30")
    assert told(city, "soon") == [("王五", "purchaser_head")]
