"""`yiriban demo`: a made-up city of over forty projects lives sixty working days in a few seconds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from commands.demo_city import (
    BUREAUS,
    CITY,
    FINANCE,
    HEADS,
    JURISDICTIONS,
    OFFICERS,
    REGULATORS,
    TRACKERS,
    UNITS,
    Act,
    City,
    Plan,
    paper,
)
from commands.desk import desk
from commands.printing import common_options, emit, pass_settings, pick
from commands.progress import bar
from engine.advance import Request, advance
from engine.deliver import deliver
from engine.directory import Appointment, Unit
from engine.errors import BadInput, Conflict, YiribanError
from engine.matter import Matter
from engine.office import Office
from engine.opening import open_matter
from engine.patrol import patrol
from runtime.assembly import drop_channels, long_work, office_for, system_now
from runtime.settings import Settings
from storage.outbox import SqlOutbox
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

PROFILE = "one-day"
MARK = ".yiriban-demo"
SHOWN = (("officer", "陈静"), ("tracker", "吴桐"), ("regulator", "许宁"))
NEXT = (
    "case list", "clock list --overdue", "report --as 许宁", "message list", "history verify",
    "desk officer --as 陈静 --xlsx todo.xlsx",
)  # fmt: skip


@dataclass(slots=True)
class Life:
    """What happened in the demonstration."""

    projects: int = 0
    acts: int = 0
    fires: int = 0
    messages: int = 0
    cases: int = 0
    refused: list[str] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("yiriban-demo"),
    show_default=True,
    help="放演示数据库、邮件和短信的文件夹 / where database, mails and text messages go",
)
@click.option(
    "--days",
    type=click.IntRange(30, 240),
    default=60,
    show_default=True,
    help="过多少个工作日 / working days",
)
@common_options
@click.pass_context
@pass_settings
def demo(settings: Settings, context: click.Context, folder: Path, days: int, as_json: bool) -> None:
    """造一座演示城市：四十多个项目，几秒钟走过六十个工作日 / a city of forty projects in a few seconds."""
    _prepare(folder)
    now = system_now()
    store = SqlStore(f"sqlite:///{folder / 'yiriban.db'}")
    try:
        office = office_for(settings, store)
        city = City(office.calendar, office.calendar.day_of(now), days=days)
        life = live(office, store, city, folder, now)
    finally:
        store.close()
    payload: dict[str, Any] = {
        "folder": str(folder), "projects": life.projects, "acts": life.acts, "fires": life.fires,
        "messages": life.messages, "cases": life.cases, "refused": life.refused,
        "mails": len(list((folder / "mail").glob("*.eml"))), "texts": len(list((folder / "sms").glob("*.json"))),
    }  # fmt: skip
    emit(as_json, "demo", payload, lambda: _told(payload, settings.lang))
    if not as_json:
        _show_desks(context, settings, folder)


def _prepare(folder: Path) -> None:
    """Make the folder new; only one that a demonstration made is ever emptied."""
    if folder.exists():
        if not folder.is_dir():
            raise BadInput(f"{folder} 不是文件夹", then="用 --folder 指定另一个位置")
        if any(folder.iterdir()) and not (folder / MARK).exists():
            raise Conflict(
                f"{folder} 里有别的文件", why="演示会清空它的文件夹", then="用 --folder 指定一个新的文件夹"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("made by yiriban demo; may be deleted\n", "utf-8")
    for name in ("mail", "sms"):
        (folder / name).mkdir()


def live(office: Office, store: SqlStore, city: City, folder: Path, now: datetime) -> Life:
    """Let the city live until ``now``: people act, time passes, messages go into the folder."""
    long_work()
    life = Life()
    _settle(office, store, city.begins)
    plans = city.plans()
    channels = drop_channels(folder)
    beats = [(beat, 0, None) for beat in city.beats() if beat <= now] + [(now, 0, None)]
    opens = [(plan.begins, 1, plan) for plan in plans]
    acts = [(act.at, 2 + act.order, act) for plan in plans for act in plan.acts if act.at <= now]
    moments: list[tuple[datetime, int, Plan | Act | None]] = sorted(
        [*beats, *opens, *acts], key=lambda m: m[:2]
    )
    with bar("演示", len(moments)) as told:
        for done, (at, _, what) in enumerate(moments, 1):
            if isinstance(what, Plan):
                life.ids[what.number] = _open(office, store, what)
                life.projects += 1
            elif isinstance(what, Act):
                _do(office, store, what, life)
            else:
                beat = patrol(office, store, at)
                life.fires += len(beat.fires)
                life.cases += sum(1 for f in beat.fires if f.case)
                life.messages += sum(deliver(SqlOutbox(store), channels, at).outcomes.values())
            told(done)
    return life


def _settle(office: Office, store: SqlStore, began: datetime) -> None:
    """Found the city: jurisdictions, units, persons and their appointments."""
    store.create(began)
    people = People(store)
    with store.transaction():
        store.keep_bundle(office.current, began, CITY)
        for code, name, level, above in JURISDICTIONS:
            people.add_jurisdiction(code, name, level, above)
        for bureau, code in BUREAUS.items():
            people.add_unit(Unit(bureau, bureau, bureau, PROFILE, code))
        for unit, bureau in UNITS.items():
            people.add_unit(Unit(unit, unit, f"{bureau}/{unit}", PROFILE, BUREAUS[bureau]))
        for unit, code in FINANCE.items():
            people.add_unit(Unit(unit, unit, unit, PROFILE, code))
        held = [(p, role, u) for u, p in OFFICERS.items() for role in ("officer", "purchaser_rep", "agency")]
        held += [(p, "purchaser_head", u) for u, p in HEADS.items()]
        held += [(p, "tracker", bureau) for p in TRACKERS for bureau in BUREAUS]
        held += [(p, "regulator", u) for u, p in REGULATORS.items()]
        codes = {**{u: BUREAUS[b] for u, b in UNITS.items()}, **BUREAUS, **FINANCE}
        for number, person in enumerate(dict.fromkeys(p for p, _, _ in held), 1):
            unit = next(u for p, _, u in held if p == person)
            people.add_person(
                person, person, codes[unit], email=f"p{number}@example.org", phone=f"1380000{number:04d}"
            )
        for person, role, unit in held:
            people.appoint(Appointment(person, role, unit, began, None, codes[unit]))


def _open(office: Office, store: SqlStore, plan: Plan) -> str:
    with store.work() as work:
        unit = People(store).unit(plan.unit)
        number = Registry(store).next_project(office.calendar.day_of(plan.begins).year)
        project = office.current.workflows["project"]
        matter = Matter(
            id=number, root=number, workflow="project", state=project.initial, state_since=plan.begins,
            title=plan.title, unit=unit.id, jurisdiction=unit.jurisdiction, bundle=office.current.hash,
            profile=unit.profile, opened_at=plan.begins, facts={"packages": 1},
        )  # fmt: skip
        open_matter(office, work, matter, now=plan.begins, actor=OFFICERS[plan.unit])
    return number


def _do(office: Office, store: SqlStore, act: Act, life: Life) -> None:
    root = life.ids[act.project]
    papers = tuple(paper(kind, act.project) for kind in act.evidence)
    request = Request(
        root + act.on[1:], act.action, act.happened or act.at, act.facts, papers, act.reason,
        second=None,
    )  # fmt: skip
    try:
        with store.work() as work:
            work.family(root)
            unit = work.matters[root].unit
            people = People(store)
            if request.matter not in work.matters:
                raise BadInput(f"没有 {request.matter}")
            second = people.actor(_second(unit), unit, act.at) if act.happened else None
            asked = request if second is None else _with(request, second)
            advance(office, work, asked, people.actor(act.by, unit, act.at), act.at)
        life.acts += 1
    except YiribanError as refused:
        life.refused.append(
            f"{act.at:%Y-%m-%d %H:%M} {request.matter} {act.action}: {refused.what} {refused.why}"
        )


def _second(unit: str) -> str:
    return HEADS[UNITS[unit]]


def _with(request: Request, second: Any) -> Request:
    return Request(request.matter, request.action, request.at, request.facts, request.evidence, request.reason,
                   request.revision, second)  # fmt: skip


def _told(payload: dict[str, Any], lang: str) -> str:
    return pick(
        lang,
        "演示城市 {folder}：{projects} 个项目，办理 {acts} 次，触发 {fires} 次，督办件 {cases} 件；"
        "邮件 {mails} 封在 {folder}/mail，短信 {texts} 条在 {folder}/sms".format(**payload),
        "The city in {folder}: {projects} projects, {acts} actions, {fires} fires, {cases} cases; "
        "{mails} mails in {folder}/mail, {texts} text messages in {folder}/sms".format(**payload),
    )


def _show_desks(context: click.Context, settings: Settings, folder: Path) -> None:
    """Print the three desks, one case, and what to try next."""
    database = folder / "yiriban.db"
    root = context.find_root()
    # the commands that the desks spell out are to be typed with this database
    root.params["database"] = str(database)
    root.set_parameter_source("database", ParameterSource.COMMANDLINE)
    there = replace(settings, database=f"sqlite:///{database}")
    for role, person in SHOWN:
        command = desk.commands[role]
        words = ["--as", person, "--limit", "4"]
        with command.make_context(role, words, parent=context, obj=there) as desk_context:
            click.echo("\n" + "─" * 100)
            command.invoke(desk_context)
    lines = [f"yiriban --database {database} {rest}" for rest in NEXT]
    click.echo("\n" + "─" * 100)
    head = pick(settings.lang, "接下来可以试：", "Try next:")
    click.echo("\n".join([head, *(f"  {line}" for line in lines)]))
