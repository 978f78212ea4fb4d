"""Reads one mail out of a bounce mailbox: a delivery report, an automatic reply, or none of our business. 退信报告

Which message it speaks of stands in the address that it was sent to (``bounces+REF@…``), else in the
``Message-ID`` of the mail that it sends back. Several large Chinese providers send no report by the standard but a
letter of their postmaster: that counts as a bounce where it quotes a 5xx answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from engine.delivery import Receipt, ReceiptState
from notifiers.mail import blamed, masked

_TO = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Forwarded-To")
_VERP = re.compile(r"[+=-]([0-9a-f]{32})@", re.IGNORECASE)
_OURS = re.compile(r"<([0-9a-f]{32})@", re.IGNORECASE)
_SENT_BACK = re.compile(r"^(?:message-id|return-path):\s*<(?:[^<>@]*[+=-])?([0-9a-f]{32})@", re.I | re.M)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_QUOTED = re.compile(r"(?<![\d.])(5\.[0-7]\.\d{1,3}|55[0-4])(?![\d.]*\d)")
_POSTMASTERS = frozenset({"mailer-daemon", "postmaster"})
_DELAY = re.compile(r"delay|warning|延迟|延误", re.IGNORECASE)
_AUTOMATIC = re.compile(r"\s*(自动回复|自动答复|auto(matic)?[ -]?reply|out of office)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Read:
    """What a mail tells; ``ours``: it is about a mail of ours and needs no person."""

    ours: bool
    receipts: tuple[Receipt, ...] = ()


def read_bounce(raw: bytes, channel: str, now: datetime) -> Read:
    """Read one mail; whatever is broken in it makes it none of ours, never an exception.

    A receipt's moment is the mail's date, ``now`` if that is missing, unreadable or still to come.
    """
    mail = message_from_bytes(raw)
    reference = _reference(mail)
    if reference is None:
        return Read(False)
    state, code, said = _told(mail)
    if state is None:
        return Read(code != "")
    receipt = Receipt(
        channel=channel, state=state, at=_moment(mail, now), reference=reference, code=code,
        detail=said, blame=blamed(code) if state == "undelivered" else "",
    )  # fmt: skip
    return Read(True, (receipt,))


def _told(mail: Message) -> tuple[ReceiptState | None, str, str]:
    """Return state, code and words; no state with a code is a mail that tells nothing, without one a stranger's."""
    reports = list(_recipients(mail))
    for fields in reports:
        action = str(fields.get("Action", "")).strip().lower()
        found = _STATUS.search(str(fields.get("Status", "")))
        status = found[0] if found else ""
        # "failed" is final whatever the status: a queue that gave up says 4.4.7
        if action == "failed" or (not action and status.startswith("5")):
            return "undelivered", status or "5.0.0", _diagnostic(fields)
        if action == "delivered":
            return "delivered", status or "2.0.0", ""
    if reports:
        return None, "report", ""
    if _automatic(mail):
        return None, "reply", ""
    return _letter(mail)


def _recipients(mail: Message) -> Iterator[Message]:
    """Yield what delivery reports in ``mail`` say of each recipient."""
    for part in mail.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload()
            if isinstance(blocks, list):
                yield from (block for block in blocks if isinstance(block, Message) and _speaks(block))


def _speaks(block: Message) -> bool:
    return "Action" in block or "Status" in block


def _diagnostic(fields: Message) -> str:
    recipient = str(fields.get("Final-Recipient", "")).rpartition(";")[2].strip()
    words = str(fields.get("Diagnostic-Code", "")).partition(";")[2] or str(fields.get("Diagnostic-Code", ""))
    return masked(words.strip(), recipient, recipient.partition("@")[0])


def _automatic(mail: Message) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).strip().lower()
    return (
        submitted.startswith("auto-replied")
        or "X-Autoreply" in mail
        or "X-Autorespond" in mail
        or str(mail.get("Precedence", "")).strip().lower() == "auto_reply"
        or _AUTOMATIC.match(_subject(mail)) is not None
    )


def _letter(mail: Message) -> tuple[ReceiptState | None, str, str]:
    """Read a postmaster's letter: a bounce if it quotes a permanent answer and does not speak of a delay."""
    sender = parseaddr(str(mail.get("From", "")))[1].partition("@")[0].lower()
    if sender not in _POSTMASTERS or _DELAY.search(_subject(mail)):
        return None, "", ""
    for part in mail.walk():
        if part.get_content_maintype() == "text" and part.get_content_type() != "text/rfc822-headers":
            quoted = _QUOTED.search(_TAG.sub(" ", _text(part)))
            if quoted:
                return "undelivered", quoted[1], "退信没有标准的报告，状态取自正文"
    return None, "", ""


def _reference(mail: Message) -> str | None:
    for name in _TO:
        for value in mail.get_all(name, ()):
            if found := _VERP.search(str(value)):
                return found[1].lower()
    for part in mail.walk():
        if part.get_content_type() in ("text/rfc822-headers", "message/global-headers"):
            if found := _SENT_BACK.search(_text(part)):
                return found[1].lower()
        elif part is not mail and (found := _OURS.search(str(part.get("Message-ID", "")))):
            return found[1].lower()
    for name in ("In-Reply-To", "References"):
        if found := _OURS.search(str(mail.get(name, ""))):
            return found[1].lower()
    return None


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(part.get_payload())
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _subject(mail: Message) -> str:
    """Return the subject as people see it; some servers write it in GBK without saying so."""
    raw = next((value for name, value in mail.raw_items() if name.lower() == "subject"), "")
    if not raw.isascii():
        octets = raw.encode("utf-8", "surrogateescape")
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("gb18030", "replace")
    try:
        return str(make_header(decode_header(raw)))
    except (LookupError, ValueError):
        return ""


def _moment(mail: Message, now: datetime) -> datetime:
    try:
        written = parsedate_to_datetime(str(mail.get("Date", "")))
    except (ValueError, IndexError, OverflowError):
        return now
    return min(written, now) if written.tzinfo is not None else now
