"""What the people of the demonstration city have yet to do, as the commands that they type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from commands.demo_city import OFFICERS, person_for
from commands.demo_diary import Act, Plan
from engine.matter import FactValue
from engine.office import Office

SHANGHAI = ZoneInfo("Asia/Shanghai")
_LEFT_OUT = ("charge", "approve_charge")
"""Words that name days which only the day itself knows."""


def pending(
    office: Office, plans: Sequence[Plan], ids: Mapping[int, str], now: datetime, papers: Path
) -> list[dict[str, Any]]:  # fmt: skip
    """Return all that is planned after ``now``, in its order: ``at``, the ``words`` of the command, the ``project``.

    The documents that are handed in are written into ``papers``; projects not opened yet get a number.
    """
    papers.mkdir()
    kinds = {name: fact.type for w in office.current.workflows.values() for name, fact in w.facts.items()}
    lists = {a.name: a.checklists for w in office.current.workflows.values() for a in w.actions.values()}
    found: list[tuple[datetime, int, int, list[str], int]] = []
    known = dict(ids)
    for plan in plans:
        if plan.begins > now:
            known[plan.number] = f"P{plan.begins:%Y}-9{plan.number:03d}"
            found.append((plan.begins, 0, plan.number, _new(plan, known[plan.number], kinds), plan.number))
        for act in plan.acts:
            if act.at > now and act.step.kind not in _LEFT_OUT:
                words = _words(act, plan, known[plan.number], kinds, papers)
                for name in lists.get(act.step.action, ()) if act.step.kind == "do" else ():
                    words += ["--checked", name]
                    words += [] if act.step.reason else ["--reason", "逐项审查，同意"]
                found.append((act.at, 1, act.order, words, plan.number))
    return [
        {"at": at.isoformat(), "words": words, "project": number}
        for at, _, _, words, number in sorted(found, key=lambda one: one[:3])
    ]


def _new(plan: Plan, code: str, kinds: Mapping[str, str]) -> list[str]:
    words = ["project", "new", plan.title, "--as", OFFICERS[plan.unit], "--unit", plan.unit, "--code", code]
    facts = dict(plan.facts)
    words += ["--packages", str(facts.pop("packages"))]
    words += ["--stage", plan.stage] if plan.stage else []
    return words + _facts(facts, kinds)


def _words(act: Act, plan: Plan, root: str, kinds: Mapping[str, str], papers: Path) -> list[str]:
    step, ref = act.step, root + act.step.on[1:]
    said = ["--as", act.by]
    if step.reason:
        said += ["--reason", step.reason]
    for kind in step.papers:
        file = papers / f"{plan.number}-{kind}.pdf"
        file.write_text(f"{kind} of {root}", "utf-8")
        said += ["--evidence", f"{kind}={file}"]
    if step.kind == "do":
        if act.happened is not None:
            said += ["--at", f"{act.happened.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"]
            said += ["--second", person_for("head", plan.unit, plan.number)]
        noun = "case" if "-C" in ref.removeprefix(root) else "project"
        return [noun, "do", ref, step.action, *said, *_facts(act.facts, kinds)]
    if step.kind == "extend":
        return ["clock", "extend", ref, step.clock, "--until", str(act.facts["until"]), *said]
    if step.kind == "approve":
        return ["clock", "approve", ref, step.clock, *said]
    return ["clock", step.kind, ref, *said]


def _facts(facts: Mapping[str, FactValue], kinds: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for name, value in facts.items():
        text = str(value)
        if isinstance(value, bool):
            text = "是" if value else "否"
        elif isinstance(value, date):
            text = value.isoformat()
        elif kinds.get(name) == "money":
            text = f"{value}分"
        found += ["--fact", f"{name}={text}"]
    return found
