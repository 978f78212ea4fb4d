"""The tracker's desk: unit by stage, and what is out of order. 跟踪机构工作台"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commands.desk_page import (
    Command,
    about_title,
    attributions,
    brief,
    case_steps,
    clock_title,
    counted,
    cut,
    drawn,
    due_and_left,
    extensions,
    for_unit,
    heading,
    item_cells,
    section,
    state_title,
    step,
    steps,
)
from commands.desk_view import View
from commands.lamps import counts, legend
from commands.printing import pick, table
from engine.auditing import counted as counted_findings
from engine.desk import DECISION, RECEIPT, Item, cross_table
from engine.matter import Matter
from engine.workflow import WorkflowDef


def tracker_page(view: View, units: Sequence[str], command: Command, limit: int, lang: str) -> str:
    """Unit × stage, then the exceptions: decisions first, then what is past, letters, cases, trouble."""
    blocks = [f"{heading(view, units, lang)}\n{counted(view, lang)}", _stages(view, lang)]
    blocks += _engine(view, lang)
    blocks += _decisions(view, command, limit, lang)
    blocks += _past(view, limit, lang)
    blocks += _letters(view, limit, lang)
    blocks += _in_hand(view, command, limit, lang)
    blocks += extensions(view, command, limit, lang)
    blocks += attributions(view, command, limit, lang)
    blocks += _troubles(view, limit, lang)
    if len(blocks) == 2:
        blocks.append(pick(lang, "没有例外", "No exceptions"))
    return "\n\n".join(blocks)


def _stages(view: View, lang: str) -> str:
    found = cross_table((*view.items, *view.on_cases))
    workflows = view.room.bundle().workflows
    stages = [w for w in along(workflows) if any(w.name in row for row in found.values())]
    title = pick(lang, "单位 × 环节", "Units by stage")
    if not found:
        return section(title, pick(lang, "没有在走的计时", "No clocks are running"), lang)
    heads = [pick(lang, "单位", "unit"), *(w.title.in_(lang) for w in stages)]
    rows = [[unit, *(counts(row.get(w.name, {})) for w in stages)] for unit, row in sorted(found.items())]
    return section(title, f"{table(rows, heads)}\n{legend(lang)}", lang)


def _engine(view: View, lang: str) -> list[str]:
    """What the engine found wrong with itself, by kind: whoever relies on this desk must know. No matter is named."""
    said = counted_findings(view.standing, lang == "en")
    if not said:
        return []
    told = pick(
        lang, "请管理员在一日办所在的机器上运行 yiriban doctor", "Ask the administrator to run yiriban doctor"
    )
    return [
        section(
            pick(lang, "引擎自查发现问题", "The engine's check of itself"), "\n".join([*said, told]), lang
        )
    ]


def along(workflows: Mapping[str, WorkflowDef]) -> list[WorkflowDef]:
    """Return the workflows in the order of a project's life: wholes before parts, cases last."""

    def depth(workflow: WorkflowDef) -> int:
        return 1 + depth(workflows[workflow.part_of]) if workflow.part_of else 0

    return sorted(workflows.values(), key=lambda w: (w.about, depth(w), w.name))


def _decisions(view: View, command: Command, limit: int, lang: str) -> list[str]:
    cases = [c for c in view.cases_in("tracker") if _clock_named(view, c, DECISION)]
    if not cases:
        return []
    shown = cases[:limit] if limit else cases
    heads = pick(lang, "序 督办件 单位 项目 事由 决定截止", "no case unit project about decide-by").split()
    rows: list[tuple[str, ...]] = []
    lines: list[tuple[int, str, str]] = []
    for number, case in enumerate(shown, 1):
        left = due_and_left(view.clock_of(case.id), view.room.now, lang)
        rows.append((str(number), case.id, case.unit, case.title, about_title(view, case, lang), left))
        for offer in case_steps(view, case, frozenset({"tracker"})):
            what = f"{offer.action.title.in_(lang)}  {case.id}"
            lines.append((number, what, step(view, offer, command, lang)))
    title = pick(lang, "提请稿，等您决定", "Referrals to decide")
    return [
        section(
            title, f"{drawn(rows, heads, 3, 2)}{steps(lines, lang)}", lang, shown=len(shown), total=len(cases)
        )
    ]


