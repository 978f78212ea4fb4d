"""The report says whose the lost days are: figures that a person can count on the calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

from engine.attributing import attribute, decide_attribution
from engine.holding import pause, resume
from engine.office import Actor
from engine.word import Word
from tests.city import moment, paper
from tests.desk.conftest import Town


def _charge(town: Town, party: Any, since: date, until: date) -> None:
    """Let the lost days of P1's award be the party's: asked by 张三, approved by 钱八."""

    def word(person: str, role: str, at: str) -> Word:
        return Word(Actor(person, frozenset({role})), moment(at), moment(at), "材料不全", [paper("letter")])

    with town.city.store.work() as work:
        work.family("P1")
        matter = work.matters["P1.1"]
        clock = next(c for c in work.clocks_of(matter) if c.name == "decide_award")
        office = town.city.office
        attribute(
            office, work, matter, clock, party, since, until, word("张三", "officer", "2026-11-10 09:00")
        )
        said = word("钱八", "tracker", "2026-11-10 10:00")
        decide_attribution(office, work, matter, clock, said, approve=True)


def _late(town: Town) -> None:
    """P1: promised by Wednesday 11-04, decided on Monday 11-09, Thursday and Friday the supplier's. P2: the
    report due on Thursday 11-05 came on Friday. P3: payment promised by Wednesday 11-04, requested on Friday.
    """
    town.reported("P1")
    town.city.do("decide_award", "2026-11-09 10:00", on="P1")
    _charge(town, "supplier", date(2026, 11, 5), date(2026, 11, 6))
    town.city.open("2026-11-03 09:00", id="P2")
    town.city.do("end_evaluation", "2026-11-03 10:00", on="P2")
    town.city.do("deliver_report", "2026-11-06 10:00", on="P2")
    town.city.do("decide_award", "2026-11-06 11:00", on="P2")
    town.city.open("2026-11-03 09:00", id="P3")
    town.city.walk("receive_invoice", "2026-11-03 11:00", on="P3")
    town.city.do("request_payment", "2026-11-06 09:00", on="P3")


def _shares(town: Town, now: str, *words: str) -> dict[str, dict[str, int]]:
    """Unit u1: clock → party → days that are not zero; what nobody lost is left out."""
    found: Any = town.data(now, "周九", "report", *words)
    entry = next((e for e in found["lost_days"]["units"] if e["unit"] == "u1"), None)
    if entry is None:
        return {}
    rows = {**entry["clocks"], "overall": entry["overall"]}
    return {name: {who: n for who, n in row.items() if n and who != "total"} for name, row in rows.items()}


def test_purchaser_agency_supplier_and_treasury_are_told_apart(town: Town) -> None:
    _late(town)
    found = _shares(town, "2026-11-10 17:00")  # a Tuesday
    assert found["decide_award"] == {"purchaser": 1, "supplier": 2}
    assert found["deliver_report"] == {"agency": 1}
    assert found["pay"] == {"purchaser": 2, "treasury": 2}
    page = town.see("2026-11-10 17:00", "周九", "report")
    assert "【损失的工作日】" in page
    assert "Treasury" not in page
    english = town.see("2026-11-10 17:00", "周九", "--lang", "en", "report")
    assert "[working days lost]" in english


def test_reports_of_consecutive_periods_add_up(town: Town) -> None:
    _late(town)
    whole = _shares(town, "2026-11-12 17:00")["overall"]
    parts = [
        _shares(town, "2026-11-12 17:00", "--until", "2026-11-05"),
        _shares(town, "2026-11-12 17:00", "--since", "2026-11-06", "--until", "2026-11-08"),
        _shares(town, "2026-11-12 17:00", "--since", "2026-11-09"),
    ]
    added = {who: sum(p.get("overall", {}).get(who, 0) for p in parts) for who in whole}
    assert added == whole


def test_a_day_lost_on_two_clocks_of_one_payment_counts_once_in_all(town: Town) -> None:
    town.city.open("2026-09-01 09:00", id="P3")  # a Tuesday
    town.city.walk("receive_invoice", "2026-09-01 11:00", on="P3")
    town.city.do("request_payment", "2026-09-01 15:00", on="P3")
    found = _shares(town, "2026-12-01 17:00")
    assert found["pay_outer_limit"]["treasury"] > 0
    assert found["pay"]["treasury"] > found["pay_outer_limit"]["treasury"]
    # whatever else ran late is another act; the longest of the payment's clocks covers the others
    others = sum(
        sum(row.values()) for name, row in found.items() if not name.startswith("pay") and name != "overall"
    )
    assert sum(found["overall"].values()) == others + found["pay"]["treasury"]


def test_days_of_a_pause_of_the_project_are_nobodys(town: Town) -> None:
    town.reported("P1")
    said = [
        Word(Actor("张三", frozenset({"officer", "regulator"})), moment(at), moment(at), "投诉")
        for at in ("2026-11-05 09:00", "2026-11-06 10:00")  # Thursday, Friday
    ]
    for act, word in zip((pause, resume), said, strict=True):
        with town.city.store.work() as work:
            work.family("P1")
            act(town.city.office, work, work.matters["P1"], word)
        if act is pause:
            assert _shares(town, "2026-11-06 09:00") == {}
    assert _shares(town, "2026-11-09 09:00")["decide_award"] == {"purchaser": 1}  # Monday alone
