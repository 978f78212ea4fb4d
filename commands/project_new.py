"""`yiriban project new`: open a project from its beginning, or take one in half-way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from commands.entries import alias_of, code_of, facts_named, past, title_of
from commands.printing import SHANGHAI, common_options, emit, local, pass_settings, pick
from commands.project_page import Project, offer_data, offers_page
from commands.room import Room, dry_run_option, enter, person_of, read_at, typed
from commands.words import ALIASES, fold, here
from engine import entering
from engine.directory import Unit
from engine.errors import BadInput, Conflict, Forbidden
from engine.matter import FactValue, Matter
from engine.offering import offers
from engine.office import Office
from engine.opening import MOST_PARTS, open_matter
from engine.welcome import check_welcome
from runtime.settings import Settings
from storage import views
from storage.people import People
from storage.registry import Registry
from storage.store import SqlStore

WORKFLOW = "project"
OPENERS = frozenset({"officer", "purchaser_rep", "purchaser_head", "agency"})


@click.command("new")
@click.argument("title")
@click.option("--unit", metavar="NAME", help="采购单位；只在一个单位任职时可不写 / the purchasing unit")
@click.option("--packages", type=int, default=1, show_default=True, metavar="N", help="采购包数 / packages")
@click.option("--code", metavar="CODE", help="项目编号；不写则按年编号 / its number, else a running one")
@click.option("--budget", metavar="AMOUNT", help="采购预算，写明单位，如 350000元 / with its unit")
@click.option(
    "--fact",
    "facts",
    multiple=True,
    metavar="NAME=VALUE",
    help="已知的要素，如 method=公开招标 / a known fact",
)
@click.option(
    "--stage",
    metavar="STATE",
    help="已办到哪一步，如 评审中；以前的步骤推定为已办，不评判 / where it stands already",
)
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
    budget: str | None, facts: Sequence[str], stage: str | None, numbers: Sequence[str], at: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """新建一个项目；办到一半的用 --stage 写明现在的阶段 / open a project, or take one in half-way.

    \b
    例 / examples:
      yiriban project new 教学楼桌椅采购 --budget 350000元
      yiriban project new 教学楼桌椅采购 --stage 评审中 --fact method=公开招标
    """
    person = person_of(settings)
    name = title_of(title)
    wanted = None if code is None else code_of(code)
    aliases = [alias_of(text) for text in numbers]
    if not 1 <= packages <= MOST_PARTS:
        raise BadInput(
            f"采购包数不能是 {packages}", why=f"应在 1 到 {MOST_PARTS} 之间", then="改正 --packages"
        )
    with enter(settings) as room:
        office = room.office()
        texts = [*facts, f"packages={packages}", *([] if budget is None else [f"budget={budget}"])]
        known = facts_named(office.current.workflows[WORKFLOW], texts)
        opened_at = room.now if at is None else past(read_at(at)[0], room.now)
        check_welcome(office, WORKFLOW, known, office.calendar.day_of(opened_at))
        with room.writing(dry_run=dry_run) as work:
            place = _unit_for(room, person, unit)
            number = wanted or Registry(room.store).next_project(opened_at.astimezone(SHANGHAI).year)
            _refuse_taken(room.store, number)
            room.store.keep_bundle(office.current, room.now, place.jurisdiction)
            matter = _matter(office, place, number, name, opened_at, known)
            open_matter(office, work, matter, now=room.now, actor=person)
            if stage:
                workflow, state = entering.stage_of(office.current, WORKFLOW, stage)
                entering.enter(
                    office, work, matter, workflow.name, state.name, at=opened_at, now=room.now, actor=person
                )
            opened = work.family(number)
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
        "stage": stage,
        "matters": [{"id": m.id, "workflow": m.workflow, "state": m.state} for m in opened],
        "aliases": [{"kind": kind, "value": value} for kind, value in aliases],
        "next": [offer_data(o, command) for o in following],
    }

    def page() -> str:
        lang = settings.lang
        lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if dry_run else []
        lines.append(f"{pick(lang, '已新建', 'Opened')} {number}  {name}（{place.id}）")
        for m in opened:
            title = office.workflow(m).states[m.state].title.in_(lang)
            lines.append(f"  {m.id}  {office.workflow(m).title.in_(lang)}  {title}  {local(opened_at)}")
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
