"""Receipts that providers push: the same book as for those that were polled, in whatever order they come. 推送回执"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address
from secrets import token_urlsafe
from typing import Protocol

from engine.deliver_receipts import Collected, take_in
from engine.delivery import Provider, Pushing, pushing
from engine.errors import BadInput, NotFound
from engine.office import Office
from runtime.listening import Callback, Network
from runtime.settings import resolve
from storage.receipt_book import SqlReceipts
from storage.store import SqlStore

SHORTEST = 20
"""Characters of a secret: it is all that tells the provider from a stranger behind the same address."""
Address = IPv4Address | IPv6Address


class Mail(Protocol):
    """Who delivers (`runtime.postman`): the channels and the office as they are now."""

    @property
    def channels(self) -> Mapping[str, Sequence[Provider]]:
        """The channels, each with its providers."""
        ...

    @property
    def office(self) -> Office:
        """Calendar and texts, for what carries on by another channel."""
        ...


class Inbox:
    """Knows who may push what, and keeps it; ``take`` is called by one thread at a time."""

    def __init__(
        self,
        callbacks: tuple[Callback, ...],
        environ: Mapping[str, str],
        mail: Mail | None,
        store: SqlStore,
        now: Callable[[], datetime],
        *,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """Resolve the secrets; raise for one that is missing or short, and for a provider that pushes nothing.

        ``store`` must be used by nobody else; ``guard`` raises where the database has gone.
        """
        self._mail = mail
        self._store = store
        self._now = now
        self._guard = guard
        self._known: dict[str, tuple[str, bytes, tuple[Network, ...]]] = {}
        self._nobody = token_urlsafe(SHORTEST).encode()
        for one in callbacks:
            if self.pushing(one.provider) is None:
                raise NotFound(
                    f"[callbacks.{one.provider}] 不是会推送回执的渠道",
                    why="[channels] 里没有这个服务商，或它不推送",
                    then=f"可用：{'、'.join(self._able()) or '（还没有）'}；yiriban channel list 列出各渠道",
                )
            self._known[in_path(one.provider)] = one.provider, _secret(one, environ), one.origins

    @property
    def providers(self) -> list[str]:
        """The names by which providers push, as they stand in the path."""
        return list(self._known)

    def admits(self, name: str, secret: str, origin: Address | None) -> str:
        """Return the provider that pushes here, empty for a stranger; as slow for every kind of stranger."""
        provider, wanted, origins = self._known.get(name, ("", self._nobody, ()))
        right = compare_digest(secret.encode("utf-8", "replace"), wanted)
        near = origin is not None and any(origin in network for network in origins)
        return provider if right and near else ""

    def pushing(self, provider: str) -> Pushing | None:
        """Return how ``provider`` pushes; the channels may have been set up anew since the last time."""
        channels = self._mail.channels if self._mail is not None else {}
        for listed in channels.values():
            for one in listed:
                if one.name == provider:
                    return pushing(one.notifier)
        return None

    def take(self, provider: str, body: bytes) -> Collected:
        """Keep what was pushed, and return what it was; raise ``BadInput`` for what cannot be read.

        When it returns, it is committed. What is not ours is passed over: accounts are shared.
        """
        how = self.pushing(provider)
        if how is None or self._mail is None:
            raise NotFound("这个服务商已不在设置里")
        now = self._now()
        receipts = how.read(body, now)
        self._guard()
        try:
            return take_in(
                SqlReceipts(self._store), self._mail.channels, provider, receipts, now, office=self._mail.office
            )  # fmt: skip
        finally:
            self._store.close()

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _able(self) -> list[str]:
        channels = self._mail.channels if self._mail is not None else {}
        return sorted(
            p.name for listed in channels.values() for p in listed if pushing(p.notifier) is not None
        )


def in_path(provider: str) -> str:
    """Return a provider's name as it stands in a path: the second Aliyun account is ``aliyun-sms-2``."""
    return provider.replace("#", "-")


def _secret(one: Callback, environ: Mapping[str, str]) -> bytes:
    secret = resolve(one.secret, environ)
    if len(secret) < SHORTEST or not secret.isascii() or "/" in secret:
        raise BadInput(
            f"[callbacks.{one.provider}] 的密钥不能用",
            why=f"须至少 {SHORTEST} 个字符，只用字母、数字、- 和 _：它是识别服务商的凭据",
            then="用这一条生成：python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return secret.encode()
