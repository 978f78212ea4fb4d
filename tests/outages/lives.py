"""The same weeks of a city, lived with a beat every hour or with beats that an outage swallowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from engine.explain import lamp_of
from storage.moments import from_ticks
from tests.city import City, calendar, moment

HOUR = timedelta(hours=1)
Do = Callable[[City], object]
Picture = dict[str, Any]
"""What the city shows at one moment, part by part."""


@dataclass(frozen=True, slots=True)
class Record:
    """At ``now`` somebody records something about the project ``root``; without one, time passes for all."""

    now: datetime
    root: str
    do: Do


class Script:
    """What people do, written down by working days: ``script.on(3, "10:00")`` is the fourth of them."""

    def __init__(self, first: str) -> None:
        """Begin on the working day ``first``."""
        self.first = date.fromisoformat(first)
        assert calendar().is_worked(self.first)
        self.records: list[Record] = []

    def on(self, day: int, time: str) -> str:
        """The moment ``time`` of the ``day``-th working day after the first."""
        return f"{calendar().add(self.first, day)} {time}"

    def write(self, now: str, root: str, do: Do) -> None:
        """Somebody records something."""
        self.records.append(Record(moment(now), root, do))

    def act(self, action: str, now: str, on: str, *, at: str | None = None, **how: Any) -> None:
        """Somebody records ``action`` at ``now``; it happened ``at``, by default just then."""
        root = on.split(".")[0]
        self.write(now, root, lambda city: city.do(action, at or now, on=on, now=now, **how))

    def project(self, root: str, now: str, last: str, *, packages: int = 1, **facts: Any) -> None:
        """A project is opened, and its first package comes as far as ``last`` in one go."""
        self.write(now, root, lambda city: city.open(now, id=root, packages=packages))
        self.walk(last, now, f"{root}.1", **facts)

    def walk(self, last: str, now: str, on: str, **facts: Any) -> None:
        """A package comes as far as ``last`` in one go."""
        self.write(now, on.split(".")[0], lambda city: city.walk(last, now, on=on, **facts))


@dataclass(frozen=True, slots=True)
class Outage:
    """No beat from ``since`` (the first one missed) until the one at ``until``, which comes again."""

    since: datetime
    until: datetime

    def swallows(self, beat: datetime) -> bool:
        """Whether that beat is missed."""
        return self.since <= beat < self.until


def outage(since: str, until: str) -> Outage:
    """Write an outage in local time."""
    return Outage(moment(since), moment(until))


@dataclass(slots=True)
class Life:
    """What a city lived through: pictures of it by moment, and when somebody looked at which project."""

    pictures: dict[datetime, Picture] = field(default_factory=dict)
    looks: dict[str, set[datetime]] = field(default_factory=dict)


def hourly(
    since: datetime, until: datetime, out: Outage | None = None, *, step: timedelta = HOUR
) -> Iterator[datetime]:
    """Every hour from ``since`` to ``until``, without those of the outage."""
    while since <= until:
        if out is None or not out.swallows(since):
            yield since
        since += step


def live(
    city: City, records: Sequence[Record], beats: Iterable[datetime], pictures: Iterable[datetime]
) -> Life:
    """Let the weeks pass: at one moment people come before the beat. Take ``pictures`` after the beat."""
    life = Life()
    wanted = set(pictures)
    todo: list[tuple[datetime, int, Record | None]] = [(r.now, 0, r) for r in records]
    todo += [(beat, 1, None) for beat in beats]
    for now, _, record in sorted(todo, key=lambda item: item[:2]):
        if record is None:
            city.patrol(now)
            if now in wanted:
                life.pictures[now] = picture(city, now)
        else:
            record.do(city)
        one = record.root if record is not None else ""
        for root in [one] if one else _roots(city):
            life.looks.setdefault(root, set()).add(now)
    assert wanted == set(life.pictures), "a picture was wanted where nobody looked"
    return life


def _roots(city: City) -> list[str]:
    return [root for (root,) in city.rows("select distinct root from matter order by 1")]


def picture(city: City, now: datetime) -> Picture:
    """What must not depend on the beats, and, under ``reminders``, how each reminder came about."""
    families = [city.family(root) for root in _roots(city)]
    matters = {m.id: m for family, _ in families for m in family}
    clocks = [c for _, held in families for c in held]
    reminders = {rung for (rung,) in city.rows("select distinct rung from fire where does = 'remind'")}
    return {
        "states": {
            m.id: (m.state, m.state_since, m.opened_at, m.revision, m.children, m.cases, sorted(m.facts.items()),
                   sorted(m.marks.items()), m.pauses)
            for m in matters.values()
        },
        "cases": {
            m.id: (m.about, m.about_clock, m.opened_at, m.state) for m in matters.values() if m.about
        },
        "clocks": {
            c.key: (c.epoch, c.state, c.anchor, c.promise, c.agreed, c.statutory, c.provisional, c.ended_at,
                    c.ended_recorded_at, [(p.rung, p.at) for p in c.plan],
                    [r for r in c.fired if r not in reminders], c.trouble)
            for c in clocks
        },
        "lamps": {c.key: _lamp(city, matters[c.matter].bundle, matters[c.matter].workflow, c, now) for c in clocks},
        "fires": city.rows("select key, at, does, opened from fire where does <> 'remind' order by key"),
        "warnings": city.rows(
            "select m.key, m.person, m.role, m.channel, m.subject, m.text from message m"
            " join fire f on f.key = m.fire where f.does <> 'remind' order by 1"
        ),
        "history": _history(city),
        "reminders": {
            key: (from_ticks(at), from_ticks(fired_at), bool(collapsed))
            for key, at, fired_at, collapsed in city.rows(
                "select key, at, fired_at, collapsed from fire where does = 'remind' order by key"
            )
        },
        "reminded": city.rows(
            "select m.key, m.text from message m join fire f on f.key = m.fire where f.does = 'remind' order by 1"
        ),
        "fired_at": {
            key: from_ticks(at) for key, at in city.rows("select key, fired_at from fire where does <> 'remind'")
        },
    }  # fmt: skip


def _lamp(city: City, bundle: str, workflow: str, clock: Any, now: datetime) -> str:
    law = city.office.machines(bundle).bundle
    kind = law.terms[law.workflows[workflow].clocks[clock.name].term].kind
    return lamp_of(clock, kind, now, city.office.calendar.zone, lambda: city.office.calendar)


def _history(city: City) -> dict[str, list[Any]]:
    """The lines of every matter in their order, without those of reminders and what only a beat decides."""
    reminders = {f"{c}/{rung}" for c, rung in city.rows("select clock, rung from fire where does = 'remind'")}
    lines: dict[str, list[Any]] = {}
    for matter, body in city.rows("select matter, body from history order by matter, no"):
        line = json.loads(body)
        if line["kind"] == "fire" and line["name"] in reminders:
            continue
        line["detail"].pop("dossier", None)  # pins the heads of histories, reminders included
        line["detail"].get("clocks", []).sort(key=lambda note: note["clock"])
        del line["no"], line["recorded_at"]
        lines.setdefault(matter, []).append(line)
    return lines


SAME = ("states", "cases", "clocks", "lamps", "fires", "warnings", "history")
"""The parts that no outage changes."""


def differences(calm: Life, hit: Life) -> list[str]:
    """Name what an outage changed, in the order of the pictures; nothing should."""
    found: list[str] = []
    for now, shows in hit.pictures.items():
        other = calm.pictures[now]
        found += [part for part in SAME if shows[part] != other[part]]
        found += ["reminders"] * (_told(shows) != _told(other) or not _collapsed_rightly(hit, shows))
        found += ["reminded"] * (_sent(shows) != {k: t for k, t in _sent(other).items() if k in _sent(shows)})
        found += ["looks"] * (not _looked(hit, shows))
    return list(dict.fromkeys(found))


def _told(shows: Picture) -> dict[str, datetime]:
    """Reminders with their logical moments, collapsed or not."""
    return {key: at for key, (at, _, _) in shows["reminders"].items()}


def _sent(shows: Picture) -> dict[str, str]:
    return dict(shows["reminded"])


def _collapsed_rightly(life: Life, shows: Picture) -> bool:
    """Of the stale reminders only the newest was sent, none if a later rung of the clock was due too."""
    moments: dict[str, list[datetime]] = {}
    every = [(key, at) for key, (at, _, _) in shows["reminders"].items()]
    for key, at in [*every, *((key, from_ticks(at)) for key, at, _, _ in shows["fires"])]:
        moments.setdefault(_epoch(key), []).append(at)
    spoken = {message.rsplit("/", 2)[0] for message, _ in shows["reminded"]}
    for key, (at, fired_at, collapsed) in shows["reminders"].items():
        stale = any(at < later <= fired_at for later in moments[_epoch(key)])
        if collapsed != stale or (key in spoken) == stale:
            return False
    return True


def _epoch(key: str) -> str:
    """``matter/clock/round/epoch`` of a fire."""
    return key.rsplit("/", 2)[0]


def _looked(life: Life, shows: Picture) -> bool:
    """Nothing fired before its moment, or when nobody looked."""
    fired = [(key, at, fired_at) for key, (at, fired_at, _) in shows["reminders"].items()]
    fired += [(key, from_ticks(at), shows["fired_at"][key]) for key, at, _, _ in shows["fires"]]
    return all(at <= then and then in life.looks[key.split(".")[0].split("/")[0]] for key, at, then in fired)


def swallowed(hit: Life, out: Outage) -> list[str]:
    """The fires that fell due in the outage and took effect only hours later."""
    shows = list(hit.pictures.values())[-1]
    fired = [(key, at, fired_at) for key, (at, fired_at, _) in shows["reminders"].items()]
    fired += [(key, from_ticks(at), shows["fired_at"][key]) for key, at, _, _ in shows["fires"]]
    return sorted(key for key, at, then in fired if out.since <= at < out.until and then > at + HOUR)
