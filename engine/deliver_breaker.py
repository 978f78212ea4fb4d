"""When a provider is out of use, and when it is tried again: our settings are wrong, or it is out of order. Pure. 熔断"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from engine.delivery import Outcome

OVERSLEPT = "overslept"
"""The ``code`` of a ``retry`` of our own: the lease ran out before the provider was called."""
FIRST_PROBE = timedelta(minutes=10)
LONGEST_PROBE = timedelta(hours=1)
OUT_AFTER = 3
"""So many failures in a row, and a provider counts as out of order: it is tried by one message at a time."""
FIRST_KNOCK, LONGEST_KNOCK = timedelta(minutes=1), timedelta(minutes=10)
"""How soon it is tried again: an outage ends by itself, other than a wrong setting."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A provider that cannot be used until its settings are mended or it is back in order, or could not. 熔断

    While ``open`` only one message at a time may try, from ``probe_at`` on. A closed one counts the failures
    in a row that were the provider's own.
    """

    channel: str
    provider: str
    open: bool
    since: datetime
    probe_at: datetime
    failures: int = 0
    probing: bool = False
    detail: str = ""


def trip(
    known: Breaker | None, channel: str, provider: str, outcome: Outcome, now: datetime
) -> Breaker | None:
    """Return the breaker as an outcome leaves it, ``None`` where it stays as it is."""
    if outcome.kind == "config":
        if known is not None and known.open and not known.probing:
            return None  # others were on their way when it opened
        failures = known.failures + 1 if known is not None and known.open else 1
        since = known.since if known is not None and known.open else now
        wait: timedelta = min(LONGEST_PROBE, FIRST_PROBE * 2 ** min(failures - 1, 8))
        return Breaker(channel, provider, True, since, now + wait, failures, False, outcome.detail)
    if outcome.down:
        return _out_of_order(known, channel, provider, outcome.detail, now)
    if (
        known is None
        or not (known.open or known.failures)
        or outcome.kind == "unknown"
        or outcome.code == OVERSLEPT
    ):
        return None
    return replace(known, open=False, since=now, probing=False, failures=0)


def _out_of_order(
    known: Breaker | None, channel: str, provider: str, detail: str, now: datetime
) -> Breaker | None:
    """Count a failure that was the provider's own; after a few in a row open the breaker, or keep it open."""
    is_open = known is not None and known.open
    if known is not None and is_open and not known.probing:
        return None  # others were on their way
    failures = known.failures + 1 if known is not None else 1
    since = known.since if known is not None and is_open else now
    wait: timedelta = min(LONGEST_KNOCK, FIRST_KNOCK * 2 ** min(max(0, failures - OUT_AFTER), 8))
    return Breaker(
        channel, provider, is_open or failures >= OUT_AFTER, since, now + wait, failures, False, detail
    )


def probe(breaker: Breaker, until: datetime) -> Breaker:
    """Return the breaker while one message tries whether it can be closed; after ``until`` another one may."""
    return replace(breaker, probing=True, probe_at=until)
