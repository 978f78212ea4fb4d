"""What a workflow, its facts and its actions refer to."""

from __future__ import annotations

from collections.abc import Mapping

from engine.findings_source import Add, Sources, Step
from engine.reading_form import nearest
from engine.roles import ROLES
from engine.rules import KEYWORDS, PREFIXES, Expression, ExpressionFault, ancestry, of_tier, variables
from engine.workflow import ANY, TRUTH, ActionDef, Bundle, Spawn, WorkflowDef

_HUMAN = ("by", "needs", "evidence", "needs_reason", "checklists")


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
    _look_at_tier(workflow, bundle, sources)
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
        top = ancestry(bundle.workflows, workflow.name)[-1]
        if (
            of_tier(bundle.workflows, top)[0].part_of in sources.unread
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
    parts = {n for o in bundle.workflows.values() if o.part_of == workflow.tier for n in (o.tier, o.name)}
    if not of_tier(bundle.workflows, spawn.workflow):
        options = sorted(parts) or list(bundle.workflows)
        sources.unknown(workflow.file, (*path, "workflow"), "", "流程", spawn.workflow, options)
    elif spawn.workflow not in parts:
        sources.add(
            workflow.file,
            (*path, "workflow"),
            f"流程 {spawn.workflow} 不隶属于 {workflow.tier}，不能由它开出",
            f"在 {spawn.workflow}.yaml 写 part_of: {workflow.tier}",
        )
    if spawn.which:
        _look_at_which(workflow, spawn, (*path, "which"), bundle, sources)
    look_at_expression(workflow, spawn.count, "integer", (*path, "count"), bundle, sources)


def _look_at_which(
    workflow: WorkflowDef, spawn: Spawn, path: tuple[Step, ...], bundle: Bundle, sources: Sources
) -> None:
    """Each value of the fact that chooses names a workflow of the tier that is spawned."""
    fact = workflow.facts.get(spawn.which)
    if sources.unknown(workflow.file, path, "", "要素", spawn.which, workflow.facts) or fact is None:
        return
    if not fact.options:
        sources.add(workflow.file, path, f"要素 {fact.name} 没有 options，不能用来选流程", "options: {……}")
    alike = [other.name for other in of_tier(bundle.workflows, spawn.workflow)]
    for option, title in fact.options if not sources.unread else ():
        if option not in alike:
            what = f"{spawn.which} 的选项 {option}（{title}）没有对应的 {spawn.workflow} 流程"
            sources.add(workflow.file, ("facts", fact.name, "options", option), what, nearest(option, alike))


def _look_at_tier(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    """What stands for the same tier is part of the same, and its facts of one name are of one type."""
    first = of_tier(bundle.workflows, workflow.tier)[0]
    if first.part_of != workflow.part_of:
        what = f"流程 {first.name} 和 {workflow.name} 同为 {workflow.tier}，隶属却不同"
        sources.add(workflow.file, ("part_of",), what, f"part_of: {first.part_of}")
    for other in of_tier(bundle.workflows, workflow.tier):
        for fact in workflow.facts.values():
            if fact.name in other.facts and other.facts[fact.name].type != fact.type:
                what = f"要素 {fact.name} 在流程 {other.name} 中的类型是 {other.facts[fact.name].type}"
                sources.add(workflow.file, ("facts", fact.name, "type"), what, "用同一类型，或换一个名称")


def _look_at_part_of(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    if not workflow.part_of:
        return
    tiers = sorted({other.tier for other in bundle.workflows.values()})
    if workflow.part_of not in tiers:
        sources.unknown(workflow.file, ("part_of",), "", "流程", workflow.part_of, tiers)
        return
    if workflow.about:
        sources.add(workflow.file, ("about",), "part_of 与 about 只能有一个", "删去其中一个")
    chain = ancestry(bundle.workflows, workflow.name)
    top = of_tier(bundle.workflows, chain[-1])[0]
    if top.part_of in (*chain, workflow.tier):
        circle = " → ".join([*chain, top.part_of])
        sources.add(workflow.file, ("part_of",), f"part_of 成环：{circle}", "最上一级流程不写 part_of")


def _look_at_blocks(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    """Only what is about a matter, or part of such, can hold that matter up, and only actions that exist; any
    workflow can let its own clocks stand still.
    """
    known = {action for other in bundle.workflows.values() for action in other.actions} | {ANY}
    top = of_tier(bundle.workflows, ancestry(bundle.workflows, workflow.name)[-1])[0]
    for state in workflow.states.values():
        for clock in state.stops:
            path = ("states", state.name, "stops", clock)
            sources.unknown(workflow.file, path, f"状态 {state.name}", "计时", clock, workflow.clocks)
        if state.stops and (state.initial or state.final):
            what = f"状态 {state.name}：初始状态和终结状态不能有 stops"
            sources.add(workflow.file, ("states", state.name, "stops"), what, "删去 stops")
        if (state.blocks or state.freezes) and not (workflow.about or top.about) and not sources.unread:
            what = f"状态 {state.name}：只有针对事项的流程（about: any）及其下级可以有 blocks 或 freezes"
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


def _look_at_others(
    workflow: WorkflowDef, action: ActionDef, bundle: Bundle, sources: Sources, add: Add
) -> None:
    """What an action does to the matter that its own is about, and the twin that it opens."""
    if action.for_about and not workflow.about:
        add("for_about", "只有针对事项的流程（about: any）可以有 for_about", "删去 for_about")
    if action.for_about and not sources.unread:
        others = {n for w in bundle.workflows.values() if not w.about for n in w.actions}
        path = ("actions", action.name, "for_about")
        sources.unknown(workflow.file, path, f"操作 {action.name}", "操作", action.for_about, others)
    if action.twins and (not workflow.about or "twin" not in workflow.facts):
        write = "about: any；facts: {twin: {type: text, title: {……}, optional: true}}"
        add("twins", "twins 只用于针对事项、有要素 twin 的流程", write)


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
        ("checklists", "审查清单", action.checklists, bundle.checklists),
        ("undoes", "操作", action.undoes, workflow.actions),
        ("hands_to", "要素", (action.hands_to,), action.needs),
        ("opens", "流程", (action.opens,), [w.name for w in bundle.workflows.values() if w.about]),
    ):
        for name in names:
            sources.unknown(workflow.file, (*here, key, name), who, word, name, options)
    _look_at_sets(workflow, action, add)
    _look_at_others(workflow, action, bundle, sources, add)
    _look_at_days(workflow, action, bundle, sources)
    if action.for_parts and not sources.unread:
        below = {n for w in bundle.workflows.values() if w.part_of == workflow.tier for n in w.actions}
        for name in action.for_parts:
            sources.unknown(workflow.file, (*here, "for_parts", name), who, "下级操作", name, below)
    _look_at_expressions(workflow, action, bundle, sources)


def _look_at_expressions(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, sources: Sources) -> None:
    """The rules and expressions of an action are about its own workflow, or its tier."""
    here, who = ("actions", action.name), f"操作 {action.name}"
    for code in action.rules:
        rule = bundle.rules.get(code)
        tiers = (workflow.name, workflow.tier, *sources.unread)
        if rule is not None and rule.workflow not in tiers and of_tier(bundle.workflows, rule.workflow):
            sources.add(
                workflow.file,
                (*here, "rules", code),
                f"{who}：规则 {code} 是流程 {rule.workflow} 的规则",
                f"删去 {code}",
            )
    if action.applies_when and not action.applies_to:
        what = f"{who}：缺少 applies_to：用文字写明适用于什么"
        sources.add(workflow.file, (*here, "applies_when"), what, "applies_to: 单一来源采购")
    for key in ("applies_when", "when"):
        if source := getattr(action, key):
            look_at_expression(workflow, source, "boolean", (*here, key), bundle, sources)
    if action.spawns is not None:
        look_at_spawn(workflow, action.spawns, (*here, "spawns"), bundle, sources)


def _look_at_days(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, sources: Sources) -> None:
    """The day that an action must wait for, and the window in which others may object, must exist."""
    who, here = f"操作 {action.name}", ("actions", action.name)
    above = [w for name in ancestry(bundle.workflows, workflow.name) for w in of_tier(bundle.workflows, name)]
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
