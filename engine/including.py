"""Workflows are put together: what several of them share stands once, in `parts/`, and is included. 流程片段"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.findings_source import Sources
from engine.reading_workflow import read_fragment, read_workflow
from engine.workflow import ANY, ActionDef, StateDef, WorkflowDef
from engine.yamlfile import Faults, read_yaml

SECTIONS = ("facts", "states", "actions", "clocks")
EVERY = "every"


def include_fragments(
    workflows: dict[str, WorkflowDef], fragments: Mapping[str, WorkflowDef], sources: Sources
) -> None:
    """Complete every workflow by the fragments that it includes, and spell out ``from: any`` and ``every``.

    What a workflow says itself goes before a fragment's entry of the same name; the same name in two fragments
    is a fault, unless the workflow says it itself.
    """
    for name, workflow in workflows.items():
        workflows[name] = _spelled_out(_whole(workflow, fragments, sources), sources)
    used = {part for workflow in workflows.values() for part in workflow.includes}
    for name, fragment in fragments.items():
        if name not in used and not sources.unread:
            sources.add(
                fragment.file, ("part",), f"片段 {name} 没有流程用到", f"在流程里写 includes: [{name}]"
            )


def read_alone(files: Mapping[str, str], name: str) -> WorkflowDef | None:
    """Read one workflow of a bundle's ``files`` with its fragments, unchecked: for whoever is in a hurry."""
    faults = Faults()
    tree = read_yaml(files[f"{name}.yaml"], f"{name}.yaml", faults)
    if tree is None:
        return None
    workflow = read_workflow(tree, f"{name}.yaml", faults)
    fragments: dict[str, WorkflowDef] = {}
    for part in workflow.includes:
        file = f"parts/{part}.yaml"
        written = read_yaml(files.get(file, ""), file, faults)
        if written is not None:
            fragments[part] = read_fragment(written, file, faults)
    sources = Sources({}, faults)
    return _spelled_out(_whole(workflow, fragments, sources), sources)


def _whole(workflow: WorkflowDef, fragments: Mapping[str, WorkflowDef], sources: Sources) -> WorkflowDef:
    merged: dict[str, dict[str, Any]] = {section: dict(getattr(workflow, section)) for section in SECTIONS}
    whose: dict[tuple[str, str], str] = {}
    for part in workflow.includes:
        sources.unknown(workflow.file, ("includes", part), "", "片段", part, fragments)
        fragment = fragments.get(part)
        if fragment is None:
            continue
        for section in SECTIONS:
            for name, entry in getattr(fragment, section).items():
                if name in getattr(workflow, section):
                    continue
                if name in merged[section]:
                    other = whose[section, name]
                    what = f"片段 {part} 和 {other} 都有 {section} 的 {name}"
                    sources.add(workflow.file, ("includes", part), what, f"在流程里自己写 {name}")
                    continue
                whose[section, name] = part
                merged[section][name] = entry
                sources.borrow(workflow.file, section, name, fragment.file)
    facts, states, actions, clocks = (merged[section] for section in SECTIONS)
    return replace(workflow, facts=facts, states=states, actions=actions, clocks=clocks)


def _spelled_out(workflow: WorkflowDef, sources: Sources) -> WorkflowDef:
    for word in (ANY, EVERY):
        if word in workflow.states:
            sources.add(workflow.file, ("states", word), f"状态不能叫 {word}：from 里另有所指", "换一个名称")
    actions = {name: _sources_of(action, workflow, sources) for name, action in workflow.actions.items()}
    return replace(workflow, actions=actions)


def _sources_of(action: ActionDef, workflow: WorkflowDef, sources: Sources) -> ActionDef:
    """Turn ``from: any`` (all states that are not final) and ``from: every`` into names."""
    path = ("actions", action.name, "besides")
    if action.sources not in ((ANY,), (EVERY,)):
        if action.besides:
            what = f"操作 {action.name}：besides 只与 from: any 或 from: every 同用"
            sources.add(workflow.file, path, what, "删去 besides")
        return action
    for name in action.besides:
        sources.unknown(workflow.file, (*path, name), f"操作 {action.name}", "状态", name, workflow.states)
    wanted = tuple(
        state.name
        for state in workflow.states.values()
        if _wanted(state, every=action.sources == (EVERY,))
        and state.name not in action.besides
        and state.name != action.to
    )
    return replace(action, sources=wanted)


def _wanted(state: StateDef, *, every: bool) -> bool:
    return every or not state.final
