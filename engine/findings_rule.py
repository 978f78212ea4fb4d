"""Whether a rule compiles and its examples give the answers that they promise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from engine.errors import BadInput
from engine.findings_source import Sources
from engine.findings_workflow import describe
from engine.matter import FactValue
from engine.questions import ASKED, QUESTIONS
from engine.reading_form import nearest
from engine.roles import ROLES
from engine.rules import (
    ACTS,
    LOOKED_UP,
    THRESHOLD,
    Expression,
    ExpressionFault,
    ExpressionTrouble,
    MissingFact,
    ancestry,
    compile_rule,
    of_tier,
    rule_variables,
)
from engine.term import Length, read_length
from engine.workflow import Bundle, ChecklistDef, FactType, RuleDef, RuleExample, WorkflowDef

_PYTHON: dict[FactType, type] = {
    "money": int,
    "integer": int,
    "boolean": bool,
    "text": str,
    "link": str,
    "date": date,
    "length": Length,
}

_LOOKED_UP_AS: dict[str, tuple[type, str, str]] = {
    "integer": (int, "整数（金额以分计）", "1"),
    "boolean": (bool, " true 或 false", "true"),
}
"""What an example gives for a variable that is looked up: type, its name, how to write it."""


def look_at_rules(bundle: Bundle, sources: Sources) -> None:
    """Check the rules, and the lists that are signed like them."""
    for rule in bundle.rules.values():
        look_at_rule(rule, bundle, sources)
    for checklist in bundle.checklists.values():
        look_at_checklist(checklist, bundle, sources)


def look_at_rule(rule: RuleDef, bundle: Bundle, sources: Sources) -> None:
    """Compile ``rule`` and run its examples, each parameter at its newest value."""
    if not rule.workflow:
        return
    if not of_tier(bundle.workflows, rule.workflow):
        sources.unknown(
            rule.file, ("workflow",), f"规则 {rule.code}", "流程", rule.workflow, bundle.workflows
        )
        return
    _look_at_hands(rule, bundle, sources)
    expression = _compile(rule, bundle, sources)
    for passes, word in ((True, "通过"), (False, "不通过")):
        if not any(example.passes is passes for example in rule.examples):
            write = f"- {{passes: {str(passes).lower()}, facts: {{……}}}}"
            sources.add(rule.file, ("examples",), f"规则 {rule.code} 缺少一个{word}的例子", write)
    if expression is None:
        return
    for name in rule.params:
        if f"param.{name}" not in expression.names:
            sources.add(rule.file, ("params", name), f"规则 {rule.code} 没有用到参数 {name}", f"删去 {name}")
    _look_at_looked_up(rule, expression, bundle, sources)
    for place, example in enumerate(rule.examples):
        _try(rule, place, example, expression, bundle, sources)


def look_at_checklist(checklist: ChecklistDef, bundle: Bundle, sources: Sources) -> None:
    """Compile when ``checklist`` is asked for; somebody must ask for it."""
    who = f"审查清单 {checklist.name}"
    if not checklist.workflow:
        return
    tiers = of_tier(bundle.workflows, checklist.workflow)
    if not tiers:
        sources.unknown(checklist.file, ("workflow",), who, "流程", checklist.workflow, bundle.workflows)
        return
    if (
        not any(checklist.name in a.checklists for w in tiers for a in w.actions.values())
        and not sources.unread
    ):
        what = f"{who}：没有操作用到"
        sources.add(checklist.file, ("checklist",), what, f"在操作里写 checklists: [{checklist.name}]")
    if not checklist.when:
        return
    try:
        compile_rule(checklist, bundle)
    except ExpressionFault as fault:
        if not (fault.unknown and sources.unread):
            what, write = describe(
                fault, checklist.when, "when", rule_variables(checklist, bundle), "boolean"
            )
            sources.add(checklist.file, ("when",), f"{who}：{what}", write)


def _compile(rule: RuleDef, bundle: Bundle, sources: Sources) -> Expression | None:
    if not rule.expression:
        return None
    try:
        return compile_rule(rule, bundle)
    except ExpressionFault as fault:
        if fault.unknown and sources.unread:
            return None  # it may stand in the file that could not be read
        declared = rule_variables(rule, bundle)
        what, write = describe(fault, rule.expression, "passes_when", declared, "boolean")
        sources.add(rule.file, ("passes_when",), f"规则 {rule.code}：{what}", write)
        return None


def _look_at_hands(rule: RuleDef, bundle: Bundle, sources: Sources) -> None:
    """Who approves must be a role, and what is opened must be about a matter."""
    who = f"规则 {rule.code}"
    for role in rule.override.by if rule.override is not None else ():
        sources.unknown(rule.file, ("override", "by", role), who, "角色", role, ROLES)
    about = [name for name, workflow in bundle.workflows.items() if workflow.about]
    if rule.opens in bundle.workflows and rule.opens not in about:
        what = f"{who}：流程 {rule.opens} 不是针对事项的流程（about: any）"
        sources.add(rule.file, ("opens",), what, nearest(rule.opens, about))
    else:
        sources.unknown(rule.file, ("opens",), who, "流程", rule.opens, about)


def _look_at_looked_up(rule: RuleDef, expression: Expression, bundle: Bundle, sources: Sources) -> None:
    """A question reads facts that must exist; leniency is for thresholds alone."""
    known = {f"{w.tier}.{fact.name}" for w in bundle.workflows.values() for fact in w.facts.values()}
    for name in sorted(expression.names) if not sources.unread else ():
        question = QUESTIONS.get(name.removeprefix(ASKED)) if name.startswith(ASKED) else None
        for fact in question.reads if question is not None else ():
            if fact not in known:
                what = f"规则 {rule.code}：{name} 要看要素 {fact}，流程里没有"
                sources.add(
                    rule.file, ("passes_when",), what, f"在流程 {fact.partition('.')[0]} 里加上这个要素"
                )
    if rule.lenient and not any(name.startswith(THRESHOLD) for name in expression.names):
        what = f"规则 {rule.code} 没有用到门槛表，不需要 unknown_threshold"
        sources.add(rule.file, ("unknown_threshold",), what, "删去 unknown_threshold")


def _try(
    rule: RuleDef, place: int, example: RuleExample, expression: Expression, bundle: Bundle, sources: Sources
) -> None:
    path = ("examples", place)
    where = f"规则 {rule.code} 的例子第 {place + 1} 项"
    facts = _facts(rule, place, example, bundle, sources)
    if facts is None:
        return
    chain = [(workflow, facts.get(workflow.tier, {})) for workflow in _in_sight(rule, bundle)]
    looked_up = {key: raw for key, raw in example.facts.items() if key.startswith((*LOOKED_UP, ACTS))}
    newest = {
        f"param.{name}": dated.values[-1].value
        for name, dated in rule.params.items()
        if dated.values and dated.values[-1].value is not None
    }
    try:
        passes = expression.evaluate({**expression.values(chain, newest), **looked_up})
    except MissingFact as missing:
        sources.add(rule.file, path, f"{where}：缺少 {missing.name}，无法判断", f"{missing.name}: ……")
    except ExpressionTrouble as trouble:
        sources.add(rule.file, path, f"{where}：{trouble}", "改正表达式")
    else:
        if passes is not example.passes:
            told, got = ("通过" if answer else "不通过" for answer in (example.passes, passes))
            write = f"passes: {str(passes).lower()}，或改正表达式"
            sources.add(rule.file, path, f"{where}：应{told}，实际{got}", write)


def _facts(
    rule: RuleDef, place: int, example: RuleExample, bundle: Bundle, sources: Sources
) -> dict[str, dict[str, FactValue]] | None:
    """Sort the example's facts by workflow, each of its declared type; ``None`` where one is wrong."""
    known = {
        f"{workflow.tier}.{fact.name}": fact.type
        for workflow in _in_sight(rule, bundle)
        for fact in workflow.facts.values()
    }
    found: dict[str, dict[str, FactValue]] = {}
    good = True
    declared = rule_variables(rule, bundle)
    for key, raw in example.facts.items():
        path = ("examples", place, "facts", key)
        if key.startswith((*LOOKED_UP, ACTS)) and key in declared:
            wanted, word, write = _LOOKED_UP_AS[declared[key]]
            if type(raw) is not wanted:
                sources.add(rule.file, path, f"规则 {rule.code}：{key} 应是{word}", f"{key}: {write}")
                good = False
            continue
        value = _typed(raw, known[key]) if key in known else None
        if key not in known:
            sources.unknown(
                rule.file, path, f"规则 {rule.code}", "要素", key, [*known, *_looked_up(declared)]
            )
        elif value is None:
            write = {"length": "30 days", "date": "2026-11-21", "boolean": "true"}.get(known[key], "1")
            what = f"规则 {rule.code}：{key} 应是 {known[key]} 类型"
            sources.add(rule.file, path, what, f"{key}: {write}")
        if value is None:
            good = False
            continue
        workflow, _, fact = key.partition(".")
        found.setdefault(workflow, {})[fact] = value
    return found if good else None


def _looked_up(declared: Mapping[str, str]) -> list[str]:
    return [name for name in declared if name.startswith((*LOOKED_UP, ACTS))]


def _in_sight(rule: RuleDef, bundle: Bundle) -> list[WorkflowDef]:
    """Return the workflows whose facts the rule may mention: its own tier and those above."""
    above = ancestry(bundle.workflows, rule.workflow)
    return [workflow for name in above for workflow in of_tier(bundle.workflows, name)]


def _typed(raw: object, kind: FactType) -> FactValue | None:
    if isinstance(raw, str) and kind == "length":
        try:
            return read_length(raw)
        except BadInput:
            return None
    wanted = _PYTHON[kind]
    # a boolean is an integer to Python, and never one to the law
    fits = isinstance(raw, wanted) and (wanted is bool or not isinstance(raw, bool))
    return raw if fits else None  # type: ignore[return-value]
