"""Lines of history: in words, and as data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from commands.printing import local, pick
from commands.words import DOES, HOLDS, KINDS, aside, fire_at, here, word
from engine.matter import Matter
from engine.work import SYSTEM
from engine.workflow import WorkflowDef
from storage.views import Line

Workflows = Callable[[str, str], WorkflowDef]
"""Find a workflow by bundle and name."""


def line_data(line: Line) -> dict[str, Any]:
    """A line of history for JSON: its body as it was hashed, read."""
    return {
        "matter": line.matter,
        "no": line.no,
        "kind": line.kind,
        "at": here(line.at),
        "recorded_at": here(line.recorded_at),
        "body": body_of(line),
        "hash": line.hash,
    }


def body_of(line: Line) -> dict[str, Any]:
    """The content of a line; empty where it is damaged (`history verify` says so)."""
    try:
        body = json.loads(line.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def line_words(line: Line, matters: Sequence[Matter], workflows: Workflows, lang: str) -> str:
    """One line of history in words: when, who, what, from where to where."""
    body = body_of(line)
    matter = next((m for m in matters if m.id == line.matter), None)
    workflow = workflows(matter.bundle, matter.workflow) if matter else None
    what = _what(line, body, workflow, lang)
    back = ""
    if (line.recorded_at - line.at).total_seconds() >= 60:
        back = pick(lang, f"（{local(line.recorded_at)} 登记）", f" (recorded {local(line.recorded_at)})")
    actor = body.get("actor", "?")
    who = pick(lang, "系统", "system") if actor == SYSTEM else actor
    detail = body.get("detail") or {}
    when = fire_at(str(detail.get("does", "")), line.at)
    return f"{when}  {line.matter} #{line.no}  {who}  {what}{back}"


def _what(line: Line, body: Mapping[str, Any], workflow: WorkflowDef | None, lang: str) -> str:
    kind, name = word(KINDS, line.kind, lang), str(body.get("name", "?"))
    if workflow is None:
        return f"{kind} {name}"
    if name == "open":
        prefix = "" if line.kind == "opened" else f"{kind} "
        return f"{prefix}{word(KINDS, 'opened', lang)} {workflow.title.in_(lang)}"
    if line.kind == "fire":
        clock = name.partition("/")[0]
        title = workflow.clocks[clock].title.in_(lang) if clock in workflow.clocks else clock
        detail = body.get("detail") or {}
        said = f"{word(DOES, str(detail.get('does', 'withdraw')), lang)} {title}"
        return (
            said + aside(pick(lang, "没有上级可报", "nothing lies above"), lang)
            if "at_top" in detail
            else said
        )
    if line.kind == "clock":
        reason = str((body.get("detail") or {}).get("reason", ""))
        return f"{word(HOLDS, name, lang)}  {reason}".rstrip()
    if line.kind == "override":
        told = body.get("detail") or {}
        by = pick(lang, f"{told.get('approved_by')} 批准", f"approved by {told.get('approved_by')}")
        return f"{kind} {name}{aside(by, lang)}  {told.get('reason', '')}".rstrip()
    title = workflow.actions[name].title.in_(lang) if name in workflow.actions else name
    named = [s for s in (body.get("from"), body.get("to")) if s in workflow.states]
    states = [workflow.states[s].title.in_(lang) for s in named]
    way = f"{states[0]} → {states[1]}" if len(states) == 2 and states[0] != states[1] else ""
    prefix = "" if line.kind == "action" else f"{kind} "
    moved = (body.get("detail") or {}).get("jurisdiction")
    # a case that changed hands tells from which jurisdiction to which
    way += aside(f"{moved['from']} → {moved['to']}", lang) if moved else ""
    return "  ".join(filter(None, (f"{prefix}{title}", way, _opinion(body.get("detail") or {}, lang))))


def _opinion(detail: Mapping[str, Any], lang: str) -> str:
    """What whoever acted gave as the reason; of a review, how many items were signed and with which opinion."""
    reason, items = str(detail.get("reason", "")), sum(map(len, detail.get("checked", {}).values()))
    if not items:
        return reason
    signed = pick(lang, f"逐项签署 {items} 项", f"signed {items} items")
    return signed + pick(lang, f"：{reason}", f": {reason}") if reason else signed
