"""An installation is inspected: each check finds its planted fault, and is content without it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commands import doctor_machine
from commands.doctor import CHECKS
from commands.doctor_machine import FULL, NARROW
from runtime import assembly
from runtime.lease import LONGEST, NAME, SHORTEST, myself
from storage.leases import Holding, Leases
from storage.moments import from_ticks
from storage.store import SqlStore
from tests.city import WORKFLOWS, shipped
from tests.commands import test_the_calendar, test_the_manual
from tests.commands.conftest import DATABASE, Desk, instant
from tests.conftest import Ran

NOW = "2026-11-03 11:05"  # a Tuesday
SHANGHAI = "Asia/Shanghai"
Said = list[tuple[str, str]]
Usage = namedtuple("Usage", "total used free")


@dataclass
class Clinic:
    """An installation in which nothing is wrong, until something is planted."""

    desk: Desk
    patch: pytest.MonkeyPatch

    @property
    def folder(self) -> Path:
        return self.desk.folder

    def look(self, moment: str = NOW) -> dict[str, Said]:
        """Run the doctor; return what each check said, with the level."""
        ran = self.desk.at(moment, "doctor", "--json")
        told = json.loads(ran.out)
        assert ran.code == (0 if told["ok"] else 6)
        assert told["ok"] == (told["findings"] == 0)
        return {
            c["name"]: [(s["level"], f"{s['what']} {s['why']}") for s in c["says"]] for c in told["checks"]
        }

    def findings(self, moment: str = NOW) -> dict[str, str]:
        """Run the doctor; return what is wrong, by check."""
        said = self.look(moment)
        return {
            n: "；".join(w for lv, w in s if lv == "finding") for n, s in said.items() if "finding" in dict(s)
        }

    def hints(self, moment: str = NOW) -> str:
        """Run the doctor; return all hints as one text."""
        return "；".join(
            what for said in self.look(moment).values() for level, what in said if level == "hint"
        )

    def own(self, name: str, text: str) -> None:
        """Lay a file of one's own over the shipped workflows."""
        file = self.folder / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        self.patch.setenv("YIRIBAN_WORKFLOWS", str(self.folder / "own"))

    def lease(self, *, pid: int, birth: str, left: timedelta, host: str = "") -> None:
        """Let a process hold the lease of the metronome."""
        now = instant(NOW)
        store = SqlStore(f"sqlite:///{self.folder / DATABASE}")
        held = Holding("yiriban", host or myself().host, pid, birth, now - timedelta(days=1), now + left)
        with store.transaction():
            store.run("delete from lease")
            assert Leases(store).take(NAME, held, None)
        store.close()


_SOUND: dict[str, bytes] = {}


