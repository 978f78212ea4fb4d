"""Local practice is a profile: it builds upon another one and may bring clocks with anchors and ends of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import YiribanError
from engine.reader import check, read_bundle
from tests.city import WORKFLOWS, City, moment

MONDAY = "2026-11-02 10:00"


@pytest.fixture
def town() -> Iterator[list[City]]:
    """Cities that are closed at the end."""
    made: list[City] = []
    yield made
    for city in made:
        city.store.close()


def of(town: list[City], profile: str, **facts: object) -> City:
    city = City(profile=profile)
    town.append(city)
    city.open(MONDAY, **facts)  # type: ignore[arg-type]
    return city


def names(city: City) -> set[str]:
    return {clock.name for clock in city.family()[1]}


def test_in_qingyang_the_promise_runs_from_the_review_and_the_law_from_the_report(town: list[City]) -> None:
    city = of(town, "qingyang")
    city.walk("deliver_report", MONDAY)
    assert "decide_after_review" not in names(city)
    city.do("review_result", "2026-11-04 10:00", on="P1.1")  # Wednesday
    law, local = city.clock("P1.1", "decide_award"), city.clock("P1.1", "decide_after_review")
    assert (law.promise, law.statutory) == (None, moment("2026-11-09 24:00"))  # Monday
    assert (local.promise, local.statutory) == (moment("2026-11-05 24:00"), None)  # Thursday
    city.do("decide_award", "2026-11-05 23:59:59", on="P1.1")
    assert {city.clock("P1.1", f"{n}").state for n in ("decide_award", "decide_after_review")} == {"met"}


@pytest.mark.parametrize(
    ("thing", "accept", "pay", "due"),
    [
        ("goods", "accept_goods", "pay_goods", "2026-11-03 24:00"),  # Tuesday
        ("services", "organise_acceptance", "pay_others", "2026-11-05 24:00"),  # Thursday
        ("works", "organise_acceptance", "pay_others", "2026-11-05 24:00"),
    ],
)
def test_in_jingmen_goods_have_a_day_and_the_rest_three(
    town: list[City], thing: str, accept: str, pay: str, due: str
) -> None:
    city = of(town, "jingmen", object=thing)
    city.walk("request_acceptance", MONDAY)
    assert city.clock("P1.1.1.1", f"{accept}").promise == moment(due)
    if accept == "organise_acceptance":
        city.do("organise_acceptance", "2026-11-03 09:00", on="P1.1.1.1")
        assert city.clock("P1.1.1.1", f"{accept}").state == "met"
    assert names(city) & {"accept_goods", "organise_acceptance"} == {accept}
    city.do("accept", "2026-11-03 10:00", on="P1.1.1.1")
    city.do("receive_invoice", "2026-11-03 10:00", on="P1.1.1.1")
    assert names(city) & {"pay_goods", "pay_others"} == {pay}


def test_the_clocks_of_a_profile_run_for_nobody_else(town: list[City]) -> None:
    city = of(town, "one-day", object="goods")
    city.walk("request_acceptance", MONDAY)
    assert not names(city) & {"accept_goods", "organise_acceptance", "pay_goods", "pay_others"}


def profile(folder: Path, name: str, text: str) -> None:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{name}.yaml").write_text(
        f"profile: {name}\ntitle: {{zh: {name}}}\n{text}", encoding="utf-8"
    )


GROUND = "basis: 某县承诺, checked_on: 2026-11-21, confidence: to verify"


def test_a_county_that_builds_upon_a_city_has_its_clocks_and_what_it_does_not_say_itself(
    tmp_path: Path,
) -> None:
    profile(
        tmp_path, "county",
        "extends: jingmen\npromises:\n  contract.sign_contract:\n"
        f"    - {{limit: 5 days, ends: close, {GROUND}}}\n",
    )  # fmt: skip
    county = read_bundle(WORKFLOWS, tmp_path).profiles["county"]
    assert county.lineage == ("county", "jingmen", "statutory")
    assert county.refers_on == "statutory"
    assert county.record_back is not None
    assert {"instalment.pay_goods", "case.correct"} <= county.promises.keys()
    [value] = county.promises["contract.sign_contract"].values
    assert value.value is not None
    assert (value.value.limit.number, value.value.ends) == (5, "close")


def test_the_payment_may_be_promised_up_to_the_request_only(tmp_path: Path) -> None:
    profile(
        tmp_path, "applied",
        "extends: statutory\nclocks:\n  instalment.apply_payment:\n    title: {zh: 申请支付}\n"
        "    term: payment_request\n    starts: {all: [{action: receive_invoice}, {state: accepted}]}\n"
        "    ends: {action: [request_payment, pay]}\n    ladder: duty\n    charges: purchaser\n"
        f"promises:\n  instalment.apply_payment:\n    - {{limit: 1 working day, ends: midnight, {GROUND}}}\n",
    )  # fmt: skip
    assert check(WORKFLOWS, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("extends: nowhere\n", "没有名为 nowhere 的地方时限方案"),
        ("extends: county\n", "成环"),
        ("extends: statutory\nclocks:\n  nothing.at_all:\n    title: {zh: 甲}\n    term: payment\n"
         "    starts: {action: pay}\n    ends: {action: pay}\n", "没有名为 nothing 的流程"),
        ("extends: statutory\nclocks:\n  contract.sign_contract:\n    title: {zh: 甲}\n    term: payment\n"
         "    starts: {state: awarded}\n    ends: {action: sign_contract}\n", "已有同名计时"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_put_together_is_a_finding(tmp_path: Path, text: str, what: str) -> None:
    profile(tmp_path, "county", text)
    assert any(what in str(fault) for fault in check(WORKFLOWS, tmp_path))
    with pytest.raises(YiribanError):
        read_bundle(WORKFLOWS, tmp_path)
