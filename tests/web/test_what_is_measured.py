"""Every measure says what the database holds, costs next to nothing, and takes few values; the alerts speak of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.auditing import Finding, Standing
from engine.clock import Clock
from engine.deliver import deliver
from engine.delivery import Provider
from engine.patrol import Beat
from engine.yamlfile import Faults, plain, read_yaml
from storage import auditing, measures
from storage.feed import Feed, Subscription
from storage.moments import to_ticks
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.city import City
from tests.delivery.peers import NOW, Scripted, post
from tests.web.conftest import NAME, Place
from tests.web.served import Served

ALERTS = Path(__file__).resolve().parents[2] / "examples" / "monitoring" / "alerts.yaml"
BEHIND = ("_bucket", "_count", "_sum")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def samples(page: str) -> dict[str, float]:
    """Read a page as Prometheus does: ``name{label=value,…}`` with its value."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def page(served: Served) -> dict[str, float]:
    """A fresh page."""
    served.pulse.began()
    served.pulse.ended(Beat(served.now))
    got = served.ask("/metrics")
    assert got.headers["content-type"].startswith("text/plain; version=")
    return samples(got.body)


def test_the_outbox_is_counted_by_channel_state_and_outcome(served: Served) -> None:
    first = page(served)
    assert first["yiriban_outbox_messages{channel=sms,state=queued}"] == 0
    assert first["yiriban_outbox_oldest_pending_seconds"] == 0
    post(served.store, "f1", "zhang")
    post(served.store, "f2", "zhang", "email", at=NOW - timedelta(hours=1))
    post(served.store, "f3", "li", at=NOW + timedelta(days=1))
    now = page(served)
    assert now["yiriban_outbox_messages{channel=sms,state=queued}"] == 2
    assert now["yiriban_outbox_messages{channel=email,state=queued}"] == 1
    assert now["yiriban_outbox_oldest_pending_seconds"] == 3720, "what may not go out yet does not wait"
    channels = {"sms": [Provider("p", Scripted(["rejected"]))], "email": [Provider("smtp", Scripted(["ok"]))]}
    deliver(SqlOutbox(served.store), channels, NOW)
    now = page(served)
    assert now["yiriban_deliveries_total{channel=sms,outcome=rejected,provider=p}"] == 1
    assert now["yiriban_deliveries_total{channel=email,outcome=accepted,provider=smtp}"] >= 1
    assert now["yiriban_messages_ended_total{channel=sms,state=dead}"] == 1
    assert page(served)["yiriban_messages_ended_total{channel=sms,state=dead}"] == 1, "counted once"


def test_what_was_there_before_the_start_is_not_counted_as_new(tmp_path: Path) -> None:
    before = Served(tmp_path)
    before.accepted("f1", "aliyun-sms")
    before.close()
    (tmp_path / "again").mkdir()
    (tmp_path / "outbox.db").rename(tmp_path / "again" / "outbox.db")
    store = SqlStore(f"sqlite:///{tmp_path / 'again' / 'outbox.db'}")
    with store.reading():
        here = measures.place(store)
        assert (here.attempt, here.event) == (1, 2)
        assert measures.added(store, here).attempts == {}
        assert measures.added(store, measures.Place()).attempts == {("sms", "aliyun-sms", "accepted"): 1}
    store.close()


def test_a_mass_of_new_rows_is_counted_in_parts_and_none_is_lost(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "AT_ONCE", 3)
    for number in range(10):
        served.accepted(f"f{number}", "aliyun-sms")
    now = page(served)
    assert now["yiriban_deliveries_total{channel=sms,outcome=accepted,provider=aliyun-sms}"] == 10
    assert now["yiriban_messages_ended_total{channel=sms,state=accepted}"] == 10


