"""What a workflow, its facts and its actions refer to."""

from __future__ import annotations

from collections.abc import Mapping

from engine.findings_source import Add, Sources, Step
from engine.reading_form import nearest
from engine.roles import ROLES
from engine.rules import KEYWORDS, PREFIXES, Expression, ExpressionFault, ancestry, variables
from engine.workflow import TRUTH, ActionDef, Bundle, Spawn, WorkflowDef

_HUMAN = ("by", "needs", "evidence", "needs_reason")


def look_at_workflow(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    """Check what ``workflow`` is part of, what it spawns, its facts and its actions."""
    if workflow.name in PREFIXES | KEYWORDS:
        what = f"流程不能叫 {workflow.name}：表达式里另有所指"
        sources.add(workflow.file, ("workflow",), what, "换一个名称")
    for fact in workflow.facts.values():
        if fact.name in KEYWORDS:
            path = ("facts", fact.name)
            sources.add(workflow.file, path, f"要素不能叫 {fact.name}：表达式里另有所指", "换一个名称")
    _look_at_part_of(workflow, bundle, sources)
    _look_at_blocks(workflow, bundle, sources)
    for code in workflow.rules:
        sources.unknown(workflow.file, ("rules", code), "", "规则", code, bundle.rules)
    if workflow.spawns is not None:
        look_at_spawn(workflow, workflow.spawns, ("spawns",), bundle, sources)
    for action in workflow.actions.values():
        _look_at_action(workflow, action, bundle, sources)


def look_at_expression(
    workflow: WorkflowDef,
    source: str,
    wants: str,
    path: tuple[Step, ...],
    bundle: Bundle,
    sources: Sources,
    file: str = "",
) -> None:
    """Compile an expression of ``workflow`` and note what is wrong with it, with the column.

    ``file`` is where it stands, if not the workflow's own file.
    """
    declared = variables(bundle.workflows, workflow.name)
    try:
        Expression(source, declared, wants)
    except ExpressionFault as fault:
        # what stands in a file that could not be read, or above one, is not reported as unknown
        top = bundle.workflows[ancestry(bundle.workflows, workflow.name)[-1]]
        if (
            top.part_of in sources.unread
            or fault.unknown.removeprefix("given.").partition(".")[0] in sources.unread
        ):
            return
        sources.add(file or workflow.file, path, *describe(fault, source, path[-1], declared, wants))


def describe(
    fault: ExpressionFault, source: str, key: Step, declared: Mapping[str, str], wants: str
) -> tuple[str, str]:
    """Say what is wrong with an expression, and what to write instead."""
    # a suggestion for one wrong word, an example of a good expression for anything else
    write = "parts.total > 0 && parts.open == 0"
    if wants == "integer":
        integers = [name for name, kind in declared.items() if kind == "integer" and name[:6] != "parts."]
        write = "、".join(["1", *integers])
    if fault.unknown:
        write = nearest(fault.unknown, declared)
    return f"{key} 的表达式第 {fault.column} 列：{fault.message}（{source}）", write


def look_at_spawn(
    workflow: WorkflowDef, spawn: Spawn, path: tuple[Step, ...], bundle: Bundle, sources: Sources
) -> None:
    """Check that what is spawned is part of ``workflow``, and that its number is an integer."""
    parts = [name for name, other in bundle.workflows.items() if other.part_of == workflow.name]
    if spawn.workflow not in bundle.workflows:
        options = parts or list(bundle.workflows)
        sources.unknown(workflow.file, (*path, "workflow"), "", "流程", spawn.workflow, options)
    elif spawn.workflow not in parts:
        sources.add(
            workflow.file,
            (*path, "workflow"),
            f"流程 {spawn.workflow} 不隶属于 {workflow.name}，不能由它开出",
            f"在 {spawn.workflow}.yaml 写 part_of: {workflow.name}",
        )
    look_at_expression(workflow, spawn.count, "integer", (*path, "count"), bundle, sources)


def _look_at_part_of(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    if not workflow.part_of:
        return
    if workflow.part_of not in bundle.workflows:
        sources.unknown(workflow.file, ("part_of",), "", "流程", workflow.part_of, bundle.workflows)
        return
    if workflow.about:
        sources.add(workflow.file, ("about",), "part_of 与 about 只能有一个", "删去其中一个")
    chain = ancestry(bundle.workflows, workflow.name)
    if bundle.workflows[chain[-1]].part_of in chain:
        circle = " → ".join([*chain, bundle.workflows[chain[-1]].part_of])
        sources.add(workflow.file, ("part_of",), f"part_of 成环：{circle}", "最上一级流程不写 part_of")


def _look_at_blocks(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    """Only what is about a matter can hold that matter up, and only actions that exist."""
    known = {action for other in bundle.workflows.values() for action in other.actions}
    for state in workflow.states.values():
        if (state.blocks or state.freezes) and not workflow.about:
            what = f"状态 {state.name}：只有针对事项的流程（about: any）可以有 blocks 或 freezes"
            sources.add(workflow.file, ("states", state.name), what, "删去 blocks 和 freezes")
        for action in state.blocks if not sources.unread else ():
            path = ("states", state.name, "blocks", action)
            sources.unknown(workflow.file, path, f"状态 {state.name}", "操作", action, known)


def _look_at_sets(workflow: WorkflowDef, action: ActionDef, add: Add) -> None:
    """`day` is for dates, anything else is text; and only a matter about another one climbs."""
    if action.climbs and not workflow.about:
        add("climbs", "只有针对事项的流程（about: any）可以逐级上报", "删去 climbs")
    for fact, source in action.sets:
        if fact not in workflow.facts:
            continue
        kind = workflow.facts[fact].type
        if source == "day" and kind != "date":
            add("sets", f"要素 {fact} 的类型是 {kind}，不能记日期", "type: date", fact)
        elif source in TRUTH and kind == "boolean":
            continue
        elif source != "day" and kind != "text":
            add(
                "sets",
                f"要素 {fact} 的类型是 {kind}，不能记“{source}”",
                f"{fact}: day" if kind == "date" else "type: text",
                fact,
            )


def _look_at_action(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, sources: Sources) -> None:
    here = ("actions", action.name)

    def add(key: str, what: str, write: str, item: str = "") -> None:
        path = (*here, key, item) if item else (*here, key)
        sources.add(workflow.file, path, f"操作 {action.name}：{what}", write)

    _look_at_hands(action, add)
    who = f"操作 {action.name}"
    for key, word, names, options in (
        ("by", "角色", action.by, ROLES),
        ("needs", "要素", action.needs, workflow.facts),
        ("sets", "要素", tuple(fact for fact, _source in action.sets), workflow.facts),
        ("rules", "规则", action.rules, bundle.rules),
        ("undoes", "操作", action.undoes, workflow.actions),
        ("opens", "流程", (action.opens,), [w.name for w in bundle.workflows.values() if w.about]),
    ):
        for name in names:
            sources.unknown(workflow.file, (*here, key, name), who, word, name, options)
    _look_at_sets(workflow, action, add)
    _look_at_days(workflow, action, bundle, sources)
    if action.for_parts and not sources.unread:
        below = {n for w in bundle.workflows.values() if w.part_of == workflow.name for n in w.actions}
        sources.unknown(workflow.file, (*here, "for_parts"), who, "下级操作", action.for_parts, below)
    for code in action.rules:
        rule = bundle.rules.get(code)
        if rule is not None and rule.workflow != workflow.name and rule.workflow in bundle.workflows:
            add("rules", f"规则 {code} 是流程 {rule.workflow} 的规则", f"删去 {code}", code)
    if action.when:
        look_at_expression(workflow, action.when, "boolean", (*here, "when"), bundle, sources)
    if action.spawns is not None:
        look_at_spawn(workflow, action.spawns, (*here, "spawns"), bundle, sources)


def _look_at_days(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, sources: Sources) -> None:
    """The day that an action must wait for, and the window in which others may object, must exist."""
    who, here = f"操作 {action.name}", ("actions", action.name)
    above = [bundle.workflows[name] for name in ancestry(bundle.workflows, workflow.name)]
    if sources.unread:
        return
    if action.not_before is not None:
        dates = {f.name for w in above for f in w.facts.values() if f.type == "date"}
        path = (*here, "not_before", "fact")
        sources.unknown(workflow.file, path, who, "日期要素", action.not_before.fact, dates)
    if action.window is not None:
        sources.unknown(
            workflow.file, (*here, "window", "term"), who, "期限", action.window.term, bundle.terms
        )
        waits = {name for w in above for name in w.clocks}
        sources.unknown(workflow.file, (*here, "window", "after"), who, "计时", action.window.after, waits)


def _look_at_hands(action: ActionDef, add: Add) -> None:
    """An action is taken by people, or it is automatic and then has a condition and nothing to hand in."""
    if action.automatic:
        for key in _HUMAN:
            if getattr(action, key):
                add(key, f"自动操作不能有 {key}", f"删去 {key}，或删去 automatic: true")
        if not action.when:
            add("automatic", "自动操作缺少 when", "when: parts.total > 0 && parts.open == 0")
        if action.to is None:
            add("automatic", "自动操作缺少 to", "to: 状态")
    else:
        if not action.by:
            add("by", "没有写由谁办理", "by: [officer]")
        if action.when:
            add("when", "只有自动操作可以有 when", "加 automatic: true 并删去 by，或删去 when")
