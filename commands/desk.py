"""`yiriban desk`: what one person must look at now, as officer, tracker or regulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from commands.desk_data import attributions_data, case_data, desk_data, item_data, stages_data, standing_data
from commands.desk_fill import filled_data, filled_page, take_back
from commands.desk_page import for_unit, officer_page
from commands.desk_regulator import held_by, ranking, regulator_page
from commands.desk_tracker import tracker_page
from commands.desk_view import View, look, waiting_acts
from commands.lamps import coloured
from commands.printing import SHANGHAI, common_options, emit, note, pass_settings, pick
from commands.room import dry_run_option, enter, read_at, typed
from commands.words import fold
from engine.directory import BUYING, REGULATORS, UNIT_SIDE
from engine.errors import BadInput
from exchange.rates import rates
from exchange.report import ONE_DAYS
from exchange.todo import write_todo
from runtime.settings import Settings
from storage import desks

TRACKER = frozenset({"tracker"})
FINDINGS = 6
F = TypeVar("F", bound=Callable[..., Any])


def desk_options(command: F) -> F:
    """Give a desk ``--as``, ``--unit`` and ``--limit``."""
    unit = click.option(
        "--unit", metavar="NAME", help="只看这个单位及其下属 / only this unit and those below"
    )
    limit = click.option(
        "--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
        help="每张表最多几条，0 为全部 / at most N in each table, 0 for all",
    )  # fmt: skip
    return as_option(unit(limit(command)))


def as_option(command: F) -> F:
    """Let the person be named behind the command as well."""
    return click.option("--as", "person", metavar="PERSON", help="看谁的工作台 / whose desk (YIRIBAN_AS)")(
        command
    )


def who(ctx: click.Context, settings: Settings, person: str | None) -> str:
    """Return whose desk it is; raise ``BadInput`` where nobody is named."""
    if person is not None:
        # the commands to type next are spelled with this person
        root = ctx.find_root()
        root.params["person"] = person
        root.set_parameter_source("person", ParameterSource.COMMANDLINE)
    named = (person or settings.person or "").strip()
    if named:
        return named
    raise BadInput(
        "没有写明是谁的工作台",
        why="工作台只列本人有任命的单位，不同的人看到的不同",
        then=f"写 {ctx.command_path} --as 姓名，或设置环境变量 YIRIBAN_AS",
    )


@click.group()
def desk() -> None:
    """工作台：此刻要看什么、先办什么 / what I must look at now."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A desk with what its page needs."""

    view: View
    units: Sequence[str]


@contextmanager
def _opened(
    settings: Settings, person: str, roles: frozenset[str], unit: str | None
) -> Iterator[_Opened]:  # fmt: skip
    with enter(settings) as room, room.store.reading() as work:
        wall = desks.wall_of(room.store, person, roles, room.now, unit=unit)
        units = [u.id for u in wall.shown]
        yield _Opened(look(room, work, person, wall), units)


def _show(name: str, as_json: bool, payload: dict[str, Any], page: str, lang: str) -> None:
    emit(as_json, name, payload, lambda: coloured(fold(page), lang))


