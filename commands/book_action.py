"""What else an action does or asks, in sentences: the last column of a workflow's table of actions."""

from __future__ import annotations

from collections.abc import Iterator

from commands.book_condition import condition_in_words
from commands.book_names import Names
from commands.book_words import Links, code, plain
from engine.crossing import action_titles, source_of
from engine.remarks import remarks
from engine.workflow import ACTOR, ActionDef, Bundle, WorkflowDef


def action_notes(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, links: Links) -> str:
    """Return everything about an action that has no column of its own, and what its authors remark."""
    names = Names(bundle, workflow)
    notes = [*_asked(workflow, action, names, links), *_done(workflow, action, bundle, links)]
    text = source_of(bundle, workflow, "actions", action.name)
    return "\n".join([*notes, *map(plain, remarks(text, "actions", action.name))])


def _asked(workflow: WorkflowDef, action: ActionDef, names: Names, links: Links) -> Iterator[str]:
    """Say what must be so before it."""
    if action.applies_to:
        yield plain(f"只对：{action.applies_to}")
    elif action.applies_when:
        yield plain(f"只在：{condition_in_words(action.applies_when, names)}")
    if action.when:
        yield plain(f"条件：{condition_in_words(action.when, names)}")
    if action.not_before is not None:
        title = names.label(f"{workflow.tier}.{action.not_before.fact}")
        yield plain(f"不得早于{title}（{action.not_before.basis}）")
    for name in action.checklists:
        yield f"逐项签署：{links.checklist(links.bundle.checklists[name])}"
    if action.needs_reason:
        yield "须写理由"
    if action.switch:
        yield f"只在方案打开 {code(action.switch)} 的地方"
    if action.occasional:
        yield "发生了才登记"


def _done(workflow: WorkflowDef, action: ActionDef, bundle: Bundle, links: Links) -> Iterator[str]:
    """Say what happens with it."""
    if action.spawns is not None:
        count = "一件" if action.spawns.with_facts or action.spawns.count == "1" else "几件"
        yield f"开出下级事项{count}：{links.named(action.spawns.workflow)}"
    if action.opens:
        yield f"开出：{links.named(action.opens)}"
    if action.window is not None:
        yield f"提示{plain(action.window.title.zh)}：{links.term(bundle.terms[action.window.term])}"
    if action.for_parts:
        titles = [title for name in action.for_parts for title in action_titles(name, bundle)]
        yield plain(f"下级事项一并办理：{'、'.join(dict.fromkeys(titles))}")
    if action.for_about:
        yield plain(f"被针对的事项一并办理：{'、'.join(action_titles(action.for_about, bundle))}")
    for said, holds in _SAID:
        if getattr(action, holds):
            yield said
    yield from _noted(workflow, action)


_SAID = (
    ("就同一事再开一件（一案双查）", "twins"),
    ("报上一级", "climbs"),
    ("从终结状态重新打开", "reopens"),
)


def _noted(workflow: WorkflowDef, action: ActionDef) -> Iterator[str]:
    """Say which facts it writes, forgets or goes by."""
    if action.undoes:
        yield plain(f"收回：{'、'.join(workflow.actions[name].title.zh for name in action.undoes)}")
    if action.hands_to:
        yield plain(f"移交给「{workflow.facts[action.hands_to].title.zh}」所写的单位")
    for fact, value in action.sets:
        known = workflow.facts[fact]
        truth = {"day": "办理的那一天", "true": "是", "false": "否", ACTOR: "办理的人"}
        yield plain(f"记入「{known.title.zh}」：{truth.get(value, known.name_of(value))}")