def _clock_named(view: View, case: Matter, *names: str) -> Item | None:
    return next(
        (i for i in view.on_cases if i.clock.matter == case.id and i.clock.name in names and i.clock.is_open),
        None,
    )


def _past(view: View, limit: int, lang: str) -> list[str]:
    items = sorted((i for i in view.open if i.past), key=lambda i: i.light != "overdue")
    if not items:
        return []
    shown = cut(items, limit)
    heads = pick(
        lang, "灯 单位 事项 项目 计时 截止 已超 督办件", "lamp unit matter project clock due past case"
    ).split()
    rows = []
    for item in shown:
        light, matter, title, clock, due, _ = item_cells(view, item, lang)
        left = brief(item, view.room.now, lang, 1)
        stock = pick(lang, "存量 ", "(brought in) ") if item.seen.halfway else ""
        short = left.replace("已超 ", "").replace(" past", "")
        # the case is called after the matter, which stands in the same line
        case = None if item.case is None else item.case.removeprefix(f"{matter}-")
        rows.append((light, item.seen.unit, matter, stock + title, clock, due, short, case))
    title = pick(lang, "待核实与超期", "Past due: unverified and overdue")
    return [section(title, drawn(rows, heads, 3, 1, 4), lang, shown=len(shown), total=len(items))]


def _letters(view: View, limit: int, lang: str) -> list[str]:
    late = [i for i in view.on_cases if i.clock.name == RECEIPT and i.past]
    if not late:
        return []
    shown = cut(late, limit)
    heads = pick(
        lang, "督办件 单位 文号 未签收已超 联系人", "case unit letter unsigned-for whom-to-reach"
    ).split()
    rows = []
    for item in shown:
        case = view.cases[item.clock.matter]
        holders = view.room.store.holders
        who = [
            person
            for name in ("officer", "purchaser_head")
            for person in holders(name, case.unit, case.jurisdiction, view.room.now)
        ]
        past = brief(item, view.room.now, lang)
        rows.append(
            (case.id, case.unit, str(case.facts.get("letter_no", "-")), past, pick(lang, "、", ", ").join(dict.fromkeys(who)))
        )  # fmt: skip
    title = pick(lang, "提醒改正函未签收，请电话或上门送达", "Letters not signed for: telephone or visit")
    return [section(title, table(rows, heads), lang, shown=len(shown), total=len(late))]


def _in_hand(view: View, command: Command, limit: int, lang: str) -> list[str]:
    cases = [c for c in view.cases_in("tracker") if not _clock_named(view, c, DECISION)]
    if not cases:
        return []
    shown = cases[:limit] if limit else cases
    heads = pick(lang, "序 督办件 单位 项目 事由 状态 截止", "no case unit project about state due").split()
    rows: list[tuple[str, ...]] = []
    lines: list[tuple[int, str, str]] = []
    for number, case in enumerate(shown, 1):
        about, state = about_title(view, case, lang), state_title(view, case, lang)
        left = due_and_left(view.clock_of(case.id), view.room.now, lang)
        rows.append((str(number), case.id, case.unit, case.title, about, state, left))
        if not for_unit(view, case):
            for offer in case_steps(view, case, frozenset({"tracker"}))[:1]:
                what = f"{offer.action.title.in_(lang)}  {case.id}"
                lines.append((number, what, step(view, offer, command, lang)))
    title = pick(lang, "在手督办件", "Cases in hand")
    body = drawn(rows, heads, 3, 2, 4, 5) + steps(lines, lang)
    return [section(title, body, lang, shown=len(shown), total=len(cases))]


def _troubles(view: View, limit: int, lang: str) -> list[str]:
    items = [i for i in (*view.items, *view.on_cases) if i.clock.trouble]
    if not items:
        return []
    shown = cut(items, limit)
    heads = pick(lang, "单位 事项 计时 故障", "unit matter clock trouble").split()
    rows = [(i.seen.unit, i.clock.matter, clock_title(view, i, lang), i.clock.trouble) for i in shown]
    title = pick(lang, "有故障的计时，每次巡查都会再试", "Clocks in trouble, tried again at every patrol")
    return [section(title, table(rows, heads), lang, shown=len(shown), total=len(items))]