@desk.command()
@desk_options
@click.option(
    "--xlsx", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="把待办清单写成 Excel，填好后用 desk fill 交回 / write the to-do list",
)  # fmt: skip
@common_options
@pass_settings
@click.pass_context
def officer(
    ctx: click.Context, settings: Settings, person: str | None, unit: str | None, limit: int,
    xlsx: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """采购单位：在办计时按剩余时间排列、下一步怎么办、等着签收和反馈的督办件 / my clocks by time left."""
    name = who(ctx, settings, person)
    lang = settings.lang
    with _opened(settings, name, UNIT_SIDE, unit) as opened:
        view, command = opened.view, typed(ctx)
        view.items = [item for item in view.items if not view.others_duty(item, UNIT_SIDE)]
        shown = view.open[: limit or None]
        payload: dict[str, Any] = {}
        if as_json:
            waiting = view.by_time([c for c in view.cases.values() if for_unit(view, c)])
            payload = {
                **desk_data(view),
                "units": list(opened.units),
                "total": len(view.open),
                "clocks": [item_data(view, item, command) for item in shown],
                "cases": [case_data(view, case, BUYING, command) for case in waiting],
                "attributions": attributions_data(view),
            }
        page = "" if as_json else officer_page(view, opened.units, command, limit, lang)
        if xlsx is not None:
            acts = waiting_acts(view, lang)
            write_todo(xlsx, acts, view.room.now.astimezone(SHANGHAI), lang)
            payload["xlsx"] = {"file": str(xlsx), "rows": len(acts)}
            said = f"待办清单 {xlsx}：{len(acts)} 件；填好后 {command('desk', 'fill', str(xlsx))}"
            en = f"to-do list {xlsx}: {len(acts)} rows; filled in, hand it back: {command('desk', 'fill', str(xlsx))}"
            note(pick(lang, said, en))
    _show("desk.officer", as_json, payload, page, lang)


@desk.command()
@desk_options
@common_options
@pass_settings
@click.pass_context
def tracker(
    ctx: click.Context, settings: Settings, person: str | None, unit: str | None, limit: int, as_json: bool
) -> None:
    """跟踪机构：单位 × 环节、等您决定的提请稿、待核实与超期、未签收的函 / stages and exceptions."""
    name = who(ctx, settings, person)
    lang = settings.lang
    with _opened(settings, name, TRACKER, unit) as opened:
        view, command = opened.view, typed(ctx)
        payload: dict[str, Any] = {}
        if as_json:
            past = [item for item in view.open if item.past]
            cases = view.cases_in("tracker")
            payload = {
                **desk_data(view),
                "units": list(opened.units),
                "stages": stages_data(view),
                "total_past_due": len(past),
                "past_due": [item_data(view, item) for item in past[: limit or None]],
                "total_cases": len(cases),
                "cases": [case_data(view, case, TRACKER, command) for case in cases[: limit or None]],
                "troubles": [item_data(view, i) for i in (*view.items, *view.on_cases) if i.clock.trouble],
                "extensions": [
                    item_data(view, i) for i in (*view.items, *view.on_cases) if i.clock.asked and i.clock.is_open
                ],
                "attributions": attributions_data(view),
                "engine": dict(sorted(Counter(f.kind for f in view.standing).items())),
            }  # fmt: skip
        page = "" if as_json else tracker_page(view, opened.units, command, limit, lang)
    _show("desk.tracker", as_json, payload, page, lang)


@desk.command()
@desk_options
@common_options
@pass_settings
@click.pass_context
def regulator(
    ctx: click.Context, settings: Settings, person: str | None, unit: str | None, limit: int, as_json: bool
) -> None:
    """财政监管：待受理的提请和线索、办理中、复核中、单位排名 / inbox, handling, review, ranking."""
    name = who(ctx, settings, person)
    lang = settings.lang
    with _opened(settings, name, REGULATORS, unit) as opened:
        view, command = opened.view, typed(ctx)
        room = view.room
        year = room.now.astimezone(SHANGHAI).year
        since = read_at(f"{year}-01-01")[0]
        found = desks.of_period(room.store, view.wall, ONE_DAYS, since, room.now)
        cases, climbed = view.in_hand(), view.climbed()
        counted = rates(found, room.bundle(), room.calendar(), room.now)
        standings = ranking(counted, [c for c in view.regulated() if c.unit in opened.units])
        payload: dict[str, Any] = {}
        if as_json:
            payload = {
                **desk_data(view),
                "units": list(opened.units),
                "since": date(year, 1, 1),
                "total_cases": len(cases),
                "cases": [
                    case_data(view, case, held_by(view, case), command) for case in cases[: limit or None]
                ],
                "climbed": [case_data(view, case, frozenset(), command) for case in climbed],
                "recurring": [
                    item_data(view, item, command) for item in view.duties(REGULATORS)[: limit or None]
                ],
                "ranking": [standing_data(s) for s in standings],
            }
        page = "" if as_json else regulator_page(view, opened.units, standings, year, command, limit, lang)
    _show("desk.regulator", as_json, payload, page, lang)


@desk.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_option
@click.option(
    "--exit-code", "by_findings", is_flag=True, help="有没办成的行以 6 退出 / leave with 6 if any row was not"
)
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def fill(
    ctx: click.Context, settings: Settings, file: Path, person: str | None, by_findings: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """收回填好的待办清单：每填一行，按本人的权限办理一件 / take the filled-in list back, one act per row.

    FILE 是 desk officer --xlsx 写出、填好的工作簿。同一份交两次，第二次什么都不变。
    """
    name = who(ctx, settings, person)
    with enter(settings) as room:
        result = take_back(room, file, name, dry_run=dry_run)
    emit(
        as_json,
        "desk.fill",
        filled_data(result, file, dry_run=dry_run),
        lambda: fold(filled_page(result, file, settings.lang, dry_run=dry_run)),
    )
    if by_findings and result.flaws:
        ctx.exit(FINDINGS)
