"""Rows set aside: merged by project, given back by day, gone when closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from engine.term import Length
from exchange.observation import Place, Row, Step
from exchange.spool import Spool

ORDER = {"decide_award": 1, "issue_award_letter": 2, "sign_contract": 3, "pay": 4}
MON, TUE = date(2025, 3, 3), date(2025, 3, 4)  # Monday, Tuesday


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool(lambda _workflow, action: ORDER[action]) as made:
        yield made


def _row(line: int, project: str, *steps: Step, **more: object) -> Row:
    row = Row(Place("a.csv", line), project, steps=list(steps))
    for name, value in more.items():
        setattr(row, name, value)
    return row


def _step(action: str, day: date, *parts: str) -> Step:
    return Step("contract", action, day, parts, column=f"列{action}")


def test_steps_come_out_by_day_then_project_then_rank_then_source(spool: Spool) -> None:
    spool.add(_row(1, "P2", _step("pay", TUE, "", "", "b"), _step("pay", TUE, "", "", "a")))
    spool.add(_row(2, "P1", _step("sign_contract", MON), _step("decide_award", MON)))
    spool.add(_row(3, "P2", _step("issue_award_letter", TUE, "")))
    assert [
        (day, project, [(s.action, s.parts) for s in steps]) for day, project, steps in spool.steps()
    ] == [
        (MON, 2, [("decide_award", ()), ("sign_contract", ())]),
        (TUE, 1, [("issue_award_letter", ("",)), ("pay", ("", "", "b")), ("pay", ("", "", "a"))]),
    ]
    assert list(spool.projects()) == [1, 2]
    assert (spool.count_projects(), spool.count_steps(), spool.findings()) == (2, 5, [])


def test_the_same_step_counts_once_and_another_day_for_it_is_a_finding(spool: Spool) -> None:
    spool.add(_row(1, "P", _step("pay", TUE, "", "", "1")))
    spool.add(_row(2, "P", _step("pay", TUE, "", "", "1"), _step("pay", MON, "", "", "2")))
    spool.add(_row(3, "P", _step("pay", MON, "", "", "1"), facts=[("contract", ("", ""), "amount", 5)]))
    spool.add(_row(4, "P", facts=[("contract", ("", ""), "amount", 5)]))
    spool.add(_row(5, "P", facts=[("contract", ("", ""), "amount", 6)]))
    given = [(day, s.parts[-1], s.place) for day, _, steps in spool.steps() for s in steps]
    assert given == [(MON, "2", Place("a.csv", 2)), (TUE, "1", Place("a.csv", 1))]
    dates, facts = spool.findings()
    assert (dates.kind, dates.place.line, dates.column) == ("conflicting_dates", 3, "列pay")
    assert "2025-03-04（a.csv:1）" in dates.message
    assert (facts.kind, facts.place.line) == ("conflicting_facts", 5)


def test_a_head_gathers_what_all_rows_of_a_project_know(spool: Spool) -> None:
    first = [("contract", ("a", ""), "pay_within", Length(30, "days")), ("project", (), "budget", 7)]
    second = [
        ("instalment", ("a", "", "1"), "accepted_on", TUE),
        ("contract", ("b", ""), "supplier_small", True),
    ]
    spool.add(_row(1, "P", _step("pay", TUE, "a", "", "1"), aliases=[("no", "1")], facts=first))
    spool.add(_row(2, "P", title="桌椅", unit="图书馆", aliases=[("no", "1"), ("no", "2")], facts=second))
    spool.add(_row(3, "P", title="别的", unit="别的", refused="no_readable_date"))
    head = spool.head(1)
    assert (head.key, head.title, head.unit, head.steps) == ("P", "桌椅", "图书馆", 1)
    assert head.aliases == [("no", "1"), ("no", "2")]
    assert head.facts == first + second
    assert head.places == [Place("a.csv", 1), Place("a.csv", 2)]
    assert head.place == head.places[0]
    assert head.parts == [("a", "", "1"), ("a", ""), (), ("b", "")]
    with pytest.raises(KeyError):
        spool.head(2)


def test_closing_leaves_nothing_behind_even_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    unknown = _row(1, "P", _step("unknown", MON))
    with pytest.raises(KeyError), Spool(lambda _workflow, action: ORDER[action]) as spool:
        spool.add(unknown)
    assert list(tmp_path.iterdir()) == []
