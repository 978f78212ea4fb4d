"""Tables, moments and money as people read them; JSON as programs do."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, date, datetime

import pytest

from commands.printing import due, emit, local, money, table, width
from engine.term import Length, Moment


def test_a_table_lines_up_where_chinese_and_latin_mix() -> None:
    lines = table(
        [("P-1", "校园安防改造", 12), ("QHCG-2", None, 3)], ("编号", "名称", "天"), right=[2]
    ).splitlines()
    assert lines == [
        "编号    名称          天",
        "------  ------------  --",
        "P-1     校园安防改造  12",
        "QHCG-2  -              3",
    ]


def test_a_table_fits_one_hundred_columns_and_loses_nothing() -> None:
    long = "政府采购" * 60
    drawn = table([("P-1", long, "x" * 70)], ("编号", "名称", "备注"))
    assert max(map(width, drawn.splitlines())) <= 100
    assert drawn.count("政") == 60
    assert drawn.count("x") == 70


def test_a_due_moment_at_midnight_keeps_its_own_day() -> None:
    midnight = Moment(date(2026, 11, 20), datetime(2026, 11, 20, 16, tzinfo=UTC), "midnight")  # a Friday
    close = Moment(date(2026, 11, 20), datetime(2026, 11, 20, 9, 30, tzinfo=UTC), "close", provisional=True)
    assert due(midnight) == "2026-11-20 24:00"
    assert due(midnight, short=True) == "11-20 24:00"
    assert due(close) == "2026-11-20 17:30?"
    assert due(None) == "-"
    assert local(datetime(2026, 11, 20, 16, tzinfo=UTC)) == "2026-11-21 00:00"
    with pytest.raises(ValueError, match="no zone"):
        local(datetime(2026, 11, 20, 16))  # noqa: DTZ001 - the refusal is what is tested


def test_money_is_read_in_yuan() -> None:
    assert [money(fen) for fen in (0, 5, 123456789, -150)] == [
        "0.00 元",
        "0.05 元",
        "1,234,567.89 元",
        "-1.50 元",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_json_carries_its_schema_and_loses_nothing_in_any_encoding(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="replace"))
    payload = {"title": "𠮷野①", "day": date(2026, 11, 20), "limit": Length(2, "working days")}
    emit(True, "project-list", payload, lambda: pytest.fail("text was not wanted"))
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == {
        "schema": "yiriban.project-list/1",
        "title": "𠮷野①",
        "day": "2026-11-20",
        "limit": "2 working days",
    }
