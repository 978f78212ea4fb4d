"""Route: the outbox empties. No transaction is open while a provider is called. 发送

First notices that belong together become one digest. Then messages are leased, handed over by one hand or
by several, and what came back is written within a fiftieth of a second, many answers in one transaction. A
lease that ran out belongs to a sender that died, or to an answer that nobody understood: the provider is
asked by our reference before anything is sent again. What is decided stands in `deliver_plan`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from random import Random, SystemRandom
from uuid import uuid4

from engine.deliver_breaker import OVERSLEPT, Breaker, probe, trip
from engine.deliver_limits import NO_LIMITS, Limits, Past, longest, room
from engine.deliver_outbox import Alarm, Outbox, Settled
from engine.deliver_plan import (
    LEASE,
    MOST_TRIES,
    After,
    End,
    Hand,
    Ready,
    Scene,
    Wait,
    admit,
    follow,
    gone,
)
from engine.deliver_pool import PATIENCE, call, flow, hands
from engine.deliver_tally import Delivered
from engine.delivery import (
    UNASKABLE,
    Channels,
    Flowing,
    Outcome,
    Provider,
    Waiting,
    confirms,
    providers,
    rest,
)
from engine.digest import Gathered, Notice, Taken, gather
from engine.errors import Conflict
from engine.message import RenderTrouble, wording_of
from engine.office import Office
from engine.quiet import next_opening

__all__ = ["LEASE", "MOST_TRIES", "Delivered", "Outbox", "deliver"]

STOPPED = "channel_stopped"
"""The wording of `workflows/messages` that says that a channel is out of use."""
BEGIN_WITHIN = LEASE / 2
"""So soon after it was leased a message is begun, or not at all: no channel keeps one for longer than the rest."""
_LOOKED_AT = 400
"""So many messages are looked at in one transaction where most of them cannot go out."""
_SETTLE_AGAIN = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to write down what a provider answered: an outcome is not given up lightly."""


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
        outbox, channels, now, office, limits, workers, random or SystemRandom(), clock, stopping
    )
    try:
        sender.run()
    finally:
        sender.hands.close()
        rest(channels)
    return sender.done


@dataclass(frozen=True, slots=True)
class _Held:
    """Until when messages may be begun, by the wall clock and by the one that no jump of it can mislead."""

    until: datetime
    monotonic: float

    def over(self, now: datetime) -> bool:
        """Say whether somebody else may have them by now: this process was stopped, or the machine asleep."""
        return now >= self.until or time.monotonic() >= self.monotonic


_Task = tuple[Ready, Hand, _Held]


@dataclass(slots=True)
class _Turn:
    """What one transaction took, left waiting and ended, and which providers went out of use."""

    taken: list[_Task] = field(default_factory=list)
    waiting: list[tuple[Ready, Wait]] = field(default_factory=list)
    ended: list[tuple[Ready, End]] = field(default_factory=list)
    stopped: list[Breaker] = field(default_factory=list)


