"""The officer's desk: by time left, what to do next with the command, what waits for the unit."""

from __future__ import annotations

from typing import Any

import pytest

from commands import lamps as painted
from tests.desk.conftest import Desk, Town

CASE = "P1.1-C1"


def lamps(town: Town, moment: str) -> dict[str, int]:
    found: Any = town.data(moment, "张三", "desk", "officer")
    return {name: number for name, number in found["lamps"].items() if number}


def test_the_lamp_turns_at_the_due_moment_and_not_before(town: Town) -> None:
    town.reported()  # due on Wednesday 2026-11-04 at 24:00, by law on Tuesday 11-10
    for moment, lamp, today, left in (
        ("2026-11-04 09:00", "▲ 临期", 1, "剩 15 小时"),
        ("2026-11-04 23:59", "▲ 临期", 1, "剩 1 分钟"),
        ("2026-11-05 00:00", "■ 待核实", 0, "已超 不到 1 分钟"),
        ("2026-11-08 00:00", "■ 待核实", 0, "已超 3 天"),  # a Sunday; from three days on only days
    ):
        out = town.see(moment, "张三", "desk", "officer")
        row = next(line for line in out.splitlines() if line.startswith("1 "))
        assert lamp in row, moment
        assert row.endswith(left), moment
        assert f"今日到期 {today}" in out, moment
        assert "11-04 24:00" in row
    assert "本周到期 0" in town.see("2026-11-05 00:00", "张三", "desk", "officer")


def test_the_week_ends_on_sunday_at_midnight(town: Town) -> None:
    town.reported(at="2026-11-06 11:00")  # a Friday: promised by Monday 11-09 24:00
    found: Any = town.data("2026-11-08 23:59", "张三", "desk", "officer")  # the Sunday before
    assert (found["due_today"], found["due_this_week"]) == (0, 0)
    found = town.data("2026-11-09 00:00", "张三", "desk", "officer")
    assert (found["due_today"], found["due_this_week"]) == (1, 1)


def test_the_next_step_is_a_command_that_works_as_it_is_typed(town: Town) -> None:
    town.reported()
    out = town.see("2026-11-04 09:00", "张三", "desk", "officer")
    command = next(line.strip() for line in out.splitlines() if line.strip().startswith("yiriban "))
    assert command == "yiriban --as 张三 project do P1.1 decide_award --fact supplier=中标（成交）供应商"
    town.desk.done("2026-11-04 09:00", *command.split()[3:], person="张三")
    assert town.city.matter("P1.1").state == "decided"


def test_the_person_may_be_named_behind_the_command_and_must_be_named_somewhere(town: Town) -> None:
    town.reported()
    town.desk.tell_time("2026-11-04 09:00")
    named = town.desk.run("desk", "officer", "--as", "张三")
    assert named.code == 0
    assert "yiriban --as 张三 project do P1.1 decide_award" in named.out
    for words in (("desk", "officer"), ("desk", "tracker"), ("desk", "regulator"), ("report",)):
        bare = town.desk.run(*words)
        assert bare.code == 2
        assert "没有写明是谁的工作台" in bare.err
        assert f"yiriban {' '.join(words)} --as 姓名" in bare.err


def test_done_late_and_recorded_late_stay_on_the_desk_for_seven_days(town: Town) -> None:
    town.reported("P1")
    town.reported("P2")
    town.city.patrol("2026-11-06 09:00")
    assert lamps(town, "2026-11-06 09:00") == {"unverified": 2}
    # a Friday: one was decided on Wednesday in time, the other on Thursday
    town.city.do("decide_award", "2026-11-04 15:00", on="P1", now="2026-11-06 10:00", reason="当日已定，漏登")
    town.city.do("decide_award", "2026-11-05 15:00", on="P2", now="2026-11-06 10:00", reason="次日才定")
    ended = {"recorded_late": 1, "done_late": 1}
    for moment, shown in (
        ("2026-11-06 10:00", ended),
        ("2026-11-13 09:59", ended),
        ("2026-11-13 10:00", ended),
        ("2026-11-13 10:01", {}),
    ):
        found = lamps(town, moment)
        assert {k: v for k, v in found.items() if k in ended} == shown, moment
    out = town.see("2026-11-06 10:00", "张三", "desk", "officer")
    assert "√ 补录 1" in out
    assert "◆ 补办 1" in out


