"""What everybody does in the demonstration city until today: every story as a plan with its moments and persons.

The same day gives the same plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count

from commands.demo_cases import CASES, Watched, course
from commands.demo_city import AGENCIES, THINGS, UNITS, person_for
from commands.demo_course import CONSULTATION, METHOD_CASES, TENDER, Story
from commands.demo_diary import Act, Diary, Gap, Plan, Step
from commands.demo_projects import STORIES
from engine.matter import FactValue
from engine.workdays import WorkingCalendar

BEATS = ((0, 0), (8, 30), (12, 0), (15, 30), (17, 31))
"""When somebody looks: midnight, opening, noon, before closing, after it."""
MORNING = 8
Laid = Sequence[tuple[Step, int]]


def number_of(story: str) -> int:
    """Return the number of the project that a story of `demo_projects` or `demo_cases` is about."""
    return [*STORIES, *CASES].index(story) + 1


class City:
    """Plans the city's working days, which end on ``today``."""

    def __init__(self, calendar: WorkingCalendar, today: date, *, days: int = 60) -> None:
        """``today`` is the last, unfinished day, and may be a day of rest."""
        self.days = days
        self.diary = Diary(calendar, today)
        self._order = count()

    @property
    def begins(self) -> datetime:
        """The first moment of the demonstration."""
        return self.diary.at(self.days, MORNING)

    def beats(self) -> Iterator[datetime]:
        """Walk the moments of every working day at which somebody looks."""
        for ago in range(self.days, -1, -1):
            for hour, minute in BEATS:
                yield self.diary.at(ago, hour, minute)

    def plans(self) -> list[Plan]:
        """Return all projects: those of the stories, then those with a case."""
        units = list(UNITS)
        plans = [
            self._story(n, story, story.unit or units[n % len(units)])
            for n, story in enumerate(STORIES.values(), 1)
        ]
        return plans + [self._watched(n, one) for n, one in enumerate(CASES.values(), len(plans) + 1)]

    def _story(self, n: int, story: Story, unit: str) -> Plan:
        """Walk a story's course; what lies before its beginning is not told, the project is taken in half-way."""
        laid = self.diary.laid(story.course(), story.ago)
        since = min(story.since or self.days, self.days) - 1
        told = [(step, ago) for step, ago in laid if ago <= since]
        stage = next((s.leads for s, _ in reversed(laid[: len(laid) - len(told)]) if s.leads), "")
        first = told[0][1] if told else story.ago
        begins = min(self.diary.before(first, Gap(1)), self.days) if told else first
        known = {name: value for name, value in story.facts.items() if isinstance(value, int | str)}
        return self._plan(n, unit, begins, stage, told, story.method, known)

    def _watched(self, n: int, watched: Watched) -> Plan:
        stage, begins, laid = course(watched, self.diary)
        method = CONSULTATION if n % 2 else TENDER
        return self._plan(n, watched.unit, begins, stage, laid, method, {})

    def _plan(
        self, n: int, unit: str, begins: int, stage: str, laid: Laid, method: str, known: Mapping[str, FactValue]
    ) -> Plan:  # fmt: skip
        thing = THINGS[(n - 1) % len(THINGS)]
        own: dict[str, FactValue] = {
            "number": f"{n:04d}", "year": str(self.diary.today.year), "method": method,
            "amount": (60 + n * 37 % 840) * 100_000, "small": n % 2 == 0,
            "supplier": ("云启科技有限公司", "德润商贸有限公司", "远景服务有限公司")[n % 3],
            "agency": AGENCIES[UNITS[unit]],
        }  # fmt: skip
        facts: dict[str, FactValue] = {
            "packages": 1, "budget": (65 + n * 37 % 840) * 100_000, "object": _object(thing), **known,
        }  # fmt: skip
        if method in METHOD_CASES:
            facts["method_case"] = METHOD_CASES[method]
        if stage:
            facts |= {"method": method, "agency": own["agency"]}
        days = {step.action: ago for step, ago in laid}
        acts = tuple(self._act(n, unit, step, ago, days, own) for step, ago in laid)
        return Plan(n, f"{thing}采购项目", unit, self.diary.at(begins, MORNING), stage, facts, acts)

    def _act(
        self, n: int, unit: str, step: Step, ago: int, days: Mapping[str, int], own: Mapping[str, FactValue]
    ) -> Act:  # fmt: skip
        minute = n * 7 % 50
        done = self.diary.at(ago, step.hour, minute)
        at = self.diary.at(ago - step.late, step.hour, minute) if step.late else done
        facts = {name: _own(value, own) for name, value in self.diary.facts(step, ago, days).items()}
        return Act(
            at, next(self._order), n, step, person_for(step.hand, unit, n), facts, done if step.late else None
        )


def _own(value: FactValue, own: Mapping[str, FactValue]) -> FactValue:
    """Fill in what is the project's own: ``{amount}`` as it is, within a text as text."""
    if not isinstance(value, str):
        return value
    return own.get(value.strip("{}"), value) if value.startswith("{") else value.format_map(dict(own))


def _object(thing: str) -> str:
    if thing.endswith("工程"):
        return "works"
    return "services" if thing.endswith(("服务", "运维", "配送", "印制")) else "goods"
