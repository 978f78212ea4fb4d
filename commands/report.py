"""`yiriban report`: the four rates per unit, with their denominators, and whose the lost days are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from commands.desk import as_option, who
from commands.desk_data import rate_data
from commands.desk_regulator import of, share
from commands.printing import common_options, emit, local, note, pass_settings, pick, table
from commands.report_losses import Told, lost_block, lost_data, lost_in, lost_notes, lost_sheets
from commands.room import Room, enter, read_at
from commands.words import due_at, fold, here
from engine.errors import BadInput
from engine.roles import ROLES
from engine.workflow import Bundle
from exchange.rates import ALL, Rate, rates
from exchange.report import ONE_DAYS
from exchange.workbook import Column, Sheet, Value, write_book
from runtime.settings import Settings
from storage import desks

FOUR: dict[str, tuple[str, str]] = {
    "decide_award": ("采购结果一日定", "award decided in a day"),
    "sign_contract": ("采购合同一日签", "contract signed in a day"),
    "accept_delivery": ("履约验收一日成", "delivery accepted in a day"),
    "pay": ("项目资金一日付", "money paid in a day"),
}
"""The four one-days by the clock that measures them."""
_DAY = timedelta(days=1)
Found = Mapping[str, Mapping[str, Rate]]


@click.command()
@as_option
@click.option("--unit", metavar="NAME", help="只看这个单位及其下属 / only this unit and those below it")
@click.option("--since", metavar="DAY", help="从哪一天起办结的，默认全部 / ended on this day or later")
@click.option("--until", metavar="DAY", help="到哪一天为止（含），默认此刻 / until the end of this day")
@click.option(
    "--xlsx",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="另存为 Excel / as a workbook",
)
@common_options
@pass_settings
@click.pass_context
def report(
    ctx: click.Context, settings: Settings, person: str | None, unit: str | None, since: str | None,
    until: str | None, xlsx: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """四率：四个“一日办”各办了多少、承诺内多少、法定内多少，分单位，存量另列 / the four rates per unit.

    损失的工作日按责任方（采购人、代理机构、供应商、国库）另列；改变归属用 clock charge。
    """
    name = who(ctx, settings, person)
    lang = settings.lang
    begin = None if since is None else read_at(since, "--since")[0]
    with enter(settings) as room, room.store.reading():
        end = room.now if until is None else min(_end(until), room.now)
        if begin is not None and begin >= end:
            raise BadInput("--since 不早于 --until 或此刻", then="改正起止日期")
        wall = desks.wall_of(room.store, name, frozenset(ROLES), room.now, unit=unit)
        seen = list(desks.of_period(room.store, wall, ONE_DAYS, begin, end))
        bundle, calendar = room.bundle(), room.calendar()
        fresh = rates((s for s in seen if not s.halfway), bundle, calendar, end)
        stock = rates((s for s in seen if s.halfway), bundle, calendar, end)
        lost = lost_in(room, wall, begin, end)
        payload = _data(room, name, begin, end, fresh, stock) | {"lost_days": lost_data(*lost)}
        page = "" if as_json else _page(name, begin, end, fresh, stock, lang, _lost(lost, bundle, lang))
        if xlsx is not None:
            sheets = [*_sheets(fresh, stock, lang), *lost_sheets(*lost, bundle, lang)]
            write_book(xlsx, sheets, room.now)
            note(pick(lang, f"已写入 {xlsx}", f"written: {xlsx}"))
    emit(as_json, "report", payload, lambda: fold(page))


def _end(text: str) -> datetime:
    moment, width = read_at(text, "--until")
    return moment + (width if width >= _DAY else timedelta())


def _data(
    room: Room, person: str, begin: datetime | None, end: datetime, fresh: Found, stock: Found
) -> dict[str, Any]:
    return {
        "person": person,
        "now": here(room.now),
        "since": here(begin),
        "until": here(end),
        "units": _units_data(fresh),
        "brought_in": _units_data(stock),
        "notes": notes("zh"),
    }


def _units_data(found: Found) -> list[dict[str, Any]]:
    return [
        {"unit": unit or None, "clocks": {name: rate_data(rate) for name, rate in found[unit].items()}}
        for unit in sorted(found)
    ]


def notes(lang: str) -> list[str]:
    """What the numbers do not say by themselves."""
    if lang == "en":
        return [
            "Judged: both ends seen. Late: beyond the latest of its moments; days late are calendar days.",
            "Open and past due clocks are in no rate: read them beside it.",
            "Brought in: projects that had begun before their go-live day; they are counted apart.",
            *lost_notes(lang),
        ]
    return [
        "评判：起点和终点都有登记。逾期：超过各时限中最晚的一个；逾期天数为自然日，只算逾期的。",
        "未结的不在任何率里，已过期而未结的要和率一起看。",
        "存量：上线日以前已经开始的项目，另列，不与新开项目合计。",
        *lost_notes(lang),
    ]


def _lost(lost: tuple[Told, Told], bundle: Bundle, lang: str) -> list[str]:
    titles = ("", pick(lang, "存量", "Brought in"))
    blocks = [lost_block(told, bundle, title, lang) for told, title in zip(lost, titles, strict=True)]
    return [block for block in blocks if block]


def _page(
    person: str, begin: datetime | None, end: datetime, fresh: Found, stock: Found, lang: str, lost: Sequence[str]
) -> str:  # fmt: skip
    first = "" if begin is None else f"{local(begin)[:10]} "
    span = pick(lang, f"{first}至 {due_at(end)}", f"{first}to {due_at(end)}")
    blocks = [f"{pick(lang, '四率', 'The four rates')}  {span}  {person}"]
    for found, title in ((fresh, ""), (stock, pick(lang, "存量", "Brought in"))):
        if found:
            blocks += [_one_day(found, name, title, lang) for name in FOUR if _any(found, name)]
    blocks += lost
    if len(blocks) == 1:
        blocks.append(pick(lang, "这段时间没有可以评判或在走的计时", "No clocks in this time"))
    blocks.append("\n".join(f"{pick(lang, '注', 'note')}{pick(lang, '：', ': ')}{n}" for n in notes(lang)))
    return "\n\n".join(blocks)


def _any(found: Found, name: str) -> bool:
    rate = found[ALL][name]
    return bool(rate.judged or rate.open)


def _one_day(found: Found, name: str, title: str, lang: str) -> str:
    zh = "单位 评判 承诺内 承诺率 法定内 法定率 只违承诺 逾期 中位 九成在 未结 已过期"
    en = "unit judged promise share law share law-only late median p90 open past-due"
    rows = [_cells(unit, rates_[name], lang) for unit, rates_ in _ordered(found) if _worth(rates_[name])]
    head = pick(lang, *FOUR[name]) + (f"  {title}" if title else "")
    return f"{pick(lang, f'【{head}】', f'[{head}]')}\n{table(rows, pick(lang, zh, en).split(), right=range(1, 12))}"


def _worth(rate: Rate) -> bool:
    return bool(rate.judged or rate.open)


def _ordered(found: Found) -> list[tuple[str, Mapping[str, Rate]]]:
    """The units by name, all together last."""
    units = [(unit, found[unit]) for unit in sorted(found) if unit != ALL]
    return [*units, (ALL, found[ALL])] if len(units) > 1 else units


def _cells(unit: str, rate: Rate, lang: str) -> tuple[object, ...]:
    return (
        unit or pick(lang, "合计", "all"),
        rate.judged,
        of(rate.in_promise, rate.of_promise),
        share(rate.promise_share),
        of(rate.in_law, rate.of_law),
        share(rate.law_share),
        rate.promise_only,
        rate.late,
        _days(rate.median_late_days, lang),
        _days(rate.p90_late_days, lang),
        rate.open,
        rate.open_past,
    )


def _days(value: int | None, lang: str) -> str:
    return "-" if value is None else f"{value}{pick(lang, '日', 'd')}"


def _sheets(fresh: Found, stock: Found, lang: str) -> Sequence[Sheet]:
    zh = (
        "单位", "一日办", "评判", "有承诺时限", "承诺内", "承诺率", "有法定期限", "法定内", "法定率", "只违承诺",
        "逾期", "逾期中位数（日）", "逾期九成在（日）", "未结", "已过期未结",
    )  # fmt: skip
    en = (
        "unit", "one-day", "judged", "with promise", "in promise", "promise share", "with law", "in law",
        "law share", "promise missed, law kept", "late", "median days late", "p90 days late", "open",
        "open and past due",
    )  # fmt: skip
    columns = [
        Column(head, head, 24 if n < 2 else 11, "percent" if n in (5, 8) else "plain")
        for n, head in enumerate(en if lang == "en" else zh)
    ]
    names = ("四率", "存量") if lang != "en" else ("rates", "brought in")
    return [
        Sheet(name, columns, _sheet_rows(found, lang), note=" ".join(notes(lang)))
        for name, found in zip(names, (fresh, stock), strict=True)
    ]


def _sheet_rows(found: Found, lang: str) -> list[list[Value]]:
    return [
        [
            unit or pick(lang, "合计", "all"), pick(lang, *FOUR[name]), r.judged, r.of_promise, r.in_promise,
            r.promise_share, r.of_law, r.in_law, r.law_share, r.promise_only, r.late, r.median_late_days,
            r.p90_late_days, r.open, r.open_past,
        ]
        for unit, of_unit in (_ordered(found) if found else ())
        for name, r in of_unit.items()
        if _worth(r)
    ]  # fmt: skip
