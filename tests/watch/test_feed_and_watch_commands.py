"""The tracker at the command line: reads the feed, pushes it, and checks it without the database."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Desk, instant
from tests.fakes.web import Asked, Reply, Web
from tests.fakes.webhook import Receiver

SECRET = "whsec_" + b64encode(b"the tracker's own secret, 24+").decode()
LEFT_BEHIND = {"late", "message"}
"""No channel is set up on this desk, and nobody patrolled it before 11:00."""
NIGHT = "2026-11-05 00:10"  # Thursday; the award was promised by Wednesday 24:00


@pytest.fixture
def watched(reported: Desk) -> Desk:
    """P2026-0001 with its report delivered, a patrol after the promise has passed, and a tracker 钱八."""
    for moment in ("2026-11-03 11:00", "2026-11-04 15:30", "2026-11-05 00:00", NIGHT):
        reported.done(moment, "patrol")
    reported.done(NIGHT, "person", "add", "钱八", "--name", "钱八")
    reported.done(NIGHT, "person", "appoint", "钱八", "tracker", "市一中", "--since", "2026-11-02")
    return reported


def _lines(desk: Desk, *words: object, person: str = "钱八") -> list[str]:
    """What `feed --jsonl` prints: lines for programs, as wide as they are."""
    desk.tell_time(NIGHT)
    ran = desk.run("--as", person, "feed", "--jsonl", *words)
    assert ran.code == 0, ran.err
    return ran.out.splitlines()


def _keep(desk: Desk) -> Path:
    file = desk.folder / "feed.jsonl"
    file.write_text("\n".join(_lines(desk, "--limit", 1000)), encoding="utf-8")
    return file


def _check(desk: Desk, moment: str, source: object) -> dict[str, Any]:
    """What `watch` finds; here no channel is set up, so that every message stays in the house."""
    ran = desk.at(moment, "watch", "--feed", source, "--json")
    told: dict[str, Any] = json.loads(ran.out)
    assert ran.code == (0 if told["ok"] else 6)
    return told


def _kinds(told: dict[str, Any]) -> set[str]:
    return {f["kind"] for f in told["findings"]}


def test_what_the_tracker_reads_the_tracker_can_check(watched: Desk) -> None:
    file = _keep(watched)
    (watched.folder / "yiriban.db").rename(watched.folder / "away.db")
    told = _check(watched, "2026-11-05 00:20", file)
    assert (told["schema"], told["unjudged"], _kinds(told)) == ("yiriban.watch/1", [], LEFT_BEHIND)
    stopped = watched.at("2026-11-05 02:00", "watch", "--feed", file)
    assert stopped.code == 6
    assert "停摆" in stopped.out
    assert "未送出" in stopped.out


def test_pages_follow_one_another_without_a_gap(watched: Desk) -> None:
    whole = [json.loads(line) for line in _keep(watched).read_text("utf-8").splitlines()]
    pages: list[object] = []
    after = 0
    while page := _lines(watched, "--after", after, "--limit", 3):
        pages += [json.loads(line) for line in page]
        after = json.loads(page[-1])["seq"]
    assert pages == whole
    assert [e["seq"] for e in whole] == list(range(1, len(whole) + 1))
    assert "P2026-0001" in watched.done(NIGHT, "feed", "--after", 0, person="钱八")


def test_the_wall_stands_before_the_feed(watched: Desk) -> None:
    refused = watched.at(NIGHT, "feed", "--jsonl", person="张三")
    assert refused.code == 4
    assert refused.out == ""
    watched.done(NIGHT, "unit", "jurisdiction", "add", "410500", "安阳市", "--level", "city")
    watched.done(NIGHT, "unit", "add", "外市一中", "--jurisdiction", "410500")
    watched.done(NIGHT, "person", "add", "外人", "--name", "外人")
    watched.done(NIGHT, "person", "appoint", "外人", "tracker", "外市一中", "--since", "2026-11-02")
    lines = _lines(watched, "--limit", 1000, person="外人")
    seen = [json.loads(line) for line in lines]
    assert [e["seq"] for e in seen] == list(range(1, len(seen) + 1)), "the sequence stays whole"
    assert {e["kind"] for e in seen} == {"hidden", "beat"}
    assert "P2026" not in "".join(lines)


def test_bodies_of_webhooks_are_a_feed_too_and_a_second_push_sends_nothing(
    watched: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    with Receiver(secret=SECRET, now=instant(NIGHT)) as tracker:
        url = f"webhook+http://127.0.0.1:{tracker.port}/hook?secret=env:HOOK"
        monkeypatch.setenv("YIRIBAN_CHANNELS_WEBHOOK", url)
        tracker.plan("lose")
        doubtful = watched.at(NIGHT, "feed", "push")
        assert doubtful.code == 1
        assert "连接在回复前中断" in doubtful.out
        tracker.fixed = instant("2026-11-05 00:11")
        told = watched.data("2026-11-05 00:11", "feed", "push")
        assert [(s["left"], s["state"]) for s in told["subscribers"]] == [(0, "open")]
        assert len(set(tracker.ids)) == 1
        assert watched.data("2026-11-05 00:12", "feed", "push")["subscribers"][0]["taken"] == 0
        assert watched.data("2026-11-05 00:12", "feed", "list")["subscribers"][0]["left"] == 0
        file = watched.folder / "bodies.jsonl"
        file.write_bytes(b"\n".join(tracker.bodies.values()))
    assert _kinds(_check(watched, "2026-11-05 00:20", file)) == LEFT_BEHIND


def test_a_url_is_read_page_by_page(watched: Desk) -> None:
    lines = _keep(watched).read_text("utf-8").splitlines()

    class Page(Web):
        def is_query(self, asked: Asked) -> bool:
            return True

        def answer(self, asked: Asked, step: str) -> Reply:
            after = int(asked.query.partition("after=")[2].partition("&")[0])
            return Reply(200, "\n".join(lines[after : after + 4]).encode())

    with Page() as web:
        told = _check(watched, "2026-11-05 00:20", f"{web.url}/feed")
        assert (_kinds(told), told["events"]) == (LEFT_BEHIND, len(lines))
        assert web.requests["query"] == -(-len(lines) // 4) + 1


@pytest.mark.parametrize(
    ("text", "code"), [("nonsense\n", 2), ("[1]\n", 2), ('{"seq": "x"}\n', 6), ("{}\n", 6), ("", 6)]
)
def test_what_is_no_feed_is_refused_or_found_in_words(desk: Desk, text: str, code: int) -> None:
    (desk.folder / "x.jsonl").write_text(text, encoding="utf-8")
    ran = desk.at(NIGHT, "watch", "--feed", "x.jsonl")
    assert ran.code == code, ran.err
    assert desk.at(NIGHT, "watch", "--feed", "nowhere.jsonl").code == 3
