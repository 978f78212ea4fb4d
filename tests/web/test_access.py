"""Who asks is told by the connection, or by a proxy that we know; a proxy that nobody told us of speaks for nobody."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from runtime.listening import ANYBODY, LOOPBACK
from web.access import may, origin_of

PROXIES = (ip_network("10.0.0.0/30"), ip_network("fd00::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("fd00::1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "203.0.113.9, nonsense", None),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.4", "127.0.0.1", None),
        ("127.0.0.1", "127.0.0.1", None),
        ("", "", None),
        ("unix", "", None),
    ],
)
def test_a_known_proxy_is_believed_from_the_right_and_nobody_else(
    peer: str, forwarded: str, who: str | None
) -> None:
    headers = [(b"X-Forwarded-For", forwarded.encode())] if forwarded else []
    assert origin_of(peer, headers, PROXIES) == (None if who is None else ip_address(who))


def test_several_lines_of_forwarding_are_one_list() -> None:
    lines = [(b"x-forwarded-for", b"127.0.0.1"), (b"x-forwarded-for", b"203.0.113.9")]
    assert origin_of("10.0.0.1", lines, PROXIES) == ip_address("203.0.113.9")


@pytest.mark.parametrize("header", [b"Forwarded", b"X-Real-IP"])
def test_forwarding_in_words_that_are_not_read_speaks_for_nobody(header: bytes) -> None:
    assert origin_of("127.0.0.1", [(header, b"for=127.0.0.1")], ()) is None
    assert origin_of("10.0.0.1", [(header, b"for=127.0.0.1")], PROXIES) is None


def test_an_address_nobody_knows_is_let_in_nowhere() -> None:
    assert not may(None, ANYBODY)
    assert may(ip_address("127.0.0.1"), LOOPBACK)
    assert may(ip_address("::1"), LOOPBACK)
    assert not may(ip_address("10.0.0.1"), LOOPBACK)
    assert may(ip_address("10.0.0.1"), ANYBODY)
