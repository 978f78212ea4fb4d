"""What the first issue knew, the upgraded database knows; time goes on in it, and nothing is sent twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.commands.conftest import DATABASE, Desk, instant
from tests.migrations.conftest import NOW

TUESDAY = "2026-11-10 09:00"
"""Two clocks have passed their statutory moment at 24:00 of Monday."""
CHANGED = {"matter.pauses", "meta.value"}
"""The columns whose values an upgrade may rewrite."""


def _rows(file: Path, table: str, columns: Sequence[str]) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        named = ", ".join(f'"{column}"' for column in columns)
        return connection.execute(f'select {named} from "{table}" order by rowid').fetchall()


def _reference(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]


def _written(folder: Path) -> list[str]:
    """The references of the files that were written, one for each."""
    return [path.stem.rpartition("-")[2] for path in folder.rglob("*.*") if path.suffix in (".eml", ".json")]


def test_every_row_of_every_table_is_there_with_the_values_that_it_had(upgraded: Desk) -> None:
    new = upgraded.folder / DATABASE
    [old] = upgraded.folder.glob("*.before-upgrade.*.db")
    with closing(sqlite3.connect(old)) as connection:
        tables = [
            r[0] for r in connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        ]
    assert len(tables) == 17
    compared = 0
    for table in tables:
        with closing(sqlite3.connect(old)) as connection:
            named = [r[1] for r in connection.execute(f"pragma table_info({table})")]
        columns = [name for name in named if f"{table}.{name}" not in CHANGED]
        before = _rows(old, table, columns)
        assert _rows(new, table, columns) == before, table
        compared += len(before)
    assert compared > 190


def test_what_the_first_issue_did_not_write_is_filled_in_as_far_as_it_is_known(upgraded: Desk) -> None:
    pauses = dict(upgraded.sql("select id, pauses from matter where pauses <> '[]'"))
    assert {matter: [len(p) for p in json.loads(told)] for matter, told in pauses.items()} == {
        "P2026-0002.1.1": [4], "P2026-0004.1": [4],
    }  # fmt: skip
    assert json.loads(pauses["P2026-0004.1"])[0][2:] == ["疫情停课", ""]
    for person, channel, provider, key in upgraded.sql(
        "select a.person, a.channel, a.provider, a.message from attempt a"
    ):
        assert (key.split("/")[-2:], provider) == ([person, channel], "file")
    for key, reference, state, tries, handed in upgraded.sql(
        "select key, reference, state, tries, handed_at from message"
    ):
        given = tries > 0 or state == "sending"
        assert reference == (_reference(key) if given else None)
        assert (handed is not None) == (tries > 0)
    ends = dict(
        upgraded.sql("select key, expires_at from message where state = 'queued' and expires_at is not null")
    )
    at = instant("2026-11-12 00:00").timestamp() * 1e6  # the report is due by Wednesday 24:00
    assert ends["P2026-0004.1/deliver_report/1/1/started/1/张三/email"] == at
    assert len(ends) == len(upgraded.sql("select 1 from message where state = 'queued'")), (
        "all were reminders"
    )


def test_the_feed_tells_all_of_history_in_its_order_and_each_collapsed_reminder_at_its_place(
    upgraded: Desk,
) -> None:
    told = upgraded.sql("select matter, no, hash, kind, recorded_at from event where no > 0 order by seq")
    lines = upgraded.sql("select matter, no, hash, kind, recorded_at from history order by id")
    assert told == lines
    [(seq, key, matter, at)] = upgraded.sql(
        "select seq, ref, matter, recorded_at from event where kind = 'collapsed'"
    )
    assert key == "P2026-0003.1/deliver_report/1/1/started/1"
    before, after = (
        upgraded.sql("select max(recorded_at) from event where seq < ? and matter = ?", seq, matter)[0][0],
        upgraded.sql("select min(recorded_at) from event where seq > ? and matter = ?", seq, matter)[0][0],
    )
    assert before <= at
    assert after is None or after >= at
    assert [r[0] for r in upgraded.sql("select seq from event order by seq")] == list(
        range(1, len(lines) + 2)
    )
    upgraded.done(NOW, "project", "do", "P2026-0004.2", "end_evaluation")
    newest = upgraded.sql("select matter, kind from event order by seq desc limit 1")
    assert newest[0][0] == "P2026-0004.2", "the triggers go on from there"


def test_projects_clocks_cases_and_desks_are_those_of_the_first_issue(upgraded: Desk) -> None:
    projects = {p["id"]: p["lamp"] for p in upgraded.data(NOW, "project", "list")["projects"]}
    assert projects == {
        "P2026-0001": "unverified", "P2026-0002": "soon", "P2026-0003": "soon", "P2026-0004": "paused",
        "P2026-0005": "normal",
    }  # fmt: skip
    clocks = {(c["matter"], c["clock"]): c for c in upgraded.data(NOW, "clock", "list")["clocks"]}
    assert len(clocks) == 7
    assert clocks["P2026-0005.1", "decide_award"]["promise"] == "2026-11-13T00:00:00+08:00", "extended"
    assert clocks["P2026-0004.1", "deliver_report"]["state"] == "paused"
    assert [c["id"] for c in upgraded.data(NOW, "case", "list")["cases"]] == ["P2026-0001.1-C1"]
    page = upgraded.done(NOW, "desk", "tracker", person="钱八")
    assert "P2026-0001.1-C1" in page
    assert "延期申请，等另一人审批" in page
    assert "没有发现问题" in upgraded.done(NOW, "history", "verify")
    assert upgraded.done(NOW, "project", "show", "PDS-2026-017") == upgraded.done(
        NOW, "project", "show", "P2026-0002"
    )


def test_time_goes_on_where_it_stood_and_people_act_on(upgraded: Desk) -> None:
    # the first patrol of this version begins the recurring duties: one of the year runs, nothing else is due
    begun = upgraded.data(NOW, "patrol")
    assert [duty["matter"] for duty in begun["opened"]] == ["D82-410400-2026"]
    assert {fire["matter"] for fire in begun["fires"]} == {"D82-410400-2026"}
    assert "没有到点的事" in upgraded.done(NOW, "patrol")
    fires = upgraded.sql("select key from fire order by key")
    upgraded.done(NOW, "clock", "resume", "P2026-0004.1", "--reason", "复课", person="李四")
    upgraded.done(NOW, "clock", "approve", "P2026-0005.1", "decide_award", "--reason", "同意", person="王五")
    beat = upgraded.data(TUESDAY, "patrol")
    new = {r[0] for r in upgraded.sql("select key from fire")} - {r[0] for r in fires}
    assert new == {
        "P2026-0001.1/decide_award/1/1/soon_by_law/1",
        "P2026-0002.1/publish_result/1/1/overdue_by_law/1",
        "P2026-0002.1.1/publish_contract/1/1/soon_by_law/1",
        "P2026-0003.1/deliver_report/1/1/overdue_by_law/1",
    }
    assert beat["troubles"] == []
    assert "没有到点的事" in upgraded.done(TUESDAY, "patrol")
    upgraded.done(
        TUESDAY, "project", "do", "P2026-0003", "deliver_report", "--evidence", "evaluation_report=文件.pdf"
    )
    upgraded.done(TUESDAY, "case", "do", "P2026-0001.1-C1", "remind", "--fact", "letter_no=函1号",
                  person="钱八")  # fmt: skip
    assert "没有发现问题" in upgraded.done(TUESDAY, "db", "verify")
    assert upgraded.at(TUESDAY, "doctor").out.count("× 问题  流转记录") == 0


def test_nothing_is_sent_twice_and_what_was_held_is_asked_for_first(upgraded: Desk) -> None:
    """Of the two that a killed sender held, one had left: its file is there, the other's is not."""
    sent = {r[0] for r in upgraded.sql("select key from message where state = 'accepted'")}
    held = {r[0] for r in upgraded.sql("select key from message where state = 'sending'")}
    assert (len(sent), len(held)) == (30, 2)
    [left] = [key for key in held if key.endswith("/email")]
    upgraded.sql("update person set email = 'wangwu@example.org' where id = '王五'")
    upgraded.sql("update person set phone = '13800000004' where id = '李四'")
    file = upgraded.folder / "out" / "mail" / f"20261105-{_reference(left)}.eml"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"what the first issue wrote")
    (upgraded.folder / "yiriban.toml").write_text('[channels]\ndrop = "out"\n', "utf-8")
    for moment in (
        NOW,
        "2026-11-09 12:30",
        TUESDAY,
        "2026-11-10 10:00",
    ):  # the killed sender's lease ends at 12:08
        upgraded.done(moment, "run", "--once")
    states = dict(upgraded.sql("select key, state from message"))
    assert {states[key] for key in sent} == {"accepted"}
    assert {states[key] for key in held} == {"accepted"}
    assert file.read_bytes() == b"what the first issue wrote", "it had left"
    written = _written(upgraded.folder / "out")
    assert len(written) == len(set(written)), "one file each"
    assert set(written) & {_reference(key) for key in sent} == set()
    assert {_reference(key) for key in held} <= set(written)
    asked = upgraded.sql("select message, asked, outcome from attempt where provider = 'file' and asked = 1")
    assert {key for key, *_ in asked} == held
    assert upgraded.sql("select 1 from message where state in ('queued', 'sending') and send_from < ?",
                        int(instant(TUESDAY).timestamp() * 1e6)) == []  # fmt: skip