def test_breakers_subscribers_findings_and_troubles_show(served: Served) -> None:
    now = page(served)
    assert now["yiriban_breaker_open{channel=sms,provider=aliyun-sms#2}"] == 0, "every provider has one"
    assert now["yiriban_chain_breaks"] == now["yiriban_audit_findings{kind=history}"] == 0
    served.accepted("f1", "aliyun-sms")
    store = served.store
    with store.transaction():
        store.run("insert into breaker values ('sms', 'aliyun-sms', 1, 0, 0, 1, 0, '', '410400')")
        Feed(store).keep(Subscription("https://tracker.example/in", 1, 1), NOW)
        Feed(store).keep(Subscription("https://gone.example/in", 0, 0, "gone"), NOW)
        gone = Standing(Finding("calendar", "2027", ""), NOW, NOW, gone_since=NOW)
        kept = auditing.Kept(NOW, "", (Standing(Finding("history", "P1", f"{NAME}"), NOW, NOW), gone))
        auditing.keep(store, kept)
    now = page(served)
    assert now["yiriban_breaker_open{channel=sms,provider=aliyun-sms}"] == 1
    assert now["yiriban_feed_lag_events{subscriber=https://tracker.example/in}"] == 1
    assert now["yiriban_feed_lag_events{subscriber=https://gone.example/in}"] == 2
    assert now["yiriban_feed_stopped{subscriber=https://tracker.example/in}"] == 0
    assert now["yiriban_feed_stopped{subscriber=https://gone.example/in}"] == 1
    assert now["yiriban_chain_breaks"] == now["yiriban_audit_findings{kind=history}"] == 1
    assert now["yiriban_audit_findings{kind=calendar}"] == 0, "what is no longer seen is no finding"
    assert now["yiriban_audit_last_run_timestamp_seconds"] == NOW.timestamp()


def test_beats_jumps_and_the_calendar_show(served: Served) -> None:
    now = page(served)
    assert (now["yiriban_beats_total{result=ok}"], now["yiriban_beats_total{result=failed}"]) == (1, 0)
    assert now["yiriban_beat_duration_seconds_count"] == 1
    assert now["yiriban_beat_last_success_timestamp_seconds"] == served.now.timestamp()
    assert now["yiriban_calendar_horizon_days"] == 48
    assert now["yiriban_wall_clock_steps_total"] == 0
    served.pulse.began()
    served.pulse.failed()
    served.pulse.restarted("clock")
    served.pulse.restarted("dead")
    now = page(served)
    assert now["yiriban_beats_total{result=failed}"] == 1
    assert now["yiriban_wall_clock_steps_total"] == now["yiriban_scheduler_rebuilds_total{why=dead}"] == 1
    assert now["yiriban_beat_age_seconds"] < 5


@pytest.fixture(scope="module")
def city() -> Iterator[City]:
    """P1's evaluation report was delivered on Monday 2 November 2026 at 10:00."""
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    yield made
    made.store.close()


def overdue(city: City, clock: Clock, moment: str, late: timedelta) -> int:
    at = clock.moment(moment)  # type: ignore[arg-type]
    assert at is not None
    with city.store.reading():
        found = measures.open_clocks(city.store, to_ticks(at + late))
    return sum(c.passed[moment] for c in found if c.name == clock.name and c.state == "running")


@pytest.mark.parametrize("moment", ["promise", "statutory"])
def test_a_clock_is_overdue_at_its_moment_and_not_before(city: City, moment: str) -> None:
    with city.store.reading() as work:
        _, clocks = work.reader.read_family("P1")  # type: ignore[attr-defined]
        running = next(c for c in clocks if c.state == "running" and c.moment(moment) is not None)
    tick = timedelta(microseconds=1)
    assert [overdue(city, running, moment, late) for late in (-tick, timedelta(), tick)] == [0, 1, 1]


def test_open_clocks_are_those_of_the_tables_and_closed_ones_are_not(city: City) -> None:
    with city.store.reading():
        counted = {(c.name, c.state): c.count for c in measures.open_clocks(city.store, 0)}
        wanted = city.store.run(
            "select name, state, count(*) from clock where state <> 'met' and state <> 'void' group by name, state"
        ).fetchall()
    assert counted == {(r[0], r[1]): r[2] for r in wanted}
    assert counted


