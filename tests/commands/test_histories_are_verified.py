"""`history verify` finds every way of tampering with a line, and names the matter and the line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.chain import chained
from tests.commands.conftest import HALFWAY, Desk

NOW = "2026-11-04 09:00"  # a Wednesday
MATTER = (
    "P2026-0001.1"  # five lines: opened, taken in half-way, evaluation ended, a reminder, report delivered
)
LINE = "where matter = 'P2026-0001.1' and no = "


def flip_a_byte(desk: Desk) -> None:
    desk.sql(f"update history set body = replace(body, '张三', '张王') {LINE} 3")


def flip_a_bit_of_the_encoding(desk: Desk) -> None:
    desk.sql(f"update history set body = cast(replace(cast(body as blob), x'e5', x'65') as text) {LINE} 3")


def delete_a_line(desk: Desk) -> None:
    desk.sql(f"delete from history {LINE} 3")


def rewrite_a_line_with_its_hash(desk: Desk) -> None:
    previous = desk.sql(f"select hash from history {LINE} 2")[0][0]
    body = desk.sql(f"select body from history {LINE} 3")[0][0].replace("2026-11-03T02", "2026-11-03T01")
    ticks = desk.sql(f"select at from history {LINE} 3")[0][0] - 3_600_000_000
    sql = f"update history set body = ?, hash = ?, at = ?, recorded_at = ? {LINE} 3"
    desk.sql(sql, body, chained(previous, body), ticks, ticks)


def cut_the_tail(desk: Desk) -> None:
    desk.sql(f"delete from history {LINE} 5")


def cut_the_tail_and_the_count(desk: Desk) -> None:
    desk.sql(f"delete from history {LINE} 5")
    desk.sql("update matter set history_no = 4 where id = 'P2026-0001.1'")


def add_a_line(desk: Desk) -> None:
    desk.sql(
        "insert into history (matter, no, kind, at, recorded_at, body, hash, algorithm, jurisdiction)"
        f" select matter, 6, kind, at, recorded_at, body, hash, algorithm, jurisdiction from history {LINE} 5"
    )


def swap_two_lines(desk: Desk) -> None:
    for wanted, number in ((-3, 3), (3, 4), (4, -3)):
        desk.sql(f"update history set no = {wanted} {LINE} {number}")


def change_a_column(desk: Desk) -> None:
    desk.sql(f"update history set recorded_at = recorded_at - 1 {LINE} 4")


def change_the_state(desk: Desk) -> None:
    desk.sql("update matter set state = 'decided' where id = 'P2026-0001.1'")


def change_the_workflow(desk: Desk) -> None:
    desk.sql("update matter set workflow = 'instalment' where id = 'P2026-0001.1'")


def change_the_head(desk: Desk) -> None:
    desk.sql("update matter set head_hash = replace(head_hash, substr(head_hash, 1, 1), 'x')"
             " where id = 'P2026-0001.1'")  # fmt: skip


def name_another_algorithm(desk: Desk) -> None:
    desk.sql(f"update history set algorithm = 'md5' {LINE} 4")


def put_text_where_a_moment_stood(desk: Desk) -> None:
    desk.sql(f"update history set at = 'gestern' {LINE} 4")


@pytest.mark.parametrize(
    ("tamper", "line", "kind"),
    [
        (flip_a_byte, 3, "hash"),
        (flip_a_bit_of_the_encoding, 3, "body"),
        (delete_a_line, 3, "missing"),
        (rewrite_a_line_with_its_hash, 4, "hash"),
        (cut_the_tail, 5, "tail"),
        (cut_the_tail_and_the_count, 4, "head"),
        (add_a_line, 6, "tail"),
        (swap_two_lines, 3, "column"),
        (change_a_column, 4, "column"),
        (change_the_state, 5, "state"),
        (change_the_workflow, 1, "state"),
        (change_the_head, 5, "head"),
        (name_another_algorithm, 4, "algorithm"),
        (put_text_where_a_moment_stood, 4, "column"),
    ],
)
def test_a_tampered_line_is_found_and_named(
    reported: Desk, tamper: Callable[[Desk], None], line: int, kind: str
) -> None:
    assert len(reported.sql("select 1 from history where matter = ?", MATTER)) == 5
    assert reported.at(NOW, "history", "verify").code == 0
    tamper(reported)
    ran = reported.at(NOW, "history", "verify", "--json")
    assert ran.code == 6
    found = json.loads(ran.out)
    assert found["ok"] is False
    assert {b["matter"] for b in found["findings"]} == {MATTER}
    assert (line, kind) in [(b["line"], b["kind"]) for b in found["findings"]]
    alone = json.loads(reported.at(NOW, "history", "verify", "P2026-0001", "--json").out)
    assert alone["findings"] == found["findings"]
    text = reported.at(NOW, "history", "verify")
    assert text.code == 6
    assert f"{MATTER} 第 {line} 行" in text.out
    assert "不要继续写入" in text.err


def test_a_matter_taken_out_of_its_table_leaves_a_history_that_accuses(reported: Desk) -> None:
    reported.sql("delete from matter where id = 'P2026-0001.1'")
    ran = reported.at(NOW, "history", "verify")
    assert (ran.code, "P2026-0001.1 第 0 行: 有历史而没有这个事项" in ran.out) == (6, True)


def test_only_the_named_project_is_checked_when_one_is_named(reported: Desk) -> None:
    reported.done(NOW, "project", "new", "图书采购", *HALFWAY)
    flip_a_byte(reported)
    assert reported.at(NOW, "history", "verify", "P2026-0001.1").code == 6
    assert reported.at(NOW, "history", "verify", "P2026-0002").code == 0


def test_a_history_is_shown_in_the_order_in_which_it_was_written(reported: Desk) -> None:
    found = reported.data(NOW, "history", "show", "P2026-0001")
    assert [(line["matter"], line["no"]) for line in found["lines"]] == [
        ("P2026-0001", 1),
        ("P2026-0001", 2),
        *(("P2026-0001.1", number) for number in range(1, 6)),
    ]
    last = reported.done(NOW, "history", "show", "P2026-0001", "--limit", "1")
    assert "张三  送交评审报告  评审结束 → 报告已送达" in last
    assert "列出 1 条，共 7 条" in last
