"""Terms, ladders, profiles and messages as values: their shape only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, cast

from engine.errors import BadInput
from engine.law import Dated, Value
from engine.reading_clock import read_clock
from engine.reading_form import Form, check_name, in_order, nearest, read_code
from engine.term import Ends, Length, read_length
from engine.workflow import (
    MOMENTS,
    ClockDef,
    Does,
    Extension,
    LadderDef,
    MomentName,
    ProfileDef,
    Promise,
    ProviderText,
    Rung,
    RungTime,
    TermDef,
    TextDef,
)
from engine.yamlfile import Faults, Map, Scalar

BASES = ("start", *MOMENTS, "referral")
CHANNELS = ("sms", "email", "wecom", "dingtalk")
"""The channels that a rung may tell persons by."""
LONGEST_PARAMETER = {"aliyun": 35, "tencent": 6, "yunmas": 0}
"""SMS providers that keep texts as templates, and how many characters they take in one parameter unless the
account's own limit (``longest``) is written; 0: none is known. Tencent: accounts opened since 2024-01-25."""
_AT = re.compile(r"(?:(closing)\(\s*(\w+)\s*\)|(\w+))(?:\s*([+-])\s*(\d[^+-]*))?")
_AT_WRITE = "promise、closing(promise) - 2 hours 或 referral + 2 working days"
_ENDS = ("close", "midnight")
_COUNTS = ("backward", "forward", "whole", "ahead")


def read_term(tree: Map, file: str, faults: Faults) -> TermDef:
    """Read a term; ``statutory: []`` says that no law gives a number."""
    form = Form(tree, file, faults, "期限")
    name = _name(form, "term", "期限")
    term = TermDef(
        name=name,
        code=read_code(form, "code"),
        kind=cast(Literal["max", "min"], form.choice("kind", ("max", "min")) or "max"),
        ends=cast(Ends, form.choice("ends", _ENDS) or "midnight"),
        title=form.title(),
        statutory=in_order(_statutory(form), form),
        file=file,
        extend=_extension(form),
        backward=(counts := form.choice("counts", _COUNTS, "forward")) == "backward",
        whole=counts == "whole",
        ahead=counts == "ahead",
        note=form.text("note"),
    )
    if counts != "forward":
        _look_at_counts(term, counts, form)
    form.done()
    return term


def _look_at_counts(term: TermDef, counts: str, form: Form) -> None:
    """Only a minimum counts back, and only from a day: hours and minutes have no day to count from."""
    if term.kind == "max":
        write = "删去 counts，或写 kind: min"
        form.fault(form.line("counts"), f"counts: {counts} 只用于 kind: min 的期限", write)
    for value in term.statutory if term.backward or term.ahead else ():
        if value.value is not None and value.value.unit in ("hours", "minutes"):
            what = f"倒推期限不能用{value.value.in_chinese()}"
            form.fault(form.line("statutory"), what, "15 days 或 3 working days")


def _extension(form: Form) -> Extension | None:
    """Read ``extend: {most: 15 days, basis: …}``: how far the law lets the term be extended."""
    inner = form.inner("extend", f"{form.where} 的 extend")
    if inner is None:
        return None
    most = inner.length("most")
    ground = inner.ground()
    inner.done()
    return Extension(most, ground) if most is not None else None


def _statutory(form: Form) -> Iterator[tuple[Value[Length], int]]:
    for item in form.several("statutory", f"{form.where} 的 statutory ", required=True):
        since = item.day("from")
        node = item.get("limit", "limit: 30 days", required=True)
        # `repealed` ends a value without putting another in its place
        repealed = isinstance(node, Scalar) and node.value == "repealed"
        limit = None if repealed or node is None else item.length("limit")
        value = Value(limit, item.ground(), since)
        item.done()
        yield value, item.line()


def read_profile(tree: Map, file: str, faults: Faults) -> ProfileDef:
    """Read a profile: promises per ``workflow.clock``, and the moment that cases refer on."""
    form = Form(tree, file, faults, "地方时限方案")
    name = _name(form, "profile", "地方时限方案", dashes=True)
    extends = form.text("extends")
    # left empty, it is that of the profile built upon
    said = not extends or "refers_on" in tree
    refers_on = form.choice("refers_on", MOMENTS) or "statutory" if said else ""
    promises: dict[str, Dated[Promise]] = {}
    inner = form.inner("promises", f"{form.where} 的承诺", required=not extends)
    for key in inner.node.entries if inner is not None else ():
        assert inner is not None
        promises[key] = in_order(_promises(inner, key), inner)
    back = form.length("record_back") if "record_back" in tree else None
    if back is not None and back.unit != "working days":
        form.fault(form.line("record_back"), "record_back 应以工作日计", "record_back: 3 working days")
    profile = ProfileDef(
        name=name,
        title=form.title(),
        refers_on=cast(MomentName, refers_on),
        promises=promises,
        clocks=tuple(_local_clocks(form, name)),
        extends=extends,
        switches=frozenset(form.names("switches")),
        record_back=back,
        file=file,
        note=form.text("note"),
    )
    form.done()
    return profile


def _local_clocks(form: Form, profile: str) -> Iterator[tuple[str, ClockDef]]:
    """Read ``clocks: {workflow.clock: {...}}``: clocks that the profile alone brings."""
    inner = form.inner("clocks", f"{form.where} 的计时")
    for key in inner.node.entries if inner is not None else ():
        assert inner is not None
        workflow, _, name = key.partition(".")
        if not name:
            inner.fault(inner.line(key), f"{key} 应写成 流程.计时", "package.decide_in_a_day: {……}")
            continue
        check_name(name, inner.line(key), form.file, form.faults, "计时")
        part = inner.inner(key, f"计时 {key}", required=True)
        if part is not None:
            yield workflow, read_clock(name, part, profile=profile)


