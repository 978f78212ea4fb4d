"""Ask an expression of a matter: its own facts, those of what it is part of, its parts, its breach."""

from __future__ import annotations

from collections.abc import Mapping

from engine.machine import Machines
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.rules import Chain, Expression, MissingFact, compile_rule, variables
from engine.work import Work
from engine.workflow import ActionDef, ChecklistDef, RuleDef


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
    return expression.evaluate(expression.values(chain_of(office, work, matter), extra))


def compiled(office: Office, matter: Matter, source: str, wants: str = "boolean") -> Expression:
    """Return the compiled expression; compiled once per bundle, workflow and text."""
    machines = office.machines(matter.bundle)
    key = (matter.workflow, source, wants)
    found = machines.expressions.get(key)
    if found is None:
        declared = variables(machines.bundle.workflows, matter.workflow)
        found = machines.expressions[key] = Expression(source, declared, wants)
    return found


def compiled_rule(office: Office, matter: Matter, rule: RuleDef | ChecklistDef) -> Expression:
    """Return the compiled expression of a rule, or of when a list is asked for; compiled once per bundle."""
    return compiled_in(office.machines(matter.bundle), rule)


def compiled_in(machines: Machines, rule: RuleDef | ChecklistDef) -> Expression:
    """Return the compiled expression of a rule, or of when a list is asked for, as one bundle has it."""
    name = rule.code if isinstance(rule, RuleDef) else rule.name
    key = (rule.workflow, name, "rule")
    found = machines.expressions.get(key)
    if found is None:
        found = machines.expressions[key] = compile_rule(rule, machines.bundle)
    return found


def chain_of(office: Office, work: Work, matter: Matter) -> Chain:
    """Return the matter and what it is part of, each with its workflow and its facts."""
    workflows = office.machines(matter.bundle).bundle.workflows
    return [(workflows[m.workflow], m.facts) for m in work.chain(matter)]


def applies(
    office: Office,
    work: Work,
    matter: Matter,
    action: ActionDef,
    handed: Mapping[str, FactValue] | None = None,
) -> bool:
    """Say whether ``action`` is for this matter at all (a method has it or not); what cannot be told yet is.

    ``handed`` are facts handed in with the action: the method may be among them.
    """
    if action.switch and not office.planner(matter).profile.has(action.switch):
        return False
    if not action.applies_when:
        return True
    chain = chain_of(office, work, matter)
    if handed:
        chain = [(chain[0][0], {**matter.facts, **handed}), *chain[1:]]
    expression = compiled(office, matter, action.applies_when)
    try:
        return bool(expression.evaluate(expression.values(chain)))
    except MissingFact:
        return True


def twin_of(work: Work, matter: Matter) -> Matter | None:
    """Return the other one of two cases that are handled together. 一案双查"""
    named = matter.facts.get("twin")
    return next((m for m in work.family(matter.root) if m.id == named), None) if named else None


def _parts(office: Office, work: Work, matter: Matter) -> list[Matter]:
    aside = office.machines(matter.bundle).aside
    return [part for part in work.parts_of(matter) if part.workflow not in aside]


def is_open(office: Office, work: Work, matter: Matter) -> bool:
    """Whether a matter is not in a final state, or something below it is not: under an abandoned package a signed
    contract may still be wound up.
    """
    done = matter.state in office.machines(matter.bundle).finals[matter.workflow]
    return not done or any(is_open(office, work, part) for part in _parts(office, work, matter))


def joins(office: Office, work: Work, matter: Matter) -> dict[str, bool | int | str]:
    """Return ``parts.total`` and ``parts.open`` of a matter (`is_open`); what stands beside its way (a bid) does not
    count. And ``twin.ready``: whether its twin stands where it stands, or is done.
    """
    parts = _parts(office, work, matter)
    still = sum(1 for part in parts if is_open(office, work, part))
    finals = office.machines(matter.bundle).finals
    twin = twin_of(work, matter)
    ready = twin is None or twin.state == matter.state or twin.state in finals[twin.workflow]
    return {"parts.total": len(parts), "parts.open": still, "twin.ready": ready}
