"""`yiriban init`: set up the database, the first unit, and who acts for it."""

from __future__ import annotations

import os
import re

import click

from commands.printing import common_options, emit, pass_settings, pick
from commands.room import Room, dry_run_option, person_of, sqlite_file, typed
from commands.words import fold, roles
from engine.directory import PURCHASER_ROLES, Appointment, Unit
from engine.errors import BadInput, Conflict, NotFound, StorageTrouble
from engine.office import Office
from engine.workflow import Bundle
from runtime import assembly
from runtime.settings import Settings
from storage.people import People
from storage.store import SqlStore
from storage.views import directory_counts

DEFAULT_UNIT = "本单位"
DEFAULT_PROFILE = "one-day"
NOWHERE = "000000"
_LONGEST_NAME = 60
_NAMES = {
    "database": ("数据库", "database"),
    "jurisdiction": ("行政区划", "jurisdiction"),
    "unit": ("单位", "unit"),
    "person": ("人员", "person"),
    "appointment": ("任命", "appointments"),
    "bundle": ("流程版本", "bundle"),
}


@click.command()
@click.option("--unit", "unit", metavar="NAME", help=f"采购单位名称，默认 {DEFAULT_UNIT} / the first unit")
@click.option(
    "--jurisdiction", metavar="CODE", help="行政区划代码，六位数字，按预算级次 / six digits, by budget level"
)
@click.option("--profile", metavar="NAME", help=f"地方时限方案，默认 {DEFAULT_PROFILE} / which promises hold")
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def init(
    ctx: click.Context,
    settings: Settings,
    unit: str | None,
    jurisdiction: str | None,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """建库，登记单位，任命 --as 所写的人；重复运行不改变什么 / set up; twice changes nothing."""
    person = _name(person_of(settings), "--as")
    name = None if unit is None else _name(unit, "--unit")
    code = _code(jurisdiction)
    existed = _look_at_place(settings)
    # a rehearsal must not leave a file behind: with no database yet it runs in memory
    store = SqlStore("sqlite://" if dry_run and not existed else settings.database)
    try:
        room = Room(settings, store, assembly.system_now())
        bundle = room.bundle()
        Office.profile(bundle, profile or DEFAULT_PROFILE)
        if not (dry_run and existed):
            store.create(room.now)
        store.check_schema()
        with room.writing(dry_run=dry_run):
            before = directory_counts(store)
            held = _register(room, person, name, code, profile, bundle)
            after = directory_counts(store)
    finally:
        store.close()
    added = {n: after[n] - before[n] for n in after if after[n] > before[n]}
    made = [] if existed else ["database"]
    made += list(added)
    payload = {
        "dry_run": dry_run,
        "changed": bool(made),
        "added": made,
        "database": str(sqlite_file(settings) or store.place),
        "unit": held.id,
        "jurisdiction": held.jurisdiction,
        "profile": held.profile,
        "person": person,
        "roles": list(PURCHASER_ROLES),
        "bundle": bundle.hash,
    }
    emit(as_json, "init", payload, lambda: _page(ctx, settings.lang, payload, made, held))


def _register(
    room: Room, person: str, name: str | None, code: str, profile: str | None, bundle: Bundle
) -> Unit:
    """Enter what is missing; refuse to change a unit that is registered otherwise."""
    people = People(room.store)
    units = people.units()
    if name is None and len(units) > 1:
        raise BadInput(
            f"已登记 {len(units)} 个单位", then="用 --unit 指明一个：" + "、".join(u.id for u in units[:20])
        )
    known = units[0] if name is None and units else next((u for u in units if u.id == name), None)
    if known is not None:
        _same(known, code, profile)
    own = name or DEFAULT_UNIT
    held = known or Unit(own, own, own, profile or DEFAULT_PROFILE, code or NOWHERE)
    people.add_jurisdiction(held.jurisdiction, held.jurisdiction, _level(held.jurisdiction))
    people.add_unit(held)
    people.add_person(person, person, held.jurisdiction)
    for role in PURCHASER_ROLES:
        people.appoint(Appointment(person, role, held.id, room.now, None, held.jurisdiction))
    room.store.keep_bundle(bundle, room.now, held.jurisdiction)
    room.store.begin_duties(room.now)
    return held


def _same(known: Unit, code: str, profile: str | None) -> None:
    for wanted, standing, what in (
        (profile, known.profile, "地方时限方案"),
        (code, known.jurisdiction, "行政区划"),
    ):
        if wanted and wanted != standing:
            raise Conflict(
                f"单位 {known.id} 已经登记，{what}是 {standing}，不是 {wanted}",
                why="init 只补登没有的内容，不改动已有的",
                then="去掉该选项，或用 --unit 登记另一个单位",
            )


def _look_at_place(settings: Settings) -> bool:
    """Say whether the database is set up; refuse at once a place where it cannot be."""
    path = sqlite_file(settings)
    if path is not None:
        if path.is_dir():
            raise StorageTrouble(f"{path} 是一个文件夹，不能作数据库", then="用 --database 指定一个文件名")
        if not path.absolute().parent.is_dir():
            missing = path.absolute().parent
            raise StorageTrouble(f"没有文件夹 {missing}", then="先建好文件夹，再运行 yiriban init")
        if not path.exists():
            if not os.access(path.absolute().parent, os.W_OK):
                raise StorageTrouble(
                    f"不能在 {path.absolute().parent} 里建数据库",
                    why="没有写权限",
                    then="换一个文件夹，或请管理员开放写权限",
                )
            return False
    store = SqlStore(settings.database)
    try:
        store.check_schema()
    except NotFound:
        return False
    finally:
        store.close()
    return True


def _name(text: str, option: str) -> str:
    """Return a name that may stand in keys (`fire/person/channel`, `unit/unit`) and on a line."""
    name = text.strip()
    if not name or "/" in name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadInput(
            f"{option} 的名称不能用：{text!r}",
            why=f"不能是空的，不能有斜杠，最多 {_LONGEST_NAME} 字",
            then="换一个写法",
        )
    return name


def _code(text: str | None) -> str:
    if text is not None and not re.fullmatch(r"[0-9]{6}", text):
        raise BadInput(f"行政区划代码不对：{text!r}", why="须为六位数字", then="例如 --jurisdiction 410400")
    return text or ""


def _level(code: str) -> str:
    """Return the level that the code spells: its last pairs of digits are zero above the county."""
    if code == NOWHERE:
        return "unknown"
    return "province" if code.endswith("0000") else "city" if code.endswith("00") else "county"


def _page(ctx: click.Context, lang: str, payload: dict[str, object], made: list[str], held: Unit) -> str:
    person = str(payload["person"])
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if payload["dry_run"] else []
    if made:
        said = pick(lang, "、", ", ").join(pick(lang, *_NAMES[name]) for name in made)
        lines.append(pick(lang, f"已建好或补登：{said}", f"Set up: {said}"))
    else:
        lines.append(pick(lang, "没有变化：都已登记过", "Nothing changed: all of it is there already"))
    lines += [
        f"{pick(lang, '数据库', 'database')}  {payload['database']}",
        f"{pick(lang, '单位', 'unit')}  {held.id}"
        f"  {pick(lang, '方案', 'profile')} {held.profile}"
        f"  {pick(lang, '行政区划', 'jurisdiction')} {held.jurisdiction}",
        f"{pick(lang, '人员', 'person')}  {person}: {roles(PURCHASER_ROLES, lang)}",
        f"{pick(lang, '流程版本', 'bundle')}  {str(payload['bundle'])[:12]}",
    ]
    if not payload["dry_run"]:
        title = pick(lang, "项目名称", "TITLE")
        lines += [pick(lang, "下一步", "Next"), f"  {typed(ctx)('project', 'new', title)}"]
    return fold("\n".join(lines))
