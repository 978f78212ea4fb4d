"""Whether a state machine can run: one way in, no way out of final states, no dead end."""

from __future__ import annotations

from engine.findings_source import Sources
from engine.workflow import WorkflowDef


def look_at_states(workflow: WorkflowDef, sources: Sources) -> None:
    """Check the states of ``workflow`` and the transitions between them."""

    def add(state: str, what: str, write: str) -> None:
        sources.add(workflow.file, ("states", state), f"状态 {state}：{what}", write)

    initial = _initial(workflow, sources)
    if workflow.states and not any(state.final for state in workflow.states.values()):
        sources.add(workflow.file, ("states",), "没有终结状态，事项永远办不结", "final: true")
    if _look_at_ends_of_actions(workflow, sources):
        return
    ways = _ways(workflow)
    _look_at_reopening(workflow, sources)
    for state, leads_to in ways.items():
        if workflow.states[state].final and leads_to:
            write = "删去该操作的 from，或删去 final: true"
            add(state, f"终结状态还可以走到 {'、'.join(sorted(leads_to))}", write)
        if not workflow.states[state].final and not leads_to - {state}:
            add(state, "不是终结状态却没有出路", "加一个 from 它的操作，或写 final: true")
    if len(initial) == 1:
        reached = _reach(initial[0], _ways(workflow, reopens=True))
        for state in workflow.states:
            if state not in reached:
                add(state, f"从初始状态 {initial[0]} 到不了这里", f"加一个 to: {state} 的操作，或删去该状态")


def _look_at_reopening(workflow: WorkflowDef, sources: Sources) -> None:
    for action in workflow.actions.values():
        if action.reopens and not all(workflow.states[state].final for state in action.sources):
            sources.add(
                workflow.file,
                ("actions", action.name, "reopens"),
                f"操作 {action.name}：reopens 只用于离开终结状态",
                "from 只写终结状态，或删去 reopens",
            )


def _initial(workflow: WorkflowDef, sources: Sources) -> list[str]:
    initial = [state.name for state in workflow.states.values() if state.initial]
    if not initial:
        first = next(iter(workflow.states), "")
        write = f"在 {first or '一个状态'} 写 initial: true"
        sources.add(workflow.file, ("states", first), "没有初始状态", write)
    for state in initial[1:]:
        what = f"状态 {state}：初始状态只能有一个，{initial[0]} 已是初始状态"
        sources.add(workflow.file, ("states", state), what, "删去 initial: true")
    return initial


def _look_at_ends_of_actions(workflow: WorkflowDef, sources: Sources) -> bool:
    """Note unknown states; return whether an arrow lacks an end, so that ways cannot be judged."""
    broken = False
    for action in workflow.actions.values():
        who = f"操作 {action.name}"
        broken |= not action.sources
        for state in action.sources:
            path = ("actions", action.name, "from", state)
            broken |= sources.unknown(workflow.file, path, who, "状态", state, workflow.states)
        path_to = ("actions", action.name, "to")
        broken |= sources.unknown(workflow.file, path_to, who, "状态", action.to or "", workflow.states)
        if action.to is not None and action.to in action.sources:
            sources.add(
                workflow.file,
                ("actions", action.name, "to"),
                f"操作 {action.name}：to 与 from 都是 {action.to}，没有改变状态",
                "只登记的操作不写 to",
            )
    return broken


def _ways(workflow: WorkflowDef, *, reopens: bool = False) -> dict[str, set[str]]:
    """Return where each state leads to; ``reopens`` counts the ways back from final states too."""
    ways: dict[str, set[str]] = {state: set() for state in workflow.states}
    for action in workflow.actions.values():
        if action.to in ways and (reopens or not action.reopens):
            for state in action.sources:
                if state in ways:
                    ways[state].add(str(action.to))
    return ways


def _reach(start: str, ways: dict[str, set[str]]) -> set[str]:
    reached = {start}
    queue = [start]
    while queue:
        for state in ways[queue.pop()] - reached:
            reached.add(state)
            queue.append(state)
    return reached
