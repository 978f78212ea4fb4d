"""The one door to HTTP: what was surely never sent is told apart from what was sent and not answered."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.http import Answer, Http, NoAnswer, NotSent, door, fate
from tests.channels.contract import NOW, free_port

BODY = b"x" * 1000


def read_whole(peer: socket.socket) -> bytes:
    """Read a request with a body of 1000 bytes; stop where the other side does."""
    got = b""
    while len(got.partition(b"\r\n\r\n")[2]) < len(BODY):
        part = peer.recv(65536)
        if not part:
            break
        got += part
    return got


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """Answer each connection as ``talk`` does, once; yield the URL and what came in."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        came: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer:
                    came.append(read_whole(peer))
                    with suppress(OSError):
                        talk(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(3)


def ok(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi")


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def drip(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
    for _ in range(40):
        peer.sendall(b"x")
        time.sleep(0.05)


def flood(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)


NO_ANSWERS: dict[str, Callable[[socket.socket], None]] = {
    "hangs up": lambda peer: None,
    "resets": reset,
    "keeps silent": lambda peer: time.sleep(0.8),
    "talks nonsense": lambda peer: peer.sendall(b"\x00\x01 what\r\n\r\n"),
    "stops half-way": lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"),
    "answers for ever, a byte at a time": drip,
    "answers without end": flood,
}


def test_an_answer_comes_back_whole_whatever_its_status() -> None:
    with server(ok) as (url, came):
        http = Http(url)
        assert http.call("POST", "/a?b=c", body=BODY, query=None) == Answer(
            200, b"hi", {"content-length": "2", "x-a": "b"}
        )
        http.close()
    assert came[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"connection: close" in came[0].lower()


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_peer_that_took_the_request_and_did_not_answer_leaves_a_doubt(name: str) -> None:
    with server(NO_ANSWERS[name]) as (url, came):
        http = Http(url, timeout=0.4)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as told:
            http.call("POST", "/secret-path", body=BODY)
        assert time.monotonic() - started < 1.9
        http.close()
    assert came[0].endswith(BODY)
    assert fate(told.value).kind == "unknown"
    assert "secret-path" not in told.value.detail


def test_a_peer_that_hung_up_before_the_request_was_whole_cannot_have_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            peer, _ = listening.accept()
            reset(peer)
            peer.recv(1)
            peer.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        http = Http(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=3)
        with pytest.raises(NotSent) as told:
            http.call("POST", "/", body=b"x" * 80_000_000)
        thread.join()
        http.close()
    assert fate(told.value).kind == "retry"


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://127.0.0.1:{free}/x", "retry"), ("http://no-such-host.invalid/x", "retry"),
     ("ftp://127.0.0.1/x", "config"), ("http://[::1/x", "config")],
)  # fmt: skip
def test_where_nobody_can_be_reached_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, url: str, kind: str
) -> None:
    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "no such host")

    if ".invalid" in url:
        monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    http = Http("http://127.0.0.1:9", timeout=1)
    with pytest.raises(NotSent) as told:
        http.call("POST", url.replace("{free}", str(free_port())), body=BODY)
    assert fate(told.value).kind == kind
    http.close()


def test_a_header_that_would_smuggle_another_is_never_sent() -> None:
    with server(ok) as (url, came):
        http = Http(url)
        with pytest.raises(NotSent) as told:
            http.call("POST", "/", body=BODY, headers={"x-a": "b\r\nx-evil: c"})
        assert told.value.wrong
        assert http.call("POST", "/", body=BODY, headers={"x-a": "中文"}).status == 200
        http.close()
    assert "x-a: 中文".encode() in came[-1]
    assert not any(b"evil" in one for one in came)


def test_neither_redirects_nor_the_environments_proxies_lead_a_message_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def elsewhere(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    with server(elsewhere) as (url, came):
        http = Http(url)
        assert http.call("POST", "/", body=BODY).status == 307
        assert len(came) == 1
        http.close()


def test_no_log_holds_what_a_url_or_a_header_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(ok) as (url, _):
        http = Http(url)
        http.call("POST", "/13800000001", body=BODY, headers={"authorization": "geheim"})
        http.close()
    assert "13800000001" not in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("30", NOW + timedelta(seconds=30)),
        ("Mon, 02 Nov 2026 01:05:00 GMT", datetime(2026, 11, 2, 1, 5, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        ("9" * 30, None),
    ],
)
def test_when_to_come_again_is_read_in_seconds_or_as_a_date(told: str, expected: datetime | None) -> None:
    assert Answer(429, b"", {"retry-after": told}).again_at(NOW) == expected


def test_what_is_no_json_is_none_however_deep() -> None:
    assert Answer(200, '{"a": "甲"}'.encode()).json() == {"a": "甲"}
    for body in (b"", b"<html>", b"\xff\xfe", b"[" * 100_000):
        assert Answer(200, body).json() is None


@pytest.mark.parametrize(
    "url",
    ["x://h/?base_url=http://h&proxy=http://me:geheim@h:1", "x://h/?base_url=http://h&ca=/no/such/file.pem"],
)
def test_a_way_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        door(read_address(url))
    assert "geheim" not in refused.value.what + refused.value.why + refused.value.then
    assert "/no/such" not in refused.value.what
