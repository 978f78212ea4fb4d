"""`yiriban case sheet`: the 督办单, one per unit and week; and acting on all its cases at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from commands.case_page import letter
from commands.case_scope import account_of, parties_of, units_seen, watched_of
from commands.doing import act, read_typed
from commands.printing import common_options, emit, pass_settings, pick, table
from commands.project_page import shown_of
from commands.receipt_page import Done, receipt_data
from commands.room import Room, enter, limit_option, typed
from commands.words import aside, fold, here
from engine.errors import BadInput, Forbidden, NotFound, Refused, YiribanError
from engine.matter import Matter
from engine.papers import Sheet, SheetLine, compose_sheet, sheet_line
from engine.sheet import week_of
from engine.work import Work
from runtime import assembly
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage import views
from storage.sheets import Counted, cases_of, sheets


@click.command()
@click.argument("number", required=False)
@click.option("--unit", metavar="NAME", help="只列这个单位及其下属 / only this unit and those below it")
@click.option("--issuer", metavar="NAME", help="发单单位全称；不写则按行政区划 / who issues it")
@limit_option
@common_options
@pass_settings
def sheet(
    settings: Settings, number: str | None, unit: str | None, issuer: str | None, limit: int, as_json: bool
) -> None:
    """督办单：一个单位一周一份，列出，或打印其中一份 / one per unit and week: list them, or print one.

    NUMBER 是督办单的编号，如 市一中-2026W45；case do NUMBER 对单上的每一件办理。
    """
    with enter(settings) as room, room.store.reading() as work:
        if number is None:
            _list(room, settings, unit, limit, as_json)
        else:
            _print(room, work, settings, number.strip(), issuer, as_json)


def _list(room: Room, settings: Settings, unit: str | None, limit: int, as_json: bool) -> None:
    closed = {s.name for w in room.bundle().case_workflows for s in w.states.values() if s.final}
    found, total = sheets(
        room.store, closed=sorted(closed), units=units_seen(room, settings.person, unit), limit=limit
    )
    payload = {"now": here(room.now), "total": total, "sheets": [_counted(c) for c in found]}
    emit(as_json, "case.sheets", payload, lambda: _list_page(found, total, settings.lang))


def _counted(counted: Counted) -> dict[str, Any]:
    monday, sunday = week_of(counted.number) or (None, None)
    return {
        "number": counted.number, "unit": counted.unit, "from": monday, "to": sunday, "cases": counted.cases,
        "open": counted.open,
    }  # fmt: skip


def _list_page(found: Sequence[Counted], total: int, lang: str) -> str:
    if not found:
        return pick(lang, "没有督办单", "No sheets")
    rows = []
    for counted in found:
        week = week_of(counted.number)
        days = None if week is None else f"{week[0]:%m-%d} - {week[1]:%m-%d}"
        rows.append((counted.number, counted.unit, days, counted.cases, counted.open))
    zh, en = "督办单 单位 周 督办件 未销号", "sheet unit week cases open"
    more = "" if total <= len(found) else "\n" + shown_of(len(found), total, lang)
    return table(rows, pick(lang, zh, en).split(), right=[3, 4]) + more


def _print(
    room: Room, work: Work, settings: Settings, number: str, issuer: str | None, as_json: bool
) -> None:
    cases = _cases(room, work, number)
    unit = cases[0].unit
    seen = units_seen(room, settings.person, None)
    if seen is not None and unit not in seen:
        raise Forbidden(f"{settings.person} 看不到 {unit} 的督办单", why="在该单位没有任命，也不代理任何人")
    lines = []
    for case in cases:
        numbers = dict(reversed(views.aliases(room.store, [case.root]).get(case.root, [])))
        code = numbers.get("project", case.root)
        lines.append(sheet_line(room.office(), case, account_of(room, work, case), code, room.now))
    week = week_of(number)
    assert week is not None
    overlay = assembly.overlay(settings)
    found = compose_sheet(
        number,
        week,
        lines,
        parties_of(room, unit, watched_of(work, cases[0])[0].jurisdiction, tracker=issuer),
        [folder for folder in (overlay, SHIPPED_WORKFLOWS) if folder is not None],
        draw=table,
        day=room.calendar().day_of(room.now),
    )
    emit(as_json, "case.sheet", _sheet_data(found, lines), lambda: letter(found.text, found.table))


def _cases(room: Room, work: Work, number: str) -> list[Matter]:
    """Return the cases of a sheet with their families; raise ``NotFound`` where there is no such sheet."""
    ids = cases_of(room.store, number) if week_of(number) is not None else []
    if not ids:
        raise NotFound(
            f"没有督办单 {number}",
            why="督办单的编号由单位和周组成，如 市一中-2026W45",
            then="用 yiriban case sheet 查看有哪些",
        )
    for case in work.reader.read_matters(ids):
        work.family(case.root)
    return [work.matters[i] for i in ids]


def _sheet_data(found: Sheet, lines: Sequence[SheetLine]) -> dict[str, Any]:
    return {
        "number": found.number, "title": found.title, "issuer": found.issuer, "addressee": found.addressee,
        "dated": found.dated, "text": found.text,
        "cases": [
            {
                "id": line.case.id, "project": line.case.root, "title": line.case.title, "item": line.item,
                "due_day": line.due, "days_late": line.late, "state": line.case.state,
            }
            for line in lines
        ],
    }  # fmt: skip


# acting on all cases of a sheet


@dataclass(slots=True)
class Result:
    """What became of one case: done, refused, or (neither) the action is not offered from its state."""

    case: str
    state: str
    done: Done | None = None
    refusal: YiribanError | None = None


def act_on_sheet(
    ctx: click.Context, settings: Settings, number: str, action: str, facts: Sequence[str],
    evidence: Sequence[str], at: str | None, reason: str, revision: int | None, second: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take ``action`` on every case of a sheet that offers it, one transaction each, and tell of all.

    Leaves with the exit code of the worst refusal. Raise ``Refused`` where no case offers the action.
    """
    if revision is not None:
        raise BadInput("--revision 不能用于督办单", why="单上每一件各有各的版次", then="对单件办理时再写")
    typed_in = read_typed(settings, action, facts, evidence, at, reason, None, second)
    with enter(settings) as room:
        with room.store.reading() as work:
            results = [Result(c.id, _state(room, c)) for c in _cases(room, work, number)]
            offering = {r.case for r in results if _offers(room, work.matters[r.case], action)}
            title = _title(room, [work.matters[r.case] for r in results], action)
        if not offering:
            raise _nowhere(number, title, results)
        for result in results:
            if result.case in offering:
                try:
                    result.done = act(room, result.case, typed_in, dry_run=dry_run)
                except YiribanError as refusal:
                    result.refusal = refusal
    payload = {
        "sheet": number, "action": action, "dry_run": dry_run,
        "done": [receipt_data(r.done, typed(ctx)) for r in results if r.done],
        "refused": [
            {"case": r.case, "exit_code": r.refusal.exit_code, "what": r.refusal.what, "why": r.refusal.why,
             "then": r.refusal.then}
            for r in results if r.refusal
        ],
        "skipped": [{"case": r.case, "state": r.state} for r in results if not r.done and not r.refusal],
    }  # fmt: skip
    emit(as_json, "case.do.sheet", payload, lambda: fold(_page(room, number, title, results, dry_run)))
    worst = max((r.refusal.exit_code for r in results if r.refusal), default=0)
    if worst:
        ctx.exit(worst)


def _state(room: Room, case: Matter) -> str:
    return room.workflow(case.bundle, case.workflow).states[case.state].title.in_(room.lang)


def _offers(room: Room, case: Matter, action: str) -> bool:
    definition = room.workflow(case.bundle, case.workflow).actions.get(action)
    return definition is not None and not definition.automatic and case.state in definition.sources


def _title(room: Room, cases: Sequence[Matter], action: str) -> str:
    """Return what the action is called; raise ``BadInput`` where no case knows it."""
    workflows = [room.workflow(case.bundle, case.workflow) for case in cases]
    found = next((w.actions[action] for w in workflows if action in w.actions), None)
    if found is None:
        raise BadInput(f"督办件没有名为 {action} 的操作", then="用 yiriban case show 查看现在可以办什么")
    return found.title.in_(room.lang)


def _nowhere(number: str, title: str, results: Sequence[Result]) -> Refused:
    states = "、".join(dict.fromkeys(f"“{r.state}”" for r in results))
    return Refused(
        f"督办单 {number} 上没有一件可以“{title}”",
        why=f"单上各件现为{states}",
        then=f"用 yiriban case sheet {number} 查看",
    )


def _page(room: Room, number: str, title: str, results: Sequence[Result], dry_run: bool) -> str:
    lang = room.lang
    done = [r for r in results if r.done]
    refused = [r for r in results if r.refusal]
    rest = len(results) - len(done) - len(refused)
    head = pick(
        lang,
        f"督办单 {number}：{title}，办理 {len(done)} 件，拒绝 {len(refused)} 件，未到这一步 {rest} 件",
        f"sheet {number}: {title}, done {len(done)}, refused {len(refused)}, not offered {rest}",
    )
    lines = [
        head + (aside(pick(lang, "预演，没有保存", "rehearsed, nothing saved"), lang) if dry_run else "")
    ]
    for result in results:
        lines += [f"  {text}" for text in _words(room, result)]
    return "\n".join(lines)


def _words(room: Room, result: Result) -> list[str]:
    lang = room.lang
    if result.done is not None:
        case = result.done.matter
        return [f"{result.case}  {pick(lang, '已办理', 'done')}  {result.state} -> {_state(room, case)}"]
    if result.refusal is None:
        return [f"{result.case}  {pick(lang, '未到这一步，现为', 'not offered, it is')} {result.state}"]
    said = [result.refusal.what, result.refusal.why, result.refusal.then]
    return [
        f"{result.case}  {pick(lang, '拒绝', 'refused')}  {said[0]}",
        *(f"  {text}" for text in said[1:] if text),
    ]
