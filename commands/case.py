"""`yiriban case`: what is being followed up, in whose hands it is, and its papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from commands.case_page import (
    Line,
    Shown,
    case_data,
    case_page,
    dossier_page,
    letter,
    line_data,
    list_page,
)
from commands.case_scope import account_of, parties_of, places_seen, units_seen, watched_of
from commands.case_sheet import act_on_sheet, sheet
from commands.completing import matters
from commands.doing import action_options, carry_out
from commands.printing import SHANGHAI, common_options, emit, note, pass_settings, pick
from commands.project_page import nearest
from commands.room import Room, enter, limit_option, typed
from commands.words import fold, here
from engine.dossier import Dossier, PastLine, Told, dossier
from engine.errors import BadInput
from engine.explain import explain, lamp_of, worst
from engine.matter import Matter
from engine.offering import offers
from engine.papers import PAPERS, compose
from engine.sheet import week_of
from engine.work import Work
from engine.workflow import WorkflowDef
from runtime import assembly
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage import views

LEVELS = ("tracker", "regulator", "superior")
LAST_LINES = 12


@click.group()
def case() -> None:
    """督办件：列出、查看、办理、文书、卷宗 / follow up cases."""


@case.command("list")
@click.option("--level", type=click.Choice(LEVELS), help="只列在谁手里的 / only those in these hands")
@click.option("--state", metavar="STATE", help="只列这种状态，如 待核线索 或 lead / only in this state")
@click.option("--unit", metavar="NAME", help="只列这个单位及其下属 / only this unit and those below it")
@click.option("--open/--all", "opened", default=True, help="只列未销号的（默认），或全部 / open ones, or all")
@limit_option
@common_options
@pass_settings
def list_(
    settings: Settings, level: str | None, state: str | None, unit: str | None, opened: bool, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """列出督办件，最紧要的在前 / list the cases, the most urgent first.

    写明 --as 时只列此人任职（或代理）的单位；不写则全列 / with --as only the units of that person.
    """
    with enter(settings) as room, room.store.reading() as work:
        workflows = room.bundle().case_workflows
        wanted = "" if state is None else _state(workflows, state)
        closed = {s.name for w in workflows for s in w.states.values() if s.final}
        found, total = views.cases(
            room.store,
            level=level or "",
            state=wanted,
            closed=sorted(closed - {wanted}) if opened else (),
            units=units_seen(room, settings.person, unit),
            places=places_seen(room, settings.person) if unit is None else (),
            limit=limit,
        )
        lines = _lines(room, work, found)
        payload = {"now": here(room.now), "total": total, "cases": [line_data(i, room.now) for i in lines]}
        page = "" if as_json else list_page(lines, total, room.workflow, room.now, settings.lang)
    emit(as_json, "case.list", payload, page)


def _state(workflows: Sequence[WorkflowDef], text: str) -> str:
    states = [s for w in workflows for s in w.states.values()]
    for state in states:
        if text in (state.name, state.title.zh, state.title.en):
            return state.name
    known = "、".join(f"{s.name}（{s.title}）" for s in states)
    raise BadInput(f"督办件没有状态 {text}", then=f"可用的：{known}")


def _lines(room: Room, work: Work, found: Sequence[views.Watched]) -> list[Line]:
    known = {m.id: m for m in work.reader.read_matters([w.case.id for w in found])}
    held = views.clocks_under(room.store, sorted({w.case.root for w in found}))
    lines: list[Line] = []
    for watched in found:
        name = watched.about_clock.split("/")
        missed = next(
            (
                (c, w, b)
                for c, w, b in held
                if c.matter == watched.about and [c.name, str(c.round)] == name[:2]
            ),
            None,
        )
        own = [(c, w, b) for c, w, b in held if c.matter == watched.case.id]
        running = [c for c, _, _ in own if c.is_open]
        lamps = [
            lamp_of(c, room.term(b, w, c.name).kind, room.now, SHANGHAI, room.calendar)
            for c, w, b in own
            if c.is_open
        ]
        lines.append(
            Line(
                known[watched.case.id],
                watched.about,
                None if missed is None else missed[0],
                watched.about_clock if missed is None else _title(room, missed[2], missed[1], name[0]),
                max(running, key=lambda c: c.anchor, default=None),
                worst(lamps) if lamps else None,
            )
        )
    return lines


def _title(room: Room, bundle: str, workflow: str, clock: str) -> str:
    return room.workflow(bundle, workflow).clocks[clock].title.in_(room.lang)


@case.command()
@click.argument("ref", shell_complete=matters)
@common_options
@pass_settings
@click.pass_context
def show(ctx: click.Context, settings: Settings, ref: str, as_json: bool) -> None:
    """查看一个督办件：督办什么、告知了谁、限期、经过、现在可办什么 / show a case.

    REF 是督办件的编号，如 P2026-0001.1-C1；case list 列出。
    """
    with enter(settings) as room, room.store.reading() as work:
        shown = _shown(room, work, ref, settings.person)
        command = typed(ctx)
        payload = case_data(shown, command)
        page = "" if as_json else case_page(shown, room.workflow, command, settings.lang)
    emit(as_json, "case.show", payload, lambda: fold(page))


def _shown(room: Room, work: Work, ref: str, person: str) -> Shown:
    office = room.office()
    named = _case(room, work, ref, person)
    watched = watched_of(work, named)
    fires, told = views.fires(room.store, [named.id, watched[0].id])
    account = account_of(room, work, named)
    own = [
        explain(office, work, named, clock, room.now, fires=fires, told=told)
        for clock in work.clocks_of(named)
    ]
    spare = [o for o in offers(office, work, [watched[0]], room.now) if account and account.clock in o.ends]
    return Shown(
        case=named,
        watched=watched,
        numbers=views.aliases(room.store, [named.root]).get(named.root, []),
        account=account,
        accounts=sorted(own, key=lambda a: (not a.clock.is_open, nearest(a.clock) or room.now)),
        lines=views.history(room.store, [named.id], LAST_LINES),
        offers=offers(office, work, [named], room.now),
        remedies=spare,
        dossier=_dossier(room, work, named),
        now=room.now,
    )


def _case(room: Room, work: Work, ref: str, person: str) -> Matter:
    named = room.locate(work, ref, person)
    _must_be_case(room, work, named)
    return named


def _must_be_case(room: Room, work: Work, named: Matter) -> None:
    if named.about_clock is not None:
        return
    found = [m.id for m in room.under(work, named) if m.about_clock is not None]
    then = (
        "写明督办件的编号：" + "、".join(found[:10]) if found else "它没有督办件；用 yiriban case list 查看"
    )
    raise BadInput(f"{named.id} 不是督办件", then=then)


def _dossier(room: Room, work: Work, named: Matter) -> Dossier:
    watched = watched_of(work, named)
    ids = [named.id, *(m.id for m in watched)]
    lines = [PastLine(i.matter, i.no, i.body, i.hash) for i in views.history(room.store, ids)]
    told = [
        Told(m.key.rsplit("/", 2)[0], m.person, m.role, m.channel, m.subject, m.text, m.created_at)
        for m in views.messages_of(room.store, ids)
    ]
    return dossier(named, watched, lines, told)


@case.command()
@action_options
def do(
    ctx: click.Context, settings: Settings, ref: str, action: str, facts: Sequence[str],
    evidence: Sequence[str], at: str | None, reason: str, revision: int | None, second: str | None,
    checked: Sequence[str], dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """办理督办件：记录一项操作，打印回执 / take an action on a case and print the receipt.

    REF 是督办件的编号，ACTION 是操作名；case show 列出现在可办的。REF 写督办单的编号（case sheet 列出），
    就对单上可以办这一项的每一件各办一次 / the number of a sheet: each of its cases.
    """
    if week_of(ref) is not None:
        act_on_sheet(
            ctx,
            settings,
            ref.strip(),
            action,
            facts,
            evidence,
            at,
            reason,
            revision,
            second,
            dry_run,
            as_json,
        )
        return
    carry_out(
        ctx, settings, "case.do", ref, action, facts, evidence, at, reason, revision, second, checked, dry_run, as_json,
        check=_must_be_case,
    )  # fmt: skip


@case.command("dossier")
@click.argument("ref", shell_complete=matters)
@click.option("--out", metavar="FILE", help="把规范 JSON 写进文件，其 SHA-256 即校验值 / write it to a file")
@common_options
@pass_settings
def dossier_(settings: Settings, ref: str, out: str | None, as_json: bool) -> None:
    """卷宗：提请时冻结的要素、计时、通知、附件校验值，连同 SHA-256 / the dossier, frozen at referral.

    此后项目怎样变化，重新出具的卷宗逐字节相同；尚未提请的，是此刻的卷宗。
    """
    path = None if out is None else _free(out)
    with enter(settings) as room, room.store.reading() as work:
        named = _case(room, work, ref, settings.person)
        found = _dossier(room, work, named)
        page = "" if as_json else dossier_page(named, found, room.workflow, settings.lang)
    if path is not None:
        path.write_bytes(found.text.encode())
    payload = {
        "digest": found.digest,
        "algorithm": "sha256",
        "frozen": found.frozen,
        "dossier": found.content,
    }
    emit(as_json, "case.dossier", payload, lambda: fold(page))


def _free(name: str) -> Path:
    path = Path(name)
    if path.exists():
        raise BadInput(f"已有 {name}，不覆盖", then="另写一个文件名")
    if not path.absolute().parent.is_dir():
        raise BadInput(f"没有文件夹 {path.absolute().parent}", then="先建好文件夹")
    return path


@case.command()
@click.argument("ref", shell_complete=matters)
@click.argument("kind", type=click.Choice(tuple(PAPERS)))
@click.option("--issuer", metavar="NAME", help="发文单位全称；不写则按行政区划 / who issues it")
@common_options
@pass_settings
def paper(settings: Settings, ref: str, kind: str, issuer: str | None, as_json: bool) -> None:
    """文书：提醒改正函 reminder、提请函 referral、督促改正通知书 urge / print a letter of a case.

    发出以前是拟稿；文号取自办理时所记。文书写给单位，不写给个人。
    """
    with enter(settings) as room, room.store.reading() as work:
        named = _case(room, work, ref, settings.person)
        overlay = assembly.overlay(settings)
        # it was reminded and referred where the matter is; who urges is whoever has it by now
        where = named if kind == "urge" else watched_of(work, named)[0]
        parties = parties_of(
            room, named.unit, where.jurisdiction,
            **{"regulator" if kind == "urge" else "tracker": issuer},
        )  # fmt: skip
        numbers = dict(reversed(views.aliases(room.store, [named.root]).get(named.root, [])))
        found = compose(
            room.office(),
            named,
            kind,
            parties,
            [folder for folder in (overlay, SHIPPED_WORKFLOWS) if folder is not None],
            code=numbers.get("project", named.root),
            account=account_of(room, work, named),
            digest=_dossier(room, work, named).digest if kind == "referral" else "",
            now=room.now,
        )
    payload = {
        "case": named.id, "kind": found.kind, "title": found.title, "number": found.number,
        "issuer": found.issuer, "addressee": found.addressee, "dated": found.dated, "draft": found.draft,
        "text": found.text,
    }  # fmt: skip
    emit(as_json, "case.paper", payload, lambda: letter(found.text))
    if found.draft and not as_json:
        note(pick(settings.lang, "这是拟稿，尚未登记发出", "This is a draft: nothing was sent yet"))


case.add_command(sheet)
