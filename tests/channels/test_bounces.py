"""Bounces become receipts: what a report says counts, and no report is lost between mailbox and database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.delivery import Confirming, Outcome, Receipts, Waiting, confirms
from engine.errors import BadInput, YiribanError
from notifiers.address import read_address
from notifiers.bounces import Bouncing, Mailbox, from_address
from notifiers.reports import read_bounce
from tests.channels.contract import open_to
from tests.fakes.imap import MailboxServer
from tests.fakes.smtp import server_tls, trusted

NOW = datetime(2026, 11, 3, 1, 0, tzinfo=UTC)  # Tuesday 09:00 in Shanghai
REF = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
PASSWORD = 'mi"ma-9f3k'


def report(
    *, status: str = "5.1.1", action: str = "failed", to: str = f"tuixin+{REF}@example.org",
    diagnostic: str = "smtp; 550 5.1.1 <zhang.wei@example.org>: no such user zhang.wei",
    message_id: str = f"<{REF}@caizheng.example.cn>", more: str = "",
) -> bytes:  # fmt: skip
    """A delivery report as Postfix writes it; those have ``Auto-Submitted: auto-replied`` too."""
    return f"""Return-Path: <>
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
To: {to}
Date: Mon, 2 Nov 2026 09:30:00 +0800
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"
{more}
--b1
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.org.
--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
Arrival-Date: Mon,  2 Nov 2026 09:29:58 +0800 (CST)

Final-Recipient: rfc822; zhang.wei@example.org
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: {diagnostic}

--b1
Content-Type: message/rfc822

Return-Path: <sender@caizheng.example.cn>
From: sender@caizheng.example.cn
To: zhang.wei@example.org
Message-ID: {message_id}
Subject: =?utf-8?B?5Yiw5pyf?=

