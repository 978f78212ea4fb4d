"""What arrived after an outage, read from the ledgers of the peers and held against what had to arrive."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from engine.delivery import reference_of
from storage.moments import from_ticks
from tests.city import WORKFLOWS, City, moment
from tests.fakes.gateway import City as Platform
from tests.fakes.smtp import MailServer
from tests.faults._town import Person
from tests.faults.suite import Result

ZONE = ZoneInfo("Asia/Shanghai")
DUE, CASE = moment("2026-11-03 24:00"), moment("2026-11-05 24:00")
_COUNT = re.compile(r"您有(\d+)项")


@dataclass(frozen=True, slots=True)
class Story:
    """What people did: the projects whose awards fell due at the peak, and which were decided after all."""

    late: list[str]
    decided_late: set[str]
    in_time: set[str]
    """Decided in time, recorded in the outage."""
    unit: dict[str, str]
    later: dict[str, str]
    cut: datetime
    back: dict[str, datetime]
    """When each channel could be used again."""
    beat: timedelta


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message in a peer's ledger."""

    channel: str
    reference: str
    address: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A message of ours, with its cause."""

    key: str
    person: str
    channel: str
    state: str
    goes_on: str
    """The message that holds it, or carries on instead."""
    wording: str
    does: str
    cause: str
    """Matter, clock and rung of its fire."""
    fired_at: int


def check(story: Story, city: City, people: Sequence[Person], mails: MailServer, texts: Platform) -> Result:
    """Return figures and whatever was not as it had to be."""
    ledger = _ledger(mails, texts)
    ours = _ours(city)
    result = Result()
    result.figures["clocks due in the outage"] = len(story.late)
    _once(result, story, ledger, ours)
    _mails_alone(result, story, people, ledger)
    _digests(result, ledger, ours)
    _quotas(result, ledger, ours)
    _hours(result, story, ledger)
    _cases(result, story, city)
    for channel in ("email", "sms"):
        result.figures[f"arrived by {channel}"] = sum(1 for a in ledger if a.channel == channel)
    result.figures["messages in digests"] = sum(1 for r in ours.values() if r.state == "digested")
    result.figures["last mail of the backlog, minutes after the lines were back"] = int(
        _backlog(story, ledger).total_seconds() // 60
    )
    result.figures["attempts on record"] = city.rows("select count(*) from attempt")[0][0]
    return result


def _ledger(mails: MailServer, texts: Platform) -> list[Arrived]:
    found = [
        Arrived(
            "email",
            m.reference,
            m.address,
            str(m.mail["Subject"]),
            parsedate_to_datetime(str(m.mail["Date"])),
        )
        for m in mails.accepted
    ]
    return found + [Arrived("sms", t.reference, t.address, t.text, t.at) for t in texts.accepted]


def _ours(city: City) -> dict[str, Row]:
    rows = city.rows(
        "select m.key, m.person, m.channel, m.state, coalesce(m.digest, m.fallback, ''), m.wording, coalesce(f.does, ''),"
        " coalesce(f.matter || ' ' || f.clock || ' ' || f.rung, ''), coalesce(f.fired_at, 0) from message m left join fire f on f.key = m.fire"
    )
    return {row[0]: Row(*row) for row in rows}


def _once(result: Result, story: Story, ledger: Sequence[Arrived], ours: dict[str, Row]) -> None:
    """Every warning, case and withdrawal of the outage reached each addressee once by each channel.

    A reminder, and what came about after the outage and may wait for its quota, came at most once.
    """
    copies = Counter(a.reference for a in ledger)
    came: Counter[tuple[str, str, str]] = Counter()
    firm: set[tuple[str, str, str]] = set()
    for row in ours.values():
        if not row.cause:
            continue
        name = (row.cause, row.person, row.channel)
        came[name] += copies[reference_of(_last(row, ours).key)]
        if row.does != "remind" and from_ticks(row.fired_at) < story.back["email"]:
            firm.add(name)
    result.figures["warnings, cases and withdrawals of the outage"] = len(firm)
    result.figures["of them lost"] = sum(1 for name in firm if not came[name])
    result.figures["anything doubled"] = sum(1 for times in came.values() if times > 1)
    for name, times in came.items():
        if times > 1 or (times == 0 and name in firm):
            result.wrong.append(f"{' '.join(name)} arrived {times} times")
    known = {reference_of(key) for key in ours}
    result.wrong += [f"nobody wrote {a.text} to {a.address}" for a in ledger if a.reference not in known]


def _last(row: Row, ours: dict[str, Row]) -> Row:
    """Return the message that went out for this one: a digest, or one by another channel."""
    while row.state in ("digested", "moved") or (row.state == "dead" and row.goes_on):
        row = ours[row.goes_on]
    return row


def _mails_alone(result: Result, story: Story, people: Sequence[Person], ledger: Sequence[Arrived]) -> None:
    """By mail every warning of the peak came alone, once, to the three who must know; nobody else got it."""
    wanted: Counter[tuple[str, str]] = Counter()
    for project in story.late:
        for person in people:
            if story.unit[project] in person.units:
                wanted[person.email, f"{project}.1"] += 1
    subject = re.compile(
        r"(P\d+\.1) 确定中标、成交供应商的承诺时限为11月3日|(P\d+\.1) .*承诺时限为11月3日，未见办结登记"
    )
    came: Counter[tuple[str, str]] = Counter()
    for one in ledger:
        told = subject.match(one.text) if one.channel == "email" else None
        if told is not None:
            came[one.address, told[1] or told[2]] += 1
    for name in wanted.keys() | came.keys():
        if wanted[name] != came[name]:
            result.wrong.append(f"{' '.join(name)}: {came[name]} mails instead of {wanted[name]}")
    result.figures["warnings by mail at the peak"] = came.total()


def _digests(result: Result, ledger: Sequence[Arrived], ours: dict[str, Row]) -> None:
    """A digest says how many notices it holds, and so many point to it."""
    members = Counter(row.goes_on for row in ours.values() if row.state == "digested")
    texts = {a.reference: a.text for a in ledger}
    for key, number in members.items():
        text = texts.get(reference_of(key))
        if text is None or ours[key].channel != "sms":
            continue
        said = _COUNT.search(text)
        if said is None or int(said[1]) != number:
            result.wrong.append(f"{key} holds {number}: {text}")
    result.figures["digests"] = len(members)


def _quotas(result: Result, ledger: Sequence[Arrived], ours: dict[str, Row]) -> None:
    """No number got more than the limits file allows, in any window; read without the engine's reader."""
    told: dict[str, Any] = yaml.safe_load((WORKFLOWS / "channels" / "limits.yaml").read_text("utf-8"))
    limits = told["channels"]["sms"] + told["providers"]["tencent-sms"]
    by_reference = {reference_of(key): row for key, row in ours.items()}
    numbers: dict[str, list[Arrived]] = defaultdict(list)
    for one in ledger:
        if one.channel == "sms":
            numbers[one.address].append(one)
    fullest = 0
    for number, got in numbers.items():
        for limit in limits:
            counted = [
                a for a in got if limit.get("of") != "reminders" or _reminds(by_reference[a.reference])
            ]
            most = _most(counted, limit)
            fullest = max(fullest, most if limit["within"] == "1 day" and "of" not in limit else 0)
            if most > limit["most"]:
                result.wrong.append(f"{number} got {most} in {limit['within']}, {limit['most']} are allowed")
    result.figures["most text messages to one number in a day"] = fullest


