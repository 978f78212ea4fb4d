"""Amounts by place, level, object and day: the nearest row counts, and what nobody knows is never a number."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.reader import check, read_bundle
from engine.reading_tables import read_table
from engine.thresholds import ThresholdTable, is_place, tier_of, wanted
from engine.yamlfile import Faults, read_yaml
from runtime.settings import SHIPPED_WORKFLOWS

TODAY = date(2026, 11, 22)  # Sunday
WAN = 1_000_000
GROUND = "basis: 试验用, checked_on: 2026-11-22, confidence: to verify"


def table(*rows: str, unit: str = "wan yuan") -> ThresholdTable:
    """A table of these rows, without a fault of shape."""
    told = "\n".join(f"  - {{{row}, {GROUND}}}" for row in rows)
    faults = Faults()
    tree = read_yaml(f"table: t\ntitle: {{zh: 试验}}\nunit: {unit}\nrows:\n{told}\n", "t.yaml", faults)
    assert tree is not None
    found = read_table(tree, "t.yaml", faults)
    assert list(faults) == []
    return found


def amount(rows: ThresholdTable, jurisdiction: str, kind: str = "goods", day: date = TODAY) -> int | None:
    found = rows.find(jurisdiction, kind, day)
    return None if found is None else found.amount


def test_the_nearest_place_goes_first_county_before_city_before_province_before_country() -> None:
    rows = table(
        "place: CN, object: any, value: 1", 'place: "41", object: any, value: 2', 'place: "4104", object: any, value: 3',
        'place: "410402", object: any, value: 4',
    )  # fmt: skip
    found = {
        code: amount(rows, code)
        for code in ("410402", "410403", "410400", "410502", "410000", "370000", "100000")
    }
    assert found == {
        "410402": 4 * WAN, "410403": 3 * WAN, "410400": 3 * WAN, "410502": 2 * WAN, "410000": 2 * WAN,
        "370000": WAN, "100000": WAN,
    }  # fmt: skip


def test_a_level_and_an_object_that_are_named_go_before_those_that_are_not() -> None:
    rows = table(
        "place: CN, object: any, value: 1", "place: CN, object: works, value: 2",
        "place: CN, level: [city, county], object: any, value: 3", "place: CN, level: county, object: works, value: 4",
    )  # fmt: skip
    assert [amount(rows, code, kind) for code in ("410000", "410400", "410402") for kind in ("goods", "works")] == [
        WAN, 2 * WAN, 3 * WAN, 3 * WAN, 3 * WAN, 4 * WAN,
    ]  # fmt: skip


def test_a_row_holds_from_its_first_day_to_its_last_and_what_has_lapsed_is_not_replaced_by_an_older_one() -> (
    None
):
    rows = table(
        "place: CN, object: goods, value: 1",
        "place: CN, object: goods, from: 2025-01-01, until: 2026-12-31, value: 2",
    )
    days = (date(2024, 12, 31), date(2025, 1, 1), date(2026, 12, 31), date(2027, 1, 1))  # Tue, Wed, Thu, Fri
    assert [amount(rows, "410400", day=day) for day in days] == [WAN, 2 * WAN, 2 * WAN, None]


def test_yuan_and_wan_yuan_are_both_turned_into_fen() -> None:
    assert amount(table("place: CN, object: goods, value: 4000000", unit="yuan"), "410400") == 400_000_000
    assert amount(table("place: CN, object: goods, value: 400"), "410400") == 400_000_000


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("100000", "central"),
        ("410000", "province"),
        ("410400", "city"),
        ("410402", "county"),
        ("XK", None),
        ("4104", None),
    ],
)
def test_the_level_is_read_off_the_code(code: str, level: str | None) -> None:
    assert tier_of(code) == level


def test_places_are_the_country_or_a_code_cut_at_a_level() -> None:
    assert [is_place(t) for t in ("CN", "41", "4104", "410402")] == [True] * 4
    assert [is_place(t) for t in ("", "4", "410", "4100", "410400", "cn", "河南")] == [False] * 7


def test_who_asks_in_vain_is_told_which_row_to_add_and_where() -> None:
    assert wanted("open_tender", "410402", "goods", TODAY) == (
        "门槛表 thresholds/open_tender.yaml 没有410402（县级）货物在 2026-11-22 的数额；查到以后加一行 "
        '- {place: "410402", level: county, object: goods, value: ……, basis: ……}'
    )
    assert 'place: "4104", level: city' in wanted("open_tender", "410400", "works", TODAY)
    assert "不是六位代码" in wanted("open_tender", "XK", "goods", TODAY)


def test_the_object_must_be_known_only_where_the_amount_hangs_on_it() -> None:
    alike = table("place: CN, object: [goods, works, services], value: 1")
    differing = table("place: CN, object: [goods, services], value: 1", "place: CN, object: works, value: 2")
    partly = table("place: CN, object: goods, value: 1")
    found = [
        t.depends_on_object("410400", TODAY)
        for t in (alike, differing, partly, table("place: CN, object: any, value: 1"))
    ]
    assert found == [False, True, True, False]


def test_what_ships_holds_the_known_rows_and_no_number_for_henan_shandong_and_qinghai() -> None:
    tables = read_bundle(SHIPPED_WORKFLOWS).thresholds
    known = {
        ("open_tender", "100000", "goods"): 200, ("open_tender", "350000", "services"): 400,
        ("open_tender", "350100", "goods"): 200, ("open_tender", "350102", "goods"): 200,
        ("procurement_limit", "100000", "goods"): 100, ("procurement_limit", "100000", "works"): 120,
        ("must_tender", "410400", "works"): 400, ("must_tender", "410400", "goods"): 200,
        ("must_tender", "410400", "services"): 100, ("sme_reserve", "410402", "goods"): 200,
        ("sme_reserve", "410402", "works"): 400, ("small_works", "630100", "works"): 400,
    }  # fmt: skip
    assert {key: amount(tables[key[0]], key[1], key[2]) for key in known} == {
        k: v * WAN for k, v in known.items()
    }
    for place in ("410400", "370600", "630100"):
        assert [amount(tables[name], place) for name in ("open_tender", "procurement_limit")] == [None, None]


def faults(folder: Path, rows: str) -> list[str]:
    """What the check says of an overlay whose only file is this table."""
    (folder / "thresholds").mkdir(exist_ok=True)
    (folder / "thresholds" / "t.yaml").write_text(
        f"table: t\ntitle: {{zh: 试验}}\nunit: wan yuan\nrows:\n{rows}", encoding="utf-8"
    )
    return [str(fault) for fault in check(SHIPPED_WORKFLOWS, folder)]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("place: CN, object: goods", "place: CN, object: [goods, works], from: 2026-01-01", ""),
        ("place: CN, object: goods", "place: CN, object: [goods, works]", "CN 各级货物有两行从同一天起"),
        ("place: CN, object: goods, until: 2026-01-01", "place: CN, object: goods, from: 2026-01-01", "两行重叠"),
        ("place: CN, object: goods, until: 2025-12-31", "place: CN, object: goods, from: 2026-01-01", ""),
        ("place: CN, object: goods, until: 2025-12-30", "place: CN, object: goods, from: 2026-01-01",
         "在 2025-12-31 至 2025-12-31 之间没有数额"),
        ('place: "4100", object: goods', "place: CN, object: goods", "看不懂的地方 4100"),
        ('place: "4104", level: province, object: goods', "place: CN, object: goods", "4104 下面没有省级单位"),
        ("place: CN, object: houses", "place: CN, object: goods", "object 不能是 houses"),
        ("place: CN, level: town, object: goods", "place: CN, object: goods", "level 不能是 town"),
        ("place: CN, object: goods, from: 2026-02-01, until: 2026-01-31", "place: CN, object: works",
         "until 2026-01-31 早于 from 2026-02-01"),
    ],
)  # fmt: skip
def test_the_check_finds_rows_that_overlap_gaps_between_them_and_bad_codes(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    said = faults(tmp_path, "".join(f"  - {{{row}, value: 1, {GROUND}}}\n" for row in (first, second)))
    assert (len(said), all(words in fault for fault in said)) == (1 if words else 0, True), said


def test_an_overlay_replaces_a_table_and_a_bundle_without_it_has_another_hash(tmp_path: Path) -> None:
    (tmp_path / "thresholds").mkdir()
    own = (SHIPPED_WORKFLOWS / "thresholds" / "open_tender.yaml").read_text(encoding="utf-8")
    own += f'  - {{place: "41", level: [city, county], object: [goods, services], value: 300, {GROUND}}}\n'
    (tmp_path / "thresholds" / "open_tender.yaml").write_text(own, encoding="utf-8")
    local, shipped = read_bundle(SHIPPED_WORKFLOWS, tmp_path), read_bundle(SHIPPED_WORKFLOWS)
    assert amount(local.thresholds["open_tender"], "410402") == 300 * WAN
    assert amount(local.thresholds["open_tender"], "410000") is None
    assert local.hash != shipped.hash
