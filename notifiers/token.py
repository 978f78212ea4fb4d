"""An access token that is fetched once for all threads, and again when it has run out or is refused. 访问令牌"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from engine.delivery import Outcome
from engine.errors import BadInput
from notifiers.address import Address, Secret
from notifiers.http import WAYS, Http, NoAnswer, NotSent, door, fate

EARLY = 300.0
"""Seconds before its end from which a token is not used any more."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a provider gives out for a while (seconds)."""

    text: str
    lasts: float


@dataclass(frozen=True, slots=True)
class App:
    """An application as its URL names it: who owns it, its number there, its secret, and the way to the server."""

    http: Http
    owner: str
    agent: int
    secret: str


def read_app(address: Address, secret: Secret, server: str, written: str) -> App:
    """Read ``scheme://OWNER/AGENT?secret=…``, at ``server`` unless the URL names another; ``written`` shows how.

    Raise ``BadInput`` for what is missing or unknown.
    """
    address.only(*WAYS, "secret")
    if len(address.segments) != 1 or not address.segments[0].isdigit():
        raise BadInput(f"渠道 {address.scheme} 的应用编号写得不对", then=f"写成 {written}?secret=env:变量名")
    http = door(replace(address, settings={"base_url": server, **address.settings}))
    return App(http, address.host, int(address.segments[0]), address.secret("secret", secret))


class Tokens:
    """Keeps the one token of an application; one object serves all threads."""

    def __init__(
        self, fetch: Callable[[], Token | Outcome], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``fetch`` asks the provider; it may raise what `notifiers.http` raises."""
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = Lock()
        self._text = ""
        self._until = 0.0

    def get(self, refused: str = "") -> str | Outcome:
        """Return the token, not the one that was ``refused``; or why there is none.

        Where no token came nothing was sent: an answer that got lost is a ``retry`` too.
        """
        with self._lock:
            if self._text and self._text != refused and self._monotonic() < self._until:
                return self._text
            try:
                found = self._fetch()
            except NotSent as error:
                return fate(error)
            except NoAnswer as error:
                return Outcome("retry", f"取访问令牌：{error.detail}")
            if isinstance(found, Outcome):
                return found
            self._text = found.text
            self._until = self._monotonic() + max(found.lasts - EARLY, 0.0)
            return self._text
