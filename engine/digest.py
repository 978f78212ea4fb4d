"""Which notices go together: one digest for a person instead of a dozen messages. 汇总

Pure. In come the notices that may go out now and were surely never handed over; out come those that become
one message, and those that wait for the next window because this one has had its digest. All others go alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from engine.message import RenderTrouble, wording_of
from engine.quiet import next_opening, permitted
from engine.workdays import WorkingCalendar
from engine.workflow import TextDef

ENOUGH = {"sms": 3}
"""So many notices make a digest, by channel."""
ENOUGH_ELSEWHERE = 2
RUNG = "digest"
"""What stands in the place of a rung's name in a digest."""
REMINDERS, WARNINGS, NOTICES, CASES = "digest_reminders", "digest_warnings", "digest_notices", "digest_cases"
"""The texts of `workflows/messages` that digests are written with."""
KINDS = {"warn": "超期预警", "open": "督办", "act": "自动流转", "remind": "提醒", "withdraw": "预警解除"}
"""What a rung does in words, in the order in which a digest lists it."""
_HOUR = timedelta(hours=1)

ENOUGH_BEYOND = 2
"""So many where more wait than a person may get: then every kind goes together."""

Taken = Callable[[Collection[str]], AbstractSet[str]]
"""Says which of these digests exist already."""
Room = Callable[[str, str, bool], int | None]
"""Says how many more a person may get by a channel now (only reminders, if so asked); ``None``: any number."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that waits, and as much of its cause as decides with which others it goes.

    ``at`` is the logical moment of its fire, ``dues`` are the due moments of its clock; ``of_case``: the
    clock is one of a case's own; ``sheet`` is the 督办单 of the case that the fire opened.
    """

    key: str
    person: str
    channel: str
    role: str
    jurisdiction: str
    does: str
    at: datetime
    dues: tuple[datetime, ...] = ()
    of_case: bool = False
    sheet: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Digests by their key with what they hold, the most urgent first; and until when others wait."""

    groups: dict[str, tuple[Notice, ...]]
    waits: dict[str, datetime]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest, rendered and frozen; ``members`` are the keys of the messages that it holds.

    It is worth nothing after ``expires_at``, when the last of its members is not.
    """

    key: str
    person: str
    channel: str
    role: str
    jurisdiction: str
    wording: str
    params: Mapping[str, str]
    subject: str
    text: str
    members: tuple[str, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be written at once: digests, new moments for those that wait; and what could not be written."""

    digests: tuple[Digest, ...] = ()
    waits: Mapping[str, datetime] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


def _any_number(_person: str, _channel: str, _reminders: bool) -> None:
    return None


def gather(
    notices: Iterable[Notice],
    now: datetime,
    calendar: WorkingCalendar,
    texts: Mapping[str, TextDef],
    taken: Taken,
    room: Room = _any_number,
) -> Gathered:
    """Put notices together and write the digests. One that cannot be written leaves its notices alone."""
    plan = put_together(notices, now, calendar, taken, room)
    digests: list[Digest] = []
    troubles: list[str] = []
    for key, members in plan.groups.items():
        try:
            digests.append(write(key, members, texts))
        except RenderTrouble as trouble:
            troubles.append(trouble.what)
    return Gathered(tuple(digests), plan.waits, tuple(troubles))


def put_together(
    notices: Iterable[Notice],
    now: datetime,
    calendar: WorkingCalendar,
    taken: Taken,
    room: Room = _any_number,
) -> Plan:
    """Say which notices become one message: one digest for each person, channel and window (and sheet).

    The window is the local hour of ``now``, which at an opening is the opening itself. Where it has had its
    digest, what belongs together waits for the next one, unless a due moment lies before that. Where a
    person may not get as many as wait, every kind goes together; with no room at all nothing does, for the
    digest itself could not go out.
    """
    stacks: dict[tuple[str, str, str], list[Notice]] = {}
    enough: dict[tuple[str, str], int] = {}
    for (person, channel), waiting in _by_person(notices, now).items():
        space = _space(waiting, person, channel, room)
        if space == "none":
            continue
        enough[person, channel] = ENOUGH_BEYOND if space == "short" else ENOUGH.get(channel, ENOUGH_ELSEWHERE)
        for notice in waiting:
            pile = "" if space == "short" else _pile(notice, calendar)
            if pile is not None:
                stacks.setdefault((person, channel, pile), []).append(notice)
    hour = now.astimezone(calendar.zone).replace(minute=0, second=0, microsecond=0)
    groups = {
        f"digest/{person}/{channel}/{hour:%Y-%m-%dT%H}" + (f"@{pile}" if pile else ""): tuple(
            sorted(members, key=lambda n: _urgency(n, now))
        )
        for (person, channel, pile), members in sorted(stacks.items())
        if len(members) >= enough[person, channel]
    }
    had = taken(groups.keys()) if groups else frozenset()
    waits: dict[str, datetime] = {}
    for key in had:
        for notice in groups.pop(key):
            until = hour.astimezone(UTC) + _HOUR
            if notice.channel == "sms":
                until = next_opening(until, calendar)
            if not any(now < due <= until for due in notice.dues):
                waits[notice.key] = until
    return Plan(groups, waits)


def _by_person(notices: Iterable[Notice], now: datetime) -> dict[tuple[str, str], list[Notice]]:
    """Sort what is still worth sending by person and channel."""
    found: dict[tuple[str, str], list[Notice]] = {}
    for notice in notices:
        if notice.expires_at is None or notice.expires_at > now:
            found.setdefault((notice.person, notice.channel), []).append(notice)
    return found


def _space(waiting: Sequence[Notice], person: str, channel: str, room: Room) -> str:
    """Say whether there is space for each (``enough``), for one (``short``) or for ``none``."""
    reminders = sum(1 for n in waiting if n.does == "remind")
    for_all, for_reminders = room(person, channel, False), room(person, channel, True)
    left = for_reminders if reminders == len(waiting) else for_all
    if left == 0:
        return "none"
    crowded = for_all is not None and len(waiting) > for_all
    return "short" if crowded or (for_reminders is not None and reminders > for_reminders) else "enough"


def _pile(notice: Notice, calendar: WorkingCalendar) -> str | None:
    """Say with what a notice belongs together; ``None``: it goes alone.

    By e-mail: what only reminds, but no paper of a case; and the cases of one sheet. By SMS: what only
    reminds, and everything that the quiet hours held back.
    """
    if notice.channel == "sms":
        return "" if notice.does == "remind" or not permitted(notice.at, calendar) else None
    if notice.does == "open":
        return notice.sheet or None
    return "" if notice.does == "remind" and not notice.of_case else None


def _urgency(notice: Notice, now: datetime) -> tuple[int, datetime, str]:
    """Warnings before reminders, then the moment that is due next."""
    order = tuple(KINDS).index(notice.does) if notice.does in KINDS else len(KINDS)
    return order, min((due for due in notice.dues if due > now), default=notice.at), notice.key


def write(key: str, members: Sequence[Notice], texts: Mapping[str, TextDef]) -> Digest:
    """Render the digest of ``members``; raise ``RenderTrouble`` where its text is missing or faulty."""
    first = members[0]
    name = _text_for(members)
    wording = texts.get(name)
    if wording is None:
        raise RenderTrouble(f"没有名为 {name} 的文案", then="在 workflows/messages 中补上该文案")
    roles = {m.role for m in members}
    params = {
        **first.params,
        "count": str(len(members)),
        "kinds": _kinds(members),
        "sheet": first.sheet,
    }
    listed = "\n".join(f"{number}. {_line(m)}" for number, m in enumerate(members, 1))
    subject, text = wording_of(wording, first.channel, {**params, "list": listed})
    if first.channel == "sms":  # should it have to go by e-mail instead, the list is wanted
        params["list"] = listed
    ends = [m.expires_at for m in members]
    return Digest(
        key, first.person, first.channel, roles.pop() if len(roles) == 1 else "", first.jurisdiction, name, params,
        subject, text, tuple(m.key for m in members), max((e for e in ends if e), default=None) if all(ends) else None,
    )  # fmt: skip


def _text_for(members: Sequence[Notice]) -> str:
    does = {m.does for m in members}
    if does == {"open"} and members[0].channel != "sms":
        return CASES
    return {"remind": REMINDERS, "warn": WARNINGS}.get(does.pop(), NOTICES) if len(does) == 1 else NOTICES


def _kinds(members: Sequence[Notice]) -> str:
    counts = {does: sum(1 for m in members if m.does == does) for does in KINDS}
    return "、".join(f"{KINDS[does]}{count}项" for does, count in counts.items() if count)


def _line(notice: Notice) -> str:
    """One item: code, project, item, kind and date of the moment."""
    told = notice.params
    case = f"督办件{told['case']}：" if told.get("case") else ""
    named = f"{told.get('code', '')}（{told.get('name', '')}）"
    moment = f"，{told['kind']}{told['date']}" if told.get("date") else ""
    return f"{case}{named}{told.get('item', '')}{moment}"
