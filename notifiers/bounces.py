"""The mailbox that bounces come back to: polled over IMAP, read as receipts. 退信

``imaps://user@host/INBOX?password=env:X`` (also ``imap+starttls``; ``imap`` sends the password in clear and
needs ``insecure=1``); ``ca``, ``verify_tls`` and ``timeout`` as for `notifiers.smtp`, whose ``bounces=`` should
lead here. The path is the folder.

A delivery report (RFC 3464) that says *failed* makes its message ``undelivered``; delays, successes of relays
and automatic replies mean nothing. Two steps, so that nothing is lost between the mailbox and the database:
``receipts`` hands out and leaves the mails unread, ``confirm``, called once the receipts are kept, marks them
read. Whatever is no bounce of ours stays unread, for people.
"""

from __future__ import annotations

import imaplib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import ClassVar

from engine.delivery import Closing, Notifier, Outcome, Receipt, Waiting
from engine.errors import BadInput, YiribanError
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.mail import account, masked, trust
from notifiers.reports import read_bounce

PORTS: Mapping[str, int] = {"imap": 143, "imap+starttls": 143, "imaps": 993}
AT_ONCE = 200
"""So many mails are read in one round; more wait for the next."""
_LONGEST = 1 << 18
"""Bytes of a mail that are fetched: a report stands at its beginning, what it sends back may be huge."""


@dataclass(frozen=True, slots=True)
class Postbox:
    """Where bounces are fetched, and how."""

    host: str
    port: int
    scheme: str
    user: str
    password: str
    folder: str = "INBOX"
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class _Round:
    """What the last round handed out, in which generation of the folder's numbers."""

    validity: bytes = b""
    uids: tuple[bytes, ...] = ()


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef] | None = None,  # noqa: ARG001 - as every channel
    *,
    channel: str = "email",
) -> Mailbox:
    """Set the mailbox up; its receipts are of ``channel``. Raises ``BadInput`` for a wrong setting."""
    address.only("password", "ca", "verify_tls", "insecure", "timeout")
    if address.scheme not in PORTS:
        raise BadInput(f"退信邮箱不认识 {address.scheme}", then=f"可用：{'、'.join(PORTS)}")
    plain = address.scheme == "imap"
    user, password = account(address, secret, plain=plain)
    if not user:
        raise BadInput("退信邮箱的地址里没有用户", then="写成 imaps://用户@主机/INBOX?password=env:变量名")
    postbox = Postbox(
        host=address.host,
        port=address.port_or(PORTS[address.scheme]),
        scheme=address.scheme,
        user=user,
        password=password,
        folder=address.path.strip("/") or "INBOX",
        tls=None if plain else trust(address),
        timeout=address.number("timeout", 30, least=0.1, most=300),
    )
    return Mailbox(postbox, channel)


