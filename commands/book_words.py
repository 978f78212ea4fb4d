"""Markdown for the pages of the law: escaping, tables, links from page to page, grounds in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from commands.clock_page import CONFIDENCES
from commands.law_page import value_words
from engine.law import Confidence, Dated, Ground
from engine.lawbook import spans
from engine.recurrence import DutyDef
from engine.ruling import RuleDef
from engine.thresholds import ThresholdTable
from engine.title import Title
from engine.workflow import Bundle, ChecklistDef, LadderDef, ProfileDef, TermDef, WorkflowDef

MARK = "<!-- 由 yiriban law pages 从流程文件写成，请勿手改 / written by `yiriban law pages`, do not edit -->"
"""The first line of every page: only pages that bear it are ever overwritten or removed."""
GROUND_HEADS = ("依据", "核对日期", "把握", "说明")
_SPECIAL = re.compile(r"[\\*\[\]]")


def plain(text: str) -> str:
    """Text as it stands: nothing in it is Markdown or HTML, save code between backticks."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        pieces = [text.replace("`", "‘")]
    return "`".join(piece if at % 2 else _escaped(piece) for at, piece in enumerate(pieces))


def code(text: str) -> str:
    """A name of the files, as code."""
    return f"`{text}`"


def link(text: str, target: str) -> str:
    """Link to another page."""
    return f"[{plain(text)}]({target})"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a table; columns that are empty in every row are left out. Cells are Markdown already."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    kept = [at for at in range(len(heads)) if any(row[at] for row in cells)]
    lines = [_row([heads[at] for at in kept]), _row(["---"] * len(kept))]
    return "\n".join([*lines, *(_row([row[at] for at in kept]) for row in cells)])


def joined(parts: Iterable[str | None]) -> str:
    """Put the parts of a page below each other, and its mark above them."""
    return "\n\n".join([MARK, *(part for part in parts if part)]) + "\n"


def section(title: str, body: str) -> str:
    """A part of a page under its own heading, or nothing."""
    return f"## {title}\n\n{body}" if body else ""


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def heading(title: Title, code: str = "") -> str:
    """The title of a page, in Chinese, with the English name in brackets."""
    english = f"（{plain(title.en)}）" if title.en else ""
    return f"# {f'{code} ' if code else ''}{plain(title.zh)}{english}"


def sure(confidence: Confidence) -> str:
    """How sure we are; what nobody has verified is said loudly."""
    said = CONFIDENCES[confidence][0]
    return f"**⚠ {said}**" if confidence == "to verify" else said


def ground_cells(ground: Ground) -> tuple[str, ...]:
    """The cells under ``GROUND_HEADS``."""
    checked = str(ground.checked_on) if ground.checked_on else ""
    return plain(ground.basis), checked, sure(ground.confidence), plain(ground.note)


def ground_line(ground: Ground) -> str:
    """A ground in one line."""
    checked = f"{ground.checked_on} 核对，" if ground.checked_on else ""
    note = f"{plain(ground.note)}" if ground.note else ""
    return f"{plain(ground.basis)}（{checked}{sure(ground.confidence)}）{note}"


def dated_table(head: str, dated: Dated[Any]) -> str:
    """Values with the days from which and to which they hold, each with its ground."""
    rows = [
        (value_words(value.value, "zh"), since(value.since), until or "", *ground_cells(value.ground))
        for value, until in spans(dated)
    ]
    return table((head, "从", "到", *GROUND_HEADS), rows)


def since(day: object) -> str:
    """The first day in force; without one it always was."""
    return str(day) if day else "未写（一直有效）"


def remark_lines(remarks: Iterable[str]) -> str:
    """What the authors remark in the file, as quotations."""
    return "\n>\n".join(f"> {plain(remark)}" for remark in remarks)


class Links:
    """Links to the pages of a bundle, from a page that lies ``up`` below them."""

    def __init__(self, bundle: Bundle, up: str = "../") -> None:
        """``up`` is empty for the page that leads to the others."""
        self.bundle = bundle
        self.up = up

    def workflow(self, workflow: WorkflowDef) -> str:
        """Link to a workflow's page."""
        return link(workflow.title.zh, f"{self.up}workflows/{workflow.name}.md")

    def named(self, name: str) -> str:
        """Link to the workflow of a name; of a tier, to all that belong to it."""
        named = self.bundle.workflows.get(name)
        alike = [named] if named else [w for w in self.bundle.workflows.values() if w.tier == name]
        return "、".join(map(self.workflow, alike)) or code(name)

    def term(self, term: TermDef) -> str:
        """Link to a term's page."""
        return link(f"{term.code} {term.title.zh}", f"{self.up}terms/{term.name}.md")

    def rule(self, rule: RuleDef) -> str:
        """Link to a rule's page."""
        return link(f"{rule.code} {rule.title.zh}", f"{self.up}rules/{rule.code}.md")

    def ladder(self, ladder: LadderDef) -> str:
        """Link to a ladder's page."""
        return link(ladder.name, f"{self.up}ladders/{ladder.name}.md")

    def profile(self, profile: ProfileDef) -> str:
        """Link to a profile's page."""
        return link(profile.title.zh, f"{self.up}profiles/{profile.name}.md")

    def checklist(self, checklist: ChecklistDef) -> str:
        """Link to the page of what a review signs."""
        return link(checklist.title.zh, f"{self.up}checklists/{checklist.name}.md")

    def duty(self, duty: DutyDef) -> str:
        """Link to the page of a duty that comes back."""
        return link(f"{duty.code} {duty.title.zh}", f"{self.up}recurring/{duty.name}.md")

    def threshold(self, table: ThresholdTable) -> str:
        """Link to the page of a table of amounts."""
        return link(table.title.zh, f"{self.up}thresholds/{table.name}.md")

    def home(self) -> str:
        """Link to the page that leads to the others."""
        return link("全部流程、期限和规则", f"{self.up}README.md")


def _escaped(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", text.replace("&", "&amp;").replace("<", "&lt;"))
    return escaped.replace("~", "\\~")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', BAR).replace(chr(10), '<br>') for cell in cells)} |"


BAR = "\\|"
"""Ends no cell, not even within code."""
