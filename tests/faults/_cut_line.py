"""A line between a channel and its peer, over real sockets, that can be cut in the ways in which lines are cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

How = Literal["open", "refused", "sorry", "silent"]
_ANY = ("127.0.0.1", 0)


class Line:
    """Passes bytes on to ``port`` while it is ``open``; enter it to take its own ``port`` into use.

    ``refused``: nobody listens; ``sorry``: every connection is answered with those bytes and closed; ``silent``:
    it is taken, and nothing is ever said. Whatever is under way when a line is cut is reset.
    """

    def __init__(self, port: int, sorry: bytes, *, asked_first: bool) -> None:
        """``sorry`` is what the peer says when it is out of order; ``asked_first``: it waits for a request."""
        self.how: How = "open"
        self.connections = 0
        """How many were accepted while the line was cut."""
        self._peer = port
        self._sorry = sorry
        self._asked_first = asked_first
        # bound and never listening: the port stays ours while nobody listens
        self._kept = _bound(_ANY)
        self.port = int(self._kept.getsockname()[1])
        self._listener: socket.socket | None = None
        self._links: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_error: object) -> None:
        self._deaf()
        self._hang_up()
        self._kept.close()

    def set(self, how: How) -> None:
        """Cut the line, or open it again."""
        if how == self.how:
            return
        self._deaf()
        self.how = how
        self._hang_up()
        if how != "refused":
            self._listen()

    def _listen(self) -> None:
        listener = _bound(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _deaf(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self._listener = None

    def _hang_up(self) -> None:
        with self._lock:
            links, self._links = list(self._links), set()
        for link in links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            self.connections += self.how != "open"
            self._keep(link)
            if self.how == "open":
                self._join(link)
            elif self.how == "sorry":
                threading.Thread(target=self._apologize, args=(link,), daemon=True).start()

    def _keep(self, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._links.add(link)

    def _join(self, link: socket.socket) -> None:
        peer = socket.create_connection(("127.0.0.1", self._peer))
        self._keep(peer)
        for one, other in ((link, peer), (peer, link)):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(65536):
                other.sendall(piece)
        for link in (one, other):
            self._drop(link)

    def _apologize(self, link: socket.socket) -> None:
        with suppress(OSError):
            if self._asked_first:
                link.recv(65536)
            link.sendall(self._sorry)
        self._drop(link)

    def _drop(self, link: socket.socket) -> None:
        with self._lock:
            self._links.discard(link)
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)
        link.close()


def _bound(where: tuple[str, int]) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(where)
    return made
