"""Mail over SMTP. 邮件

``smtp+starttls://user@host:587/?from=…&password=env:X`` (STARTTLS, must be offered), ``smtps://…:465/…`` (TLS
from the first byte) or ``smtp://host:25/?from=…`` (nothing encrypted: a password over it needs the word
``insecure=1``, and ``cautions`` says so loudly). Settings, all but ``from`` optional:

``from`` the sender's address; ``name`` the name before it; ``password`` by reference, for the user of the URL;
``reply_to`` where answers go; ``list`` a List-Id; ``bounces`` a mailbox whose ``bounces+REF@…`` is the return
path; ``ca`` a file of certificates to trust instead of the system's, ``verify_tls=0`` to check none;
``timeout`` seconds for one message altogether (30); ``keep`` seconds that an idle connection is kept (60, 0:
none), ``batch`` messages that it may carry (100); ``helo`` our name.

Where the server offers PIPELINING the next mail is announced before the one before it is answered
(`notifiers.smtp_link`).

Only what the server said before the mail's last line tells that it has nothing: that is ``retry``. What is
lost afterwards is ``unknown``, and SMTP cannot be asked; the same ``Message-ID`` lets the reader's server
merge what is sent twice.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any, Literal

from engine.delivery import UNASKABLE, Outcome, Waiting
from engine.errors import BadInput
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.mail import Letterhead, account, blamed, masked, plain_address, trust
from notifiers.smtp_link import LOST, Link, Mail, Phase, Reply

Security = Literal["smtp", "smtp+starttls", "smtps"]
PORTS: Mapping[str, int] = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
FULL_MAILBOX = timedelta(days=1)
"""After so long a full mailbox (552) is tried once more."""
_LOGIN = frozenset({530, 534, 535, 538})
# some servers say 550 or 554, as to an unknown recipient, where they mean that we did not log in
_OURS = re.compile(r"relay|authenticat|认证|未登录", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9.:\[\]-]+")
_QUEUED = re.compile(r"queued as (\S+)", re.IGNORECASE)

__all__ = ["Phase", "Reply", "Server", "Smtp", "from_address", "judge"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed over, and how."""

    host: str
    port: int
    security: Security = "smtp+starttls"
    user: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    keep: float = 60.0
    batch: int = 100
    helo: str = ""


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef] | None = None,  # noqa: ARG001 - a mail brings its text along
) -> Smtp:
    """Set the channel up. Raises ``BadInput`` for a setting that is missing, unknown or wrong."""
    address.only(
        "from", "name", "password", "reply_to", "list", "bounces", "ca", "verify_tls", "insecure", "timeout",
        "keep", "batch", "helo",
    )  # fmt: skip
    security = _security(address)
    plain = security == "smtp"
    user, password = account(address, secret, plain=plain)
    if not _NAME.fullmatch(address.text("helo", "x")):
        raise BadInput("邮件渠道的 helo 写得不对", then="写成一个域名")
    server = Server(
        host=address.host,
        port=address.port_or(PORTS[security]),
        security=security,
        user=user,
        password=password,
        tls=None if plain else trust(address),
        timeout=address.number("timeout", 30, least=0.1, most=60),
        keep=address.number("keep", 60, most=3600),
        batch=address.count("batch", 100, least=1),
        helo=address.text("helo", ""),
    )
    return Smtp(server, _letterhead(address))


def _security(address: Address) -> Security:
    for known in PORTS:
        if address.scheme == known:
            return known  # type: ignore[return-value]
    raise BadInput(f"邮件渠道不认识 {address.scheme}", then=f"可用：{'、'.join(PORTS)}")


def _letterhead(address: Address) -> Letterhead:
    try:
        return Letterhead(
            address.text("from"),
            name=address.text("name", ""),
            reply_to=address.text("reply_to", ""),
            list_id=address.text("list", ""),
            bounces=address.text("bounces", ""),
        )
    except ValueError:
        raise BadInput(
            "邮件渠道的 from、reply_to、bounces 或 list 写得不对",
            then="前三个写成一个邮箱地址（名字写在 name=），list 写成域名的样子",
        ) from None


