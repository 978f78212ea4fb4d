"""`yiriban profile list | show | diff`: what a place promises, by which document, and the law beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from commands.printing import width
from engine.comparing import Comparison, compare
from engine.counting import due
from engine.reader import read_bundle
from engine.workdays import compile_calendar
from engine.workflow import Bundle
from runtime.settings import SHIPPED_WORKFLOWS
from tests.conftest import Ran

Run = Callable[..., Ran]

PINGDINGSHAN = "平顶山市 四个“一日办”："
QINGYANG = "庆阳市做法（媒体报道）"
JINGMEN = "荆门市做法（媒体报道）"
SHAANXI = "陕西省政府采购电子卖场管理办法（2022）"
FOUR = [
    ("promise_added", "contract.sign_contract", "1个工作日", PINGDINGSHAN + "采购合同一日签"),
    ("promise_added", "instalment.accept_delivery", "1个工作日", PINGDINGSHAN + "履约验收一日成"),
    ("promise_added", "instalment.pay", "1个工作日", PINGDINGSHAN + "项目资金一日付"),
    ("promise_added", "package.decide_award", "1个工作日", PINGDINGSHAN + "采购结果一日定"),
]
# every local profile: what it builds upon, and all that it changes against that
LOCAL: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "pingdingshan": ("one-day", []),
    "yantai": ("statutory", []),
    "qinghai-small-works": ("statutory", []),
    "qingdao": ("statutory", []),
    "gaotang": ("statutory", []),
    "qingyang": (
        "statutory",
        [
            ("promise_added", "contract.file_contract", "1个工作日", QINGYANG),
            ("promise_added", "contract.publish_contract", "1个工作日", QINGYANG),
            ("promise_added", "contract.sign_contract", "10日", QINGYANG),
            ("promise_added", "instalment.publish_acceptance", "1个工作日", QINGYANG),
            ("clock_added", "package.decide_after_review", "1个工作日", QINGYANG),
        ],
    ),
    "shaanxi": (
        "statutory",
        [
            ("clock_added", "instalment.accept_in_mall", "7个工作日", SHAANXI),
            ("clock_added", "instalment.settle_in_mall", "3个工作日", SHAANXI),
        ],
    ),
    "jingmen": (
        "statutory",
        [
            ("promise_added", "contract.sign_contract", "20日", JINGMEN),
            ("clock_added", "instalment.accept_goods", "1日", JINGMEN),
            ("clock_added", "instalment.organise_acceptance", "3日", JINGMEN),
            ("clock_added", "instalment.pay_goods", "1日", JINGMEN),
            ("clock_added", "instalment.pay_others", "3日", JINGMEN),
        ],
    ),
}
# rules, reviews and recurring duties of a place are no promises; it switches them on
SWITCHED = {
    "pingdingshan": ("financing_notice", "performance_sample", "produce_progress"),
    "yantai": (
        "credit_commitment",
        "financing_notice",
        "green_materials",
        "green_share",
        "new_energy_vehicles",
        "platform_medical",
        "produce_progress",
        "yantai_shares",
    ),
    "qingdao": ("green_materials", "produce_progress"),
    "qinghai-small-works": (
        "advance_share",
        "officer_gates",
        "points_publication",
        "quarterly_patrol",
        "small_works_scoring",
        "supervision_clause",
    ),
    "gaotang": ("key_projects", "open_day", "platform_only", "staff_training", "three_level_review"),
}
BARE = "refers_on: statutory\npromises:\n"
ADDED = {"promise_added": "promise_removed", "clock_added": "clock_removed"}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


def told(found: Comparison) -> list[tuple[str, str, str, str]]:
    """What happened, to which clock, what is promised then, by which document."""
    assert all(len(d.after.promise.values) == 1 for d in found.clocks)
    return [
        (d.what, d.entry.key, v.value.limit.in_chinese(), v.ground.basis)
        for d in found.clocks
        for v in d.after.promise
        if v.value is not None
    ]


def overlay(folder: Path, name: str, text: str) -> Bundle:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{name}.yaml").write_text(
        f"profile: {name}\ntitle: {{zh: 某县}}\n{text}", "utf-8"
    )
    return read_bundle(SHIPPED_WORKFLOWS, folder)


def promise(clock: str, limit: str, **more: str) -> str:
    ground = {
        "ends": "midnight",
        "basis": "某县〔2026〕1号",
        "checked_on": "2026-11-22",
        "confidence": "sure",
        **more,
    }
    return f"  {clock}:\n    - {{limit: {limit}, {', '.join(f'{k}: {v}' for k, v in ground.items())}}}\n"


def test_every_shipped_place_is_told_here(bundle: Bundle) -> None:
    assert set(bundle.profiles) == {"statutory", "one-day", *LOCAL}


@pytest.mark.parametrize("name", LOCAL)
def test_a_place_changes_what_is_known_of_it_and_nothing_else(bundle: Bundle, name: str) -> None:
    base, changes = LOCAL[name]
    place = bundle.profiles[name]
    found = compare(bundle, bundle.profiles[base], place)
    assert (place.extends, told(found)) == (base, changes)
    assert (found.switched_on, found.switched_off) == (SWITCHED.get(name, ()), ())
    assert found.count == len(changes) + len(found.switched_on)
    assert {v.ground.confidence for d in found.clocks for v in d.after.promise} <= {"to verify"}


@pytest.mark.parametrize("name", ["pingdingshan", "yantai", "qinghai-small-works", "qingdao", "gaotang"])
def test_a_place_says_what_was_left_out_and_why(bundle: Bundle, name: str) -> None:
    assert "未录入" in bundle.profiles[name].note


def test_pingdingshan_adds_the_four_one_days_to_the_law_and_refers_on_them(bundle: Bundle) -> None:
    found = compare(bundle, bundle.profiles["statutory"], bundle.profiles["pingdingshan"])
    assert told(found) == FOUR
    assert (found.refers_on, found.record_back) == (("statutory", "promise"), None)
    law = {d.entry.term.code: [str(v.value) for v in d.entry.statutory] for d in found.clocks}
    assert law == {"D39": ["30 days"], "D45": [], "D47": ["10 working days"], "D31": ["5 working days"]}


def test_pingdingshan_keeps_its_four_promises_where_one_day_is_replaced(tmp_path: Path) -> None:
    other = overlay(tmp_path, "one-day", BARE + promise("contract.sign_contract", "3 working days"))
    found = compare(other, other.profiles["one-day"], other.profiles["pingdingshan"])
    assert [d.entry.key for d in found.clocks] == [key for _, key, _, _ in FOUR]


def test_no_shipped_promise_lies_behind_the_law_on_any_day_of_2026(bundle: Bundle) -> None:
    calendar = compile_calendar("CN", SHIPPED_WORKFLOWS / "calendars")
    noon = datetime(2026, 1, 1, 4, tzinfo=UTC)
    compared = 0
    for profile, workflow in product(bundle.profiles.values(), bundle.workflows.values()):
        for clock in workflow.clocks.values():
            term = bundle.terms[clock.term]
            law = term.statutory.on(date(2026, 1, 1))
            promised = profile.promised(workflow, clock.name).on(date(2026, 1, 1))
            if law is None or promised is None or clock.profile not in ("", *profile.lineage):
                continue
            assert law.value is not None
            assert promised.value is not None
            compared += 1
            for day in range(330):
                anchor = noon + timedelta(days=day)
                mine = due(anchor, promised.value.limit, promised.value.ends, calendar)
                its = due(anchor, law.value, term.ends, calendar)
                assert mine.instant <= its.instant, (profile.name, clock.name, anchor)
    assert compared > 8


def test_no_profile_differs_from_itself_and_every_difference_read_backwards_is_the_other(
    bundle: Bundle,
) -> None:
    for one, two in product(bundle.profiles.values(), repeat=2):
        there, back = compare(bundle, one, two), compare(bundle, two, one)
        assert (there.count == 0) == (one.name == two.name or {one.name, two.name} in alike(bundle))
        assert [replace(d, before=d.after, after=d.before) for d in there.clocks] == list(back.clocks)
        assert there.refers_on == (back.refers_on and back.refers_on[::-1])
        assert (there.switched_on, there.switched_off) == (back.switched_off, back.switched_on)
        mirror = ADDED | {removed: added for added, removed in ADDED.items()}
        assert [mirror.get(d.what, d.what) for d in there.clocks] == [d.what for d in back.clocks]


def alike(bundle: Bundle) -> list[set[str]]:
    """Profiles that say the same: those without a number of their own, and what they build upon."""
    silent = {
        name
        for name, (base, changes) in LOCAL.items()
        if base == "statutory" and not changes and name not in SWITCHED
    }
    pairs = [set(pair) for pair in product({"statutory", *silent}, repeat=2) if len(set(pair)) == 2]
    return pairs


@pytest.mark.parametrize(
    ("more", "differs"),
    [
        ({}, False),
        ({"checked_on": "2026-11-23"}, False),
        ({"basis": "某县〔2026〕2号"}, True),
        ({"confidence": "to verify"}, True),
        ({"from": "2026-12-01"}, True),
        ({"ends": "close"}, True),
    ],
)
def test_another_document_day_or_doubt_is_a_difference_and_another_look_at_it_is_none(
    tmp_path: Path, more: dict[str, str], differs: bool
) -> None:
    overlay(tmp_path, "before", BARE + promise("contract.sign_contract", "3 days"))
    both = overlay(tmp_path, "after", BARE + promise("contract.sign_contract", "3 days", **more))
    found = compare(both, both.profiles["before"], both.profiles["after"])
    assert [d.what for d in found.clocks] == (["promise_changed"] if differs else [])


def test_a_promise_to_one_procedure_is_compared_with_the_one_to_all_of_its_tier(tmp_path: Path) -> None:
    overlay(tmp_path, "before", BARE + promise("package.decide_award", "2 working days"))
    text = promise("package.decide_award", "2 working days") + promise(
        "open_tender.decide_award", "1 working day"
    )
    both = overlay(tmp_path, "after", BARE + text)
    (found,) = compare(both, both.profiles["before"], both.profiles["after"]).clocks
    assert (found.what, found.entry.key) == ("promise_changed", "open_tender.decide_award")
    (old,) = found.before.promise
    assert old.value is not None
    assert str(old.value.limit) == "2 working days"


def test_the_page_shows_both_documents_and_the_law_and_a_switch_and_fits_the_screen(
    run: Run, tmp_path: Path
) -> None:
    text = "extends: one-day\nswitches: [climbs]\nrecord_back: 1 working day\nrefers_on: agreed\npromises:\n"
    overlay(
        tmp_path,
        "county",
        text + promise("contract.sign_contract", "2 working days", **{"from": "2026-12-01"}),
    )
    for lang, words in (
        ("zh", ["有 4 处不同", "开关 climbs", "承诺时限", "约定期限", "2个工作日", "2026-12-01 起", "法定 D39", "30日"]),
        ("en", [": 4", "switch climbs", "promise", "agreed", "2 working days", "from 2026-12-01", "D39", "30 days"]),
    ):  # fmt: skip
        ran = run("--workflows", tmp_path, "--lang", lang, "profile", "diff", "one-day", "county")
        assert (ran.code, ran.err) == (0, "")
        assert [
            word for word in [*words, "政府采购法 第46条", "某县〔2026〕1号"] if word not in ran.out
        ] == []
        assert max(map(width, ran.out.splitlines())) <= 100
    back = run("--workflows", tmp_path, "profile", "diff", "county", "one-day", "--json")
    data: dict[str, Any] = json.loads(back.out)
    assert (data["schema"], data["differences"]) == ("yiriban.profile.diff/1", 4)
    assert data["refers_on"] == {"before": "agreed", "after": "promise"}
    assert data["record_back"] == {"before": "1 working day", "after": "3 working days"}
    assert (data["switched_on"], data["switched_off"]) == ([], ["climbs"])
    (clock,) = data["clocks"]
    assert (clock["clock"], clock["what"], clock["code"]) == (
        "contract.sign_contract",
        "promise_changed",
        "D39",
    )
    assert [side["promise"][0]["basis"] for side in (clock["before"], clock["after"])] == [
        "某县〔2026〕1号",
        PINGDINGSHAN + "采购合同一日签",
    ]
    assert [(v["limit"], v["basis"]) for v in clock["statutory"]] == [("30 days", "政府采购法 第46条")]


def test_nothing_different_is_said_and_is_no_failure(run: Run) -> None:
    ran = run("profile", "diff", "qingdao", "qingdao")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("qingdao 与 qingdao 没有不同")
    assert "say the same" in run("--lang", "en", "profile", "diff", "qingyang", "qingyang").out
    data = json.loads(run("profile", "diff", "qingyang", "qingyang", "--json").out)
    assert (data["differences"], data["clocks"], data["refers_on"]) == (0, [], None)


@pytest.mark.parametrize(
    "words", [("diff", "one-day", "yantia"), ("diff", "yantia", "one-day"), ("show", "yantia")]
)
def test_an_unknown_name_is_refused_with_the_nearest_one(run: Run, words: tuple[str, ...]) -> None:
    ran = run("profile", *words)
    assert (ran.code, ran.out) == (3, "")
    assert "没有名为 yantia 的地方时限方案" in ran.err
    assert "可用的方案：yantai\n" in ran.err


def test_list_counts_the_changes_and_show_tells_promises_and_what_is_missing(run: Run) -> None:
    data = json.loads(run("profile", "list", "--json").out)
    assert data["schema"] == "yiriban.profile.list/1"
    assert {p["name"]: p["changes"] for p in data["profiles"]} == {
        "statutory": None, "one-day": None, **{name: len(changes) + len(SWITCHED.get(name, ())) for name, (_, changes) in LOCAL.items()}
    }  # fmt: skip
    shown = json.loads(run("profile", "show", "qingyang", "--json").out)
    brought = {c["clock"]: c["brought_by"] for c in shown["clocks"] if c["brought_by"]}
    assert (shown["schema"], brought) == (
        "yiriban.profile.show/1",
        {"package.decide_after_review": "qingyang"},
    )
    for lang in ("zh", "en"):
        for words in (("list",), *(("show", name) for name in LOCAL)):
            ran = run("--lang", lang, "profile", *words)
            assert (ran.code, ran.err) == (0, "")
            assert max(map(width, ran.out.splitlines())) <= 100, words
    page = run("profile", "show", "yantai").out
    assert "质疑事项备案没有天数" in page
