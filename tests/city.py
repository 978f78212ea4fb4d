"""A small city to test in: one unit with a person for every role, on a database of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.advance import Receipt, Request, advance
from engine.clock import Clock
from engine.directory import Appointment, Unit
from engine.entering import enter
from engine.matter import Evidence, FactValue, Matter
from engine.office import Actor, Office
from engine.opening import open_matter
from engine.patrol import Beat, patrol
from engine.reader import read_bundle, read_bundle_from, read_texts
from engine.signing import wants_opinion
from engine.work import Fire, Work
from engine.workdays import WorkingCalendar, compile_calendar
from engine.workflow import ActionDef, Bundle, TextDef, WorkflowDef
from storage.people import People
from storage.store import SqlStore

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / "workflows"
OVERLAYS = ROOT / "tests" / "overlays"
ZONE = ZoneInfo("Asia/Shanghai")
PLACE = "410400"
UNIT = "u1"
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
PERSONS = {
    "officer": "张三",
    "purchaser_rep": "李四",
    "purchaser_head": "王五",
    "agency": "赵六",
    "supplier": "孙七",
    "tracker": "钱八",
    "regulator": "周九",
}
USUAL: dict[str, FactValue] = {
    "supplier": "甲公司",
    "contracts": 1,
    "amount": 100_000_000,
    "instalments": 1,
    "supplier_small": False,
    "invoice_no": "24372000",
    "paid_amount": 100_000_000,
    "notice_url": "https://www.example.cn/1",
    "letter_no": "函〔2026〕1号",
    "document_no": "文〔2026〕1号",
    "result": "complete",
    "budget": 120_000_000,
    "object": "goods",
    "intent_url": "https://www.example.cn/0",
    "filing_no": "平财购备〔2026〕1号",
    "agency": "平顶山市代理公司",
    "notice_link": "https://www.example.cn/2",
    "bidders": 3,
    "qualified": 3,
    "failure_url": "https://www.example.cn/3",
    "change_url": "https://www.example.cn/4",
    "acceptance_url": "https://www.example.cn/5",
    "correction_url": "https://www.example.cn/6",
    "publicity_url": "https://www.example.cn/7",
    "candidates_url": "https://www.example.cn/8",
    "entry_url": "https://www.example.cn/9",
    "summary_url": "https://www.example.cn/10",
    "call_off_url": "https://www.example.cn/11",
    "again_case": "sum",
    "supplement_amount": 1_000_000,
    "method_approval": "平财购批〔2026〕1号",
    "award_amount": 100_000_000,
    "final_quotes": 3,
    "panel_size": 5,
    "panel_experts": 4,
    "reply": "已书面答复",
    "signed_by": "总监理工程师",
}
FRONT = (
    "define_need", "publish_intent", "draft_plan", "review_plan", "file_plan", "engage_agency",
    "draft_documents", "approve_documents",
)  # fmt: skip
"""The way of a project from its budget to the documents that may be published."""
STEPS = (
    "end_evaluation", "deliver_report", "decide_award", "issue_award_letter", "sign_contract",
    "request_acceptance", "accept", "receive_invoice", "pay",
)  # fmt: skip
"""The way of a project with one package, one contract and one instalment."""
NAMELESS = Actor("register", None)


def moment(text: str) -> datetime:
    """Read ``2026-11-03 09:00``, local time; ``24:00`` is the next day's first instant."""
    day, _, clock = text.partition(" ")
    if clock == "24:00":
        return moment(f"{date.fromisoformat(day) + timedelta(days=1)} 00:00")
    at = time.fromisoformat(clock) if clock else time()
    return datetime.combine(date.fromisoformat(day), at, ZONE).astimezone(UTC)


@lru_cache
def calendar() -> WorkingCalendar:
    """The working calendar of China, compiled once."""
    return compile_calendar("CN", WORKFLOWS / "calendars")


@lru_cache
def shipped(overlay: str = "") -> tuple[Bundle, dict[str, TextDef]]:
    """The shipped workflows, with the named test overlay over them."""
    over = OVERLAYS / overlay if overlay else None
    return read_bundle(WORKFLOWS, over), read_texts(WORKFLOWS, over)


