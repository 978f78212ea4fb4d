"""--dry-run does it all, prints it, and keeps nothing."""

from __future__ import annotations

import pytest

from tests.commands.conftest import DATABASE, HALFWAY, Desk

WEDNESDAY = "2026-11-04 10:00"
THURSDAY = "2026-11-05 09:00"
DO = ("project", "do", "P2026-0001", "decide_award", "--fact", "supplier=甲公司")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (WEDNESDAY, DO),
        (THURSDAY, (*DO, "--at", "2026-11-04", "--reason", "漏登")),
        (WEDNESDAY, ("project", "new", "图书采购", "--packages", "3", "--alias", "plan=A-1")),
        (WEDNESDAY, ("project", "new", "图书采购", "--packages", "3", *HALFWAY)),
        (THURSDAY, ("patrol",)),
        ("2026-11-09 09:00", ("patrol",)),  # a Monday, when a case is opened
        (WEDNESDAY, ("init", "--unit", "市二中")),
    ],
)
def test_a_rehearsal_says_what_the_deed_then_does_and_keeps_nothing(
    reported: Desk, moment: str, words: tuple[str, ...]
) -> None:
    before = reported.dump()
    text = reported.done(moment, *words, "--dry-run")
    assert text.startswith("【预演，没有保存】")
    rehearsed = reported.data(moment, *words, "--dry-run")
    assert reported.dump() == before
    done = reported.data(moment, *words)
    assert reported.dump() != before
    assert rehearsed.pop("dry_run") is True
    assert done.pop("dry_run") is False
    assert rehearsed == done


def test_a_rehearsed_init_leaves_no_file(empty: Desk) -> None:
    assert "数据库" in empty.done(WEDNESDAY, "init", "--dry-run")
    assert not (empty.folder / DATABASE).exists()


def test_a_refused_rehearsal_is_refused_like_the_deed(reported: Desk) -> None:
    ran = reported.at(WEDNESDAY, "project", "do", "P2026-0001", "sign_contract", "--dry-run")
    assert ran.code == 5


def test_a_patrol_of_the_future_prints_the_very_words_that_would_go_out(reported: Desk) -> None:
    before = reported.dump()
    text = reported.done(WEDNESDAY, "patrol", "--dry-run", "--at", "2026-11-05 08:00")
    assert "预警" in text
    assert "确定采购结果的承诺时限为11月4日" in text
    assert reported.dump() == before
    found = reported.data(WEDNESDAY, "patrol", "--dry-run", "--at", "2026-11-09 09:00")  # a Monday
    assert found["cases"] == ["P2026-0001.1-C1"]
    assert reported.dump() == before


def test_a_patrol_at_another_moment_says_so_loudly_and_does_it(reported: Desk) -> None:
    ran = reported.at(WEDNESDAY, "patrol", "--at", "2026-11-05 08:00")  # a Thursday
    assert ran.code == 0
    assert "注意：将按 2026-11-05 08:00 巡查并记录" in ran.err
    assert "预警" in ran.out
    assert reported.data("2026-11-05 08:00:00", "patrol")["fires"] == []


def test_what_falls_due_is_done_at_its_moment_not_before_and_only_once(reported: Desk) -> None:
    reported.done(WEDNESDAY, "patrol")
    # the warning of the promise falls at 24:00 of Wednesday
    assert reported.data("2026-11-04 23:59:59", "patrol")["fires"][-1]["rung"] == "soon"
    at = reported.data("2026-11-05 00:00:00", "patrol")
    assert [(f["rung"], f["late_seconds"]) for f in at["fires"]] == [("overdue", 0)]
    assert {m["person"] for m in at["fires"][0]["messages"]} == {"张三", "李四"}
    after = reported.dump()
    assert reported.data("2026-11-05 00:00:00", "patrol")["fires"] == []
    assert reported.dump() == after