@pytest.fixture
def clinic(reported: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    """市一中 with everybody appointed and reachable, patrolled, and every message sent."""
    monkeypatch.setenv("TZ", SHANGHAI)
    time.tzset()
    path = reported.folder / DATABASE
    if "database" not in _SOUND:
        phone = 13800000000
        for person in ("张三", "李四", "钱八", "周九", "吴局"):
            phone += 1
            address = ("--email", f"p{phone}@example.org", "--phone", phone)
            reported.done("2026-11-03 11:01", "person", "add", person, "--name", person, *address)
        reported.done("2026-11-03 11:01", "person", "appoint", "钱八", "tracker", "市一中")
        reported.done("2026-11-03 11:01", "person", "appoint", "周九", "regulator", "市一中")
        reported.done("2026-11-03 11:01", "person", "appoint", "吴局", "regulator_head", "市一中")
        reported.done(NOW, "patrol")
        reported.done(NOW, "message", "send", "--drop", "out")
        _SOUND["database"] = path.read_bytes()
    path.write_bytes(_SOUND["database"])
    yield Clinic(reported, monkeypatch)
    monkeypatch.undo()
    time.tzset()


def test_a_sound_installation_leaves_with_0_and_every_check_says_something(clinic: Clinic) -> None:
    said = clinic.look()
    assert list(said) == [check.name for check in CHECKS]
    assert all(said.values())
    assert {level for told in said.values() for level, _ in told} == {"good", "hint"}
    page = clinic.desk.done(NOW, "doctor")
    assert "√ 正常" in page
    assert "! 提示" in page
    assert "× 问题" not in page
    page.encode("gbk")


# each check: its planted fault, a word of what is said, and what else cannot be right then

Plant = Callable[[Clinic], Any]
_LONG_SMS = """message: due_soon
subject: 提醒
body: 编号{code}
sms: 编号{code}，LONG
params: {code: 16}
""".replace("LONG", "抓紧办理" * 40)


def _sql(statement: str) -> Plant:
    return lambda clinic: clinic.desk.sql(statement)


def _set(name: str, value: Any) -> Plant:
    return lambda clinic: clinic.patch.setattr(name, value)


def _unknown_zone(clinic: Clinic) -> None:
    class Nowhere:
        @staticmethod
        def no_cache(key: str) -> None:
            raise KeyError(key)

    clinic.patch.setattr(doctor_machine, "ZoneInfo", Nowhere)


_FAULTS: dict[str, tuple[Plant, str]] = {
    "python": (_set("commands.doctor_machine.OLDEST_PYTHON", (99, 0)), "99.0"),
    "sqlite": (_set("commands.doctor_machine.OLDEST_SQLITE", (99, 0, 0)), "99.0.0"),
    "settings": (lambda c: (c.folder / "yiriban.toml").write_text("databse = 'x'", "utf-8"), "databse"),
    "paths": (_set("commands.doctor_machine.os.access", lambda *_: False), "写不了"),
    "disk": (_set("commands.doctor_machine.shutil.disk_usage", lambda _: Usage(1, 1, FULL - 1)), "99 MB"),
    "zone": (_unknown_zone, SHANGHAI),
    "workflows": (lambda c: c.own("contract.yaml", "workflow: contract\n"), "contract.yaml"),
    "calendar": (lambda c: c.own("calendars/CN/2026.json", '{"year": 2026'), "2026.json"),
    "channels": (_set("runtime.assembly.drop_channels", lambda _: {"email": None}), "短信"),
    "texts": (lambda c: c.own("messages/due_soon.yaml", _LONG_SMS), "due_soon"),
    "database": (_sql("update meta set value = '99' where name = 'schema'"), "99"),
    "history": (_sql("update history set body = replace(body, '课桌椅', '课桌凳') where no = 1"), "第 1 行"),
    "moments": (_sql("update history set recorded_at = recorded_at + 120000000"), "晚于此刻"),
    "roles": (_sql("delete from appointment where role = 'tracker'"), "市一中"),
    "addresses": (_sql("update person set phone = '' where id = '李四'"), "手机号：李四"),
    "run": (lambda c: c.lease(pid=2**22 + 1, birth="", left=SHORTEST), "进程 4194305"),
    "clocks": (_sql("update clock set look_at = look_at - 864000000000 where look_at is not null"), "P2026-0001"),
    "troubles": (
        _sql("update clock set trouble = '文案缺少参数' where state = 'running' and look_at is not null"),
        "文案缺少参数",
    ),
    "messages": (_sql("update message set state = 'queued', tries = 0, send_from = send_from - 3600000000"), "条消息"),
    "audit": (_sql("update clock set plan = '[]', look_at = null where look_at is not null"), "计划里没有"),
    "subscribers": (
        _sql("insert into subscriber (name, \"after\", upto, state, detail, jurisdiction)"
             " values ('https://tracker.example.cn/hook', 2, 4, 'dead', '订阅方拒收（HTTP 403）', '000000')"),
        "停在第 2 号",
    ),
}  # fmt: skip
_DRAGS_ALONG = {
    "history": {"moments"}, "moments": {"history"}, "texts": {"workflows"}, "clocks": {"audit"},
}  # fmt: skip
"""Faults of which another check must hear too."""


def test_every_check_has_its_planted_fault() -> None:
    assert list(_FAULTS) == [check.name for check in CHECKS]


@pytest.mark.parametrize("name", list(_FAULTS))
def test_a_planted_fault_is_found_by_its_check_and_by_no_other(clinic: Clinic, name: str) -> None:
    plant, word = _FAULTS[name]
    plant(clinic)
    found = clinic.findings()
    assert word in found[name]
    assert set(found) - {name} <= _DRAGS_ALONG.get(name, set())
    page = clinic.desk.at(NOW, "doctor")
    assert page.code == 6
    assert page.err == ""
    assert "× 问题" in page.out
    assert word in "".join(page.out.split("\n            "))
    page.out.encode("gbk")


def test_what_rests_on_a_fault_is_not_looked_at_and_says_so(clinic: Clinic) -> None:
    (clinic.folder / "yiriban.toml").write_text("workflows = 'gone'", "utf-8")
    said = clinic.look()
    assert {name for name, told in said.items() if dict(told).get("skipped")} == {
        check.name for check in CHECKS
    } - {"python", "sqlite", "settings", "zone"}
    assert said["roles"] == [("skipped", "没有检查，先解决：数据库、流程文件 ")]


def test_without_a_database_the_way_on_is_init_and_nothing_is_made(empty: Desk) -> None:
    before = set(empty.folder.iterdir())
    ran = empty.at(NOW, "doctor")
    assert ran.code == 6
    assert "× 问题  数据库" in ran.out
    assert "先运行 yiriban init" in ran.out
    assert set(empty.folder.iterdir()) == before
    english = empty.at(NOW, "doctor", "--lang", "en")
    assert "× finding  database" in english.out
    assert "- skipped  roles" in english.out


def test_an_inspection_changes_nothing(clinic: Clinic) -> None:
    before = clinic.desk.dump()
    clinic.look("2026-11-20 09:00")  # a Friday, much is due
    assert clinic.desk.dump() == before


def test_the_json_is_versioned_and_whole(clinic: Clinic) -> None:
    told = json.loads(clinic.desk.done(NOW, "doctor", "--json"))
    assert told["schema"] == "yiriban.doctor/1"
    assert told["checked_at"] == "2026-11-03T11:05:00+08:00"
    levels = [say["level"] for check in told["checks"] for say in check["says"]]
    assert told["hints"] == levels.count("hint") > 0
    for check in told["checks"]:
        assert set(check) == {"name", "title", "level", "says"}
        assert set(check["title"]) == {"zh", "en"}
        for say in check["says"]:
            assert set(say) == {"level", "what", "why", "then"}
            assert say["level"] in ("good", "skipped") or say["then"]


@pytest.mark.parametrize(
    "written", ["lang = ", "lang = 'fr'", "as = 7", "database = 'postgresql://a:geheim@db/x'", "database = 'env:NO'"]
)  # fmt: skip
def test_broken_settings_are_one_finding_and_no_traceback(
    empty: Desk, run: Callable[..., Ran], written: str
) -> None:
    (empty.folder / "yiriban.toml").write_text(written, "utf-8")
    empty.tell_time(NOW)
    ran = run("doctor", "--json")
    told = json.loads(ran.out)
    assert (ran.code, ran.err, told["findings"]) == (6, "", 1)
    assert [c["name"] for c in told["checks"] if c["level"] == "finding"] == ["settings"]
    assert "geheim" not in ran.out


@pytest.mark.parametrize(
    ("free", "level"),
    [(FULL - 1, "finding"), (FULL, "hint"), (NARROW - 1, "hint"), (NARROW, "good")],
)
def test_disk_space_has_two_bounds(clinic: Clinic, free: int, level: str) -> None:
    clinic.patch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, free))
    assert clinic.look()["disk"][0][0] == level


