"""The demonstration city lives without a refusal, and shows a case at every stage of its chain."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.store import SqlStore
from tests.conftest import Ran

Run = Callable[..., Ran]
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # Friday 16:00 in Shanghai


@pytest.fixture
def told(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    monkeypatch.setattr("runtime.assembly.system_now", lambda: NOW)
    monkeypatch.setattr("commands.demo.system_now", lambda: NOW)
    return lambda *more: run("demo", *more)


def test_sixty_working_days_pass_without_a_refusal_and_leave_every_stage_of_a_case(
    told: Callable[..., Ran], tmp_path: Path
) -> None:
    ran = told("--json")
    assert ran.code == 0, ran.err
    payload = json.loads(ran.out)
    assert payload["refused"] == []
    assert payload["projects"] >= 40
    store = SqlStore(f"sqlite:///{tmp_path / 'yiriban-demo' / 'yiriban.db'}")
    with store.transaction():
        stages = {row[0] for row in store.run("select state from matter where workflow = 'case'").fetchall()}
        files = store.run("select count(*) from message where state = 'accepted'").fetchone()[0]
        troubles = store.run("select count(*) from clock where trouble <> ''").fetchone()[0]
    store.close()
    assert stages == {
        "opened", "reminded", "acknowledged", "answered", "drafted", "deferred", "referred", "lead", "accepted",
        "rectifying", "reviewing", "withdrawn", "closed",
    }  # fmt: skip
    assert payload["mails"] + payload["texts"] == payload["messages"] == files > 500
    assert troubles == 0


def test_a_folder_with_other_files_is_never_emptied(told: Callable[..., Ran], tmp_path: Path) -> None:
    kept = tmp_path / "yiriban-demo" / "theses.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    ran = told()
    assert ran.code == 7
    assert kept.read_text() == "mine"
