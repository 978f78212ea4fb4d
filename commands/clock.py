"""`yiriban clock`: the running clocks, the most urgent first; pauses, extensions, lost days (`commands.hold`)."""

from __future__ import annotations

from typing import Any

import click

from commands.hold import approve, charge, extend, pause_, resume_
from commands.printing import SHANGHAI, common_options, emit, pass_settings, pick, table
from commands.project_page import nearest, shown_of
from commands.room import Room, enter, limit_option, read_at
from commands.words import LAMPS, MOMENT_WORDS, due_at, here, rest_in_days, word
from engine.clock import Clock
from engine.errors import BadInput
from engine.explain import Lamp, lamp_of
from engine.workflow import MOMENTS
from runtime.settings import Settings
from storage import views
from storage.people import People

FINDINGS = 6


@click.group()
def clock() -> None:
    """计时：列出、中止、恢复、延期、划分责任 / running clocks, pauses, extensions, whose lost days are."""


for _command in (pause_, resume_, extend, approve, charge):
    clock.add_command(_command)


@clock.command("list")
@click.option(
    "--running/--all", "running", default=True, help="只列在走的（默认），或连同已停止的 / running, or all"
)
@click.option("--due-by", metavar="MOMENT", help="只列此时以前到期的，含已过期的 / due by then")
@click.option("--overdue", is_flag=True, help="只列已过截止时间、未见登记的 / past due, nothing recorded")
@click.option("--unit", metavar="NAME", help="只列这个单位及其下属 / only this unit and those below it")
@click.option(
    "--exit-code", "by_findings", is_flag=True, help="有过期未登记的以 6 退出 / leave with 6 if any"
)
@limit_option
@common_options
@pass_settings
@click.pass_context
def list_(
    ctx: click.Context, settings: Settings, running: bool, due_by: str | None, overdue: bool,
    unit: str | None, by_findings: bool, limit: int, as_json: bool,
) -> None:  # fmt: skip
    """列出计时及其每个截止时间，最紧要的在前 / clocks with every due moment, the most urgent first."""
    if not running and (due_by or overdue):
        raise BadInput("--all 不能与 --due-by、--overdue 同用", why="后两者只看在走的计时", then="去掉 --all")
    until = None
    if due_by is not None:
        moment, width = read_at(due_by, "--due-by")
        # a day means until its 24:00, which is the next day's first instant
        until = moment + width if width.days else moment
    with enter(settings) as room, room.store.reading():
        place = None if unit is None else People(room.store).unit(unit)
        found, total, late = views.deadlines(
            room.store,
            room.now,
            unit=place,
            due_by=until,
            overdue=overdue,
            ended_too=not running,
            limit=limit,
        )
        cases = views.case_states(room.store, sorted({c.root for c, _ in found}))
        rows = [(c, m, _lamp(room, c, m, cases.get((c.matter, c.spelled)))) for c, m in found]
        payload = {
            "now": here(room.now),
            "total": total,
            "overdue": late,
            "clocks": [_data(room, c, m, lamp) for c, m, lamp in rows],
        }
        page = "" if as_json else _page(room, rows, total, late)
    emit(as_json, "clock.list", payload, page)
    if by_findings and late:
        ctx.exit(FINDINGS)


def _lamp(room: Room, held: Clock, matter: views.Listed, case: str | None) -> Lamp:
    kind = room.term(matter.bundle, matter.workflow, held.name).kind
    return lamp_of(held, kind, room.now, SHANGHAI, room.calendar, case)


def _data(room: Room, held: Clock, matter: views.Listed, lamp: Lamp) -> dict[str, Any]:
    workflow = room.workflow(matter.bundle, matter.workflow)
    near = nearest(held)
    return {
        "matter": held.matter,
        "project": held.root,
        "title": matter.title,
        "unit": matter.unit,
        "clock": held.name,
        "clock_title": workflow.clocks[held.name].title.zh,
        "round": held.round,
        "epoch": held.epoch,
        "state": held.state,
        "lamp": lamp,
        "anchor": here(held.anchor),
        **{name: here(held.moment(name)) for name in MOMENTS},
        "provisional": held.provisional,
        "left_seconds": None if near is None else int((near - room.now).total_seconds()),
        "ended_at": here(held.ended_at),
        "look_at": here(held.look_at),
        "trouble": held.trouble or None,
    }


def _page(room: Room, found: list[tuple[Clock, views.Listed, Lamp]], total: int, late: int) -> str:
    lang, now = room.lang, room.now
    if not found:
        return pick(lang, "没有这样的计时", "No such clocks")
    # a column that would stay empty costs the others their room
    kept = [n for n in MOMENTS if any(held.moment(n) is not None for held, _, _ in found)]
    first = pick(lang, "事项 项目 计时 灯", "matter project clock lamp").split()
    heads = [*first, *(word(MOMENT_WORDS, n, lang) for n in kept), pick(lang, "剩余", "left")]
    rows = []
    for held, matter, lamp in found:
        near = nearest(held)
        dues = [due_at(held.moment(n), provisional=held.provisional, short_for=now) for n in kept]
        title = room.workflow(matter.bundle, matter.workflow).clocks[held.name].title.in_(lang)
        rest_ = rest_in_days(held, near, now, lang) if near is not None else None
        rows.append((held.matter, matter.title, title, word(LAMPS, lamp, lang), *dues, rest_))
    lines = [table(rows, heads)]
    if late:
        lines.append(pick(lang, f"已过截止时间、未见登记：{late}", f"past due, nothing recorded: {late}"))
    if total > len(found):
        lines.append(shown_of(len(found), total, lang))
    return "\n".join(lines)
