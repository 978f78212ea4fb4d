"""Whether a rule compiles and its examples give the answers that they promise."""

from __future__ import annotations

from datetime import date

from engine.errors import BadInput
from engine.findings_source import Sources
from engine.findings_workflow import describe
from engine.matter import FactValue
from engine.rules import (
    Expression,
    ExpressionFault,
    ExpressionTrouble,
    MissingFact,
    ancestry,
    compile_rule,
    values_of,
    variables,
)
from engine.term import Length, read_length
from engine.workflow import Bundle, FactType, RuleDef, RuleExample

_PYTHON: dict[FactType, type] = {
    "money": int,
    "integer": int,
    "boolean": bool,
    "text": str,
    "link": str,
    "date": date,
    "length": Length,
}


def look_at_rule(rule: RuleDef, bundle: Bundle, sources: Sources) -> None:
    """Compile ``rule`` and run its examples, each parameter at its newest value."""
    if not rule.workflow:
        return
    if rule.workflow not in bundle.workflows:
        sources.unknown(
            rule.file, ("workflow",), f"规则 {rule.code}", "流程", rule.workflow, bundle.workflows
        )
        return
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
    for place, example in enumerate(rule.examples):
        _try(rule, place, example, expression, bundle, sources)


def _compile(rule: RuleDef, bundle: Bundle, sources: Sources) -> Expression | None:
    if not rule.expression:
        return None
    try:
        return compile_rule(rule, bundle.workflows)
    except ExpressionFault as fault:
        if fault.unknown.removeprefix("given.").partition(".")[0] in sources.unread:
            return None
        declared = variables(bundle.workflows, rule.workflow, rule.params)
        what, write = describe(fault, rule.expression, "passes_when", declared, "boolean")
        sources.add(rule.file, ("passes_when",), f"规则 {rule.code}：{what}", write)
        return None


def _try(
    rule: RuleDef, place: int, example: RuleExample, expression: Expression, bundle: Bundle, sources: Sources
) -> None:
    path = ("examples", place)
    where = f"规则 {rule.code} 的例子第 {place + 1} 项"
    facts = _facts(rule, place, example, bundle, sources)
    if facts is None:
        return
    chain = [
        (name, bundle.workflows[name], facts.get(name, {}))
        for name in ancestry(bundle.workflows, rule.workflow)
    ]
    newest = {
        f"param.{name}": dated.values[-1].value
        for name, dated in rule.params.items()
        if dated.values and dated.values[-1].value is not None
    }
    try:
        passes = expression.evaluate(values_of(chain, newest))
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
        f"{name}.{fact.name}": fact.type
        for name in ancestry(bundle.workflows, rule.workflow)
        for fact in bundle.workflows[name].facts.values()
    }
    found: dict[str, dict[str, FactValue]] = {}
    good = True
    for key, raw in example.facts.items():
        path = ("examples", place, "facts", key)
        value = _typed(raw, known[key]) if key in known else None
        if key not in known:
            sources.unknown(rule.file, path, f"规则 {rule.code}", "要素", key, known)
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
