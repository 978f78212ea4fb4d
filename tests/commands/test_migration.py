"""An edit of the law: what it would move in running matters, and moving them, once, with history."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtime.settings import SHIPPED_WORKFLOWS
from tests.commands.test_the_calendar import NOW, Run, city, filing

__all__ = ["city"]

LATER = datetime(2027, 1, 20, 2, 0, tzinfo=UTC)
"""A Wednesday, when everything about the contract is overdue."""


def shorten(folder: Path, days: int) -> None:
    """Let the contract be filed within so many working days instead of seven."""
    text = (SHIPPED_WORKFLOWS / "law" / "contract_filing.yaml").read_text("utf-8")
    (folder / "law").mkdir(exist_ok=True)
    (folder / "law" / "contract_filing.yaml").write_text(
        re.sub(r"limit: 7 working days", f"limit: {days} working days", text), "utf-8"
    )


def told(run: Run, *words: str) -> dict[str, Any]:
    ran = run("--as", "张三", *words, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_an_edit_is_shown_then_made_and_made_once(city: Run, tmp_path: Path) -> None:
    before = filing(city)
    draft = tmp_path / "draft"
    draft.mkdir()
    shorten(draft, 3)
    ahead = told(city, "workflow", "impact", "--overlay", str(draft))
    assert [(m["clock"], m["moment"]) for m in ahead["moved"]] == [("file_contract", "statutory")]
    assert ahead["matters"] > 0
    assert filing(city) == before

    shorten(tmp_path / "own", 3)  # now it is in force: new matters begin with it, this one does not
    assert filing(city) == before
    assert told(city, "workflow", "impact")["moved"] == ahead["moved"]
    done = told(city, "workflow", "migrate")
    assert done["moved"] == ahead["moved"]
    # signed on Monday 2026-12-28: three working days end on Thursday 12-31, not on a day of January
    assert done["moved"][0]["after"] == "2026-12-31T16:00:00+00:00"
    assert filing(city)["statutory"].startswith("2027-01-01T00:00")
    again = told(city, "workflow", "migrate")
    assert (again["matters"], again["moved"]) == (0, [])
    assert "改到现行流程版本" in city("project", "show", "P2026-0001.1.1").out
    assert city("history", "verify").code == 0


def test_what_has_fired_is_not_fired_again(
    city: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.assembly.system_now", lambda: LATER)
    assert city("patrol").code == 0
    shorten(tmp_path / "own", 3)
    assert [m["clock"] for m in told(city, "workflow", "migrate")["moved"]] == ["file_contract"]
    assert "没有到点的事" in city("patrol").out


def test_a_state_that_is_gone_holds_everything_up_until_it_is_mapped(city: Run, tmp_path: Path) -> None:
    parts = tmp_path / "own" / "parts"
    parts.mkdir()
    text = (SHIPPED_WORKFLOWS / "parts" / "contracting.yaml").read_text("utf-8")
    (parts / "contracting.yaml").write_text(re.sub(r"\bsigned\b", "in_force", text), "utf-8")
    for name in ("contract.yaml", "sme_payment_complaint.yaml", "call_off.yaml"):
        whole = (SHIPPED_WORKFLOWS / name).read_text("utf-8")
        (tmp_path / "own" / name).write_text(re.sub(r"\bsigned\b", "in_force", whole), "utf-8")
    checked = city("workflow", "check")
    assert checked.code == 0, checked.out
    refused = city("--as", "张三", "workflow", "migrate")
    assert refused.code == 5
    assert "contract.signed" in refused.err
    wrong = city("--as", "张三", "workflow", "migrate", "--map", "contract.signed=nowhere")
    assert wrong.code == 2
    done = told(city, "workflow", "migrate", "--map", "contract.signed=in_force")
    assert done["stuck"] == []
    assert done["matters"] > 0
    shown = json.loads(city("project", "show", "P2026-0001", "--json").out)
    assert "in_force" in json.dumps(shown)
    assert city("history", "verify").code == 0


def test_the_moment_of_the_test_is_a_monday() -> None:
    assert NOW.weekday() == 0
    assert LATER.weekday() == 2


def test_a_tracker_with_the_old_files_judges_no_longer_what_passed_to_new_ones(
    city: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (
        ("add", "钱八", "--name", "钱八"),
        ("appoint", "钱八", "tracker", "市一中", "--since", "2026-11-02"),
    ):
        assert city("--as", "张三", "person", *words).code == 0
    kept, whole = tmp_path / "kept.jsonl", tmp_path / "whole.jsonl"
    kept.write_text(city("--as", "钱八", "feed", "--jsonl", "--limit", "1000").out, "utf-8")
    shorten(tmp_path / "own", 3)
    assert told(city, "workflow", "migrate")["matters"] > 0
    monkeypatch.setattr("runtime.assembly.system_now", lambda: LATER)
    assert city("patrol").code == 0
    read_anew = city("--as", "钱八", "feed", "--jsonl", "--limit", "1000").out
    # what was kept before and what is read anew are one story, though the matters pass to other workflows
    whole.write_text(kept.read_text("utf-8") + read_anew, "utf-8")
    (tmp_path / "old").mkdir()  # nothing of the tracker's own over what is shipped

    def watched(overlay: str, file: Path) -> tuple[set[str], set[str]]:
        ran = city(
            "--workflows", tmp_path / overlay, "watch", "--feed", file, "--late", "100000", "--silent", "100000",
            "--json",
        )  # fmt: skip
        found = json.loads(ran.out)
        return {f["kind"] for f in found["findings"]}, set(found["unjudged"])

    assert watched("old", kept) == ({"silent"}, set())
    assert watched("old", whole) == (set(), watched("own", whole)[1] | {"D53-市一中-2027"})
    assert "P2026-0001.1.1" in watched("old", whole)[1]
    assert watched("own", whole)[0] == set()
