"""What the desks have in common on a page, and the officer's desk: my clocks by time left. 专办员工作台"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from commands.desk_view import View
from commands.lamps import ORDER, lamp
from commands.printing import SHANGHAI, WIDTH, local, pick, table, width
from commands.project_page import spelled
from commands.words import LONG, MOMENT_WORDS, PARTY_WORDS, due_at, rest_in_days, role, word
from engine.desk import ENDED_LATELY, Item, Seen, agenda, waits_for_unit
from engine.directory import BUYING
from engine.matter import Matter
from engine.offering import Offer
from engine.word import MAY_APPROVE
from engine.workflow import MOMENTS

Command = Callable[..., str]
_NARROWEST = 12
_WEEKDAYS = (
    ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
)


# what every desk begins with


def heading(view: View, units: Sequence[str], lang: str) -> str:
    """Whose desk, when, over which units, and what it counts."""
    now = view.room.now
    day = _WEEKDAYS[lang == "en"][now.astimezone(SHANGHAI).weekday()]
    named = pick(lang, "、", ", ").join(units[:3])
    more = (
        pick(lang, f"等 {len(units)} 个单位", f" and {len(units) - 3} more units") if len(units) > 3 else ""
    )
    who = pick(lang, f"{view.person} 的工作台", f"Desk of {view.person}")
    return f"{who}  {local(now)} {day}  {named}{more}"


def counted(view: View, lang: str) -> str:
    """Due today and this week, then the clocks by lamp."""
    found = agenda(view.items, view.room.now, SHANGHAI)
    said = [
        pick(lang, f"今日到期 {found.today}", f"due today {found.today}"),
        pick(lang, f"本周到期 {found.week}", f"due this week {found.week}"),
        *(
            f"{lamp(light, lang)} {found.lights[light]}"
            for light in ORDER
            if light not in ("recorded_late", "done_late") and found.lights.get(light)
        ),
    ]
    days = ENDED_LATELY.days
    lately = [
        f"{lamp(light, lang)} {found.lights[light]}"
        for light in ("recorded_late", "done_late")
        if found.lights.get(light)
    ]
    if lately:
        said.append(pick(lang, f"近 {days} 天：", f"last {days} days: ") + "  ".join(lately))
    return "  ".join(said)


def section(title: str, body: str, lang: str, *, shown: int = 0, total: int = 0) -> str:
    """A titled block with how many there are; says where it was cut."""
    cut = ""
    if total > shown:
        cut = "\n" + pick(
            lang,
            f"列出 {shown} 条，共 {total} 条；--limit 0 列出全部",
            f"{shown} of {total}; --limit 0 lists all",
        )
    count = pick(lang, f"{total} 件", f" {total}") if total else ""
    return f"{pick(lang, f'【{title}】', f'[{title}]')}{count}\n{body}{cut}"


def drawn(rows: Sequence[Sequence[str | None]], heads: Sequence[str], *elastic: int) -> str:
    """Lay out a table whose ``elastic`` columns give way, the first first: what is too long ends with ``…``.

    Numbers are what people copy; a title can be read in full with `project show`.
    """
    cells = [["-" if cell is None else cell for cell in row] for row in rows]
    for place in elastic:
        widths = [max(map(width, column)) for column in zip(heads, *cells, strict=True)]
        over = sum(widths) + 2 * (len(widths) - 1) - WIDTH
        if over > 0:
            room = max(_NARROWEST, widths[place] - over)
            for row in cells:
                row[place] = clip(row[place], room)
    return table(cells, heads)


def clip(text: str, room: int) -> str:
    """``text`` in at most ``room`` columns."""
    if width(text) <= room:
        return text
    while width(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def brief(item: Item, now: datetime, lang: str, long: int = LONG) -> str:
    """Time left or past, from ``long`` days on in whole days; ``-`` where there is none."""
    due = item.due
    return "-" if due is None else rest_in_days(item.clock, due, now, lang, long) or "-"


def step(view: View, offer: Offer | None, command: Command, lang: str) -> str:
    """What to type for an offer, or who else has to act; empty for none."""
    if offer is None:
        return ""
    if offer.blocked or offer.held_up or offer.not_before is not None:
        rules = pick(lang, "、", ", ").join(
            [*(r.code for r in offer.blocked), *(held for held, _ in offer.held_up)]
        )
        why = local(offer.not_before) if offer.not_before is not None else rules
        return pick(lang, f"还不能办：{why}", f"not yet: {why}")
    if view.may(offer):
        return spelled(offer, command, lang)
    who = pick(lang, "、", ", ").join(role(name, lang) for name in offer.action.by)
    return pick(lang, f"由{who}办理", f"to be done by: {who}")


def steps(lines: Sequence[tuple[int, str, str]], lang: str) -> str:
    """What to do next, to stand below a table: the number of its line, the act, the command; empty for none.

    What is done once for several lines stands once.
    """
    if not lines:
        return ""
    once: dict[tuple[str, str], list[str]] = {}
    for number, what, how in lines:
        once.setdefault((what, how), []).append(str(number))
    said = [f"  {','.join(numbers)}  {what}\n       {how}" for (what, how), numbers in once.items()]
    return "\n".join(["", pick(lang, "下一步", "What to do next"), *said])


def due_and_left(item: Item | None, now: datetime, lang: str) -> str:
    """``11-23 剩 2 天``: for a case, whose own clocks end with the day."""
    if item is None or item.due is None:
        return "-"
    return f"{due_at(item.due, short_for=now).partition(' ')[0]} {brief(item, now, lang, 1)}"


# the officer


def officer_page(view: View, units: Sequence[str], command: Command, limit: int, lang: str) -> str:
    """Running clocks by time left with what to do next; cases that wait for the unit; extensions."""
    blocks = [f"{heading(view, units, lang)}\n{counted(view, lang)}", _duties(view, command, limit, lang)]
    waiting = view.by_time([c for c in view.cases.values() if for_unit(view, c)])
    if waiting:
        blocks.append(_waiting_cases(view, waiting, command, limit, lang))
    blocks += extensions(view, command, limit, lang)
    blocks += attributions(view, command, limit, lang)
    return "\n\n".join(blocks)


def cut(items: Sequence[Item], limit: int) -> Sequence[Item]:
    """The first ``limit``; all for 0."""
    return items[:limit] if limit else items


def _duties(view: View, command: Command, limit: int, lang: str) -> str:
    title = pick(lang, "在办计时，按剩余时间", "Running clocks by time left")
    if not view.open:
        return section(title, pick(lang, "没有在走的计时", "No clocks are running"), lang)
    return with_steps(view, view.open, title, command, limit, lang)


def with_steps(
    view: View, items: Sequence[Item], title: str, command: Command, limit: int, lang: str
) -> str:  # fmt: skip
    """Clocks by time left, with what to do next."""
    shown = cut(items, limit)
    heads = pick(lang, "序 灯 事项 项目 计时 截止 剩余", "no lamp matter project clock due left").split()
    rows = [(str(n), *item_cells(view, item, lang)) for n, item in enumerate(shown, 1)]
    body = drawn(rows, heads, 3)
    lines: list[tuple[int, str, str]] = []
    for number, item in enumerate(shown, 1):
        offer = view.next_of(item)
        if offer is not None:
            what = f"{offer.action.title.in_(lang)}  {item.clock.matter}"
            lines.append((number, what, step(view, offer, command, lang)))
    return section(title, body + steps(lines, lang), lang, shown=len(shown), total=len(items))


def item_cells(view: View, item: Item, lang: str) -> tuple[str, ...]:
    """Lamp, matter, project, clock, due and time left."""
    now, due = view.room.now, item.due
    return (
        lamp(item.light, lang),
        item.clock.matter,
        item.seen.title,
        clock_title(view, item, lang),
        due_at(due, provisional=item.clock.provisional, short_for=now),
        brief(item, now, lang),
    )


def clock_title(view: View, item: Item, lang: str) -> str:
    """What a clock is called."""
    try:
        return (
            view.room.workflow(item.seen.bundle, item.seen.workflow).clocks[item.clock.name].title.in_(lang)
        )
    except KeyError:  # no workflow knows it any more
        return item.clock.name


def for_unit(view: View, case: Matter) -> bool:
    """Say whether a case waits for the purchasing unit."""
    return waits_for_unit(view.room.workflow(case.bundle, case.workflow), case.state)


def case_steps(view: View, case: Matter, roles: frozenset[str]) -> list[Offer]:
    """Return what people with ``roles`` can do on a case: what ends its clock first, giving it up last."""
    found = [o for o in view.offers_of(case.id, case.root) if roles & set(o.action.by)]
    return sorted(found, key=lambda o: (not o.ends, o.action.needs_reason))


def _waiting_cases(
    view: View, cases: Sequence[Matter], command: Command, limit: int, lang: str
) -> str:  # fmt: skip
    shown = cases[:limit] if limit else cases
    heads = pick(lang, "序 督办件 状态 项目 计时 截止 剩余", "no case state project clock due left").split()
    rows = [(str(n), *case_cells(view, case, lang)) for n, case in enumerate(shown, 1)]
    lines: list[tuple[int, str, str]] = []
    for number, case in enumerate(shown, 1):
        found = case_steps(view, case, BUYING)
        if found:
            what = f"{found[0].action.title.in_(lang)}  {case.id}"
            lines.append((number, what, step(view, found[0], command, lang)))
    title = pick(lang, "督办件，等本单位签收、反馈或整改", "Cases that wait for the unit")
    return section(
        title, f"{drawn(rows, heads, 3, 4)}{steps(lines, lang)}", lang, shown=len(shown), total=len(cases)
    )


def case_cells(view: View, case: Matter, lang: str) -> tuple[str, ...]:
    """Case, state, project, the clock that is due first, due and time left."""
    item = view.clock_of(case.id)
    now = view.room.now
    return (
        case.id,
        state_title(view, case, lang),
        case.title,
        clock_title(view, item, lang) if item else "-",
        due_at(item.due if item else None, short_for=now),
        brief(item, now, lang) if item else "-",
    )


def state_title(view: View, matter: Matter, lang: str) -> str:
    """What the state of a matter is called."""
    return view.room.workflow(matter.bundle, matter.workflow).states[matter.state].title.in_(lang)


def about_title(view: View, case: Matter, lang: str) -> str:
    """What a case is about: the title of the clock that ran out, or the code of the rule."""
    name = str(case.facts.get("clock", ""))
    for workflow in view.room.bundle(case.bundle).workflows.values():
        if name in workflow.clocks:
            return workflow.clocks[name].title.in_(lang)
    return name or "-"


def extensions(view: View, command: Command, limit: int, lang: str) -> list[str]:
    """Extensions that were asked for and are not decided; nothing where there are none."""
    asked = [item for item in (*view.items, *view.on_cases) if item.clock.asked and item.clock.is_open]
    if not asked:
        return []
    zh, en = "序 事项 计时 时限 现截止 申请延至 申请人", "no matter clock moment due until asked-by"
    rows: list[tuple[str, ...]] = []
    lines: list[tuple[int, str, str]] = []
    for number, item in enumerate(cut(asked, limit), 1):
        held = item.clock.asked
        moment = next(m for m in MOMENTS if m == held["moment"])
        due = due_at(item.clock.moment(moment), short_for=view.room.now)
        name = word(MOMENT_WORDS, moment, lang)
        title = clock_title(view, item, lang)
        rows.append((str(number), item.clock.matter, title, name, due, held["until"], held["by"]))
        lines.append((number, held["reason"], _approval(view, item, command, lang)))
    title = pick(lang, "延期申请，等另一人审批", "Extensions to be decided by another person")
    body = f"{drawn(rows, pick(lang, zh, en).split(), 2)}{steps(lines, lang)}"
    return [section(title, body, lang, shown=len(rows), total=len(asked))]


def _approval(view: View, item: Item, command: Command, lang: str) -> str:
    """What to type to approve an extension, or who has to."""
    if view.person != item.clock.asked["by"] and _may_approve(view, item.seen):
        reason = pick(lang, "原因", "REASON")
        return command("clock", "approve", item.clock.matter, item.clock.name, "--reason", reason)
    who = pick(lang, "、", ", ").join(role(name, lang) for name in sorted(MAY_APPROVE))
    return pick(lang, f"由{who}审批", f"to be decided by: {who}")


def _may_approve(view: View, seen: Seen) -> bool:
    return bool(view.roles_for(seen.unit, seen.clock.jurisdiction) & MAY_APPROVE)


def attributions(view: View, command: Command, limit: int, lang: str) -> list[str]:
    """Attributions that were asked for and are not decided; nothing where there are none."""
    rows: list[tuple[str, ...]] = []
    lines: list[tuple[int, str, str]] = []
    for number, seen in enumerate(view.charges[: limit or None], 1):
        asked = seen.clock.charge_asked
        assert asked is not None
        title = view.room.workflow(seen.bundle, seen.workflow).clocks[seen.clock.name].title.in_(lang)
        who = word(PARTY_WORDS, asked.party, lang)
        days = f"{asked.since:%m-%d} - {asked.until:%m-%d}"
        rows.append((str(number), seen.clock.matter, title, who, days, asked.by))
        lines.append((number, asked.reason, _charge_approval(view, seen, command, lang)))
    if not rows:
        return []
    zh, en = "序 事项 计时 算到 日子 申请人", "no matter clock party days asked-by"
    title = pick(lang, "责任划分，等另一人审批", "Attributions of lost days to be decided by another person")
    body = f"{drawn(rows, pick(lang, zh, en).split(), 2)}{steps(lines, lang)}"
    return [section(title, body, lang, shown=len(rows), total=len(view.charges))]


def _charge_approval(view: View, seen: Seen, command: Command, lang: str) -> str:
    """What to type to approve an attribution, or who has to."""
    asked, clock = seen.clock.charge_asked, seen.clock
    if asked is not None and view.person != asked.by and _may_approve(view, seen):
        why = ("--reason", pick(lang, "原因", "REASON"))
        return command("clock", "charge", clock.matter, clock.name, "--approve", *why)
    who = pick(lang, "、", ", ").join(role(name, lang) for name in sorted(MAY_APPROVE))
    return pick(lang, f"由{who}审批", f"to be decided by: {who}")
