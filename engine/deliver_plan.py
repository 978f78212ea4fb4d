"""What becomes of a message: before a provider is called, and after it answered. Pure. 发送的判断

``admit`` says whether and by which provider a message goes out now; ``follow`` what an outcome leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from random import Random
from typing import Literal

from engine.deliver_breaker import FIRST_PROBE, LONGEST_PROBE, Breaker
from engine.deliver_limits import NO_LIMITS, Gone, Limits, Past, opens_at
from engine.delivery import UNASKABLE, Outcome, Waiting
from engine.digest import REMINDERS
from engine.directory import WANTING
from engine.message import RenderTrouble, wording_of
from engine.quiet import next_opening, permitted
from engine.workdays import WorkingCalendar
from engine.workflow import TextDef

LEASE = timedelta(minutes=2)
"""A lease outlasts a provider's timeout three times; one that ran out is in doubt."""
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
LEAST_RETRY = timedelta(seconds=1)
MOST_TRIES = 10
FIRST_ASK, LAST_ASK = timedelta(minutes=2), timedelta(minutes=5)
"""A provider knows a message some minutes after it took it, not at once."""
MOST_ASKS = 3
"""So often a provider may say that it does not know before we decide without it."""
ASK_AGAIN = timedelta(minutes=30)
"""How soon a provider that is out of use is asked again what became of a message."""
FULL = timedelta(hours=1)
"""How long a number counts as full where the provider does not say."""
FIRST_LOOK = timedelta(minutes=1)
INSTEAD = {"sms": "email", "email": "sms", "wecom": "sms", "dingtalk": "sms"}
"""The channel that carries on where one cannot."""
SAFE_AGAIN = frozenset({"email", "webhook", "wecom", "dingtalk"})
"""Channels where a second copy under the same reference is no second message to its reader."""
OFTEN_AGAIN = SAFE_AGAIN - {"email"}
"""Those whose peer itself keeps the second copy away, so that sending may be repeated as often as any try."""
CONFIRMED = {"sms": timedelta(hours=72), "dingtalk": timedelta(hours=24)}
"""Channels whose receipts say `delivered`, and how long to wait for one: DingTalk tells for a day. E-mail only
tells what came back, WeCom nothing."""

Why = Literal["", "address", "channel", "breaker", "quota"]
"""What a message waits for."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A message that may go out, and what decides how. ``doubtful``: it may have been handed over already.

    ``provider`` had it last; ``reachable`` are the channels in which its person has a usable address;
    ``unknowns`` counts the answers that nobody understood, ``doubt`` says how an earlier doubt was settled,
    ``insisted``: a person wants it sent, doubt or not; ``owner`` is the sender that holds or held it.
    """

    message: Waiting
    does: str = ""
    doubtful: bool = False
    provider: str = ""
    expires_at: datetime | None = None
    unknowns: int = 0
    doubt: str = ""
    insisted: bool = False
    reachable: frozenset[str] = frozenset()
    owner: str = ""

    @property
    def reminder(self) -> bool:
        """Whether it only reminds: it may be dropped, and it is worth nothing after its due moment."""
        return self.does == "remind" or (not self.does and self.message.wording == REMINDERS)

    @property
    def replaceable(self) -> bool:
        """Whether another channel may carry on; what carries on already has no third one."""
        return ">" not in self.message.key and not self.message.key.startswith(("breaker/", "test/"))


@dataclass(slots=True)
class Scene:
    """Everything that a decision rests on beside the message."""

    providers: Mapping[str, tuple[str, ...]]
    now: datetime
    breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    past: dict[tuple[str, str], Past] = field(default_factory=dict)
    limits: Limits = NO_LIMITS
    calendar: WorkingCalendar | None = None
    texts: Mapping[str, TextDef] = field(default_factory=dict)
    queued: set[tuple[str, str]] = field(default_factory=set)
    """The providers out of use whose next trial has its message."""

    def wait_for(self, breaker: Breaker, ready: Ready) -> datetime:
        """Return until when a message waits for a provider that is out of use.

        One is enough to try it; the others go as soon as that one did, and need not be looked at before.
        """
        place = (breaker.channel, breaker.provider)
        if place not in self.queued or ready.expires_at is not None:
            self.queued.add(place)
            return breaker.probe_at
        return max(breaker.probe_at, self.now + LONGEST_PROBE)

    @property
    def zone(self) -> tzinfo:
        """The zone in which days are counted."""
        return UTC if self.calendar is None else self.calendar.zone


