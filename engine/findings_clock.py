"""Whether a clock can start, run and end."""

from __future__ import annotations

from collections.abc import Collection

from engine.findings_source import Sources
from engine.findings_workflow import look_at_expression
from engine.reading_form import nearest
from engine.rules import ancestry, of_tier
from engine.workflow import Bundle, ClockDef, FactDef, WorkflowDef

_WORDS = {"action": "操作", "state": "状态", "fact": "要素"}


def look_at_clocks(workflow: WorkflowDef, bundle: Bundle, sources: Sources) -> None:
    """Check every clock of ``workflow``."""
    for clock in workflow.clocks.values():
        _Look(workflow, clock, bundle, sources).all()


class _Look:
    """The checks of one clock."""

    def __init__(self, workflow: WorkflowDef, clock: ClockDef, bundle: Bundle, sources: Sources) -> None:
        self.workflow = workflow
        self.clock = clock
        self.bundle = bundle
        self.sources = sources
        # a clock of a profile stands in the profile's file, under its full name
        self.file = clock.file or workflow.file
        self.here = ("clocks", f"{workflow.name}.{clock.name}" if clock.file else clock.name)

    def add(self, key: str, what: str, write: str, item: str = "") -> None:
        path = (*self.here, key, item) if item else (*self.here, key)
        self.sources.add(self.file, path, f"计时 {self.clock.name}：{what}", write)

    def known(self, key: str, word: str, name: str, options: Collection[str], item: str = "") -> None:
        """Note ``name`` if it is none of ``options``."""
        path = (*self.here, key, item) if item else (*self.here, key)
        who = f"计时 {self.clock.name}"
        self.sources.unknown(self.file, path, who, word, name, options)

    def all(self) -> None:
        """Run every check."""
        self.known("term", "期限", self.clock.term, self.bundle.terms)
        self.known("ladder", "督办规则", self.clock.ladder, self.bundle.ladders)
        options: dict[str, Collection[str]] = {
            "action": self.workflow.actions,
            "state": self.workflow.states,
            "fact": self.workflow.facts,
        }
        for trigger in self.clock.starts:
            self.known("starts", _WORDS[trigger.kind], trigger.name, options[trigger.kind], trigger.kind)
        for action in self.clock.ends:
            self.known("ends", "操作", action, self.workflow.actions, "action")
        for charge in self.clock.charges:
            self.known("charges", "操作", charge.until, self.workflow.actions)
        if self.clock.charges and self.clock.guards:
            self.add("charges", "最短期限没有损失日，不能有 charges", "删去 charges")
        ladder = self.bundle.ladders.get(self.clock.ladder)
        for rung in ladder.rungs if ladder is not None else ():
            if rung.action:
                self.known("ladder", "操作", rung.action, self.workflow.actions)
        self.kind()
        self.agreed()
        self.survives()
        if self.clock.applies_when:
            path = (*self.here, "applies_when")
            expression = self.clock.applies_when
            look_at_expression(
                self.workflow, expression, "boolean", path, self.bundle, self.sources, self.clock.file
            )

    def kind(self) -> None:
        """A maximum ends with an action; a minimum guards actions and dates, of its matter or of parts."""
        term = self.bundle.terms.get(self.clock.term)
        if not self.sources.unread:
            guarded = self.guarded()
            for name in self.clock.guards:
                self.known("guards", "操作或日期要素", name, guarded, name)
        if term is None:
            return
        if term.kind == "max" and not self.clock.ends:
            self.add("ends", "没有止点，计时永远不结束", "ends: {action: 操作}")
        if term.kind == "max" and self.clock.guards:
            write = "删去 guards，或用 kind: min 的期限"
            self.add("guards", f"期限 {term.name} 不是最短期限，不能有 guards", write)
        if term.kind == "min" and not self.clock.guards:
            self.add("guards", f"期限 {term.name} 是最短期限，缺少 guards", "guards: [操作]")

    def guarded(self) -> set[str]:
        """Return what a minimum may hold back: actions and dates of the workflow, those above and below it."""
        above = ancestry(self.bundle.workflows, self.workflow.name)
        own = self.workflow.tier
        near = [
            w
            for w in self.bundle.workflows.values()
            if w is self.workflow or (w.tier != own and (w.tier in above or own in self.chain(w.part_of)))
        ]
        dates = {fact.name for w in near for fact in w.facts.values() if fact.type == "date"}
        return {action for w in near for action in w.actions} | dates

    def chain(self, name: str) -> list[str]:
        """Return a tier and those above it."""
        return ancestry(self.bundle.workflows, name)

    def agreed(self) -> None:
        """An agreed length or day is a fact of the matter or of what it is part of."""
        name = self.clock.agreed
        if not name:
            return
        visible: dict[str, FactDef] = {}
        chain = ancestry(self.bundle.workflows, self.workflow.name)
        if of_tier(self.bundle.workflows, chain[-1])[0].part_of in self.sources.unread:
            return
        for above in reversed(chain):
            for workflow in of_tier(self.bundle.workflows, above):
                visible.update(workflow.facts)
        usable = [fact.name for fact in visible.values() if fact.type in ("length", "date")]
        if name not in visible:
            self.add("agreed", f"没有名为 {name} 的要素（本流程和上级流程）", nearest(name, usable))
        elif name not in usable:
            what = f"要素 {name} 的类型是 {visible[name].type}，不能作约定期限"
            self.add("agreed", what, nearest(name, usable))
        self.agreed_as()

    def agreed_as(self) -> None:
        """What a fact gives under the name of the law's moment, the law's term must not give as well."""
        term = self.bundle.terms.get(self.clock.term)
        if self.clock.agreed_as == "statutory" and term is not None and tuple(term.statutory):
            what = f"期限 {term.name} 自己有法定天数，agreed_as 不能是 statutory"
            self.add("agreed_as", what, "删去 agreed_as，或用 statutory: [] 的期限")

    def survives(self) -> None:
        """A clock that survives a final state must still be able to end there."""
        finals = [state.name for state in self.workflow.states.values() if state.final]
        ending = {
            state
            for action in self.clock.ends
            if action in self.workflow.actions
            for state in self.workflow.actions[action].sources
        }
        for state in self.clock.survives:
            if state not in finals:
                self.add("survives", f"{state} 不是终结状态", nearest(state, finals), state)
            elif self.clock.ends and state not in ending:
                write = f"在 {'、'.join(self.clock.ends)} 的 from 中加上 {state}"
                self.add("survives", f"到了 {state} 以后没有操作能结束它", write, state)
