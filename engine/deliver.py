"""Route: the outbox empties. No transaction is open while a provider is called. 发送

First notices that belong together become one digest. Then messages are leased, handed over by one hand or
by several, and what came back is written within a fiftieth of a second, many answers in one transaction. A
lease that ran out belongs to a sender that died, or to an answer that nobody understood: the provider is
asked by our reference before anything is sent again. What is decided stands in `deliver_plan`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random, SystemRandom
from uuid import uuid4

from engine.deliver_limits import NO_LIMITS, Limits, Past, longest, room
from engine.deliver_outbox import Alarm, Outbox, Settled
from engine.deliver_plan import (
    LEASE,
    MOST_TRIES,
    Breaker,
    End,
    Hand,
    Ready,
    Scene,
    Wait,
    admit,
    follow,
    gone,
    probe,
    trip,
)
from engine.deliver_pool import Alone, Crew, call, hands
from engine.delivery import UNASKABLE, Channels, Outcome, Provider, confirms, providers
from engine.digest import Gathered, Notice, Taken, gather
from engine.errors import Conflict
from engine.message import RenderTrouble, wording_of
from engine.office import Office
from engine.quiet import next_opening

__all__ = ["LEASE", "MOST_TRIES", "Delivered", "Outbox", "deliver"]

STOPPED = "channel_stopped"
"""The wording of `workflows/messages` that says that a channel is out of use."""
_LOOKED_AT = 400
"""So many messages are looked at in one transaction where most of them cannot go out."""
_SETTLE_AGAIN = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to write down what a provider answered: an outcome is not given up lightly."""


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


