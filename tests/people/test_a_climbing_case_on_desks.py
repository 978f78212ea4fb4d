"""A case that climbed: in the inbox above, in sight below, on paper as it was."""

from __future__ import annotations

import pytest

from tests.city import PLACE, City
from tests.commands.conftest import DATABASE, Desk
from tests.people.levels import ABOVE, CASE, CITY, CITY_HEAD, CLIMBS, COUNTY, PROVINCE, make


@pytest.fixture
def town(empty: Desk) -> tuple[City, Desk]:
    """The three levels in the desk's folder, a day after the case climbed to the city."""
    city = make(f"sqlite:///{empty.folder / DATABASE}")
    city.patrol(CLIMBS)
    return city, empty


def test_the_desk_above_has_it_in_the_inbox_and_the_one_below_keeps_it_in_sight(
    town: tuple[City, Desk],
) -> None:
    city, desk = town
    now = "2026-11-20 09:00"  # a Friday
    above = desk.done(now, "desk", "regulator", person=CITY)
    assert "待受理 1" in above
    assert "11-24 剩 4 天" in above
    assert f"yiriban --as {CITY} case do {CASE} accept_case" in above
    below = desk.done(now, "desk", "regulator", person=COUNTY)
    assert "待受理 0" in below
    assert CASE in below.partition("【已逐级上报】1 件")[2]
    assert "accept_case" not in below
    assert CASE not in desk.done(now, "desk", "regulator", person=PROVINCE)
    head = desk.done(now, "desk", "regulator", person=CITY_HEAD)
    assert f"yiriban --as {CITY_HEAD} case do {CASE} accept_case" in head
    city.patrol("2026-12-01 09:00")
    # the city has let it pass as well: both see it still, the province has it
    for person, seen in ((COUNTY, "已逐级上报"), (CITY, "已逐级上报"), (PROVINCE, "待受理")):
        page = desk.done("2026-12-01 09:00", "desk", "regulator", person=person)
        assert CASE in page.partition(f"【{seen}】1 件")[2], person


def test_lists_and_pages_follow_the_case_and_only_who_has_it_acts(town: tuple[City, Desk]) -> None:
    city, desk = town
    city.patrol("2026-12-01 09:00")
    now = "2026-12-01 10:00"  # a Tuesday
    for person in (COUNTY, CITY, PROVINCE, "钱八", "张三"):
        assert CASE in desk.done(now, "case", "list", "--level", "superior", person=person), person
        assert "层级 上级财政部门" in desk.done(now, "case", "show", CASE, person=person), person
    assert desk.at(now, "case", "do", CASE, "accept_case", person=CITY).code == 4
    desk.done(now, "case", "do", CASE, "accept_case", person=PROVINCE)
    desk.done(now, "case", "do", CASE, "urge", "--fact", "document_no=豫财督〔2026〕1号", person=PROVINCE)
    assert "河南省财政厅" in desk.done(now, "case", "paper", CASE, "urge", person=PROVINCE)
    # the referral was to the county, and stays so
    assert "叶县财政局" in desk.done(now, "case", "paper", CASE, "referral", person="钱八")
    desk.done(now, "history", "verify")
    city.patrol("2027-01-04 09:00")
    said = desk.done("2027-01-04 09:00", "history", "show", CASE, person="钱八")
    assert f"逐级上报  （{PLACE} → {ABOVE}）" in said


def test_the_dossier_is_that_of_the_referral_however_high_the_case_climbs(empty: Desk) -> None:
    city = make(f"sqlite:///{empty.folder / DATABASE}")
    digests = set()
    for now in ("2026-11-10 09:00", "2026-11-19 09:00", "2026-12-01 09:00", "2027-01-04 09:00"):
        city.patrol(now)
        empty.person = "钱八"
        digests.add(empty.data(now, "case", "dossier", CASE)["digest"])
    assert len(digests) == 1
