"""Who asks, and whether they may: by the address of the connection, or of whom a known proxy forwards for. 来源"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from runtime.listening import Network

Address = IPv4Address | IPv6Address
_SAYS = ("x-forwarded-for", "forwarded", "x-real-ip")


def origin_of(
    peer: str, headers: Sequence[tuple[bytes, bytes]], proxies: Sequence[Network]
) -> Address | None:
    """Return who asks, ``None`` where nobody can tell.

    A proxy of ours is believed, from the right: the last address in ``X-Forwarded-For`` that is no proxy of ours.
    Anybody else who says to forward is a proxy that nobody told us of: whom it speaks for is not known.
    """
    here = _address(peer)
    said = [value.decode("latin-1") for name, value in headers if name.decode("latin-1").lower() == _SAYS[0]]
    forwarded = any(name.decode("latin-1").lower() in _SAYS for name, _ in headers)
    if here is None or not forwarded:
        return here
    if not _within(here, proxies) or not said:
        return None
    for word in reversed(",".join(said).split(",")):
        there = _address(word.strip())
        if there is None or not _within(there, proxies):
            return there
    return here


def may(origin: Address | None, networks: Sequence[Network]) -> bool:
    """Say whether a known address lies in one of the networks."""
    return origin is not None and _within(origin, networks)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """Read an address, with a port or without; an IPv4 address in IPv6 clothes is the IPv4 address."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
