"""`yiriban run`, a real process: it pushes every event once and in order whatever dies, and says what is wrong with it.

P1's award is overdue for years, so that the first beats have much to do.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from tests.city import PERSONS, City
from tests.conftest import Ran
from tests.fakes.webhook import Receiver
from tests.watch.running import ROOT, Running

SECRET = "whsec_" + b64encode(b"the tracker's own secret, 24+").decode()
ENV = {"HOOK": SECRET, "OTHER": SECRET}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    city = City(f"sqlite:///{tmp_path / 'city.db'}")
    city.open("2026-11-02 09:00")
    city.walk("deliver_report", "2026-11-02 10:00")
    with city.store.transaction():
        for person in PERSONS.values():
            city.store.run("update person set email = ? where id = ?", (f"{len(person)}@example.org", person))
    city.store.close()
    return tmp_path


def settle(folder: Path, *hooks: str, drop: bool = False) -> None:
    """Write the settings: where events are pushed to, and whether messages become files."""
    listed = ", ".join(f'"{hook}"' for hook in hooks)
    lines = [
        'database = "city.db"',
        "[channels]",
        f"webhook = [{listed}]" if hooks else "",
        'drop = "out"' if drop else "",
    ]
    (folder / "yiriban.toml").write_text("\n".join(lines) + "\n", "utf-8")


def address(peer: Receiver, secret: str = "HOOK") -> str:
    return f"webhook+http://127.0.0.1:{peer.port}/hook?secret=env:{secret}&timeout=1"


def ask(folder: Path, sql: str) -> Any:
    with closing(sqlite3.connect(folder / "city.db", timeout=10)) as db:
        return db.execute(sql).fetchone()[0]


def last(folder: Path) -> int:
    return int(ask(folder, "select max(seq) from event"))


def numbers(peer: Receiver) -> list[int]:
    with peer.lock:
        return [e["seq"] for e in peer.events]


def act(folder: Path, number: int) -> None:
    """Something happens: three events."""
    with closing(sqlite3.connect(folder / "city.db", timeout=10)) as db:
        for step in range(3):
            now = 1_793_600_000_000_000 + number * 1_000 + step
            db.execute(
                "insert into event (kind, at, recorded_at, jurisdiction) values ('beat', ?, ?, '000000')",
                (now, now),
            )
        db.commit()


@pytest.fixture
def tracker() -> Iterator[Receiver]:
    with Receiver(secret=SECRET) as peer:
        yield peer


def test_events_are_pushed_whole_in_order_and_once_across_kills_and_lost_answers(
    folder: Path, tracker: Receiver
) -> None:
    settle(folder, address(tracker))
    for life in range(4):
        tracker.plan(("lose", "", "drop", "half")[life])
        act(folder, life)
        with Running(folder, env=ENV) as run:
            have = tracker.requests["send"]
            # killed as soon as something came, before or after it was written down
            run.until(lambda have=have: tracker.requests["send"] > have)
            run.kill()
        with closing(sqlite3.connect(folder / "city.db", timeout=10)) as db:
            db.execute("update subscriber set again_at = null")  # nobody waits for the backoff here
            db.commit()
    with Running(folder, env=ENV) as run:
        run.until(lambda: len(numbers(tracker)) == last(folder))
        act(folder, 99)
        run.until(lambda: len(numbers(tracker)) == last(folder))
        assert run.stop() == 0, run.said()
    # a beat may have written more while it was told to stop: that goes out with the next push, and nothing else
    command = [sys.executable, str(ROOT / "cli.py"), "feed", "push"]
    pushed = subprocess.run(command, cwd=folder, env={**os.environ, **ENV}, capture_output=True, check=False)
    assert pushed.returncode == 0, pushed.stderr.decode()
    assert numbers(tracker) == list(range(1, last(folder) + 1))
    assert len(tracker.ids) > len(set(tracker.ids)), "what was in doubt came again under the same id"


def test_a_subscriber_in_trouble_disturbs_neither_the_beat_nor_the_others(
    folder: Path, tracker: Receiver
) -> None:
    with Receiver(secret=SECRET) as slow:
        slow.plan(*["403"] * 3)
        slow.delay = 0.7
        settle(folder, address(slow, "OTHER"), address(tracker))
        with Running(folder, env=ENV) as run:
            run.until(lambda: len(numbers(tracker)) == last(folder) > 0)
            run.until(lambda: "被拒收，已停" in run.said())
            beats = ask(folder, "select count(*) from fire")
            assert beats > 0
            time.sleep(2.5)
            act(folder, 1)
            run.until(lambda: len(numbers(tracker)) == last(folder))
            assert run.stop() == 0, run.said()
        assert slow.events == []
        assert slow.requests["send"] == 1, "it is not asked again until a person says so"
    assert run.said().count("被拒收，已停") == 1, run.said()
    assert "HTTP 403" in run.said()
    assert "yiriban feed push --again" in run.said()


def test_a_stopped_subscriber_shows_in_the_doctor_and_goes_on_when_a_person_says_so(
    folder: Path, tracker: Receiver, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    settle(folder, address(tracker))
    tracker.plan("410")
    with Running(folder, env=ENV) as process:
        process.until(lambda: "不再接收" in process.said())
        said: Ran = run("doctor", "--json")
        checks = {c["name"]: c for c in json.loads(said.out)["checks"]}
        assert checks["subscribers"]["level"] == "finding"
        assert "停在第 0 号" in checks["subscribers"]["says"][0]["what"]
        assert run("feed", "push", "--again").code == 0
        process.until(lambda: len(numbers(tracker)) == last(folder))
        process.until(lambda: "恢复正常" in process.said())
        assert process.stop() == 0
    assert numbers(tracker) == list(range(1, last(folder) + 1))


def test_what_is_wrong_is_told_by_run_and_to_the_tracker_and_stands_in_the_doctor(
    folder: Path, run: Any
) -> None:
    settle(folder, drop=True)
    with closing(sqlite3.connect(folder / "city.db")) as db:
        db.execute("update clock set plan = '[]', look_at = null where name = 'decide_award'")
        db.commit()
    with Running(folder, "--json", env=ENV) as process:
        process.until(lambda: "yiriban.audit/1" in process.said())
        process.until(
            lambda: ask(folder, "select count(*) from message where rung = 'audit' and state = 'accepted'")
        )
        assert process.stop() == 0, process.said()
    lines = [json.loads(line) for line in (folder / "run.out").read_text("utf-8").splitlines()]
    [told] = [line for line in lines if line["schema"] == "yiriban.audit/1"]
    assert ("astray", "P1.1/decide_award/1") in {(f["kind"], f["subject"]) for f in told["found"]}
    tracker = ask(folder, "select group_concat(person) from message where rung = 'audit'")
    assert tracker == PERSONS["tracker"]
    mails = [
        message_from_bytes(p.read_bytes(), policy=default) for p in (folder / "out" / "mail").glob("*.eml")
    ]
    assert [m["subject"] for m in mails if "自查" in m["subject"]] == [
        "一日办自查发现 1 处问题：计时的安排与应有的不符 1 处"
    ]
    checks = {c["name"]: c for c in json.loads(run("doctor", "--json").out)["checks"]}
    assert "应当触发，而计划里没有" in checks["audit"]["says"][0]["what"]