body
--b1--
""".replace("\n", "\r\n").encode()


def letter(
    sender: str, subject: str, body: str, more: str = "", to: str = f"tuixin+{REF}@example.org"
) -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n{more}"
        f"Content-Type: text/html; charset=gb18030\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}"
    ).encode("gb18030")


def test_a_report_of_failure_is_a_receipt_with_code_moment_and_no_address() -> None:
    read = read_bounce(report(), "email", NOW)
    [receipt] = read.receipts
    assert (receipt.channel, receipt.state, receipt.reference) == ("email", "undelivered", REF)
    assert (receipt.code, receipt.blame) == ("5.1.1", "contact")
    assert receipt.at == datetime(2026, 11, 2, 1, 30, tzinfo=UTC)  # Monday 09:30 in Shanghai
    assert "zhang" not in repr(receipt)
    assert "550 5.1.1" in receipt.detail


@pytest.mark.parametrize(
    ("status", "action", "state", "blame"),
    [
        ("5.2.1", "failed", "undelivered", "contact"),
        ("5.2.2", "failed", "undelivered", ""),
        ("5.1.8", "failed", "undelivered", ""),
        ("5.7.1", "failed", "undelivered", ""),
        ("5.6.0", "failed", "undelivered", "content"),
        ("5.1.10 (null MX)", "Failed", "undelivered", "contact"),
        ("4.4.7", "failed", "undelivered", ""),  # the queue has given up: final, whatever the first digit
        ("5.1.1", "", "undelivered", "contact"),
        ("4.2.2", "", None, ""),
        ("4.4.1", "delayed", None, ""),
        ("2.0.0", "delivered", "delivered", ""),
        ("2.0.0", "relayed", None, ""),
        ("2.0.0", "expanded", None, ""),
    ],
)
def test_what_a_report_means(status: str, action: str, state: str | None, blame: str) -> None:
    read = read_bounce(report(status=status, action=action), "email", NOW)
    assert read.ours
    assert [(r.state, r.blame) for r in read.receipts] == ([] if state is None else [(state, blame)])


@pytest.mark.parametrize(
    "raw",
    [
        report(to="tuixin@example.org"),  # the mail sent back tells
        report(to="tuixin@example.org", message_id="<1@else>", more=f"References: <{REF}@caizheng.example.cn>\n"),
        report(to="tuixin@example.org", message_id="<1@else>", more=f"Delivered-To: a={REF.upper()}@example.org\n"),
        report(to="tuixin@example.org").replace(b"message/rfc822", b"text/rfc822-headers"),
        report(message_id=f"<{OTHER}@caizheng.example.cn>"),  # the return path goes before
    ],
    ids=["message-id", "references", "delivered-to", "headers-only", "verp"],
)  # fmt: skip
def test_which_message_it_speaks_of_is_found_wherever_it_stands(raw: bytes) -> None:
    assert [receipt.reference for receipt in read_bounce(raw, "email", NOW).receipts] == [REF]


def test_automatic_replies_say_nothing_and_need_nobody() -> None:
    away = "我在休假，550 元的事请找李四。"
    for raw in (
        letter("zhang.wei@example.org", "自动回复：到期提醒", away),
        letter("zhang.wei@example.org", "=?gb18030?B?19S2r7vYuLQ=?=", away),
        letter("zhang.wei@example.org", "Re: x", away, "Auto-Submitted: auto-replied (vacation)\r\n"),
        letter("zhang.wei@example.org", "Re: x", away, "Precedence: auto_reply\r\n"),
    ):
        read = read_bounce(raw, "email", NOW)
        assert (read.ours, read.receipts) == (True, ())


def test_a_postmasters_letter_counts_where_it_quotes_a_permanent_answer() -> None:
    cases = {
        "host said: 550 Mailbox not found": ["550"],
        "<p>退信原因：<b>5.1.1</b></p>": ["5.1.1"],
        "451 稍后再试": [],
        "编号15504的邮件": [],
    }
    for body, codes in cases.items():
        raw = letter("PostMaster@mail.example.com", "系统退信", body)
        assert [r.code for r in read_bounce(raw, "email", NOW).receipts] == codes, body
    assert not read_bounce(letter("postmaster@x.cn", "Delivery delayed", "550"), "email", NOW).ours
    assert not read_bounce(letter("li.si@x.cn", "回复", "550 件已收到"), "email", NOW).ours


def test_a_strangers_mail_and_a_broken_one_are_left_for_people() -> None:
    for raw in (
        b"",
        b"\xff\xfe\x00",
        letter("li.si@x.cn", "你好", "请问几点开会", to="tuixin@example.org"),
        report(to="tuixin@example.org", message_id="<1@else>"),
        b"Content-Type: multipart/report; boundary=\r\nSubject: =?bad?Q?x?=\r\n\r\n--",
        letter("a@b.cn", "=?nosuch?B?AAAA?=", "x").replace(b"gb18030", b"nosuch"),
    ):
        read = read_bounce(raw, "email", NOW)
        assert (read.ours, read.receipts) == (False, ()), raw


def test_a_report_from_the_future_or_without_a_date_is_of_now() -> None:
    for date in (b"Wed, 4 Nov 2026 09:30:00 +0800", b"someday", b"Mon, 2 Nov 2026 09:30:00 -0000"):
        raw = report().replace(b"Mon, 2 Nov 2026 09:30:00 +0800", date, 1)
        assert read_bounce(raw, "email", NOW).receipts[0].at == NOW


def mailbox(
    server: MailboxServer, settings: str = "", scheme: str = "imap", password: str = PASSWORD
) -> Mailbox:
    plain = "&insecure=1" if scheme == "imap" else ""
    url = f"{scheme}://tuixin@127.0.0.1:{server.port}/INBOX?password=env:BOX{plain}{settings}"
    return from_address(read_address(url), {"env:BOX": password}.__getitem__)


@pytest.fixture
def server() -> Iterator[MailboxServer]:
    """A server without encryption, its INBOX empty."""
    with MailboxServer(user="tuixin", password=PASSWORD) as running:
        yield running


def references(box: Mailbox) -> list[str]:
    return [receipt.reference for receipt in box.receipts((), NOW)]


def test_receipts_are_handed_out_again_until_they_are_confirmed_and_then_no_more(
    server: MailboxServer,
) -> None:
    first = server.put(report())
    box = mailbox(server)
    assert references(box) == references(box) == [REF]
    assert server.seen() == []
    second = server.put(report(to=f"tuixin+{OTHER}@example.org"))
    box.confirm()
    assert server.seen() == [first], "the second was never handed out"
    assert references(box) == [OTHER]
    box.confirm()
    assert server.seen() == [first, second]
    assert references(box) == []
    box.confirm()
    assert open_to(server.port) == 0


def test_who_dies_between_handing_out_and_keeping_loses_nothing(server: MailboxServer) -> None:
    server.put(report())
    assert references(mailbox(server)) == [REF]
    reborn = mailbox(server)
    reborn.confirm()  # nothing was handed out by this one
    assert references(reborn) == [REF]


def test_replies_and_delays_are_read_once_and_what_is_for_people_stays_unread(server: MailboxServer) -> None:
    reply = server.put(letter("zhang.wei@example.org", "自动回复", "休假"))
    delay = server.put(report(action="delayed", status="4.4.1"))
    person = server.put(letter("li.si@x.cn", "你好", "请问", to="tuixin@example.org"))
    box = mailbox(server)
    assert references(box) == []
    box.confirm()
    assert server.seen() == [reply, delay]
    references(box)
    assert server.fetched.count(person) == 1, "it is not fetched again at every round"


def test_a_folder_that_was_numbered_anew_marks_no_other_mail(server: MailboxServer) -> None:
    server.put(report())
    box = mailbox(server)
    references(box)
    server.folders["INBOX"].validity += 1
    box.confirm()
    assert server.seen() == []
    assert references(box) == [REF]


@pytest.mark.parametrize("trouble", ["LOGIN", "SELECT", "SELECT no", "SEARCH no", "FETCH"])
def test_a_mailbox_that_cannot_be_read_says_so_and_the_next_round_makes_good(
    server: MailboxServer, trouble: str
) -> None:
    server.put(report())
    box = mailbox(server)
    server.plan(trouble)
    with pytest.raises(YiribanError, match="读不了退信邮箱"):
        box.receipts((), NOW)
    box.confirm()
    assert server.seen() == []
    assert references(box) == [REF]
    server.plan("STORE")
    with pytest.raises(YiribanError):
        box.confirm()
    box.confirm()
    assert len(server.seen()) == 1
    assert open_to(server.port) == 0


def test_a_wrong_password_is_told_without_repeating_it(server: MailboxServer) -> None:
    with pytest.raises(YiribanError) as refusal:
        mailbox(server, password="another-secret").receipts((), NOW)
    told = f"{refusal.value.what}{refusal.value.why}{refusal.value.then}"
    assert "授权码" in told
    assert "another-secret" not in told
    assert "tuixin" not in told


def test_netease_opens_its_folders_to_who_introduces_himself() -> None:
    with MailboxServer(user="tuixin", password=PASSWORD, wants_id=True) as server:
        server.put(report())
        assert references(mailbox(server)) == [REF]
        assert server.commands.index("ID") < server.commands.index("SELECT")


def test_a_folder_in_chinese_and_a_mail_larger_than_a_report_are_read(server: MailboxServer) -> None:
    url = f"imap://tuixin@127.0.0.1:{server.port}/退信&A?password=env:BOX&insecure=1"
    box = from_address(read_address(url), {"env:BOX": PASSWORD}.__getitem__)
    server.put(report() + b"x" * 3_000_000, "&kABP4Q-&-A")
    assert references(box) == [REF]


def test_certificates_are_verified_with_both_ways_of_encryption(tmp_path: Path) -> None:
    ca = f"&ca={trusted(tmp_path)}"
    for scheme, starttls in (("imaps", False), ("imap+starttls", True)):
        with MailboxServer(user="tuixin", password=PASSWORD, tls=server_tls(), starttls=starttls) as server:
            server.put(report())
            with pytest.raises(YiribanError) as refusal:
                mailbox(server, scheme=scheme).receipts((), NOW)
            assert "证书" in refusal.value.why
            box = mailbox(server, ca, scheme)
            assert (references(box), box.cautions) == ([REF], ())
            assert mailbox(server, "&verify_tls=0", scheme).cautions


@pytest.mark.parametrize(
    "url",
    ["pop3://tuixin@h/INBOX?password=env:BOX", "imaps://h/INBOX?password=env:BOX", "imaps://tuixin@h/INBOX",
     "imaps://h/INBOX", "imap://tuixin@h/INBOX?password=env:BOX", "imaps://tuixin@h/?password=env:BOX&folder=x"],
)  # fmt: skip
def test_a_mailbox_that_cannot_work_is_refused_when_it_is_set_up(url: str) -> None:
    with pytest.raises(BadInput):
        from_address(read_address(url), {"env:BOX": PASSWORD}.__getitem__)


def test_mail_and_its_bounces_together_are_one_channel_with_receipts(server: MailboxServer) -> None:
    class Sender:
        closed = False
        cautions = ("明文",)

        def send(self, message: Waiting, now: datetime) -> Outcome:
            return Outcome("accepted", message.key)

        def ask(self, message: Waiting) -> Outcome:
            return Outcome("unknown", message.key)

        def close(self) -> None:
            self.closed = True

    server.put(report())
    sender: Any = Sender()
    both = Bouncing(sender, mailbox(server))
    message = Waiting("k", "email", "zhang", "z@example.org", "", "", NOW - timedelta(days=1))
    assert isinstance(both, Receipts)
    assert isinstance(both, Confirming)
    assert not confirms(both), "nobody waits for a mail to be told delivered"
    assert (both.send(message, NOW).detail, both.ask(message).kind) == ("k", "unknown")
    assert [receipt.reference for receipt in both.receipts((message,), NOW)] == [REF]
    both.confirm()
    both.close()
    assert (len(server.seen()), sender.closed, len(both.cautions)) == (1, True, 2)