def test_a_letter_waits_to_be_signed_for_and_then_to_be_answered(town: Town) -> None:
    town.reminded()  # on Monday 2026-11-09
    out = town.see("2026-11-09 11:00", "张三", "desk", "officer")
    assert "【督办件，等本单位签收、反馈或整改】1 件" in out
    assert f"yiriban --as 张三 case do {CASE} sign_for" in out
    town.city.do("sign_for", "2026-11-10 09:00", on=CASE)
    out = town.see("2026-11-10 10:00", "张三", "desk", "officer")
    assert f"yiriban --as 张三 case do {CASE} report_correction --reason 原因" in out
    assert "限期改正中" in out
    town.city.do("report_correction", "2026-11-10 11:00", on=CASE, reason="已改正")
    assert "等本单位" not in town.see("2026-11-10 12:00", "张三", "desk", "officer")


def test_an_overdue_clock_is_unverified_until_the_limit_of_the_letter_has_passed(town: Town) -> None:
    town.reminded()
    town.city.do("sign_for", "2026-11-10 09:00", on=CASE)
    # the limit of the letter is Tuesday 2026-11-17 24:00; what has been unverified since Thursday 11-12 24:00
    # is the confirmation of the award that is deemed to be decided: no letter was written about that
    town.city.patrol("2026-11-12 23:59")
    assert lamps(town, "2026-11-12 23:59") == {"unverified": 1, "soon": 1}
    town.city.patrol("2026-11-17 23:59")
    assert lamps(town, "2026-11-17 23:59") == {"unverified": 2}
    town.city.patrol("2026-11-18 00:00")
    assert lamps(town, "2026-11-18 00:00") == {"overdue": 1, "unverified": 1}


def test_an_extension_is_decided_by_another_person_and_says_how(town: Town) -> None:
    town.reported()
    town.desk.done(
        "2026-11-04 09:00", "clock", "extend", "P1.1", "decide_award", "--until", "2026-11-06",
        "--moment", "promise", "--reason", "专家请假", person="张三",
    )  # fmt: skip
    asked = town.see("2026-11-04 10:00", "张三", "desk", "officer")
    assert "专家请假" in asked
    assert "审批" in asked
    assert "yiriban --as 张三 clock approve" not in asked
    decided = town.see("2026-11-04 10:00", "王五", "desk", "officer")
    assert "yiriban --as 王五 clock approve P1.1 decide_award --reason 原因" in decided


def test_a_long_list_is_cut_and_says_so(town: Town) -> None:
    for number in range(1, 4):
        town.reported(f"P{number}", f"2026-11-03 1{number}:00")
    out = town.see("2026-11-06 09:00", "张三", "desk", "officer", "--limit", "2")
    assert "【在办计时，按剩余时间】3 件" in out
    assert "列出 2 条，共 3 条；--limit 0 列出全部" in out
    assert "P3.1" not in out
    assert "P3.1" in town.see("2026-11-06 09:00", "张三", "desk", "officer", "--limit", "0")


def test_a_very_long_title_gives_way_to_the_number_and_the_time(town: Town) -> None:
    town.reported()
    title = "二〇二六年度薄弱学校改造提升工程多媒体教室及录播系统设备（含安装、调试、培训）采购项目"
    town.desk.sql("update matter set title = ?", title)
    for lang in ("zh", "en"):
        out = town.see("2026-11-06 09:00", "张三", "--lang", lang, "desk", "officer")
        row = next(line for line in out.splitlines() if line.startswith("1 "))
        assert "P1.1" in row
        assert "…" in row
        assert "11-04 24:00" in row


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_desk_is_whole_in_gbk_and_without_colours_where_nobody_sees_them(town: Town, lang: str) -> None:
    town.reminded()
    town.city.do("sign_for", "2026-11-10 09:00", on=CASE)
    town.city.patrol("2026-11-18 08:00")
    for person, name in (("张三", "officer"), ("钱八", "tracker"), ("周九", "regulator")):
        out = town.see("2026-11-18 09:00", person, "--lang", lang, "desk", name)
        assert out.encode("gbk").decode("gbk") == out
        assert "\x1b" not in out


def test_colours_come_only_on_a_terminal_and_not_with_no_color(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = "1   × 超期    P1.1"
    assert painted.coloured(text, "zh") == text
    monkeypatch.setattr(painted.sys.stdout, "isatty", lambda: True, raising=False)
    assert painted.coloured(text, "zh") == "1   \x1b[31m\x1b[1m× 超期\x1b[0m    P1.1"
    monkeypatch.setenv("NO_COLOR", "1")
    assert painted.coloured(text, "zh") == text


def test_looking_changes_nothing(town: Town, empty: Desk) -> None:
    town.drafted()
    before = town.desk.dump()
    for person, name in (("张三", "officer"), ("钱八", "tracker"), ("周九", "regulator")):
        town.see("2026-11-18 09:00", person, "desk", name)
        assert town.data("2026-11-18 09:00", person, "desk", name)["schema"] == f"yiriban.desk.{name}/1"
    assert town.desk.dump() == before