def paper(kind: str) -> Evidence:
    """A document of that kind."""
    return Evidence(kind, f"{kind}.pdf", "ab" * 32, 1024, "evidence/ab")


def root_of(matter: str) -> str:
    """The id of the matter at the top of a family, which those of its parts and cases begin with."""
    return re.sub(r"(-[A-Z]\d+)+$", "", matter.split(".")[0])


class City:
    """One unit, its people, its projects; every moment is said by the test."""

    def __init__(self, url: str = "sqlite://", *, overlay: str = "", profile: str = "one-day") -> None:
        """Make an empty city on ``url``, with the workflows and the profile in force."""
        bundle, texts = shipped(overlay)
        self.store = SqlStore(url)
        self.profile = profile
        self.office = Office(bundle, calendar(), dict(texts), self.fetch)
        self.store.create(BEGAN)
        people = People(self.store)
        with self.store.transaction():
            people.add_jurisdiction(PLACE, "平顶山市", "city")
            people.add_unit(Unit(UNIT, "市一中", UNIT, profile, PLACE))
            for role, person in PERSONS.items():
                people.add_person(person, person, PLACE)
                people.appoint(Appointment(person, role, UNIT, BEGAN, None, PLACE))
            self.store.keep_bundle(bundle, BEGAN, PLACE)

    def fetch(self, wanted: str) -> Bundle | None:
        """Find an older bundle in the database."""
        files = self.store.read_bundle(wanted)
        return None if files is None else read_bundle_from(files)

    # acting

    def open(
        self, now: str | datetime, *, id: str = "P1", workflow: str = "project", stage: str = "package.evaluating",
        **facts: FactValue,
    ) -> None:  # fmt: skip
        """Open a project (with one package unless ``packages`` says more), at once in the evaluation unless
        ``stage`` names another one; empty: from its beginning.
        """
        at = moment(now) if isinstance(now, str) else now
        if workflow == "project":
            facts = {"packages": 1, **facts}
        initial = self.office.current.workflows[workflow].initial
        matter = Matter(
            id, id, workflow, initial, "教学楼桌椅", UNIT, PLACE, self.office.current.hash, self.profile, at,
            state_since=at, facts=facts,
        )  # fmt: skip
        with self.store.work() as work:
            open_matter(self.office, work, matter, now=at, actor="李四")
            if workflow == "project" and stage:
                enter(self.office, work, matter, *stage.split("."), at=at, now=at, actor="李四")

    def do(
        self, action: str, at: str | datetime, *, on: str = "P1", now: str | datetime | None = None,
        by: Actor | str | None = None, evidence: Sequence[Evidence] | None = None, reason: str = "",
        revision: int | None = None, second: str | None = None, bare: bool = False,
        checked: Sequence[str] | None = None, **facts: FactValue,
    ) -> Receipt:  # fmt: skip
        """Record ``action`` on ``on``; what it needs is filled in as usual unless ``bare``.

        ``now`` is the moment of recording, by default ``at``. ``by`` is the person of the action's first
        role unless said otherwise.
        """
        done = moment(at) if isinstance(at, str) else at
        recorded = done if now is None else moment(now) if isinstance(now, str) else now
        wanted = self.definition(action, on)
        if not bare and wanted is not None:
            facts = {**{n: USUAL[n] for n in wanted.needs if n in USUAL}, **facts}
            if evidence is None:
                evidence = [paper(kind) for kind in wanted.evidence]
        role = wanted.by[0] if wanted is not None and wanted.by else "officer"
        actor = by if isinstance(by, Actor) else self.actor(by or PERSONS[role], recorded)
        other = self.actor(second, recorded) if second else None
        lists = wanted.checklists if wanted is not None and not bare else ()
        request = Request(
            on, action, done, facts, tuple(evidence or ()), reason or ("同意" if self._opinion(lists) else ""), revision, other,
            tuple(lists) if checked is None else tuple(checked),
        )  # fmt: skip
        with self.store.work() as work:
            work.family(root_of(on))
            return advance(self.office, work, request, actor, recorded)

    def _opinion(self, lists: Iterable[str]) -> bool:
        return wants_opinion([self.office.current.checklists[name] for name in lists])

    def walk(self, last: str, at: str | datetime, *, on: str = "P1", **facts: Any) -> None:
        """Do all steps up to ``last`` at one moment; ``facts`` go to the steps of the contract's signing."""
        done = moment(at) if isinstance(at, str) else at
        for step in STEPS[: STEPS.index(last) + 1]:
            self.do(step, done, on=on, **(facts if step == "sign_contract" else {}))

    def walk_on(self, *steps: str, at: str, on: str = "P1") -> None:
        """Do these steps at one moment."""
        for step in steps:
            self.do(step, at, on=on)

    def patrol(self, at: str | datetime, *, dry_run: bool = False) -> Beat:
        """Let time pass."""
        return patrol(self.office, self.store, moment(at) if isinstance(at, str) else at, dry_run=dry_run)

    def definition(self, action: str, on: str = "P1") -> ActionDef | None:
        """The definition of an action that people may take, whatever workflow it is of."""
        found = self.defined(action, on)
        return found[1] if found else None

    def defined(self, action: str, on: str = "P1") -> tuple[WorkflowDef, ActionDef] | None:
        """The workflow that an action on ``on`` is of, and its definition: several workflows know ``close``."""
        about = re.search(r"-[A-Z]\d+$", on) is not None
        found = [
            (w, w.actions[action]) for w in self.office.current.workflows.values() if action in w.actions
        ]
        family = {m.workflow for m in self.family(root_of(on))[0]} if len(found) > 1 else set()
        # what people may take goes first, of those what the matter named may know, of those what is there at all
        return min(
            found, key=lambda f: (f[1].automatic, f[0].about != about, f[0].name not in family), default=None
        )

    def actor(self, person: str, at: datetime) -> Actor:
        """The person with the roles held at ``at``."""
        with self.store.transaction():
            return Actor(person, People(self.store).roles(person, UNIT, at))

    def appoint(self, person: str, role: str, since: str, until: str | None = None) -> None:
        """Appoint one more person."""
        end = moment(until) if until else None
        with self.store.transaction():
            People(self.store).appoint(Appointment(person, role, UNIT, moment(since), end, PLACE))

    # looking

    def read(self, look: Callable[[Work], Any]) -> Any:
        """Look at something in a transaction of its own."""
        with self.store.transaction():
            return look(Work(self.store))

    def matter(self, matter: str) -> Matter:
        """One matter as it stands in the database."""
        found: Matter = self.read(lambda work: work.reader.read_matters([matter])[0])
        return found

    def family(self, root: str = "P1") -> tuple[list[Matter], list[Clock]]:
        """All matters and clocks of a project."""
        found: tuple[list[Matter], list[Clock]] = self.read(lambda work: work.reader.read_family(root))
        return found

    def clock(self, matter: str, name: str, round: int = 1) -> Clock:
        """One clock as it stands in the database."""
        return next(c for c in self.family(matter.split(".")[0])[1] if c.key == (matter, name, round))

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a query, for what has no reader of its own."""
        with self.store.transaction():
            return list(self.store.run(sql, values).fetchall())

    def fired(self, clock: str = "", *, collapsed: bool = False) -> list[str]:
        """``rung`` of all fires in order, of one clock (``P1.1/decide_award/1``) or all; no collapsed ones."""
        rows = self.rows("select key, rung, collapsed from fire order by at, rowid")
        return [r for k, r, c in rows if k.startswith(clock) and bool(c) in (False, collapsed)]

    def cases(self) -> dict[str, str]:
        """The cases there are, with their states."""
        return dict(self.rows("select id, state from matter where workflow = 'case' order by id"))

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table, to see that nothing changed."""
        names = ["matter", "fact", "history", "clock", "fire", "message", "evidence", "alias"]
        return {name: self.rows(f"select * from {name} order by 1, 2, 3") for name in names}


def keys(fires: Iterable[Fire]) -> list[str]:
    """The rungs of fires, in their order, without the collapsed ones."""
    return [f.rung for f in fires if not f.collapsed]
