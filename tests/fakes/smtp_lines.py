"""A mail server that is nothing but lines: it counts its replies, and hangs up, refuses or dawdles where it is told to."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_REFERENCE = re.compile(rb"^Message-ID: <([0-9a-f]{32})@", re.MULTILINE)


@dataclass(slots=True)
class Talk:
    """What one connection heard: its commands, and which of them came before the reply to the one before."""

    commands: list[str] = field(default_factory=list)
    early: int = 0
    replies: int = 0


class LineServer:
    """Serves on ``port`` while it is entered; ``ledger`` has the reference of every mail taken, in order."""

    def __init__(
        self,
        *,
        pipelining: bool = True,
        hang_up_after: int | None = None,
        only_first: bool = True,
        refuses: str = "refused",
        data_after_refusal: bytes = b"503 5.5.1 no valid recipients",
        late: Mapping[int, float] | None = None,
    ) -> None:
        """``hang_up_after`` so many replies to what follows EHLO, on the first connection or (``only_first=False``)
        on each; a mail whose last line came by then is taken. ``refuses`` names the recipients that get a 550;
        ``late`` how many seconds the mail with that number (from 1) waits for its last reply.
        """
        self.talks: list[Talk] = []
        self.ledger: list[str] = []
        self.empty = 0
        """Mails without a recipient that were ended with a dot at once."""
        self.port = 0
        self._pipelining = pipelining
        self._hang_up_after = hang_up_after
        self._only_first = only_first
        self._refuses = refuses.encode()
        self._data_after_refusal = data_after_refusal
        self._late = late or {}
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def say(self, line: bytes) -> None:
        """Say something to everybody who is connected, unasked."""
        for one in self._open:
            with suppress(OSError):
                one.sendall(line + b"\r\n")

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                talk = Talk()
                self.talks.append(talk)
                self._open.append(peer)
                limit = self._hang_up_after if len(self.talks) == 1 or not self._only_first else None
                threading.Thread(
                    target=_Serving(self, peer, talk, limit).serve, daemon=True, name="line-server"
                ).start()


class _HungUp(Exception):
    """It has said as much as it was told to say."""


class _Serving:
    """One connection."""

    def __init__(self, server: LineServer, peer: socket.socket, talk: Talk, limit: int | None) -> None:
        self._server, self._peer, self._talk, self._limit = server, peer, talk, limit
        self._read = b""

    def serve(self) -> None:
        with self._peer, suppress(OSError, _HungUp):
            self._peer.sendall(b"220 lines\r\n")
            recipient = b""
            while line := self._line(b"\r\n"):
                word = line[:4].upper()
                if word == b"EHLO":
                    offer = b"250-PIPELINING\r\n" if self._server._pipelining else b""
                    self._peer.sendall(b"250-lines\r\n" + offer + b"250 8BITMIME\r\n")
                    continue
                self._talk.commands.append(word.decode())
                self._talk.early += bool(self._read)
                if word == b"RCPT":
                    refused = self._server._refuses in line
                    recipient = b"" if refused else line
                    self._reply(b"550 5.1.1 no such user" if refused else b"250 2.1.5 Ok")
                elif word == b"DATA":
                    self._data(bool(recipient))
                    recipient = b""
                elif word == b"QUIT":
                    self._reply(b"221 bye")
                    return
                else:
                    self._reply(b"250 Ok")

    def _data(self, someone: bool) -> None:
        server = self._server
        if not someone and not server._data_after_refusal.startswith(b"354"):
            self._reply(server._data_after_refusal)
            return
        self._reply(b"354 go on")
        if not someone:
            assert self._line(b"\r\n") == b".\r\n", "a mail without a recipient is empty"
            server.empty += 1
            self._reply(b"554 5.5.1 no valid recipients")
            return
        mail = self._line(b"\r\n.\r\n")
        found = _REFERENCE.search(mail)
        if not mail or found is None:
            return
        with server._lock:
            server.ledger.append(found[1].decode())
            number = len(server.ledger)
        time.sleep(server._late.get(number, 0))
        self._reply(b"250 2.0.0 Ok: queued as %d" % number)

    def _reply(self, said: bytes) -> None:
        if self._talk.replies == self._limit:
            raise _HungUp
        self._talk.replies += 1
        self._peer.sendall(said + b"\r\n")

    def _line(self, end: bytes) -> bytes:
        while end not in self._read:
            got = self._peer.recv(65536)
            if not got:
                return b""
            self._read += got
        line, _, self._read = self._read.partition(end)
        return line + end
