"""Whether a number or address can still be used: ok, suspect, invalid. Pure. 联系方式的状态"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from engine.delivery import Blame

WITHIN = timedelta(days=7)
"""A second refusal within a week makes an address invalid."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known against a person's address in a channel; where nothing is, there is no such value.

    Nothing is sent to an ``invalid`` one until it is registered anew.
    """

    state: Literal["suspect", "invalid"]
    since: datetime
    last_at: datetime
    reason: str


def refused(known: Contact | None, blame: Blame, reason: str, now: datetime) -> Contact | None:
    """Return what is known after a refusal; ``None``: it was not the address."""
    if blame == "content":
        return known
    if known is not None and known.state == "invalid":
        return known
    sure = blame == "contact" and known is not None and now - known.last_at <= WITHIN
    since = known.since if known is not None else now
    return Contact("invalid" if sure else "suspect", since, now, reason)