def test_the_place_of_the_database_is_told_apart(clinic: Clinic) -> None:
    for name, said in (("gone/city.db", "没有文件夹"), (".", "是一个文件夹")):
        clinic.patch.setenv("YIRIBAN_DATABASE", name)
        assert said in clinic.findings()["paths"]
    (clinic.folder / "text.db").write_text("this is no database at all, not by far" * 9)
    clinic.patch.setenv("YIRIBAN_DATABASE", "text.db")
    assert "不是完好的数据库" in clinic.findings()["database"]


def test_a_machine_in_another_zone_gets_a_hint(clinic: Clinic) -> None:
    assert "时区" not in clinic.hints()
    clinic.patch.setenv("TZ", "UTC")
    time.tzset()
    assert "UTC+0" in clinic.hints()


def test_from_november_on_a_missing_notice_is_a_hint_and_in_its_year_a_finding(clinic: Clinic) -> None:
    assert "放假通知" not in clinic.hints("2026-10-31 23:59")  # the last minute of a Saturday
    assert "还没有 2027 年的放假通知" in clinic.hints("2026-11-01 00:00")
    assert "没有 2027 年的放假通知" in clinic.findings("2027-01-01 00:00")["calendar"]
    own = clinic.folder / "own" / "calendars" / "CN"
    clinic.own("calendars/CN/closing.json", json.dumps(
        {"basis": "本地作息通知", "confidence": "sure", "seasons": [{"from": "01-01", "close": "17:30"}]}
    ))  # fmt: skip
    test_the_calendar.notice(own, bridge=False)
    assert ("good", "已采纳的放假通知：2027 ") in clinic.look("2026-11-01 00:00")["calendar"]
    assert "放假通知" not in clinic.hints("2026-11-01 00:00")
    assert "calendar" not in clinic.findings("2027-01-01 00:00")


def test_closing_hours_that_nobody_verified_are_a_hint(clinic: Clinic) -> None:
    assert "下班时间还没有核实" in clinic.hints()
    sure = {"basis": "本地作息通知", "confidence": "sure", "seasons": [{"from": "01-01", "close": "17:00"}]}
    clinic.own("calendars/CN/closing.json", json.dumps(sure))
    assert "下班时间" not in clinic.hints()


def test_the_wall_clock_may_be_behind_the_last_record_by_one_minute(clinic: Clinic) -> None:
    last = from_ticks(clinic.desk.sql("select max(recorded_at) from history")[0][0])
    for before, wrong in ((timedelta(minutes=1), False), (timedelta(minutes=1, microseconds=1), True)):
        assert ("moments" in _at(clinic, last - before)) is wrong