def deliver(
    outbox: Outbox,
    channels: Channels,
    now: datetime,
    *,
    office: Office | None = None,
    limits: Limits = NO_LIMITS,
    workers: int = 1,
    random: Random | None = None,
    clock: Callable[[], datetime] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send what may go out, until nothing is left or nothing moves.

    ``office`` gives the calendar and the texts for digests and for other channels; without it every message
    goes alone and the limits of local days count by UTC. ``clock`` tells the time while it goes on; without
    it ``now`` stands still. ``stopping`` ends it early: what is under way is waited for and written.
    """
    sender = _Sender(
        outbox, channels, now, office, limits, hands(workers), random or SystemRandom(), clock, stopping
    )
    try:
        sender.run()
    finally:
        sender.hands.close()
    return sender.done


@dataclass(slots=True)
class _Turn:
    """What one transaction took, left waiting and ended, and which providers went out of use."""

    taken: list[tuple[Ready, Hand]] = field(default_factory=list)
    waiting: list[tuple[Ready, Wait]] = field(default_factory=list)
    ended: list[tuple[Ready, End]] = field(default_factory=list)
    stopped: list[Breaker] = field(default_factory=list)


class _Sender:
    """One run over the outbox."""

    def __init__(
        self, outbox: Outbox, channels: Channels, now: datetime, office: Office | None, limits: Limits,
        hands: Alone[Settled] | Crew[Settled], random: Random, clock: Callable[[], datetime] | None,
        stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.done = Delivered()
        self.hands = hands
        self._outbox = outbox
        self._providers = providers(channels)
        self._office = office
        self._limits = limits
        self._random = random
        self._clock = clock or (lambda: now)
        self._stopping = stopping
        self._owner = uuid4().hex[:12]
        self._busy = self._ahead = 0
        self._confirming = {
            (c, p.name) for c, listed in self._providers.items() for p in listed if confirms(p.notifier)
        }
        self._scene = Scene({}, now)

    def run(self) -> None:
        """Put together and send, until a whole round moves nothing."""
        while not self._stopping():
            self._put_together()
            if not self._empty():
                return

    def _put_together(self) -> None:
        office = self._office
        if office is None:
            return
        now = self._clock()
        with self._outbox.together():
            found = self._outbox.gather(now, lambda notices, taken: self._gather(office, notices, taken, now))
        self.done.digests += len(found.digests)
        self.done.digested += sum(len(digest.members) for digest in found.digests)
        self.done.troubles.update(found.troubles)

    def _gather(self, office: Office, notices: Sequence[Notice], taken: Taken, now: datetime) -> Gathered:
        persons = {(n.channel, n.person) for n in notices}
        past = self._past(persons, now)

        def space(person: str, channel: str, reminder: bool) -> int | None:
            """Return the most that any provider of the channel has room for."""
            known = past.get((channel, person)) or Past()
            rooms = [
                room(self._limits, channel, p.name, known, now, office.calendar.zone, reminder=reminder)
                for p in self._providers.get(channel, ())
            ]
            return None if None in rooms else max((r for r in rooms if r is not None), default=None)

        return gather(notices, now, office.calendar, office.texts, taken, space)

    def _past(self, persons: Collection[tuple[str, str]], now: datetime) -> dict[tuple[str, str], Past]:
        """Count what went to these persons, channel by channel."""
        found: dict[tuple[str, str], Past] = {}
        for channel in {channel for channel, _ in persons}:
            names = [p.name for p in self._providers.get(channel, ())]
            far = longest([limit for name in names for limit in self._limits.of(channel, name)])
            told = {person for c, person in persons if c == channel}
            for person, past in self._outbox.past(channel, told, now - far, now).items():
                found[channel, person] = past
        return found

    # one round

    def _empty(self) -> bool:
        """Lease, hand over and settle until there is nothing more; say whether anything moved."""
        settled: list[Settled] = []
        moved, more = False, True
        while True:
            leased: list[tuple[Ready, Hand]] = []
            if more and not self._stopping() and self._busy <= self.hands.window // 2:
                leased, more = self._turn(settled, self.hands.window - self._busy)
                moved = moved or more
            elif settled:
                self._turn(settled, 0)
            for ready, hand in leased:
                self._busy += 1
                self.hands.submit(lambda ready=ready, hand=hand: self._call(ready, hand))  # type: ignore[misc]
            if not self._busy:
                return moved
            settled = self.hands.results()
            self._busy -= len(settled)

    def _turn(self, settled: Sequence[Settled], wanted: int) -> tuple[list[tuple[Ready, Hand]], bool]:
        """Write what came back and take more, in one transaction; say whether there was any more."""
        for pause in (*_SETTLE_AGAIN, None):
            turn = _Turn()
            try:
                with self._outbox.together():
                    if settled:
                        self._settle(settled, turn)
                    if wanted:
                        self._take(wanted, turn)
                break
            except Conflict:
                # another program writes: what a provider said must not be lost for that
                if pause is None:
                    raise
                time.sleep(pause)
        self._count(settled, turn)
        return turn.taken, bool(turn.taken or turn.waiting or turn.ended)

    def _take(self, wanted: int, turn: _Turn) -> None:
        now = self._clock()
        found = self._outbox.due(now, max(self._ahead, wanted))
        if not found:
            return
        scene = self._scene = self._look(found, now)
        for ready in found:
            if len(turn.taken) == wanted:
                break
            match admit(ready, scene):
                case Hand() as hand:
                    turn.taken.append((ready, hand))
                    self._reserve(ready, hand, scene)
                case Wait() as wait:
                    turn.waiting.append((ready, wait))
                case End() as end:
                    turn.ended.append((ready, end))
        self._outbox.lease(
            [(ready, hand.provider) for ready, hand in turn.taken], self._owner, now, now + LEASE
        )
        self._outbox.postpone(turn.waiting, now)
        self._outbox.end(turn.ended, now)
        self._ahead = _LOOKED_AT if len(turn.taken) < wanted else 0

    def _look(self, found: Sequence[Ready], now: datetime) -> Scene:
        names = {channel: tuple(p.name for p in listed) for channel, listed in self._providers.items()}
        persons = {(r.message.channel, r.message.person) for r in found if not r.doubtful}
        past = self._past(persons, now)
        by_number: dict[tuple[str, str], Past] = {}
        for message in (r.message for r in found if not r.doubtful):
            # whoever has the same number counts into the same past
            name = (message.channel, message.person)
            past[name] = by_number.setdefault((message.channel, message.address), past.get(name) or Past())
        return Scene(
            names, now, self._outbox.breakers(), past, self._limits,
            self._office.calendar if self._office else None, self._office.texts if self._office else {},
        )  # fmt: skip

    def _reserve(self, ready: Ready, hand: Hand, scene: Scene) -> None:
        """Count the message for those after it, and let only one try a provider that is out of use."""
        if hand.ask:
            return
        name = (ready.message.channel, ready.message.person)
        scene.past.setdefault(name, Past()).add(gone(ready, hand.provider, scene.now))
        place = (ready.message.channel, hand.provider)
        breaker = scene.breakers.get(place)
        if breaker is not None and breaker.open:
            scene.breakers[place] = probe(breaker, scene.now)
            self._outbox.set_breaker(scene.breakers[place], scene.now)

    # in whatever thread

    def _call(self, ready: Ready, hand: Hand) -> Settled:
        """Hand over or ask, and say what follows; never raise for what a channel does."""
        provider = self._provider(ready.message.channel, hand.provider)
        started = self._clock()
        if provider is None:
            outcome = Outcome("unknown", f"{hand.provider} 已不在设置里，无法查询", code=UNASKABLE)
        else:
            outcome = call(provider, ready.message, started, ask=hand.ask)
        ended = self._clock()
        told = (ready.message.channel, hand.provider) in self._confirming
        scene = Scene(
            self._scene.providers,
            ended,
            limits=self._limits,
            calendar=self._scene.calendar,
            texts=self._scene.texts,
        )
        after = follow(ready, outcome, scene, self._random, asked=hand.ask, confirms=told)
        return Settled(ready, hand.provider, outcome, after, started, ended, hand.ask)

    def _provider(self, channel: str, name: str) -> Provider | None:
        return next((p for p in self._providers.get(channel, ()) if p.name == name), None)

    # back in ours

    def _settle(self, settled: Sequence[Settled], turn: _Turn) -> None:
        self._outbox.settle(settled, self._owner)
        known = self._outbox.breakers()
        for one in settled:
            place = (one.ready.message.channel, one.provider)
            now = one.ended
            breaker = trip(known.get(place), *place, one.outcome, now)
            if breaker is None:
                continue
            fresh = breaker.open and not (place in known and known[place].open)
            known[place] = breaker
            self._outbox.set_breaker(breaker, now)
            if fresh:
                turn.stopped.append(breaker)
                self._tell(breaker, now)

    def _tell(self, breaker: Breaker, now: datetime) -> None:
        """Tell the trackers once, by another channel, that a provider is out of use."""
        office = self._office
        text = None if office is None else office.texts.get(STOPPED)
        other = "sms" if breaker.channel == "email" else "email"
        if office is None or text is None or other not in self._providers:
            return
        values = {"channel": breaker.channel, "provider": breaker.provider, "reason": breaker.detail}
        try:
            subject, body = wording_of(text, other, values)
        except RenderTrouble:
            return
        start = now if other != "sms" else next_opening(now, office.calendar)
        key = f"breaker/{breaker.channel}/{breaker.provider}/{now:%Y%m%dT%H%M%S}"
        self._outbox.alarm(lambda person: Alarm(f"{key}/{person}/{other}", other, subject, body, start), now)

    def _count(self, settled: Sequence[Settled], turn: _Turn) -> None:
        self.done.stopped += turn.stopped
        self.done.ended.update(end.state for _, end in turn.ended)
        for _, wait in turn.waiting:
            if wait.why in ("address", "channel"):
                self.done.outcomes["config"] += 1
                self.done.settings[wait.detail] += 1
            else:
                self.done.waiting[wait.why] += 1
        for one in settled:
            kind = one.outcome.kind
            if kind == "config":
                self.done.settings[one.outcome.detail] += 1
            over = one.after.state in ("dead", "expired")
            self.done.outcomes[f"{kind}, {one.after.state}" if over else kind] += 1
