"""One workflow file as a `WorkflowDef`: its shape only; what refers to what is checked by `findings`."""

from __future__ import annotations

from typing import cast, get_args

from engine.reading_form import Form, check_name
from engine.workflow import (
    ActionDef,
    ClockDef,
    FactDef,
    FactType,
    Spawn,
    StateDef,
    Trigger,
    WorkflowDef,
)
from engine.yamlfile import Faults, Map, Scalar, Seq

FACT_TYPES: tuple[str, ...] = get_args(FactType)
_TRIGGERS = ("action", "state", "fact")


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
    workflow = WorkflowDef(
        name=name,
        title=form.title(),
        part_of=form.text("part_of"),
        about=bool(about),
        facts={key: _fact(key, part) for key, part in form.named("facts", "要素")},
        states={key: _state(key, part) for key, part in form.named("states", "状态", required=True)},
        actions={key: _action(key, part) for key, part in form.named("actions", "操作", required=True)},
        clocks={key: _clock(key, part) for key, part in form.named("clocks", "计时")},
        spawns=_spawn(form),
        file=file,
    )
    form.text("note")
    form.done()
    return workflow


def _fact(name: str, form: Form) -> FactDef:
    fact = FactDef(
        name, cast(FactType, form.choice("type", FACT_TYPES) or "text"), form.title(), form.flag("optional")
    )
    form.done()
    return fact


def _state(name: str, form: Form) -> StateDef:
    state = StateDef(name, form.title(), form.flag("initial"), form.flag("final"))
    form.done()
    return state


def _action(name: str, form: Form) -> ActionDef:
    action = ActionDef(
        name=name,
        title=form.title(),
        sources=form.names("from", required=True),
        to=form.text("to") or None,
        by=form.names("by"),
        needs=form.names("needs"),
        evidence=form.names("evidence"),
        rules=form.names("rules"),
        spawns=_spawn(form),
        automatic=form.flag("automatic"),
        when=form.text("when"),
        needs_reason=form.flag("needs_reason"),
        sets=_sets(form),
        for_parts=form.text("for_parts"),
    )
    for kind in action.evidence:
        check_name(kind, form.line("evidence"), form.file, form.faults, "附件")
    form.text("note")
    form.done()
    return action


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
    inner.done()
    return Spawn(workflow, count) if workflow else None


def _clock(name: str, form: Form) -> ClockDef:
    clock = ClockDef(
        name=name,
        title=form.title(),
        term=form.text("term", required=True),
        starts=_starts(form),
        ends=_ends(form),
        agreed=form.text("agreed"),
        applies_when=form.text("applies_when"),
        survives=form.names("survives"),
        guards=form.names("guards"),
        ladder=form.text("ladder"),
    )
    form.text("note")
    form.done()
    return clock


def _starts(form: Form) -> tuple[Trigger, ...]:
    write = "starts: {action: 操作} 或 {state: 状态} 或 {all: [{……}, {……}]}"
    inner = form.inner("starts", f"{form.where} 的 starts", required=True)
    if inner is None:
        return ()
    together = inner.get("all")
    if together is None:
        return _trigger(inner, write)
    inner.done()
    found: tuple[Trigger, ...] = ()
    for item in together.items if isinstance(together, Seq) else (together,):
        if isinstance(item, Map):
            found += _trigger(Form(item, form.file, form.faults, f"{form.where} 的 starts"), write)
        else:
            form.fault(item.line, "starts 的 all 应是列表", write)
    if isinstance(together, Seq) and len(together.items) < 2:
        form.fault(together.line, "starts 的 all 至少两项", write)
    return found


def _trigger(form: Form, write: str) -> tuple[Trigger, ...]:
    found = tuple(
        Trigger(kind, name)  # type: ignore[arg-type]
        for kind in _TRIGGERS
        if (name := form.text(kind))
    )
    form.done()
    if len(found) != 1 and not set(form.node.entries) - set(_TRIGGERS):
        form.fault(form.line(), "起算点应恰好一个", write)
    return found[:1]


def _ends(form: Form) -> tuple[str, ...]:
    node = form.get("ends")
    if node is None:
        return ()
    if not isinstance(node, Map):
        form.fault(node.line, "ends 应写明操作", "ends: {action: 操作}")
        return ()
    inner = Form(node, form.file, form.faults, f"{form.where} 的 ends")
    actions = inner.names("action", required=True)
    inner.done()
    return actions
