"""A rule's file as a value: its shape only. 规则"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import cast

from engine.law import Dated, Value
from engine.reading_form import Form, check_name, in_order, read_code
from engine.ruling import Override, RuleDef, RuleExample, Severity
from engine.yamlfile import Faults, Map, Scalar

ORDER = "alert"
"""What an escalation opens where nothing else is said: an order that must be acknowledged. 预警指令"""
_SEVERITIES = ("block", "warn", "escalate")


def read_rule(tree: Map, file: str, faults: Faults) -> RuleDef:
    """Read a rule; ``passes_when`` true means allowed."""
    form = Form(tree, file, faults, "规则")
    code = read_code(form, "rule")
    form.where = f"规则 {code}"
    params: dict[str, Dated[int]] = {}
    inner = form.inner("params", f"{form.where} 的参数")
    for key in inner.node.entries if inner is not None else ():
        assert inner is not None
        check_name(key, inner.line(key), file, faults, "参数")
        params[key] = in_order(_values(inner, key), inner)
    severity = cast(Severity, form.choice("severity", _SEVERITIES) or "block")
    override = _override(form)
    rule = RuleDef(
        code=code,
        title=form.title(),
        workflow=form.text("workflow", required=True),
        expression=form.text("passes_when", required=True),
        severity=severity,
        remedy=form.title("remedy"),
        ground=form.ground(),
        params=params,
        examples=tuple(_examples(form)),
        since=form.day("from"),
        standing=form.flag("standing"),
        opens=form.text("opens") or (ORDER if severity == "escalate" else ""),
        override=override,
        switch=form.switch(),
        lenient=form.choice("unknown_threshold", ("refuse", "note"), "refuse") == "note",
        file=file,
    )
    _look_at_severity(rule, form)
    form.done()
    return rule


def _look_at_severity(rule: RuleDef, form: Form) -> None:
    """Only a block can be passed by override; and what a block opens, it opens when it is passed."""
    if rule.override is not None and rule.severity != "block":
        what = f"severity: {rule.severity} 的规则不拦截，不需要 override"
        form.fault(form.line("override"), what, "删去 override")
    if rule.opens and (rule.severity == "warn" or (rule.severity == "block" and rule.override is None)):
        what = "opens 只用于 severity: escalate，或写了 override 的 block（例外办理时开出）"
        form.fault(form.line("opens"), what, "删去 opens")


def _override(form: Form) -> Override | None:
    """Read ``override: {by: [purchaser_head], lasts: 3 working days, basis: …}``: who may let it pass once."""
    inner = form.inner("override", f"{form.where} 的 override")
    if inner is None:
        return None
    by, lasts, ground = inner.names("by", required=True), inner.length("lasts"), inner.ground()
    inner.done()
    return None if lasts is None else Override(by, lasts, ground)


def _values(form: Form, key: str) -> Iterator[tuple[Value[int], int]]:
    for item in form.several(key, f"参数 {key} ", required=True):
        value = Value(item.integer("value"), since=item.day("from"), ground=item.ground())
        item.done()
        yield value, item.line()


def _examples(form: Form) -> Iterator[RuleExample]:
    for item in form.several("examples", f"{form.where} 的例子", required=True):
        item.get("passes", "passes: true", required=True)
        passes = item.flag("passes")
        facts: dict[str, object] = {}
        inner = item.inner("facts", f"{item.where} 的 facts", required=True)
        for key, node in inner.node.items() if inner is not None else ():
            assert inner is not None
            if isinstance(node, Scalar) and isinstance(node.value, bool | int | str | date):
                facts[key] = node.value
            else:
                inner.fault(node.line, f"{key} 应是一个值", f"{key}: 30 days")
        item.done()
        yield RuleExample(facts, passes)
