"""An IMAP server on loopback, good enough for `imaplib`: one account, folders, flags, TLS.

``put`` lays a mail into a folder, ``seen`` says which are read. ``plan`` names commands to come at which it
fails, one each: ``"LOGIN"`` hangs up instead of answering, ``"SELECT no"`` refuses.
"""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

UNSAFE = "SELECT Unsafe Login. Please contact kefu@188.com for help"


@dataclass(slots=True)
class Kept:
    """One mail in a folder."""

    uid: int
    raw: bytes
    seen: bool = False


@dataclass(slots=True)
class Folder:
    """A folder, its numbers of one generation."""

    mails: list[Kept] = field(default_factory=list)
    validity: int = 1


class MailboxServer:
    """The server; enter it to listen on ``port``."""

    def __init__(
        self,
        *,
        user: str,
        password: str,
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
        wants_id: bool = False,
        read_only: bool = False,
    ) -> None:
        """``wants_id``: as NetEase does, no folder is opened to a client that has not introduced itself."""
        self.account = (user, password)
        self.tls, self.starttls = tls, starttls
        self.wants_id, self.read_only = wants_id, read_only
        self.folders: dict[str, Folder] = {"INBOX": Folder()}
        self.commands: list[str] = []
        self.fetched: list[int] = []
        self._plan: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.house = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    def plan(self, *commands: str) -> None:
        """Fail at these commands, the first time that each comes."""
        self._plan.extend(commands)

    def put(self, raw: bytes, folder: str = "INBOX") -> int:
        """Lay a mail into a folder, unread; return its number."""
        mails = self.folders.setdefault(folder, Folder()).mails
        uid = mails[-1].uid + 3 if mails else 7  # numbers of mails have gaps and do not begin at 1
        mails.append(Kept(uid, raw))
        return uid

    def seen(self, folder: str = "INBOX") -> list[int]:
        """Say which mails are read."""
        return [mail.uid for mail in self.folders[folder].mails if mail.seen]

    def struck(self, command: str) -> str | None:
        """Return how ``command`` is to fail: ``""`` hang up, ``"no"`` refuse, ``None`` not at all."""
        for planned in self._plan:
            word, _, how = planned.partition(" ")
            if word == command:
                self._plan.remove(planned)
                return how
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    house: MailboxServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up as they like."""


class _Conversation(socketserver.BaseRequestHandler):
    """One connection; commands are methods named after them."""

    server: _Server

    def handle(self) -> None:
        self.house = self.server.house
        self.sock = self.request
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.folder: Folder | None = None
        self.logged_in = self.introduced = False
        with suppress(OSError):
            if self.house.tls and not self.house.starttls:
                self._encrypt()
            self.file = self.sock.makefile("rb")
            self._say("* OK ready")
            while self._one():
                pass
        self.sock.close()

    def _encrypt(self) -> None:
        assert self.house.tls is not None
        self.sock = self.house.tls.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")

    def _say(self, line: str) -> None:
        self.sock.sendall(line.encode() + b"\r\n")

    def _one(self) -> bool:
        line = self.file.readline().decode().rstrip("\r\n")
        if not line:
            return False
        tag, _, rest = line.partition(" ")
        uid, rest = (True, rest[4:]) if rest.upper().startswith("UID ") else (False, rest)
        word, _, args = rest.partition(" ")
        word = word.upper()
        self.house.commands.append(word)
        struck = self.house.struck(word)
        if struck == "":
            return False
        if struck == "no" or (word in ("SEARCH", "FETCH", "STORE") and (self.folder is None or not uid)):
            self._say(f"{tag} NO {word} refused")
            return True
        answer = getattr(self, f"do_{word.lower()}", lambda _args: "BAD unknown")(args)
        self._say(f"{tag} {answer}")
        if word == "STARTTLS":
            self._encrypt()
        return bool(word != "LOGOUT")

    def do_capability(self, _args: str) -> str:
        more = " STARTTLS" if self.house.starttls else ""
        # NetEase tells of ID only to who has logged in
        self._say(f"* CAPABILITY IMAP4rev1{more}{' ID' if self.house.wants_id and self.logged_in else ''}")
        return "OK done"

    def do_starttls(self, _args: str) -> str:
        return "OK begin"

    def do_noop(self, _args: str) -> str:
        return "OK done"

    def do_login(self, args: str) -> str:
        user, _, password = args.partition(" ")
        given = (user.strip('"'), re.sub(r"\\(.)", r"\1", password.strip('"')))
        self.logged_in = given == self.house.account
        return "OK welcome" if self.logged_in else f"NO LOGIN of {given[0]} failed"

    def do_id(self, _args: str) -> str:
        self.introduced = True
        self._say("* ID NIL")
        return "OK pleased"

    def do_select(self, args: str) -> str:
        if not self.logged_in:
            return "BAD log in first"
        if self.house.wants_id and not self.introduced:
            return f"NO {UNSAFE}"
        self.folder = self.house.folders.get(args.strip('"'))
        if self.folder is None:
            return "NO no such folder"
        self._say(f"* {len(self.folder.mails)} EXISTS")
        self._say(f"* OK [UIDVALIDITY {self.folder.validity}] numbers")
        return f"OK [{'READ-ONLY' if self.house.read_only else 'READ-WRITE'}] selected"

    def do_search(self, _args: str) -> str:
        assert self.folder is not None
        self._say("* SEARCH " + " ".join(str(mail.uid) for mail in self.folder.mails if not mail.seen))
        return "OK done"

    def do_fetch(self, args: str) -> str:
        assert self.folder is not None
        number, _, what = args.partition(" ")
        peek = re.fullmatch(r"\(BODY\.PEEK\[\]<0\.(\d+)>\)", what)
        if peek is None:
            return "BAD only a part, without marking it read"
        for place, mail in enumerate(self.folder.mails, 1):
            if mail.uid == int(number):
                self.house.fetched.append(mail.uid)
                raw = mail.raw[: int(peek[1])]
                self._say(f"* {place} FETCH (UID {mail.uid} BODY[]<0> {{{len(raw)}}}")
                self.sock.sendall(raw)
                self._say(")")
        return "OK done"

    def do_store(self, args: str) -> str:
        assert self.folder is not None
        numbers, _, what = args.partition(" ")
        if what != "+FLAGS.SILENT (\\Seen)":
            return "BAD only marks as read"
        wanted = {int(number) for number in numbers.split(",")}
        for mail in self.folder.mails:
            mail.seen = mail.seen or mail.uid in wanted
        return "OK done"

    def do_logout(self, _args: str) -> str:
        self._say("* BYE")
        return "OK bye"
