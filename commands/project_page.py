"""Projects on a page: the list, the tree of one, and what can be done now, with the command to type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commands.clock_page import account_data, standing
from commands.history_page import Workflows, line_data, line_words
from commands.printing import local, pick, table
from commands.words import (
    ALIASES,
    LAMPS,
    MOMENT_WORDS,
    due_at,
    facts_words,
    here,
    left,
    rest,
    role,
    word,
)
from engine.chain import plain_facts
from engine.clock import Clock
from engine.explain import ClockAccount, Lamp
from engine.factvalue import EXAMPLES
from engine.matter import Matter
from engine.offering import Offer
from engine.signing import wants_opinion
from engine.workflow import MOMENTS, FactDef, Title
from storage.views import Line, Listed

_MOST_MATTERS = 40
_MOST_OFFERS = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """A project in the list: its lamp, and the clock and due moment that people should look at first."""

    project: Listed
    lamp: Lamp
    clock: Clock | None
    title: Title | None
    due: datetime | None
    running: int


def nearest(clock: Clock) -> datetime | None:
    """Return the earliest due moment of a clock, passed or not."""
    return min((m for n in MOMENTS if (m := clock.moment(n)) is not None), default=None)


def summary_data(summary: Summary, now: datetime) -> dict[str, Any]:
    """One line of the list for JSON."""
    p = summary.project
    return {
        "id": p.id,
        "title": p.title,
        "unit": p.unit,
        "state": p.state,
        "opened_at": here(p.opened_at),
        "lamp": summary.lamp,
        "running": summary.running,
        "clock": None if summary.clock is None else summary.clock.name,
        "matter": None if summary.clock is None else summary.clock.matter,
        "due": here(summary.due),
        "left_seconds": None if summary.due is None else int((summary.due - now).total_seconds()),
    }


def list_page(found: Sequence[Summary], workflows: Workflows, total: int, now: datetime, lang: str) -> str:
    """The list as a table of at most 100 columns."""
    if not found:
        return pick(lang, "没有项目", "No projects")
    zh, en = "编号 名称 单位 状态 灯 最近的计时 截止 剩余", "id title unit state lamp clock due left"
    heads = pick(lang, zh, en)
    rows = [
        (
            s.project.id,
            s.project.title,
            s.project.unit,
            workflows(s.project.bundle, s.project.workflow).states[s.project.state].title.in_(lang),
            word(LAMPS, s.lamp, lang),
            None if s.title is None else s.title.in_(lang),
            None if s.clock is None else due_at(s.due, provisional=s.clock.provisional, short_for=now),
            None if s.due is None or s.clock is None else rest(s.clock, s.due, now, lang),
        )
        for s in found
    ]
    more = "" if total <= len(found) else "\n" + shown_of(len(found), total, lang)
    return table(rows, heads.split()) + more


def shown_of(shown: int, total: int, lang: str) -> str:
    """Say that a list was cut."""
    zh, en = f"列出 {shown} 条，共 {total} 条；--limit 0 列出全部", f"{shown} of {total}; --limit 0 lists all"
    return pick(lang, zh, en)


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that `project show` knows: the named matter with what is under it."""

    named: Matter
    matters: Sequence[Matter]
    cases: Sequence[Matter]
    accounts: Sequence[ClockAccount]
    aliases: Mapping[str, Sequence[tuple[str, str]]]
    lines: Sequence[Line]
    offers: Sequence[Offer]
    lamp: Lamp
    now: datetime
    overrides: Sequence[str] = ()


def project_data(shown: Project, command: Callable[..., str]) -> dict[str, Any]:
    """A project for JSON."""
    return {
        "matter": shown.named.id,
        "lamp": shown.lamp,
        "now": here(shown.now),
        "matters": [_matter_data(m, shown.aliases.get(m.id, ())) for m in shown.matters],
        "cases": [_matter_data(m, ()) for m in shown.cases],
        "clocks": [account_data(a) for a in shown.accounts],
        "history": [line_data(line) for line in shown.lines],
        "offers": [offer_data(o, command) for o in shown.offers],
        "overrides": list(shown.overrides),
    }


