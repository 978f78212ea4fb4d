"""A provider on loopback that speaks HTTP: real sockets, a ledger, a script of what goes wrong.

``plan`` takes one word per request that submits a message: ``lose`` takes it and hangs up, ``drop`` hangs
up, ``slow`` takes it and keeps silent for two seconds, ``twice`` writes its answer twice, ``double`` enters
it twice into the ledger, ``503`` (three digits) is a bare status, ``garbage`` an answer that is none, ``half`` takes it and
hangs up in the middle of the answer; any other word is the provider's own error. Queries are not scripted
by ``plan`` but by ``plan_query``. ``delay`` slows every answer down, by seconds.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SILENCE = 2.0
TAKES = {"lose", "slow", "twice", "double", "garbage", "half", ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; ``content`` is its type."""

    status: int
    body: bytes
    content: str = "application/json;charset=utf-8"


@dataclass(slots=True)
class Taken:
    """A message that the provider accepted, and what became of it."""

    reference: str
    address: str
    text: str
    id: str
    at: datetime
    more: Mapping[str, str] = field(default_factory=dict)
    fate: str = ""
    """The provider's word for delivered or not; empty: on its way."""
    code: str = ""


class Web:
    """The common part; a provider defines ``is_query`` and ``answer``. A context manager."""

    def __init__(self, *, now: datetime | None = None, tls: ssl.SSLContext | None = None) -> None:
        """``now`` stops the provider's clock; ``tls`` makes it speak HTTPS."""
        self.fixed = now
        self.delay = 0.0
        self.lag = timedelta(0)
        """How long a query does not show what was accepted."""
        self.accepted: list[Taken] = []
        self.requests: Counter[str] = Counter()
        self.faults: list[BaseException] = []
        self._steps: deque[str] = deque()
        self._query_steps: deque[str] = deque()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = _Server(self, tls)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._server.shutdown()
        with self.lock:
            still = list(self._open)
        for one in still:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()
        assert not self.faults, self.faults

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def now(self) -> datetime:
        return self.fixed or datetime.now(UTC)

    def plan(self, *steps: str) -> None:
        """Say what happens to the submissions to come, one word each."""
        self._steps.extend(steps)

    def plan_query(self, *steps: str) -> None:
        """Say what happens to the queries to come."""
        self._query_steps.extend(steps)

    def settle(self, reference: str, fate: str, code: str = "") -> None:
        """Say what became of an accepted message, in the provider's words."""
        for taken in self.accepted:
            if taken.reference == reference:
                taken.fate, taken.code = fate, code

    def shown(self) -> list[Taken]:
        """Return what queries may show by now."""
        with self.lock:
            return [taken for taken in self.accepted if self.now - taken.at >= self.lag]

    def take(self, reference: str, address: str, text: str, step: str = "", **more: str) -> Taken:
        """Enter a message into the ledger."""
        with self.lock:
            taken = Taken(reference, address, text, f"{len(self.accepted) + 1:04d}^0", self.now, more)
            self.accepted += [taken] * (2 if step == "double" else 1)
        return taken

    def is_query(self, asked: Asked) -> bool:
        """Whether the request asks about messages instead of submitting one."""
        raise NotImplementedError

    def answer(self, asked: Asked, step: str) -> Reply:
        """Answer as the provider does; ``step`` is its own error code, or one of ``TAKES``."""
        raise NotImplementedError

    def handle(self, asked: Asked, handler: Any) -> None:
        with self.lock:
            steps = self._query_steps if self.is_query(asked) else self._steps
            step = steps.popleft() if steps else ""
            self.requests["query" if self.is_query(asked) else "send"] += 1
        if self.delay:
            self.closing.wait(self.delay)
        if step == "drop":
            handler.hang_up()
            return
        bare = step.isdigit() and len(step) == 3
        reply = Reply(int(step), b"", "text/plain") if bare else self.answer(asked, step)
        if step == "slow":
            self.closing.wait(SILENCE)
        if step in ("lose", "slow"):
            handler.hang_up()
        elif step == "garbage":
            handler.write(Reply(200, b"<html>\xff\xfe welcome"))
        elif step == "half":
            handler.write(reply, half=True)
        else:
            handler.write(reply)
            if step == "twice":
                handler.write(reply)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, web: Web, tls: ssl.SSLContext | None) -> None:
        self.web = web
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, where = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            connection.settimeout(5)
            connection = self.tls.wrap_socket(connection, server_side=True)
        with self.web.lock:
            self.web._open.add(connection)
        return connection, where

    def shutdown_request(self, request: Any) -> None:
        with self.web.lock:
            self.web._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a peer that went away; the provider's own faults are kept by the handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        wanted = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(wanted)
        if len(body) < wanted:  # whoever asked died while asking
            self.hang_up()
            return
        asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        try:
            self.server.web.handle(asked, self)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True
        except BaseException as fault:
            self.server.web.faults.append(fault)
            self.hang_up()

    do_GET = do_PUT = do_POST  # noqa: N815 - the library's names

    def write(self, reply: Reply, *, half: bool = False) -> None:
        head = f"HTTP/1.1 {reply.status} Told\r\nContent-Type: {reply.content}\r\nContent-Length: {len(reply.body)}\r\n\r\n"
        self.wfile.write(head.encode() + (reply.body[: len(reply.body) // 2] if half else reply.body))
        if half:
            self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass
