"""A holiday notice is checked, rehearsed and adopted; open clocks move with history."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import HALFWAY
from tests.conftest import Ran

Run = Callable[..., Ran]
# Monday 2026-12-28, 10:00 in Shanghai: seven working days reach into a year nobody has announced
NOW = datetime(2026, 12, 28, 2, 0, tzinfo=UTC)


def notice(path: Path, *, bridge: bool) -> Path:
    """Write a made-up but complete notice of 2027; with ``bridge`` Monday 4 January is off, Sunday worked."""
    off = {
        "元旦": ["2027-01-01"], "春节": [f"2027-02-{d:02d}" for d in range(5, 13)],
        "清明节": ["2027-04-05"], "劳动节": ["2027-05-01", "2027-05-02", "2027-05-03"], "端午节": ["2027-06-09"],
        "中秋节": ["2027-09-15"], "国庆节": [f"2027-10-{d:02d}" for d in range(1, 8)],
    }  # fmt: skip
    days = [{"name": n, "date": d, "isOffDay": True} for n, listed in off.items() for d in listed]
    if bridge:
        days += [
            {"name": "元旦", "date": "2027-01-04", "isOffDay": True},
            {"name": "元旦", "date": "2027-01-09", "isOffDay": False},
        ]
    file = path / "2027.json"
    file.write_text(json.dumps({"year": 2027, "papers": [], "days": days}, ensure_ascii=False), "utf-8")
    return file


@pytest.fixture
def city(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """A city with its own workflows folder and one contract signed on Monday 28 December 2026."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("YIRIBAN_WORKFLOWS", str(own))
    monkeypatch.setattr("runtime.assembly.system_now", lambda: NOW)
    monkeypatch.setattr("commands.room.assembly.system_now", lambda: NOW)
    (tmp_path / "a.pdf").write_text("a")
    assert run("--as", "张三", "init", "--unit", "市一中").code == 0
    assert run("--as", "张三", "project", "new", "课桌椅", *HALFWAY).code == 0
    steps: tuple[tuple[str, ...], ...] = (
        ("end_evaluation",),
        ("deliver_report", "--evidence", "evaluation_report=a.pdf"),
        ("decide_award", "--fact", "supplier=甲"),
        ("issue_award_letter", "--fact", "contracts=1", "--evidence", "award_letter=a.pdf"),
        ("sign_contract", "--fact", "amount=100元", "--fact", "instalments=1", "--fact", "supplier_small=否",
         "--evidence", "contract_text=a.pdf", "--checked", "contract_terms"),
    )  # fmt: skip
    for step in steps:
        done = run("--as", "张三", "project", "do", "P2026-0001", *step)
        assert done.code == 0, done.err
    return run


def filing(run: Run) -> dict[str, Any]:
    listed = json.loads(run("clock", "list", "--json").out)["clocks"]
    found: dict[str, Any] = next(c for c in listed if c["clock"] == "file_contract")
    return found


def test_an_adopted_notice_moves_open_clocks_once_and_leaves_history(city: Run, tmp_path: Path) -> None:
    before = filing(city)
    file = notice(tmp_path, bridge=True)
    preview = json.loads(city("calendar", "adopt", str(file), "--dry-run", "--json").out)
    assert [m["clock"] for m in preview["moved"]] == ["file_contract"]
    assert filing(city) == before
    adopted = json.loads(city("calendar", "adopt", str(file), "--json").out)
    assert adopted["moved"] == preview["moved"]
    old, new = (datetime.fromisoformat(adopted["moved"][0][k]) for k in ("before", "after"))
    assert new - old == timedelta(days=1)  # Monday off, but Saturday the 9th is worked
    again = json.loads(city("calendar", "adopt", str(file), "--json").out)
    assert again["moved"] == []
    assert city("history", "verify").code == 0
    assert "calendar" in city("history", "show", "P2026-0001.1.1", "--json").out


def test_a_notice_that_changes_nothing_only_takes_the_provisional_mark_away(
    city: Run, tmp_path: Path
) -> None:
    assert "暂定" in city("calendar", "show", "2027").out
    adopted = json.loads(city("calendar", "adopt", str(notice(tmp_path, bridge=False)), "--json").out)
    assert adopted["moved"] == []
    assert "暂定" not in city("calendar", "show", "2027").out


def test_a_broken_notice_is_refused_and_nothing_moves(city: Run, tmp_path: Path) -> None:
    before = filing(city)
    broken = tmp_path / "2027.json"
    broken.write_text(
        '{"year": 2027, "days": [{"name": "元旦", "date": "2027-13-01", "isOffDay": true}]}', "utf-8"
    )
    for words in (("check", str(broken)), ("adopt", str(broken))):
        ran = city("calendar", *words)
        assert ran.code == 2
        assert "2027" in ran.err
    assert filing(city) == before