def _matter_data(matter: Matter, numbers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "id": matter.id,
        "workflow": matter.workflow,
        "part_of": matter.part_of,
        "about": matter.about,
        "about_clock": matter.about_clock,
        "title": matter.title,
        "unit": matter.unit,
        "jurisdiction": matter.jurisdiction,
        "profile": matter.profile,
        "bundle": matter.bundle,
        "state": matter.state,
        "state_since": here(matter.state_since),
        "opened_at": here(matter.opened_at),
        "revision": matter.revision,
        "history_no": matter.history_no,
        "head_hash": matter.head_hash,
        "facts": plain_facts(matter.facts),
        "aliases": [{"kind": kind, "value": value} for kind, value in numbers],
    }


def project_page(shown: Project, workflows: Workflows, command: Callable[..., str], lang: str) -> str:
    """A project from top to bottom: its parts, clocks, cases and past, and what to do now."""
    named = shown.named
    workflow = workflows(named.bundle, named.workflow)
    head = [
        f"{named.id}  {named.title}",
        f"{named.unit}  {workflow.title.in_(lang)} {workflow.states[named.state].title.in_(lang)}"
        f"  [{word(LAMPS, shown.lamp, lang)}]  {pick(lang, '方案', 'profile')} {named.profile}"
        f"  {pick(lang, '流程版本', 'bundle')} {named.bundle[:12]}",
    ]
    blocks = ["\n".join(head), _tree(shown, workflows, lang)]
    running = [a for a in shown.accounts if a.clock.is_open]
    # tables are as wide as a screen and stand at the margin
    clocks = clock_table(running, shown.now, lang)
    blocks.append(f"{pick(lang, '在走的计时', 'Running clocks')}\n{clocks}")
    if shown.cases:
        rows = [_case_row(c, workflows, lang) for c in shown.cases]
        heads = pick(lang, "督办件 针对 状态 开立", "case about state opened").split()
        blocks.append(f"{pick(lang, '督办件', 'Cases')}\n{table(rows, heads)}")
    if shown.overrides:
        blocks.append(_titled(pick(lang, "已批准的例外", "Approved overrides"), "\n".join(shown.overrides)))
    said = [line_words(line, (*shown.matters, *shown.cases), workflows, lang) for line in shown.lines]
    blocks.append(_titled(pick(lang, "最近的记录", "Latest records"), "\n".join(said)))
    blocks.append(_titled(pick(lang, "现在可以", "What can be done now"), offers_page(shown, command, lang)))
    return "\n\n".join(blocks)


def _titled(title: str, text: str) -> str:
    return f"{title}\n" + "\n".join(f"  {line}" for line in text.split("\n"))


def _tree(shown: Project, workflows: Workflows, lang: str) -> str:
    base = shown.named.id.count(".")
    lines: list[str] = []
    for matter in shown.matters[:_MOST_MATTERS]:
        workflow = workflows(matter.bundle, matter.workflow)
        since = f" {local(matter.state_since)}" if matter.state_since else ""
        indent = "  " * (matter.id.count(".") - base + 1)
        state = workflow.states[matter.state].title.in_(lang)
        lines.append(f"{indent}{matter.id}  {workflow.title.in_(lang)}  {state}{since}")
        known = facts_words(workflow, matter, lang)
        known += [f"{word(ALIASES, k, lang)} {v}" for k, v in shown.aliases.get(matter.id, ())]
        if known:
            lines.append(f"{indent}  {pick(lang, '；', '; ').join(known)}")
    more = len(shown.matters) - _MOST_MATTERS
    if more > 0:
        lines.append(pick(lang, f"  另有 {more} 个下级事项，写明其编号单独查看", f"  and {more} more parts"))
    return f"{pick(lang, '事项', 'Matters')}\n" + "\n".join(lines)


def clock_table(accounts: Sequence[ClockAccount], now: datetime, lang: str) -> str:
    """Running clocks with every due moment and the time left to each."""
    if not accounts:
        return pick(lang, "没有", "none")
    heads = pick(lang, "事项 计时 灯 时限 截止 剩余 依据", "matter clock lamp moment due left ground").split()
    rows: list[tuple[str | None, ...]] = []
    for account in accounts:
        first: tuple[str, ...] = (
            account.clock.matter,
            account.definition.title.in_(lang),
            word(LAMPS, account.lamp, lang),
        )
        for item in account.dues:
            minimum = account.term.kind == "min"
            name = pick(lang, "最早可办", "earliest") if minimum else word(MOMENT_WORDS, item.name, lang)
            provisional = item.moment.provisional
            shown = local(item.moment.instant)[5:] if minimum else due_at(
                item.moment.instant, provisional=provisional, short_for=now
            )  # fmt: skip
            basis = item.ground.basis if item.ground else pick(lang, "合同约定", "contract")
            rows.append((*first, name, shown, standing(account, item, lang), basis))
            first = ("", "", "")
    return table(rows, heads)


