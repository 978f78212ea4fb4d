"""One JSON line for each thing that happened, under names that stay; nobody's name, number or address in any of them."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.auditing import Finding
from engine.clock import Clock
from engine.deliver import Delivered
from engine.deliver_breaker import Breaker
from engine.deliver_receipts import Collected
from engine.errors import BadInput, Conflict, StorageTrouble
from engine.patrol import Beat
from runtime.auditing import Audited
from runtime.feeding import Fed
from runtime.logs import EVENTS, Journal, blotted, records
from runtime.metronome import Began, Event, Failed, Rebuilt
from runtime.postman import Posted
from storage.feed import Subscription
from storage.leases import Holding
from storage.measures import Tried
from tests.city import City
from tests.web.conftest import MAIL, NAME, PHONE, Place
from tests.web.served import SECRET

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai
CANARIES = (NAME, PHONE, MAIL, SECRET, "simaceshi")


def lines(text: str) -> list[dict[str, Any]]:
    """Read a log."""
    return [json.loads(line) for line in text.splitlines()]


def beat_of(city: City) -> Beat:
    return city.patrol("2026-12-01 09:00")  # a Tuesday


@pytest.fixture(scope="module")
def beat() -> Beat:
    """A beat that fires, from a real patrol."""
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    found = beat_of(made)
    made.store.close()
    assert found.fires
    return found


def troubled(beat: Beat) -> Beat:
    """The same with a clock whose trouble quotes a person."""
    clock = Clock.__new__(Clock)
    for name, value in (
        ("matter", "P1-C1"),
        ("name", "pay"),
        ("round", 2),
        ("trouble", f"Key ({NAME}/sms) exists"),
    ):
        setattr(clock, name, value)
    return Beat(beat.at, beat.fires, beat.messages, [clock], beat.looked_at)


def told(event: Event) -> list[tuple[str, dict[str, Any]]]:
    return [(name, fields) for _, name, fields in records(event)]


def everything(beat: Beat) -> list[Event]:
    """One event of each kind, each with somebody's name, number or address wherever there is room for a text."""
    error = StorageTrouble(f"打不开 {PHONE} {MAIL}", why=NAME, then=NAME)
    done = Delivered(Counter({"accepted": 2, "config": 1}), Counter({f"{NAME} 没有登记手机号": 1}))
    done.waiting["quota"] = 3
    done.troubles[f"{NAME}：缺少参数"] = 1
    done.stopped.append(Breaker("sms", "aliyun-sms", True, NOW, NOW, detail=f"签名不对 {PHONE} {MAIL}"))
    back = Collected(Counter({"delivered": 4}), 1, Counter({f"aliyun-sms：{NAME}": 1}))
    tried = Tried(9, "sms", "aliyun-sms", "rejected", f"isv.{PHONE}", False, 0.2505, "ab" * 16)
    holder = Holding(NAME, "host-a", 7, "", NOW, NOW)
    stands = Subscription("https://tracker.example/in", 7, 9, "dead", f"HTTP 400 {MAIL}")
    return [
        troubled(beat), Posted(NOW, done, back, [tried]), Failed(NOW, error), Failed(NOW, ValueError(NAME), job="delivery"),
        Failed(NOW, error, beaten=True), Began(NOW, holder), Began(NOW, None), Rebuilt(NOW, "clock", -3600.0),
        Audited(NOW, (Finding("history", "P1", NAME),), (Finding("channel", "sms/p", NAME),), 1), Fed(NOW, stands, 2),
    ]  # fmt: skip


