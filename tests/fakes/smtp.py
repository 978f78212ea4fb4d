"""A mail server on loopback: aiosmtpd, with TLS, logins, a ledger and a script of what goes wrong.

``plan`` takes one word per mail to come: a code answers ``RCPT TO`` (``"550"``), or ``MAIL FROM`` or the end
of the mail where that is named (``"550@mail"``, ``"554@end"``); ``lose`` takes the mail and hangs up instead
of answering, ``drop`` hangs up at ``RCPT TO``, ``slow`` answers after two seconds, ``idle`` answers and then
hangs up, ``mute`` says nothing from ``MAIL FROM`` on. Certificates are made when they are first wanted.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cache
from pathlib import Path
from typing import Any, Self, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

WORDS = {"421": "4.3.2 closing", "552": "5.2.2 mailbox full"}


@cache
def authority() -> trustme.CA:
    """The authority that signs every certificate of a run."""
    return trustme.CA()


def server_tls(name: str = "127.0.0.1") -> ssl.SSLContext:
    """Return what a server named ``name`` shows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority().issue_cert(name).configure_cert(context)
    return context


def trusted(folder: Path) -> Path:
    """Write the authority's certificate to a file, for ``ca=``."""
    file = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    return file


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of the ledger."""

    reference: str
    address: str
    text: str
    sender: str
    """The return path."""
    raw: bytes
    mail: EmailMessage
    connection: int
    """Counts connections from 1."""


@dataclass(slots=True)
class _Script:
    """What the running mail of a connection is to meet."""

    number: int
    step: str = ""


class MailServer:
    """The server; enter it to listen on ``port``."""

    def __init__(
        self,
        *,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
        delay: float = 0.0,
        idle_after: float = 60.0,
        mechanisms_hidden: tuple[str, ...] = (),
    ) -> None:
        """``tls`` from the first byte, or by STARTTLS; ``delay`` seconds before each reply to a mail;
        connections idle for ``idle_after`` seconds are closed.
        """
        self.accepted: list[Mail] = []
        self.connections = 0
        self.logins: list[str] = []
        self.port = 0
        self._steps: deque[str] = deque()
        self._account = (user, password)
        self._tls, self._starttls = tls, starttls
        self._delay, self._idle_after = delay, idle_after
        self._hidden = mechanisms_hidden
        self._loop = asyncio.new_event_loop()
        self._links: set[SMTP] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def plan(self, *steps: str) -> None:
        """Say what the next mails meet, one word each."""
        self._steps.extend(steps)

    def hang_up(self) -> None:
        """Close every connection, as a server does that was restarted."""
        self._wait(self._close_links)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._wait(self._close_links)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _wait(self, act: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(act)
        self._loop.call_soon_threadsafe(done.set)
        done.wait(10)

    def _close_links(self) -> None:
        for link in list(self._links):
            if link.transport is not None:
                link.transport.close()
        self._links.clear()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda _loop, _context: None)  # clients hang up as they like
        serving = self._loop.create_server(
            self._link, "127.0.0.1", 0, ssl=None if self._starttls else self._tls
        )
        server = self._loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def _link(self) -> SMTP:
        self.connections += 1
        asked = bool(self._account[0])
        link = SMTP(
            _Desk(self, _Script(self.connections)),
            hostname="mail.example.org",
            ident="fake",
            tls_context=self._tls if self._starttls else None,
            require_starttls=self._starttls,
            auth_required=asked,
            auth_require_tls=True,
            authenticator=self._check if asked else None,
            auth_exclude_mechanism=self._hidden,
            timeout=self._idle_after,
            loop=self._loop,
        )
        link._auth_require_tls = False  # asked for at the start, it warns, and warnings are errors here
        self._links.add(link)
        return link

    def _check(self, _server: Any, _session: Any, _envelope: Any, mechanism: str, given: Any) -> AuthResult:
        self.logins.append(mechanism)
        login = cast(LoginPassword, given)
        right = (login.login.decode(), login.password.decode()) == self._account
        return AuthResult(success=right, handled=False)


@dataclass(slots=True)
class _Desk:
    """The handler of one connection."""

    server: MailServer
    script: _Script
    seen: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802
        self, link: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        steps = self.server._steps
        self.script.step = steps.popleft() if steps else ""
        if self.script.step == "mute":
            await asyncio.sleep(60)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._reply("mail", "250 2.1.0 Ok", address)

    async def handle_RCPT(  # noqa: N802
        self, link: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.script.step == "drop":
            cast(asyncio.Transport, link.transport).abort()
            await asyncio.sleep(60)
        said = await self._reply("", "250 2.1.5 Ok", address)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, link: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = await self._reply("end", "250 2.0.0 Ok: queued as 4B1C2D", envelope.rcpt_tos[0])
        if not said.startswith("250"):
            return said
        raw = cast(bytes, envelope.content)
        mail = message_from_bytes(raw, policy=default)
        reference = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        text = mail.get_content().replace("\r\n", "\n")
        self.server.accepted.append(
            Mail(
                reference, envelope.rcpt_tos[0], text, envelope.mail_from or "", raw, mail,
                self.script.number,
            )
        )  # fmt: skip
        step = self.script.step
        transport = cast(asyncio.Transport, link.transport)
        if step == "lose":
            transport.abort()
            await asyncio.sleep(60)
        if step == "slow":
            await asyncio.sleep(2)
        if step == "idle":
            self.server._loop.call_later(0.02, transport.close)
        return said

    async def _reply(self, where: str, well: str, address: str) -> str:
        """Answer as planned for this place; real servers quote the address back."""
        if self.server._delay:
            await asyncio.sleep(self.server._delay)
        code, _, place = self.script.step.partition("@")
        if not code.isdigit() or place != where:
            return well
        return f"{code} {WORDS.get(code, f'{code[0]}.7.0 refused')}: <{address}> {address.partition('@')[0]}"
