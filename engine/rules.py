"""Expressions over facts: rules, a transition's `when`, a clock's `applies_when`, a spawn's `count`. 规则

The only door to CEL (`cel_expr_python`). Every fact is a typed variable of its own, never a member of a
map: a misspelt name is then refused when the file is read. What an expression sees:

===============================  ======================================================================
``contract.amount``              money in integer fen; integers; booleans; text, links; days as ISO text
``contract.pay_within``          the number of a length, ``contract.pay_within.unit`` its unit
``given.contract.pay_within``    whether an optional fact is known
``parts.total``, ``parts.open``  how many parts the matter has, and how many are not in a final state
``breach.corrected``             for workflows about a matter: whether the breach was corrected
``twin.ready``                   for workflows with a `twins` action: whether the twin is ready too, or done
``param.max_days``               a rule's parameter, as in force on the day it is asked
``threshold.open_tender``        rules only: an amount of a table, for place, object and day (`thresholds`)
``asked.split_total``            rules only: the answer to a question about other matters (`questions`)
``hits.sensitive.project.x``     rules only: how often words of a list stand in a text fact (`sensitive`)
``actor.project.plan_by``        rules only: whether whoever acts is the person in that fact (`sets: actor`)
===============================  ======================================================================

The three before the last are looked up only where the result depends on them (`judging`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Literal

from cel_expr_python import cel

from engine.matter import FactValue
from engine.questions import ASKED, QUESTIONS
from engine.term import Length
from engine.workflow import ACTOR, Bundle, ChecklistDef, FactType, RuleDef, WorkflowDef

Kind = Literal["integer", "boolean", "string"]
Variables = Mapping[str, str]
Chain = Sequence[tuple[WorkflowDef, Mapping[str, FactValue]]]
"""A matter and what it is part of, each with its workflow and its facts."""

_KINDS: dict[FactType, Kind] = {
    "money": "integer",
    "integer": "integer",
    "boolean": "boolean",
    "text": "string",
    "link": "string",
    "date": "string",
    "length": "integer",
}
_TYPES: dict[str, Any] = {"integer": cel.Type.INT, "boolean": cel.Type.BOOL, "string": cel.Type.STRING}
_IN_CHINESE = {"boolean": " true 或 false", "integer": "整数"}

KEYWORDS = frozenset({"in", "true", "false", "null"})
"""Words that CEL reads as its own even behind a dot; no fact can be called so."""
THRESHOLD = "threshold."
HITS = "hits."
LOOKED_UP = (THRESHOLD, ASKED, HITS)
"""Heads of variables that are looked up only when a rule's result depends on them."""
ACTS = "actor."
"""Head of the variables that say whether whoever acts is the person whom a fact names."""
PREFIXES = frozenset(
    {"given", "parts", "breach", "twin", "param", "actor", *(head.rstrip(".") for head in LOOKED_UP)}
)
"""First words of variables that do not belong to a workflow; no workflow can be called so."""
# CEL reserves these at the head of a name (we have a workflow called `package`). They are handed over
# with a capital letter: no workflow has one, and columns in error messages stay right.
_RESERVED = (
    "as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while"
)
_STRING = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
_HEAD = re.compile(rf"({_STRING})|(?<![\w.])({_RESERVED})(?=\s*\.)")
_PATH = re.compile(rf"({_STRING})|(?<![\w.])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_CAPITAL = re.compile(r"\b([A-Z])(?=\w*\.)")
_WHERE = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
_ABSENT = re.compile(r'No value with name "([^"]+)" found')


class ExpressionFault(Exception):
    """An expression cannot be compiled or has the wrong type; ``column`` counts from 1."""

    def __init__(self, message: str, column: int, unknown: str = "") -> None:
        """``unknown`` is the name that is not declared, where that is the reason."""
        super().__init__(message)
        self.message = message
        self.column = column
        self.unknown = unknown


class MissingFact(Exception):
    """The result depends on a fact that is not known; ``name`` is the variable's, ``hint`` how to make it known."""

    def __init__(self, name: str, hint: str = "") -> None:
        """Name the variable, for instance ``contract.amount``."""
        super().__init__(name)
        self.name = name
        self.hint = hint


class ExpressionTrouble(Exception):
    """The result is not exactly a boolean (or integer): overflow, division by zero and the like."""


def of_tier(workflows: Mapping[str, WorkflowDef], name: str) -> list[WorkflowDef]:
    """Return the workflows of the tier ``name``, else the workflow of that name; none for an unknown one."""
    found = [workflow for workflow in workflows.values() if workflow.tier == name]
    return found or [workflow for workflow in workflows.values() if workflow.name == name]


def ancestry(workflows: Mapping[str, WorkflowDef], name: str) -> list[str]:
    """Return ``name`` (a workflow or a tier) and the tiers above it; unknown names and circles end the walk."""
    chain: list[str] = []
    while name not in chain and (here := of_tier(workflows, name)):
        chain.append(name)
        name = here[0].part_of
    return chain


def variables(workflows: Mapping[str, WorkflowDef], name: str, params: Iterable[str] = ()) -> dict[str, Kind]:
    """Return the variables that an expression of workflow ``name`` may use, with their types."""
    found: dict[str, Kind] = {"parts.total": "integer", "parts.open": "integer"}
    for above in ancestry(workflows, name):
        alike = of_tier(workflows, above)
        for workflow in alike:
            for fact in workflow.facts.values():
                found[f"{workflow.tier}.{fact.name}"] = _KINDS[fact.type]
                if fact.type == "length":
                    found[f"{workflow.tier}.{fact.name}.unit"] = "string"
                if fact.optional or any(fact.name not in other.facts for other in alike):
                    found[f"given.{workflow.tier}.{fact.name}"] = "boolean"
    if name in workflows and workflows[name].about:
        found["breach.corrected"] = "boolean"
    if name in workflows and any(action.twins for action in workflows[name].actions.values()):
        found["twin.ready"] = "boolean"
    for param in params:
        found[f"param.{param}"] = "integer"
    return found


class Expression:
    """A compiled expression of a known type. Compiling is cached per source and variables."""

    def __init__(self, source: str, variables: Variables, wants: str = "boolean") -> None:
        """Compile ``source``; raise ``ExpressionFault`` where it does not fit ``variables`` or ``wants``.

        ``wants`` is ``boolean`` or ``integer``; ``variables`` come from the function of that name.
        """
        self.source = source
        self.wants = wants
        self.names = mentioned(source, variables)
        self._data = {name: _head(name) for name in self.names}
        self._given = frozenset(name for name in self.names if name.startswith(("given.", ACTS)))
        self._compiled = _compile(source, tuple((name, variables[name]) for name in sorted(self.names)))
        self._facts = _read_by(self.names)
        self._result = _TYPES[wants]
        returned = self._compiled.return_type()
        if returned != self._result:
            raise ExpressionFault(f"结果应是{_IN_CHINESE[wants]}，现在是 {returned.name()}", 1)

    def values(self, chain: Chain, extra: Mapping[str, object] | None = None) -> dict[str, object]:
        """Turn facts into the values of the variables that the expression names.

        ``chain`` holds the matter and what it is part of, each with its workflow and its facts; ``extra`` adds
        ``parts.*``, ``breach.*`` and ``param.*``. Unknown facts are left out.
        """
        found: dict[str, object] = dict(extra or {})
        for workflow, facts in chain:
            for name in self._facts.get(workflow.tier, ()):
                if name not in workflow.facts:
                    continue
                value, key = facts.get(name), f"{workflow.tier}.{name}"
                found[f"given.{key}"] = value is not None
                if isinstance(value, Length):
                    found[key], found[f"{key}.unit"] = value.number, value.unit
                elif value is not None:
                    found[key] = value.isoformat() if isinstance(value, date) else value
        return found

    def evaluate(self, values: Mapping[str, object]) -> bool | int:
        """Return the result for ``values``.

        Raise ``MissingFact`` where the result depends on a value that is not there, and
        ``ExpressionTrouble`` where it is not exactly of the wanted type.
        """
        data = {given: values[name] for name, given in self._data.items() if name in values}
        for name in self._given.difference(values):
            data[self._data[name]] = False  # a fact of another workflow of that tier
        result = self._compiled.eval(data=data)
        if result.type() == self._result:
            value = result.value()
            return bool(value) if self.wants == "boolean" else int(value)
        absent = _ABSENT.search(str(result.value()))
        if absent:
            raise MissingFact(_CAPITAL.sub(lambda m: m[1].lower(), absent[1]))
        raise ExpressionTrouble(f"{self.source}：{result.value()}")


def _read_by(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return by tier the facts that ``names`` rest on: as they are, whether given, their unit, who acted."""
    found: dict[str, set[str]] = {}
    for name in names:
        tier, _, fact = name.removeprefix("given.").removeprefix(ACTS).partition(".")
        found.setdefault(tier, set()).add(fact.removesuffix(".unit"))
    return {tier: tuple(facts) for tier, facts in found.items()}


def mentioned(source: str, variables: Variables) -> frozenset[str]:
    """Return those of ``variables`` that ``source`` names, outside of quoted text."""
    found: set[str] = set()
    for match in _PATH.finditer(source):
        path = match[2]
        while path and path not in variables:
            # a method call: contract.supplier.startsWith("...")
            path = path.rpartition(".")[0]
        if path:
            found.add(path)
    return frozenset(found)


def rule_variables(rule: RuleDef | ChecklistDef, bundle: Bundle) -> dict[str, Kind]:
    """Return the variables that ``rule`` may use: those of its workflow, and what only rules may look up."""
    params = rule.params if isinstance(rule, RuleDef) else ()
    found = variables(bundle.workflows, rule.workflow, params)
    found.update({f"{THRESHOLD}{name}": "integer" for name in bundle.thresholds})
    above = [
        other
        for name in ancestry(bundle.workflows, rule.workflow)
        for other in of_tier(bundle.workflows, name)
    ]
    tiers = {workflow.tier for workflow in above}
    found.update({f"{ASKED}{q.name}": q.answer for q in QUESTIONS.values() if q.tier in tiers})
    for workflow in above:
        written = {fact for a in workflow.actions.values() for fact, source in a.sets if source == ACTOR}
        found.update({f"{ACTS}{workflow.tier}.{fact}": "boolean" for fact in written})
    for workflow in above if bundle.words else ():
        for fact in workflow.facts.values():
            if fact.type == "text" and not fact.options:
                found.update(
                    {f"{HITS}{name}.{workflow.tier}.{fact.name}": "integer" for name in bundle.words}
                )
    return found


def compile_rule(rule: RuleDef | ChecklistDef, bundle: Bundle) -> Expression:
    """Compile the predicate of ``rule``, or when a list is asked for; raise ``ExpressionFault``."""
    source = rule.expression if isinstance(rule, RuleDef) else rule.when
    return Expression(source, rule_variables(rule, bundle))


def params_on(rule: RuleDef, day: date) -> dict[str, int]:
    """Return the rule's parameters in force on ``day`` as ``param.<name>``; those not yet in force lack."""
    found: dict[str, int] = {}
    for name, dated in rule.params.items():
        value = dated.on(day)
        if value is not None and value.value is not None:
            found[f"param.{name}"] = value.value
    return found


def _head(source: str) -> str:
    return _HEAD.sub(lambda match: match[1] or match[2].capitalize(), source)


@lru_cache(maxsize=1024)
def _compile(source: str, declared: tuple[tuple[str, str], ...]) -> Any:
    environment = cel.NewEnv(variables={_head(name): _TYPES[kind] for name, kind in declared})
    try:
        return environment.compile(_head(source))
    except RuntimeError as error:
        raise _fault(str(error)) from None


def _fault(text: str) -> ExpressionFault:
    where = _WHERE.search(text)
    if where is None:
        return ExpressionFault(f"表达式过长或过深：{text.splitlines()[0]}", 1)
    column, problem = int(where[2]), _CAPITAL.sub(lambda m: m[1].lower(), where[3])
    unknown = re.match(r"undeclared reference to '([^']+)'", problem)
    if unknown:
        return ExpressionFault(f"没有名为 {unknown[1]} 的要素或函数", column, unknown[1])
    overload = re.match(r"found no matching overload for '([^']+)' applied to '([^']+)'", problem)
    if overload:
        return ExpressionFault(f"运算 {overload[1].strip('_')} 两边的类型不符：{overload[2]}", column)
    problem = problem.removeprefix("Syntax error: ").split(" expecting ")[0]
    return ExpressionFault(f"语法错误：{problem}", column)
