"""One list of a review on a page: its items, when and where it is signed, by which article."""

from __future__ import annotations

from typing import Any

from commands.clock_page import CONFIDENCES
from commands.printing import pick, table
from commands.words import word
from engine.checklist import ChecklistDef
from engine.lawbook import asked_at
from engine.workflow import Bundle


def checklist_as_data(checklist: ChecklistDef, bundle: Bundle) -> dict[str, Any]:
    """Return everything that ``checklist_page`` shows, for JSON."""
    ground = checklist.ground
    return {
        "what": "checklist",
        "code": checklist.code,
        "title": {"zh": checklist.title.zh, "en": checklist.title.en},
        "file": checklist.file,
        "workflow": checklist.workflow,
        "items": [{"name": i.name, "title": {"zh": i.title.zh, "en": i.title.en}} for i in checklist.items],
        "when": checklist.when or None,
        "opinion": not checklist.without_opinion,
        "asked_at": _asked_at(checklist, bundle),
        "basis": ground.basis,
        "checked_on": ground.checked_on,
        "confidence": ground.confidence,
        "note": ground.note or None,
    }


def checklist_page(checklist: ChecklistDef, bundle: Bundle, lang: str) -> str:
    """Lay a list out for a person who signs it, or who checks it against the text of the law."""
    ground = checklist.ground
    always = pick(lang, "每次办理", "each time")
    lines: list[tuple[str, object]] = [
        (pick(lang, "何时", "when"), checklist.when or always),
        (pick(lang, "操作", "actions"), pick(lang, "、", ", ").join(_asked_at(checklist, bundle))),
        (pick(lang, "依据", "basis"), ground.basis),
        (pick(lang, "核对", "checked"), f"{ground.checked_on}  {word(CONFIDENCES, ground.confidence, lang)}"),
        (pick(lang, "文件", "file"), checklist.file),
    ]
    lines += [(pick(lang, "说明", "note"), ground.note)] if ground.note else []
    items = [(item.name, item.title.in_(lang)) for item in checklist.items]
    heads = pick(lang, "审查项 看什么", "item title").split()
    sign = pick(lang, "逐项看过、都符合的：", "gone through and in order: ")
    signed = f"{sign}--checked {checklist.name}"
    if not checklist.without_opinion:
        signed += f" --reason {pick(lang, '审查意见', 'OPINION')}"
    return f"{table(lines, (checklist.code, checklist.title.in_(lang)))}\n\n{table(items, heads)}\n\n{signed}"


def _asked_at(checklist: ChecklistDef, bundle: Bundle) -> list[str]:
    """Name the actions, each once: the methods of a tier share many."""
    asked = [f"{a.workflow.tier}.{a.action.name}" for a in asked_at(bundle, checklist) if a.action]
    return sorted(dict.fromkeys(asked))
