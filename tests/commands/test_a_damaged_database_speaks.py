"""What stands in the database and cannot be true is told in words that name the place; our own faults stay ours."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Desk

NOW = "2026-11-04 09:00"  # 周三


@pytest.mark.parametrize(
    ("poison", "words", "told"),
    [
        ("update matter set state = 'opan' where id = 'P2026-0001'", ("project", "list"), "事项的状态是 opan"),
        ("update matter set workflow = 'projecT' where id = 'P2026-0001'", ("project", "list"), "流程是 projecT"),
        ("update clock set plan = '[[' where matter = 'P2026-0001.1' and state = 'running'",
         ("project", "show", "P2026-0001"), "P2026-0001.1/decide_award 读不出来"),
        ("update clock set trouble = cast(x'ff' as text) where state = 'running'", ("clock", "list"), "读不出来"),
        ("update history set at = 9000000000000000000 where no = 2 and matter = 'P2026-0001'",
         ("history", "show", "P2026-0001"), "第 2 行"),
    ],
)  # fmt: skip
def test_a_reading_command_says_what_is_damaged(
    reported: Desk, poison: str, words: tuple[str, ...], told: str
) -> None:
    reported.sql(poison)
    ran = reported.at(NOW, *words)
    assert ran.code == 1, ran.out
    assert told in ran.err
    assert "yiriban db verify" in ran.err


def test_the_trackers_desk_shows_a_clock_that_cannot_be_read(reported: Desk) -> None:
    reported.done(NOW, "person", "add", "钱八", "--name", "钱八")
    reported.done(NOW, "person", "appoint", "钱八", "tracker", "市一中")
    reported.sql("update clock set plan = '[[' where matter = 'P2026-0001.1' and name = 'decide_award'")
    page = reported.done(NOW, "desk", "tracker", person="钱八")
    assert "P2026-0001.1/decide_award 读不出来" in page.replace("\n", "")
