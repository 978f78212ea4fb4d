"""Expressions: typed when they are read, exact when they are asked, honest about what is not known."""

from __future__ import annotations

from datetime import date

import pytest

from engine.matter import FactValue
from engine.reader import read_bundle
from engine.rules import (
    Expression,
    ExpressionFault,
    ExpressionTrouble,
    MissingFact,
    compile_rule,
    params_on,
    variables,
)
from engine.term import Length
from engine.workflow import Bundle
from runtime.settings import SHIPPED_WORKFLOWS


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(SHIPPED_WORKFLOWS)


def values(expression: Expression, bundle: Bundle, **facts: dict[str, FactValue]) -> dict[str, object]:
    return expression.values([(bundle.workflows[name], facts[name]) for name in facts])


def test_an_expression_sees_its_own_facts_and_those_above_it_and_no_others(bundle: Bundle) -> None:
    seen = variables(bundle.workflows, "contract")
    assert seen["contract.amount"] == "integer"
    assert seen["contract.pay_within"] == "integer"
    assert seen["contract.pay_within.unit"] == "string"
    assert seen["given.contract.pay_within"] == "boolean"
    assert seen["project.packages"] == "integer"
    assert "given.contract.amount" not in seen
    assert "breach.corrected" not in seen
    assert not any(name.startswith("instalment.") for name in seen)
    assert "breach.corrected" in variables(bundle.workflows, "case")


def test_a_workflow_named_like_a_word_of_the_language_can_be_asked(bundle: Bundle) -> None:
    declared = variables(bundle.workflows, "package")
    count = Expression("package.contracts", declared, "integer")
    assert count.names == {"package.contracts"}
    assert count.evaluate(values(count, bundle, package={"contracts": 3})) == 3
    with pytest.raises(MissingFact) as missing:
        count.evaluate({})
    assert missing.value.name == "package.contracts"
    quoted = Expression("package.supplier == 'package.contracts'", declared)
    assert quoted.names == {"package.supplier"}
    assert quoted.evaluate(values(quoted, bundle, package={"supplier": "package.contracts"})) is True


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("contract.amout > 1", 9, "没有名为 contract.amout 的要素或函数"),
        ("package.contrcts > 1", 8, "没有名为 package.contrcts 的要素或函数"),
        ("contract.amount > 'x'", 17, "运算 > 两边的类型不符：(int, string)"),
        ("contract.amount + 1", 1, "结果应是 true 或 false，现在是 INT"),
        ("dyn(true)", 1, "结果应是 true 或 false，现在是 DYN"),
        ("contract.amount >", 18, "语法错误"),
        ("(" * 50 + "true" + ")" * 50, 1, "表达式过长或过深"),
    ],
)
def test_a_wrong_expression_is_refused_when_it_is_read(
    bundle: Bundle, source: str, column: int, message: str
) -> None:
    with pytest.raises(ExpressionFault) as fault:
        Expression(source, variables(bundle.workflows, "contract"))
    assert fault.value.message.startswith(message)
    assert fault.value.column == column


def test_a_missing_fact_is_named_only_where_the_answer_depends_on_it(bundle: Bundle) -> None:
    declared = variables(bundle.workflows, "contract")
    either = Expression("contract.supplier_small || contract.amount > 100", declared)
    assert either.evaluate(values(either, bundle, contract={"supplier_small": True})) is True
    with pytest.raises(MissingFact) as missing:
        either.evaluate(values(either, bundle, contract={"supplier_small": False}))
    assert missing.value.name == "contract.amount"


def test_an_impossible_sum_is_trouble_and_never_an_answer(bundle: Bundle) -> None:
    declared = variables(bundle.workflows, "contract")
    for source in ("contract.amount / 0 > 1", "contract.amount + 9223372036854775807 > 1"):
        impossible = Expression(source, declared)
        with pytest.raises(ExpressionTrouble):
            impossible.evaluate(values(impossible, bundle, contract={"amount": 5}))


def test_days_compare_as_days_and_lengths_by_number_and_unit(bundle: Bundle) -> None:
    declared = variables(bundle.workflows, "instalment")
    later = Expression("instalment.accepted_on >= '2026-11-20'", declared)
    for day, answer in ((19, False), (20, True), (21, True)):  # Thursday, Friday, Saturday
        facts = values(later, bundle, instalment={"accepted_on": date(2026, 11, day)})
        assert later.evaluate(facts) is answer
    within = Expression("contract.pay_within <= 10 && contract.pay_within.unit == 'working days'", declared)
    facts = values(within, bundle, instalment={}, contract={"pay_within": Length(10, "working days")})
    assert within.evaluate(facts) is True


def test_a_parameter_is_the_one_in_force_on_the_day_it_is_asked(bundle: Bundle) -> None:
    rule = bundle.rules["R66"]
    assert rule.since == date(2025, 6, 1)  # a Sunday
    assert params_on(rule, date(2025, 5, 31)) == {}  # a Saturday
    in_force = params_on(rule, date(2025, 6, 1))
    assert list(in_force) == ["param.max_days"]
    expression = compile_rule(rule, bundle)
    facts = values(expression, bundle, contract={"supplier_small": True, "pay_within": Length(90, "days")})
    assert expression.evaluate({**facts, **in_force}) is False
    with pytest.raises(MissingFact) as missing:
        expression.evaluate(facts)
    assert missing.value.name == "param.max_days"


def test_the_join_waits_for_every_part(bundle: Bundle) -> None:
    join = Expression(
        bundle.workflows["contract"].actions["complete"].when, variables(bundle.workflows, "contract")
    )
    answers = [
        join.evaluate({"parts.total": total, "parts.open": still})
        for total, still in ((0, 0), (2, 1), (2, 0))
    ]
    assert answers == [False, False, True]
