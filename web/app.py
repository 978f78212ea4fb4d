"""The routes: /healthz, /readyz, /metrics, and /callbacks/<provider>/<secret> for receipts that providers push.

What is answered names nobody. Whoever may not ask gets the same 404 as somebody who asks for what does not exist.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.deliver_receipts import Collected
from engine.errors import BadInput
from runtime.inbox import Inbox
from runtime.listening import Listening
from runtime.pulse import Pulse
from runtime.sampler import Sample, Sampler
from web.access import Address, may, origin_of
from web.health import Probed, judge, page, ready
from web.lane import Busy, Lane
from web.metrics import Exposition

PATIENCE = 2.0
"""Seconds that a question about health may take; then the answer is that the database does not answer."""
FRESH = 1.0
"""Seconds for which what was seen in the database is told again without looking."""
BODY = 1 << 20
"""Bytes that a push may have; a hundred receipts are some twenty thousand."""
BODY_WITHIN = 10.0
KEPT_WITHIN = 8.0
"""Seconds: a writer may hold the database for five."""
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

Told = Callable[[str, datetime, dict[str, Any]], None]
"""Hears of callbacks: the name of the event, when, and its fields."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes serve from; ``probe``, ``sampler`` and ``inbox`` are each used by one thread only."""

    listening: Listening
    lang: str
    now: Callable[[], datetime]
    pulse: Pulse
    probe: Callable[[], Probed]
    sampler: Sampler
    exposition: Exposition
    inbox: Inbox
    told: Told = lambda _event, _at, _fields: None


def make_app(parts: Parts) -> Starlette:
    """Return the application."""
    desk = _Desk(parts)
    routes = [
        Route("/healthz", desk.healthz),
        Route("/readyz", desk.readyz),
        Route("/metrics", desk.metrics),
        Route("/callbacks/{provider}/{secret}", desk.callback, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _missing, 405: _missing, Exception: _failed})
    app.router.redirect_slashes = False
    return app


class _Once:
    """Something asked of a thread, one asking at a time, its answer good for a while."""

    def __init__(self, lane: Lane, act: Callable[[], Any], fresh: float) -> None:
        self._lane = lane
        self._act = act
        self._fresh = fresh
        self._asking: asyncio.Task[Any] | None = None
        self._at = float("-inf")

    async def __call__(self) -> Any:
        """Return the answer; raise ``Busy`` where it does not come in time, though it is still waited for."""
        task = self._asking
        if task is None or (task.done() and time.monotonic() - self._at >= self._fresh):
            task = self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            raise Busy
        return task.result()

    async def _ask(self) -> Any:
        try:
            return await self._lane.do(self._act)
        finally:
            self._at = time.monotonic()


class _Desk:
    """Answers, one method a route."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._looking = Lane("yiriban-http-look")
        self._keeping = Lane("yiriban-http-keep")
        self._probe = _Once(self._looking, parts.probe, FRESH)
        self._sample = _Once(self._looking, parts.sampler.take, 0.0)
        self._refused: Counter[str] = Counter()

    async def healthz(self, _request: Request) -> Response:
        """Say that the process lives and answers; nothing else is looked at."""
        return _json({"schema": "yiriban.health/1", "alive": True}, 200)

    async def readyz(self, request: Request) -> Response:
        """Say whether it does its work; 503 says what does not, and what to do."""
        if not self._may_watch(request):
            return _missing(request)
        try:
            probed: Probed = await self._probe()
        except Busy:
            probed = Probed(TimeoutError())
        parts = self._parts
        checks = judge(parts.pulse.read(), probed)
        return _json(page(checks, parts.now(), parts.lang), 200 if ready(checks) else 503)

    async def metrics(self, request: Request) -> Response:
        """Show every measure; the database is read once for each beat, however often this is asked for."""
        if not self._may_watch(request):
            return _missing(request)
        sampler = self._parts.sampler
        sample: Sample = sampler.sample
        if sampler.stale:
            with suppress(Busy):  # the last sample says how old it is
                sample = await self._sample()
        kind, text = self._parts.exposition.page(sample, request.headers.get("accept", ""))
        return Response(text, headers={**_HEADERS, "content-type": kind})

    async def callback(self, request: Request) -> Response:
        """Keep pushed receipts, then answer as the provider wants it; it comes again after any other answer."""
        inbox, path = self._parts.inbox, request.path_params
        origin = self._origin(request)
        provider = inbox.admits(path["provider"], path["secret"], origin)
        if not provider:
            self._refuse(path["provider"] if path["provider"] in inbox.providers else "", origin)
            return _missing(request)
        body = await _body(request)
        if body is None:
            return self._answer(provider, "unreadable", 413)
        try:
            kept = await self._keeping.do(lambda: inbox.take(provider, body), KEPT_WITHIN)
        except BadInput:
            return self._answer(provider, "unreadable", 400)
        except (Busy, Exception) as error:  # not kept, or nobody knows: the provider comes again
            return self._answer(provider, "failed", 503, error=type(error).__name__)
        return self._answer(provider, "kept", 200, kept)

    def _answer(
        self, provider: str, result: str, status: int, kept: Collected | None = None, **fields: Any
    ) -> Response:
        parts, ident = self._parts, token_hex(8)
        parts.exposition.callback(provider, result)
        told: dict[str, Any] = {"request": ident, "provider": provider, "status": status, **fields}
        if kept is not None:
            told["receipts"] = dict(sorted(kept.states.items()))
        parts.told("callback.kept" if kept is not None else "callback.failed", parts.now(), told)
        how = parts.inbox.pushing(provider)
        kind, text = how.answer(kept is not None) if how is not None else ("text/plain", b"")
        return Response(text, status, headers={**_HEADERS, "content-type": kind, "x-request-id": ident})

    def _refuse(self, provider: str, origin: Address | None) -> None:
        """Count a stranger; told the 1st, 2nd, 4th, 8th … time, so that nobody can fill the log."""
        self._parts.exposition.callback(provider, "refused")
        self._refused[provider] += 1
        times = self._refused[provider]
        if not times & (times - 1):
            fields = {"provider": provider, "origin": str(origin or ""), "times": times}
            self._parts.told("callback.refused", self._parts.now(), fields)

    def _may_watch(self, request: Request) -> bool:
        return may(self._origin(request), self._parts.listening.watchers)

    def _origin(self, request: Request) -> Address | None:
        peer = request.client.host if request.client is not None else ""
        return origin_of(peer, request.headers.raw, self._parts.listening.proxies)


async def _body(request: Request) -> bytes | None:
    """Read what was posted; ``None`` where it is too long or does not come."""
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > BODY:
        return None
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                read += chunk
                if len(read) > BODY:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(read)


def _json(payload: dict[str, Any], status: int) -> Response:
    return JSONResponse(payload, status, headers=_HEADERS)


def _missing(_request: Request, _error: Exception | None = None) -> Response:
    return Response("Not Found\n", 404, headers=_HEADERS, media_type="text/plain")


def _failed(_request: Request, _error: Exception) -> Response:
    return Response("Internal Server Error\n", 500, headers=_HEADERS, media_type="text/plain")
