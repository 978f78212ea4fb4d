"""Lists: the most urgent first, cut where asked, in both languages, at a glance and for programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import HALFWAY, Desk

WEDNESDAY = "2026-11-04 09:00"
FRIDAY = "2026-11-06 09:00"


@pytest.fixture
def three(reported: Desk) -> Desk:
    """Three projects: one overdue from Wednesday 24:00, one due on Thursday, one with nothing running."""
    for number, day in (("P2026-0002", "2026-11-03"), ("P2026-0003", "")):
        reported.done("2026-11-02 10:00", "project", "new", f"图书{number[-1]}", *HALFWAY)
        if day:
            reported.done(f"{day} 12:00", "project", "do", number, "end_evaluation")
    return reported


def test_the_most_urgent_project_comes_first_and_a_quiet_one_last(three: Desk) -> None:
    found = three.data(FRIDAY, "project", "list")
    assert [(p["id"], p["lamp"]) for p in found["projects"]] == [
        ("P2026-0001", "unverified"),
        ("P2026-0002", "unverified"),
        ("P2026-0003", "normal"),
    ]
    assert found["projects"][0]["due"] == "2026-11-05T00:00:00+08:00"
    assert found["projects"][0]["left_seconds"] == -33 * 3600
    out = three.done(FRIDAY, "project", "list", "--limit", "1")
    assert "已超 1 天 9 小时" in out
    assert "11-04 24:00" in out
    assert "列出 1 条，共 3 条" in out
    assert "P2026-0002" not in out


def test_the_time_left_counts_down_to_the_minute(three: Desk) -> None:
    for moment, said in (
        ("2026-11-04 09:00", "剩 15 小时"),
        ("2026-11-04 20:30", "剩 3 小时 30 分钟"),
        ("2026-11-04 23:50", "剩 10 分钟"),
        ("2026-11-04 23:59:30", "剩 不到 1 分钟"),
        ("2026-11-05 00:00", "已超 不到 1 分钟"),
        ("2026-11-06 06:00", "已超 1 天 6 小时"),
    ):
        assert said in three.done(moment, "project", "list")


def test_clocks_are_cut_by_moment_by_unit_and_by_what_is_overdue(three: Desk) -> None:
    three.done("2026-11-02 10:00", "init", "--unit", "市二中", person="王五")
    three.done("2026-11-03 10:00", "project", "new", "体育器材", *HALFWAY, person="王五")
    three.done("2026-11-03 10:00", "project", "do", "P2026-0004", "end_evaluation", person="王五")

    def listed(*words: str) -> list[tuple[str, str]]:
        clocks = three.data(WEDNESDAY, "clock", "list", *words)["clocks"]
        return [(c["matter"], c["clock"]) for c in clocks]

    decide, first, second = (
        ("P2026-0001.1", "decide_award"),
        ("P2026-0002.1", "deliver_report"),
        ("P2026-0004.1", "deliver_report"),
    )
    assert listed() == [decide, first, second]
    assert listed("--due-by", "2026-11-04") == [decide]  # its 24:00 is still that day
    assert listed("--due-by", "2026-11-04 23:59") == []
    assert listed("--due-by", "2026-11-05") == [decide, first, second]
    assert listed("--unit", "市二中") == [second]
    assert listed("--overdue") == []
    assert listed("--limit", "1") == [decide]
    assert listed("--all")[-1] == ("P2026-0001.1", "deliver_report")
    overdue = three.at(FRIDAY, "clock", "list", "--overdue", "--limit", "1", "--exit-code")
    assert overdue.code == 6
    assert "已过截止时间、未见登记：3" in overdue.out
    # 张三 holds nothing there: the list of projects stops at the wall
    assert three.at(WEDNESDAY, "project", "list", "--unit", "市二中").code == 4
    theirs = json.loads(three.done(WEDNESDAY, "project", "list", "--unit", "市二中", "--json", person="王五"))
    assert [p["id"] for p in theirs["projects"]] == ["P2026-0004"]
    assert three.at(FRIDAY, "clock", "list", "--unit", "市二中", "--exit-code").code == 6


def test_messages_show_persons_and_words_but_no_address(three: Desk) -> None:
    three.sql("update person set email = 'zhang@example.cn', phone = '13800000000'")
    three.done(FRIDAY, "patrol")
    out = three.done(FRIDAY, "message", "list", "--limit", "0")
    assert "张三（专办员）" in out
    assert "确定采购结果的承诺时限为11月4日" in out
    everything = out + three.done(FRIDAY, "message", "list", "--json") + three.done(FRIDAY, "clock", "list")
    assert "example.cn" not in everything
    assert "13800000000" not in everything
    sms = three.data(FRIDAY, "message", "list", "--channel", "sms", "--person", "李四", "--state", "queued")
    assert {(m["channel"], m["person"], m["state"]) for m in sms["messages"]} == {("sms", "李四", "queued")}
    assert three.data(FRIDAY, "message", "list", "--state", "dead")["total"] == 0


def test_labels_are_english_on_demand_and_every_reading_command_speaks_json(three: Desk) -> None:
    reading = {
        "project.list": ("project", "list"),
        "project.show": ("project", "show", "P2026-0001"),
        "project.explain": ("project", "explain", "P2026-0001"),
        "clock.list": ("clock", "list"),
        "message.list": ("message", "list"),
        "history.show": ("history", "show", "P2026-0001"),
        "history.verify": ("history", "verify"),
    }
    before = three.dump()
    for name, words in reading.items():
        assert three.data(FRIDAY, *words)["schema"] == f"yiriban.{name}/1"
    english = three.done(FRIDAY, "--lang", "en", "project", "show", "P2026-0001")
    for label in ("Running clocks", "promise", "1 d 9 h past", "What can be done now", "decide the award"):
        assert label in english
    assert three.dump() == before


def test_a_project_is_found_by_every_number_it_has(reported: Desk) -> None:
    aliases = ("--alias", "plan=平财〔2026〕9号", "--alias", "project=HN/2026.7")
    made = reported.data(WEDNESDAY, "project", "new", "图书", *HALFWAY, "--code", "PDS-2026-7", *aliases)
    assert made["id"] == "PDS-2026-7"
    for number in ("PDS-2026-7", "平财〔2026〕9号", "HN/2026.7"):
        assert reported.data(WEDNESDAY, "project", "show", number)["matter"] == "PDS-2026-7"
    reported.done(
        WEDNESDAY, "project", "new", "同一计划的另一项目", *HALFWAY, "--alias", "plan=平财〔2026〕9号"
    )
    both = reported.at(WEDNESDAY, "project", "show", "平财〔2026〕9号")
    assert (both.code, "P2026-0002" in both.err, "PDS-2026-7" in both.err) == (3, True, True)


def test_numbers_run_on_by_year_and_never_twice(desk: Desk) -> None:
    def new(moment: str, *words: str) -> str:
        return str(desk.data(moment, "project", "new", "甲", *HALFWAY, *words)["id"])

    assert [new(WEDNESDAY), new(WEDNESDAY)] == ["P2026-0001", "P2026-0002"]
    assert new(WEDNESDAY, "--code", "P2026-0007") == "P2026-0007"
    assert new(WEDNESDAY) == "P2026-0008"
    assert new(WEDNESDAY, "--at", "2025-12-31") == "P2025-0001"
    assert new("2027-01-01 00:00", "--packages", "12") == "P2027-0001"  # a Friday
    parts = desk.data("2027-01-04 09:00", "project", "show", "P2027-0001")["matters"]
    assert [m["id"] for m in parts][-3:] == ["P2027-0001.10", "P2027-0001.11", "P2027-0001.12"]


def test_reading_a_list_imports_neither_the_scheduler_nor_the_holidays(three: Desk, root: Path) -> None:
    for words in (["message", "list"], ["history", "show", "P2026-0001"], ["history", "verify"]):
        command = [sys.executable, "-X", "importtime", str(root / "cli.py"), *words, "--json"]
        ran = subprocess.run(command, cwd=three.folder, capture_output=True, text=True, check=True)
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
        assert {"storage", "sqlalchemy"} <= imported
        assert imported & {"apscheduler", "holidays"} == set()
        assert json.loads(ran.stdout)["schema"].startswith("yiriban.")
