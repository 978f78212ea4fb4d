"""`yiriban db upgrade`: every other command refuses an older database and names it; a backup first; nothing is lost."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import Conflict
from runtime.lease import myself
from storage import claims
from storage.leases import Holding, Leases
from storage.store import SqlStore
from storage.tables import SCHEMA_VERSION
from tests.city import ROOT
from tests.commands.conftest import DATABASE, Desk, instant
from tests.migrations.conftest import NOW

WORDS = (
    ("project", "list"), ("project", "show", "P2026-0001"), ("project", "new", "桌子"), ("patrol",),
    ("run", "--once"), ("desk", "officer"), ("report",), ("clock", "list"), ("case", "list"), ("person", "list"),
    ("person", "add", "吴十", "--name", "吴十"), ("unit", "list"), ("message", "list"), ("channel", "list"),
    ("history", "verify"), ("feed", "list"), ("feed",), ("db", "backup", "备份.db"), ("db", "release", "--reason", "x"), ("init",),
)  # fmt: skip


def test_every_other_command_refuses_an_older_database_and_names_the_upgrade(old: Desk) -> None:
    before = old.dump()
    for words in WORDS:
        refused = old.at(NOW, *words)
        assert refused.code == 1, words
        assert f"结构版本是 1，本程序需要 {SCHEMA_VERSION}" in refused.err, words
        assert "yiriban db upgrade" in refused.err, words
    looked = old.at(NOW, "doctor")
    assert (looked.code, "yiriban db upgrade" in looked.out) == (6, True)
    verified = old.at(NOW, "db", "verify")
    assert (verified.code, "yiriban db upgrade" in verified.err) == (6, True)
    assert old.dump() == before
    assert not (old.folder / "备份.db").exists()


def test_the_upgrade_is_rehearsed_then_backed_up_and_done_and_then_there_is_nothing_to_do(old: Desk) -> None:
    before = old.dump()
    shown = old.done(NOW, "db", "upgrade", "--dry-run")
    assert "只预演，没有改动" in shown
    rehearsed = old.data(NOW, "db", "upgrade", "--dry-run")
    versions = list(range(2, SCHEMA_VERSION + 1))
    assert [step["version"] for step in rehearsed["steps"]] == versions
    assert (rehearsed["changed"], rehearsed["backup"]) == (False, None)
    assert old.dump() == before
    assert [path.name for path in old.folder.glob("*.db")] == [DATABASE]

    done = old.data(NOW, "db", "upgrade")
    assert (done["changed"], done["from"], done["to"]) == (True, 1, SCHEMA_VERSION)
    assert done["steps"] == rehearsed["steps"]
    assert done["backup"]["file"] == "yiriban.before-upgrade.20261109T113000.db"
    with closing(sqlite3.connect(old.folder / done["backup"]["file"])) as backup:
        assert list(backup.iterdump()) == before
    assert old.sql("select value from meta where name = 'schema'") == [(str(SCHEMA_VERSION),)]
    assert "没有发现问题" in old.done(NOW, "db", "verify")
    journal = old.folder / f"{DATABASE}-journal"
    assert not journal.exists() or journal.stat().st_size == 0, "as large as the tables, and of no more use"

    after = old.dump()
    assert "不用升级" in old.done(NOW, "db", "upgrade")
    again = old.data(NOW, "db", "upgrade", "--dry-run")
    assert (again["changed"], again["steps"], again["from"], again["to"]) == (
        False, [], SCHEMA_VERSION, SCHEMA_VERSION,
    )  # fmt: skip
    assert old.dump() == after
    assert len(list(old.folder.glob("*.db"))) == 2, "nothing to do, nothing to back up"


def test_the_backup_goes_where_it_is_told_to_and_without_one_nothing_is_upgraded(old: Desk) -> None:
    before = old.dump()
    (old.folder / "有.db").write_bytes(b"somebody's")
    refused = old.at(NOW, "db", "upgrade", "--backup", "有.db")
    assert (refused.code, (old.folder / "有.db").read_bytes()) == (7, b"somebody's")
    assert old.at(NOW, "db", "upgrade", "--backup", "没有/这里.db").code == 1
    assert old.at(NOW, "db", "upgrade", "--backup", DATABASE).code == 2
    assert old.dump() == before
    old.done(NOW, "db", "upgrade", "--backup", "旧库.db")
    with closing(sqlite3.connect(old.folder / "旧库.db")) as backup:
        assert list(backup.iterdump()) == before


@pytest.mark.parametrize(
    ("version", "why", "then"),
    [
        (str(SCHEMA_VERSION + 1), "本程序太旧", "换上更新的 yiriban"),
        ("99", "本程序太旧", "换上更新的 yiriban"),
        ("0", "", ""),
        ("abc", "可能不是一日办的库", "--database"),
    ],
)
def test_a_newer_or_unknown_schema_is_refused_in_plain_words(
    old: Desk, version: str, why: str, then: str
) -> None:
    old.sql("update meta set value = ? where name = 'schema'", version)
    before = old.dump()
    for words in (("db", "upgrade"), ("db", "upgrade", "--dry-run")):
        refused = old.at(NOW, *words)
        assert refused.code == 1
        assert why in refused.err
        assert then in refused.err
        assert "数据没有改动" in refused.err
    assert old.dump() == before
    assert not list(old.folder.glob("*before-upgrade*"))


def test_what_is_no_database_of_ours_is_not_upgraded(empty: Desk) -> None:
    assert empty.at(NOW, "db", "upgrade").code == 3
    assert not (empty.folder / DATABASE).exists()
    with closing(sqlite3.connect(empty.folder / DATABASE)) as connection:
        connection.execute("create table somebodys (a)")
    assert empty.at(NOW, "db", "upgrade").code == 3
    (empty.folder / DATABASE).write_text("序号,项目名称\n" * 100, encoding="utf-8")
    refused = empty.at(NOW, "db", "upgrade")
    assert (refused.code, "不是完好的数据库" in refused.err) == (1, True)
    memory = empty.at(NOW, "--database", "sqlite://", "db", "upgrade")
    assert (memory.code, "不是一个文件" in memory.err) == (2, True)


def test_nothing_is_upgraded_under_a_running_patrol_or_an_open_transaction(
    old: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, now = myself(), instant(NOW)
    mine = Holding(me.user, me.host, me.pid, me.birth, now, instant("2026-11-09 11:40"))
    with closing(SqlStore(f"sqlite:///{old.folder / DATABASE}")) as store:
        with store.transaction():
            Leases(store).take("metronome", mine, None)
        refused = old.at(NOW, "db", "upgrade")
        assert (refused.code, "yiriban run 正在使用" in refused.err, "再升级" in refused.err) == (
            7,
            True,
            True,
        )
        with store.transaction():
            Leases(store).release("metronome", mine)
        monkeypatch.setattr(claims, "BUSY_MS", 20)
        with store.transaction():
            assert old.at(NOW, "db", "upgrade").code == Conflict.exit_code
        assert old.sql("select value from meta where name = 'schema'") == [("1",)]
    assert not list(old.folder.glob("*before-upgrade*"))
    old.done(NOW, "db", "upgrade")


def test_of_two_upgrades_at_once_one_does_it_and_the_other_finds_it_done(old: Desk) -> None:
    words = [sys.executable, str(ROOT / "cli.py"), "--database", DATABASE, "db", "upgrade", "--json"]
    both = [
        subprocess.Popen(words, cwd=old.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted(json.loads(out)["changed"] for out, _ in told) == [False, True]
    assert "没有发现问题" in old.done(NOW, "db", "verify")


def test_an_older_backup_is_restored_by_upgrading_a_copy_of_it(old: Desk) -> None:
    file = old.folder / DATABASE
    (old.folder / "旧备份.db").write_bytes(file.read_bytes())
    old.done(NOW, "db", "upgrade")
    refused = old.at(NOW, "db", "restore", "旧备份.db", "--force")
    assert (refused.code, "yiriban --database 旧备份.new.db db upgrade" in refused.err) == (6, True)
    (old.folder / "旧备份.new.db").write_bytes((old.folder / "旧备份.db").read_bytes())
    old.done(NOW, "--database", "旧备份.new.db", "db", "upgrade")
    old.done(NOW, "db", "restore", "旧备份.new.db", "--force")
    assert "没有发现问题" in old.done(NOW, "db", "verify")


def test_the_commands_of_the_how_to_run_in_the_order_in_which_they_stand(old: Desk, root: Path) -> None:
    (old.folder / "备份-1102.db").write_bytes((old.folder / DATABASE).read_bytes())
    page = (root / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\$ (.+)$", page, re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        program, *words = shlex.split(line)
        if program == "cp":
            shutil.copy(old.folder / words[0], old.folder / words[1])
        else:
            assert program == "yiriban"
            old.done(NOW, *words)
    assert "没有发现问题" in old.done(NOW, "db", "verify")
