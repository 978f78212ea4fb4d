"""`yiriban project`: open, list, show, act upon and explain projects."""

from __future__ import annotations

from collections.abc import Sequence

import click

from commands.clock_page import account_data, explain_page
from commands.completing import matters
from commands.doing import action_options, carry_out
from commands.override import override
from commands.printing import SHANGHAI, common_options, emit, local, pass_settings, pick, say
from commands.project_new import WORKFLOW, new
from commands.project_page import (
    Project,
    Summary,
    list_page,
    nearest,
    project_data,
    project_page,
    summary_data,
)
from commands.room import Room, enter, limit_option, typed
from commands.words import fold, here
from engine.clock import Clock
from engine.directory import Unit, below
from engine.errors import BadInput, Forbidden
from engine.explain import ClockAccount, explain, lamp_of, worst
from engine.grants import grants
from engine.matter import Matter
from engine.offering import offers
from engine.overriding import in_words
from engine.work import Work
from runtime.settings import Settings
from storage import views
from storage.people import People

LAST_LINES = 8


@click.group()
def project() -> None:
    """项目：新建、列出、查看、办理、解释 / open, list, show, act upon and explain projects."""


project.add_command(new)
project.add_command(override)


@project.command("list")
@click.option("--unit", metavar="NAME", help="只列这个单位及其下属 / only this unit and those below it")
@click.option("--state", metavar="STATE", help="只列这种状态，如 进行中 或 open / only in this state")
@limit_option
@common_options
@pass_settings
def list_(settings: Settings, unit: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """列出项目，最紧要的在前 / list the projects, the most urgent first.

    写明 --as 时只列此人任职（或代理）的单位；不写则全列 / with --as only the units of that person.
    """
    with enter(settings) as room, room.store.reading():
        place = None if unit is None else People(room.store).unit(unit)
        wanted = "" if state is None else _state(room, state)
        found, total = _listed(room, settings.person, place, wanted, limit)
        summaries = _summaries(room, found)
        payload = {
            "now": here(room.now),
            "total": total,
            "projects": [summary_data(s, room.now) for s in summaries],
        }
        page = "" if as_json else list_page(summaries, room.workflow, total, room.now, settings.lang)
    emit(as_json, "project.list", payload, page)


def _listed(
    room: Room, person: str, place: Unit | None, state: str, limit: int
) -> tuple[list[views.Listed], int]:
    """Return the projects to list: behind the wall of ``person`` where one is named, else all of them."""
    people = People(room.store)
    visible = {u.id for u in people.visible_units(person, room.now)} if person else set()
    inside = {u.id for u in people.units() if place is None or below(u.path, place.path)}
    if not person or inside <= visible:
        return views.projects(room.store, unit=place, state=state, limit=limit)
    if place is not None and not inside & visible:
        raise Forbidden(
            f"{person} 看不到 {place.id} 的项目",
            why="在该单位及其下属都没有任命，也不代理任何人",
            then="请有任命的人查看，或先用 yiriban person appoint 登记任命",
        )
    found, _ = views.projects(room.store, unit=place, state=state)
    found = [p for p in found if p.unit in visible]
    return (found[:limit] if limit else found), len(found)


def _state(room: Room, text: str) -> str:
    states = room.bundle().workflows[WORKFLOW].states.values()
    for state in states:
        if text in (state.name, state.title.zh, state.title.en):
            return state.name
    known = "、".join(f"{s.name}（{s.title}）" for s in states)
    raise BadInput(f"项目没有状态 {text}", then=f"可用的：{known}")


def _summaries(room: Room, found: Sequence[views.Listed]) -> list[Summary]:
    held: dict[str, list[tuple[Clock, str, str]]] = {p.id: [] for p in found}
    for clock, workflow, bundle in views.clocks_under(room.store, list(held)):
        held[clock.root].append((clock, workflow, bundle))
    cases = views.case_states(room.store, list(held))
    summaries: list[Summary] = []
    for listed in found:
        lamps = []
        running = []
        for clock, workflow, bundle in held[listed.id]:
            kind = room.term(bundle, workflow, clock.name).kind
            case = cases.get((clock.matter, clock.spelled))
            lamps.append(lamp_of(clock, kind, room.now, SHANGHAI, room.calendar, case))
            if clock.is_open and kind == "max":
                running.append((clock, room.workflow(bundle, workflow).clocks[clock.name].title))
        first = min(running, key=lambda r: (r[0].state != "running", nearest(r[0]) or room.now), default=None)
        clock_, title = first if first is not None else (None, None)
        due = nearest(clock_) if clock_ is not None else None
        summaries.append(Summary(listed, worst(lamps), clock_, title, due, len(running)))
    return summaries


@project.command()
@click.argument("ref", shell_complete=matters)
@common_options
@pass_settings
@click.pass_context
def show(ctx: click.Context, settings: Settings, ref: str, as_json: bool) -> None:
    """查看一个项目或其下级事项：状态、计时、记录、现在可办什么 / show a project or a part of it.

    REF 是编号或另有的编号 / an id or another number.
    """
    with enter(settings) as room, room.store.reading() as work:
        shown = _shown(room, work, ref, settings.person)
        command = typed(ctx)
        payload = project_data(shown, command)
        page = "" if as_json else project_page(shown, room.workflow, command, settings.lang)
    emit(as_json, "project.show", payload, lambda: fold(page))


def _shown(room: Room, work: Work, ref: str, person: str) -> Project:
    office, store = room.office(), room.store
    named = room.locate(work, ref, person)
    inside = room.under(work, named)
    matters = [m for m in inside if not m.is_case or m.id == named.id]
    cases = [m for m in inside if m.is_case and m.id != named.id]
    ids = [m.id for m in inside]
    accounts = _accounts(room, work, inside)
    return Project(
        named=named,
        matters=matters,
        cases=cases,
        accounts=accounts,
        aliases=views.aliases(store, ids),
        lines=views.history(store, ids, LAST_LINES),
        offers=offers(office, work, inside, room.now),
        overrides=[in_words(office, m, g) for m in matters for g in grants(office, m, room.now)],
        lamp=worst([a.lamp for a in accounts]),
        now=room.now,
    )


def _accounts(room: Room, work: Work, matters: Sequence[Matter]) -> list[ClockAccount]:
    office = room.office()
    fires, told = views.fires(room.store, [m.id for m in matters])
    found = [
        explain(office, work, matter, clock, room.now, fires=fires, told=told)
        for matter in matters
        for clock in work.clocks_of(matter)
    ]
    # running ones first, the most urgent at the top
    return sorted(found, key=lambda a: (not a.clock.is_open, nearest(a.clock) or room.now))


@project.command()
@action_options
def do(
    ctx: click.Context, settings: Settings, ref: str, action: str, facts: Sequence[str],
    evidence: Sequence[str], at: str | None, reason: str, revision: int | None, second: str | None,
    checked: Sequence[str], dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """办理：记录一项操作，打印回执 / take an action and print the receipt.

    REF 是项目或下级事项的编号，ACTION 是操作名；project show 列出现在可办的。
    """
    carry_out(
        ctx, settings, "project.do", ref, action, facts, evidence, at, reason, revision, second, checked, dry_run, as_json
    )  # fmt: skip


@project.command("explain")
@click.argument("ref", shell_complete=matters)
@common_options
@pass_settings
def explain_(settings: Settings, ref: str, as_json: bool) -> None:
    """解释每个计时：起算、依据、怎样数出来的、已触发什么、接下来什么 / why each clock is as it is."""
    with enter(settings) as room, room.store.reading() as work:
        named = room.locate(work, ref, settings.person)
        accounts = _accounts(room, work, room.under(work, named))
    payload = {"matter": named.id, "now": here(room.now), "clocks": [account_data(a) for a in accounts]}
    if as_json:
        emit(True, "project.explain", payload, "")
        return
    lang = settings.lang
    pages = [
        explain_page(a, room.workflow(a.matter.bundle, a.matter.workflow), room.now, lang) for a in accounts
    ]
    say(f"{named.id}  {named.title}  {pick(lang, '此刻', 'now')} {local(room.now)}\n")
    say(fold("\n\n".join(pages)) or pick(lang, "还没有计时", "No clocks yet"))