def _case_row(case: Matter, workflows: Workflows, lang: str) -> tuple[str | None, ...]:
    workflow = workflows(case.bundle, case.workflow)
    about = f"{case.about} {case.about_clock or ''}".strip()
    return (case.id, about, workflow.states[case.state].title.in_(lang), local(case.opened_at))


def offers_page(shown: Project, command: Callable[..., str], lang: str) -> str:
    """What can be done now, by whom, and exactly what to type."""
    if not shown.offers:
        return pick(lang, "没有可办的操作", "nothing")
    lines: list[str] = []
    for offer in shown.offers[:_MOST_OFFERS]:
        lines += offer_lines(offer, shown.now, command, lang)
    more = len(shown.offers) - _MOST_OFFERS
    if more > 0:
        lines.append(pick(lang, f"另有 {more} 项，写明下级事项的编号单独查看", f"and {more} more"))
    return "\n".join(lines)


def offer_lines(offer: Offer, now: datetime, command: Callable[..., str], lang: str) -> list[str]:
    """One offer: its title with who may and until when, and below it the command."""
    who = pick(lang, "；", "; ").join(
        f"{role(name, lang)} {pick(lang, '、', ', ').join(persons) or pick(lang, '（无人任职）', '(nobody)')}"
        for name, persons in offer.holders
    )
    text = f"{offer.action.title.in_(lang)}  {who}"
    near = min((m for c in offer.ends if (m := nearest(c)) is not None), default=None)
    if near is not None:
        text += f"  {pick(lang, '截止', 'due')} {due_at(near, short_for=now)} {left(near - now, lang)}"
    if offer.not_before is not None:
        text += f"  {pick(lang, '最早', 'not before')} {local(offer.not_before)}"
    for rule in offer.blocked:
        said = rule.title.in_(lang)
        text += pick(
            lang, f"  规则 {rule.code} 还不允许：{said}", f"  rule {rule.code} forbids it yet: {said}"
        )
    for held, state in offer.held_up:
        text += f"  {held} {state.title.in_(lang)}（{state.basis}）"
    return [text, f"    {spelled(offer, command, lang)}"]


def spelled(offer: Offer, command: Callable[..., str], lang: str) -> str:
    """Return the command to type, with an example for everything that must be handed in."""
    noun = "case" if offer.matter.is_case else "project"
    words = [noun, "do", offer.matter.id, offer.action.name]
    for fact in offer.missing:
        words += ["--fact", f"{fact.name}={_example(fact, lang)}"]
    for kind in offer.action.evidence:
        words += ["--evidence", f"{kind}={pick(lang, '文件', 'FILE')}"]
    for checklist in offer.lists:
        words += ["--checked", checklist.name]
    if wants_opinion(offer.lists):
        words += ["--reason", pick(lang, "审查意见", "OPINION")]
    elif offer.action.needs_reason:
        words += ["--reason", pick(lang, "原因", "REASON")]
    return command(*words)


def _example(fact: FactDef, lang: str) -> str:
    if fact.options:
        return dict(fact.options)[fact.options[0][0]] if lang == "zh" else fact.options[0][0]
    return fact.title.in_(lang) if fact.type == "text" else EXAMPLES[fact.type]


def offer_data(offer: Offer, command: Callable[..., str]) -> dict[str, Any]:
    """One offer for JSON."""
    return {
        "matter": offer.matter.id,
        "action": offer.action.name,
        "title": offer.action.title.zh,
        "by": [{"role": name, "persons": list(persons)} for name, persons in offer.holders],
        "facts": [{"name": f.name, "type": f.type, "title": f.title.zh} for f in offer.missing],
        "evidence": list(offer.action.evidence),
        "checklists": [one.name for one in offer.lists],
        "needs_reason": offer.action.needs_reason,
        "ends": [c.name for c in offer.ends],
        "not_before": here(offer.not_before),
        "blocked": [rule.code for rule in offer.blocked],
        "held_up": [
            {"matter": held, "state": state.name, "basis": state.basis} for held, state in offer.held_up
        ],
        "command": spelled(offer, command, "zh"),
    }