def test_each_event_has_its_name_and_figures(beat: Beat) -> None:
    said = dict(pair for event in everything(beat) for pair in told(event))
    assert said["beat.done"] == {
        "fires": len(beat.fires), "messages": len(beat.messages),
        "cases": sum(1 for fire in beat.fires if fire.case), "troubles": 1,
    }  # fmt: skip
    assert said["clock.trouble"] == {"matter": "P1-C1", "clock": "pay", "round": 2}
    assert said["delivery.outcome"] == {
        "channel": "sms", "provider": "aliyun-sms", "outcome": "rejected", "code": "isv.***", "asked": False,
        "seconds": 0.251, "message": "ab" * 16,
    }  # fmt: skip
    assert said["delivery.done"]["outcomes"] == {"accepted": 2, "config": 1}
    assert (said["delivery.done"]["receipts"], said["delivery.done"]["troubles"]) == ({"delivered": 4}, 2)
    assert said["provider.stopped"]["detail"] == "签名不对 *** ***"
    assert said["beat.failed"] == {"job": "patrol", "error": "StorageTrouble", "what": "打不开 *** ***"}
    assert said["job.failed"] == {"job": "delivery", "error": "ValueError"}
    assert said["scheduler.rebuilt"] == {"why": "clock", "moved_seconds": -3600.0}
    assert said["audit.found"] == {"kind": "history", "subject": "P1"}
    assert said["feed.stands"]["state"] == "dead"


def test_nobody_is_in_any_line_whatever_a_text_quotes(beat: Beat) -> None:
    stream = io.StringIO()
    journal = Journal(stream)
    for event in everything(beat):
        journal.hear(event)
    for canary in CANARIES:
        assert canary not in stream.getvalue()
    assert len(lines(stream.getvalue())) >= 13


def test_the_planted_fault_a_log_that_wrote_whole_errors_is_found(
    beat: Beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runtime.logs.named", lambda error: {"error": repr(error), "why": getattr(error, "why", "")}
    )
    stream = io.StringIO()
    for event in everything(beat):
        Journal(stream).hear(event)
    assert [canary for canary in CANARIES if canary in stream.getvalue()] == [NAME, PHONE, MAIL, "simaceshi"]


def test_lines_of_one_run_and_one_beat_belong_together_and_idle_beats_write_nothing(beat: Beat) -> None:
    stream = io.StringIO()
    journal = Journal(stream)
    for event in (beat, Beat(NOW), Failed(NOW, Conflict("忙")), troubled(beat)):
        journal.hear(event)
    found = lines(stream.getvalue())
    assert {line["run"] for line in found} == {journal.run}
    assert [(line["event"], line["beat"].partition("-")[2]) for line in found] == [
        ("beat.done", "1"), ("beat.failed", "3"), ("beat.done", "4"), ("clock.trouble", "4"),
    ]  # fmt: skip
    assert list(found[0])[:5] == ["at", "level", "event", "run", "beat"]
    assert found[1]["at"] == "2026-11-23T09:00:00.000+08:00"
    assert [line["level"] for line in found] == ["info", "error", "info", "error"]


def test_every_name_stands_in_the_papers_and_none_is_made_up(root: Path) -> None:
    page = (root / "docs" / "how-to" / "keep-it-running.md").read_text("utf-8")
    assert [name for name in EVENTS if f"`{name}`" not in page] == []
    sources = "\n".join(
        (root / name).read_text("utf-8") for name in ("runtime/logs.py", "commands/serving.py", "web/app.py")
    )
    written = {
        name
        for name in re.findall(r'"([a-z]+\.[a-z]+)"', sources)
        if name.partition(".")[0] in {e.partition(".")[0] for e in EVENTS}
    }
    assert written == set(EVENTS)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("12345", "12345"),
        ("123456", "***"),
        ("138 0000", "138 0000"),
        ("a@b.cn 拒收", "*** 拒收"),
        ("x\ny", "x y"),
    ],
)
def test_long_numbers_and_addresses_are_blotted_out(text: str, left: str) -> None:
    assert blotted(text) == left


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    journal = Journal(file=file)
    journal.write("info", "run.started", NOW, pid=1)
    file.rename(tmp_path / "run.log.1")
    journal.write("info", "run.stopped", NOW)
    journal.close()
    assert [lines(path.read_text("utf-8"))[0]["event"] for path in (tmp_path / "run.log.1", file)] == [
        "run.started", "run.stopped",
    ]  # fmt: skip
    with pytest.raises(BadInput, match="日志文件"):
        Journal(file=tmp_path / "no" / "run.log")


