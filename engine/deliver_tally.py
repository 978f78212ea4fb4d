"""What one run over the outbox did, counted. 发送的结果"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.deliver_breaker import Breaker
from engine.deliver_outbox import Settled
from engine.deliver_plan import End, Ready, Wait


@dataclass(slots=True)
class Delivered:
    """How many messages had which outcome."""

    outcomes: Counter[str] = field(default_factory=Counter)
    settings: Counter[str] = field(default_factory=Counter)
    """What must be put right on our side before messages can go out, with how many wait for it."""
    waiting: Counter[str] = field(default_factory=Counter)
    """How many wait for a breaker or a quota."""
    ended: Counter[str] = field(default_factory=Counter)
    """How many came too late (``expired``) or go on in another channel (``moved``)."""
    digests: int = 0
    digested: int = 0
    """How many notices went into how many digests."""
    troubles: Counter[str] = field(default_factory=Counter)
    """Why digests could not be written; their notices went alone."""
    stopped: list[Breaker] = field(default_factory=list)
    """Providers that went out of use in this run."""

    def count(
        self,
        settled: Sequence[Settled],
        waiting: Sequence[tuple[Ready, Wait]],
        ended: Sequence[tuple[Ready, End]],
    ) -> None:
        """Count what one transaction wrote."""
        self.ended.update(end.state for _, end in ended)
        for _, wait in waiting:
            if wait.why in ("address", "channel"):
                self.outcomes["config"] += 1
                self.settings[wait.detail] += 1
            else:
                self.waiting[wait.why] += 1
        for one in settled:
            kind = one.outcome.kind
            if kind == "config":
                self.settings[one.outcome.detail] += 1
            over = one.after.state in ("dead", "expired")
            self.outcomes[f"{kind}, {one.after.state}" if over else kind] += 1