class Smtp:
    """Hands mails to one server; any number of threads may send, each over a connection of its own."""

    def __init__(self, server: Server, letterhead: Letterhead) -> None:
        """Bind to a server; nothing is connected before the first mail."""
        self._server = server
        self._letterhead = letterhead
        self._helo = server.helo or _own_name()
        self._hidden = (server.password, server.user, server.user.partition("@")[0])
        self._idle: list[Link] = []
        self._lock = Lock()
        self._closed = False

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must be told whenever they look at this channel, in Chinese."""
        told = []
        if self._server.security == "smtp":
            told.append(
                f"邮件经 {self._server.host} 明文发送，内容{'和密码' if self._server.user else ''}可被窃听"
            )
        elif self._server.tls is not None and self._server.tls.verify_mode == ssl.CERT_NONE:
            told.append(f"不核对 {self._server.host} 的证书，对方可能是冒充的")
        return tuple(told)

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand a mail over; a connection that the server closed while it was idle costs nothing."""
        [(_, outcome)] = self.flow(iter([(message, now)]))
        return outcome

    def flow(self, messages: Iterator[tuple[Waiting, datetime]]) -> Iterator[tuple[Waiting, Outcome]]:
        """Hand mails over one after another, each announced before the one before it is answered.

        Of a connection that is lost only the mail whose last line had gone out is in doubt; one that was
        only announced goes over a fresh connection.
        """
        supply = _Supply(self._prepared, messages)
        fresh = False
        while (mail := supply.next()) is not None:
            link = None if fresh else self._take()
            by = mail.deadline
            if link is not None:
                # a firewall may have forgotten an idle connection: leave time for a fresh one
                by = min(by, monotonic() + self._server.timeout / 3)
            try:
                link = link or self._open(mail.deadline)
            except (smtplib.SMTPException, OSError, UnicodeError) as error:
                yield mail.message, self._not_open(error)
                continue
            try:
                fresh = False
                for done, reply in link.carry(mail, self._following(link, supply), by):
                    # with less time than that no connection would come about
                    if _stale(reply, link) and monotonic() + self._server.timeout / 3 < done.deadline:
                        fresh = True
                        supply.give_back(done)
                    else:
                        yield done.message, self._judge(reply, done)
                    yield from supply.refused()
            except BaseException:
                link.close()
                raise
            self._give_back(link)
        yield from supply.refused()

    def _prepared(self, message: Waiting, now: datetime) -> Mail | Outcome:
        try:
            recipient = plain_address(message.address)
        except ValueError:
            return Outcome("rejected", "收件地址不是有效的邮箱地址", code="address", blame="contact")
        body = self._letterhead.compose(message, recipient, now)
        sender = self._letterhead.return_path(message)
        return Mail(message, now, sender, recipient, body, monotonic() + self._server.timeout)

    def _following(self, link: Link, supply: _Supply) -> Callable[[], Mail | None]:
        """Return what gives the next mail for ``link``, while it may carry one more."""
        return lambda: supply.next() if link.carried < self._server.batch else None

    def ask(self, message: Waiting) -> Outcome:
        """Mail cannot be asked for: ``unknown``; what is done then is for the rung to say."""
        return Outcome("unknown", "邮件服务器不能查询是否已收下", code=UNASKABLE)

    def rest(self) -> None:
        """Say goodbye on connections that have been idle for too long."""
        oldest = monotonic() - self._server.keep
        with self._lock:
            old = [link for link in self._idle if link.used_at < oldest]
            self._idle = [link for link in self._idle if link.used_at >= oldest]
        for link in old:
            link.quit()

    def close(self) -> None:
        """Say goodbye on idle connections; those in use are closed as soon as their mail is done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for link in idle:
            link.quit()

    def _take(self) -> Link | None:
        """Return the idle connection that was used last; let go of those idle for too long, or left by the server."""
        self.rest()
        while True:
            with self._lock:
                link = self._idle.pop() if self._idle else None
            if link is None or link.silent():
                return link
            link.close()

    def _give_back(self, link: Link) -> None:
        link.used_at = monotonic()
        if link.usable and self._server.keep and link.carried < self._server.batch:
            with self._lock:
                if not self._closed:
                    self._idle.append(link)
                    return
        link.quit()

    def _open(self, deadline: float) -> Link:
        """Connect, encrypt, log in. Raises what `smtplib`, `ssl` and `socket` raise; nothing stays open."""
        server, left = self._server, max(deadline - monotonic(), 0.05)
        if server.security == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, self._helo, timeout=left, context=server.tls
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, self._helo, timeout=left)
        try:
            _hurry(smtp, deadline)
            smtp.ehlo_or_helo_if_needed()
            if server.security == "smtp+starttls":
                smtp.starttls(context=server.tls)
                _hurry(smtp, deadline)
                smtp.ehlo()
            if server.user:
                _hurry(smtp, deadline)
                _log_in(smtp, server)
            return Link(smtp)
        except BaseException:
            smtp.close()
            raise

    def _judge(self, reply: Reply, mail: Mail) -> Outcome:
        message, now = mail.message, mail.now
        waited = message.tries > 0 and now - message.created_at >= FULL_MAILBOX
        local = message.address.partition("@")[0]
        return judge(reply, None if waited else now + FULL_MAILBOX, message.address, local, *self._hidden)

    def _not_open(self, error: Exception) -> Outcome:
        """Say why there is no connection: nothing was sent. What never gets better by itself is ours."""
        if isinstance(error, smtplib.SMTPResponseException):
            said = error.smtp_error
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
            return judge(Reply("open", error.smtp_code, text), None, *self._hidden)
        if isinstance(error, ssl.SSLCertVerificationError):
            return Outcome("config", f"邮件服务器的证书不可信：{masked(error.verify_message)}", code="tls")
        if isinstance(error, ssl.SSLError) and not isinstance(
            error, ssl.SSLEOFError | ssl.SSLZeroReturnError
        ):
            return Outcome("config", "与邮件服务器不能建立加密连接：端口和加密方式不相配", code="tls")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return Outcome("config", "邮件服务器不提供所要的加密或登录方式", code="unsupported")
        if isinstance(error, UnicodeError):
            return Outcome("config", "邮件渠道的用户、密码或主机里有不能传送的字符", code="unsupported")
        return Outcome("retry", "连接不上邮件服务器，没有发送", code="connect", down=True)


def judge(reply: Reply, again_at: datetime | None, *hidden: str) -> Outcome:
    """Turn a server's last reply into the one outcome of a mail.

    ``again_at`` is when a full mailbox is tried once more, ``None`` if it has been; ``hidden`` is left out
    of what the server said.
    """
    phase, code, text = reply
    said = masked(text, *hidden)
    if phase == "end" and code // 100 == 2:
        queued = _QUEUED.search(text)
        return Outcome("accepted", said, provider_id=queued[1][:64] if queued else "", code=str(code))
    if code // 100 in (4, 5):
        return _refusal(reply, f"邮件服务器答复 {code}：{said}", again_at)
    if phase == "end":
        return Outcome("unknown", "邮件已发出，连接在答复前中断", code="lost", down=True)
    return Outcome("retry", "邮件还没有发出，连接中断", code="lost", down=True)


def _refusal(reply: Reply, detail: str, again_at: datetime | None) -> Outcome:
    phase, code, text = reply
    if code < 500:
        return Outcome("retry", detail, code=str(code), down=phase == "open" or code == 421)
    if code == 552 and phase != "open":
        return Outcome("retry" if again_at else "rejected", detail, again_at=again_at, code=str(code))
    # before the recipient is named it cannot be the recipient's fault
    ours = phase in ("open", "MAIL") or code in _LOGIN or _OURS.search(text) is not None
    if ours:
        return Outcome("config", detail, code=str(code))
    return Outcome("rejected", detail, code=str(code), blame=blamed(text))


def _stale(reply: Reply, link: Link) -> bool:
    """Whether a connection that had carried others was gone, so that nothing of this mail was taken."""
    if reply.phase == "open":
        return True
    lost = reply.code == LOST and reply.phase != "end"
    return link.carried > 1 and (lost or (reply.code == 421 and reply.phase == "MAIL"))


class _Supply:
    """Mails to come, made ready one by one; those that cannot be mails at all are kept aside with their outcome."""

    def __init__(
        self,
        prepare: Callable[[Waiting, datetime], Mail | Outcome],
        messages: Iterator[tuple[Waiting, datetime]],
    ) -> None:
        self._prepare = prepare
        self._messages = messages
        self._held: Mail | None = None
        self._refused: list[tuple[Waiting, Outcome]] = []

    def next(self) -> Mail | None:
        """Return the mail that was given back, or the next one; ``None`` where there is none now."""
        if self._held is not None:
            mail, self._held = self._held, None
            return mail
        for message, now in self._messages:
            made = self._prepare(message, now)
            if isinstance(made, Mail):
                return made
            self._refused.append((message, made))
        return None

    def give_back(self, mail: Mail) -> None:
        """Keep a mail of which nothing was taken for the next connection."""
        self._held = mail

    def refused(self) -> Iterator[tuple[Waiting, Outcome]]:
        """Give those that cannot be mails, once."""
        while self._refused:
            yield self._refused.pop(0)


def _hurry(smtp: smtplib.SMTP, deadline: float) -> None:
    """Let the next answer take no longer than until ``deadline``."""
    if smtp.sock is not None:
        smtp.sock.settimeout(max(deadline - monotonic(), 0.05))


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    """Log in once, in one way: `smtplib` tries all that are offered, and a wrong password locks the account."""
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    ways: dict[str, Any] = {
        "CRAM-MD5": smtp.auth_cram_md5, "PLAIN": smtp.auth_plain, "LOGIN": smtp.auth_login,
    }  # fmt: skip
    order = ("CRAM-MD5", "PLAIN", "LOGIN") if server.tls is None else ("PLAIN", "LOGIN", "CRAM-MD5")
    way = next((way for way in order if way in offered), None)
    if way is None:
        raise smtplib.SMTPNotSupportedError("no way to log in")
    smtp.user, smtp.password = server.user, server.password
    smtp.auth(way, ways[way])


def _own_name() -> str:
    """Our name for the server; a host's name in Chinese, or without a domain, cannot be used."""
    name = socket.gethostname()
    return name if "." in name and _NAME.fullmatch(name) else "[127.0.0.1]"
