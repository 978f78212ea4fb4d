"""`yiriban person`: persons, their appointments and deputies; addresses are shown masked only."""

from __future__ import annotations

from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import click

from commands.person_page import (
    addresses_of,
    delegation_data,
    delegation_line,
    enrolled_data,
    enrolled_page,
    held_line,
    list_page,
    person_data,
    person_page,
)
from commands.printing import SHANGHAI, common_options, emit, note, pass_settings, pick
from commands.room import dry_run_option, enter, limit_option, read_at
from commands.unit import CHANGES, held_data, rehearsed
from commands.words import due_at, fold, here
from commands.words import role as role_word
from engine.directory import (
    KINDS,
    Appointment,
    Delegation,
    DelegationKind,
    Person,
    account_of,
    below,
    email_of,
    in_force,
    masked,
    name_of,
    phone_of,
)
from engine.errors import BadInput, NotFound
from engine.roles import ROLES
from exchange.ledger import Options
from exchange.people import read_people, role_called
from exchange.roster import Enrolment
from runtime.settings import Settings
from storage.people import Held, People

_DAY = timedelta(days=1)
_NOWHERE = "000000"


class _Rehearsed(Exception):
    """Leaves the import's transaction so that it is rolled back."""


@click.group()
def person() -> None:
    """人员：登记、任命、代理、从名册导入 / persons, appointments, deputies, import of a roster."""


@person.command()
@click.argument("ident", metavar="ID")
@click.option("--name", required=True, metavar="NAME", help="姓名 / name")
@click.option("--email", default="", metavar="ADDRESS", help="邮箱；显示时遮去 / shown masked")
@click.option("--phone", default="", metavar="NUMBER", help="手机；显示时遮去 / shown masked")
@click.option("--wecom", default="", metavar="USERID", help="企业微信账号；显示时遮去 / shown masked")
@click.option("--dingtalk", default="", metavar="USERID", help="钉钉账号；显示时遮去 / shown masked")
@dry_run_option
@common_options
@pass_settings
def add(
    settings: Settings, ident: str, name: str, email: str, phone: str, wecom: str, dingtalk: str,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """登记一人，或更新其姓名和联系方式 / register a person, or change the name and addresses.

    ID 是 --as 所写的账号，写进流转记录，不能是手机号或邮箱。
    """
    called, full = name_of(ident, "账号"), name_of(name, "姓名")
    address, number = email_of(email), phone_of(phone)
    accounts = account_of(wecom, "企业微信"), account_of(dingtalk, "钉钉")
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        units = people.units()
        place = units[0].jurisdiction if units else _NOWHERE
        change = people.set_person(Person(called, full, place, address, number, *accounts))
        known = people.person(called)
    payload = {"dry_run": dry_run, "change": change, **person_data(known)}
    said = f"{pick(settings.lang, *CHANGES[change])}  {list_line(known, settings.lang)}"
    emit(as_json, "person.add", payload, lambda: "\n".join([*rehearsed(settings.lang, dry_run), said]))


def list_line(known: Person, lang: str) -> str:
    """A person on one line, masked."""
    return "  ".join(part for part in (known.id, known.name, *addresses_of(known, lang)) if part)


@person.command("list")
@click.option("--unit", metavar="UNIT", help="只列在此单位及其下属任职的人 / who holds a role there or below")
@limit_option
@common_options
@pass_settings
def list_(settings: Settings, unit: str | None, limit: int, as_json: bool) -> None:
    """列出人员及其现有的任命 / list the persons with the roles they hold now."""
    with enter(settings) as room, room.store.reading():
        people = People(room.store)
        held: dict[str, list[Held]] = {}
        paths = {u.id: u.path for u in people.units()}
        top = None if unit is None else people.unit(unit).path
        for one in people.appointments():
            inside = top is None or below(paths.get(one.unit, one.unit), top)
            if inside and in_force(one.since, one.until, room.now):
                held.setdefault(one.person, []).append(one)
        found = [p for p in people.persons() if top is None or p.id in held]
    shown = found[:limit] if limit else found
    payload = {
        "now": here(room.now),
        "total": len(found),
        "persons": [
            {**person_data(p), "appointments": [held_data(h) for h in held.get(p.id, ())]} for p in shown
        ],
    }
    emit(as_json, "person.list", payload, lambda: list_page(shown, held, len(found), settings.lang))


@person.command()
@click.argument("ident", metavar="ID")
@common_options
@pass_settings
def show(settings: Settings, ident: str, as_json: bool) -> None:
    """查看一人：任命、代理、能看到哪些单位 / appointments, deputies and visible units of a person."""
    with enter(settings) as room, room.store.reading():
        people = People(room.store)
        known = people.person(ident.strip())
        held = people.appointments(known.id)
        delegations = people.delegations(known.id)
        units = people.visible_units(known.id, room.now)
    payload = {
        "now": here(room.now),
        **person_data(known),
        "appointments": [{**held_data(h), "in_force": in_force(h.since, h.until, room.now)} for h in held],
        "delegations": [
            {**delegation_data(d), "in_force": in_force(d.since, d.until, room.now)} for d in delegations
        ],
        "visible_units": [u.id for u in units],
    }
    emit(
        as_json,
        "person.show",
        payload,
        lambda: fold(person_page(known, held, delegations, units, room.now, settings.lang)),
    )


@person.command()
@click.argument("ident", metavar="PERSON")
@click.argument("role")
@click.argument("unit")
@click.option("--since", metavar="MOMENT", help="起，默认此刻 / from, default now")
@click.option("--until", metavar="MOMENT", help="止；写一天则当天算在内 / until; a day counts in full")
@dry_run_option
@common_options
@pass_settings
def appoint(
    settings: Settings, ident: str, role: str, unit: str, since: str | None, until: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """任命：PERSON 在 UNIT 及其下属担任 ROLE / appoint to a role for a unit and those below it.

    ROLE 是角色的中文名或键。已有的任命再写一次没有变化；写上 --until 就是给它定下止期。
    """
    key = _role(role)
    begins, ends = _since(since), _until(until)
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        who, place = people.person(ident.strip()).id, people.unit(unit)
        start = begins or people.appointed_since(who, key, place.id, room.now) or room.now
        change = people.appoint(Appointment(who, key, place.id, start, ends, place.jurisdiction))
    held = Held(who, key, place.id, start, ends)
    payload = {"dry_run": dry_run, "change": change, **held_data(held)}
    said = f"{pick(settings.lang, *CHANGES[change])}  {held_line(held, settings.lang)}"
    emit(as_json, "person.appoint", payload, lambda: "\n".join([*rehearsed(settings.lang, dry_run), said]))


@person.command()
@click.argument("ident", metavar="PERSON")
@click.argument("role")
@click.argument("unit")
@click.option("--until", metavar="MOMENT", help="到何时为止，默认此刻 / until when, default now")
@dry_run_option
@common_options
@pass_settings
def dismiss(
    settings: Settings, ident: str, role: str, unit: str, until: str | None, dry_run: bool, as_json: bool
) -> None:
    """解除任命；任命的记录保留 / end an appointment; its record is kept."""
    key, ends = _role(role), _until(until)
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        who, place = people.person(ident.strip()).id, people.unit(unit).id
        end = ends or room.now
        people.dismiss(who, key, place, end)
    payload = {"dry_run": dry_run, "person": who, "role": key, "unit": place, "until": here(end)}

    def page() -> str:
        lang = settings.lang
        said = f"{pick(lang, '已解除', 'Ended')}  {who}  {place}  {role_word(key, lang)}  {pick(lang, '止', 'until')} {due_at(end)}"
        return "\n".join([*rehearsed(lang, dry_run), said])

    emit(as_json, "person.dismiss", payload, page)


@person.command()
@click.argument("principal")
@click.argument("deputy")
@click.option("--kind", type=click.Choice(KINDS), default="AB", show_default=True,
              help="AB 角（两人都收）、请假、代理职务（代理人代收）/ AB: both; leave, acting: instead")  # fmt: skip
@click.option("--unit", metavar="UNIT", help="只在此单位及其下属代理；不写则处处 / only there and below")
@click.option("--since", metavar="MOMENT", help="起，默认此刻 / from, default now")
@click.option("--until", metavar="MOMENT", help="止；写一天则当天算在内 / until; a day counts in full")
@dry_run_option
@common_options
@pass_settings
def delegate(
    settings: Settings, principal: str, deputy: str, kind: DelegationKind, unit: str | None,
    since: str | None, until: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """代理：DEPUTY 代 PRINCIPAL 办理并代收通知 / a deputy acts and is told for a principal.

    代理人持有被代理人的角色；须由两人办理的事，代理人与被代理人算同一人。再写一次并加 --until 就是定下止期。
    """
    begins, ends = _since(since), _until(until)
    with enter(settings) as room, room.writing(dry_run=dry_run):
        people = People(room.store)
        who, other = people.person(principal.strip()), people.person(deputy.strip())
        place = None if unit is None else people.unit(unit)
        scope = "" if place is None else place.id
        known = people.delegated_since(who.id, other.id, kind, scope, room.now)
        code = who.jurisdiction if place is None else place.jurisdiction
        wanted = Delegation(who.id, other.id, kind, scope, begins or known or room.now, ends, code)
        change = people.delegate(wanted)
        empty = not people.appointments(who.id)
    if empty:
        lang = settings.lang
        note(pick(lang, f"注意：{who.id} 没有任何任命，代理暂不起作用", f"Note: {who.id} holds no role"))
    payload = {"dry_run": dry_run, "change": change, **delegation_data(wanted)}
    said = f"{pick(settings.lang, *CHANGES[change])}  {delegation_line(wanted, settings.lang)}"
    emit(as_json, "person.delegate", payload, lambda: "\n".join([*rehearsed(settings.lang, dry_run), said]))


@person.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sheet", default="", metavar="NAME", help="工作表，默认第一张 / which sheet")
@click.option("--partial", is_flag=True, help="有问题的行跳过，其余照样导入 / bring in the sound rows")
@click.option("--exit-code", "by_findings", is_flag=True, help="有发现时以 6 退出")
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def import_(
    ctx: click.Context, settings: Settings, file: Path, sheet: str, partial: bool, by_findings: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """从名册（.xlsx .csv）导入人员、单位和任命；可以反复导入 / bring in a roster, again and again.

    表头：姓名、账号、角色、单位、上级单位、手机、邮箱、企业微信、钉钉、起、止。有一行不行就全不写入，除非 --partial。
    """
    roster = read_people(file, SHANGHAI, Options(sheet=sheet))
    with enter(settings) as room:
        people = People(room.store)
        try:
            with room.store.transaction():
                units = people.units()
                place = units[0].jurisdiction if units else _NOWHERE
                enrolment = Enrolment(people, room.store.savepoint, place=place, now=room.now)
                done = enrolment.run(roster.lines)
                findings = sorted(
                    [*roster.findings, *done.findings], key=lambda f: (f.place, f.kind, f.column)
                )
                held_back = bool(findings) and not partial
                if dry_run or held_back:
                    raise _Rehearsed
        except _Rehearsed:
            pass
    payload = enrolled_data(roster, done, findings, dry_run=dry_run, partial=partial)
    emit(as_json, "person.import", payload, lambda: fold(enrolled_page(file.name, payload, settings.lang)))
    if findings and by_findings:
        ctx.exit(6)
    if held_back and not dry_run:
        ctx.exit(BadInput.exit_code)


def _role(text: str) -> str:
    key = role_called(text.strip())
    if key is not None:
        return key
    near = get_close_matches(text.strip(), [*ROLES, *(t.zh for t in ROLES.values())], 1, 0.5)
    hint = f"您是不是要写 {near[0]}？" if near else ""
    known = "、".join(f"{name}（{title.zh}）" for name, title in ROLES.items())
    raise NotFound(f"没有角色 {masked(text)}", then=f"{hint}可用的：{known}")


def _since(text: str | None) -> datetime | None:
    return None if text is None else read_at(text, "--since")[0]


def _until(text: str | None) -> datetime | None:
    """Read an end: a day counts in full, a moment is the first instant no longer covered."""
    if text is None:
        return None
    first, width = read_at(text, "--until")
    return first + width if width == _DAY else first
