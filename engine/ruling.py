"""What a rule file says, as values: the predicate, what it does, how it may be passed. 规则"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.law import Dated, Ground
from engine.term import Length
from engine.title import Title

Severity = Literal["block", "warn", "escalate"]


@dataclass(frozen=True, slots=True)
class RuleExample:
    """Facts for which the rule must pass or fail; they run as tests."""

    facts: dict[str, object]
    passes: bool


@dataclass(frozen=True, slots=True)
class Override:
    """How two persons may pass a rule once: who approves, how long the approval lasts unused, by which ground. 例外"""

    by: tuple[str, ...]
    lasts: Length
    ground: Ground


@dataclass(frozen=True, slots=True)
class RuleDef:
    """A predicate over facts, true = allowed; one rule, one code, one file. 规则"""

    code: str
    title: Title
    workflow: str
    expression: str
    severity: Severity
    remedy: Title
    ground: Ground
    params: dict[str, Dated[int]]
    examples: tuple[RuleExample, ...]
    since: date | None = None
    standing: bool = False
    """Asked not only at its actions, but whenever a fact that it mentions changes."""
    opens: str = ""
    """The workflow of what an escalation opens; for a block, what an override opens."""
    override: Override | None = None
    """``None``: nobody can pass the rule where it does not hold."""
    lenient: bool = False
    """A threshold that no row gives leaves a note instead of a refusal (``unknown_threshold: note``)."""
    switch: str = ""
    """Asked only where the profile switches this on (local practice); empty: everywhere."""
    file: str = ""
