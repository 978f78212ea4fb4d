"""What a workflow file says, as values. 流程

``reader`` makes these from YAML; nothing else does. All are immutable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from engine.checklist import CheckItem as CheckItem
from engine.checklist import ChecklistDef as ChecklistDef
from engine.ladder import Does as Does
from engine.ladder import LadderDef as LadderDef
from engine.ladder import Rung as Rung
from engine.ladder import RungTime as RungTime
from engine.law import Dated, Ground
from engine.recurrence import DutyDef
from engine.ruling import Override as Override
from engine.ruling import RuleDef as RuleDef
from engine.ruling import RuleExample as RuleExample
from engine.ruling import Severity as Severity
from engine.sensitive import WordList
from engine.term import Ends, Length
from engine.thresholds import ThresholdTable
from engine.title import Title as Title

FactType = Literal["money", "integer", "boolean", "text", "link", "length", "date"]
MomentName = Literal["promise", "agreed", "statutory"]
MOMENTS: tuple[MomentName, ...] = ("promise", "agreed", "statutory")
ANY = "any"
"""``from: any``, all states that are not final; ``blocks: [any]``, every step."""
ACTOR = "actor"
"""How ``sets`` writes who took the action; rules then ask whether whoever acts now is the same (``actor.…``)."""
TRUTH = {"true": True, "false": False}
"""How ``sets`` writes a boolean."""


@dataclass(frozen=True, slots=True)
class FactDef:
    """A typed field of a matter. 要素"""

    name: str
    type: FactType
    title: Title
    optional: bool = False
    options: tuple[tuple[str, str], ...] = ()
    """The only values that a text may have, each with its Chinese name; empty: any text."""
    initially: str = ""
    """A case's ``level`` only: in whose hands it begins, where not in the tracker's."""

    def name_of(self, value: object) -> str:
        """Return the Chinese name of a value that is one of the options, else the value as text."""
        return dict(self.options).get(str(value), str(value))


@dataclass(frozen=True, slots=True)
class StateDef:
    """A state; exactly one of a workflow is initial, and final ones have no way out. 状态

    A workflow *about* a matter may, while it lies in a state, forbid actions on that matter and its
    parts (``blocks``; ``any``: every step of that matter itself) and stop their clocks (``freezes``). Any matter
    may, while it lies in a state, let some of its own clocks stand still (``stops``). ``basis`` names the article.
    """

    name: str
    title: Title
    initial: bool = False
    final: bool = False
    blocks: tuple[str, ...] = ()
    freezes: bool = False
    basis: str = ""
    stops: tuple[str, ...] = ()

    def forbids(self, action: ActionDef, *, itself: bool) -> bool:
        """Whether the state forbids ``action`` of the matter that it is about (``itself``) or of one of its parts."""
        return action.name in self.blocks or (itself and ANY in self.blocks and action.to is not None)


@dataclass(frozen=True, slots=True)
class Spawn:
    """Opening parts: ``count`` (CEL) of them; ``which`` is a fact that chooses among a tier's workflows (the method)."""

    workflow: str
    count: str = "1"
    which: str = ""
    with_facts: bool = False
    """One part, opened with facts that are handed in with the action (a bid that is registered)."""


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
    checklists: tuple[str, ...] = ()
    """What must be signed item by item, with an opinion (``--reason``). 审查清单"""
    spawns: Spawn | None = None
    automatic: bool = False
    when: str = ""
    needs_reason: bool = False
    for_parts: tuple[str, ...] = ()
    """Actions that are taken with this one, the first that is offered on every part (a cancelled project's packages)."""
    for_about: str = ""
    """An action that is taken with this one on the matter that this one is about, which must offer it (an award
    that a decision annuls)."""
    twins: bool = False
    """Opens the same once more about the same; neither of the two is closed before the other is ready. 一案双查"""
    sets: tuple[tuple[str, str], ...] = ()
    """Facts that the action writes: ``(fact, "day")`` the day of the action, ``actor`` who took it, ``true``/``false`` a
    boolean, else text."""
    undoes: tuple[str, ...] = ()
    """Actions that count as not taken from now on: their clocks void, what they noted forgotten."""
    reopens: bool = False
    """A way out of a final state: what was done has come undone (a payment came back). 退票"""
    not_before: NotBefore | None = None
    window: Window | None = None
    """A time in which others may still object, told to whoever takes the action in it. 质疑期"""
    opens: str = ""
    """The workflow of a matter about this one that the action opens (a supplier's query). 质疑"""
    climbs: bool = False
    """The case passes to the jurisdiction above the one that it is in (county → city → province). 逐级上报"""
    hands_to: str = ""
    """The fact that names the unit to which the matter passes (a pooled contract). 移交采购人"""
    applies_when: str = ""
    """Offered only where this (CEL) is true, or cannot be told yet; ``applies_to`` says it in words."""
    applies_to: str = ""
    besides: tuple[str, ...] = ()
    """States left out of ``from: any`` (all that are not final) or ``from: every``."""
    occasional: bool = False  # recorded when it happens; nobody waits for it 偶发
    switch: str = ""
    """Offered only where the profile switches this on (local practice); empty: everywhere."""


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
    agreed_as: MomentName = "agreed"
    """Under which name the moment stands that ``agreed`` gives: what law or a plan fixes by date is no contract's."""
    applies_when: str = ""
    survives: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    """MIN only: actions that must wait, and date facts that must not lie earlier (the bid deadline)."""
    ladder: str = ""
    charges: tuple[Charge, ...] = ()
    """To whom the days after the due day are charged, one segment after another. 责任方"""
    profile: str = ""
    """The profile that brought this clock, which runs for its matters alone."""
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
    tier: str = ""
    """What it stands for above and below: the methods are all packages. Its own name where nothing is said. 层级"""
    includes: tuple[str, ...] = ()
    """Fragments (`parts/`) whose facts, states, actions and clocks are its own too; what it says itself goes first."""
    spawns: Spawn | None = None
    """Parts opened together with the matter itself."""
    rules: tuple[str, ...] = ()
    """Rules asked when a matter is opened; a block keeps it out, and nothing of it is kept."""
    runs_on: bool = False
    """About another matter, and not stopped with it: it has limits of its own by law."""
    letter: str = ""
    """Stands in the numbers of what is about or beside another matter, ``P1.1-T2``; empty: the name's first one."""
    switch: str = ""
    """Opened only where the profile switches this on (a procedure whose text nobody here has read); empty: always."""
    aside: bool = False
    """Its matters stand beside the way of what they are part of: whether that is done does not hang on them."""
    file: str = ""

    @property
    def initial(self) -> str:
        """The state in which a matter of this workflow is opened."""
        return next(s.name for s in self.states.values() if s.initial)

    @property
    def apart(self) -> bool:
        """Whether it is not stopped with what it is about: it stops that itself, or runs on."""
        return self.runs_on or any(state.freezes for state in self.states.values())

    def numbered(self, matter: str, number: int) -> str:
        """Return the id of the ``number``-th matter about or beside ``matter``, when it is of this workflow."""
        return f"{matter}-{self.letter or self.name[0].upper()}{number}"


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
    """MIN only: counted back from the guarded day, that day excluded; the last day does not roll. 倒推"""
    whole: bool = False
    """MIN only: the last day belongs to the period, the act is permitted when it is over (民法典第203条)."""
    ahead: bool = False
    """MIN only: the act is permitted no earlier than so long before the clock's anchor, a day to come (D21)."""
    note: str = ""
    """What a reader should know beside the numbers."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promised limit of a profile: a length and where its last day ends. 承诺时限"""

    limit: Length
    ends: Ends


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
    """What the profile switches on: whatever names a switch (a rung, a rule, an action …) is there only where it is on."""
    lineage: tuple[str, ...] = ()
    """This profile and those that it builds upon, nearest first."""
    record_back: Length | None = None
    """How many working days back a record needs no evidence and no second person (补录)."""
    file: str = ""
    note: str = ""
    """What is known of the place and is not in the file, and why; not inherited. 说明"""

    def has(self, switch: str) -> bool:
        """Whether what names ``switch`` is there under this profile; what names none is everywhere."""
        return not switch or switch in self.switches

    def promised(self, workflow: WorkflowDef, clock: str) -> Dated[Promise]:
        """Return what is promised for a clock: to its workflow, else to all of its tier."""
        found = self.promises.get(f"{workflow.name}.{clock}") or self.promises.get(f"{workflow.tier}.{clock}")
        return found if found is not None else Dated(())


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
    thresholds: dict[str, ThresholdTable] = field(default_factory=dict)
    words: dict[str, WordList] = field(default_factory=dict)
    checklists: dict[str, ChecklistDef] = field(default_factory=dict)
    duties: dict[str, DutyDef] = field(default_factory=dict)

    @property
    def case_workflows(self) -> list[WorkflowDef]:
        """The workflows of cases: those that a rung or a rule opens. A query is about a matter too, and no case."""
        opened = {rung.opens for ladder in self.ladders.values() for rung in ladder.rungs}
        opened |= {rule.opens for rule in self.rules.values()}
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
