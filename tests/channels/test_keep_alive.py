"""Connections that are kept between requests: no answer passes for another's, nothing is sent a second time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.errors import BadInput
from notifiers import http_link
from notifiers.http import Answer, Http, NoAnswer, NotSent, fate
from notifiers.http_link import REST, Link
from tests.channels.contract import free_port
from tests.fakes.smtp import server_tls, trusted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
Talk = Callable[[socket.socket, int], None]


class Peer:
    """Answers the n-th request over all connections with the n-th talk; ``came`` is what was asked, by connection."""

    def __init__(self, talks: Sequence[bytes | Talk], tls: ssl.SSLContext | None = None) -> None:
        self.came: list[list[bytes]] = []
        self._talks = list(talks)
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def close(self) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                self._open.append(plain)
                came: list[bytes] = []
                self.came.append(came)
                threading.Thread(target=self._serve, args=(plain, came), daemon=True).start()

    def _serve(self, plain: socket.socket, came: list[bytes]) -> None:
        with suppress(OSError):
            peer = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with peer:
                while asked := _request(peer):
                    came.append(asked)
                    talk = self._talks.pop(0) if self._talks else OK
                    if isinstance(talk, bytes):
                        peer.sendall(talk)
                    else:
                        talk(peer, len(came))
                        if peer.fileno() < 0:
                            return


def _request(peer: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        got = peer.recv(65536)
        if not got:
            return b""
        read += got
    return read


@contextmanager
def served(*talks: bytes | Talk, keep: float = 2.0, timeout: float = 1.0) -> Iterator[tuple[Http, Peer]]:
    peer = Peer(talks)
    http = Http(peer.url, keep=keep, timeout=timeout)
    yield http, peer
    http.close()
    peer.close()


def ask(http: Http) -> Answer:
    time.sleep(3 * REST)  # a loaded machine may let a peer wait
    return http.call("POST", "/a")


def hang_up(peer: socket.socket, _count: int) -> None:
    peer.close()


def half(peer: socket.socket, _count: int) -> None:
    peer.sendall(OK[:-1])
    peer.close()


def closing(answer: bytes) -> Talk:
    """Answer, and hang up a moment later, as a server does that is tired of waiting."""

    def talk(peer: socket.socket, _count: int) -> None:
        peer.sendall(answer)
        peer.shutdown(socket.SHUT_WR)

    return talk


def test_requests_follow_each_other_over_one_connection() -> None:
    with served() as (http, peer):
        assert [ask(http).body for _ in range(5)] == [b"hi"] * 5
    assert [len(came) for came in peer.came] == [5]
    assert b"connection: keep-alive" in peer.came[0][0]


@pytest.mark.parametrize(("rest", "connections"), [(5.0, 2), (0.0, 1)])
def test_a_connection_rests_after_an_answer_before_it_is_used_again(
    monkeypatch: pytest.MonkeyPatch, rest: float, connections: int
) -> None:
    monkeypatch.setattr(http_link, "REST", rest)
    with served() as (http, peer):
        assert [http.call("POST", "/a").status for _ in range(2)] == [200, 200]
    assert len(peer.came) == connections


def test_who_keeps_nothing_says_so_and_connects_anew_for_every_request() -> None:
    with served(keep=0) as (http, peer):
        assert [ask(http).status for _ in range(3)] == [200] * 3
    assert [len(came) for came in peer.came] == [1] * 3
    assert all(b"connection: close" in came[0] for came in peer.came)


def test_a_server_that_closes_idle_connections_costs_no_request_and_no_doubt() -> None:
    with served(closing(OK), OK, closing(OK), OK) as (http, peer):
        assert [ask(http).body for _ in range(4)] == [b"hi"] * 4
    assert [len(came) for came in peer.came] == [1, 2, 1]


def test_a_connection_reset_while_it_waited_costs_nothing_either() -> None:
    def reset(peer: socket.socket, _count: int) -> None:
        peer.sendall(OK)
        time.sleep(REST / 4)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        peer.close()

    with served(reset) as (http, peer):
        assert [ask(http).status for _ in range(2)] == [200, 200]
    assert [len(came) for came in peer.came] == [1, 1]


@pytest.mark.parametrize("talk", [hang_up, half, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
def test_a_request_that_a_kept_connection_swallowed_is_in_doubt_and_never_sent_again(
    talk: bytes | Talk,
) -> None:
    with served(OK, talk) as (http, peer):
        assert ask(http).status == 200
        with pytest.raises(NoAnswer) as told:
            ask(http)
        assert fate(told.value).kind == "unknown"
        assert ask(http).body == b"hi"
    assert [len(came) for came in peer.came] == [2, 1], (
        "the second once only, the third over a fresh connection"
    )


@pytest.mark.parametrize("late", [0.0, REST / 4])
def test_a_second_answer_to_one_request_never_becomes_that_to_the_next(late: float) -> None:
    def twice(peer: socket.socket, _count: int) -> None:
        peer.sendall(OK)
        time.sleep(late)
        peer.sendall(OK.replace(b"hi", b"no"))

    with served(twice, OK) as (http, peer):
        assert [ask(http).body for _ in range(2)] == [b"hi", b"hi"]
    assert [len(came) for came in peer.came] == [1, 1]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60, max=9\r\nContent-Length: 2\r\n\r\nhi", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nhi\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 103 Soon\r\nLink: x\r\n\r\nHTTP/1.1 100 Go\r\n\r\n" + OK, True),
        (OK.replace(b"\r\n", b"\n"), True),
        (OK.replace(b"200 OK", b"200").replace(b"-Length", b"-Length: 2\r\nCONTENT-LENGTH"), True),
    ],
)  # fmt: skip
def test_an_answer_is_read_as_it_is_framed_and_says_whether_the_connection_stays(
    answer: bytes, kept: bool
) -> None:
    with served(answer) as (http, peer):
        told = ask(http)
        assert (told.status, told.body) == (200, b"hi")
        assert ask(http).body == b"hi"
    assert len(peer.came) == (1 if kept else 2)


def test_an_answer_that_ends_with_the_connection_is_whole_and_one_without_a_body_has_none() -> None:
    def to_the_end(peer: socket.socket, _count: int) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nX-Long: a\r\n\tb\r\nX-Two: 1\r\nX-Two: 2\r\n\r\nhi")
        peer.close()

    with served(to_the_end, b"HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n") as (http, peer):
        told = ask(http)
        assert (told.body, told.headers) == (b"hi", {"x-long": "a b", "x-two": "1, 2"})
        assert (ask(http).status, ask(http).status) == (204, 200)
    assert [len(came) for came in peer.came] == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: x\r\n" * 20_000 + b"\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_for_certain_is_none(answer: bytes) -> None:
    with served(answer) as (http, peer):
        with pytest.raises(NoAnswer):
            ask(http)
        assert ask(http).body == b"hi"
    assert len(peer.came) == 2


def test_heads_that_drip_in_for_ever_end_with_the_time_of_the_request() -> None:
    def drip(peer: socket.socket, _count: int) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: x\r\n" * 100:
            peer.sendall(bytes([byte]))
            time.sleep(0.05)

    with served(drip, timeout=0.2) as (http, _):
        started = time.monotonic()
        with pytest.raises(NoAnswer):
            ask(http)
        assert time.monotonic() - started < 0.9


def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    with served(keep=0.1) as (http, peer):
        ask(http)
        ask(http)
        time.sleep(0.15)
        ask(http)
    assert [len(came) for came in peer.came] == [2, 1]


def test_a_request_that_comes_too_late_is_never_begun() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(_Plain(ours), 2.0)
        with pytest.raises(NotSent):
            link.exchange(b"POST / HTTP/1.1\r\n\r\n", 1.0, time.monotonic() - 0.001)
        assert not link.usable
        assert theirs.recv(10) == b"", "nothing but the end"


class _Plain(socket.socket):
    """A socket of another family, which knows no TCP."""

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(taken.family, taken.type, taken.proto, taken.detach())

    def setsockopt(self, *_: object) -> None:
        """Nothing to set."""


def test_a_channel_that_is_forgotten_leaves_no_connection_open() -> None:
    peer = Peer([])
    http = Http(peer.url, keep=2.0)
    ask(http)
    [links] = http._idle.values()
    [link] = links
    del http
    assert not link.usable
    peer.close()


def test_nothing_stays_open_while_there_is_nothing_to_send_and_the_next_request_connects_anew() -> None:
    with served() as (http, peer):
        ask(http)
        [links] = http._idle.values()
        [link] = links
        http.rest()
        assert not link.usable
        ask(http)
        ask(http)
    assert [len(came) for came in peer.came] == [1, 2]


def test_a_certificate_is_asked_for_once_and_the_connection_kept(tmp_path: Path) -> None:
    peer = Peer([], server_tls())
    http = Http(peer.url, keep=2.0, ca=str(trusted(tmp_path)))
    assert [ask(http).body for _ in range(3)] == [b"hi"] * 3
    http.close()
    peer.close()
    assert [len(came) for came in peer.came] == [3]


class TestThroughAProxy:
    """A proxy is asked for a way where the peer's certificate is to be seen, and for the page itself where not."""

    def test_what_is_not_encrypted_is_asked_of_the_proxy_by_its_whole_name(self) -> None:
        peer = Peer([])
        http = Http("http://sms.example.org/api", proxy=f"http://127.0.0.1:{peer.port}")
        assert http.call("POST", "/send?a=b", body=b"").body == b"hi"
        http.close()
        peer.close()
        assert peer.came[0][0].startswith(b"POST http://sms.example.org/api/send?a=b HTTP/1.1\r\n")
        assert b"host: sms.example.org\r\n" in peer.came[0][0]

    def test_what_is_encrypted_goes_through_a_tunnel_to_whoever_has_the_certificate(
        self, tmp_path: Path
    ) -> None:
        inner = server_tls("sms.example.org")
        asked: list[bytes] = []

        def tunnel(peer: socket.socket, _count: int) -> None:
            peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with inner.wrap_socket(peer, server_side=True) as through:
                asked.append(_request(through))
                through.sendall(OK)

        peer = Peer([tunnel, b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", hang_up])
        proxy = f"http://127.0.0.1:{peer.port}"
        http = Http("https://sms.example.org", proxy=proxy, ca=str(trusted(tmp_path)), timeout=2)
        assert http.call("POST", "/send").body == b"hi"
        assert asked[0].startswith(b"POST /send HTTP/1.1\r\nhost: sms.example.org\r\n")
        assert peer.came[0][0].startswith(b"CONNECT sms.example.org:443 HTTP/1.1\r\n")
        for said in ("拒绝", "没有答复"):
            with pytest.raises(NotSent, match=said):
                http.call("POST", "/send")
        http.close()
        peer.close()

    def test_a_proxy_that_is_not_there_or_not_plain_is_said_before_anything_is_sent(self) -> None:
        http = Http("https://sms.example.org", proxy=f"http://127.0.0.1:{free_port()}", timeout=1)
        with pytest.raises(NotSent) as told:
            http.call("POST", "/send")
        assert fate(told.value).kind == "retry"
        http.close()
        with pytest.raises(BadInput):
            Http("https://sms.example.org", proxy="https://proxy.example.org")


def test_every_way_to_name_a_place_below_the_peer_leads_there() -> None:
    with served() as (_, peer):
        base = Http(f"{peer.url}/api/v1/", keep=0.0)
        for path, query in (
            ("/send", None),
            ("send", None),
            ("", None),
            ("/发送 x", {"名": "值&"}),
            ("/a?b=c%20d", {"e": "f"}),
        ):
            base.call("GET", path, query=query)
        base.close()
    assert [came[0].split(b" ")[1].decode() for came in peer.came] == [
        "/api/v1/send", "/api/v1/send", "/api/v1/", "/api/v1/%E5%8F%91%E9%80%81%20x?%E5%90%8D=%E5%80%BC%26",
        "/api/v1/a?b=c%20d&e=f",
    ]  # fmt: skip