class _Sender:
    """One run over the outbox."""

    def __init__(
        self, outbox: Outbox, channels: Channels, now: datetime, office: Office | None, limits: Limits,
        workers: int, random: Random, clock: Callable[[], datetime] | None,
        stopping: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.done = Delivered()
        # at a moment that stands still the same happens in the same order, however long it takes
        self.hands = hands(workers, self._work, PATIENCE if clock else inf)
        self._outbox = outbox
        self._providers = providers(channels)
        self._office = office
        self._limits = limits
        self._random = random
        self._clock = clock or (lambda: now)
        self._stopping = stopping
        self._owner = uuid4().hex[:12]
        self._ahead = 0
        self._flying: set[str] = set()
        self._confirming = {
            (c, p.name) for c, listed in self._providers.items() for p in listed if confirms(p.notifier)
        }
        self._flowing = {
            (c, p.name): p.notifier
            for c, listed in self._providers.items()
            for p in listed
            if isinstance(p.notifier, Flowing)
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
            leased: list[_Task] = []
            wanted = self.hands.window - len(self._flying)
            if more and wanted > 0 and not self._stopping():
                leased, more = self._turn(settled, wanted)
                moved = moved or more
            elif settled:
                self._turn(settled, 0)
            for task in leased:
                ready, hand, _ = task
                self._flying.add(ready.message.key)
                place = (ready.message.channel, hand.provider)
                self.hands.submit(task, place if place in self._flowing and not hand.ask else None)
            if not self._flying:
                return moved
            settled = self.hands.results()
            self._flying -= {one.ready.message.key for one in settled}

    def _turn(self, settled: Sequence[Settled], wanted: int) -> tuple[list[_Task], bool]:
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
        self.done.count(settled, turn.waiting, turn.ended)
        self.done.stopped += turn.stopped
        return turn.taken, bool(turn.taken or turn.waiting or turn.ended)

    def _take(self, wanted: int, turn: _Turn) -> None:
        monotonic, now = time.monotonic(), self._clock()
        held = _Held(now + BEGIN_WITHIN, monotonic + BEGIN_WITHIN.total_seconds())
        found = self._due(now, max(self._ahead, wanted))
        if not found:
            return
        scene = self._scene = self._look(found, now)
        for ready in found:
            if len(turn.taken) == wanted:
                break
            match admit(ready, scene):
                case Hand() as hand:
                    turn.taken.append((ready, hand, held))
                    self._reserve(ready, hand, scene)
                case Wait() as wait:
                    turn.waiting.append((ready, wait))
                case End() as end:
                    turn.ended.append((ready, end))
        self._outbox.lease(
            [(ready, hand.provider) for ready, hand, _ in turn.taken], self._owner, now, now + LEASE
        )
        self._outbox.postpone(turn.waiting, now)
        self._outbox.end(turn.ended, now)
        self._ahead = _LOOKED_AT if len(turn.taken) < wanted else 0

    def _due(self, now: datetime, limit: int) -> list[Ready]:
        """Return what may go out and is not in our own hands already."""
        found = self._outbox.due(now, limit)
        if any(ready.message.key in self._flying for ready in found):
            # the wall clock leapt: leases look run out of messages that we are just handing over
            found = self._outbox.due(now, limit + len(self._flying))
        return [ready for ready in found if ready.message.key not in self._flying]

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
            scene.breakers[place] = probe(breaker, scene.now + LEASE)
            self._outbox.set_breaker(scene.breakers[place], scene.now)

    # in whatever thread

    def _work(self, task: _Task, more: Callable[[], _Task | None]) -> Iterator[Settled]:
        """Hand over or ask, and say what follows; never raise for what a channel does."""
        ready, hand, held = task
        place = (ready.message.channel, hand.provider)
        if not hand.ask and place in self._flowing:
            yield from self._flow(self._flowing[place], task, more)
            return
        provider = self._provider(*place)
        started = self._clock()
        if not hand.ask and held.over(started):
            yield _overslept(ready, hand, started)
            return
        if provider is None:
            outcome = Outcome("unknown", f"{hand.provider} 已不在设置里，无法查询", code=UNASKABLE)
        else:
            outcome = call(provider, ready.message, started, ask=hand.ask)
        yield self._follow(ready, hand, outcome, started)

    def _flow(self, notifier: Flowing, first: _Task, more: Callable[[], _Task | None]) -> Iterator[Settled]:
        """Hand over one message after another as the channel asks for them."""
        begun: dict[str, tuple[Ready, Hand, datetime]] = {}
        late: list[Settled] = []

        def messages() -> Iterator[tuple[Waiting, datetime]]:
            task: _Task | None = first
            while task is not None:
                ready, hand, held = task
                started = self._clock()
                if held.over(started):
                    late.append(_overslept(ready, hand, started))
                else:
                    begun[ready.message.key] = (ready, hand, started)
                    yield ready.message, started
                task = more()

        for message, outcome in flow(notifier, messages()):
            ready, hand, started = begun.pop(message.key)
            yield self._follow(ready, hand, outcome, started)
        yield from late

    def _follow(self, ready: Ready, hand: Hand, outcome: Outcome, started: datetime) -> Settled:
        ended = self._clock()
        told = (ready.message.channel, hand.provider) in self._confirming
        scene = Scene(
            self._scene.providers,
            ended,
            limits=self._limits,
            calendar=self._scene.calendar,
            texts=self._scene.texts,
        )
        after = follow(ready, outcome, scene, self._random, asked=hand.ask, confirms=told, trial=hand.trial)
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
                if not one.outcome.down:  # an outage ends by itself, and often both channels are cut
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
        self._outbox.alarm(
            lambda person: Alarm(f"{key}/{person}/{other}", other, subject, body, start, STOPPED, values), now
        )


def _overslept(ready: Ready, hand: Hand, now: datetime) -> Settled:
    """Say that a message was not handed over because somebody else may have it by now. No attempt was made."""
    outcome = Outcome("retry", "本程序停顿过久，租约已过，没有送出", code=OVERSLEPT)
    return Settled(ready, hand.provider, outcome, After("queued", now, doubt=ready.doubt), now, now, False)
