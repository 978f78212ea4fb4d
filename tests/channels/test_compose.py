"""The mails that we compose mean what the standard library's would, at every length of a header."""

from __future__ import annotations

import re
from base64 import b64decode
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr

import pytest

from bench.compose import differences, messages
from engine.delivery import Waiting
from notifiers.mail import Letterhead, blamed, plain_address
from tests.channels.contract import NOW

ROW = "采购〔2026〕𠮷号é项目“一日办”abc 督办 "


def test_ours_and_the_librarys_mails_mean_the_same_and_a_planted_fault_shows() -> None:
    assert differences(messages(12)) == 0
    assert differences(messages(12), planted=True) == 12


@pytest.mark.parametrize("kind", [ROW, 'plain ascii \\ " words, and = ? signs ', "=?utf-8?q?trap?= "])
def test_a_subject_and_a_name_of_every_length_are_folded_and_read_back_whole(kind: str) -> None:
    for length in range(1, 130):
        text = (kind * 20)[:length].strip()
        letterhead = Letterhead("s@example.org", name=text)
        raw = letterhead.compose(
            Waiting("k", "email", "z", "t@example.org", text, "正文", NOW), "t@example.org", NOW
        )
        head = raw.partition(b"\r\n\r\n")[0]
        assert max(len(line) for line in head.split(b"\r\n")) <= 76
        for word in re.findall(rb"=\?utf-8\?B\?([^?]*)\?=", head):
            b64decode(word).decode("utf-8")  # no character is cut: some readers decode word by word
        mail = message_from_bytes(raw, policy=default)
        assert mail["Subject"] == text
        # the library's own reader of addresses leaves a blank between two encoded words (RFC 2047, 6.2)
        name, address = parseaddr(message_from_bytes(raw)["From"])
        assert (str(make_header(decode_header(name))), address) == (text, "s@example.org")
        assert not mail.defects
        assert not mail["Subject"].defects


def test_an_address_is_one_address_or_none() -> None:
    good = {
        " a.b+c=d@Example.org ": "a.b+c=d@Example.org",
        "x@例子.中国": "x@xn--fsqu00a.xn--fiqs8s",
        f"{'l' * 64}@{'d' * 250}.cn": f"{'l' * 64}@{'d' * 250}.cn",
    }
    for written, read in good.items():
        assert plain_address(written) == read
    for bad in (
        "", "a", "@", "a@", "@b.cn", "a b@c.cn", "a@b@c.cn", "a@b..cn", "a@-b.cn", "a@b.cn.", "a@b\r\n.cn",
        "<a@b.cn>", "a,b@c.cn", '"a"@b.cn', "张@b.cn", f"{'l' * 65}@e.cn", f"a@{'d' * 251}.cn", "a@[127.0.0.1]",
    ):  # fmt: skip
        with pytest.raises(ValueError):  # noqa: PT011 - every reason is the same to the caller
            plain_address(bad)


@pytest.mark.parametrize(
    ("said", "blame"),
    [
        ("550 5.1.1 no such user", "contact"),
        ("5.1.10", "contact"),
        ("5.1.100", ""),
        ("5.2.1 disabled", "contact"),
        ("5.2.2 full", ""),
        ("5.1.8 bad sender", ""),
        ("15.1.1", ""),
        ("host 10.5.1.1", ""),
        ("5.1.1.7", ""),
        ("5.6.0 conversion", "content"),
        ("550 no", ""),
    ],
)
def test_only_a_status_about_the_address_itself_blames_the_address(said: str, blame: str) -> None:
    assert blamed(said) == blame