def _reminds(row: Row) -> bool:
    return row.does == "remind" or row.wording == "digest_reminders"


def _most(got: Sequence[Arrived], limit: dict[str, Any]) -> int:
    if limit["within"] == "1 day":
        return max(Counter(a.at.astimezone(ZONE).date() for a in got).values(), default=0)
    number, unit = limit["within"].split()
    within = timedelta(**{unit.rstrip("s") + "s": int(number)})
    most = 0
    for one in got:
        alike = [a for a in got if limit.get("per") != "text" or a.text == one.text]
        most = max(most, sum(1 for a in alike if one.at <= a.at < one.at + within))
    return most


def _hours(result: Result, story: Story, ledger: Sequence[Arrived]) -> None:
    """Text messages come on worked days between 08:00 and 20:00; nothing comes through a line that is cut."""
    for one in ledger:
        local = one.at.astimezone(ZONE)
        if one.channel == "sms" and not (8 <= local.hour < 20 and _worked(local.date())):
            result.wrong.append(f"SMS at {local:%m-%d %H:%M} to {one.address}")
        if story.cut <= one.at < story.back[one.channel]:
            result.wrong.append(f"{one.channel} to {one.address} came through a cut line")


def _worked(day: date) -> bool:
    return day.weekday() < 5  # November 2026 has no holiday and no worked weekend


def _cases(result: Result, story: Story, city: City) -> None:
    """A case stands two working days after the missed moment, found by the next patrol, outage or not."""
    wanted = set(story.late) - story.decided_late - story.in_time
    opened: Counter[str] = Counter()
    rows = city.rows(
        "select f.root, f.at, f.fired_at, m.opened_at from fire f join matter m on m.id = f.opened"
        " where f.clock = 'decide_award' and f.does = 'open'"
    )
    for root, at, fired, since in rows:
        if root in story.later:
            continue
        opened[root] += 1
        if (
            from_ticks(at) != CASE
            or from_ticks(since) != CASE
            or not timedelta() <= from_ticks(fired) - CASE <= story.beat
        ):
            result.wrong.append(
                f"the case about {root} opened at {from_ticks(since)}, found at {from_ticks(fired)}"
            )
    for project in wanted | opened.keys():
        if opened[project] != (project in wanted):
            result.wrong.append(f"{project} has {opened[project]} cases")
    result.figures["cases opened on time"] = opened.total()


def _backlog(story: Story, ledger: Sequence[Arrived]) -> timedelta:
    """Return how long after the lines were back the last warning of the peak came by mail."""
    late = [a.at for a in ledger if a.channel == "email" and "为11月3日，未见办结登记" in a.text]
    return max(late, default=story.back["email"]) - story.back["email"]
