"""The page of a workflow: its diagram, states, actions with who may take them, clocks with their terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from commands import book_clock as clocks
from commands.book_action import action_notes
from commands.book_names import TYPES, tier_title
from commands.book_words import (
    Links,
    bullets,
    code,
    heading,
    joined,
    plain,
    remark_lines,
    section,
    table,
)
from commands.words import roles
from engine.crossing import action_titles, brings, opens, source_of
from engine.diagram import diagram
from engine.remarks import remarks
from engine.workflow import ANY, ActionDef, Bundle, StateDef, WorkflowDef


def workflow_book_page(workflow: WorkflowDef, bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle)
    return joined(
        [
            heading(workflow.title),
            remark_lines(remarks(bundle.files.get(workflow.file, ""))),
            bullets(_place(workflow, bundle, links)),
            section("状态图", f"{_DIAGRAM}\n\n```mermaid\n{diagram(workflow, records=False)}```"),
            section("状态", _states(workflow, bundle)),
            section("操作", _actions(workflow, bundle, links)),
            section("计时", _clocks(workflow, bundle, links)),
            section("要素", _facts(workflow)),
            section("取用的片段", _parts(workflow, bundle)),
            f"文件：{code(f'workflows/{workflow.file}')}，名称 {code(workflow.name)}。{links.home()}",
        ]
    )


_DIAGRAM = "箭头是改变状态的操作；只登记、不改变状态的操作，见下面的操作表。"


def _place(workflow: WorkflowDef, bundle: Bundle, links: Links) -> Iterator[str]:
    """Say where it stands among the others."""
    if workflow.part_of:
        beside = "，站在它旁边，不影响它办结" if workflow.aside else ""
        yield f"隶属：{links.named(workflow.part_of)}{beside}"
    if workflow.about:
        yield "针对别的事项开立" + ("；被针对的事项中止时，它照常计时" if workflow.runs_on else "")
    if workflow.tier != workflow.name and workflow.tier:
        yield f"层级：{plain(tier_title(bundle, workflow.tier))}"
    if workflow.switch:
        yield f"**只在方案打开 {code(workflow.switch)} 时才可以开立**"
    for title, names in (("下级事项", brings(workflow)), ("可以开出", opens(workflow))):
        if names:
            yield f"{title}：{'、'.join(map(links.named, names))}"
    opened_by = [w for w in bundle.workflows.values() if workflow.name in opens(w)]
    if opened_by:
        yield f"由此开出：{'、'.join(map(links.workflow, opened_by))}"
    if workflow.rules:
        yield f"开立时核对：{'、'.join(links.rule(bundle.rules[name]) for name in workflow.rules)}"


def _states(workflow: WorkflowDef, bundle: Bundle) -> str:
    rows = []
    for state in workflow.states.values():
        kind = "初始" if state.initial else "终结" if state.final else ""
        effects = []
        if state.blocks:
            effects.append(f"被针对的事项及其下级不得办理：{_blocked(state.blocks, bundle)}")
        if state.freezes:
            effects.append("被针对的事项的计时中止")
        if state.stops:
            effects.append(f"停住的计时：{'、'.join(workflow.clocks[name].title.zh for name in state.stops)}")
        rows.append(
            (
                plain(state.title.zh),
                code(state.name),
                kind,
                "\n".join(map(plain, effects)),
                plain(state.basis),
            )
        )
    return table(("状态", "名称", "性质", "在此期间", "依据"), rows)


def _blocked(names: Iterable[str], bundle: Bundle) -> str:
    return "、".join(
        "一切改变状态的操作（只限被针对的事项本身）"
        if name == ANY
        else "、".join(action_titles(name, bundle))
        for name in names
    )


def _actions(workflow: WorkflowDef, bundle: Bundle, links: Links) -> str:
    rows = [
        (
            f"{plain(action.title.zh)}\n{code(action.name)}",
            plain(f"{_sources(workflow, action)} → {_target(workflow, action)}"),
            "自动" if action.automatic else roles(action.by, "zh"),
            plain("、".join(workflow.facts[fact].title.zh for fact in action.needs)),
            "、".join(map(code, action.evidence)),
            "\n".join(links.rule(bundle.rules[name]) for name in action.rules),
            action_notes(workflow, action, bundle, links),
        )
        for action in workflow.actions.values()
    ]
    return table(("操作", "状态变化", "由谁", "须填", "附件", "规则", "说明"), rows)


def _sources(workflow: WorkflowDef, action: ActionDef) -> str:
    """Name the states from which it is possible; all, or all that are not final, are said as such."""
    here = set(action.sources)
    states = workflow.states.values()
    if len(states) > 2 and here == {state.name for state in states}:
        return "任何状态"
    alive = {state.name for state in states if not state.final}
    if len(alive) > 2 and here == alive:
        return "任何未终结的状态"
    if len(alive) > 5 and here < alive and len(alive - here) <= 2:
        left_out = [_quoted(state) for state in states if state.name in alive - here]
        return f"任何未终结的状态（{'、'.join(left_out)}除外）"
    return "、".join(_quoted(workflow.states[name]) for name in action.sources)


def _quoted(state: StateDef) -> str:
    """The title of a state in a list: in quotation marks where it has a comma of its own."""
    return f"“{state.title.zh}”" if "，" in state.title.zh else state.title.zh


def _target(workflow: WorkflowDef, action: ActionDef) -> str:
    return workflow.states[action.to].title.zh if action.to else "不变（登记）"


def _clocks(workflow: WorkflowDef, bundle: Bundle, links: Links) -> str:
    rows = []
    for clock in workflow.clocks.values():
        text = bundle.files.get(clock.file, "") or source_of(bundle, workflow, "clocks", clock.name)
        more = [clocks.besides(workflow, clock, bundle), clocks.clock_remarks(clock, text)]
        rows.append(
            (
                f"{plain(clock.title.zh)}\n{code(clock.name)}",
                links.term(bundle.terms[clock.term]),
                clocks.limits_in_words(clock, workflow, bundle),
                clocks.starts_in_words(workflow, clock),
                clocks.ends_in_words(workflow, clock, bundle),
                "\n".join(filter(None, more)),
                clocks.ladder_link(clock, links),
            )
        )
    heads = ("计时", "期限", "多久", "起算", "止点", "条件和例外", "督办规则")
    return table(heads, rows) if rows else ""


def _facts(workflow: WorkflowDef) -> str:
    rows = [
        (
            plain(fact.title.zh),
            code(fact.name),
            TYPES[fact.type],
            plain("；".join(title for _, title in fact.options)),
            "可以不填" if fact.optional else "",
        )
        for fact in workflow.facts.values()
    ]
    return table(("要素", "名称", "类型", "只能是", "说明"), rows) if rows else ""


def _parts(workflow: WorkflowDef, bundle: Bundle) -> str:
    return bullets(
        f"{code(f'workflows/parts/{part}.yaml')} {' '.join(map(plain, remarks(bundle.files.get(f'parts/{part}.yaml', ''))))}"
        for part in workflow.includes
    )
