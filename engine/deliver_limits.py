"""How many messages a number may get: limits as data, and when there is room for the next. 发送限额

Pure. A limit counts what went to one number in a window: everything, one wording, or one and the same text.
``reading`` is `workflows/channels/limits.yaml`; no figure stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal

from engine.law import Ground
from engine.yamlfile import Faults, Map, Node, Seq, broken, plain, read_yaml

FILE = "channels/limits.yaml"
Per = Literal["number", "wording", "text"]
_DAY = timedelta(days=1)
_UNITS = {"second": 1, "minute": 60, "hour": 3600}
_WINDOW = re.compile(r"([1-9]\d{0,3}) (second|minute|hour)s?")
_KEYS = ("most", "within", "per", "of", "basis", "checked_on", "confidence")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` messages to a number ``within`` a window; ``None`` is the local day, midnight to midnight.

    ``reminders``: only these are counted and held back.
    """

    most: int
    within: timedelta | None
    per: Per = "number"
    reminders: bool = False
    ground: Ground = field(default_factory=lambda: Ground(""))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of channels, whatever provider serves them, and those of the providers by their scheme."""

    channels: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    providers: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)

    def of(self, channel: str, provider: str) -> tuple[Limit, ...]:
        """Return every limit of the provider called so; the second of a kind is called ``kind#2``."""
        return (*self.channels.get(channel, ()), *self.providers.get(kind_of(provider), ()))

    def counts(self, channel: str, providers: Iterable[str]) -> bool:
        """Say whether anything sent by this channel must be counted."""
        return any(self.of(channel, name) for name in providers)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that went to a number, or is on its way: when, and what decides whether a limit counts it."""

    key: str
    at: datetime
    provider: str
    wording: str
    text: str
    reminder: bool


@dataclass(slots=True)
class Past:
    """What one number got; ``full`` says until when a provider has turned it away."""

    gone: list[Gone] = field(default_factory=list)
    full: dict[str, datetime] = field(default_factory=dict)

    def add(self, one: Gone) -> None:
        """Count one more, whatever was known of the same message before."""
        self.gone = [g for g in self.gone if g.key != one.key]
        self.gone.append(one)


def opens_at(
    limits: Limits, channel: str, provider: str, past: Past, one: Gone, zone: tzinfo
) -> datetime | None:
    """Return when ``provider`` may be handed ``one``; ``None`` where that is at once (at ``one.at``)."""
    moments = [past.full[provider]] if past.full.get(provider, one.at) > one.at else []
    for limit, gone in _each(limits, channel, provider, past):
        moment = _room_from(limit, gone, one, zone)
        if moment is not None:
            moments.append(moment)
    return max(moments, default=None)


def room(
    limits: Limits, channel: str, provider: str, past: Past, now: datetime, zone: tzinfo, *, reminder: bool
) -> int | None:
    """Return how many more may go to the number now, ``None`` where there is no limit to that."""
    if past.full.get(provider, now) > now:
        return 0
    left = [
        max(0, limit.most - len(_counted(limit, gone, now, zone)))
        for limit, gone in _each(limits, channel, provider, past)
        if limit.per == "number" and (reminder or not limit.reminders)
    ]
    return min(left, default=None)


def _each(limits: Limits, channel: str, provider: str, past: Past) -> Iterator[tuple[Limit, Sequence[Gone]]]:
    """Walk the limits with what each counts: the channel's everything, the provider's only its own."""
    for limit in limits.channels.get(channel, ()):
        yield limit, past.gone
    own = [g for g in past.gone if g.provider == provider]
    for limit in limits.providers.get(kind_of(provider), ()):
        yield limit, own


def kind_of(provider: str) -> str:
    """Return the kind of a provider: the second one of a kind is called ``kind#2``."""
    return provider.partition("#")[0]


def _room_from(limit: Limit, gone: Iterable[Gone], one: Gone, zone: tzinfo) -> datetime | None:
    if limit.reminders and not one.reminder:
        return None
    alike = [
        g
        for g in gone
        if g.key != one.key and (limit.per == "number" or getattr(g, limit.per) == getattr(one, limit.per))
    ]
    inside = sorted(g.at for g in _counted(limit, alike, one.at, zone))
    if len(inside) < limit.most:
        return None
    if limit.within is None:
        return _midnight(one.at, zone) + _DAY
    return inside[-limit.most] + limit.within


def _counted(limit: Limit, gone: Iterable[Gone], now: datetime, zone: tzinfo) -> list[Gone]:
    since = _midnight(now, zone) if limit.within is None else now - limit.within
    # a window is open again the moment it has passed; a local day begins with its midnight
    return [
        g
        for g in gone
        if (g.at >= since if limit.within is None else g.at > since) and (g.reminder or not limit.reminders)
    ]


def _midnight(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def longest(limits: Sequence[Limit]) -> timedelta:
    """Return how far back one must look to count."""
    return max((limit.within or _DAY for limit in limits), default=timedelta())


def read_limits(text: str, file: str = FILE) -> Limits:
    """Read the limits file; raise ``BrokenWorkflows`` with every fault."""
    faults = Faults()
    tree = read_yaml(text, file, faults)
    found: dict[str, dict[str, tuple[Limit, ...]]] = {"channels": {}, "providers": {}}
    for key, node in tree.items() if tree is not None else ():
        if key == "limits":
            continue
        if key not in found or not isinstance(node, Map):
            faults.add(file, node.line, f"不认识的内容 {key}", "只有 limits、channels 和 providers")
            continue
        for name, listed in node.items():
            found[key][name] = tuple(_limits(name, listed, file, faults))
    if faults:
        raise broken(faults)
    return Limits(found["channels"], found["providers"])


def _limits(name: str, node: Node, file: str, faults: Faults) -> Iterable[Limit]:
    if not isinstance(node, Seq):
        faults.add(file, node.line, f"{name} 的限额要写成列表", "- {most: 2, within: 1 day, …}")
        return
    for item in node:
        made = _limit(item)
        if isinstance(made, Limit):
            yield made
        else:
            faults.add(file, item.line, f"{name}：{made[0]}", made[1])


def _limit(node: Node) -> Limit | tuple[str, str]:
    """Read one limit, or say what is wrong with it and what to write."""
    if not isinstance(node, Map):
        return "一条限额要写成 {most: 2, within: 1 day}", ""
    given = plain(node)
    wrong = next((key for key in given if key not in _KEYS), None)
    if wrong is not None:
        return f"不认识的键 {wrong}", f"可用的键：{'、'.join(_KEYS)}"
    most, window = given.get("most"), str(given.get("within", ""))
    match = _WINDOW.fullmatch(window)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        return "most 须是至少为 1 的整数", "most: 2"
    if match is None and window != "1 day":
        return f"看不懂的 within：{window}", "1 day（自然日）、24 hours、1 minute、30 seconds"
    return _scoped(
        given, most, None if match is None else timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    )


def _scoped(given: Mapping[str, Any], most: int, within: timedelta | None) -> Limit | tuple[str, str]:
    per, of = given.get("per", "number"), given.get("of", "")
    if per not in ("number", "wording", "text") or of not in ("", "reminders"):
        return "per 只有 number、wording、text，of 只有 reminders", ""
    if not given.get("basis") or given.get("confidence", "to verify") not in (
        "sure",
        "fairly sure",
        "to verify",
    ):
        return "缺少依据，或 confidence 写得不对", "basis: …, checked_on: 2026-11-21, confidence: to verify"
    ground = Ground(str(given["basis"]), given.get("checked_on"), given.get("confidence", "to verify"))
    return Limit(most, within, per, of == "reminders", ground)
