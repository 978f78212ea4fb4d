"""Backups of a database in use are whole, verifying finds what is wrong, and a restored database sends nothing by itself."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.digest import Gathered, Notice, Taken
from engine.errors import Conflict
from runtime.lease import myself
from storage import backups
from storage.backups import back_up, examine, open_backup
from storage.leases import Holding, Leases
from storage.moments import to_ticks
from storage.outbox import SqlOutbox
from storage.outbox_reading import LOOSE
from storage.store import SqlStore
from tests.commands.conftest import DATABASE, HALFWAY, Desk, instant

NOW = "2026-11-04 09:00"  # a Wednesday; the award is promised by 24:00
NEXT = "2026-11-05 09:00"  # Thursday: the promise has passed
RELEASE = ("db", "release", "--reason", "已同收件人核对")


def findings(file: Path) -> list[str]:
    """What verifying a file finds, by check."""
    with closing(open_backup(file)) as store, store.reading():
        return [f.check for f in examine(store, backups.Tally())]


def texts(folder: Path) -> str:
    """Everything that was written out as messages."""
    return "".join(path.read_text("utf-8") for path in sorted(folder.rglob("*.json")))


@pytest.fixture
def waiting(reported: Desk) -> Desk:
    """Two messages wait in the database and in 备份.db, one for 张三, and one for 李四 that was being sent."""
    row = (
        "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text, send_from,"
        " created_at, state, tries, lease_until, owner, provider) values (?, '', 'P2026-0001', '410400', ?, 'officer',"
        " 'sms', 'x', '', ?, 0, 0, ?, 0, 0, '', '')"
    )
    reported.sql("delete from message")
    reported.sql("update person set phone = '13800000000'")
    reported.sql("update person set phone = '13800000001' where id = '李四'")
    reported.sql(row, "a/张三", "张三", "请张三办理", "queued")
    reported.sql(row, "b/李四", "李四", "请李四办理", "sending")
    reported.done(NOW, "db", "backup", "备份.db")
    return reported


def test_a_backup_says_what_it_holds_and_never_overwrites_by_itself(reported: Desk) -> None:
    made = reported.data(NOW, "db", "backup", "备份.db")
    file = reported.folder / "备份.db"
    assert (made["size"], made["sha256"]) == (file.stat().st_size, backups.sha256_of(file))
    assert made["matters"] == reported.sql("select count(*) from matter")[0][0]
    line = reported.sql("select matter, no, hash from history order by id desc limit 1")[0]
    assert (made["last"]["matter"], made["last"]["no"], made["last"]["hash"]) == line
    assert file.stat().st_mode & 0o077 == 0, "it tells telephone numbers"
    before = file.read_bytes()
    reported.done(NOW, "project", "new", "图书采购", *HALFWAY)
    refused = reported.at(NOW, "db", "backup", "备份.db")
    assert (refused.code, file.read_bytes()) == (7, before)
    assert "--force" in refused.err
    said = reported.done(NOW, "db", "backup", "备份.db", "--force")
    assert backups.sha256_of(file) in said
    assert file.read_bytes() != before
    assert reported.at(NOW, "db", "backup", DATABASE, "--force").code == 2
    assert sorted(p.name for p in reported.folder.glob("*备份*")) == ["备份.db"]


def test_a_backup_that_fails_leaves_the_former_one_and_nothing_half_written(
    reported: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    before = (reported.folder / "备份.db").read_bytes()

    def full(_file: Path) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "sha256_of", full)
    failed = reported.at(NOW, "db", "backup", "备份.db", "--force")
    assert (failed.code, "写不成 备份.db" in failed.err) == (1, True)
    assert (reported.folder / "备份.db").read_bytes() == before
    assert list(reported.folder.glob(".*part*")) == []


def test_a_backup_made_while_somebody_writes_holds_whole_transactions_only(reported: Desk) -> None:
    source, stop = reported.folder / DATABASE, threading.Event()
    source_url = f"sqlite:///{source}"
    begun = threading.Event()

    def write() -> None:
        store = SqlStore(source_url)
        number = 0
        while not stop.is_set():
            number += 1
            try:
                with store.transaction():
                    for half in "ab":
                        store.run("insert into meta values (?, '')", (f"{number}{half}",))
            except Conflict:
                continue  # a backup may be in the way for longer than a writer waits
            begun.set()
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(10)
        counts = []
        for number in range(5):
            file = reported.folder / f"备份{number}.db"
            back_up(source, file, force=False)
            assert findings(file) == []
            with closing(sqlite3.connect(file)) as copy:
                halves = copy.execute("select count(*) from meta where name glob '[0-9]*'").fetchone()[0]
            assert halves % 2 == 0
            counts.append(halves)
    finally:
        stop.set()
        writer.join()
    assert counts[0] > 0
    assert counts == sorted(counts)


def _flip_in_the_file(file: Path) -> None:
    """Flip one bit of the history, in the file as it lies on the disk."""
    held = bytearray(file.read_bytes())
    place = held.index('"actor":"张三"'.encode()) + len('"actor":"')
    held[place] ^= 0x01
    file.write_bytes(held)


def _sql(statement: str) -> Callable[[Path], None]:
    def plant(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            for part in statement.split(";"):
                connection.execute(part)
            connection.commit()

    return plant


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _overwrite_a_page(file: Path) -> None:
    held = bytearray(file.read_bytes())
    held[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    file.write_bytes(held)


_NO_GUARD = "drop trigger event_is_kept; drop trigger event_stays"


@pytest.mark.parametrize(
    ("plant", "check", "word"),
    [
        (_flip_in_the_file, "history", "第"),
        (_truncate, "integrity", ""),
        (_overwrite_a_page, "integrity", ""),
        (lambda f: f.write_bytes(b"not a database at all" * 500), "integrity", "不是完好的数据库"),
        (_sql("update meta set value = '1' where name = 'schema'"), "schema", "结构版本是 1"),
        (_sql("drop table meta"), "integrity", "meta"),
        (_sql(f"{_NO_GUARD}; delete from event where seq = 2"), "feed", "事件流水缺号"),
        (_sql(f"{_NO_GUARD}; delete from event where seq = (select max(seq) from event)"), "feed", "末尾缺号"),
        (_sql("drop trigger event_of_history"), "feed", "触发器"),
        (_sql("delete from matter where id = 'P2026-0001.1'"), "history", "P2026-0001.1"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found_in_a_backup_and_keeps_it_from_being_restored(
    reported: Desk, plant: Callable[[Path], None], check: str, word: str
) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    assert reported.at(NOW, "db", "verify", "备份.db").code == 0
    plant(reported.folder / "备份.db")
    ran = reported.at(NOW, "db", "verify", "备份.db", "--json")
    assert ran.code == 6
    found = json.loads(ran.out)
    assert not found["ok"]
    assert [f for f in found["findings"] if f["check"] == check and word in f["where"] + f["what"]]
    before = (reported.folder / DATABASE).read_bytes()
    refused = reported.at(NOW, "db", "restore", "备份.db", "--force")
    assert (refused.code, "没有恢复" in refused.err) == (6, True)
    assert (reported.folder / DATABASE).read_bytes() == before


def test_the_database_in_use_is_verified_too_and_the_digest_tells_another_file(reported: Desk) -> None:
    said = reported.done(NOW, "db", "verify")
    assert "没有发现问题" in said
    assert reported.data(NOW, "db", "verify", DATABASE)["sha256"] is None
    made = reported.data(NOW, "db", "backup", "备份.db")
    reported.done(NOW, "db", "verify", "备份.db", "--sha256", made["sha256"].upper())
    other = reported.at(NOW, "db", "verify", "备份.db", "--sha256", "0" * 64)
    assert (other.code, "SHA-256 与备份时的不同" in other.out) == (6, True)
    assert backups.sha256_of(reported.folder / "备份.db") == made["sha256"], "verifying changes nothing"
    reported.sql("update history set body = replace(body, '张三', '张王') where no = 2")
    assert reported.at(NOW, "db", "verify").code == 6


def test_a_copy_with_an_open_journal_beside_it_is_no_backup(reported: Desk) -> None:
    (reported.folder / "拷贝.db").write_bytes((reported.folder / DATABASE).read_bytes())
    (reported.folder / "拷贝.db-wal").write_bytes(b"\x37\x7f\x06\x82 frames")
    ran = reported.at(NOW, "db", "verify", "拷贝.db")
    assert (ran.code, "不是完整的备份" in ran.err) == (2, True)


def test_a_restored_database_is_that_of_the_backup_and_the_former_one_is_kept(reported: Desk) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    reported.done(NOW, "project", "new", "图书采购", *HALFWAY)
    lost = reported.dump()
    assert reported.at(NOW, "db", "restore", "备份.db").code == 7
    reported.done(NOW, "db", "restore", "备份.db", "--force", "--dry-run")
    assert reported.dump() == lost
    done = reported.data(NOW, "db", "restore", "备份.db", "--force")
    assert reported.sql("select id from matter where root = id") == [("P2026-0001",)]
    with closing(sqlite3.connect(reported.folder / done["kept"])) as former:
        assert list(former.iterdump()) == lost
    assert done["kept"] == "yiriban.20261104T090000.db"
    again = reported.data(NOW, "db", "restore", "备份.db", "--force")
    assert again["kept"] == "yiriban.20261104T090000-2.db", "no kept file is ever replaced"
    reported.done(NOW, "db", "verify")


def test_a_journal_left_behind_by_a_lost_database_does_not_touch_the_restored_one(reported: Desk) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    file, hot = reported.folder / DATABASE, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 pages of another database"
    file.unlink()
    Path(f"{file}-journal").write_bytes(hot)
    assert reported.data(NOW, "db", "restore", "备份.db")["kept"] is None
    assert (reported.folder / "yiriban.20261104T090000.db-journal").read_bytes() == hot
    reported.done(NOW, "db", "verify")


def test_a_damaged_database_is_replaced_and_kept_as_it_is(reported: Desk) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    (reported.folder / DATABASE).write_bytes(b"damaged " * 1000)
    assert reported.at(NOW, "db", "verify").code == 6
    done = reported.data(NOW, "db", "restore", "备份.db", "--force")
    assert (reported.folder / done["kept"]).read_bytes() == b"damaged " * 1000
    reported.done(NOW, "db", "verify")


def test_nothing_is_restored_under_a_running_patrol_or_an_open_transaction(
    reported: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported.done(NOW, "db", "backup", "备份.db")
    me, now = myself(), instant(NOW)
    store = SqlStore(f"sqlite:///{reported.folder / DATABASE}")
    mine = Holding(me.user, me.host, me.pid, me.birth, now, instant("2026-11-04 09:01"))
    with store.transaction():
        Leases(store).take("metronome", mine, None)
    ran = reported.at(NOW, "db", "restore", "备份.db", "--force")
    assert (ran.code, f"进程 {me.pid}" in ran.err) == (7, True)
    with store.transaction():
        Leases(store).release("metronome", mine)
    monkeypatch.setattr(backups, "BUSY_MS", 20)
    with store.transaction():
        assert reported.at(NOW, "db", "restore", "备份.db", "--force").code == 7
    store.close()
    reported.done(NOW, "db", "restore", "备份.db", "--force")


def test_on_hold_clocks_fire_and_nothing_is_sent(waiting: Desk) -> None:
    fires = waiting.sql("select count(*) from fire")[0][0]
    waiting.done(NOW, "db", "restore", "备份.db", "--force")
    for said in (waiting.done(NEXT, "message", "list"), waiting.at(NEXT, "doctor").out):
        assert "停发消息" in said
        assert "yiriban db release" in said
    assert waiting.data(NEXT, "message", "list")["hold"]["waited"] == 2
    waiting.done(NEXT, "patrol")
    assert waiting.sql("select count(*) from fire")[0][0] > fires
    refused = waiting.at(NEXT, "message", "send", "--drop", "out")
    assert (refused.code, "停发消息" in refused.err) == (5, True)
    (waiting.folder / "yiriban.toml").write_text('[channels]\ndrop = "out"\n', "utf-8")
    waiting.done(NEXT, "run", "--once")
    assert not (waiting.folder / "out").exists() or not texts(waiting.folder / "out")
    assert waiting.sql("select 1 from attempt") == []
    left = waiting.sql("select state, count(*) from message group by state order by state")
    assert [state for state, _ in left] == ["queued", "sending"]
    assert left[0][1] > 2
    later = instant("2026-11-06 12:00")  # Friday noon: every notice may go out
    store = SqlStore(f"sqlite:///{waiting.folder / DATABASE}")
    asked: list[int] = []

    def put(notices: Sequence[Notice], _taken: Taken) -> Gathered:
        asked.append(len(notices))
        return Gathered()

    with closing(store), store.transaction():
        assert len(store.run(LOOSE, (to_ticks(later),)).fetchall()) > 1
        SqlOutbox(store).gather(later, put)
    assert asked == [], "nothing is put together either"


def test_a_hold_ends_when_every_message_is_decided_and_the_decision_stays(waiting: Desk) -> None:
    waiting.done(NOW, "db", "restore", "备份.db", "--force")
    undecided = waiting.at(NEXT, *RELEASE, "--send", "a/张三")
    assert (undecided.code, "还有 1 条消息没有决定" in undecided.err, "b/李四" in undecided.err) == (
        5,
        True,
        True,
    )
    assert waiting.at(NEXT, *RELEASE, "--send", "a/张三", "--drop", "a/张三").code == 2
    assert waiting.at(NEXT, *RELEASE, "--send", "a/王五").code == 3
    assert waiting.at(NEXT, *RELEASE, "--send", "all", person="王五").code == 3, "nobody is called so"
    before = waiting.dump()
    waiting.done(NEXT, *RELEASE, "--send", "a/张三", "--drop", "all", "--dry-run")
    assert waiting.dump() == before
    waiting.done(NEXT, *RELEASE, "--send", "a/张三", "--drop", "all")
    waiting.done(NEXT, "message", "send", "--drop", "out")
    sent = texts(waiting.folder / "out")
    assert ("请张三办理" in sent, "请李四办理" in sent) == (True, False)
    assert waiting.sql("select state, doubt from message where key = 'b/李四'") == [("dead", "dropped")]
    for key, outcome in (("a/张三", "released"), ("b/李四", "dropped")):
        [line] = [a for a in _attempts(waiting, key) if a["outcome"] == outcome]
        assert re.fullmatch(r"张三（.+）：已同收件人核对", line["detail"])
    [(told,)] = waiting.sql("select value from meta where name like 'hold ended %'")
    assert (json.loads(told)["sent"], json.loads(told)["dropped"]) == (["a/张三"], ["b/李四"])
    assert "停发" not in waiting.done(NEXT, "message", "list", "--state", "queued")
    assert waiting.at(NEXT, *RELEASE).code == 5


def _attempts(desk: Desk, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.data(NEXT, "message", "show", key)["attempts"]
    return found


def test_at_night_a_released_sms_waits_for_the_morning(waiting: Desk) -> None:
    night = "2026-11-04 22:00"
    waiting.done(NOW, "db", "restore", "备份.db", "--force")
    waiting.done(night, *RELEASE, "--send", "all")
    waiting.done(night, "message", "send", "--drop", "out")
    assert "请张三办理" not in texts(waiting.folder / "out")
    waiting.done("2026-11-05 08:00", "message", "send", "--drop", "out")
    assert "请张三办理" in texts(waiting.folder / "out")
