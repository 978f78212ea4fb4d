"""Mails as bytes, and what sending and receiving them share: trust in certificates, masked answers. 邮件

The standard library's ``EmailMessage`` takes three milliseconds for a Chinese mail; this takes microseconds
and writes one shape only: UTF-8 text in base64, folded headers, ASCII throughout, no line that begins with a
dot. `bench/compose.py` compares both, byte by byte of what they mean.
"""

from __future__ import annotations

import re
import ssl
from binascii import b2a_base64
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from engine.delivery import Blame, Waiting
from engine.errors import BadInput
from notifiers.address import Address, Secret

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_ANY_ADDRESS = re.compile(r"<?[^\s<>:,;]+@[^\s<>,;]+>?")
_NUMBER = re.compile(r"\+?\d{7,}")
# 5.1.7 and 5.1.8 speak of the sender, 5.2.2 of a full mailbox
_BAD_ADDRESS = re.compile(r"(?<![\d.])5\.(1\.([1-469]|10)|2\.1)(?![\d.]*\d)")
_BAD_CONTENT = re.compile(r"(?<![\d.])5\.(6\.\d+|2\.3|3\.4)(?![\d.]*\d)")
_LINE = 76
_WORD = len("=?utf-8?B??=")


def plain_address(address: str) -> str:
    """Return a mail address fit for headers and SMTP, its domain in ASCII.

    Raises ``ValueError`` for anything but one address; names before ``@`` must be ASCII (few servers take
    others).
    """
    local, _, domain = address.strip().rpartition("@")
    if not domain.isascii():
        domain = domain.encode("idna").decode()
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or ".." in domain or len(domain) > 253:
        raise ValueError("not an address")
    return f"{local}@{domain}"


def masked(said: str, *hidden: str) -> str:
    """Return what a server said, on one line, without addresses, long numbers or what is ``hidden``."""
    for word in hidden:
        if len(word) > 2:
            said = said.replace(word, "***")
    return _CONTROL.sub(" ", _NUMBER.sub("***", _ANY_ADDRESS.sub("***", said)))[:200].strip()


def trust(address: Address) -> ssl.SSLContext:
    """Return how certificates are checked: against the system's, or the file ``ca`` alone.

    ``verify_tls=0`` checks nothing. Raises ``BadInput`` for a file that holds no certificates.
    """
    file = address.text("ca", "")
    try:
        context = ssl.create_default_context(cafile=file or None)
    except (OSError, ssl.SSLError):
        raise BadInput(
            f"证书文件 {Path(file).name} 不能用",
            why="文件不存在，或里面没有 PEM 证书",
            then="改正 ca= 指的文件",
        ) from None
    if not address.switch("verify_tls", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def account(address: Address, secret: Secret, *, plain: bool) -> tuple[str, str]:
    """Return user and password, both empty where none is written.

    Raises ``BadInput`` for one without the other, and for a password over a ``plain`` connection without
    the word ``insecure=1``.
    """
    if not address.user and "password" not in address.settings:
        return "", ""
    if not address.user or "password" not in address.settings:
        raise BadInput(
            f"渠道 {address.scheme} 的用户和密码要么都写，要么都不写",
            then="用户写在 @ 前，密码写成 ?password=env:变量名",
        )
    if plain and not address.switch("insecure", False):
        kind = address.scheme.partition("+")[0]
        raise BadInput(
            f"{kind}:// 不加密，密码会在网络上明文传送",
            then=f"改用 {kind}+starttls:// 或 {kind}s://；确实只能如此时加上 insecure=1",
        )
    return address.user, address.secret("password", secret)


def blamed(said: str) -> Blame:
    """Say what a refusal speaks of, by its enhanced status code (RFC 3463); most policies do not say."""
    if _BAD_ADDRESS.search(said):
        return "contact"
    return "content" if _BAD_CONTENT.search(said) else ""


class Letterhead:
    """What is the same in every mail of an installation."""

    def __init__(
        self, sender: str, *, name: str = "", reply_to: str = "", list_id: str = "", bounces: str = ""
    ) -> None:
        """``sender`` is the address that mails come from, ``name`` stands before it; answers go to
        ``reply_to``; ``list_id`` names the stream for filters; with ``bounces`` each mail has a return path
        of its own. Raises ``ValueError`` for an address that is none.
        """
        self.sender = plain_address(sender)
        self._return = plain_address(bounces).partition("@") if bounces else None
        self._domain = self.sender.rpartition("@")[2]
        head = [_header("From", name, f"<{self.sender}>") if name else f"From: {self.sender}"]
        if reply_to:
            head.append(f"Reply-To: {plain_address(reply_to)}")
        if list_id:
            if not _DOMAIN.fullmatch(list_id):
                raise ValueError("not a list id")
            head.append(f"List-Id: <{list_id}>")
        head.append("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0")
        head.append('Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: base64')
        self._head = "\r\n".join(head)

    def return_path(self, message: Waiting) -> str:
        """Return where bounces go: ``bounces+REF@…``, so that they tell by themselves which mail failed."""
        if self._return is None:
            return self.sender
        local, _, domain = self._return
        return f"{local}+{message.reference}@{domain}"

    def compose(self, message: Waiting, recipient: str, now: datetime) -> bytes:
        """Return the mail to ``recipient`` (from ``plain_address``), lines ending in CRLF.

        Its ``Message-ID`` is our reference, so that the same message is the same mail whenever it is sent.
        """
        subject = _header("Subject", _CONTROL.sub(" ", message.subject).strip(), "")
        head = (
            f"{self._head}\r\nTo: {recipient}\r\n{subject}\r\nDate: {format_datetime(now)}\r\n"
            f"Message-ID: <{message.reference}@{self._domain}>\r\n\r\n"
        )
        text = message.text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") + "\r\n"
        return head.encode("ascii") + _base64(text.encode("utf-8", "replace"))


def _base64(raw: bytes) -> bytes:
    lines = [b2a_base64(raw[start : start + 57]) for start in range(0, len(raw), 57)]
    return b"".join(lines).replace(b"\n", b"\r\n")


def _header(name: str, text: str, after: str) -> str:
    """Write a header on lines of at most 76 characters; ``after`` follows the text, as it is."""
    line = f"{name}: "
    if _PLAIN.fullmatch(text) and "=?" not in text:
        whole = line + text
        if after:
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            whole = f'{line}"{quoted}" {after}'
        if len(whole) <= _LINE:
            return whole
    raw = text.encode("utf-8", "replace")
    words = []
    start, room = 0, _LINE - len(line)
    while start < len(raw):
        # base64 makes 4 characters of 3 bytes, and a character is never cut (RFC 2047, 5)
        end = min(start + (min(room, 75) - _WORD) // 4 * 3, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?B?{b2a_base64(raw[start:end], newline=False).decode()}?=")
        start, room = end, _LINE - 1
    if after:
        words.append(after)
    return line + "\r\n ".join(words)