def test_a_due_clock_may_wait_for_five_minutes(clinic: Clinic) -> None:
    due = from_ticks(clinic.desk.sql("select min(look_at) from clock where look_at is not null")[0][0])
    for after, wrong in ((timedelta(minutes=5), False), (timedelta(minutes=5, microseconds=1), True)):
        assert ("clocks" in _at(clinic, due + after)) is wrong


def test_a_message_may_wait_for_an_hour_and_what_holds_it_up_is_told(clinic: Clinic) -> None:
    clinic.desk.sql("delete from attempt")
    clinic.desk.sql("update message set state = 'queued', tries = 0")
    due = from_ticks(clinic.desk.sql("select min(send_from) from message")[0][0])
    for after, wrong in ((timedelta(hours=1), False), (timedelta(hours=1, microseconds=1), True)):
        assert ("messages" in _at(clinic, due + after)) is wrong
    clinic.desk.sql("update person set email = '', phone = ''")
    clinic.desk.done("2026-11-03 11:06", "message", "send", "--drop", "out")
    assert "没有登记邮箱" in clinic.findings("2026-11-03 13:00")["messages"]
    clinic.desk.sql("update message set state = 'dead'")
    assert "没有送达" in clinic.hints()


def _at(clinic: Clinic, moment: datetime) -> dict[str, str]:
    """Findings at an exact instant."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clinic.desk, "tell_time", lambda _: None)
        patch.setattr(assembly, "system_now", lambda: moment)
        return clinic.findings()


def test_the_standing_process_is_alive_dead_silent_or_not_there(clinic: Clinic) -> None:
    me = myself()
    assert "没有 yiriban run 在运行" in clinic.hints()
    clinic.lease(pid=os.getpid(), birth=me.birth, left=SHORTEST)
    assert clinic.look()["run"][0][0] == "good"
    assert "不晚于 2026-11-03 11:05:00" in clinic.look()["run"][0][1]
    for host, birth, left, alive in (
        ("", "boot/another", SHORTEST, False),  # its number was given to another process
        ("", me.birth, timedelta(), False),  # it lives and has not beaten for long
        ("", me.birth, LONGEST, True),
        ("", me.birth, LONGEST + timedelta(microseconds=1), False),  # written by a clock that was ahead
        ("elsewhere", "boot/another", SHORTEST, True),  # elsewhere only time tells
    ):
        clinic.lease(pid=os.getpid(), birth=birth, left=left, host=host)
        assert ("run" not in clinic.findings()) is alive
    clinic.desk.sql("delete from lease")
    clinic.desk.sql("update clock set look_at = null")
    assert clinic.look()["run"] == [("good", "没有要巡查的计时 ")]


def test_a_deputy_who_is_told_needs_an_address_too(clinic: Clinic) -> None:
    clinic.desk.done(
        "2026-11-03 11:02", "person", "add", "吴十", "--name", "吴十", "--email", "w@example.org"
    )
    assert "addresses" not in clinic.findings()
    clinic.desk.done("2026-11-03 11:03", "person", "delegate", "钱八", "吴十", "--kind", "AB")
    assert clinic.findings() == {"addresses": "没有登记手机号：吴十 要用短信通知，消息只能等着"}


def test_a_role_that_a_unit_may_do_without_is_a_hint(clinic: Clinic) -> None:
    shipped_text = (WORKFLOWS / "ladders" / "duty.yaml").read_text("utf-8")
    assert "没有人担任" not in clinic.hints()
    clinic.desk.sql("delete from appointment where role = 'regulator_head'")
    assert "没有人担任财政部门负责人：市一中" in clinic.hints()
    clinic.own("ladders/duty.yaml", shipped_text.replace("tells: [officer]", "tells: [officer, agency]"))
    assert "没有人担任采购代理机构：市一中" in clinic.hints()
    assert "roles" not in clinic.findings()


def test_a_finished_matter_needs_nobody_any_more(clinic: Clinic) -> None:
    clinic.desk.sql("delete from appointment where role = 'tracker'")
    assert "roles" in clinic.findings()
    for name, workflow in shipped()[0].workflows.items():
        final = next(state.name for state in workflow.states.values() if state.final)
        clinic.desk.sql("update matter set state = ? where workflow = ?", final, name)
    assert not {"roles", "addresses"} & set(clinic.findings())


def test_the_commands_of_the_page_about_inspections_run(empty: Desk, root: Path) -> None:
    test_the_manual.test_the_commands_of_the_how_to_run_in_the_order_in_which_they_stand(
        empty, root, "check-an-installation", 8
    )