TOML = """
[channels]
drop = "out"
sms = "aliyun-sms://AK@127.0.0.1:9/?secret=env:KEY&sign=一日办&base_url=http://127.0.0.1:9&timeout=1"
[callbacks.aliyun-sms]
secret = "env:PUSHED"
from = ["127.0.0.1"]
"""


def test_a_real_run_writes_json_lines_and_shows_nobody_anywhere(place: Place) -> None:
    """Overdue warnings to persons with and without addresses, receipts pushed, a stranger, the database away."""
    place.settings(TOML)
    run = place.start("--every", "1s", "--log", "json", KEY="k", PUSHED=SECRET)
    run.ready()
    said = [run.ask(path).body for path in ("/healthz", "/readyz", "/metrics")]
    run.says('"delivery.done"')
    run.until("/metrics", lambda got: "yiriban_deliveries_total{" in got.body)
    entry = {"phone_number": PHONE, "success": True, "err_code": "DELIVERED", "out_id": "x", "err_msg": NAME}
    for secret in (SECRET, "wrong"):
        got = run.ask(f"/callbacks/aliyun-sms/{secret}", method="POST", body=json.dumps([entry]).encode())
        said.append(got.body)
        assert got.status == (200 if secret == SECRET else 404)
    away = place.folder / "away.db"
    place.database.rename(away)
    run.until("/readyz", lambda got: got.check("beat")["failures"] >= 2)
    said += [run.ask(path).body for path in ("/readyz", "/metrics")]
    away.rename(place.database)
    run.ready()
    run.stop()
    found = lines("\n".join(run.err))
    events = {line["event"] for line in found}
    assert {
        "run.started", "http.started", "lease.taken", "beat.done", "beat.failed", "delivery.done", "delivery.outcome",
        "callback.kept", "callback.refused", "http.stopped", "run.stopped",
    } <= events <= set(EVENTS)  # fmt: skip
    assert found[-1]["event"] == "run.stopped"
    assert run.out == [], "words and JSON lines do not mix"
    assert place.sql("select 1 from message where person = ?", NAME), (
        "there was something to say of that person"
    )
    everything_said = "\n".join([*said, *run.err])
    assert [canary for canary in CANARIES if canary in everything_said] == []


def test_words_stay_what_they_were_beside_a_file_of_json_lines(place: Place) -> None:
    run = place.start("--every", "1s", "--log-file", "run.log", "--json")
    run.ready()
    run.stop()
    assert run.err[0].startswith("开始巡查 ")
    assert run.err[-1] == "已停止巡查"
    assert json.loads(run.out[0])["schema"] == "yiriban.beat/1"
    found = lines((place.folder / "run.log").read_text("utf-8"))
    assert [line["event"] for line in found][:2] == ["run.started", "http.started"]
    assert "beat.done" in {line["event"] for line in found}


def test_json_lines_on_stderr_leave_stdout_to_who_wants_data(place: Place) -> None:
    run = place.start("--every", "1s", "--log", "json", "--json")
    run.ready()
    run.stop()
    assert json.loads(run.out[0])["schema"] == "yiriban.beat/1"
    assert all(line["event"] for line in lines("\n".join(run.err)))


def test_how_it_ended_is_in_the_log_too(place: Place) -> None:
    run = place.start("--every", "1s", "--log", "json")
    run.ready()
    place.sql("delete from lease")
    run.process.wait(20)
    run.kill()
    last = lines("\n".join(line for line in run.err if line.startswith("{")))[-1]
    assert (last["event"], last["error"]) == ("run.stopped", "LeaseLost")
