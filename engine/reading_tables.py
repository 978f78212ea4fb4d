"""Tables of thresholds, lists of words and of what a review looks at, as values: their shape only. 门槛表、词表、审查清单"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from engine.checklist import CheckItem, ChecklistDef
from engine.reading_form import Form, check_name, nearest
from engine.sensitive import WordList
from engine.thresholds import ANY, OBJECTS, TIERS, UNITS, ThresholdRow, ThresholdTable, Tier, is_place
from engine.yamlfile import Faults, Map, Scalar, Seq

_PLACES = 'CN、"35"（省）、"3501"（市）、"350102"（县），要加引号'


def read_table(tree: Map, file: str, faults: Faults) -> ThresholdTable:
    """Read a table of thresholds; amounts are turned into fen by the unit that it declares."""
    form = Form(tree, file, faults, "门槛表")
    name = _name(form, "table", "门槛表")
    factor = UNITS.get(form.choice("unit", tuple(UNITS)), 0)
    title = form.title()
    rows = [row for place, item in enumerate(form.several("rows", f"{form.where} ", required=True))
            for row in _rows(item, place, factor)]  # fmt: skip
    rows.sort(key=lambda row: (row.cell, row.since is not None, row.since))
    form.text("note")
    form.done()
    return ThresholdTable(name, title, tuple(rows), file)


def _rows(form: Form, item: int, factor: int) -> Iterator[ThresholdRow]:
    """Read one entry of the list: a row for each level and object that it names."""
    place = form.text("place", "place: CN", required=True)
    if place and not is_place(place):
        form.fault(form.line("place"), f"看不懂的地方 {place}", _PLACES)
    levels = form.names("level")
    objects = form.names("object", required=True)
    for key, names, options in (("level", levels, TIERS), ("object", objects, (*OBJECTS, ANY))):
        for name in names:
            if name not in options:
                form.fault(form.line(key), f"{key} 不能是 {name}", nearest(name, options))
    amount = form.integer("value")
    since, until = form.day("from"), form.day("until")
    if since is not None and until is not None and until < since:
        form.fault(form.line("until"), f"until {until} 早于 from {since}", "until 不早于 from")
    ground = form.ground()
    form.done()
    if amount is None or not is_place(place):
        return
    for level in levels or (None,):
        for kind in objects:
            tier = cast("Tier | None", level)
            yield ThresholdRow(place, tier, kind, amount * factor, ground, since, until, item)


def read_words(tree: Map, file: str, faults: Faults) -> WordList:
    """Read a list of words by kind, and what is allowed all the same."""
    form = Form(tree, file, faults, "词表")
    name = _name(form, "words", "词表")
    found: list[tuple[str, str]] = []
    for item in form.several("kinds", f"{form.where} ", required=True):
        kind = item.text("kind", "kind: 差别歧视", required=True)
        found += [(word, kind) for word in _texts(item, "words")]
        item.done()
    words = WordList(name, form.title(), tuple(found), _texts(form, "allow"), form.ground(), file)
    seen: set[str] = set()
    for word, _ in words.words:
        if word in seen:
            form.fault(form.line("kinds"), f"{word} 写了两次", f"只保留一个 {word}")
        seen.add(word)
    form.done()
    return words


def read_checklist(tree: Map, file: str, faults: Faults) -> ChecklistDef:
    """Read what a review goes through, item by item."""
    form = Form(tree, file, faults, "审查清单")
    name = _name(form, "checklist", "审查清单")
    items: list[CheckItem] = []
    for key, item in form.named("items", "审查项", required=True):
        items.append(CheckItem(key, item.title()))
        item.done()
    if not items and form.node.get("items") is not None:
        form.fault(form.line("items"), "没有审查项", "items: {名称: {title: {zh: 看什么}}}")
    found = ChecklistDef(
        name, form.title(), form.text("workflow", required=True), tuple(items), form.ground(), form.text("when"),
        form.flag("without_opinion"), file,
    )  # fmt: skip
    form.done()
    return found


def _texts(form: Form, key: str) -> tuple[str, ...]:
    """Read a list of texts; words are not names, any sign may stand in them."""
    node = form.get(key)
    found: list[str] = []
    for item in node.items if isinstance(node, Seq) else (node,) if node is not None else ():
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value.strip():
            found.append(item.value.strip())
        else:
            form.fault(item.line, f"{key} 应是文字的列表", f"{key}: [指定品牌]")
    return tuple(found)


def _name(form: Form, key: str, word: str) -> str:
    name = form.text(key, required=True)
    if name:
        check_name(name, form.line(key), form.file, form.faults, word)
        form.where = f"{word} {name}"
    return name
