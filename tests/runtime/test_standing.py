"""A program that runs for months takes up changed files, and no faulty ones."""

from __future__ import annotations

from pathlib import Path

from runtime.settings import SHIPPED_WORKFLOWS, Settings
from runtime.standing import StandingOffice
from storage.store import SqlStore


def test_a_faulty_change_of_the_workflow_files_leaves_the_last_sound_ones(tmp_path: Path) -> None:
    own = tmp_path / "messages" / "due_soon.yaml"
    own.parent.mkdir()
    text = (SHIPPED_WORKFLOWS / "messages" / "due_soon.yaml").read_text(encoding="utf-8")
    standing = StandingOffice(Settings(workflows=tmp_path), SqlStore("sqlite://"))
    first, fault = standing()
    assert fault is None
    assert standing() == (first, None)
    own.write_text("message: [", encoding="utf-8")
    kept, fault = standing()
    assert kept is first
    assert fault is not None
    assert fault.exit_code == 6
    assert standing() == (first, None)  # said once
    own.write_text(text.replace("抓紧", "尽快"), encoding="utf-8")
    fresh, fault = standing()
    assert fault is None
    assert ("抓紧" in first.texts["due_soon"].subject, "尽快" in fresh.texts["due_soon"].subject) == (
        True,
        True,
    )
    own.unlink()
    assert "抓紧" in standing()[0].texts["due_soon"].subject
