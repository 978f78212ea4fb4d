"""What a workflow file says, as values. 流程

``reader`` makes these from YAML; nothing else does. All are immutable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from engine.law import Dated, Ground
from engine.term import Ends, Length

FactType = Literal["money", "integer", "boolean", "text", "link", "length", "date"]
MomentName = Literal["promise", "agreed", "statutory"]
MOMENTS: tuple[MomentName, ...] = ("promise", "agreed", "statutory")
Does = Literal["remind", "warn", "open", "act"]
Severity = Literal["block", "warn", "escalate"]


@dataclass(frozen=True, slots=True)
class Title:
    """A name in Chinese and, where given, in English."""

    zh: str
    en: str = ""

    def __str__(self) -> str:
        """Chinese is the default language."""
        return self.zh

    def in_(self, lang: str) -> str:
        """Return the title in ``lang`` (``zh`` or ``en``), Chinese where English is not given."""
        return self.en if lang == "en" and self.en else self.zh


@dataclass(frozen=True, slots=True)
class FactDef:
    """A typed field of a matter. 要素"""

    name: str
    type: FactType
    title: Title
    optional: bool = False


@dataclass(frozen=True, slots=True)
class StateDef:
    """A state; exactly one of a workflow is initial, and final ones have no way out. 状态"""

    name: str
    title: Title
    initial: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Spawn:
    """An action that opens parts: ``count`` is a CEL expression giving an integer of at least 1."""

    workflow: str
    count: str = "1"


@dataclass(frozen=True, slots=True)
class ActionDef:
    """What an actor does. With ``to`` a transition, without a record. 操作

    ``automatic`` actions happen by themselves as soon as ``when`` (CEL) is true, and are never
    offered to people.
    """

    name: str
    title: Title
    sources: tuple[str, ...]
    to: str | None = None
    by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    spawns: Spawn | None = None
    automatic: bool = False
    when: str = ""
    needs_reason: bool = False
    for_parts: str = ""
    """An action that is taken with this one on every part that offers it (a cancelled project abandons its
    packages)."""
    sets: tuple[tuple[str, str], ...] = ()
    """Facts that the action itself writes: ``(fact, "day")`` stores the day on which it happened, anything
    else is the text to store."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a clock starts on: an action taken, a state entered, or a fact known. 起算点"""

    kind: Literal["action", "state", "fact"]
    name: str


@dataclass(frozen=True, slots=True)
class ClockDef:
    """A running term on a matter, declared. 计时

    ``starts``: all triggers must have happened, the later one is the anchor. ``agreed`` names a
    ``length`` or ``date`` fact of the matter or of what it is part of. ``guards`` (MIN only) names
    the actions that must wait.
    """

    name: str
    title: Title
    term: str
    starts: tuple[Trigger, ...]
    ends: tuple[str, ...] = ()
    agreed: str = ""
    applies_when: str = ""
    survives: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    ladder: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowDef:
    """A declarative state machine: one YAML file."""

    name: str
    title: Title
    part_of: str
    about: bool
    facts: dict[str, FactDef]
    states: dict[str, StateDef]
    actions: dict[str, ActionDef]
    clocks: dict[str, ClockDef]
    spawns: Spawn | None = None
    """Parts opened together with the matter itself (a project opens its packages)."""
    file: str = ""

    @property
    def initial(self) -> str:
        """The state in which a matter of this workflow is opened."""
        return next(s.name for s in self.states.values() if s.initial)


@dataclass(frozen=True, slots=True)
class Extension:
    """How far a term may be extended, and by which article. 延期"""

    most: Length
    ground: Ground


@dataclass(frozen=True, slots=True)
class TermDef:
    """A length of time with dated values, each with its ground. 期限

    ``kind`` ``max``: finish before the due moment; ``min``: not before it.
    """

    name: str
    code: str
    kind: Literal["max", "min"]
    ends: Ends
    title: Title
    statutory: Dated[Length]
    file: str = ""
    extend: Extension | None = None
    """``None``: the law knows no extension of the statutory moment."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promised limit of a profile: a length and where its last day ends. 承诺时限"""

    limit: Length
    ends: Ends


@dataclass(frozen=True, slots=True)
class RungTime:
    """When a rung falls: a base moment, with ``closing`` taken at close of business of its day, and
    an offset before (``sign=-1``) or after (``+1``). Day offsets count from the due day and keep
    its ending; ``referral`` is the moment that the profile's ``refers_on`` names.
    """

    base: Literal["start", "promise", "agreed", "statutory", "referral"]
    closing: bool = False
    sign: Literal[-1, 1] = 1
    offset: Length | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: remind, warn, open a case, or act where nobody did. 督办规则"""

    name: str
    does: Does
    at: RungTime
    tells: tuple[str, ...]
    via: tuple[str, ...]
    message: str
    opens: str = ""
    action: str = ""
    """For ``act``: the action that time itself takes on the clock's matter, where nobody decided."""


@dataclass(frozen=True, slots=True)
class LadderDef:
    """Rungs in the order in which they are written."""

    name: str
    rungs: tuple[Rung, ...]
    file: str = ""


@dataclass(frozen=True, slots=True)
class ProfileDef:
    """A local overlay: promises per ``workflow.clock`` and the moment that cases refer on. 地方时限方案"""

    name: str
    title: Title
    refers_on: MomentName
    promises: dict[str, Dated[Promise]]
    record_back: Length | None = None
    """How many working days back a record needs no evidence and no second person (补录)."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class RuleExample:
    """Facts for which the rule must pass or fail; they run as tests."""

    facts: dict[str, object]
    passes: bool


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
    file: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Workflows, terms, rules, ladders and profiles in force together; ``hash`` is over their files. 流程版本

    ``files`` maps relative paths to text, so that the database can keep the bundle.
    """

    hash: str
    workflows: dict[str, WorkflowDef]
    terms: dict[str, TermDef]
    rules: dict[str, RuleDef]
    ladders: dict[str, LadderDef]
    profiles: dict[str, ProfileDef]
    files: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TextDef:
    """The wording of one message for one channel; ``{name}`` marks a declared parameter. 文案"""

    name: str
    subject: str
    body: str
    sms: str
    params: dict[str, int]
    """Declared parameters and the longest value each may have in an SMS (characters)."""
    file: str = ""
