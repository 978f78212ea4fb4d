"""What a channel is given and what it answers, as values. 渠道、送达结果"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, Protocol

Kind = Literal["accepted", "retry", "quota", "rejected", "config", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A channel's one answer.

    ``accepted``: it took the message; ``retry``: surely not taken; ``quota``: a window is full;
    ``rejected``: this recipient or content can never work; ``config``: our key, signature or address
    is wrong; ``unknown``: nobody can say whether it was taken, so it is asked for before any resend.
    """

    kind: Kind
    detail: str = ""
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is to go out now, and where to; ``tries`` counts attempts made before."""

    key: str
    channel: str
    person: str
    address: str
    subject: str
    text: str
    created_at: datetime
    tries: int = 0

    @property
    def reference(self) -> str:
        """What the provider gets as our reference: 32 hex digits of the key's SHA-256."""
        return sha256(self.key.encode()).hexdigest()[:32]


class Notifier(Protocol):
    """A channel; one module each under `notifiers/`."""

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand ``message`` over; never raise for what a provider may answer."""
        ...

    def ask(self, message: Waiting) -> Outcome:
        """Say what became of a message handed over before: ``accepted``, ``retry`` if it never arrived,
        ``unknown`` where the channel cannot be asked.
        """
        ...