class Mailbox:
    """A folder of bounces; ``receipts``, then ``confirm``. Threads take turns."""

    def __init__(self, postbox: Postbox, channel: str) -> None:
        """Bind to a folder; nothing is connected yet, and nothing stays connected between calls."""
        self._postbox = postbox
        self._channel = channel
        self._handed = _Round()
        self._others: set[bytes] = set()
        self._lock = Lock()

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must be told whenever they look at this mailbox, in Chinese."""
        tls = self._postbox.tls
        if tls is None:
            return (f"退信从 {self._postbox.host} 明文接收，内容和密码可被窃听",)
        if tls.verify_mode == ssl.CERT_NONE:
            return (f"不核对 {self._postbox.host} 的证书，对方可能是冒充的",)
        return ()

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Return what unread bounces tell, of whatever message; the same ones again until ``confirm``.

        Raises ``YiribanError`` if the mailbox cannot be read.
        """
        with self._lock, self._open() as imap:
            validity = _validity(imap)
            unread = _words(imap.uid("SEARCH", "UNSEEN"))
            self._others &= set(unread)
            found: list[Receipt] = []
            handled = []
            for uid in [uid for uid in unread if uid not in self._others][:AT_ONCE]:
                raw = _fetched(imap.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{_LONGEST}>)"))
                read = read_bounce(raw, self._channel, now)
                if read.ours:
                    handled.append(uid)
                    found += read.receipts
                else:
                    self._others.add(uid)
            self._handed = _Round(validity, tuple(handled))
            return found

    def confirm(self) -> None:
        """Mark the mails of the last ``receipts`` as read: their receipts are kept.

        Raises ``YiribanError`` if the mailbox cannot be reached; they are then handed out again.
        """
        with self._lock:
            if not self._handed.uids:
                return
            with self._open() as imap:
                # numbers of another generation would mark other mails
                if _validity(imap) == self._handed.validity:
                    numbers = b",".join(self._handed.uids).decode()
                    _words(imap.uid("STORE", numbers, "+FLAGS.SILENT", "(\\Seen)"))
            self._handed = _Round()

    @contextmanager
    def _open(self) -> Iterator[imaplib.IMAP4]:
        box = self._postbox
        imap: imaplib.IMAP4 | None = None
        try:
            if box.scheme == "imaps":
                imap = imaplib.IMAP4_SSL(box.host, box.port, ssl_context=box.tls, timeout=box.timeout)
            else:
                imap = imaplib.IMAP4(box.host, box.port, timeout=box.timeout)
            if box.scheme == "imap+starttls":
                imap.starttls(box.tls)
            imap.login(box.user, box.password)
            if b"ID" in _words(imap.capability()):
                # NetEase (163, 126) opens no folder to a client that has not introduced itself
                imap.xatom("ID", '("name" "yiriban" "version" "1")')
            _words(imap.select(_quoted(box.folder)))
            yield imap
        except (imaplib.IMAP4.error, OSError, UnicodeError) as error:
            raise self._trouble(error) from None
        finally:
            if imap is not None:
                _leave(imap)

    def _trouble(self, error: Exception) -> YiribanError:
        box = self._postbox
        hidden = (box.password, box.user, box.user.partition("@")[0])
        if isinstance(error, ssl.SSLCertVerificationError):
            why, then = "邮箱服务器的证书不可信", "核对主机名，或用 ca= 指定签发证书的机构"
        elif isinstance(error, OSError) and not isinstance(error, imaplib.IMAP4.error):
            why, then = "连接不上，或限定时间内没有答复", "检查主机、端口、加密方式和网络"
        else:
            said = error.args[0] if error.args else ""
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            why, then = masked(text, *hidden), "检查用户、密码（有的邮箱要用授权码）和文件夹名"
        return YiribanError(f"读不了退信邮箱（{box.host}）", why=why, then=then)


class Bouncing:
    """A mail channel together with the mailbox that its bounces come back to: one notifier, with receipts."""

    confirms: ClassVar[bool] = False
    """Mail tells what came back and never what arrived: nobody waits for a receipt."""

    def __init__(self, notifier: Notifier, mailbox: Mailbox) -> None:
        """Put both together; ``send``, ``ask`` and ``close`` are those of ``notifier``."""
        self._notifier = notifier
        self._mailbox = mailbox

    @property
    def cautions(self) -> tuple[str, ...]:
        """The cautions of both."""
        return (*getattr(self._notifier, "cautions", ()), *self._mailbox.cautions)

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand a mail over."""
        return self._notifier.send(message, now)

    def ask(self, message: Waiting) -> Outcome:
        """Say what became of a mail handed over before."""
        return self._notifier.ask(message)

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Return what unread bounces tell; raises ``YiribanError`` if the mailbox cannot be read."""
        return self._mailbox.receipts(messages, now)

    def confirm(self) -> None:
        """Say that the receipts of the last call are kept; raises ``YiribanError``."""
        self._mailbox.confirm()

    def close(self) -> None:
        """Let go of connections."""
        if isinstance(self._notifier, Closing):
            self._notifier.close()


def _words(answer: tuple[str, list[bytes | None] | list[bytes]]) -> list[bytes]:
    """Return the words of an answer. Raises ``imaplib.IMAP4.error`` with the server's own if it refused."""
    kind, data = answer
    told = b" ".join(part for part in data if part)
    if kind != "OK":
        raise imaplib.IMAP4.error(told.decode("utf-8", "replace"))
    return told.split()


def _fetched(answer: tuple[str, list[object]]) -> bytes:
    """Return the mail in an answer to FETCH; nothing if somebody has removed it meanwhile."""
    for part in answer[1]:
        if isinstance(part, tuple) and len(part) > 1 and isinstance(part[1], bytes):
            return part[1]
    return b""


def _validity(imap: imaplib.IMAP4) -> bytes:
    data = imap.response("UIDVALIDITY")[1]
    return data[-1] or b"" if data else b""


def _quoted(folder: str) -> str:
    """Write a folder's name for IMAP: quoted, and in modified UTF-7 (RFC 3501, 5.1.3) what is not ASCII."""
    out, wide = [], ""
    for char in [*folder, ""]:
        if char and not " " <= char <= "~":
            wide += char
            continue
        if wide:
            coded = b64encode(wide.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append(f"&{coded}-")
            wide = ""
        out.append("&-" if char == "&" else char)
    return '"' + "".join(out).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _leave(imap: imaplib.IMAP4) -> None:
    with suppress(imaplib.IMAP4.error, OSError):
        imap.logout()
    with suppress(OSError):
        imap.shutdown()