def _promises(form: Form, key: str) -> Iterator[tuple[Value[Promise], int]]:
    for item in form.several(key, f"承诺 {key} "):
        since = item.day("from")
        limit = item.length("limit")
        ends = item.choice("ends", _ENDS) or "midnight"
        promise = None if limit is None else Promise(limit, cast(Ends, ends))
        value = Value(promise, item.ground(), since)
        item.done()
        yield value, item.line()


def read_ladder(tree: Map, file: str, faults: Faults) -> LadderDef:
    """Read a ladder with its rungs in order."""
    form = Form(tree, file, faults, "督办规则")
    name = _name(form, "ladder", "督办规则")
    rungs = tuple(_rung(item) for item in form.several("rungs", f"{form.where}", required=True))
    form.text("note")
    form.done()
    return LadderDef(name, rungs, file)


def _rung(form: Form) -> Rung:
    name = form.text("name", required=True)
    if name:
        check_name(name, form.line("name"), form.file, form.faults, "督办级")
        form.where = f"督办级 {name}"
    does = form.choice("does", ("remind", "warn", "open", "act"))
    opens = form.text("opens")
    if does == "open" and not opens:
        form.fault(form.line(), "does: open 缺少 opens", "opens: case")
    if does and does != "open" and opens:
        form.fault(form.line("opens"), f"does: {does} 不能有 opens", "does: open")
    action = form.text("action")
    if does == "act" and not action:
        form.fault(form.line(), "does: act 缺少 action", "action: draft_referral")
    if does and does != "act" and action:
        form.fault(form.line("action"), f"does: {does} 不能有 action", "does: act")
    at_top = form.text("at_top")
    if does and does != "act" and at_top:
        form.fault(form.line("at_top"), f"does: {does} 不能有 at_top", "does: act")
    via = form.names("via", required=True)
    for channel in via:
        if channel not in CHANNELS:
            form.fault(form.line("via"), f"没有渠道 {channel}", "、".join(CHANNELS))
    rung = Rung(
        name=name,
        does=cast(Does, does or "remind"),
        at=_rung_time(form),
        tells=form.names("tells", required=True),
        via=via,
        message=form.text("message", required=True),
        opens=opens,
        action=action,
        at_top=at_top,
        switch=form.switch(),
    )
    form.done()
    return rung


def _rung_time(form: Form) -> RungTime:
    text = form.text("at", _AT_WRITE, required=True)
    match = _AT.fullmatch(text)
    if not text:
        return RungTime("start")
    base = (match[2] or match[3]) if match else ""
    if match is None or base not in BASES:
        form.fault(form.line("at"), f"看不懂的时刻 {text}", _AT_WRITE)
        return RungTime("start")
    offset = None
    if match[5]:
        try:
            offset = read_length(match[5])
        except BadInput:
            form.fault(form.line("at"), f"看不懂的时间长度 {match[5].strip()}", "2 hours、1 working day")
    if base == "start" and (match[1] or match[4] == "-"):
        form.fault(form.line("at"), f"起算点不能写成 {text}", "start 或 start + 1 working day")
    # a base outside of BASES was refused above
    return RungTime(cast(Any, base), bool(match[1]), -1 if match[4] == "-" else 1, offset)


def read_text(tree: Map, file: str, faults: Faults) -> TextDef:
    """Read the wording of a message; ``params`` says how long each value may be in an SMS."""
    form = Form(tree, file, faults, "文案")
    name = _name(form, "message", "文案")
    params: dict[str, int] = {}
    inner = form.inner("params", f"{form.where} 的 params", required=True)
    for key in inner.node.entries if inner is not None else ():
        assert inner is not None
        params[key] = inner.integer(key) or 0
    text = TextDef(
        name=name,
        subject=form.text("subject", required=True),
        body=form.text("body", required=True),
        sms=form.text("sms"),
        params=params,
        file=file,
        providers=dict(_provider_texts(form)),
    )
    form.text("note")
    form.done()
    return text


def _provider_texts(form: Form) -> Iterator[tuple[str, ProviderText]]:
    """Read ``providers: {aliyun: {code: SMS_1, approved: 2026-11-01, params: [code, name]}}``."""
    inner = form.inner("providers", f"{form.where} 的 providers")
    for provider in inner.node.entries if inner is not None else ():
        assert inner is not None
        part = inner.inner(provider, f"{form.where} 在 {provider} 的模板", required=True)
        if provider not in LONGEST_PARAMETER:
            inner.fault(
                inner.line(provider), f"不认识的短信服务商 {provider}", nearest(provider, LONGEST_PARAMETER)
            )
        elif part is not None:
            yield provider, _provider_text(provider, part)


def _provider_text(provider: str, form: Form) -> ProviderText:
    own = form.get("longest") is not None
    text = ProviderText(
        provider=provider,
        code=form.text("code", "code: SMS_123456789（只有数字的编号要加引号）", required=True),
        params=form.names("params", required=True),
        approved=form.day("approved"),
        longest=(form.integer("longest") if own else None) or LONGEST_PARAMETER[provider],
    )
    form.done()
    return text


def _name(form: Form, key: str, word: str, *, dashes: bool = False) -> str:
    name = form.text(key, required=True)
    if name:
        plain = name.replace("-", "_") if dashes else name
        check_name(plain, form.line(key), form.file, form.faults, word)
        form.where = f"{word} {name}"
    return name
