"""`yiriban project`: open, list, show, act upon and explain projects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from commands.clock_page import account_data, explain_page
from commands.doing import action_options, carry_out
from commands.entries import alias_of, code_of, past, title_of
from commands.printing import SHANGHAI, common_options, emit, local, pass_settings, pick, say
from commands.project_page import (
    Project,
    Summary,
    list_page,
    nearest,
    offer_data,
    offers_page,
    project_data,
    project_page,
    summary_data,
)
from commands.room import Room, dry_run_option, enter, limit_option, person_of, read_at, typed
from commands.words import ALIASES, fold, here
from engine.clock import Clock
from engine.directory import Unit, below
from engine.errors import BadInput, Conflict, Forbidden
from engine.explain import ClockAccount, explain, lamp_of, offers, worst
from engine.factvalue import read_fact
from engine.matter import FactValue, Matter
from engine.office import Office
from engine.opening import open_matter
from engine.work import Work
from runtime.settings import Settings
from storage import views
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

WORKFLOW = "project"
OPENERS = frozenset({"officer", "purchaser_rep", "purchaser_head", "agency"})
LAST_LINES = 8


@click.group()
def project() -> None:
    """项目：新建、列出、查看、办理、解释 / open, list, show, act upon and explain projects."""


@project.command()
@click.argument("title")
@click.option("--unit", metavar="NAME", help="采购单位；只在一个单位任职时可不写 / the purchasing unit")
@click.option("--packages", type=int, default=1, show_default=True, metavar="N", help="采购包数 / packages")
@click.option("--code", metavar="CODE", help="项目编号；不写则按年编号 / its number, else a running one")
@click.option("--budget", metavar="AMOUNT", help="采购预算，写明单位，如 350000元 / with its unit")
@click.option(
    "--alias", "numbers", multiple=True, metavar="KIND=VALUE", help="另有的编号：" + "、".join(ALIASES)
)
@click.option("--at", metavar="MOMENT", help="何时开立，默认此刻 / when it began, default now")
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def new(
    ctx: click.Context, settings: Settings, title: str, unit: str | None, packages: int, code: str | None,
    budget: str | None, numbers: Sequence[str], at: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """新建一个项目，连同它的采购包 / open a project with its packages."""
    person = person_of(settings)
    name = title_of(title)
    wanted = None if code is None else code_of(code)
    aliases = [alias_of(text) for text in numbers]
    with enter(settings) as room:
        office = room.office()
        facts: dict[str, FactValue] = {"packages": packages}
        if budget is not None:
            facts["budget"] = read_fact(office.current.workflows[WORKFLOW].facts["budget"], budget)
        opened_at = room.now if at is None else past(read_at(at)[0], room.now)
        with room.writing(dry_run=dry_run) as work:
            place = _unit_for(room, person, unit)
            number = wanted or Registry(room.store).next_project(opened_at.astimezone(SHANGHAI).year)
            _refuse_taken(room.store, number)
            room.store.keep_bundle(office.current, room.now, place.jurisdiction)
            matter = _matter(office, place, number, name, opened_at, facts)
            opened = open_matter(office, work, matter, now=room.now, actor=person)
            work.aliases += [(kind, value, number, place.jurisdiction) for kind, value in aliases]
            following = offers(office, work, opened, room.now)
    command = typed(ctx)
    payload = {
        "dry_run": dry_run,
        "id": number,
        "title": name,
        "unit": place.id,
        "profile": matter.profile,
        "bundle": matter.bundle,
        "opened_at": here(opened_at),
        "matters": [{"id": m.id, "workflow": m.workflow, "state": m.state} for m in opened],
        "aliases": [{"kind": kind, "value": value} for kind, value in aliases],
        "next": [offer_data(o, command) for o in following],
    }

    def page() -> str:
        lang = settings.lang
        lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if dry_run else []
        parts = len(opened) - 1
        lines.append(f"{pick(lang, '已新建', 'Opened')} {number}  {name}（{place.id}）")
        lines.append(f"  {pick(lang, f'采购包 {parts} 个', f'packages: {parts}')}  {local(opened_at)}")
        shown = Project(matter, opened, (), (), {}, (), following, "normal", room.now)
        lines.append(pick(lang, "接下来可以：", "What can be done next:"))
        lines += [f"  {line}" for line in offers_page(shown, command, lang).split("\n")]
        return fold("\n".join(lines))

    emit(as_json, "project.new", payload, page)


def _unit_for(room: Room, person: str, wanted: str | None) -> Unit:
    """Return the unit for which ``person`` opens a project; refuse who holds no appointment for it."""
    people = People(room.store)
    if wanted is not None:
        unit = people.unit(wanted)
        if not people.roles(person, unit.id, room.now) & OPENERS:
            raise Forbidden(
                f"{person} 不能为 {unit.id} 新建项目",
                why="没有该单位的任命",
                then="请有任命的人新建，或先登记任命",
            )
        return unit
    units = people.units_of(person, room.now)
    if not units:
        raise Forbidden(f"{person} 没有任何单位的任命", then="核对 --as 的姓名，或先登记任命")
    if len(units) > 1:
        named = "、".join(u.id for u in units)
        raise BadInput(f"{person} 在 {len(units)} 个单位任职", then=f"用 --unit 指明：{named}")
    return _unit_for(room, person, units[0].id)


def _refuse_taken(store: SqlStore, number: str) -> None:
    if views.exists(store, number):
        then = f"用 yiriban project show {number} 查看，或另取编号"
        raise Conflict(f"编号 {number} 已经有项目了", then=then)


def _matter(
    office: Office, unit: Unit, number: str, title: str, at: datetime, facts: dict[str, FactValue]
) -> Matter:
    Office.profile(office.current, unit.profile)
    initial = office.current.workflows[WORKFLOW].initial
    return Matter(
        number, number, WORKFLOW, initial, title, unit.id, unit.jurisdiction, office.current.hash,
        unit.profile, at, state_since=at, facts=facts,
    )  # fmt: skip


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
    summaries: list[Summary] = []
    for listed in found:
        lamps = []
        running = []
        for clock, workflow, bundle in held[listed.id]:
            kind = room.term(bundle, workflow, clock.name).kind
            lamps.append(lamp_of(clock, kind, room.now, SHANGHAI, room.calendar))
            if clock.is_open and kind == "max":
                running.append((clock, room.workflow(bundle, workflow).clocks[clock.name].title))
        first = min(running, key=lambda r: (r[0].state != "running", nearest(r[0]) or room.now), default=None)
        clock_, title = first if first is not None else (None, None)
        due = nearest(clock_) if clock_ is not None else None
        summaries.append(Summary(listed, worst(lamps), clock_, title, due, len(running)))
    return summaries


@project.command()
@click.argument("ref")
@common_options
@pass_settings
@click.pass_context
def show(ctx: click.Context, settings: Settings, ref: str, as_json: bool) -> None:
    """查看一个项目或其下级事项：状态、计时、记录、现在可办什么 / show a project or a part of it.

    REF 是编号或另有的编号 / an id or another number.
    """
    with enter(settings) as room, room.store.reading() as work:
        shown = _shown(room, work, ref)
        command = typed(ctx)
        payload = project_data(shown, command)
        page = "" if as_json else project_page(shown, room.workflow, command, settings.lang)
    emit(as_json, "project.show", payload, lambda: fold(page))


def _shown(room: Room, work: Work, ref: str) -> Project:
    office, store = room.office(), room.store
    named = room.locate(work, ref)
    inside = room.under(work, named)
    matters = [m for m in inside if m.about is None or m.id == named.id]
    cases = [m for m in inside if m.about is not None and m.id != named.id]
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
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """办理：记录一项操作，打印回执 / take an action and print the receipt.

    REF 是项目或下级事项的编号，ACTION 是操作名；project show 列出现在可办的。
    """
    carry_out(
        ctx, settings, "project.do", ref, action, facts, evidence, at, reason, revision, second, dry_run, as_json
    )  # fmt: skip


@project.command("explain")
@click.argument("ref")
@common_options
@pass_settings
def explain_(settings: Settings, ref: str, as_json: bool) -> None:
    """解释每个计时：起算、依据、怎样数出来的、已触发什么、接下来什么 / why each clock is as it is."""
    with enter(settings) as room, room.store.reading() as work:
        named = room.locate(work, ref)
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
