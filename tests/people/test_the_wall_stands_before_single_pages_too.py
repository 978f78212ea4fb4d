"""The wall between bureaus stands before a single page as it does before the lists."""

from __future__ import annotations

import pytest

from tests.commands.conftest import HALFWAY, Desk

MONDAY = "2026-11-02 09:00"


@pytest.fixture
def two(desk: Desk) -> Desk:
    """P2026-0001 of 市一中, and P2026-0002 of 市二中, where only 吴十 holds a role."""
    desk.done(MONDAY, "project", "new", "课桌椅采购", *HALFWAY)
    desk.done(MONDAY, "init", "--unit", "市二中", person="吴十")
    desk.done(MONDAY, "project", "new", "二中图书", "--unit", "市二中", *HALFWAY, person="吴十")
    return desk


@pytest.mark.parametrize("words", [("project", "show"), ("project", "explain"), ("history", "show")])
def test_a_page_of_another_unit_is_refused_and_nothing_of_it_is_said(
    two: Desk, words: tuple[str, ...]
) -> None:
    assert "二中图书" in two.done(MONDAY, "project", "show", "P2026-0002", person="吴十")
    refused = two.at(MONDAY, *words, "P2026-0002")
    assert refused.code == 4
    assert "二中图书" not in refused.out + refused.err
    assert two.at(MONDAY, *words, "P2026-0002", person="吴十").code == 0


def test_who_says_no_name_is_the_house_itself_and_sees_all(two: Desk) -> None:
    assert two.run("project", "show", "P2026-0002").code == 0
