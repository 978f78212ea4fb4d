"""The one door to HTTP: what was surely never sent is told apart from what was sent and not answered.

A channel that hands messages over by HTTP calls ``Http.call`` and gets an ``Answer``, whatever its status,
or one of two exceptions: ``NotSent`` (nothing can have been taken: `retry`, or `config` where the certificate
or the address is wrong) and ``NoAnswer`` (it may have been taken: `unknown`). ``fate`` turns either into the
``Outcome``. Proxies of the environment are not used, redirects are not followed, certificates are verified.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from engine.delivery import Outcome
from engine.errors import BadInput
from notifiers.address import Address

TIMEOUT = 10.0
"""Seconds that a provider may stay silent; a lease of a message is at least three times as long."""
LONGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read; a longer one counts as none."""
AGENT = "yiriban"
WAYS = ("timeout", "ca", "proxy")
"""Settings that every channel over HTTP knows: ``address.only(*WAYS, ...)``."""

# The library logs whole URLs and headers, which hold numbers and keys.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotSent(Exception):
    """The request did not reach the peer whole, so nothing was taken. ``wrong``: trying again is no use."""

    def __init__(self, detail: str, *, wrong: bool = False) -> None:
        """Keep a sentence without numbers, keys or addresses."""
        super().__init__(detail)
        self.detail = detail
        self.wrong = wrong


class NoAnswer(Exception):
    """The request went out whole and no answer came back, or none that can be read."""

    def __init__(self, detail: str) -> None:
        """Keep a sentence without numbers, keys or addresses."""
        super().__init__(detail)
        self.detail = detail


def fate(error: NotSent | NoAnswer) -> Outcome:
    """Turn what went wrong on the way into the outcome of a message."""
    if isinstance(error, NoAnswer):
        return Outcome("unknown", error.detail)
    return Outcome("config" if error.wrong else "retry", error.detail)


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


class _Sending:
    """Watches whether a request has gone out whole; ends an answer that drips in for ever."""

    def __init__(self, seconds: float) -> None:
        self.whole = False
        self._until = time.monotonic() + seconds

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        # an empty body is "sent" too, right after the headers
        if event == "http11.send_request_body.complete":
            self.whole = True

    def check(self, size: int) -> None:
        if size > LONGEST_ANSWER:
            raise NoAnswer("回复过长，没有读完")
        if time.monotonic() > self._until:
            raise NoAnswer("回复没有在限定时间内读完")


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
        connections: int = 16,
        reuse: bool = False,
    ) -> None:
        """Bind to ``http(s)://host[:port][/path]``; nothing is connected yet.

        ``ca`` is a file of certificates to trust instead of the system's; ``proxy`` the URL of a proxy.
        ``reuse`` keeps connections open between requests, for peers that know a request sent twice by an
        identifier in it: on a kept connection a late or second answer can pass for that to the next
        request, and one that the peer has just closed looks like a lost answer.
        Raise ``BadInput`` where a file or URL cannot be used.
        """
        self._timeout = timeout
        try:
            self._client = httpx2.Client(
                base_url=_peer(base_url),
                headers={
                    "user-agent": AGENT, "accept-encoding": "identity",
                    "connection": "keep-alive" if reuse else "close",
                },
                timeout=httpx2.Timeout(timeout),
                verify=_trust(verify, ca),
                proxy=proxy or None,
                trust_env=False,
                follow_redirects=False,
                limits=httpx2.Limits(
                    max_connections=connections, max_keepalive_connections=connections if reuse else 0,
                    keepalive_expiry=15.0,
                ),
            )  # fmt: skip
        except (httpx2.InvalidURL, ValueError) as error:
            raise BadInput("渠道的网址或代理不能用", then="改正渠道设置中的地址") from error

    def call(
        self,
        method: str,
        path: str = "",
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        ``path`` is below the base URL, or a URL of its own. Raise ``NotSent`` or ``NoAnswer``.
        """
        seconds = self._timeout if timeout is None else timeout
        sending = _Sending(seconds * 2)
        try:
            with self._client.stream(
                method, path, content=body, headers=[(k.encode(), v.encode()) for k, v in (headers or {}).items()],
                params=None if query is None else list(query.items() if isinstance(query, Mapping) else query),
                timeout=httpx2.Timeout(seconds), extensions={"trace": sending.trace},
            ) as response:  # fmt: skip
                parts: list[bytes] = []
                size = 0
                for part in response.iter_bytes():
                    parts.append(part)
                    size += len(part)
                    sending.check(size)
                return Answer(response.status_code, b"".join(parts), dict(response.headers))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise _told(error, sending.whole) from None

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


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
    )


def _told(error: Exception, whole: bool) -> NotSent | NoAnswer:
    """Say what went wrong, in words of ours: the library's may quote the URL."""
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return NotSent("请求不能发出：地址或请求头不合规", wrong=True)
    late = isinstance(error, httpx2.TimeoutException)
    if whole:
        return NoAnswer("已发出，限定时间内没有回复" if late else "已发出，连接在回复前中断")
    if _untrusted(error):
        return NotSent("对方的证书不可信，没有发送", wrong=True)
    if isinstance(error, httpx2.ProxyError):
        return NotSent("代理服务器拒绝，没有发送")
    if isinstance(error, httpx2.PoolTimeout):
        return NotSent("连接都被占用，没有发送")
    return NotSent("连接超时，没有发送" if late else "连接不上，没有发送")


def _untrusted(error: BaseException) -> bool:
    """Whether a certificate was refused, somewhere down the chain of causes."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _peer(base_url: str) -> str:
    url = httpx2.URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("no http(s) host")
    return base_url


@cache
def _system() -> ssl.SSLContext:
    """What the system trusts; reading it takes a fifth of a second, so it is read once."""
    return httpx2.create_ssl_context(trust_env=False)


def _trust(verify: bool, ca: str) -> ssl.SSLContext | bool:
    if not verify:
        return False
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