def test_no_measure_walks_a_table_that_grows(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement of a sample is asked for its plan; only tables that stay small may be scanned."""
    said: list[str] = []
    run = city.store.run

    def explained(sql: str, values: tuple[object, ...] = ()) -> object:
        if sql.startswith("select"):
            said.extend(row[3] for row in run(f"explain query plan {sql}", values).fetchall())
        return run(sql, values)

    monkeypatch.setattr(city.store, "run", explained)
    with city.store.reading():
        measures.measure(city.store, NOW)
        measures.added(city.store, measures.Place())
        measures.attempts_after(city.store, 0)
    scanned = {line.split()[1] for line in said if line.startswith("SCAN") and "USING" not in line}
    assert scanned <= {"breaker", "subscriber", "meta"}, said
    assert any("ix_clock_open" in line for line in said)
    assert any("ix_message_waiting" in line for line in said)


def test_the_database_is_read_once_for_each_beat(served: Served) -> None:
    page(served)
    first = served.sampler.sample
    for _ in range(5):
        served.ask("/metrics")
    assert served.sampler.sample is first
    page(served)
    assert served.sampler.sample is not first


def test_labels_take_few_values_whoever_and_however_many_there_are(city: City, place: Place) -> None:
    with city.store.reading():
        found = measures.measure(city.store, NOW)
    names = {name for workflow in city.office.current.workflows.values() for name in workflow.clocks}
    assert {c.name for c in found.clocks} <= names
    assert len(names) < 200
    run = place.start("--every", "1s")
    run.ready()
    assert "yiriban_clocks{" in run.ask("/metrics").body
    for text in (run.ask("/metrics").body, run.ask("/readyz").body):
        assert not re.search(r"P1\b|u1\b|市一中|张三|李四|410400", text)
        assert NAME not in text


def test_openmetrics_is_spoken_where_it_is_asked_for(served: Served) -> None:
    got = served.ask("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert got.headers["content-type"].startswith("application/openmetrics-text")
    assert got.body.endswith("# EOF\n")


# the alerts


def rules() -> list[dict[str, object]]:
    faults = Faults()
    tree = read_yaml(ALERTS.read_text("utf-8"), ALERTS.name, faults)
    assert tree is not None
    assert not faults, list(faults)
    return [rule for group in plain(tree)["groups"] for rule in group["rules"]]


def test_every_alert_speaks_of_measures_that_exist(served: Served) -> None:
    served.accepted("f1", "aliyun-sms")
    served.push("aliyun-sms", b"", secret="wrong")
    store = served.store
    with store.transaction():
        Feed(store).keep(Subscription("https://tracker.example/in"), NOW)
        auditing.keep(store, auditing.Kept(NOW))
    known = {name.partition("{")[0] for name in page(served)} | CLOCKS
    for rule in rules():
        named = set(re.findall(r"\byiriban_\w+", str(rule["expr"])))
        assert named - known == set(), rule["alert"]
        assert named or rule["alert"] in ("YiribanDown", "YiribanDeadMan")
    shown = {
        name for name in known if name.startswith("yiriban_") and not name.endswith(("_created", *BEHIND))
    }
    page_ = (ALERTS.parents[2] / "docs" / "how-to" / "keep-it-running.md").read_text("utf-8")
    assert {name for name in shown if f"`{name}" not in page_} == set(), "every measure is explained"


CLOCKS = {"yiriban_clocks", "yiriban_clocks_overdue"}
"""Of a city with clocks; the outbox of these tests has none."""


def test_every_alert_says_how_grave_it_is_what_is_wrong_and_what_to_do() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) >= 10
    for rule in found:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["labels"]["severity"] in ("page", "ticket", "none")  # type: ignore[index]
        assert set(rule["annotations"]) == {"summary", "description"}  # type: ignore[call-overload]
        assert re.fullmatch(r"\d+[smhd]", str(rule["for"])), rule
        assert str(rule["expr"]).count("(") == str(rule["expr"]).count(")")


def test_there_is_a_dead_mans_switch_and_an_alert_for_silence() -> None:
    by_name = {str(rule["alert"]): str(rule["expr"]) for rule in rules()}
    assert by_name["YiribanDeadMan"] == "vector(1)"
    assert "absent(" in by_name["YiribanDown"]
    assert "yiriban_beat_age_seconds" in by_name["YiribanBeatStopped"]


def test_twenty_thousand_open_clocks_are_counted_in_no_time() -> None:
    """A tenth of what docs/decisions/0015-http.md measures, so that a slow machine passes too."""
    made = City()
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    store = made.store
    with store.transaction():
        row = store.run("select * from clock where state = 'running' and plan <> '[]' limit 1").fetchone()
        names = [r[1] for r in store.run("pragma table_info(clock)").fetchall()]
        at = {names.index("matter"), names.index("root")}
        many = [tuple(f"X{n}" if i in at else value for i, value in enumerate(row)) for n in range(20_000)]
        store.run_many(f"insert into clock values ({', '.join('?' * len(names))})", many)
    with store.reading():
        began = time.process_time()
        found = measures.open_clocks(store, to_ticks(NOW))
        took = time.process_time() - began
    assert sum(c.count for c in found) > 20_000
    assert took < 0.1
    store.close()
