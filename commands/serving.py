"""What `yiriban run` serves and logs beside its words: the web server in its thread, the journal of JSON lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.printing import SHANGHAI, note, pick
from commands.room import refuse_missing
from engine.errors import BadInput
from engine.patrol import Beat
from runtime import assembly
from runtime.auditing import Audited
from runtime.feeding import Fed
from runtime.listening import log_format, where
from runtime.metronome import Event, Tell
from runtime.postman import Posted, Postman
from runtime.pulse import Pulse
from runtime.settings import Settings
from runtime.standing import StandingOffice

if TYPE_CHECKING:
    from runtime.logs import Journal
    from web.server import Server

_ON_STDOUT = (Beat, Posted, Audited, Fed)
"""What is told on stdout; all else goes to stderr."""


def with_flags(settings: Settings, http: str | None, log: str | None, log_file: str | None) -> Settings:
    """Let the options of the command line win over the settings; raise ``BadInput`` for what they cannot be."""
    standing = settings.standing
    if http is not None:
        host, port = where(http)
        standing = replace(standing, http=replace(standing.http, host=host, port=port))
    if log is not None:
        standing = replace(standing, log=replace(standing.log, format=log_format(log)))
    if log_file is not None:
        standing = replace(standing, log=replace(standing.log, file=log_file))
    return replace(settings, standing=standing)


class Beside:
    """Everything that runs along with the patrol and does no work of its own."""

    def __init__(self, settings: Settings, pace: timedelta) -> None:
        """Open the log; raise ``BadInput`` for a file that cannot be written. Nothing is served yet."""
        self.pulse = Pulse(pace.total_seconds(), now=assembly.system_now)
        self._settings = settings
        self._pace = pace
        self._journal = _journal(settings)

    @property
    def quiet(self) -> bool:
        """Whether the JSON lines go where the words would go, and stand in their place."""
        log = self._settings.standing.log
        return log.format == "json" and not log.file

    def telling(self, words: Tell, as_json: bool) -> Tell:
        """Return who hears of everything: the journal, and ``words`` where they do not stand in its way."""

        def tell(event: Event) -> None:
            if self._journal is not None:
                self._journal.hear(event)
            if not self.quiet or (as_json and isinstance(event, _ON_STDOUT)):
                words(event)

        return tell

    def say(self, text: str) -> None:
        """Say something on stderr, unless JSON lines are written there."""
        if not self.quiet:
            note(text)

    def stopping(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Return what a signal calls: from then on the program is not ready."""

        def leave() -> None:
            self.pulse.leave()
            stop()

        return leave

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write into the log that the program began, and how it ended."""
        journal = self._journal
        if journal is None:
            yield
            return
        from runtime.logs import named  # structlog is there already

        self._write("info", "run.started", {"every_seconds": self._pace.total_seconds(), "pid": os.getpid()})
        try:
            yield
        except Exception as error:
            self._write("error", "run.stopped", named(error))
            raise
        else:
            self._write("info", "run.stopped", {})
        finally:
            journal.close()

    @contextmanager
    def serving(self, standing: StandingOffice, postman: Postman | None) -> Iterator[None]:
        """Serve by HTTP where the settings say so; raise what is wrong with the address or a callback."""
        http = self._settings.standing.http
        if not http.host:
            if http.callbacks:
                self.say(_pick(self._settings, "设置了 [callbacks]，但没有 --http：推送的回执收不到，仍按时查询",
                               "[callbacks] are set up, but nothing is served without --http"))  # fmt: skip
            yield
            return
        from web.server import Server  # 0.3 s of start-up that only those pay who serve

        server = Server(http.host, http.port)
        try:
            server.start(self._app(standing, postman), self._died)
            self._greet(server)
            yield
        finally:
            server.stop()
            self._write("info", "http.stopped", {})

    def _app(self, standing: StandingOffice, postman: Postman | None) -> Any:
        from runtime.inbox import Inbox
        from runtime.sampler import Sampler
        from web.app import Parts, make_app
        from web.metrics import Exposition, Sources
        from web.probe import Probe

        settings, now = self._settings, assembly.system_now
        guard = partial(refuse_missing, settings)

        def configured() -> list[tuple[str, str]]:
            channels = postman.channels if postman is not None else {}
            return [(channel, p.name) for channel, listed in channels.items() for p in listed]

        sources = Sources(
            self._pace.total_seconds(), lambda: standing.office.calendar.firm_until,
            lambda: standing.office.calendar.day_of(now()), configured,
        )  # fmt: skip
        sampler = Sampler(assembly.open_store(settings), now, lambda: self.pulse.beats, guard=guard)
        sampler.begin()
        http = settings.standing.http
        inbox = Inbox(
            http.callbacks, os.environ, postman, assembly.open_store(settings), now, guard=guard
        )  # fmt: skip
        return make_app(
            Parts(http, settings.lang, now, self.pulse, Probe(assembly.open_store(settings), guard), sampler,
                  Exposition(self.pulse, sources), inbox, self._told)
        )  # fmt: skip

    def _greet(self, server: Server) -> None:
        self._write("info", "http.started", {"url": server.url})
        self.say(_pick(self._settings, f"网页监听 {server.url}：/healthz /readyz /metrics",
                       f"Listening on {server.url}: /healthz /readyz /metrics"))  # fmt: skip
        for one in self._settings.standing.http.callbacks:
            self.say(
                _pick(
                    self._settings,
                    f"接收推送的回执：{one.provider}",
                    f"Taking pushed receipts: {one.provider}",
                )
            )
        if server.open_to_others:
            self.say(_pick(
                self._settings, "注意：别的计算机也连得上；/readyz 和 /metrics 只答复本机和 [http] 的 watchers",
                "Caution: other machines can connect; /readyz and /metrics answer this one and [http] watchers only",
            ))  # fmt: skip

    def _told(self, event: str, at: datetime, fields: dict[str, Any]) -> None:
        """Hear of a callback, in the server's thread."""
        self._write("info" if event == "callback.kept" else "warning", event, fields, at)
        if event == "callback.refused":
            origin, times = fields["origin"] or "?", fields["times"]
            self.say(f"{_second(at)}  " + _pick(
                self._settings, f"拒绝了一次回执推送，来自 {origin}（第 {times} 次）：密钥、来源或路径不对",
                f"refused a push of receipts from {origin} (time {times}): wrong secret, origin or path",
            ))  # fmt: skip
        elif event == "callback.failed":
            self.say(f"{_second(at)}  " + _pick(
                self._settings, f"{fields['provider']} 推送的回执没有收下（{fields['status']}），对方会再推",
                f"receipts pushed by {fields['provider']} were not kept ({fields['status']}); they come again",
            ))  # fmt: skip

    def _died(self, error: Exception) -> None:
        """Hear that the server ended by itself; the patrol goes on."""
        self._write("error", "http.died", {"error": type(error).__name__})
        self.say(f"{_second(assembly.system_now())}  " + _pick(
            self._settings, "网页监听意外停止，巡查照常；要恢复请重新启动 yiriban run",
            "the web server died, the patrol goes on; start yiriban run anew to have it back",
        ))  # fmt: skip

    def _write(self, level: Any, event: str, fields: dict[str, Any], at: datetime | None = None) -> None:
        if self._journal is not None:
            self._journal.write(level, event, at or assembly.system_now(), **fields)


def refuse_once(settings: Settings) -> None:
    """Raise ``BadInput`` where somebody wants a single beat to be watched by HTTP."""
    if settings.standing.http.host:
        raise BadInput("--once 做完就退出，不能同时 --http", then="去掉其中一个")


def _journal(settings: Settings) -> Journal | None:
    log = settings.standing.log
    if not log.lines:
        return None
    from runtime.logs import Journal  # structlog takes a quarter of a second to come

    return Journal(file=Path(log.file) if log.file else None)


def _pick(settings: Settings, zh: str, en: str) -> str:
    return pick(settings.lang, zh, en)


def _second(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
