"""`yiriban calendar`: look at the working days, check a holiday notice, and adopt it."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from commands.moved_page import moved_data, moved_table
from commands.printing import common_options, emit, note, pass_settings, pick, table
from commands.progress import bar
from commands.room import Room, dry_run_option, enter, os_user
from engine.errors import BadInput, Conflict
from engine.office import Office
from engine.recounting import Moved, recount_family
from engine.workdays import WorkingCalendar, compile_calendar
from runtime.assembly import calendars_folder, overlay
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.views import open_roots

BATCH = 100


class _Undo(Exception):
    """Takes a rehearsal back."""


@click.group()
def calendar() -> None:
    """工作日历：查看、检查放假通知、采纳 / working days: show, check a notice, adopt it."""


@calendar.command("show")
@click.argument("year", type=click.IntRange(1990, 2100))
@click.option("--country", default="CN", show_default=True, help="国家或地区 / country")
@common_options
@pass_settings
def show(settings: Settings, year: int, country: str, as_json: bool) -> None:
    """列出一年的放假日和调休上班日 / rest days on weekdays and worked weekend days of a year."""
    found = compile_calendar(country, calendars_folder(settings))
    days = _special(found, year)
    provisional = found.is_provisional(date(year, 6, 30))
    payload = {
        "country": found.country, "year": year, "provisional": provisional,
        "worked": found.worked_between(date(year - 1, 12, 31), date(year, 12, 31)),
        "days": [{"date": d.isoformat(), "worked": w, "name": n} for d, w, n in days],
    }  # fmt: skip
    emit(as_json, "calendar.show", payload, lambda: _shown(payload, settings.lang))


@calendar.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--country", default="CN", show_default=True, help="国家或地区 / country")
@pass_settings
def check(settings: Settings, file: Path, country: str) -> None:
    """检查一份放假通知文件，不采纳 / check a notice without adopting it."""
    year, found = _tried(settings, file, country)
    worked = found.worked_between(date(year - 1, 12, 31), date(year, 12, 31))
    click.echo(
        pick(
            settings.lang,
            f"没有错误：{year} 年 {worked} 个工作日",
            f"no fault: {worked} working days in {year}",
        )
    )


@calendar.command("adopt")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@common_options
@pass_settings
def adopt(settings: Settings, file: Path, dry_run: bool, as_json: bool) -> None:
    """采纳一份放假通知：重新计算在走的计时，留下历史 / adopt a notice and recount open clocks."""
    year, tried = _tried(settings, file, "CN")
    with enter(settings) as room:
        before = room.office()
        after = Office(before.current, tried, before.texts, before.fetch)
        moved = _recount(room, before, after, file.name, dry_run=dry_run)
    if not dry_run:
        _keep(settings, file, year)
    payload: dict[str, Any] = {
        "year": year, "dry_run": dry_run, "revision": tried.revision,
        "moved": moved_data(moved),
    }  # fmt: skip
    emit(as_json, "calendar.adopt", payload, lambda: _adopted(moved, year, tried, dry_run, settings.lang))


def _special(found: WorkingCalendar, year: int) -> list[tuple[date, bool, str]]:
    """Return the days that are not what their weekday says: (day, worked, name)."""
    day, out = date(year, 1, 1), []
    while day.year == year:
        worked, weekday = found.is_worked(day), day.weekday() < 5
        if worked != weekday:
            out.append((day, worked, found.name_of(day)))
        day += timedelta(days=1)
    return out


def _shown(payload: dict[str, Any], lang: str) -> str:
    mark = pick(lang, "（暂定，尚未公布）", " (provisional, not announced)") if payload["provisional"] else ""
    head = pick(
        lang, f"{payload['country']} {payload['year']} 年：{payload['worked']} 个工作日{mark}",
        f"{payload['country']} {payload['year']}: {payload['worked']} working days{mark}",
    )  # fmt: skip
    rows = [[d["date"], pick(lang, "上班", "worked") if d["worked"] else pick(lang, "放假", "off"), d["name"]]
            for d in payload["days"]]  # fmt: skip
    return head + "\n" + table(rows, [pick(lang, "日期", "day"), "", pick(lang, "名称", "name")])


def _tried(settings: Settings, file: Path, country: str) -> tuple[int, WorkingCalendar]:
    """Compile the calendar as it would be with ``file``; raise ``BadInput`` for a broken one."""
    if not file.is_file():
        raise BadInput(f"没有文件 {file}", then="写放假通知文件的路径，例如 2027.json")
    try:
        year = int(json.loads(file.read_text("utf-8"))["year"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise BadInput(
            f"{file.name} 不是放假通知", then='文件形如 {"year": 2027, "papers": [], "days": [...]}'
        ) from None
    with tempfile.TemporaryDirectory(prefix="yiriban-") as name:
        folder = Path(name) / "calendars"
        shutil.copytree(calendars_folder(settings), folder)
        place = folder / country.upper()
        place.mkdir(exist_ok=True)
        shutil.copyfile(file, place / f"{year}.json")
        return year, compile_calendar(country, folder)


def _keep(settings: Settings, file: Path, year: int) -> None:
    """Put the notice where every command finds it."""
    own = overlay(settings)
    if own is None and SHIPPED_WORKFLOWS.parent.name == "_application":
        raise Conflict(
            "已重新计算，但放假通知没有地方放",
            why="随程序安装的文件夹会在升级时被替换",
            then="把 YIRIBAN_WORKFLOWS 指向自己的文件夹后再采纳一次",
        )
    folder = (own or SHIPPED_WORKFLOWS) / "calendars"
    if not folder.is_dir():
        shutil.copytree(SHIPPED_WORKFLOWS / "calendars", folder)
    (folder / "CN").mkdir(exist_ok=True)
    shutil.copyfile(file, folder / "CN" / f"{year}.json")
    note(f"已写入 {folder / 'CN' / f'{year}.json'}")


def _recount(room: Room, before: Office, after: Office, paper: str, *, dry_run: bool) -> list[Moved]:
    with room.store.transaction():
        roots = open_roots(room.store)
    moved: list[Moved] = []
    with bar("重新计算", len(roots)) as told:
        for start in range(0, len(roots), BATCH):
            try:
                with room.store.work() as work:
                    for root in roots[start : start + BATCH]:
                        moved += recount_family(
                            before, after, work, root, room.now, actor=os_user() or "calendar", paper=paper
                        )
                    if dry_run:
                        raise _Undo
            except _Undo:
                pass
            told(start + BATCH)
    return moved


def _adopted(moved: list[Moved], year: int, found: WorkingCalendar, dry_run: bool, lang: str) -> str:
    head = pick(
        lang, f"{'预演，没有保存：' if dry_run else '已采纳 '}{year} 年放假通知，{len(moved)} 个截止时间变动",
        f"{'rehearsal, nothing kept: ' if dry_run else 'adopted '}{year}: {len(moved)} due moments move",
    )  # fmt: skip
    rows = moved_table(moved, found, lang)
    return head + ("\n" + rows if rows else "")
