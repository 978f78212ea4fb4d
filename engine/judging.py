"""Whether the rules of an action hold for a matter: each one asked, looked up only as far as it matters. 评判"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple

from engine.answering import look_up
from engine.asking import chain_of, compiled_rule
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.questions import ASKED, QUESTIONS
from engine.rules import (
    ACTS,
    HITS,
    LOOKED_UP,
    THRESHOLD,
    Expression,
    ExpressionTrouble,
    MissingFact,
    params_on,
)
from engine.work import Work
from engine.workflow import ActionDef, ChecklistDef, RuleDef

BROKEN = "broken"
Persons = frozenset[str]


class Broken(NamedTuple):
    """A rule that does not hold, or cannot be judged: ``why`` is ``broken``, the name of what it lacks, or a trouble;
    ``hint`` says in words how to make known what it lacks.
    """

    rule: RuleDef
    why: str
    hint: str = ""

    @property
    def forgiven(self) -> bool:
        """Whether a threshold that nobody has entered yet is no bar: the rule says so, and it is told."""
        return self.rule.lenient and self.why.startswith(THRESHOLD)

    @property
    def unjudged(self) -> bool:
        """Whether the rule could not be judged for want of a fact, an amount, an answer."""
        return self.why != BROKEN and not self.why.startswith(("trouble", "given."))


def broken(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    facts: Mapping[str, FactValue],
    at: datetime,
    persons: Persons = frozenset(),
) -> list[Broken]:
    """Return the rules that do not hold for ``action``, each with ``broken`` or what it lacks.

    A rule that cannot be judged counts as broken: ``block`` then refuses.
    """
    asked = [*action.rules, *_standing_rules(office, matter, facts)]
    return judge(office, work, matter, asked, facts, at, persons) if asked else []


def judge(
    office: Office,
    work: Work,
    matter: Matter,
    codes: Sequence[str],
    facts: Mapping[str, FactValue],
    at: datetime,
    persons: Persons = frozenset(),
) -> list[Broken]:
    """Return those of the rules ``codes`` that do not hold for ``matter`` once it has ``facts``.

    ``persons`` are those as whom whoever acts counts; nobody where a register is read in.
    """
    bundle = office.machines(matter.bundle).bundle
    day = office.calendar.day_of(at)
    profile = office.planner(matter).profile
    found: list[Broken] = []
    with _having(matter, facts):
        for code in dict.fromkeys(codes):
            rule = bundle.rules[code]
            if (rule.since is None or day >= rule.since) and profile.has(rule.switch):
                found += _one(office, work, matter, rule, day, persons)
    return found


def holds(
    office: Office,
    work: Work,
    matter: Matter,
    checklist: ChecklistDef,
    facts: Mapping[str, FactValue],
    at: datetime,
) -> bool:
    """Say whether a list is asked for at ``at`` once ``matter`` has ``facts``; raise ``MissingFact`` where that
    cannot be told.
    """
    expression, day = compiled_rule(office, matter, checklist), office.calendar.day_of(at)
    with _having(matter, facts):
        values = expression.values(chain_of(office, work, matter))
        return _evaluate(office, work, matter, expression, values, day)


@contextmanager
def _having(matter: Matter, facts: Mapping[str, FactValue]) -> Iterator[None]:
    """Let ``matter`` have ``facts`` for a while."""
    before = dict(matter.facts)
    matter.facts.update(facts)
    try:
        yield
    finally:
        matter.facts.clear()
        matter.facts.update(before)


def _one(
    office: Office, work: Work, matter: Matter, rule: RuleDef, day: date, persons: Persons
) -> list[Broken]:
    try:
        expression = compiled_rule(office, matter, rule)
        values = expression.values(chain_of(office, work, matter), params_on(rule, day))
        for name in expression.names:
            if name.startswith(ACTS):
                values[name] = values.get(name.removeprefix(ACTS)) in persons
        if _evaluate(office, work, matter, expression, values, day):
            return []
        lacks = sorted(n for n in expression.names if values.get(n) is False and n.startswith("given."))
        return [Broken(rule, lacks[0] if lacks else BROKEN)]
    except MissingFact as missing:
        return [Broken(rule, missing.name, missing.hint)]
    except ExpressionTrouble as trouble:
        return [Broken(rule, f"trouble: {trouble}")]


def _evaluate(
    office: Office, work: Work, matter: Matter, expression: Expression, values: dict[str, object], day: date
) -> bool:
    """Evaluate, looking up what the result turns out to depend on, one after another."""
    while True:
        try:
            return bool(expression.evaluate(values))
        except MissingFact as missing:
            if not missing.name.startswith(LOOKED_UP) or missing.name in values:
                raise
            values[missing.name] = look_up(office, work, matter, missing.name, day)


def _standing_rules(office: Office, matter: Matter, facts: Mapping[str, FactValue]) -> list[str]:
    """Return the rules that hold ever after and mention a fact that is about to change."""
    tier = office.workflow(matter).tier
    changed = {f"{tier}.{n}" for n, value in facts.items() if matter.facts.get(n) != value}
    if not changed:
        return []
    rules = office.machines(matter.bundle).bundle.rules.values()
    standing = [r for r in rules if r.standing and r.workflow in (tier, matter.workflow)]
    return [r.code for r in standing if _mentions(compiled_rule(office, matter, r)) & changed]


def _mentions(expression: Expression) -> frozenset[str]:
    """Return the facts that a rule rests on: those that it names, texts whose words it counts, and what its
    questions compare.
    """
    found = {name.removeprefix("given.").removeprefix(ACTS) for name in expression.names}
    for name in expression.names:
        if name.startswith(HITS):
            found.add(name.split(".", 2)[2])
        elif name.startswith(ASKED):
            found.update(QUESTIONS[name.removeprefix(ASKED)].first)
    return frozenset(found)
