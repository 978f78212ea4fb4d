"""One term or one rule of the law on a page: its numbers with their articles, who uses it, what differs locally."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from commands.clock_page import CONFIDENCES
from commands.printing import pick, table
from commands.words import SEVERITIES, length_words, roles, word
from engine.law import Dated, Ground, Value
from engine.lawbook import Use, asked_at, local_values, spans, uses
from engine.ruling import RuleDef, RuleExample
from engine.term import Length
from engine.title import Title
from engine.workflow import ActionDef, Bundle, TermDef

_KINDS = {
    "max": ("最长期限：到期前须办结", "MAX: finish before it ends"),
    "min": ("最短期限：期满前不得办理", "MIN: not before it ends"),
    "backward": ("最短期限，自受约束之日倒推", "MIN, counted back from the guarded day"),
    "whole": ("最短期限，最后一日也在期内", "MIN, its last day included"),
    "ahead": ("最早可以提前的时间", "MIN, no earlier than so long before"),
}
_ENDS = {"close": ("最后一日下班时", "at close of business"), "midnight": ("最后一日24:00", "at 24:00")}
_LONG = 76
_PAUSE = re.compile(r" (\|\||&&|\?|:) ")


def kind_of(term: TermDef) -> str:
    """Return how the term counts: ``max``, ``min``, or which kind of minimum."""
    own = {"backward": term.backward, "whole": term.whole, "ahead": term.ahead}
    return next((name for name, said in own.items() if said), term.kind)


def term_as_data(term: TermDef, bundle: Bundle, today: date) -> dict[str, Any]:
    """Return everything that ``term_page`` shows, for JSON."""
    extend = term.extend
    now = term.statutory.on(today)
    return {
        "what": "term",
        "code": term.code,
        "name": term.name,
        "title": _both(term.title),
        "file": term.file,
        "kind": term.kind,
        "counts": kind_of(term) if kind_of(term) != term.kind else "forward",
        "ends": term.ends,
        "note": term.note or None,
        "statutory": [
            {"limit": v.value, **_dates(v, until), **_ground(v.ground)} for v, until in spans(term.statutory)
        ],
        "extension": {"most": extend.most, **_ground(extend.ground)} if extend else None,
        "clocks": [
            {"workflow": use.workflow.name, "workflow_title": use.workflow.title.zh, **_used(use)}
            for use in uses(bundle, term)
        ],
        "profiles": [
            {
                "profile": own.profile.name,
                "profile_title": own.profile.title.zh,
                "clock": own.key,
                "clock_title": own.clock.title.zh,
                "promise": own.promised.value.limit if own.promised.value else None,
                "ends": own.promised.value.ends if own.promised.value else None,
                "statutory": now.value if now else None,
                **_dates(own.promised, own.until),
                **_ground(own.promised.ground),
            }
            for own in local_values(bundle, term)
        ],
    }


def rule_as_data(rule: RuleDef, bundle: Bundle) -> dict[str, Any]:
    """Return everything that ``rule_page`` shows, for JSON."""
    override = rule.override
    return {
        "what": "rule",
        "code": rule.code,
        "name": rule.code,
        "title": _both(rule.title),
        "file": rule.file,
        "workflow": rule.workflow,
        "severity": rule.severity,
        "from": rule.since,
        "standing": rule.standing,
        "opens": rule.opens or None,
        "expression": rule.expression,
        "remedy": _both(rule.remedy),
        **_ground(rule.ground),
        "params": {
            name: [{"value": v.value, **_dates(v, until), **_ground(v.ground)} for v, until in spans(dated)]
            for name, dated in rule.params.items()
        },
        "override": override
        and {"by": list(override.by), "lasts": override.lasts, **_ground(override.ground)},
        "examples": [{"passes": e.passes, "facts": e.facts} for e in rule.examples],
        "asked_at": [
            {
                "workflow": asked.workflow.name,
                "workflow_title": asked.workflow.title.zh,
                "action": asked.action.name if asked.action else None,
                "action_title": asked.action.title.zh if asked.action else None,
            }
            for asked in asked_at(bundle, rule)
        ],
    }


def term_page(term: TermDef, bundle: Bundle, lang: str, today: date) -> str:
    """Lay a term out for a person who checks it against the text of the law."""
    lines = [
        (pick(lang, "名称", "name"), term.name),
        (pick(lang, "种类", "kind"), f"{term.kind.upper()}  {word(_KINDS, kind_of(term), lang)}"),
        (pick(lang, "截止", "ends"), word(_ENDS, term.ends, lang)),
        (pick(lang, "文件", "file"), term.file),
    ]
    lines += [(pick(lang, "说明", "note"), term.note)] if term.note else []
    parts = [table(lines, (term.code, term.title.in_(lang)))]
    if list(term.statutory):
        parts.append(_values(pick(lang, "法定期限", "limit"), term.statutory, lang))
    else:
        parts.append(pick(lang, "没有法定的数值，由合同约定或地方方案承诺。", "No law gives a number."))
    if term.extend is not None:
        most = Dated((Value(term.extend.most, term.extend.ground),))
        parts.append(_values(pick(lang, "延期至多", "extension"), most, lang))
    used = [(use.workflow.name, use.workflow.title.in_(lang), *_use(use, lang)) for use in uses(bundle, term)]
    if used:
        parts.append(table(used, pick(lang, "流程 名称 计时 名称", "workflow title clock title").split()))
    else:
        parts.append(pick(lang, "没有计时使用这个期限。", "No clock counts this term."))
    local = _local(term, bundle, lang, today)
    return "\n\n".join([*parts, local] if local else parts)


def rule_page(rule: RuleDef, bundle: Bundle, lang: str) -> str:
    """Lay a rule out for a person who checks it against the text of the law."""
    ground = rule.ground
    lines: list[tuple[str, object]] = [
        (pick(lang, "处置", "severity"), word(SEVERITIES, rule.severity, lang)),
        (pick(lang, "生效日", "from"), rule.since),
        (pick(lang, "依据", "basis"), ground.basis),
        (pick(lang, "核对", "checked"), f"{ground.checked_on}  {word(CONFIDENCES, ground.confidence, lang)}"),
        (pick(lang, "放行条件", "passes when"), broken(rule.expression)),
        (pick(lang, "怎么办", "remedy"), rule.remedy.in_(lang)),
        (pick(lang, "文件", "file"), rule.file),
    ]
    if ground.note:
        lines.append((pick(lang, "说明", "note"), ground.note))
    if rule.switch:
        lines.append((pick(lang, "何处", "where"), f"switches: {rule.switch}"))
    if rule.standing:
        lines.append(
            (pick(lang, "随时", "standing"), pick(lang, "要素一变就再问", "whenever a fact changes"))
        )
    if rule.opens:
        lines.append((pick(lang, "开出", "opens"), bundle.workflows[rule.opens].title.in_(lang)))
    parts = [table(lines, (rule.code, rule.title.in_(lang)))]
    parts += [
        f"{pick(lang, '参数', 'parameter')} {name}\n\n{_values(pick(lang, '数值', 'value'), dated, lang)}"
        for name, dated in rule.params.items()
    ]
    if rule.override is not None:
        by = pick(lang, "例外由", "override by ") + roles(rule.override.by, lang)
        lasts = Dated((Value(rule.override.lasts, rule.override.ground),))
        parts.append(f"{by}\n\n{_values(pick(lang, '批准后有效', 'lasts'), lasts, lang)}")
    else:
        parts.append(pick(lang, "没有例外。", "Nobody can let it pass.") if rule.severity == "block" else "")
    examples = [
        (pick(lang, "通过", "passes") if e.passes else pick(lang, "不通过", "fails"), _facts(e))
        for e in rule.examples
    ]
    parts.append(table(examples, pick(lang, "例子 要素", "example facts").split()))
    opening = pick(lang, "（开立时）", "(at its opening)")
    rows = [
        (a.workflow.name, a.workflow.title.in_(lang), *_act(a.action, opening, lang))
        for a in asked_at(bundle, rule)
    ]
    heads = pick(lang, "流程 名称 操作 名称", "workflow title action title").split()
    unasked = pick(lang, "没有操作会问到这条规则。", "No action asks this rule.")
    parts.append(table(rows, heads) if rows else unasked)
    return "\n\n".join(part for part in parts if part)


def value_words(value: Length | int | None, lang: str) -> str:
    """A length or a plain number; a dash is left to whoever has none."""
    if value is None:
        return pick(lang, "废止", "repealed")
    return length_words(value, lang) if isinstance(value, Length) else str(value)


def _values(head: str, dated: Dated[Any], lang: str) -> str:
    """Lay out dated values with their grounds; the notes have a column only where there are any."""
    noted = any(value.ground.note for value in dated)
    heads = [head, *pick(lang, "生效日 至 依据 核对 把握", "from until basis checked confidence").split()]
    heads += [pick(lang, "说明", "note")] if noted else []
    rows = []
    for value, until in spans(dated):
        ground = value.ground
        row = [value_words(value.value, lang), value.since, until, ground.basis, ground.checked_on]
        row += [word(CONFIDENCES, ground.confidence, lang)]
        rows.append([*row, ground.note or None] if noted else row)
    return table(rows, heads)


def _local(term: TermDef, bundle: Bundle, lang: str, today: date) -> str:
    """Lay out what profiles promise, with the statutory value of today beside it."""
    now = term.statutory.on(today)
    law = value_words(now.value, lang) if now is not None else None
    rows = [
        (
            own.profile.name,
            own.clock.title.in_(lang),
            value_words(own.promised.value.limit if own.promised.value else None, lang),
            law,
            own.promised.since,
            own.promised.ground.basis,
            own.promised.ground.checked_on,
            word(CONFIDENCES, own.promised.ground.confidence, lang),
        )
        for own in local_values(bundle, term)
    ]
    heads = pick(
        lang,
        "地方方案 计时 承诺 法定 生效日 依据 核对 把握",
        "profile clock promise statutory from basis checked confidence",
    )
    return table(rows, heads.split()) if rows else ""


def _used(use: Use) -> dict[str, Any]:
    if use.clock is not None:
        return {
            "clock": use.clock.name,
            "clock_title": use.clock.title.zh,
            "profile": use.clock.profile or None,
        }
    assert use.window is not None
    return {"window_of": use.window.name, "window_title": _window(use).zh}


def _use(use: Use, lang: str) -> tuple[str, str]:
    if use.clock is not None:
        only = pick(lang, f"（只在方案 {use.clock.profile}）", f" (only {use.clock.profile})")
        return use.clock.name, use.clock.title.in_(lang) + (only if use.clock.profile else "")
    assert use.window is not None
    return use.window.name, pick(lang, "期间：", "window: ") + _window(use).in_(lang)


def _window(use: Use) -> Title:
    assert use.window is not None
    assert use.window.window is not None
    return use.window.window.title


def _act(action: ActionDef | None, opening: str, lang: str) -> tuple[str | None, str]:
    return (None, opening) if action is None else (action.name, action.title.in_(lang))


def _facts(example: RuleExample) -> str:
    """Write the facts of an example as a person hands them in: ``contract.pay_within=61 days``."""
    return "\n".join(f"{name}={_plain(value)}" for name, value in example.facts.items())


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def broken(expression: str) -> str:
    """Break a long expression before its ands, ors and choices, where a reader pauses."""
    if len(expression) <= _LONG:
        return expression
    return _PAUSE.sub(r"\n\1 ", expression)


def _both(title: Title) -> dict[str, str]:
    return {"zh": title.zh, "en": title.en}


def _dates(value: Value[Any], until: date | None) -> dict[str, Any]:
    return {"from": value.since, "until": until}


def _ground(ground: Ground) -> dict[str, Any]:
    return {
        "basis": ground.basis,
        "checked_on": ground.checked_on,
        "confidence": ground.confidence,
        "note": ground.note or None,
    }
