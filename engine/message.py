"""Turn a fire into the notices it sends: render first, freeze the text, one per person and channel. 消息"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from engine.clock import Clock
from engine.directory import REGULATORS, Delegation, Recipient, recipients
from engine.errors import YiribanError
from engine.matter import Matter
from engine.office import Office
from engine.quiet import next_opening
from engine.work import Fire, Message, Work
from engine.workdays import WorkingCalendar
from engine.workflow import MomentName, Rung, TextDef

KINDS: dict[MomentName, str] = {"promise": "承诺时限", "agreed": "约定期限", "statutory": "法定期限"}
_PLACE = re.compile(r"\{(\w+)\}")
_TICK = timedelta(microseconds=1)


class RenderTrouble(YiribanError):
    """A message cannot be written: its text or a parameter is missing."""


@lru_cache(maxsize=256)
def _pieces(template: str) -> tuple[str, ...]:
    return tuple(_PLACE.split(template))


def render(template: str, values: Mapping[str, str], limits: Mapping[str, int] | None = None) -> str:
    """Fill ``{name}`` places; with ``limits`` each value is cut to its longest permitted length."""
    pieces = _pieces(template)
    if len(pieces) == 1:
        return template
    out: list[str] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            out.append(piece)
            continue
        try:
            value = values[piece]
        except KeyError:
            raise RenderTrouble(
                f"文案缺少参数 {{{piece}}}", then="在 workflows/messages 中改正该文案"
            ) from None
        limit = limits.get(piece) if limits else None
        out.append(value if limit is None or len(value) <= limit else value[: limit - 1] + "…")
    return "".join(out)


def due_day(instant: datetime, calendar: WorkingCalendar) -> date:
    """Return the day that a due instant belongs to: 24:00 belongs to the day that it ends."""
    return calendar.day_of(instant - _TICK)


def hung_on(office: Office, matter: Matter, clock: Clock, rung: Rung) -> tuple[MomentName, datetime] | None:
    """Return the due moment that ``rung`` speaks of; a ``start`` rung speaks of the first there is."""
    base = rung.at.base
    if base == "start":
        named = [(m, n) for n in KINDS if (m := clock.moment(n)) is not None]
        return (min(named)[1], min(named)[0]) if named else None
    name: MomentName = office.planner(matter).profile.refers_on if base == "referral" else base
    instant = clock.moment(name)
    return None if instant is None else (name, instant)


def parameters(
    office: Office, matter: Matter, clock: Clock, moment: tuple[MomentName, datetime] | None, case: str | None
) -> dict[str, str]:
    """Return the values that message texts may use."""
    values = {
        "code": matter.id,
        # the texts say 项目 themselves
        "name": matter.title.removesuffix("项目") or matter.title,
        "item": office.clock(matter, clock.name).title.zh,
        "unit": matter.unit,
        "case": case or "",
        "kind": "",
        "date": "",
    }
    if moment is not None:
        name, instant = moment
        day = due_day(instant, office.calendar)
        values["kind"] = KINDS[name]
        values["date"] = f"{day.month}月{day.day}日"
    return values


def compose(
    office: Office,
    work: Work,
    matter: Matter,
    fire: Fire,
    text: str,
    values: Mapping[str, str],
    *,
    tells: Iterable[str],
    via: Iterable[str],
    expires_at: datetime | None = None,
) -> tuple[list[Message], list[str]]:
    """Render the notices of ``fire``; return them and the roles that nobody holds.

    An SMS waits for the next permitted opening, counted from when the fire came about: after an
    outage that may be later than its logical moment. Raise ``RenderTrouble`` before anything is posted.
    """
    wording = office.texts.get(text)
    if wording is None:
        raise RenderTrouble(f"没有名为 {text} 的文案", then="在 workflows/messages 中补上该文案")
    rendered = {channel: wording_of(wording, channel, values) for channel in via}
    messages: dict[str, Message] = {}
    unheld: list[str] = []
    for role in tells:
        held = work.holders(role, matter, _asked_at(role, fire))
        if not held:
            unheld.append(role)
        for recipient in _told(work, matter, fire, role, held):
            person = recipient.person
            for channel, (subject, body) in rendered.items():
                key = f"{fire.key}/{person}/{channel}"
                if key in messages:
                    continue
                start = fire.at
                if channel == "sms":
                    start = next_opening(max(fire.at, fire.fired_at), office.calendar)
                messages[key] = Message(
                    key, fire.key, matter.id, matter.jurisdiction, person, recipient.role_text, channel, fire.rung,
                    subject, body, start, fire.fired_at, text, values, expires_at,
                )  # fmt: skip
    return list(messages.values()), unheld


def _asked_at(role: str, fire: Fire) -> datetime:
    """Roles become persons at the beat; regulators are those of the logical moment (design 7)."""
    return fire.at if role in REGULATORS else fire.fired_at


def _told(work: Work, matter: Matter, fire: Fire, role: str, held: Sequence[str]) -> list[Recipient]:
    """Return who is told when the rung tells ``role``: its holders, their deputies, else a fallback."""

    def lent(other: str) -> Sequence[Delegation]:
        return work.reader.delegations(other, matter.unit, matter.jurisdiction, _asked_at(other, fire))

    if held and not lent(role):
        # nobody is away and nobody stands in: by far the most frequent case
        return [Recipient(person, role) for person in held]
    return recipients(
        role,
        lambda r: work.holders(r, matter, _asked_at(r, fire)),
        lent,
        warning=fire.does == "warn",
    )


def wording_of(text: TextDef, channel: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Return subject and body of a message by ``channel``; a text message has no subject."""
    if channel == "sms":
        return "", render(text.sms, values, text.params)
    return render(text.subject, values), render(text.body, values)
