"""One message through one provider, at once: `yiriban channel test`. Its success puts a provider into use again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random, SystemRandom
from uuid import uuid4

from engine.deliver_breaker import trip
from engine.deliver_outbox import Outbox, Settled
from engine.deliver_plan import LEASE, After, Ready, Scene, follow
from engine.deliver_pool import call
from engine.delivery import Provider, confirms


def try_out(
    outbox: Outbox,
    provider: Provider,
    ready: Ready,
    put: Callable[[], None],
    now: datetime,
    *,
    clock: Callable[[], datetime] | None = None,
    random: Random | None = None,
) -> Settled:
    """Write the message by ``put``, hand it over, and record what came of it; neither limits nor hours count.

    What cannot be sent is not tried again: a person is looking on.
    """
    tick = clock or (lambda: now)
    owner = uuid4().hex[:12]
    with outbox.together():
        put()
        outbox.lease([(ready, provider.name)], owner, now, now + LEASE)
    started = tick()
    outcome = call(provider, ready.message, started)
    ended = tick()
    channel = ready.message.channel
    scene = Scene({channel: (provider.name,)}, ended)
    after = follow(ready, outcome, scene, random or SystemRandom(), confirms=confirms(provider.notifier))
    if after.state == "queued":
        after = After("dead", tried=True)
    done = Settled(ready, provider.name, outcome, after, started, ended, asked=False)
    with outbox.together():
        outbox.settle([done], owner)
        breaker = trip(
            outbox.breakers().get((channel, provider.name)), channel, provider.name, outcome, ended
        )
        if breaker is not None:
            outbox.set_breaker(breaker, ended)
    return done
