"""The measures in the words of Prometheus: the one door to prometheus-client. 指标

Labels take few values, all of them from files that people write: a clock's name, a channel, a provider, a state. No
label holds a unit, a matter or a person: a city has thousands, and a desk or a report is the place to look for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from engine.auditing import KINDS
from runtime.pulse import Pulse
from runtime.sampler import Sample
from storage.measures import Measures

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)
"""Seconds; a beat with nothing to do takes some milliseconds, one after an outage minutes."""
CALLBACKS = ("kept", "refused", "unreadable", "failed")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures come from that no database holds.

    ``firm_until`` is the last day that no holiday notice still to come can change; ``today`` is today there.
    ``providers`` are (channel, provider) as set up now.
    """

    every: float
    firm_until: Callable[[], date]
    today: Callable[[], date]
    providers: Callable[[], Iterable[tuple[str, str]]]


class Exposition:
    """Everything that /metrics shows."""

    def __init__(self, pulse: Pulse, sources: Sources) -> None:
        """Listen to ``pulse`` for how long beats take."""
        self._registry = CollectorRegistry()
        beats = Histogram(
            "yiriban_beat_duration_seconds", "How long a beat of the patrol takes.", buckets=BUCKETS,
            registry=self._registry,
        )  # fmt: skip
        self._callbacks = Counter(
            "yiriban_callbacks_total", "Receipts pushed by providers: calls by what became of them.",
            ("provider", "result"), registry=self._registry,
        )  # fmt: skip
        ProcessCollector(registry=self._registry)
        self._from = _From(pulse, sources)
        self._registry.register(self._from)
        pulse.on_beat = lambda seconds, _well: beats.observe(seconds)

    def callback(self, provider: str, result: str) -> None:
        """Count a call; ``provider`` is empty for a stranger, ``result`` is one of ``CALLBACKS``."""
        self._callbacks.labels(provider, result).inc()

    def page(self, sample: Sample, accept: str) -> tuple[str, bytes]:
        """Return type and text in the format that is asked for."""
        self._from.sample = sample
        encoder, kind = choose_encoder(accept)
        return kind, encoder(self._registry)


