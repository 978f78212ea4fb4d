"""One workflow on a page: states, actions with who may take them, clocks with every limit and its ground."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from commands.clock_page import CONFIDENCES
from commands.printing import pick, table
from commands.words import word
from engine.law import Value
from engine.roles import ROLES
from engine.term import Length
from engine.workflow import ActionDef, Bundle, ClockDef, Promise, Title, Trigger, WorkflowDef

MOST_SOURCES = 3


def page_as_data(workflow: WorkflowDef, bundle: Bundle) -> dict[str, Any]:
    """Return everything that ``page`` shows, for JSON."""
    return {
        "bundle": bundle.hash,
        "name": workflow.name,
        "title": {"zh": workflow.title.zh, "en": workflow.title.en},
        "file": workflow.file,
        "part_of": workflow.part_of or None,
        "about": workflow.about,
        "spawns": workflow.spawns.workflow if workflow.spawns else None,
        "facts": [
            {"name": f.name, "type": f.type, "title": f.title.zh, "optional": f.optional}
            for f in workflow.facts.values()
        ],
        "states": [
            {"name": s.name, "title": s.title.zh, "initial": s.initial, "final": s.final}
            for s in workflow.states.values()
        ],
        "actions": [_action_as_data(action) for action in workflow.actions.values()],
        "clocks": [_clock_as_data(workflow, clock, bundle) for clock in workflow.clocks.values()],
    }


def _action_as_data(action: ActionDef) -> dict[str, Any]:
    return {
        "name": action.name,
        "title": action.title.zh,
        "from": list(action.sources),
        "to": action.to,
        "by": list(action.by),
        "needs": list(action.needs),
        "checklists": list(action.checklists),
        "evidence": list(action.evidence),
        "rules": list(action.rules),
        "spawns": action.spawns.workflow if action.spawns else None,
        "automatic": action.automatic,
        "when": action.when or None,
        "needs_reason": action.needs_reason,
    }


def _clock_as_data(workflow: WorkflowDef, clock: ClockDef, bundle: Bundle) -> dict[str, Any]:
    term = bundle.terms[clock.term]
    return {
        "name": clock.name,
        "title": clock.title.zh,
        "term": term.name,
        "code": term.code,
        "kind": term.kind,
        "starts": [{"kind": trigger.kind, "name": trigger.name} for trigger in clock.starts],
        "ends": list(clock.ends),
        "agreed": clock.agreed or None,
        "applies_when": clock.applies_when or None,
        "survives": list(clock.survives),
        "ladder": clock.ladder or None,
        "limits": [
            {
                "moment": moment,
                "profile": profile,
                "limit": limit,
                "ends": ends,
                "from": value.since,
                "basis": value.ground.basis,
                "checked_on": value.ground.checked_on,
                "confidence": value.ground.confidence,
            }
            for moment, profile, limit, ends, value in _limits(workflow, clock, bundle)
        ],
    }


def _limits(
    workflow: WorkflowDef, clock: ClockDef, bundle: Bundle
) -> Iterator[tuple[str, str | None, Length | None, str, Value[Length] | Value[Promise]]]:
    """Walk promises (by profile) and statutory values of a clock, oldest first."""
    for profile in bundle.profiles.values():
        for promised in profile.promised(workflow, clock.name):
            if promised.value is not None:
                yield "promise", profile.name, promised.value.limit, promised.value.ends, promised
    term = bundle.terms[clock.term]
    for value in term.statutory:
        yield "statutory", None, value.value, term.ends, value


def page(workflow: WorkflowDef, bundle: Bundle, lang: str) -> str:
    """Lay the workflow out for a person to read and check."""
    head = f"{workflow.title.in_(lang)}  {workflow.name}"
    if workflow.part_of:
        above = bundle.workflows[workflow.part_of].title.in_(lang)
        head += f"  {pick(lang, '隶属', 'part of')} {above} {workflow.part_of}"
    parts = [head, _states(workflow, lang), _actions(workflow, lang)]
    if workflow.clocks:
        parts.append(_clocks(workflow, bundle, lang))
    return "\n\n".join(parts)


def _states(workflow: WorkflowDef, lang: str) -> str:
    heads = pick(lang, "状态 名称 性质", "state title kind").split()
    kinds = {"initial": pick(lang, "初始", "initial"), "final": pick(lang, "终结", "final")}
    rows = [
        (s.name, s.title.in_(lang), kinds["initial"] if s.initial else kinds["final"] if s.final else None)
        for s in workflow.states.values()
    ]
    return table(rows, heads)


def _actions(workflow: WorkflowDef, lang: str) -> str:
    heads = pick(lang, "操作 名称 状态变化 由谁 须有", "action title change by needs").split()
    rows = []
    for action in workflow.actions.values():
        # a record leaves the state as it is
        to = workflow.states[action.to].title.in_(lang) if action.to else pick(lang, "（登记）", "(record)")
        by = pick(lang, "自动", "automatic")
        if not action.automatic:
            by = pick(lang, "、", ", ").join(ROLES[role].in_(lang) for role in action.by)
        change = f"{_sources(workflow, action, lang)} → {to}"
        rows.append((action.name, action.title.in_(lang), change, by, _needs(workflow, action, lang)))
    return table(rows, heads)


def _sources(workflow: WorkflowDef, action: ActionDef, lang: str) -> str:
    """Name the states from which an action is possible; of many only the first (all stand in --json)."""
    titles = [workflow.states[s].title.in_(lang) for s in action.sources]
    if len(titles) <= MOST_SOURCES:
        return pick(lang, "、", ", ").join(titles)
    return pick(
        lang, f"{titles[0]} 等 {len(titles)} 个状态", f"{titles[0]} and {len(titles) - 1} more states"
    )


def _needs(workflow: WorkflowDef, action: ActionDef, lang: str) -> str | None:
    wanted = [workflow.facts[fact].title.in_(lang) for fact in action.needs]
    wanted += [pick(lang, f"附件 {kind}", f"document {kind}") for kind in action.evidence]
    wanted += [pick(lang, f"规则 {code}", f"rule {code}") for code in action.rules]
    wanted += [pick(lang, f"审查清单 {name}", f"list {name}") for name in action.checklists]
    wanted += [action.when] if action.when else []
    wanted += [pick(lang, "理由", "a reason")] if action.needs_reason else []
    return pick(lang, "；", "; ").join(wanted) or None


def _clocks(workflow: WorkflowDef, bundle: Bundle, lang: str) -> str:
    heads = pick(lang, "计时 名称 起算 止点", "clock title starts ends").split()
    rows = [
        (
            c.name,
            c.title.in_(lang),
            pick(lang, " 且 ", " and ").join(trigger_words(workflow, t, lang) for t in c.starts),
            end_words(workflow, c, bundle, lang),
        )
        for c in workflow.clocks.values()
    ]
    limits = [row for clock in workflow.clocks.values() for row in _limit_rows(workflow, clock, bundle, lang)]
    wanted = pick(
        lang, "计时 时限 期限 生效日 依据 核对 把握", "clock moment limit from basis checked confidence"
    )
    return f"{table(rows, heads)}\n\n{table(limits, wanted.split())}"


def end_words(workflow: WorkflowDef, clock: ClockDef, bundle: Bundle, lang: str) -> str | None:
    """Say what ends a clock, or what a minimum period holds back."""
    if clock.ends:
        return ", ".join(workflow.actions[action].title.in_(lang) for action in clock.ends)
    titles = {n: a.title for w in bundle.workflows.values() for n, a in w.actions.items()}
    titles |= {n: f.title for w in bundle.workflows.values() for n, f in w.facts.items()}
    titles |= {n: a.title for n, a in workflow.actions.items()} | {
        n: f.title for n, f in workflow.facts.items()
    }
    held = [titles[name].in_(lang) for name in clock.guards]
    return pick(lang, "期满前不得：", "not before: ") + pick(lang, "、", ", ").join(held) if held else None


def _limit_rows(
    workflow: WorkflowDef, clock: ClockDef, bundle: Bundle, lang: str
) -> Iterator[tuple[object, ...]]:
    code = bundle.terms[clock.term].code
    words = {"promise": pick(lang, "承诺", "promise"), "statutory": pick(lang, "法定", "statutory")}
    for moment, profile, limit, _ends, value in _limits(workflow, clock, bundle):
        ground = value.ground
        length = pick(lang, "废止", "repealed")
        if limit is not None:
            length = str(limit) if lang == "en" else limit.in_chinese()
        yield (
            clock.name,
            f"{words[moment]} {profile or code}",
            length,
            value.since,
            ground.basis,
            ground.checked_on,
            word(CONFIDENCES, ground.confidence, lang),
        )
    if clock.agreed:
        title = agreed_title(workflow, clock.agreed, bundle).in_(lang)
        moment = words.get(clock.agreed_as) or pick(lang, "约定", "agreed")
        yield (clock.name, moment, title, None, None, None, None)


def agreed_title(workflow: WorkflowDef, fact: str, bundle: Bundle) -> Title:
    """Find the title of an agreed fact, here or in what the workflow is part of."""
    while fact not in workflow.facts:
        workflow = bundle.workflows[workflow.part_of]
    return workflow.facts[fact].title


def trigger_words(workflow: WorkflowDef, trigger: Trigger, lang: str) -> str:
    """Say what a clock starts on."""
    if trigger.kind == "action":
        return workflow.actions[trigger.name].title.in_(lang)
    if trigger.kind == "state":
        return pick(lang, "进入", "state ") + workflow.states[trigger.name].title.in_(lang)
    return pick(lang, "得知", "known: ") + workflow.facts[trigger.name].title.in_(lang)
