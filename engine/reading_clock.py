"""One clock of a workflow or of a profile, as it is written: its shape only. 计时"""

from __future__ import annotations

from typing import cast

from engine.reading_form import Form
from engine.workflow import MOMENTS, PARTIES, Charge, ClockDef, MomentName, Party, Trigger
from engine.yamlfile import Map, Scalar, Seq

_TRIGGERS = ("action", "state", "fact")


def read_clock(name: str, form: Form, *, profile: str = "") -> ClockDef:
    """Read a clock; ``profile`` names the profile that brings it."""
    clock = ClockDef(
        name=name,
        title=form.title(),
        term=form.text("term", required=True),
        starts=_starts(form),
        ends=_ends(form),
        agreed=form.text("agreed"),
        agreed_as=cast(MomentName, form.choice("agreed_as", MOMENTS, "agreed")),
        applies_when=form.text("applies_when"),
        survives=form.names("survives"),
        guards=form.names("guards"),
        ladder=form.text("ladder"),
        charges=_charges(form),
        profile=profile,
        file=form.file if profile else "",
    )
    form.text("note")
    form.done()
    return clock


def _starts(form: Form) -> tuple[Trigger, ...]:
    write = "starts: {action: 操作} 或 {state: 状态} 或 {all: [{……}, {……}]}"
    inner = form.inner("starts", f"{form.where} 的 starts", required=True)
    if inner is None:
        return ()
    together = inner.get("all")
    if together is None:
        return _trigger(inner, write)
    inner.done()
    found: tuple[Trigger, ...] = ()
    for item in together.items if isinstance(together, Seq) else (together,):
        if isinstance(item, Map):
            found += _trigger(Form(item, form.file, form.faults, f"{form.where} 的 starts"), write)
        else:
            form.fault(item.line, "starts 的 all 应是列表", write)
    if isinstance(together, Seq) and len(together.items) < 2:
        form.fault(together.line, "starts 的 all 至少两项", write)
    return found


def _trigger(form: Form, write: str) -> tuple[Trigger, ...]:
    found = tuple(
        Trigger(kind, name)  # type: ignore[arg-type]
        for kind in _TRIGGERS
        if (name := form.text(kind))
    )
    form.done()
    if len(found) != 1 and not set(form.node.entries) - set(_TRIGGERS):
        form.fault(form.line(), "起算点应恰好一个", write)
    return found[:1]


def _ends(form: Form) -> tuple[str, ...]:
    node = form.get("ends")
    if node is None:
        return ()
    if not isinstance(node, Map):
        form.fault(node.line, "ends 应写明操作", "ends: {action: 操作}")
        return ()
    inner = Form(node, form.file, form.faults, f"{form.where} 的 ends")
    actions = inner.names("action", required=True)
    inner.done()
    return actions


def _charges(form: Form) -> tuple[Charge, ...]:
    """Read ``charges: purchaser`` or ``charges: [{party: purchaser, until: 操作}, {party: treasury}]``."""
    node = form.get("charges")
    if node is None:
        return ()
    if isinstance(node, Scalar):
        party = form.choice("charges", PARTIES)
        return (Charge(cast(Party, party)),) if party else ()
    found: list[Charge] = []
    for item in form.several("charges", f"{form.where} 的 charges "):
        party = item.choice("party", PARTIES)
        until = item.text("until")
        item.done()
        if party:
            found.append(Charge(cast(Party, party), until))
    if any(not c.until for c in found[:-1]):
        form.fault(
            node.line,
            "只有最后一段可以不写 until",
            "charges: [{party: purchaser, until: 操作}, {party: treasury}]",
        )
    return tuple(found)