class _From(Collector):
    """Makes the families from what was sampled and what is known without a database."""

    def __init__(self, pulse: Pulse, sources: Sources) -> None:
        self._pulse = pulse
        self._sources = sources
        self.sample = Sample()

    def describe(self) -> list[Metric]:
        """Let the registry ask nothing at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._of_program()
        yield from self._of_beats()
        yield from self._of_sampling()
        yield from _of_totals(self.sample)
        measures = self.sample.measures
        if measures is not None:
            yield from _of_clocks(measures)
            yield from self._of_outbox(measures)
            yield from _of_watchers(measures)

    def _of_program(self) -> Iterator[Metric]:
        days = (self._sources.firm_until() - self._sources.today()).days
        yield _gauge(
            "yiriban_calendar_horizon_days",
            "Days from today that no holiday notice still to come can change; negative: the notice is overdue.",
            days,
        )

    def _of_beats(self) -> Iterator[Metric]:
        pulse, vital = self._pulse, self._pulse.read()
        yield _gauge("yiriban_beat_interval_seconds", "How often the patrol beats.", self._sources.every)
        yield _gauge(
            "yiriban_beat_age_seconds",
            "Time since the last sign of life of the patrol, by the monotonic clock; since the start before the first.",
            vital.waited,
        )
        if vital.last_success is not None:
            yield _gauge(
                "yiriban_beat_last_success_timestamp_seconds", "When a beat last did all that was due.",
                vital.last_success.timestamp(),
            )  # fmt: skip
        yield _counter("yiriban_beats", "Beats by how they ended.", ("result",),
                       {("ok",): vital.beats, ("failed",): vital.failures})  # fmt: skip
        for name, help_ in (
            ("fires", "Rungs of ladders that took effect."), ("messages", "Messages written by beats."),
            ("cases", "Cases opened by beats."),
        ):  # fmt: skip
            yield _counter(f"yiriban_{name}", help_, (), {(): pulse.done[name]})
        steps = pulse.rebuilt["clock"]
        yield _counter(
            "yiriban_wall_clock_steps",
            "How often the wall clock jumped by a minute or more.",
            (),
            {(): steps},
        )
        yield _gauge(
            "yiriban_wall_clock_drift_seconds",
            "Wall minus monotonic time since the start or the last jump.",
            vital.drift,
        )
        yield _counter("yiriban_scheduler_rebuilds", "How often the scheduler was built anew.", ("why",),
                       {(why,): pulse.rebuilt[why] for why in ("clock", "dead", "silent")})  # fmt: skip

    def _of_sampling(self) -> Iterator[Metric]:
        sample = self.sample
        yield _gauge(
            "yiriban_sample_success", "1 if the database could be read for this page.", float(sample.well)
        )
        yield _gauge("yiriban_sample_duration_seconds", "How long reading the database took.", sample.took)
        yield _gauge(
            "yiriban_sample_age_seconds", "Time since the database was read for this page.",
            time.monotonic() - sample.taken if sample.taken else 0.0,
        )  # fmt: skip

    def _of_outbox(self, measures: Measures) -> Iterator[Metric]:
        oldest = [w.since for w in measures.waiting if w.since is not None and w.since <= measures.at]
        yield _gauge(
            "yiriban_outbox_oldest_pending_seconds",
            "How long the oldest message that might have gone out has waited; 0 if none waits.",
            (measures.at - min(oldest)).total_seconds() if oldest else 0.0,
        )
        channels = {channel for channel, _ in self._sources.providers()} | {
            w.channel for w in measures.waiting
        }
        counts = {(channel, state): 0.0 for channel in channels for state in ("queued", "sending")}
        counts |= {(w.channel, w.state): float(w.count) for w in measures.waiting}
        yield _gauges(
            "yiriban_outbox_messages", "Messages that have not gone out.", ("channel", "state"), counts
        )
        yield _gauge(
            "yiriban_outbox_on_hold",
            "1 if the outbox of a restored database is on hold.",
            float(measures.on_hold),
        )
        breakers = {key: 0.0 for key in self._sources.providers()}
        breakers |= {key: float(open_) for key, open_ in measures.breakers.items()}
        yield _gauges(
            "yiriban_breaker_open", "1 if a provider is out of use until its settings are mended.",
            ("channel", "provider"), breakers,
        )  # fmt: skip


def _of_totals(sample: Sample) -> Iterator[Metric]:
    yield _counter(
        "yiriban_sample_failures", "Readings of the database that failed.", (), {(): sample.failures}
    )
    yield _counter(
        "yiriban_deliveries", "Attempts to hand messages over, by what came of them.",
        ("channel", "provider", "outcome"), sample.attempts,
    )  # fmt: skip
    yield _counter(
        "yiriban_messages_ended", "Messages that left the queue or rose by a receipt, by their new state.",
        ("channel", "state"), sample.ended,
    )  # fmt: skip


def _of_clocks(measures: Measures) -> Iterator[Metric]:
    yield _gauges(
        "yiriban_clocks", "Open clocks by name and state.", ("clock", "state"),
        {(c.name, c.state): float(c.count) for c in measures.clocks},
    )  # fmt: skip
    running = [c for c in measures.clocks if c.state == "running"]
    yield _gauges(
        "yiriban_clocks_overdue", "Running clocks whose promised, agreed or statutory moment has passed.",
        ("clock", "moment"),
        {(c.name, moment): float(n) for c in running for moment, n in c.passed.items()},
    )  # fmt: skip
    yield _gauge(
        "yiriban_clocks_due", "Clocks that somebody must look at by now; 0 behind every beat.", measures.due
    )
    late = 0.0 if measures.due_since is None else (measures.at - measures.due_since).total_seconds()
    yield _gauge("yiriban_clocks_due_oldest_seconds", "How long the first of them has waited.", late)
    yield _gauge(
        "yiriban_clock_troubles", "Open clocks with a rung that could not be done.", measures.troubles
    )


def _of_watchers(measures: Measures) -> Iterator[Metric]:
    found = {(kind,): float(measures.findings.get(kind, 0)) for kind in {*KINDS, *measures.findings}}
    yield _gauges(
        "yiriban_audit_findings", "What the check of itself has found and is not healed.", ("kind",), found
    )
    yield _gauge(
        "yiriban_chain_breaks", "Histories found not to match their chain and not healed.",
        measures.findings.get("history", 0),
    )  # fmt: skip
    if measures.audited_at is not None:
        yield _gauge(
            "yiriban_audit_last_run_timestamp_seconds", "When the check of itself last ended.",
            measures.audited_at.timestamp(),
        )  # fmt: skip
    yield _gauges(
        "yiriban_feed_lag_events", "Events that a subscriber has not taken.", ("subscriber",),
        {(name,): float(lag) for name, (lag, _) in measures.lags.items()},
    )  # fmt: skip
    yield _gauges(
        "yiriban_feed_stopped", "1 if a subscriber refused for good and a person must reopen it.", ("subscriber",),
        {(name,): float(not open_) for name, (_, open_) in measures.lags.items()},
    )  # fmt: skip


def _gauge(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_, value=value)


def _gauges(name: str, help_: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family


def _counter(
    name: str, help_: str, labels: tuple[str, ...], values: Mapping[Any, float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family
