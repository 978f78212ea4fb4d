"""The page of a rule: what it asks, where, in words and as written, with its numbers, articles and examples."""

from __future__ import annotations

from collections.abc import Iterator

from commands.book_condition import condition_lines
from commands.book_names import Names
from commands.book_words import (
    GROUND_HEADS,
    Links,
    bullets,
    code,
    ground_cells,
    ground_line,
    heading,
    joined,
    plain,
    remark_lines,
    section,
    since,
    table,
)
from commands.law_page import broken
from commands.words import SEVERITIES, roles
from engine.crossing import lists_of, names_of, tables_of
from engine.lawbook import asked_at, spans
from engine.questions import QUESTIONS
from engine.remarks import everywhere
from engine.ruling import RuleDef, RuleExample
from engine.workflow import Bundle

_DOES = {
    "block": "条件不成立的，不许办。",
    "warn": "条件不成立的，写明理由以后可以办。",
    "escalate": "条件不成立的，照常可以办，同时开出一件须有人签收的事。",
}


def rule_book_page(rule: RuleDef, bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle)
    names = Names(bundle, bundle.workflows[rule.workflow], rule.params)
    return joined(
        [
            heading(rule.title, rule.code),
            bullets(_facts(rule, links)),
            remark_lines(everywhere(bundle.files.get(rule.file, ""))),
            section(
                "依据", table(("生效日", *GROUND_HEADS), [(since(rule.since), *ground_cells(rule.ground))])
            ),
            section("在哪里核对", _asked(rule, bundle, links)),
            section("条件：这样才通过", _condition(rule, names)),
            section("条件里的名称", _glossary(rule, bundle, names)),
            section("参数", _params(rule)),
            section("门槛和词表", _looked_up(rule, bundle, links)),
            section("不通过时怎么办", plain(rule.remedy.zh)),
            section("例外", _override(rule)),
            section("例子", _examples(rule, names)),
            f"文件：{code(f'workflows/{rule.file}')}。{links.home()}",
        ]
    )


def _facts(rule: RuleDef, links: Links) -> Iterator[str]:
    yield f"处置：**{SEVERITIES[rule.severity][0]}**。{_DOES[rule.severity]}"
    if rule.opens:
        when = "批准例外办理的" if rule.severity == "block" else "条件不成立的"
        yield f"{when}，开出：{links.named(rule.opens)}。"
    yield f"针对：{links.named(rule.workflow)}。"
    if rule.switch:
        yield f"只在方案打开 {code(rule.switch)} 的地方核对。"
    if rule.standing:
        yield "不只在下列操作时核对：所看的要素一变，就再核对一次。"
    if rule.lenient:
        yield "门槛表里没有相应数额的：写明未判断，照办。"


def _asked(rule: RuleDef, bundle: Bundle, links: Links) -> str:
    """Say at which actions it is asked; workflows with the same actions stand in one row."""
    by_action: dict[str, list[str]] = {}
    for asked in asked_at(bundle, rule):
        action = asked.action
        what = f"{plain(action.title.zh)}\n{code(action.name)}" if action else "开立时"
        by_action.setdefault(what, []).append(links.workflow(asked.workflow))
    rows = [(what, "、".join(flows)) for what, flows in by_action.items()]
    return table(("操作", "流程"), rows) if rows else "没有操作核对这条规则。"


def _condition(rule: RuleDef, names: Names) -> str:
    spoken = "\n".join(condition_lines(rule.expression, names))
    return f"{spoken}\n\n文件里的写法（CEL），以它为准：\n\n```\n{broken(rule.expression)}\n```"


def _glossary(rule: RuleDef, bundle: Bundle, names: Names) -> str:
    rows = []
    paths = {name.removeprefix("given.") for name in names_of(bundle, rule) if not name.startswith("param.")}
    for path in names.in_order(paths):
        head, _, rest = path.partition(".")
        meaning = QUESTIONS[rest].doc if head == "asked" else names.label(path)
        rows.append((code(path), plain(meaning), plain(names.kind(path))))
    return table(("写法", "意思", "类型"), rows) if rows else ""


def _params(rule: RuleDef) -> str:
    rows = [
        (code(name), value.value, since(value.since), until or "", *ground_cells(value.ground))
        for name, dated in rule.params.items()
        for value, until in spans(dated)
    ]
    return table(("参数", "数值", "从", "到", *GROUND_HEADS), rows) if rows else ""


def _looked_up(rule: RuleDef, bundle: Bundle, links: Links) -> str:
    tables = [f"门槛表：{links.threshold(found)}" for found in tables_of(bundle, rule)]
    lists = [bundle.words[name] for name in lists_of(bundle, rule)]
    return bullets(
        [
            *tables,
            *(
                f"词表：{plain(known.title.zh)}，{len(known.words)} 个字词（{code(f'workflows/{known.file}')}）；{ground_line(known.ground)}"
                for known in lists
            ),
        ]
    )


def _override(rule: RuleDef) -> str:
    if rule.override is None:
        return "谁也不能例外。" if rule.severity == "block" else ""
    own = rule.override
    return (
        f"办理人申请，由{roles(own.by, 'zh')}批准，可以例外办理一次；批准后 {own.lasts.in_chinese()}内没有用的失效。\n\n"
        f"依据：{ground_line(own.ground)}"
    )


def _examples(rule: RuleDef, names: Names) -> str:
    rows = [("通过" if one.passes else "**不通过**", _given(one, names)) for one in rule.examples]
    return table(("结果", "要素"), rows) if rows else ""


def _given(example: RuleExample, names: Names) -> str:
    return "\n".join(plain(names.said(path, value)) for path, value in example.facts.items())
