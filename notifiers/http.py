"""The one door to HTTP: what was surely never sent is told apart from what was sent and not answered.

A channel that hands messages over by HTTP calls ``Http.call`` and gets an ``Answer``, whatever its status,
or one of two exceptions: ``NotSent`` (nothing can have been taken: `retry`, or `config` where the certificate
or the address is wrong) and ``NoAnswer`` (it may have been taken: `unknown`). ``fate`` turns either into the
``Outcome``. Nothing is ever sent a second time from here. Proxies of the environment are not used, redirects
are not followed, certificates are verified.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from weakref import finalize

from engine.delivery import Outcome
from engine.errors import BadInput
from notifiers.address import Address
from notifiers.http_link import LONGEST_ANSWER, Link, NoAnswer, NotSent

__all__ = ["LONGEST_ANSWER", "WAYS", "Answer", "Http", "NoAnswer", "NotSent", "door", "fate"]

TIMEOUT = 10.0
"""Seconds that a provider may stay silent; a lease of a message is at least three times as long."""
KEEP = 2.0
"""Seconds that a connection may wait for its next request: less than any server waits before it hangs up,
and longer than the next message of a round takes."""
AGENT = "yiriban"
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
WAYS = ("timeout", "ca", "proxy", "keep")
"""Settings that every channel over HTTP knows: ``address.only(*WAYS, ...)``."""

_PORTS = {"http": 80, "https": 443}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LAST_LINES = [
    f"user-agent: {AGENT}\r\naccept-encoding: identity\r\nconnection: {word}\r\n\r\n"
    for word in ("close", "keep-alive")
]
_PATH, _QUERY = "/%:@!$&'()*+,;=~", "/%:@!$&'()*+,;=~?"


def fate(error: NotSent | NoAnswer) -> Outcome:
    """Turn what went wrong on the way into the outcome of a message."""
    if isinstance(error, NoAnswer):
        return Outcome("unknown", error.detail, down=True)
    return Outcome("config" if error.wrong else "retry", error.detail, down=not error.wrong)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: any status, the whole body; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body read as JSON, ``None`` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            return None

    def again_at(self, now: datetime) -> datetime | None:
        """Return when the peer wants to be tried again (``Retry-After``), ``None`` where it does not say."""
        told = self.headers.get("retry-after", "").strip()
        try:
            if told.isdigit():
                return now + timedelta(seconds=int(told))
            moment = parsedate_to_datetime(told)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None


class _Place(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """The place as the peer knows it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Http:
    """Connections to one peer, shared by all threads. ``close`` lets go of them."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = TIMEOUT,
        verify: bool = True,
        ca: str = "",
        proxy: str = "",
        keep: float = 0.0,
    ) -> None:
        """Bind to ``http(s)://host[:port][/path]``; nothing is connected yet.

        ``ca`` is a file of certificates to trust instead of the system's; ``proxy`` the ``http://`` URL of a
        proxy; ``keep`` for how many seconds a connection waits for the next request, 0: for none. Of two
        requests over one connection the second may meet a peer that is just hanging up: it has not been
        answered then, and whether it was taken nobody knows. That is why ``keep`` is short, and why a
        connection on which anything stands that nobody asked for is not used again.
        Raise ``BadInput`` where a file or URL cannot be used.
        """
        self._timeout = timeout
        self._keep = keep
        self._trust = _trust(verify, ca)
        try:
            self._base, self._path = _peer(base_url)
            self._proxy = _peer(proxy)[0] if proxy else None
            if self._proxy is not None and self._proxy.scheme != "http":
                raise ValueError("a proxy is spoken to in the clear")
        except ValueError as error:
            raise BadInput(
                "渠道的网址或代理不能用", then="改正渠道设置中的地址；代理写成 http://主机:端口"
            ) from error
        self._idle: dict[_Place, deque[Link]] = {}
        self._lock = Lock()
        self._closed = False
        # a channel that is forgotten leaves no connection open
        finalize(self, _let_go, self._idle)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must be told whenever they look at this channel, in Chinese."""
        host = self._base.host
        if self._base.scheme == "http" and host not in _HERE:
            return (f"经 {host} 明文发送，内容和密钥可被窃听",)
        if self._base.scheme == "https" and self._trust.verify_mode == ssl.CERT_NONE:
            return (f"不核对 {host} 的证书，内容和密钥可能被中间人读到、改动",)
        return ()

    def call(
        self,
        method: str,
        path: str = "",
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        timeout: float | None = None,
        own: bool = False,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        ``path`` is below the base URL, or a URL of its own. ``own``: over a connection of its own, for a
        question where the second answer to an earlier one would do harm. Raise ``NotSent`` or ``NoAnswer``.
        """
        seconds = self._timeout if timeout is None else timeout
        until = monotonic() + 2 * seconds
        try:
            place, target = self._where(path, query)
            if self._proxy is not None and place.scheme == "http":
                target = f"http://{place.name}{target}"
            request = _written(method, target, place.name, headers or {}, body, self._keep > 0 and not own)
        except ValueError:
            raise NotSent("请求不能发出：地址或请求头不合规", wrong=True) from None
        link = (None if own else self._take(place)) or self._open(place, seconds)
        try:
            told = link.exchange(request, seconds, until, bodiless=method == "HEAD")
        except OverflowError:
            raise NotSent("请求不能发出：地址或请求头不合规", wrong=True) from None
        if own:
            link.close()
        else:
            self._give_back(place, link)
        return Answer(told.status, told.body, told.headers)

    def rest(self) -> None:
        """Let go of the connections that wait: nothing follows for now."""
        with self._lock:
            _let_go(self._idle)

    def close(self) -> None:
        """Let go of the connections; those in use are closed with their answer."""
        with self._lock:
            self._closed = True
        self.rest()

    def _where(
        self, path: str, query: Mapping[str, str] | Sequence[tuple[str, str]] | None
    ) -> tuple[_Place, str]:
        """Return the peer and what is asked of it. Raise ``ValueError`` for what is no address."""
        place = self._base
        if "://" in path.partition("?")[0]:
            place, path = _peer(path)
        elif path:
            path = f"{self._path.rstrip('/')}/{path.removeprefix('/')}"
        else:
            path = self._path
        path, asks, asked = path.partition("?")
        target = quote(path, _PATH) or "/"
        if query:
            asked = "&".join(
                part
                for part in (asked, urlencode(list(query.items()) if isinstance(query, Mapping) else query))
                if part
            )
            asks = "?"
        return place, target + asks + quote(asked, _QUERY)

    def _take(self, place: _Place) -> Link | None:
        """Return the connection that has waited longest, if it has rested and the peer has not left."""
        while True:
            with self._lock:
                waiting = self._idle.get(place)
                link = waiting.popleft() if waiting and waiting[0].rested else None
            if link is None or link.fit():
                return link
            link.close()

    def _give_back(self, place: _Place, link: Link) -> None:
        if link.usable:
            with self._lock:
                if not self._closed:
                    self._idle.setdefault(place, deque()).append(link)
                    return
        link.close()

    def _open(self, place: _Place, seconds: float) -> Link:
        """Connect, through the proxy where there is one, and encrypt. Raise ``NotSent``."""
        link: Link | None = None
        first = self._proxy or place
        try:
            link = Link(socket.create_connection((first.host, first.port), seconds), self._keep)
            if place.scheme == "https":
                if self._proxy is not None:
                    _tunnel(link, place, seconds)
                link.encrypt(self._trust, place.host, seconds)
            return link
        except (OSError, UnicodeError, NotSent) as error:
            if link is not None:
                link.close()
            raise _not_open(error) from None


def _let_go(idle: dict[_Place, deque[Link]]) -> None:
    for links in idle.values():
        while links:
            links.pop().close()


def _tunnel(link: Link, place: _Place, seconds: float) -> None:
    """Ask a proxy for a way to ``place``."""
    name = f"{place.name}:{place.port}" if place.port == _PORTS[place.scheme] else place.name
    asked = f"CONNECT {name} HTTP/1.1\r\nhost: {name}\r\nuser-agent: {AGENT}\r\n\r\n".encode()
    try:
        told = link.exchange(asked, seconds, monotonic() + seconds, bodiless=True)
    except NoAnswer:
        raise NotSent("代理服务器没有答复，没有发送") from None
    if told.status // 100 != 2:
        raise NotSent("代理服务器拒绝，没有发送")


def _not_open(error: Exception) -> NotSent:
    """Say why there is no connection, in words of ours: the error's may quote the URL."""
    if isinstance(error, NotSent):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return NotSent("对方的证书不可信，没有发送", wrong=True)
    return NotSent("连接超时，没有发送" if isinstance(error, TimeoutError) else "连接不上，没有发送")


def _written(
    method: str, target: str, host: str, headers: Mapping[str, str], body: bytes, keep: bool
) -> bytes:
    """Write a request. Raise ``ValueError`` for a header that would be more than one."""
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in map(str.lower, headers):
        lines.append(f"host: {host}")
    for name, value in headers.items():
        if not _is_name(name):
            raise ValueError("no header")
        lines.append(f"{name}: {value}")
    if body or method not in ("GET", "HEAD"):
        lines.append(f"content-length: {len(body)}")
    lines.append(_LAST_LINES[keep])
    text = "\r\n".join(lines)
    # one more break than there are lines between is a header that nobody meant
    if text.count("\n") != len(lines) + 3 or text.count("\r") != len(lines) + 3 or "\0" in text:
        raise ValueError("no header")
    return text.encode() + body


@lru_cache(256)
def _is_name(name: str) -> bool:
    return _HEADER.fullmatch(name) is not None


def door(address: Address, *, scheme: str = "https", verify: bool = True) -> Http:
    """Open the door that a channel's URL describes: ``base_url``, ``timeout`` (seconds), ``ca``, ``proxy``.

    Raise ``BadInput``; with ``verify=False`` everybody who reads the log is told.
    """
    proxy = address.text("proxy", "")
    if "@" in proxy:
        raise BadInput(
            f"渠道 {address.scheme} 的代理地址里写了用户和密码",
            why="密码不能写在设置里",
            then="用不需要密码的代理",
        )
    if not verify:
        logging.getLogger(__name__).warning(
            "渠道 %s 不验证对方的证书（verify_tls=0）：短信内容和密钥可能被中间人读到、改动", address.scheme
        )
    return Http(
        address.base(scheme),
        timeout=address.number("timeout", TIMEOUT, least=0.1, most=30),
        verify=verify,
        ca=address.text("ca", ""),
        proxy=proxy,
        keep=address.number("keep", KEEP, most=60),
    )


@cache
def _peer(url: str) -> tuple[_Place, str]:
    """Return where a URL leads and what it asks for there. Raise ``ValueError`` where it is none of the web."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("no http(s) host")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return _Place(parts.scheme, host, parts.port or _PORTS[parts.scheme]), path


@cache
def _system() -> ssl.SSLContext:
    """What the system trusts; reading it takes a fifth of a second, so it is read once."""
    return ssl.create_default_context()


def _trust(verify: bool, ca: str) -> ssl.SSLContext:
    if not verify:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not ca:
        return _system()
    try:
        return ssl.create_default_context(cafile=str(Path(ca)))
    except (OSError, ssl.SSLError) as error:
        raise BadInput(
            f"证书文件 {Path(ca).name} 不能用",
            why="文件不存在，或里面没有 PEM 证书",
            then="改正 ca= 指的文件",
        ) from error
