"""Every clock that a replay judges, against an independent count over the same random dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.office import Office
from engine.reader import read_bundle, read_texts
from engine.workdays import compile_calendar
from exchange.observation import Place, Row, Step
from exchange.replay import Replay, ranking
from exchange.report import ClockCount, Judge
from exchange.spool import Spool
from storage.store import SqlStore

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
FIRST = date(2026, 2, 9)  # the Monday before Spring Festival
UNTIL = date(2026, 6, 1)  # a Monday

PACKAGE, CONTRACT, INSTALMENT = ("",), ("", ""), ("", "", "")
ACTIONS = {
    "end_evaluation": ("package", PACKAGE),
    "deliver_report": ("package", PACKAGE),
    "decide_award": ("package", PACKAGE),
    "publish_result": ("package", PACKAGE),
    "issue_award_letter": ("package", PACKAGE),
    "sign_contract": ("contract", CONTRACT),
    "publish_contract": ("contract", CONTRACT),
    "file_contract": ("contract", CONTRACT),
    "request_acceptance": ("instalment", INSTALMENT),
    "accept": ("instalment", INSTALMENT),
    "receive_invoice": ("instalment", INSTALMENT),
    "pay": ("instalment", INSTALMENT),
    "complete": ("contract", CONTRACT),
}
# clock: the actions that anchor it (the later one counts) and the action that ends it
CLOCKS = {
    "deliver_report": (("end_evaluation",), "deliver_report"),
    "decide_award": (("deliver_report",), "decide_award"),
    "publish_result": (("decide_award",), "publish_result"),
    "issue_award_letter": (("decide_award",), "issue_award_letter"),
    "sign_contract": (("issue_award_letter",), "sign_contract"),
    "publish_contract": (("sign_contract",), "publish_contract"),
    "file_contract": (("sign_contract",), "file_contract"),
    "accept_delivery": (("request_acceptance",), "accept"),
    "pay": (("receive_invoice", "accept"), "pay"),
    "pay_outer_limit": (("receive_invoice",), "pay"),
}
ONE_DAYS = ("decide_award", "sign_contract", "accept_delivery", "pay")

days = st.integers(min_value=0, max_value=60).map(lambda n: FIRST + timedelta(days=n))
registers = st.lists(
    st.dictionaries(st.sampled_from(sorted(ACTIONS)), days, min_size=1), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def office() -> Office:
    return Office(
        read_bundle(WORKFLOWS), compile_calendar("CN", WORKFLOWS / "calendars"), read_texts(WORKFLOWS)
    )


def replayed(office: Office, register: list[Mapping[str, date]]) -> dict[str, ClockCount]:
    store = SqlStore("sqlite:///:memory:")
    store.create(office.calendar.midnight_after(UNTIL))
    with Spool(ranking(office)) as spool:
        run = Replay(office, store, profile="one-day", until=UNTIL)
        rows = []
        for line, seen in enumerate(register, 2):
            steps = [Step(ACTIONS[a][0], a, day, ACTIONS[a][1]) for a, day in seen.items()]
            rows.append(Row(Place("register.csv", line), f"row {line}", steps=steps))
        run.read(rows, spool)
        run.run(spool)
    judge = Judge(office.current, office.calendar)
    with store.transaction():
        for clock in store.all_clocks():
            judge.add(clock)
    store.close()
    return judge.finish()


def next_worked(office: Office, day: date) -> date:
    day += timedelta(days=1)
    while not office.calendar.is_worked(day):
        day += timedelta(days=1)
    return day


def counted(office: Office, register: list[Mapping[str, date]]) -> dict[str, tuple[int, int | None]]:
    out: dict[str, tuple[int, int | None]] = {}
    for clock, (anchors, end) in CLOCKS.items():
        pairs = [
            (max(seen[a] for a in anchors), seen[end])
            for seen in register
            if end in seen and all(a in seen for a in anchors)
        ]
        judged = [(a, e) for a, e in pairs if e >= a]
        promised = sum(e <= next_worked(office, a) for a, e in judged)
        out[clock] = (len(judged), promised if clock in ONE_DAYS else None)
    return out


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(registers)
@example(
    [
        {
            "issue_award_letter": date(2026, 3, 2),
            "complete": date(2026, 3, 3),
            "sign_contract": date(2026, 3, 4),
        }
    ]
)
@example(
    [
        {
            "complete": date(2026, 3, 2),
            "issue_award_letter": date(2026, 3, 3),
            "sign_contract": date(2026, 3, 4),
        }
    ]
)
def test_a_clock_is_judged_exactly_when_its_own_two_ends_were_seen_in_order(
    office: Office, register: list[Mapping[str, date]]
) -> None:
    """Whatever else of the row is missing or out of order (design 11)."""
    got = replayed(office, register)
    want = counted(office, register)
    assert {n: got[n].judged for n in CLOCKS} == {n: j for n, (j, _) in want.items()}
    for name, (judged, promised) in want.items():
        if promised is not None and judged:
            assert got[name].in_promise == promised
