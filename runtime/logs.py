"""The log of `yiriban run` as JSON lines, one event each: the one door to structlog. 结构化日志

Event names are stable; the list with their fields stands in docs/how-to/keep-it-running.md. What is logged is
chosen field by field, so nobody's name, number or address can get in: persons and texts are never among the
fields, a message is named by our reference, an error by its kind and its first sentence with numbers blotted out.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from datetime import datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, TextIO
from zoneinfo import ZoneInfo

import structlog

from engine.errors import BadInput, YiribanError
from engine.patrol import Beat
from runtime.auditing import Audited
from runtime.feeding import Fed
from runtime.metronome import Began, Event, Failed, Rebuilt
from runtime.postman import Posted

Level = Literal["info", "warning", "error"]
Record = tuple[Level, str, dict[str, Any]]
_ZONE = ZoneInfo("Asia/Shanghai")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")
_NUMBER = re.compile(r"\d{6,}")
_REFUSED = frozenset({"config", "rejected"})


class Journal:
    """Writes events, each with the moment, the run and, where there is one, the beat; safe in any thread."""

    def __init__(self, stream: TextIO | None = None, file: Path | None = None) -> None:
        """Write to ``stream``, else to ``file``, else to stderr; raise ``BadInput`` for a file that cannot be opened.

        A file that was moved away (logrotate) is opened anew.
        """
        self.run = token_hex(4)
        self._beat = 0
        self._sink = _sink(stream, file)
        self._log = structlog.wrap_logger(
            self._sink,
            processors=[
                structlog.processors.add_log_level,
                _ordered,
                structlog.processors.JSONRenderer(ensure_ascii=file is None and not _utf8(stream)),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        ).bind(run=self.run)

    def write(self, level: Level, event: str, at: datetime, **fields: Any) -> None:
        """Write one event."""
        told = {"at": at.astimezone(_ZONE).isoformat(timespec="milliseconds"), **fields}
        getattr(self._log, level)(event, **told)

    def close(self) -> None:
        """Let go of the file."""
        for handler in self._sink.handlers:
            handler.close()

    def hear(self, event: Event) -> None:
        """Write what the metronome tells of; a beat that did nothing is counted, not written."""
        fields: dict[str, Any] = {}
        if isinstance(event, Beat) or (
            isinstance(event, Failed) and event.job == "patrol" and not event.beaten
        ):
            self._beat += 1
            fields["beat"] = f"{self.run}-{self._beat}"
        for level, name, told in records(event):
            self.write(level, name, event.at, **fields, **told)


def _ordered(_log: Any, _method: str, told: MutableMapping[str, Any]) -> dict[str, Any]:
    """Put first what every line has, so that people can read down the columns."""
    head = ("at", "level", "event", "run", "beat")
    return {key: told[key] for key in head if key in told} | {k: v for k, v in told.items() if k not in head}


def _utf8(stream: TextIO | None) -> bool:
    return ((stream or sys.stderr).encoding or "utf-8").lower().replace("-", "") == "utf8"


def _sink(stream: TextIO | None, file: Path | None) -> logging.Logger:
    """Return a logger of its own that writes whole lines."""
    sink = logging.Logger("yiriban.journal")  # not in the tree of loggers: nobody else's settings touch it
    sink.propagate = False
    try:
        handler = logging.StreamHandler(stream) if file is None else _File(file, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"写不了日志文件 {file}", why=error.strerror or "", then="检查 --log-file 的路径和权限"
        ) from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    sink.addHandler(handler)
    return sink


class _File(WatchedFileHandler):
    """A log that cannot be written (a full disk) stops no beat."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Let the line go."""


def records(event: Event) -> Iterator[Record]:
    """Say what a metronome's event is in the log; none for a beat that did nothing."""
    match event:
        case Beat():
            yield from _of_beat(event)
        case Posted():
            yield from _of_delivery(event)
        case Audited():
            yield from _of_audit(event)
        case Fed():
            stands = event.stands
            told = {
                "subscriber": stands.name,
                "state": stands.state,
                "taken_up_to": stands.after,
                "left": event.left,
            }
            yield (
                "info" if event.well else "warning",
                "feed.stands",
                {**told, "detail": blotted(stands.detail)},
            )
        case Failed():
            name = (
                "change.refused" if event.beaten else "beat.failed" if event.job == "patrol" else "job.failed"
            )
            yield "error", name, {"job": event.job, **named(event.error)}
        case Began():
            gone = event.replaced
            yield (
                "info",
                "lease.taken",
                {} if gone is None else {"replaced_host": gone.host, "replaced_pid": gone.pid},
            )
        case Rebuilt():
            yield "warning", "scheduler.rebuilt", {"why": event.why, "moved_seconds": round(event.moved, 3)}


def named(error: Exception) -> dict[str, Any]:
    """Name an error: its kind, and for those that speak to people what happened."""
    told: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, YiribanError):
        told["what"] = blotted(error.what)
    return told


def blotted(text: str) -> str:
    """Return a text on one line without addresses and long numbers."""
    return " ".join(_NUMBER.sub("***", _ADDRESS.sub("***", text)).split())[:200]


def _of_beat(beat: Beat) -> Iterator[Record]:
    if beat.fires or beat.troubled:
        cases = sum(1 for fire in beat.fires if fire.case)
        told = {
            "fires": len(beat.fires), "messages": len(beat.messages), "cases": cases, "troubles": len(beat.troubled),
        }  # fmt: skip
        yield "info", "beat.done", told
    for clock in beat.troubled:
        # not its text: a database may quote the row, and with it a person
        yield "error", "clock.trouble", {"matter": clock.matter, "clock": clock.name, "round": clock.round}


def _of_delivery(posted: Posted) -> Iterator[Record]:
    done, back = posted.delivered, posted.collected
    for tried in posted.attempts:
        yield "warning" if tried.outcome in _REFUSED else "info", "delivery.outcome", {
            "channel": tried.channel, "provider": tried.provider, "outcome": tried.outcome, "code": blotted(tried.code),
            "asked": tried.asked, "seconds": round(tried.seconds, 3), "message": tried.reference,
        }  # fmt: skip
    told = {
        "outcomes": dict(sorted(done.outcomes.items())), "waiting": dict(sorted(done.waiting.items())),
        "ended": dict(sorted(done.ended.items())), "digests": done.digests, "digested": done.digested,
        "receipts": dict(sorted(back.states.items())), "unconfirmed": back.unconfirmed,
        "troubles": sum(done.troubles.values()) + sum(back.troubles.values()),
    }  # fmt: skip
    yield "info", "delivery.done", told
    for breaker in done.stopped:
        yield "error", "provider.stopped", {
            "channel": breaker.channel, "provider": breaker.provider, "detail": blotted(breaker.detail),
        }  # fmt: skip


def _of_audit(audited: Audited) -> Iterator[Record]:
    for finding in audited.fresh:
        yield "error", "audit.found", {"kind": finding.kind, "subject": finding.subject}
    for finding in audited.healed:
        yield "info", "audit.healed", {"kind": finding.kind, "subject": finding.subject}


EVENTS: Sequence[str] = (
    "run.started", "run.stopped", "lease.taken", "beat.done", "beat.failed", "clock.trouble", "change.refused",
    "job.failed", "audit.found", "audit.healed", "feed.stands", "delivery.done", "delivery.outcome", "provider.stopped", "scheduler.rebuilt", "http.started",
    "http.stopped", "http.died", "callback.kept", "callback.refused", "callback.failed",
)  # fmt: skip
"""Every name that an event can have."""
