"""Ask an expression of a matter: its own facts, those of what it is part of, its parts, its breach."""

from __future__ import annotations

from collections.abc import Mapping

from engine.matter import Matter
from engine.office import Office
from engine.rules import Expression, values_of, variables
from engine.work import Work
from engine.workflow import RuleDef


def ask(
    office: Office,
    work: Work,
    matter: Matter,
    source: str,
    *,
    wants: str = "boolean",
    extra: Mapping[str, bool | int | str] | None = None,
) -> bool | int:
    """Evaluate ``source`` for ``matter``.

    Raise ``MissingFact`` where a fact it needs is not known, ``ExpressionTrouble`` where the result
    is not exactly of the wanted type.
    """
    expression = compiled(office, matter, source, wants)
    if extra is not None and expression.names <= extra.keys():
        return expression.evaluate(extra)
    return expression.evaluate(facts_for(office, work, matter, extra))


def compiled(office: Office, matter: Matter, source: str, wants: str = "boolean") -> Expression:
    """Return the compiled expression; compiled once per bundle, workflow and text."""
    machines = office.machines(matter.bundle)
    key = (matter.workflow, source, wants)
    found = machines.expressions.get(key)
    if found is None:
        declared = variables(machines.bundle.workflows, matter.workflow)
        found = machines.expressions[key] = Expression(source, declared, wants)
    return found


def compiled_rule(office: Office, matter: Matter, rule: RuleDef) -> Expression:
    """Return the compiled expression of a rule, which may mention its parameters as ``param.name``."""
    machines = office.machines(matter.bundle)
    key = (matter.workflow, rule.code, "rule")
    found = machines.expressions.get(key)
    if found is None:
        declared = variables(machines.bundle.workflows, matter.workflow)
        declared = {**declared, **{f"param.{name}": "integer" for name in rule.params}}
        found = machines.expressions[key] = Expression(rule.expression, declared, "boolean")
    return found


def facts_for(
    office: Office, work: Work, matter: Matter, extra: Mapping[str, bool | int | str] | None = None
) -> dict[str, object]:
    """Return the values that expressions about ``matter`` may mention."""
    machines = office.machines(matter.bundle)
    chain = [(m.workflow, machines.bundle.workflows[m.workflow], m.facts) for m in work.chain(matter)]
    return values_of(chain, extra or {})


def joins(work: Work, matter: Matter, finals: Mapping[str, frozenset[str]]) -> dict[str, bool | int | str]:
    """Return ``parts.total`` and ``parts.open`` of a matter."""
    parts = work.parts_of(matter)
    still = sum(1 for p in parts if p.state not in finals[p.workflow])
    return {"parts.total": len(parts), "parts.open": still}
