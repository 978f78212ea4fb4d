"""A connection to a web server: one request after another, each with its answer (HTTP/1.1, RFC 9112).

Written by hand because what matters here is what clients hide: whether a request has gone out whole, whether
an answer was followed by something that nobody asked for, and one limit of time for all of it. It also costs
half the processor time of `http.client` (docs/why/speed.md, docs/decisions/0016-connections.md).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import NamedTuple

from notifiers.wire import Patience, silent

LONGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read; a longer one counts as none."""
REST = 0.02
"""Seconds between an answer and the next request on the same connection. Answers are told apart by their order
alone: of a peer that answers twice, the second answer must have come before somebody else waits for one."""
_LONGEST_HEAD = 1 << 16
_PART = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: .*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EMPTY = re.compile(rb"\r?\n\r?\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_KEPT = re.compile(r"timeout=(\d{1,6})")


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


def too_late(until: float) -> bool:
    """Say whether a request may no longer begin: this process stood still, and somebody else may have sent it."""
    return monotonic() > until


class Told(NamedTuple):
    """An answer: header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Link:
    """A connection to one peer, for one thread at a time. ``usable`` says whether it may carry another request."""

    def __init__(self, connection: socket.socket, keep: float) -> None:
        """Take over an open connection that may wait for ``keep`` seconds between two requests."""
        self._socket = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waits = Patience(connection)
        self._keep = keep
        self._read = b""
        self._patience = 0.0
        self._until = 0.0
        self._answered = 0.0
        self.usable = True

    @property
    def rested(self) -> bool:
        """Whether it has waited for so long that a second answer would have come by now."""
        return monotonic() - self._answered >= REST

    def fit(self) -> bool:
        """Say whether it may still be used: it has not waited for too long, and the peer has kept silent."""
        return monotonic() - self._answered < self._keep and not self._read and silent(self._socket)

    def exchange(self, request: bytes, patience: float, until: float, *, bodiless: bool = False) -> Told:
        """Send a request and read the whole answer, whatever it is.

        The peer may be silent for ``patience`` seconds at a time; all of it ends at ``until`` (monotonic
        seconds). ``bodiless``: the answer has a head only. Raise ``NotSent`` or ``NoAnswer``; the
        connection is closed then.
        """
        self.usable = False
        self._patience, self._until = patience, until
        whole = False
        try:
            if too_late(until):
                raise NotSent("没有在限定时间内发出")
            self._waits.until(until, most=patience)
            self._socket.sendall(request)
            whole = True
            told, usable = self._answer(bodiless)
        except (NotSent, NoAnswer):
            self.close()
            raise
        except OSError as error:
            self.close()
            late = isinstance(error, TimeoutError)
            if whole:
                raise NoAnswer("已发出，限定时间内没有回复" if late else "已发出，连接在回复前中断") from None
            raise NotSent("连接超时，没有发送" if late else "连接不上，没有发送") from None
        self.usable = usable and self._keep > 0 and not self._read
        self._keep = min(self._keep, _kept(told.headers, self._keep))
        self._answered = monotonic()
        return told

    def encrypt(self, context: ssl.SSLContext, host: str, patience: float) -> None:
        """Speak TLS from now on, directly or through what a proxy has opened. Raise ``OSError``."""
        if self._read:
            raise ConnectionError("the proxy spoke where the peer should")
        self._socket.settimeout(patience)
        self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._waits = Patience(self._socket)

    def close(self) -> None:
        """Let go of the connection."""
        self.usable = False
        with suppress(OSError):
            self._socket.close()

    # reading

    def _answer(self, bodiless: bool) -> tuple[Told, bool]:
        """Read an answer; say whether the connection is fit for the next request."""
        status, minor = 100, b""
        while status < 200:  # whatever is only an interim answer
            first, *lines = self._head()
            found = _STATUS.fullmatch(first)
            if found is None or found[2] == b"101":
                raise NoAnswer("回复看不懂")
            minor, status = found[1], int(found[2])
            headers = _headers(lines)
        coding, length = headers.get("transfer-encoding", "").lower(), headers.get("content-length", "")
        keeps = minor == b"1" and "close" not in headers.get("connection", "").lower()
        if bodiless or status in (204, 304):
            return Told(status, headers, b""), keeps
        if coding:
            if coding != "chunked":
                raise NoAnswer("回复看不懂")
            return Told(status, headers, self._chunks()), keeps and not length
        if length:
            if not (length.isascii() and length.isdigit()):
                raise NoAnswer("回复看不懂")
            return Told(status, headers, self._exactly(int(length))), keeps
        return Told(status, headers, self._rest()), False

    def _head(self) -> list[bytes]:
        """Read the lines up to an empty one, which is left out."""
        while (end := _EMPTY.search(self._read)) is None:
            if len(self._read) > _LONGEST_HEAD:
                raise NoAnswer("回复过长，没有读完")
            self._more()
        head, self._read = self._read[: end.start()], self._read[end.end() :]
        return head.replace(b"\r\n", b"\n").split(b"\n")

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            found = _SIZE.fullmatch(self._line())
            if found is None:
                raise NoAnswer("回复看不懂")
            length = int(found[1], 16)
            if length == 0:
                while self._line():  # what follows the last part tells us nothing
                    pass
                return b"".join(parts)
            size += length
            if size > LONGEST_ANSWER:
                raise NoAnswer("回复过长，没有读完")
            parts.append(self._exactly(length))
            if self._line():
                raise NoAnswer("回复看不懂")

    def _exactly(self, length: int) -> bytes:
        if length > LONGEST_ANSWER:
            raise NoAnswer("回复过长，没有读完")
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return body

    def _rest(self) -> bytes:
        with suppress(_End):
            while len(self._read) <= LONGEST_ANSWER:
                self._more()
            raise NoAnswer("回复过长，没有读完")
        body, self._read = self._read, b""
        return body

    def _line(self) -> bytes:
        while b"\n" not in self._read:
            if len(self._read) > _LONGEST_HEAD:
                raise NoAnswer("回复过长，没有读完")
            self._more()
        line, _, self._read = self._read.partition(b"\n")
        return line.removesuffix(b"\r")

    def _more(self) -> None:
        if monotonic() >= self._until:
            raise NoAnswer("回复没有在限定时间内读完")
        self._waits.until(self._until, most=self._patience)
        got = self._socket.recv(_PART)
        if not got:
            raise _End
        self._read += got


class _End(ConnectionError):
    """The peer has closed the connection."""


def _headers(lines: list[bytes]) -> dict[str, str]:
    """Read the lines behind the first; what stands in several is put together."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        text = line.decode("utf-8", "replace")
        if text[0] in " \t" and name:  # a long one goes on
            found[name] += f" {text.strip()}"
            continue
        name, colon, value = text.partition(":")
        name, value = _named(name), value.strip()
        if not colon or not name:
            raise NoAnswer("回复看不懂")
        if name == "content-length" and found.get(name) == value:
            continue
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


@lru_cache(256)  # a peer says the same names again and again
def _named(name: str) -> str:
    """Return a header's name in lower case, nothing where it is no name."""
    return name.lower() if _NAME.fullmatch(name) else ""


def _kept(headers: Mapping[str, str], otherwise: float) -> float:
    """Return for how long a connection may wait where the peer says when it closes it: half of that."""
    said = _KEPT.search(headers.get("keep-alive", ""))
    return int(said[1]) / 2 if said else otherwise
