"""The regulator's desk: the inbox with time left to accept, what is handled, and the ranking. 监管工作台"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commands.desk_page import (
    Command,
    about_title,
    case_steps,
    drawn,
    due_and_left,
    for_unit,
    heading,
    section,
    state_title,
    step,
    steps,
    with_steps,
)
from commands.desk_view import View
from commands.printing import pick, table
from engine.desk import ACCEPTANCE
from engine.directory import REGULATORS
from engine.matter import Matter
from exchange.rates import ALL, Rate, together

REVIEWING = "reviewing"
_MOST_STEPS = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit in the ranking: its four rates together, and the open cases about it in the regulator's hands."""

    unit: str
    rate: Rate
    cases: int


def inbox(view: View) -> list[Matter]:
    """Return the referred cases and leads that wait to be accepted, by the time left to accept them."""
    waiting = {i.clock.matter for i in view.on_cases if i.clock.name in ACCEPTANCE and i.clock.is_open}
    return [c for c in view.in_hand() if c.id in waiting]


def held_by(view: View, case: Matter) -> frozenset[str]:
    """Return as what the person regulates a case: as the department's head, or not as its head."""
    return view.roles_for(case.unit, case.jurisdiction) & REGULATORS


def ranking(found: Mapping[str, Mapping[str, Rate]], cases: Sequence[Matter]) -> list[Standing]:
    """Rank the units by the share of clocks ended within the promise; units without any come last."""
    held: dict[str, int] = {}
    for case in cases:
        held[case.unit] = held.get(case.unit, 0) + 1
    names = (set(found) | set(held)) - {ALL}
    standings = [Standing(u, together(found.get(u, {}).values()), held.get(u, 0)) for u in names]

    def order(standing: Standing) -> tuple[bool, float, int, str]:
        share = standing.rate.promise_share
        return (share is None, -(share or 0.0), -standing.rate.of_promise, standing.unit)

    return sorted(standings, key=order)


def regulator_page(
    view: View, units: Sequence[str], standings: Sequence[Standing], year: int, command: Command, limit: int, lang: str
) -> str:  # fmt: skip
    """Inbox, in handling, in review, recurring duties, ranking."""
    incoming = inbox(view)
    others = [c for c in view.in_hand() if c not in incoming]
    climbed = view.climbed()
    handling = [c for c in others if c.state != REVIEWING]
    reviewing = [c for c in others if c.state == REVIEWING]
    said = pick(
        lang,
        f"待受理 {len(incoming)}  办理中 {len(handling)}  复核中 {len(reviewing)}",
        f"to accept {len(incoming)}  in handling {len(handling)}  in review {len(reviewing)}",
    )
    blocks = [f"{heading(view, units, lang)}\n{said}"]
    blocks.append(_cases(view, incoming, pick(lang, "待受理", "To accept"), command, limit, lang))
    blocks.append(_cases(view, handling, pick(lang, "办理中", "In handling"), command, limit, lang))
    blocks.append(_cases(view, reviewing, pick(lang, "复核中", "In review"), command, limit, lang))
    if climbed:
        blocks.append(_cases(view, climbed, pick(lang, "已逐级上报", "Climbed"), command, limit, lang))
    blocks += recurring(view, command, limit, lang)
    blocks.append(_ranking(standings, year, limit, lang))
    return "\n\n".join(blocks)


def recurring(view: View, command: Command, limit: int, lang: str) -> list[str]:
    """The recurring duties of the finance department; nothing where there are none."""
    items = view.duties(REGULATORS)
    title = pick(lang, "周期性工作", "Recurring duties")
    return [with_steps(view, items, title, command, limit, lang)] if items else []


def _cases(
    view: View, cases: Sequence[Matter], title: str, command: Command, limit: int, lang: str
) -> str:  # fmt: skip
    if not cases:
        return section(title, pick(lang, "没有", "none"), lang)
    shown = cases[:limit] if limit else cases
    heads = pick(lang, "序 督办件 状态 单位 项目 事由 截止", "no case state unit project about due").split()
    rows: list[tuple[str, ...]] = []
    lines: list[tuple[int, str, str]] = []
    for number, case in enumerate(shown, 1):
        state, form = state_title(view, case, lang), case.facts.get("form")
        named = state if form is None else f"{state} {form}"
        about = about_title(view, case, lang)
        left = due_and_left(view.clock_of(case.id), view.room.now, lang)
        rows.append((str(number), case.id, named, case.unit, case.title, about, left))
        if not for_unit(view, case):
            found = case_steps(view, case, held_by(view, case))
            if case.state == REVIEWING:
                # a review ends with a word: written off or returned; another form comes after that
                found.sort(key=lambda o: not o.action.needs_reason)
            for offer in found[:_MOST_STEPS]:
                what = f"{offer.action.title.in_(lang)}  {case.id}"
                lines.append((number, what, step(view, offer, command, lang)))
    body = drawn(rows, heads, 4, 3, 5) + steps(lines, lang)
    return section(title, body, lang, shown=len(shown), total=len(cases))


def _ranking(standings: Sequence[Standing], year: int, limit: int, lang: str) -> str:
    title = pick(lang, f"单位排名，{year} 年以来四项合计", f"Units since {year}, the four clocks together")
    if not standings:
        return section(title, pick(lang, "还没有可以评判的计时", "Nothing to judge yet"), lang)
    zh = "名次 单位 评判 承诺内 承诺率 法定内 法定率 逾期 未结 已过期未结 督办件"
    en = "rank unit judged in-promise share in-law share late open past-due cases"
    shown = standings[:limit] if limit else standings
    rows = [
        (
            "-" if s.rate.promise_share is None else str(n),
            s.unit,
            s.rate.judged,
            of(s.rate.in_promise, s.rate.of_promise),
            share(s.rate.promise_share),
            of(s.rate.in_law, s.rate.of_law),
            share(s.rate.law_share),
            s.rate.late,
            s.rate.open,
            s.rate.open_past,
            s.cases,
        )
        for n, s in enumerate(shown, 1)
    ]
    body = table(rows, pick(lang, zh, en).split(), right=(0, *range(2, 11)))
    return section(title, body, lang, shown=len(shown), total=len(standings))


def of(part: int | None, whole: int) -> str:
    """``3/5``: a number with its denominator; ``-`` where there is none."""
    return "-" if part is None or not whole else f"{part}/{whole}"


def share(value: float | None) -> str:
    """``60.0%``; ``-`` for none."""
    return "-" if value is None else f"{value * 100:.1f}%"
