"""The real program over real HTTP: alive, ready, not ready as soon as its work stops, and gone within seconds."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from engine.patrol import Beat
from runtime.listening import LOOPBACK
from tests.web.conftest import Got, Place, Program, ask
from tests.web.served import Served

EVERY = ("--every", "1s")
BLIND = "from runtime.pulse import Pulse\nPulse.failed = Pulse.moved"
"""The planted fault: a beat that fails counts as a sign of life."""


def not_ready(got: Got, check: str) -> bool:
    """Whether the answer is 503 because of that check."""
    return got.status == 503 and not got.check(check)["ok"]


def test_it_is_alive_at_once_ready_after_a_beat_and_leaves_within_seconds(place: Place) -> None:
    run = place.start(*EVERY)
    alive = run.ask("/healthz")
    assert (alive.status, alive.json) == (200, {"schema": "yiriban.health/1", "alive": True})
    got = run.ready()
    assert (got.json["schema"], got.json["ready"]) == ("yiriban.ready/1", True)
    assert [c["name"] for c in got.json["checks"]] == ["database", "beat", "wall_clock", "audit"]
    assert got.check("beat")["limit_seconds"] == 2.0
    assert (got.headers["cache-control"], "server" in got.headers) == ("no-store", False)
    assert run.ask("/readyz", method="POST").status == 404
    assert [run.ask(path).status for path in ("/", "/readyz/", "/docs", "/callbacks/a/b")] == [404] * 4
    assert run.stop() < 5
    assert run.process.returncode == 0, run.err
    assert any("已停止巡查" in line for line in run.err)
    assert place.sql("select * from lease") == []


def locked_out(run: Program, place: Place) -> bool:
    """Hold the database for four intervals; say whether /readyz noticed that no beat gets through."""
    run.ready()
    with place.writing():
        end = time.monotonic() + 14
        while time.monotonic() < end:
            if not_ready(run.ask("/readyz"), "beat"):
                return True
            time.sleep(0.2)
    return False


def test_when_no_beat_gets_through_it_is_not_ready_until_one_does(place: Place) -> None:
    run = place.start(*EVERY)
    assert locked_out(run, place)
    assert run.ask("/healthz").status == 200
    assert run.ready().check("beat")["age_seconds"] <= 2.0


def beats_seen_to_fail(run: Program, place: Place) -> bool:
    """Take the database away for good; say whether /readyz noticed within five intervals that no beat succeeds."""
    run.ready()
    place.database.rename(place.folder / "away.db")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if not_ready(run.ask("/readyz"), "beat"):
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize(("planted", "found"), [("", True), (BLIND, False)])
def test_beats_that_fail_are_found_and_the_planted_fault_hides_them(
    place: Place, planted: str, found: bool
) -> None:
    run = place.start(*EVERY, planted=planted)
    assert beats_seen_to_fail(run, place) == found


def test_a_database_that_goes_away_and_comes_back(place: Place) -> None:
    run = place.start(*EVERY)
    run.ready()
    away = place.folder / "away.db"
    place.database.rename(away)
    gone = run.until("/readyz", lambda got: not_ready(got, "database") and not_ready(got, "beat"))
    assert "数据库不在了" in gone.check("database")["what"]
    assert "beat.failed" in gone.check("beat")["then"]
    assert not place.database.exists(), "looking must not create an empty database"
    measures = run.ask("/metrics")
    assert measures.status == 200
    assert "yiriban_sample_success 0.0" in measures.body
    shutil.move(away, place.database)
    assert run.ready().json["ready"]


def test_a_schema_of_another_version_is_not_ready(place: Place) -> None:
    run = place.start(*EVERY)
    run.ready()
    place.sql("update meta set value = '999' where name = 'schema'")
    got = run.until("/readyz", lambda got: not_ready(got, "database"))
    assert "结构版本" in got.check("database")["what"]


def test_when_the_lease_is_lost_the_program_and_its_server_end(place: Place) -> None:
    run = place.start(*EVERY)
    run.ready()
    place.sql("delete from lease")
    run.process.wait(20)
    assert run.process.returncode == 7
    with pytest.raises(ConnectionError):
        ask(run.port, "/healthz")


def test_a_taken_port_is_refused_in_words_before_anything_begins(place: Place) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        run = place.start("--http", f"127.0.0.1:{port}")
        run.process.wait(30)
        run.kill()
    assert run.process.returncode == 7
    assert f"不能在 127.0.0.1:{port} 上监听" in "\n".join(run.err)
    assert place.sql("select * from lease") == []


def test_somebody_who_keeps_a_connection_open_holds_up_no_end(place: Place) -> None:
    run = place.start(*EVERY)
    run.ready()
    with closing(socket.create_connection(("127.0.0.1", run.port))) as silent:
        silent.sendall(b"POST /callbacks/a/b HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n")
        silent.recv(100)
        with closing(socket.create_connection(("127.0.0.1", run.port))) as half:
            half.sendall(b"GET /healthz HTTP/1.1\r\nhost:")
            assert run.stop() < 6
    assert run.process.returncode == 0, run.err


def test_it_may_be_watched_by_those_who_are_named_and_a_strange_proxy_is_nobody(tmp_path: Path) -> None:
    def seen(served: Served, who: str) -> list[int]:
        return [served.ask(path, x_forwarded_for=who).status for path in ("/healthz", "/readyz", "/metrics")]

    served = Served(tmp_path)
    served.pulse.ended(Beat(served.now))
    assert [served.ask(path).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    assert seen(served, "127.0.0.1") == [200, 404, 404]
    served.close()
    (tmp_path / "b").mkdir()
    served = Served(tmp_path / "b", proxies=LOOPBACK, watchers=(ip_network("10.1.2.0/24"),))
    served.pulse.ended(Beat(served.now))
    assert seen(served, "10.1.2.255") == [200] * 3
    assert seen(served, "10.1.3.0") == [200, 404, 404]
    served.close()


def test_a_single_beat_is_not_served(place: Place) -> None:
    run = place.start("--once")
    run.process.wait(30)
    assert run.process.returncode == 2
    run.kill()
    assert any("--once" in line for line in run.err)


def test_help_and_ordinary_commands_load_no_web_server(place: Place, root: Path) -> None:
    for words in (("run", "--help"), ("run", "--once")):
        ran = subprocess.run(
            [sys.executable, "-X", "importtime", str(root / "cli.py"), *words],
            cwd=place.folder, capture_output=True, encoding="utf-8", check=True,
        )  # fmt: skip
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
        assert {"click", "commands"} <= loaded
        assert loaded & {"starlette", "uvicorn", "anyio", "prometheus_client", "structlog", "web"} == set(), (
            words
        )
