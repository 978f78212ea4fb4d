"""What a channel is given and what it answers, as values. 渠道、送达结果"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, Protocol, runtime_checkable

Kind = Literal["accepted", "retry", "quota", "rejected", "config", "unknown"]
Blame = Literal["", "contact", "content"]
"""What a refusal speaks of, where the provider says so: the number or address itself, or what was written."""
UNASKABLE = "unaskable"
"""The ``code`` of ``ask``'s ``unknown`` where the channel can never be asked, however long one waits."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A channel's one answer.

    ``accepted``: it took the message; ``retry``: surely not taken; ``quota``: a window is full;
    ``rejected``: this recipient or content can never work; ``config``: our key, signature or address
    is wrong; ``unknown``: nobody can say whether it was taken, so it is asked for before any resend.
    ``again_at`` is when a ``retry`` or ``quota`` may be tried again, where the provider says so;
    ``provider_id`` what the provider calls the message, ``code`` its own word for the answer. Only a
    rejection with ``blame="contact"`` can make an address count as invalid; without it it is suspect.
    ``down``: the provider could not be reached or is out of order, which says nothing about this message.
    """

    kind: Kind
    detail: str = ""
    again_at: datetime | None = None
    provider_id: str = ""
    code: str = ""
    blame: Blame = ""
    down: bool = False


ReceiptState = Literal["delivered", "undelivered"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message that a provider had accepted. 回执

    ``reference`` is ours where the provider gives it back, else ``provider_id`` must be known; the same
    receipt may come several times and in any order.
    """

    channel: str
    state: ReceiptState
    at: datetime
    reference: str = ""
    provider_id: str = ""
    code: str = ""
    detail: str = ""
    blame: Blame = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is to go out now, and where to; ``tries`` counts attempts made before.

    ``wording`` and ``params`` are the text and the values that it was rendered from, for providers that
    keep the text themselves. ``provider_id`` and ``handed_at`` are what the provider called it and when it was last
    handed over, where that is known: they make asking cheaper, nothing rests on them.
    """

    key: str
    channel: str
    person: str
    address: str
    subject: str
    text: str
    created_at: datetime
    tries: int = 0
    wording: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    provider_id: str = ""
    handed_at: datetime | None = None

    @property
    def reference(self) -> str:
        """What the provider gets as our reference: 32 hex digits of the key's SHA-256."""
        return reference_of(self.key)


def reference_of(key: str) -> str:
    """Return our reference for the message ``key``: 32 hex digits of its SHA-256."""
    return sha256(key.encode()).hexdigest()[:32]


class Notifier(Protocol):
    """A channel; one module each under `notifiers/`."""

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand ``message`` over; never raise for what a provider may answer."""
        ...

    def ask(self, message: Waiting) -> Outcome:
        """Say what became of a message handed over before: ``accepted``, ``retry`` if it never arrived,
        ``unknown`` where the channel does not know yet, or (code ``UNASKABLE``) cannot be asked at all.
        """
        ...


@runtime_checkable
class Flowing(Protocol):
    """A channel that can begin a message before the one before it is answered (pipelining)."""

    def flow(self, messages: Iterator[tuple[Waiting, datetime]]) -> Iterator[tuple[Waiting, Outcome]]:
        """Hand over what ``messages`` gives, each with the moment of its handing over, until it gives no more.

        A message is taken from there when it can be begun, not before. Give each outcome once, as soon as it
        is known; never raise for what a provider may answer.
        """
        ...


@runtime_checkable
class Receipts(Protocol):
    """A channel that can be asked for receipts; polling must be enough, many networks let nothing in.

    One that can never say ``delivered`` has an attribute ``confirms`` that is false: then nobody waits for it.
    """

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Return what is known of these accepted messages, and of any other that the channel hands out."""
        ...


def confirms(notifier: object) -> bool:
    """Say whether a channel can be expected to say that a message was delivered."""
    return isinstance(notifier, Receipts) and bool(getattr(notifier, "confirms", True))


@runtime_checkable
class Confirming(Protocol):
    """A channel that hands receipts out again until it hears that they are kept."""

    def confirm(self) -> None:
        """Hear that the receipts of the last call are kept."""
        ...


class Pushing(Protocol):
    """How a provider hands receipts over by itself: what it posts, and what it wants to hear. 推送回执"""

    def read(self, body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts in what was posted; raise ``BadInput`` where it is not what this provider posts."""
        ...

    def answer(self, kept: bool) -> tuple[str, bytes]:
        """Return type and text of the answer that says whether they were kept; if not, they are posted again."""
        ...


def pushing(notifier: object) -> Pushing | None:
    """Return how a channel's provider pushes receipts, ``None`` where it does not."""
    found: Pushing | None = getattr(notifier, "pushing", None)
    return found


@runtime_checkable
class Resting(Protocol):
    """A channel that keeps connections from one message to the next."""

    def rest(self) -> None:
        """Let go of those that are not worth keeping, now that nothing follows for a while."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A channel that holds connections."""

    def close(self) -> None:
        """Let go of them."""
        ...


@dataclass(frozen=True, slots=True)
class Provider:
    """One of the ways in which a channel (``email``, ``sms``) is served; ``name`` is what records call it."""

    name: str
    notifier: Notifier


Channels = Mapping[str, Notifier | Sequence[Provider]]
"""By channel its providers in the order of preference; a bare notifier is the only one."""


def providers(channels: Channels) -> dict[str, tuple[Provider, ...]]:
    """Return the providers of every channel; one without any is left out."""
    found: dict[str, tuple[Provider, ...]] = {}
    for channel, given in channels.items():
        listed = tuple(given) if isinstance(given, Sequence) else (Provider(channel, given),)
        if listed:
            found[channel] = listed
    return found


def rest(channels: Channels) -> None:
    """Let every channel know that nothing follows for a while."""
    for listed in providers(channels).values():
        for provider in listed:
            if isinstance(provider.notifier, Resting):
                provider.notifier.rest()
