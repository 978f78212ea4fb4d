"""Whether a matter may be opened at all: rules asked of its first facts, before anything is kept. 准入"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from engine.asking import compiled_in
from engine.errors import Refused
from engine.matter import FactValue
from engine.office import Office
from engine.rules import MissingFact, params_on
from engine.workflow import RuleDef


def unwelcome(office: Office, workflow: str, facts: Mapping[str, FactValue], day: date) -> list[RuleDef]:
    """Return the blocking rules of the current ``workflow`` that keep a matter with these facts out.

    A rule on a fact that is not known keeps nobody out.
    """
    bundle = office.current
    machines = office.machines(bundle.hash)
    definition = bundle.workflows[workflow]
    found: list[RuleDef] = []
    for code in definition.rules:
        rule = bundle.rules[code]
        if rule.severity != "block" or (rule.since is not None and day < rule.since):
            continue
        expression = compiled_in(machines, rule)
        values = expression.values([(definition, facts)], params_on(rule, day))
        try:
            if not expression.evaluate(values):
                found.append(rule)
        except MissingFact:
            continue
    return found


def check_welcome(office: Office, workflow: str, facts: Mapping[str, FactValue], day: date) -> None:
    """Raise ``Refused`` where a rule keeps the matter out."""
    for rule in unwelcome(office, workflow, facts, day):
        raise Refused(
            f"{rule.code} {rule.title}，什么都没有保存", why=rule.ground.basis, then=str(rule.remedy)
        )
