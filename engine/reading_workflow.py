"""One workflow file as a `WorkflowDef`: its shape only; what refers to what is checked by `findings`."""

from __future__ import annotations

from typing import cast, get_args

from engine.reading_clock import read_clock
from engine.reading_form import Form, check_name
from engine.workflow import ActionDef, FactDef, FactType, NotBefore, Spawn, StateDef, Window, WorkflowDef
from engine.yamlfile import Faults, Map, Scalar

FACT_TYPES: tuple[str, ...] = get_args(FactType)


def read_workflow(tree: Map, file: str, faults: Faults) -> WorkflowDef:
    """Read a workflow; faults of shape are noted and stand for a default."""
    form = Form(tree, file, faults, "流程")
    name = form.text("workflow", required=True)
    if name:
        check_name(name, form.line("workflow"), file, faults, "流程")
        form.where = f"流程 {name}"
    about = form.text("about", "about: any")
    if about not in ("", "any"):
        form.fault(form.line("about"), f"about 不能是 {about}", "about: any")
    borrowed = form.node.get("includes") is not None
    workflow = WorkflowDef(
        name=name,
        title=form.title(),
        part_of=form.text("part_of"),
        tier=form.text("tier") or name,
        includes=form.names("includes"),
        switch=form.switch(),
        runs_on=form.flag("runs_on"),
        letter=_letter(form),
        about=bool(about),
        facts={key: _fact(key, part) for key, part in form.named("facts", "要素")},
        states={key: _state(key, part) for key, part in form.named("states", "状态", required=not borrowed)},
        actions={
            key: _action(key, part) for key, part in form.named("actions", "操作", required=not borrowed)
        },
        clocks={key: read_clock(key, part) for key, part in form.named("clocks", "计时")},
        spawns=_spawn(form),
        rules=form.names("rules"),
        aside=form.flag("aside"),
        file=file,
    )
    form.text("note")
    form.done()
    return workflow


def read_fragment(tree: Map, file: str, faults: Faults) -> WorkflowDef:
    """Read a fragment of `parts/`: facts, states, actions and clocks that several workflows share. 流程片段"""
    form = Form(tree, file, faults, "片段")
    name = form.text("part", required=True)
    if name:
        check_name(name, form.line("part"), file, faults, "片段")
        form.where = f"片段 {name}"
    fragment = WorkflowDef(
        name=name,
        title=form.title(),
        part_of="",
        about=False,
        facts={key: _fact(key, part) for key, part in form.named("facts", "要素")},
        states={key: _state(key, part) for key, part in form.named("states", "状态")},
        actions={key: _action(key, part) for key, part in form.named("actions", "操作")},
        clocks={key: read_clock(key, part) for key, part in form.named("clocks", "计时")},
        file=file,
    )
    form.text("note")
    form.done()
    return fragment


def _letter(form: Form) -> str:
    """Read ``letter: T``: one capital, which stands in the numbers of such matters."""
    letter = form.text("letter")
    if letter and not (len(letter) == 1 and "A" <= letter <= "Z"):
        form.fault(form.line("letter"), f"letter 不能是 {letter}：应是一个大写字母", "letter: T")
    return letter


def _fact(name: str, form: Form) -> FactDef:
    kind = cast(FactType, form.choice("type", FACT_TYPES) or "text")
    fact = FactDef(name, kind, form.title(), form.flag("optional"), _options(form), form.text("initially"))
    if fact.initially and name != "level":
        form.fault(form.line("initially"), "initially 只用于督办件、预警指令的 level", "删去 initially")
    if fact.options and kind != "text":
        form.fault(form.line("options"), "只有文字要素可以有 options", "type: text")
    form.done()
    return fact