@dataclass(frozen=True, slots=True)
class Hand:
    """Give it to ``provider``, or (``ask``) ask there what became of it.

    ``trial``: the provider is out of use; this one tries whether it is back.
    """

    provider: str
    ask: bool = False
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it in the queue; no attempt is made."""

    until: datetime
    why: Why
    detail: str


@dataclass(frozen=True, slots=True)
class Fallback:
    """The message that carries on in another channel."""

    key: str
    channel: str
    subject: str
    text: str
    send_from: datetime


@dataclass(frozen=True, slots=True)
class End:
    """It does not go out: too late (``expired``), or another channel carries on (``moved``)."""

    state: Literal["expired", "moved"]
    detail: str
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True)
class After:
    """What an attempt leads to: the new state, and when somebody must look at it again.

    ``tried``: the attempt counts. ``look_at`` is when a receipt is to be asked for.
    """

    state: str
    again_at: datetime | None = None
    tried: bool = False
    unknowns: int = 0
    doubt: str = ""
    waits_for: Why = ""
    look_at: datetime | None = None
    fallback: Fallback | None = None
    note: str = ""


def admit(ready: Ready, scene: Scene) -> Hand | Wait | End:
    """Say what happens to a message whose moment has come."""
    message, now = ready.message, scene.now
    names = scene.providers.get(message.channel, ())
    if ready.doubtful:
        provider = ready.provider or next(iter(names), "")
        return Hand(provider, ask=True, trial=_is_out(scene, message.channel, provider))
    if ready.expires_at is not None and ready.expires_at <= now:
        return End("expired", "时限已到，提醒不再发出")
    if not names:
        return Wait(now + LONGEST_RETRY, "channel", f"没有设置渠道 {message.channel}")
    if not message.address:
        what = f"{message.person} 没有登记{WANTING.get(message.channel, '账号')}"
        other = instead(ready, scene)
        return Wait(now + LONGEST_RETRY, "address", what) if other is None else End("moved", what, other)
    if message.channel == "sms" and scene.calendar is not None and not permitted(now, scene.calendar):
        # it was to go out by day, and could not: a retry, a doubt cleared up, a provider that is back
        return Wait(next_opening(now, scene.calendar), "", "夜间和休息日不发短信")
    return _choose(ready, scene, names)


def _choose(ready: Ready, scene: Scene, names: tuple[str, ...]) -> Hand | Wait | End:
    """Take the first provider that may be used; after a failure begin with the next one."""
    message, now = ready.message, scene.now
    start = message.tries % len(names)
    waits: list[tuple[datetime, Why, str]] = []
    for name in names[start:] + names[:start]:
        breaker = scene.breakers.get((message.channel, name))
        if breaker is not None and breaker.open and breaker.probe_at > now:
            waits.append((scene.wait_for(breaker, ready), "breaker", f"{name} 已停用：{breaker.detail}"))
            continue
        opens = _opens(ready, scene, name)
        if opens is None:
            return Hand(name, trial=breaker is not None and breaker.open)
        waits.append((opens, "quota", "该号码在这段时间的限额已满"))
    until, why, detail = min(waits)
    if ready.expires_at is not None and until >= ready.expires_at:
        other = instead(ready, scene)
        if other is not None:
            return End("moved", f"{detail}，等不及", other)
    return Wait(until, why, detail)


def _is_out(scene: Scene, channel: str, provider: str) -> bool:
    breaker = scene.breakers.get((channel, provider))
    return breaker is not None and breaker.open


def _opens(ready: Ready, scene: Scene, provider: str) -> datetime | None:
    """Return when the limits let the message go to ``provider``; by SMS never in the quiet hours."""
    message = ready.message
    past = scene.past.get((message.channel, message.person))
    if past is None:
        return None
    until = opens_at(
        scene.limits, message.channel, provider, past, gone(ready, provider, scene.now), scene.zone
    )
    if until is None or message.channel != "sms" or scene.calendar is None:
        return until
    return next_opening(until.astimezone(UTC), scene.calendar)


def gone(ready: Ready, provider: str, at: datetime) -> Gone:
    """Return how the message counts once it is handed over."""
    message = ready.message
    return Gone(message.key, at, provider, message.wording, message.text, ready.reminder)


def instead(ready: Ready, scene: Scene) -> Fallback | None:
    """Return the message that carries on in another channel, ``None`` where there is no such way."""
    message = ready.message
    channel = INSTEAD.get(message.channel, "")
    if not ready.replaceable or channel not in ready.reachable or channel not in scene.providers:
        return None
    tail = f"/{message.person}/{message.channel}"
    if message.key.endswith(tail):
        # one fire tells one person once by a channel: where that message exists it is the one
        key = f"{message.key.removesuffix(tail)}/{message.person}/{channel}"
    else:
        key = f"{message.key}>{channel}"
    wording = scene.texts.get(message.wording)
    subject, text = message.subject, message.text
    if wording is not None:
        with suppress(RenderTrouble):  # what was written for the other channel says the same
            subject, text = wording_of(wording, channel, message.params)
    if channel == "email" and not subject:
        subject = text[:30]
    start = scene.now
    if channel == "sms" and scene.calendar is not None:
        start = next_opening(start, scene.calendar)
    return Fallback(key, channel, subject, text, start)


def follow(
    ready: Ready, outcome: Outcome, scene: Scene, random: Random, *, asked: bool = False, confirms: bool = False,
    trial: bool = False,
) -> After:  # fmt: skip
    """Say what an outcome leads to. ``asked``: it answers a question, nothing was sent.

    ``confirms``: the provider gives receipts. ``trial``: it was known to be out of use, so that it is still
    out of order is no failure of the message; however long that lasts, no message ends by it.
    """
    if trial and outcome.down and (asked or outcome.kind == "retry"):
        return _still_out(ready, scene, random, asked=asked)
    match outcome.kind:
        case "accepted":
            look = scene.now + FIRST_LOOK if confirms and ready.message.channel in CONFIRMED else None
            return After("accepted", doubt=ready.doubt, look_at=look)
        case "rejected":
            return After("dead", tried=True, doubt=ready.doubt, fallback=instead(ready, scene))
        case "unknown":
            return _unknown(ready, outcome, scene, random, asked=asked)
        case "retry":
            return _retry(ready, outcome, scene, random, asked=asked)
        case kind:
            return _put_off(ready, kind, scene, asked=asked)


def _put_off(ready: Ready, kind: str, scene: Scene, *, asked: bool) -> After:
    """No attempt: `admit` finds the breaker open, or the number full, and says until when."""
    if asked:  # still in doubt: asking was not possible
        return After("sending", scene.now + FIRST_PROBE, unknowns=ready.unknowns, doubt=ready.doubt)
    why: Why = "breaker" if kind == "config" else "quota"
    return After("queued", scene.now, doubt=ready.doubt, waits_for=why)


def _still_out(ready: Ready, scene: Scene, random: Random, *, asked: bool) -> After:
    """Leave the message as it was: in the queue, or in doubt where asking was not possible."""
    if asked:
        return After("sending", scene.now + ASK_AGAIN, unknowns=ready.unknowns, doubt=ready.doubt)
    again = scene.now + backoff(ready.message.tries, random)
    return After("queued", again, doubt=ready.doubt, waits_for="breaker")


def _retry(ready: Ready, outcome: Outcome, scene: Scene, random: Random, *, asked: bool) -> After:
    """Surely not taken: again after a while, unless it was tried too often or comes too late."""
    now, tries = scene.now, ready.message.tries
    if asked:
        if ready.expires_at is not None and ready.expires_at <= now:
            return After("expired", doubt=ready.doubt, note="没有送出，时限已到")
        if tries < MOST_TRIES:
            return After("queued", now, doubt=ready.doubt)
    if tries + 1 >= MOST_TRIES:
        return After("dead", tried=not asked, doubt=ready.doubt, fallback=instead(ready, scene))
    again = now + backoff(tries, random)
    if outcome.again_at is not None:
        again = max(outcome.again_at, now + LEAST_RETRY)
    if ready.expires_at is not None and again >= ready.expires_at:
        return After(
            "expired", tried=True, doubt=ready.doubt, fallback=instead(ready, scene), note="重试已来不及"
        )
    return After("queued", again, tried=True, doubt=ready.doubt)


def backoff(tries: int, random: Random) -> timedelta:
    """Return how long to wait after the try before which ``tries`` had failed: full jitter, at least a second."""
    most: timedelta = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(tries, 16))
    return max(LEAST_RETRY, most * random.uniform(0, 1))


def _unknown(ready: Ready, outcome: Outcome, scene: Scene, random: Random, *, asked: bool) -> After:
    """Nobody knows: ask in a few minutes; where asking is no use, do what this kind of message calls for."""
    now, unknowns = scene.now, ready.unknowns + 1
    if not asked or (outcome.code != UNASKABLE and unknowns <= MOST_ASKS):
        wait = FIRST_ASK + (LAST_ASK - FIRST_ASK) * random.uniform(0, 1)
        return After("sending", now + wait, tried=not asked, unknowns=unknowns, doubt=ready.doubt)
    late = ready.expires_at is not None and ready.expires_at <= now
    if ready.message.channel in SAFE_AGAIN or ready.insisted or not ready.reminder:
        again = ready.doubt == "resent" and ready.message.channel not in OFTEN_AGAIN
        if again or ready.message.tries >= MOST_TRIES or late:
            return After(
                "dead", doubt=ready.doubt or "dropped", fallback=instead(ready, scene), note="结果始终不明"
            )
        other = instead(ready, scene) if not ready.reminder else None
        return After(
            "queued", now, doubt="resent", fallback=other, note="结果不明，重发一次（对方可能收到两次）"
        )
    return After("dead", doubt="dropped", note="结果不明，提醒不再重发（对方可能已收到）")
