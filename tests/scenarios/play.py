"""One scenario as it goes on: its city, its present moment, what is done in it and what is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from commands.words import PARTY_WORDS
from engine.advance import Receipt
from engine.clock import Clock
from engine.directory import Appointment, Jurisdiction
from engine.entering import stage_of
from engine.errors import YiribanError
from engine.explain import Lamp, explain, lamp_of
from engine.factvalue import read_fact
from engine.holding import ask_extension, decide_extension, pause, resume
from engine.holdups import held_up
from engine.losing import by_party
from engine.matter import Matter
from engine.office import Actor
from engine.starting import pauses_of
from engine.welcome import check_welcome
from engine.word import Word
from engine.work import Work
from engine.workflow import FactDef
from storage.people import People
from tests.city import BEGAN, FRONT, PERSONS, PLACE, STEPS, UNIT, ZONE, City, calendar, moment, paper, root_of

LAMPS: dict[Lamp, str] = {
    "normal": "正常", "soon": "临期", "unverified": "待核实", "overdue": "超期", "paused": "中止", "in_time": "按期",
    "recorded_late": "补录", "done_late": "补办", "waiting": "等待期", "void": "作废",
}  # fmt: skip
ABOVE = "410000"
SUPERIORS = {"regulator_head": ("卫局", PLACE), "superior": ("冯十", ABOVE)}
"""The head of the finance department, and the finance department of the level above."""
PEOPLE = {**PERSONS, "centre": "陈二", **{called: person for called, (person, _) in SUPERIORS.items()}}
HOLDS = ("pause", "resume", "extend", "approve", "disapprove")
YES = {True: "是", False: "否"}


class Unmet(Exception):
    """The engine did otherwise than the scenario says."""


class Play:
    """One scenario as it goes on."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Open the city and bring the project to where the scenario begins."""
        known = {
            "profile", "overlay", "levels", "project", "stage", "facts", "packages", "done", "at", "contract",
            "refused", "duties", "appointed",
        }  # fmt: skip
        if unknown := set(given) - known:
            raise Unmet(f"given 里看不懂：{unknown}")
        self.city = City(profile=given.get("profile", "one-day"), overlay=given.get("overlay", ""))
        if "levels" in given:
            self.add_levels(given["levels"])
        for role, since in given.get("appointed", {}).items():
            self.city.appoint(PEOPLE[role], role, since)
        if "duties" in given:
            with self.city.store.transaction():
                self.city.store.begin_duties(moment(given["duties"]))
        self.now = moment(given["project"])
        self.attempt(lambda: self.open(given), given.get("refused"), "开立项目")
        way = FRONT if given.get("stage") == "" else STEPS
        for step in way[: way.index(given["done"]) + 1] if "done" in given else ():
            facts = self.facts(step, given.get("contract", {})) if step == "sign_contract" else {}
            self.pass_on(given.get("at", given["project"]))
            self.city.do(step, self.now, **facts)

    def add_levels(self, name: str) -> None:
        """Put the city below a level of that name, with a finance department; ours gets its head."""
        with self.city.store.transaction():
            people = People(self.city.store)
            people.set_jurisdiction(Jurisdiction(ABOVE, name, "province"))
            people.set_jurisdiction(Jurisdiction(PLACE, "平顶山市", "city", ABOVE))
            for called, (person, place) in SUPERIORS.items():
                role = "regulator_head" if called == "regulator_head" else "regulator"
                people.add_person(person, person, place)
                people.appoint(Appointment(person, role, f"{place}财政", BEGAN, None, place))

    def actor(self, called: str, matter: str) -> Actor:
        """Who acts on a matter: roles are those held where it is now."""
        place = self.city.matter(matter).jurisdiction
        with self.city.store.transaction():
            return People(self.city.store).actor(PEOPLE[called], UNIT, self.now, jurisdiction=place)

    def open(self, given: Mapping[str, Any]) -> None:
        """Open the project as the command does: what is not welcome leaves nothing behind."""
        bundle = self.city.office.current
        flow = bundle.workflows["project"]
        told = {"method": "公开招标", "packages": given.get("packages", "1"), **given.get("facts", {})}
        facts: dict[str, Any] = {name: read_fact(flow.facts[name], text) for name, text in told.items()}
        check_welcome(self.city.office, "project", facts, calendar().day_of(self.now))
        stage = given.get("stage", "评审中")
        if stage:
            workflow, state = stage_of(bundle, "project", stage)
            stage = f"{workflow.name}.{state.name}"
        self.city.open(self.now, stage=stage, **facts)

    def pass_on(self, text: str) -> None:
        """Time goes forward only."""
        at = moment(text)
        if at < self.now:
            raise Unmet(f"{text} 在前一步之前；事后登记的请写 recorded")
        self.now = at

    def facts(self, action: str, given: Mapping[str, str], matter: str = "P1") -> dict[str, Any]:
        """Read facts as people write them: those of the matter, and of what the action opens about it."""
        if not given:
            return {}
        defined = self.city.defined(action, matter)
        if defined is None:
            raise Unmet(f"没有名为 {action} 的操作")
        workflow, taken = defined
        flows = self.city.office.current.workflows
        comes = flows.get(taken.spawns.workflow if taken.spawns and taken.spawns.with_facts else taken.opens)
        known: dict[str, FactDef] = {**(comes.facts if comes else {}), **workflow.facts}
        return {name: read_fact(known[name], text) for name, text in given.items()}

    # when

    def step(self, step: dict[str, Any]) -> None:
        """Do one step, or check what is so far."""
        if "then" in step:
            self.then(step.pop("then"))
        elif "time" in step:
            self.pass_on(step.pop("time"))
            self.city.patrol(self.now)
        elif "do" in step:
            self.act(step)
        else:
            self.hold(step)
        if step:
            raise Unmet(f"看不懂的部分：{step}")

    def happened(self, step: dict[str, Any]) -> datetime:
        """Read when it happened; the present is when it is recorded."""
        at = step.pop("at")
        self.pass_on(step.pop("recorded", at))
        return moment(at)

    def attempt(self, what: Callable[[], Any], words: str | Sequence[str] | None, called: str) -> Any:
        """Do it, or be refused in these words; return what came of it."""
        try:
            found = what()
        except YiribanError as refused:
            said = f"{refused.what}；{refused.why}；{refused.then}"
            if words is None or any(word not in said for word in several(words)):
                raise Unmet(f"“{called}”被拒绝：{said}") from refused
            return None
        if words is not None:
            raise Unmet(f"“{called}”本应被拒绝：{words}")
        return found

    def act(self, step: dict[str, Any]) -> None:
        """Let somebody act, or be refused."""
        action, at, on = step.pop("do"), self.happened(step), step.pop("matter", "P1")
        words, notes = step.pop("refused", None), step.pop("notes", None)
        bare = step.pop("bare", "") == "true"
        papers = [paper(kind) for kind in step.pop("evidence")] if "evidence" in step else None
        facts = step.pop("facts", {})
        how: dict[str, Any] = {"reason": step.pop("reason", "")}
        if "checked" in step:
            how["checked"] = several(step.pop("checked"))
        if "by" in step:
            how["by"] = self.actor(step.pop("by"), on)
        if "second" in step:
            how["second"] = PEOPLE[step.pop("second")]
        receipt: Receipt | None = self.attempt(
            lambda: self.city.do(
                action, at, on=on, now=self.now, evidence=papers, bare=bare, **how,
                **self.facts(action, facts, on),
            ),
            words,
            action,
        )  # fmt: skip
        if receipt is not None and notes is not None:
            found = "；".join(receipt.notes) or "无"
            if any(note not in found for note in several(notes)):
                raise Unmet(f"回执的提示：应为 {notes}，实为 {found}")

    def hold(self, step: dict[str, Any]) -> None:
        """Pause, resume, ask for an extension or decide on it, or be refused."""
        how = next((h for h in HOLDS if h in step), None)
        if how is None:
            raise Unmet(f"看不懂的一步：{step}")
        matter, _, name = step.pop(how).partition("/")
        at = self.happened(step)
        role = step.pop("by", "purchaser_head" if how in ("approve", "disapprove") else "officer")
        word = Word(self.actor(role, matter), at, self.now, step.pop("reason", ""))
        kind, to = step.pop("moment", "promise"), step.pop("to", "")
        words = step.pop("refused", None)

        def do(work: Work) -> None:
            work.family(root_of(matter))
            here = work.matters[matter]
            if how in ("pause", "resume"):
                (pause if how == "pause" else resume)(self.city.office, work, here, word)
                return
            clock = next(c for c in reversed(work.clocks_of(here)) if c.name == name)
            if how == "extend":
                ask_extension(self.city.office, work, here, clock, kind, date.fromisoformat(to), word)
            else:
                decide_extension(self.city.office, work, here, clock, word, approve=how == "approve")

        def write() -> None:
            with self.city.store.work() as work:
                do(work)

        self.attempt(write, words, f"{how} {matter}")

    # then

    def then(self, wanted: Mapping[str, Any]) -> None:
        """Compare everything that the scenario mentions."""
        looks: dict[str, Callable[[Any], Any]] = {
            "state": lambda w: {m: self.state(m) for m in w},
            "lamp": lambda w: {c: self.lamp(c) for c in w},
            "due": lambda w: {c: {k: self.clock(c).moment(k) for k in kinds} for c, kinds in w.items()},
            "fired": lambda w: {c: self.city.fired(f"{self.long(c)}/") for c in w},
            "told": lambda w: {r: self.told(r) for r in w},
            "text": lambda w: {r: w[r] if w[r] in self.text(r) else self.text(r) for r in w},
            "cases": lambda w: {c: self.state(c) for c in self.city.cases()},
            "lost": lambda w: {c: self.lost(c) for c in w},
            "facts": lambda w: {m: {f: self.fact(m, f) for f in names} for m, names in w.items()},
            "held": lambda w: {a: self.held(a) for a in w},
            "paused": lambda w: {m: YES[self.paused(m)] for m in w},
            "clocks": lambda w: {m: self.running(m) for m in w},
            "opened": lambda _: self.duties(),
            "kept": lambda _: YES[any(self.city.everything().values())],
        }
        for part, want in wanted.items():
            if part not in looks:
                raise Unmet(f"then 里看不懂：{part}")
            if part == "due":
                want = {c: {k: moment(t) for k, t in kinds.items()} for c, kinds in want.items()}
            if part == "told":
                want = {rung: {PEOPLE[role] for role in roles} for rung, roles in want.items()}
            if part == "clocks":
                want = {matter: sorted(names) for matter, names in want.items()}
            want = {} if want in ("", []) else want
            found = looks[part](want)
            if found != want:
                raise Unmet(f"{part}：应为 {local(want)}，实为 {local(found)}")

    def long(self, clock: str) -> str:
        """``P1.1/decide_award`` means its first round."""
        return clock if clock.count("/") > 1 else f"{clock}/1"

    def clock(self, clock: str) -> Clock:
        """The clock of that name, ``P1.1/decide_award`` or with its round."""
        matter, name, number = self.long(clock).split("/")
        known = self.city.family(root_of(matter))[1]
        found = next((c for c in known if c.key == (matter, name, int(number))), None)
        if found is None:
            raise Unmet(f"没有计时 {clock}；有：{[c.key for c in known]}")
        return found

    def look(self, matter: str, see: Callable[[Work, Matter], Any]) -> Any:
        """Look at a matter with its family at hand."""

        def seen(work: Work) -> Any:
            work.family(root_of(matter))
            return see(work, work.matters[matter])

        return self.city.read(seen)

    def state(self, matter: str) -> str:
        """The Chinese name of its state."""
        found = self.city.matter(matter)
        return str(self.city.office.workflow(found).states[found.state].title)

    def fact(self, matter: str, name: str) -> str:
        """A fact as people read it; empty where there is none."""
        found = self.city.matter(matter)
        value = found.facts.get(name)
        if isinstance(value, bool):
            return YES[value]
        return "" if value is None else self.city.office.workflow(found).facts[name].name_of(value)

    def lamp(self, clock: str) -> str:
        """The word of its lamp."""
        held = self.clock(clock)
        term = self.city.office.clock(self.city.matter(held.matter), held.name).term
        kind = self.city.office.current.terms[term].kind
        about = (held.matter, held.spelled)
        kin = self.city.family(root_of(held.matter))[0]
        case = next((m.state for m in kin if (m.about, m.about_clock) == about), None)
        return LAMPS[lamp_of(held, kind, self.now, ZONE, calendar, case)]

    def running(self, matter: str) -> list[str]:
        """The names of its clocks that have not ended."""
        return sorted(
            c.name for c in self.city.family(root_of(matter))[1] if c.matter == matter and c.is_open
        )

    def duties(self) -> dict[str, str]:
        """The recurring duties that were opened, by id, with their titles."""
        sql = "select m.id, m.title from matter m join fact f on f.matter = m.id and f.name = 'duty'"
        return dict(self.city.rows(f"{sql} order by m.opened_at, m.id"))

    def held(self, what: str) -> list[str]:
        """What forbids an action, ``P1.1.1/sign_contract``."""
        matter, _, name = what.partition("/")

        def see(work: Work, here: Matter) -> list[str]:
            action = self.city.office.workflow(here).actions[name]
            return sorted(about.id for about, _ in held_up(self.city.office, work, here, action))

        found: list[str] = self.look(matter, see)
        return found

    def paused(self, matter: str) -> bool:
        """Whether its clocks stand still."""

        def see(work: Work, here: Matter) -> bool:
            return any(p.until is None for p in pauses_of(self.city.office, work, here))

        found: bool = self.look(matter, see)
        return found

    def lost(self, clock: str) -> dict[str, str]:
        """Its lost working days by party."""
        held = self.clock(clock)

        def see(work: Work, here: Matter) -> dict[str, str]:
            days = explain(self.city.office, work, here, held, self.now).lost
            return {PARTY_WORDS[who][0]: str(n) for who, n in by_party(days.values()).items()}

        found: dict[str, str] = self.look(held.matter, see)
        return found

    def told(self, rung: str) -> set[str]:
        """Who got a message of that rung."""
        return {p for (p,) in self.city.rows("select distinct person from message where rung = ?", rung)}

    def text(self, rung: str) -> str:
        """All messages of that rung."""
        return "\n".join(
            t for (t,) in self.city.rows("select distinct text from message where rung = ?", rung)
        )


def several(words: str | Sequence[str]) -> Sequence[str]:
    """One phrase or several."""
    return [words] if isinstance(words, str) else words


def local(found: Any) -> Any:
    """Write moments in local time, for people to compare."""
    if isinstance(found, datetime):
        return found.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    return {k: local(v) for k, v in found.items()} if isinstance(found, dict) else found