def _options(form: Form) -> tuple[tuple[str, str], ...]:
    """Read ``options: {goods: 货物, …}``: the values that a text may have."""
    inner = form.inner("options", f"{form.where} 的 options")
    found: list[tuple[str, str]] = []
    for key in inner.node.entries if inner is not None else ():
        assert inner is not None
        check_name(key, inner.line(key), form.file, form.faults, "选项")
        found.append((key, inner.text(key, f"{key}: 中文名", required=True)))
    return tuple(found)


def _state(name: str, form: Form) -> StateDef:
    state = StateDef(
        name, form.title(), form.flag("initial"), form.flag("final"), form.names("blocks"), form.flag("freezes"),
        form.text("basis"), form.names("stops"),
    )  # fmt: skip
    if (state.blocks or state.freezes or state.stops) and not state.basis:
        form.fault(form.line(), "写了 blocks、freezes 或 stops，缺少依据", "basis: 政府采购法实施条例 第54条")
    form.done()
    return state


def _action(name: str, form: Form) -> ActionDef:
    action = ActionDef(
        name=name,
        title=form.title(),
        sources=form.names("from", required=True),
        besides=form.names("besides"),
        occasional=form.flag("occasional"),
        switch=form.switch(),
        applies_when=form.text("applies_when"),
        applies_to=form.text("applies_to"),
        to=form.text("to") or None,
        by=form.names("by"),
        needs=form.names("needs"),
        evidence=form.names("evidence"),
        rules=form.names("rules"),
        checklists=form.names("checklists"),
        spawns=_spawn(form),
        automatic=form.flag("automatic"),
        when=form.text("when"),
        needs_reason=form.flag("needs_reason"),
        sets=_sets(form),
        for_parts=form.names("for_parts"),
        for_about=form.text("for_about"),
        twins=form.flag("twins"),
        undoes=form.names("undoes"),
        reopens=form.flag("reopens"),
        opens=form.text("opens"),
        climbs=form.flag("climbs"),
        hands_to=form.text("hands_to"),
        not_before=_not_before(form),
        window=_window(form),
    )
    for kind in action.evidence:
        check_name(kind, form.line("evidence"), form.file, form.faults, "附件")
    form.text("note")
    form.done()
    return action


def _not_before(form: Form) -> NotBefore | None:
    """Read ``not_before: {fact: 要素, basis: 条文}``."""
    inner = form.inner("not_before", f"{form.where} 的 not_before")
    if inner is None:
        return None
    found = NotBefore(inner.text("fact", required=True), inner.text("basis", required=True))
    inner.done()
    return found


def _window(form: Form) -> Window | None:
    """Read ``window: {term: 期限, after: 计时, title: …}``."""
    inner = form.inner("window", f"{form.where} 的 window")
    if inner is None:
        return None
    window = Window(inner.text("term", required=True), inner.text("after", required=True), inner.title())
    inner.done()
    return window


def _sets(form: Form) -> tuple[tuple[str, str], ...]:
    inner = form.inner("sets", f"{form.where} 的 sets")
    found: list[tuple[str, str]] = []
    for fact in inner.node.entries if inner is not None else ():
        assert inner is not None
        found.append((fact, inner.text(fact, f"{fact}: day", required=True)))
    return tuple(found)


def _spawn(form: Form) -> Spawn | None:
    inner = form.inner("spawns", f"{form.where} 的 spawns")
    if inner is None:
        return None
    workflow = inner.text("workflow", required=True)
    node = inner.get("count", "count: 1")
    count = str(node.value) if isinstance(node, Scalar) and isinstance(node.value, int | str) else "1"
    if node is not None and not isinstance(node, Scalar):
        inner.fault(node.line, "count 应是整数表达式", "count: contract.instalments")
    which = inner.text("which")
    with_facts = inner.flag("with_facts")
    if with_facts and (which or count != "1"):
        inner.fault(inner.line("with_facts"), "with_facts 只用于一次开出一件", "删去 count 和 which")
    inner.done()
    return Spawn(workflow, count, which, with_facts) if workflow else None
