"""`yiriban unit`: units as a tree, and the jurisdictions that they belong to by budget level."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import click

from commands.printing import common_options, emit, local, pass_settings, pick, table
from commands.room import Room, dry_run_option, enter
from commands.words import due_at, fold, here, role
from engine.directory import LEVELS, Jurisdiction, Unit, below, name_of
from engine.errors import BadInput, Conflict
from engine.office import Office
from runtime.settings import Settings
from storage.people import Held, People

DEFAULT_PROFILE = "one-day"
LEVEL_WORDS = {
    "county": ("县区级", "county"),
    "city": ("市级", "city"),
    "province": ("省级", "province"),
    "unknown": ("未定", "unknown"),
}
CHANGES = {
    "added": ("已登记", "added"),
    "changed": ("已更新", "changed"),
    "unchanged": ("没有变化", "nothing changed"),
}


@click.group()
def unit() -> None:
    """单位与行政区划：登记、列出、查看 / register, list and show units and jurisdictions."""


def rehearsed(lang: str, dry_run: bool) -> list[str]:
    """Return the first line of a receipt: that nothing was kept, where that is so."""
    return [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if dry_run else []


@unit.command()
@click.argument("name")
@click.option("--under", metavar="UNIT", help="上级单位；不写则在最上一级 / the unit above")
@click.option("--jurisdiction", metavar="CODE", help="行政区划代码，按预算级次；默认同上级 / by budget level")
@click.option("--profile", metavar="NAME", help="地方时限方案；默认同上级 / which promises hold")
@dry_run_option
@common_options
@pass_settings
def add(
    settings: Settings, name: str, under: str | None, jurisdiction: str | None, profile: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """登记一个单位；再登记一次没有变化 / register a unit; twice changes nothing."""
    called = name_of(name, "单位名称")
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        wanted = _wanted(room, people, called, under, jurisdiction, profile)
        change = people.add_unit(wanted)
    payload = {"dry_run": dry_run, "change": change, **unit_data(wanted)}

    def page() -> str:
        lang = settings.lang
        return "\n".join(
            [*rehearsed(lang, dry_run), f"{pick(lang, *CHANGES[change])}  {_line(wanted, lang)}"]
        )

    emit(as_json, "unit.add", payload, page)


def _wanted(
    room: Room, people: People, name: str, under: str | None, jurisdiction: str | None, profile: str | None
) -> Unit:
    """Return the unit as asked for; ``Conflict`` where it stands in the database otherwise."""
    known = next((u for u in people.units() if u.id == name), None)
    above = None if under is None else people.unit(under)
    code = None if jurisdiction is None else people.jurisdiction(jurisdiction).code
    Office.profile(room.bundle(), profile or DEFAULT_PROFILE)
    if known is not None:
        path = known.path if above is None else f"{above.path}/{name}"
        wanted = Unit(name, known.name, path, profile or known.profile, code or known.jurisdiction)
        if wanted != known:
            raise Conflict(
                f"单位 {name} 已经登记：{_line(known, 'zh')}",
                why="单位不随 add 移动或改变",
                then="去掉不同的选项，或换一个名称",
            )
        return known
    path = name if above is None else f"{above.path}/{name}"
    place = code or (_only_jurisdiction(people) if above is None else above.jurisdiction)
    return Unit(name, name, path, profile or (DEFAULT_PROFILE if above is None else above.profile), place)


def _only_jurisdiction(people: People) -> str:
    """Return the jurisdiction of all units (before there is one: the only one); else ask for it."""
    found = people.jurisdictions()
    used = {u.jurisdiction for u in people.units()} or {j.code for j in found}
    if len(used) == 1:
        return used.pop()
    raise BadInput(
        "没有写明单位的行政区划",
        why="监管权限按预算级次确定",
        then="加上 --jurisdiction 代码：" + "、".join(f"{j.code} {j.name}" for j in found[:20]),
    )


@unit.command("list")
@click.option("--under", metavar="UNIT", help="只列这个单位及其下属 / only this unit and those below it")
@common_options
@pass_settings
def list_(settings: Settings, under: str | None, as_json: bool) -> None:
    """列出单位，下级缩在上级之下 / list the units as a tree."""
    with enter(settings) as room, room.store.reading():
        people = People(room.store)
        top = None if under is None else people.unit(under)
        found = [u for u in people.units() if top is None or below(u.path, top.path)]
        places = {j.code: j for j in people.jurisdictions()}
    payload = {"total": len(found), "units": [unit_data(u) for u in found]}
    emit(as_json, "unit.list", payload, lambda: fold(_tree(found, places, settings.lang)))


def _tree(found: Iterable[Unit], places: dict[str, Jurisdiction], lang: str) -> str:
    rows = []
    for one in found:
        place = places.get(one.jurisdiction)
        code = one.jurisdiction if place is None or place.name == place.code else f"{place.code} {place.name}"
        rows.append(("  " * one.path.count("/") + one.name, code, one.profile))
    heads = (
        pick(lang, "单位", "unit"),
        pick(lang, "行政区划", "jurisdiction"),
        pick(lang, "方案", "profile"),
    )
    return table(rows, heads)


@unit.command()
@click.argument("name")
@common_options
@pass_settings
def show(settings: Settings, name: str, as_json: bool) -> None:
    """查看一个单位：位置、监管归属、下属单位、现任人员 / where a unit stands and who holds what for it."""
    with enter(settings) as room, room.store.reading():
        people = People(room.store)
        found = people.unit(name)
        chain = _chain(people, found.jurisdiction)
        parts = [u for u in people.units() if u.path.rpartition("/")[0] == found.path]
        held = people.holders_of(found, room.now)
    payload = {
        "now": here(room.now),
        **unit_data(found),
        "jurisdictions": [jurisdiction_data(j) for j in chain],
        "units_below": [u.id for u in parts],
        "holders": [held_data(h) for h in held],
    }

    def page() -> str:
        lang = settings.lang
        lines = [_line(found, lang)]
        lines.append(
            f"{pick(lang, '行政区划', 'jurisdiction')}  "
            + " → ".join(f"{j.code} {j.name}（{pick(lang, *LEVEL_WORDS[j.level])}）" for j in chain)
        )
        if parts:
            lines.append(f"{pick(lang, '下属单位', 'units below')}  " + "、".join(u.name for u in parts))
        lines.append(_holders(held, lang) if held else pick(lang, "还没有任命", "No appointments yet"))
        return fold("\n".join(lines))

    emit(as_json, "unit.show", payload, page)


def _chain(people: People, code: str) -> list[Jurisdiction]:
    """Return the jurisdiction and those above it."""
    known = {j.code: j for j in people.jurisdictions()}
    chain: list[Jurisdiction] = []
    while code in known and known[code] not in chain:
        chain.append(known[code])
        code = chain[-1].part_of or ""
    return chain


def _holders(held: Iterable[Held], lang: str) -> str:
    rows = [(role(h.role, lang), h.person, h.unit, local(h.since), due_at(h.until)) for h in held]
    heads = ("角色", "人员", "任命所在", "起", "止"), ("role", "person", "appointed at", "since", "until")
    return table(rows, heads[lang == "en"])


def unit_data(one: Unit) -> dict[str, Any]:
    """Return a unit for JSON."""
    return {
        "unit": one.id,
        "name": one.name,
        "path": one.path,
        "profile": one.profile,
        "jurisdiction": one.jurisdiction,
    }


def held_data(held: Held) -> dict[str, Any]:
    """Return an appointment for JSON."""
    return {
        "person": held.person,
        "role": held.role,
        "unit": held.unit,
        "since": here(held.since),
        "until": here(held.until),
    }


def _line(one: Unit, lang: str) -> str:
    return (
        f"{one.path.replace('/', ' / ')}  {pick(lang, '行政区划', 'jurisdiction')} {one.jurisdiction}"
        f"  {pick(lang, '方案', 'profile')} {one.profile}"
    )


# jurisdictions


@unit.group()
def jurisdiction() -> None:
    """行政区划：县区 → 市 → 省 / jurisdictions: county, city, province."""


@jurisdiction.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--level", type=click.Choice(LEVELS), required=True, help="级次 / level")
@click.option("--under", metavar="CODE", help="上级行政区划 / the jurisdiction above")
@dry_run_option
@common_options
@pass_settings
def add_jurisdiction(
    settings: Settings, code: str, name: str, level: str, under: str | None, dry_run: bool, as_json: bool
) -> None:
    """登记或更名一个行政区划 / register or rename a jurisdiction."""
    if not re.fullmatch(r"[0-9]{6}", code):
        raise BadInput(f"行政区划代码不对：{code!r}", why="须为六位数字", then="例如 410400")
    called = name_of(name, "行政区划名称")
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        above = None if under is None else people.jurisdiction(under)
        _refuse_level(people, code, level, above)
        wanted = Jurisdiction(code, called, level, None if above is None else above.code)
        change = people.set_jurisdiction(wanted)
    payload = {"dry_run": dry_run, "change": change, **jurisdiction_data(wanted)}

    def page() -> str:
        lang = settings.lang
        said = f"{pick(lang, *CHANGES[change])}  {code} {called}（{pick(lang, *LEVEL_WORDS[level])}）"
        return "\n".join([*rehearsed(lang, dry_run), said])

    emit(as_json, "unit.jurisdiction.add", payload, page)


def _refuse_level(people: People, code: str, level: str, above: Jurisdiction | None) -> None:
    """Refuse a jurisdiction that would not be lower than what is above it and higher than what is below."""
    order: dict[str, int] = {name: number for number, name in enumerate(LEVELS)}
    if above is not None and order.get(above.level, len(LEVELS)) <= order[level]:
        raise BadInput(
            f"{above.code} {above.name}（{LEVEL_WORDS[above.level][0]}）不高于{LEVEL_WORDS[level][0]}",
            why="级次为县区 → 市 → 省",
            then="改正 --level 或 --under",
        )
    for one in people.jurisdictions():
        if one.part_of == code and order.get(one.level, -1) >= order[level]:
            raise BadInput(
                f"{one.code} {one.name}（{LEVEL_WORDS[one.level][0]}）隶属于 {code}",
                why="上级的级次须更高",
                then="改正 --level",
            )


@jurisdiction.command("list")
@common_options
@pass_settings
def list_jurisdictions(settings: Settings, as_json: bool) -> None:
    """列出行政区划 / list the jurisdictions."""
    with enter(settings) as room, room.store.reading():
        found = People(room.store).jurisdictions()
    lang = settings.lang
    rows = [(j.code, j.name, pick(lang, *LEVEL_WORDS[j.level]), j.part_of) for j in found]
    heads = ("代码", "名称", "级次", "上级"), ("code", "name", "level", "part of")
    payload = {"total": len(found), "jurisdictions": [jurisdiction_data(j) for j in found]}
    emit(as_json, "unit.jurisdiction.list", payload, lambda: table(rows, heads[lang == "en"]))


def jurisdiction_data(one: Jurisdiction) -> dict[str, Any]:
    """Return a jurisdiction for JSON."""
    return {"jurisdiction": one.code, "name": one.name, "level": one.level, "part_of": one.part_of}
