"""The page of a list that a review signs: its items, when it is asked for, at which actions."""

from __future__ import annotations

from commands.book_condition import condition_lines
from commands.book_names import Names
from commands.book_words import (
    GROUND_HEADS,
    Links,
    bullets,
    code,
    ground_cells,
    heading,
    joined,
    plain,
    remark_lines,
    section,
    table,
)
from commands.law_page import broken
from engine.checklist import ChecklistDef
from engine.lawbook import asked_at
from engine.remarks import remarks
from engine.rules import of_tier
from engine.workflow import Bundle

_HOW = "逐项看过、都符合的，办理时写 `--checked {name}`{opinion}；有一项不符合的，不签，先改正。"
_OPINION = "，并用 `--reason` 写明审查意见"


def checklist_book_page(checklist: ChecklistDef, bundle: Bundle) -> str:
    """Return the whole page."""
    links = Links(bundle)
    items = [(plain(item.title.zh), code(item.name), plain(item.title.en)) for item in checklist.items]
    return joined(
        [
            heading(checklist.title),
            remark_lines(remarks(bundle.files.get(checklist.file, ""))),
            _HOW.format(name=checklist.name, opinion="" if checklist.without_opinion else _OPINION),
            section("审查项", table(("看什么", "名称", "English"), items)),
            section("什么时候要签", _when(checklist, bundle)),
            section("在哪里签", _asked(checklist, bundle, links)),
            section("依据", table(GROUND_HEADS, [ground_cells(checklist.ground)])),
            f"文件：{code(f'workflows/{checklist.file}')}。{links.home()}",
        ]
    )


def _when(checklist: ChecklistDef, bundle: Bundle) -> str:
    if not checklist.when:
        return "每次办理都要。"
    names = Names(bundle, of_tier(bundle.workflows, checklist.workflow)[0])
    spoken = "\n".join(condition_lines(checklist.when, names))
    written = f"文件里的写法（CEL），以它为准：\n\n```\n{broken(checklist.when)}\n```"
    return f"{spoken}\n\n{written}"


def _asked(checklist: ChecklistDef, bundle: Bundle, links: Links) -> str:
    return bullets(
        f"{links.workflow(asked.workflow)}：{plain(asked.action.title.zh)}（{code(asked.action.name)}）"
        for asked in asked_at(bundle, checklist)
        if asked.action is not None
    )
