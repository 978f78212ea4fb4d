"""Lost days by responsible party, on the report: for people, for programs, as a workbook. 损失日"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from commands.printing import pick, table
from commands.room import Room
from commands.words import PARTY_WORDS, word
from engine.desk import Seen
from engine.losing import ANSWERABLE, Answerable
from engine.workflow import Bundle, ClockDef
from exchange.losses import Losses, losses
from exchange.rates import ALL
from exchange.workbook import Column, Sheet, Value
from storage import desks

Told = Mapping[str, Losses]


def lost_in(
    room: Room, wall: desks.Wall, since: datetime | None, until: datetime
) -> tuple[Told, Told]:  # fmt: skip
    """Return the losses inside the wall, those of projects brought in half-way apart."""
    names = sorted(
        {c.name for w in room.bundle().workflows.values() for c in w.clocks.values() if not c.guards}
    )
    seen = list(desks.of_period(room.store, wall, names, since, until, late=True))
    traces = desks.traces(room.store, seen, lambda bundle, name: _apart(room, bundle, name))
    fresh, stock = (
        losses(
            ((s, _definition(room, s), traces[s.clock.matter]) for s in seen if s.halfway is halfway),
            room.calendar(),
            since,
            until,
        )
        for halfway in (False, True)
    )
    return fresh, stock


def _definition(room: Room, seen: Seen) -> ClockDef:
    return room.workflow(seen.bundle, seen.workflow).clocks[seen.clock.name]


def _apart(room: Room, bundle: str, workflow: str) -> bool:
    """What stops others is not stopped with them."""
    return room.workflow(bundle, workflow).apart


def lost_data(fresh: Told, stock: Told) -> dict[str, Any]:
    """The losses for programs; ``unit`` null is all units together."""
    return {"units": _units(fresh), "brought_in": _units(stock)}


def _units(told: Told) -> list[dict[str, Any]]:
    return [
        {
            "unit": unit or None,
            "clocks": {name: _numbers(told[unit].clocks[name]) for name in sorted(told[unit].clocks)},
            "overall": _numbers(told[unit].overall),
        }
        for unit in sorted(told)
    ]


def _numbers(counts: Mapping[Answerable, int]) -> dict[str, int]:
    return {**{who: counts.get(who, 0) for who in ANSWERABLE}, "total": sum(counts.values())}


def lost_block(told: Told, bundle: Bundle, title: str, lang: str) -> str:
    """The losses for people: by unit, then by clock for all units together; empty where nothing was lost."""
    if not told:
        return ""
    units = [(unit, told[unit].overall) for unit in sorted(told) if unit != ALL]
    total = (pick(lang, "合计", "all"), told[ALL].overall)
    by_unit = [*units, total] if len(units) > 1 else units
    titles = titles_of(bundle, lang)
    by_clock = [(titles.get(name, name), told[ALL].clocks[name]) for name in sorted(told[ALL].clocks)]
    head = pick(lang, "损失的工作日", "working days lost") + (f"  {title}" if title else "")
    return "\n".join(
        (
            pick(lang, f"【{head}】", f"[{head}]"),
            _table(by_unit, pick(lang, "单位", "unit"), lang),
            "",
            _table(by_clock, pick(lang, "计时", "clock"), lang),
        )
    )


def _table(rows: Sequence[tuple[str, Mapping[Answerable, int]]], first: str, lang: str) -> str:
    heads = [first, *(word(PARTY_WORDS, who, lang) for who in ANSWERABLE), pick(lang, "合计", "all")]
    cells = [(name, *(c.get(who, 0) for who in ANSWERABLE), sum(c.values())) for name, c in rows]
    return table(cells, heads, right=range(1, len(heads)))


def titles_of(bundle: Bundle, lang: str) -> dict[str, str]:
    """What the clocks are called; one name in several workflows keeps the first title."""
    found: dict[str, str] = {}
    for workflow in bundle.workflows.values():
        for name, clock in workflow.clocks.items():
            found.setdefault(name, clock.title.in_(lang))
    return found


def lost_sheets(fresh: Told, stock: Told, bundle: Bundle, lang: str) -> list[Sheet]:
    """The losses per unit and clock, and overall, as sheets of a workbook."""
    heads = [
        pick(lang, "单位", "unit"),
        pick(lang, "计时", "clock"),
        *(word(PARTY_WORDS, who, lang) for who in ANSWERABLE),
        pick(lang, "合计", "all"),
    ]
    columns = [Column(head, head, 24 if n < 2 else 11) for n, head in enumerate(heads)]
    names = ("损失日", "损失日（存量）") if lang != "en" else ("lost days", "lost days (brought in)")
    titles = titles_of(bundle, lang)
    return [
        Sheet(name, columns, _rows(told, titles, lang), note=" ".join(lost_notes(lang)))
        for name, told in zip(names, (fresh, stock), strict=True)
    ]


def _rows(told: Told, titles: Mapping[str, str], lang: str) -> list[list[Value]]:
    every = pick(lang, "合计", "all")
    found: list[list[Value]] = []
    for unit in [*(u for u in sorted(told) if u != ALL), *([ALL] if told else [])]:
        lines = [(titles.get(name, name), told[unit].clocks[name]) for name in sorted(told[unit].clocks)]
        for title, counts in (*lines, (every, told[unit].overall)):
            numbers = [counts.get(who, 0) for who in ANSWERABLE]
            found.append([unit or every, title, *numbers, sum(numbers)])
    return found


def lost_notes(lang: str) -> list[str]:
    """What the numbers of lost days do not say by themselves."""
    if lang == "en":
        return [
            "Lost days: the working days of the period behind the earliest due day, up to the end; days touched"
            " by a pause are not lost. Whose they are follows from the workflow and from attributions approved.",
            "Clocks that end with the same act share their days: in all, a day counts once.",
        ]
    return [
        "损失日：期间内、最早的截止日以后到办结为止的工作日，中止触及的不算；归属按流程的规定和批准的责任划分。",
        "由同一操作办结的几个计时共有的日子，合计只算一次。",
    ]
