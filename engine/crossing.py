"""What speaks of what in a bundle: the rules around a term, the clocks on a ladder, the rules on a table. 互见

`lawbook` looks one entry up; here its neighbours are found, for pages that link to each other. Nothing is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.ladder import LadderDef
from engine.lawbook import uses
from engine.questions import ASKED, QUESTIONS
from engine.remarks import everywhere
from engine.rules import HITS, THRESHOLD, mentioned, rule_variables
from engine.ruling import RuleDef
from engine.thresholds import ThresholdTable
from engine.workflow import Bundle, ClockDef, TermDef, WorkflowDef


def names_of(bundle: Bundle, rule: RuleDef) -> frozenset[str]:
    """Return the variables that the rule's condition mentions."""
    return mentioned(rule.expression, rule_variables(rule, bundle))


def tables_of(bundle: Bundle, rule: RuleDef) -> list[ThresholdTable]:
    """Return the tables of amounts that the rule looks into."""
    found = sorted(name for name in names_of(bundle, rule) if name.startswith(THRESHOLD))
    return [bundle.thresholds[name.removeprefix(THRESHOLD)] for name in found]


def lists_of(bundle: Bundle, rule: RuleDef) -> list[str]:
    """Return the names of the word lists that the rule looks into."""
    return sorted({name.split(".")[1] for name in names_of(bundle, rule) if name.startswith(HITS)})


def rules_on_table(bundle: Bundle, table: ThresholdTable) -> list[RuleDef]:
    """Return the rules that look into a table of amounts."""
    return [rule for rule in bundle.rules.values() if table in tables_of(bundle, rule)]


def rules_naming(bundle: Bundle, term: TermDef) -> list[RuleDef]:
    """Return the rules that speak of the term by code, name or title: in a question, a remark or the remedy."""
    called = re.compile(rf"(?<![\w.])(?:{re.escape(term.code)}|{re.escape(term.name)})(?!\w)", re.ASCII)
    return [
        rule
        for rule in bundle.rules.values()
        if any(called.search(text) for text in _said_by(bundle, rule)) or _titled(term, rule)
    ]


def rules_beside(bundle: Bundle, term: TermDef) -> list[RuleDef]:
    """Return the rules asked at the actions that end the term's clocks, or that must wait for them."""
    codes: set[str] = set()
    for use in uses(bundle, term):
        if use.clock is not None:
            for name in (*use.clock.ends, *use.clock.guards):
                action = use.workflow.actions.get(name)
                codes.update(action.rules if action is not None else ())
    return [rule for rule in bundle.rules.values() if rule.code in codes]


def clocks_on(bundle: Bundle, ladder: LadderDef) -> Iterator[tuple[WorkflowDef, ClockDef]]:
    """Walk the clocks that hang on a ladder."""
    for workflow in bundle.workflows.values():
        for clock in workflow.clocks.values():
            if clock.ladder == ladder.name:
                yield workflow, clock


def brings(workflow: WorkflowDef) -> list[str]:
    """Return the workflows (or tiers) of the parts that its matters open."""
    spawns = [workflow.spawns, *(action.spawns for action in workflow.actions.values())]
    return list(dict.fromkeys(spawn.workflow for spawn in spawns if spawn is not None))


def opens(workflow: WorkflowDef) -> list[str]:
    """Return the workflows of the matters about its own that its actions open."""
    return list(dict.fromkeys(action.opens for action in workflow.actions.values() if action.opens))


def action_titles(name: str, bundle: Bundle) -> list[str]:
    """Return what the actions of this name are called, each title once; usually it is one."""
    titles = [w.actions[name].title.zh for w in bundle.workflows.values() if name in w.actions]
    return list(dict.fromkeys(titles))


def source_of(bundle: Bundle, workflow: WorkflowDef, section: str, name: str) -> str:
    """Return the text of the file in which an entry of a workflow stands: its own, else the fragment's."""
    entry = re.compile(rf"^{section}:.*?^  {re.escape(name)}:", re.MULTILINE | re.DOTALL)
    files = [workflow.file, *(f"parts/{part}.yaml" for part in workflow.includes)]
    texts = [bundle.files.get(file, "") for file in files]
    return next((text for text in texts if entry.search(text)), "")


def _titled(term: TermDef, rule: RuleDef) -> bool:
    return term.title.zh in rule.remedy.zh or term.title.zh in rule.title.zh


def _said_by(bundle: Bundle, rule: RuleDef) -> Iterator[str]:
    yield rule.remedy.zh
    yield rule.ground.note
    yield from everywhere(bundle.files.get(rule.file, ""))
    for name in names_of(bundle, rule):
        if name.startswith(ASKED):
            yield QUESTIONS[name.removeprefix(ASKED)].doc
