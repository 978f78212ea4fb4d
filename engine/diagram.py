"""A workflow as a picture: Mermaid `stateDiagram-v2`, with ASCII ids and titles as labels. 流程图"""

from __future__ import annotations

from engine.workflow import ActionDef, Title, WorkflowDef

# Words that Mermaid reads as its own; as an id they get an underscore behind them.
_RESERVED = frozenset(
    {"state", "note", "end", "as", "direction", "default", "class", "classdef", "fork", "join", "choice"}
)
_AUTOMATIC = Title("（自动）", " (automatic)")
_RECORDS = Title("登记", "records")


def diagram(workflow: WorkflowDef, lang: str = "zh", *, records: bool = True) -> str:
    """Return the Mermaid text of ``workflow`` with labels in ``lang`` (``zh`` or ``en``).

    Transitions are arrows, automatic ones marked as such; records, which leave the state, stand in a
    note beside each state that takes them; ``records=False`` leaves those notes out, where a table stands beside.
    """
    lines = ["stateDiagram-v2"]
    for state in workflow.states.values():
        lines.append(f'    state "{_label(state.title.in_(lang))}" as {_id(state.name)}')
    lines += [f"    [*] --> {_id(state.name)}" for state in workflow.states.values() if state.initial]
    for action in workflow.actions.values():
        lines += _arrows(action, lang)
    lines += [f"    {_id(state.name)} --> [*]" for state in workflow.states.values() if state.final]
    for name in workflow.states if records else ():
        taken = [a.title.in_(lang) for a in workflow.actions.values() if a.to is None and name in a.sources]
        if taken:
            lines.append(f"    note right of {_id(name)}")
            lines.append(f"        {_RECORDS.in_(lang)}")
            lines += [f"        {_label(record)}" for record in taken]
            lines.append("    end note")
    return "\n".join(lines) + "\n"


def _arrows(action: ActionDef, lang: str) -> list[str]:
    if action.to is None:
        return []
    label = _label(action.title.in_(lang)) + (_AUTOMATIC.in_(lang) if action.automatic else "")
    return [f"    {_id(source)} --> {_id(action.to)}: {label}" for source in action.sources]


def _id(name: str) -> str:
    return f"{name}_" if name in _RESERVED else name


def _label(text: str) -> str:
    """Replace what would end a label: quotes, colons, semicolons, hashes and line breaks."""
    table = str.maketrans({'"': "”", ":": "：", ";": "；", "#": "＃", "\n": " "})
    return text.translate(table)
