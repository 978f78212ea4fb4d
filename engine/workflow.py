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
TRUTH = {"true": True, "false": False}
"""How ``sets`` writes a boolean."""
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
    options: tuple[tuple[str, str], ...] = ()
    """The only values that a text may have, each with its Chinese name; empty: any text."""

    def name_of(self, value: object) -> str:
        """Return the Chinese name of a value that is one of the options, else the value as text."""
        return dict(self.options).get(str(value), str(value))


@dataclass(frozen=True, slots=True)
class StateDef:
    """A state; exactly one of a workflow is initial, and final ones have no way out. 状态

    A workflow *about* a matter may, while it lies in a state, forbid actions on that matter and its
    parts (``blocks``) and stop their clocks (``freezes``); ``basis`` names the article.
    """

    name: str
    title: Title
    initial: bool = False
    final: bool = False
    blocks: tuple[str, ...] = ()
    freezes: bool = False
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Spawn:
    """An action that opens parts: ``count`` is a CEL expression giving an integer of at least 1."""

    workflow: str
    count: str = "1"


@dataclass(frozen=True, slots=True)
class NotBefore:
    """An action may not come before the day that a fact names, by an article: bids before their deadline."""

    fact: str
    basis: str


@dataclass(frozen=True, slots=True)
class Window:
    """The length ``term`` after the minimum period that the clock ``after`` counts, for whoever may object."""

    term: str
    after: str
    title: Title


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
    """Facts that the action itself writes: ``(fact, "day")`` stores the day on which it happened, ``true`` or
    ``false`` a boolean, anything else is the text to store."""
    undoes: tuple[str, ...] = ()
    """Actions that count as not taken from now on: the clocks that they started are void, what they noted is
    forgotten (a wrong invoice is given back). History keeps both."""
    reopens: bool = False
    """A way out of a final state: what was done has come undone (a payment came back). 退票"""
    not_before: NotBefore | None = None
    window: Window | None = None
    """A time in which others may still object, told to whoever takes the action in it. 质疑期"""
    opens: str = ""
    """The workflow of a matter about this one that the action opens (a supplier's query). 质疑"""
    climbs: bool = False
    """The case passes to the jurisdiction above the one that it is in (county → city → province). 逐级上报"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a clock starts on: an action taken, a state entered, or a fact known. 起算点"""

    kind: Literal["action", "state", "fact"]
    name: str


Party = Literal["purchaser", "agency", "supplier", "treasury"]
PARTIES: tuple[Party, ...] = ("purchaser", "agency", "supplier", "treasury")
"""Who may have caused a lost day. 采购人、代理机构、供应商、国库"""


@dataclass(frozen=True, slots=True)
class Charge:
    """Lost days are charged to ``party`` until the action ``until`` was taken; empty: to the end."""

    party: Party
    until: str = ""


@dataclass(frozen=True, slots=True)
class ClockDef:
    """A running term on a matter, declared. 计时

    ``starts``: all triggers must have happened, the later one is the anchor. ``agreed`` names a
    ``length`` or ``date`` fact of the matter or of what it is part of.
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
    """MIN only: actions that must wait, and date facts that must not lie earlier (the bid deadline)."""
    ladder: str = ""
    charges: tuple[Charge, ...] = ()
    """To whom the days after the due day are charged, one segment after another. 责任方"""
    profile: str = ""
    """The profile that brought this clock; it runs for matters of that profile alone."""
    file: str = ""
    """The file where it stands, if not the workflow's own."""


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
    """Parts opened together with the matter itself."""
    rules: tuple[str, ...] = ()
    """Rules asked when a matter is opened; a block keeps it out, and nothing of it is kept."""
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
    backward: bool = False
    """MIN only: counted back from the guarded day, that day excluded, and the last day does not roll (a later
    day would break the minimum); law.md 2.3 no 5. 倒推"""
    whole: bool = False
    """MIN only: the last day belongs to the period, the act is permitted when it is over (民法典第203条)."""


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
    at_top: str = ""
    """For an action that climbs: the message told instead where nothing lies above. 已到最高一级"""
    switch: str = ""
    """Planned only where the matter's profile switches this on; empty: always."""


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
    clocks: tuple[tuple[str, ClockDef], ...] = ()
    """Clocks of local practice, each with its workflow: another anchor or end than the law's. 地方计时"""
    extends: str = ""
    """The profile that this one builds upon: what is not said here is as there."""
    switches: frozenset[str] = frozenset()
    """What the profile switches on: rungs that name a switch are planned only where it is on."""
    lineage: tuple[str, ...] = ()
    """This profile and those that it builds upon, nearest first."""
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

    @property
    def case_workflows(self) -> list[WorkflowDef]:
        """The workflows of cases: those that a rung opens. A query is about a matter too, and no case."""
        opened = {rung.opens for ladder in self.ladders.values() for rung in ladder.rungs}
        return [workflow for workflow in self.workflows.values() if workflow.name in opened]


@dataclass(frozen=True, slots=True)
class ProviderText:
    """A text as an SMS provider keeps it: its code there, and its parameters in the template's order. 短信模板"""

    provider: str
    code: str
    params: tuple[str, ...]
    approved: date | None = None
    """The day on which the provider approved it; ``None``: it may not be sent yet."""
    longest: int = 0
    """Characters that the provider takes in one parameter; 0: no limit is known."""


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
    providers: dict[str, ProviderText] = field(default_factory=dict)
    """The text's templates with SMS providers, by provider; an SMS without one goes out as it stands."""
