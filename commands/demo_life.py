"""The demonstration city lives: people act, time passes, messages go into the folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from commands.demo_city import OFFICERS, found, person_for
from commands.demo_diary import Act, Plan, paper
from commands.demo_plan import City
from engine.advance import Request, advance, find
from engine.attributing import attribute, decide_attribution, traces_of
from engine.deliver import deliver
from engine.entering import enter
from engine.errors import BadInput, YiribanError
from engine.holding import ask_extension, decide_extension, pause, resume
from engine.losing import days_lost
from engine.matter import Matter
from engine.office import Office
from engine.opening import open_matter
from engine.patrol import patrol
from engine.signing import wants_opinion
from engine.word import Word
from engine.work import Work
from runtime.assembly import drop_channels, long_work
from storage.feed import Feed
from storage.outbox import SqlOutbox
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

Moment = tuple[datetime, int, int, Plan | Act | None]
"""When, in which order within one moment, and what: a project begins, a person acts, somebody looks (``None``)."""


@dataclass(slots=True)
class Life:
    """What happened in the demonstration. ``ids`` are the projects by their number in the plan."""

    projects: int = 0
    halfway: int = 0
    acts: int = 0
    fires: int = 0
    cases: int = 0
    messages: int = 0
    refused: list[str] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)


def live(
    office: Office, store: SqlStore, begins: datetime, moments: Sequence[Moment], folder: Path,
    told: Callable[[int], None],
) -> Life:  # fmt: skip
    """Found the city and live through ``moments``; ``told`` hears how many of them are over."""
    long_work()
    found(office, store, begins)
    life = Life()
    channels = drop_channels(folder)
    for done, (at, _, _, what) in enumerate(moments, 1):
        if isinstance(what, Plan):
            life.ids[what.number] = _open(office, store, what)
            life.projects += 1
            life.halfway += bool(what.stage)
        elif isinstance(what, Act):
            _do(office, store, what, life)
        else:
            beat = patrol(office, store, at)
            with store.transaction():
                Feed(store).beat(at)
            life.fires += len(beat.fires)
            life.cases += sum(1 for fire in beat.fires if fire.case)
            sent: Counter[str] = deliver(SqlOutbox(store), channels, at, office=office).outcomes
            life.messages += sum(sent.values())
        told(done)
    return life


def moments_of(city: City, now: datetime) -> list[Moment]:
    """Return all that happens until ``now``, in its order."""
    plans = city.plans()
    found: list[Moment] = [(beat, 0, 0, None) for beat in (*city.beats(), now) if beat <= now]
    found += [(plan.begins, 1, plan.number, plan) for plan in plans]
    found += [(act.at, 2, act.order, act) for plan in plans for act in plan.acts if act.at <= now]
    return sorted(found, key=lambda moment: moment[:3])


def _open(office: Office, store: SqlStore, plan: Plan) -> str:
    """Open a project at its beginning, or take it in where it stands."""
    with store.work() as work:
        unit = People(store).unit(plan.unit)
        number = Registry(store).next_project(office.calendar.day_of(plan.begins).year)
        project = office.current.workflows["project"]
        matter = Matter(
            id=number, root=number, workflow="project", state=project.initial, state_since=plan.begins,
            title=plan.title, unit=unit.id, jurisdiction=unit.jurisdiction, bundle=office.current.hash,
            profile=unit.profile, opened_at=plan.begins, facts=dict(plan.facts),
        )  # fmt: skip
        person = OFFICERS[plan.unit]
        open_matter(office, work, matter, now=plan.begins, actor=person)
        if plan.stage:
            workflow, _, state = plan.stage.partition(".")
            enter(office, work, matter, workflow, state, at=plan.begins, now=plan.begins, actor=person)
    return number


def _do(office: Office, store: SqlStore, act: Act, life: Life) -> None:
    """Let a person act; a refusal is noted, not raised: it would be an error of the plan."""
    step, root = act.step, life.ids[act.project]
    name = root + step.on[1:]
    try:
        with store.work() as work:
            work.family(root)
            if name not in work.matters:
                raise BadInput(f"没有 {name}")
            if step.kind == "do":
                _take(office, store, work, work.matters[name], act)
            else:
                _say(office, store, work, work.matters[name], act)
        life.acts += 1
    except YiribanError as refused:
        life.refused.append(f"{act.at:%Y-%m-%d %H:%M} {name} {step.action}: {refused.what} {refused.why}")


def _take(office: Office, store: SqlStore, work: Work, matter: Matter, act: Act) -> None:
    step, people = act.step, People(store)
    papers = tuple(paper(kind, act.project) for kind in step.papers)
    second = None
    if act.happened is not None:
        second = people.actor(person_for("head", matter.unit, act.project), matter.unit, act.at)
    taken, action = find(office, work, matter, step.action, act.facts)
    known = office.machines(taken.bundle).bundle.checklists
    opinion = "逐项审查，同意" if wants_opinion([known[name] for name in action.checklists]) else ""
    request = Request(
        matter.id, step.action, act.happened or act.at, dict(act.facts), papers,
        step.reason or opinion, None, second, action.checklists,
    )  # fmt: skip
    advance(office, work, request, people.actor(act.by, matter.unit, act.at), act.at)


def _say(office: Office, store: SqlStore, work: Work, matter: Matter, act: Act) -> None:
    """Say a word about a clock: stop it, let it run, ask for a later day, say whose its lost days are; approve."""
    step = act.step
    papers = tuple(paper(kind, act.project) for kind in step.papers)
    word = Word(People(store).actor(act.by, matter.unit, act.at), act.at, act.at, step.reason, papers)
    if step.kind == "pause":
        pause(office, work, matter, word)
        return
    if step.kind == "resume":
        resume(office, work, matter, word)
        return
    clock = max((c for c in work.clocks_of(matter) if c.name == step.clock), key=lambda c: c.round)
    match step.kind, act.facts:
        case "extend", {"until": date() as until}:
            ask_extension(office, work, matter, clock, "promise", until, word)
        case "approve", _:
            decide_extension(office, work, matter, clock, word, approve=True)
        case "charge", _:
            traces = traces_of(office, work, matter)
            lost = days_lost(clock, office.clock(matter, clock.name), traces, office.calendar, act.at)
            attribute(office, work, matter, clock, "supplier", min(lost), max(lost), word)
        case _:
            decide_attribution(office, work, matter, clock, word, approve=True)
