"""`yiriban demo`: a made-up city of over eighty projects lives sixty working days in a few seconds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from commands.demo_life import Life, live, moments_of
from commands.demo_page import next_steps, stages, summary
from commands.demo_plan import City
from commands.desk import desk
from commands.printing import WIDTH, common_options, emit, pass_settings, pick
from commands.progress import bar
from commands.room import enter, typed
from engine.errors import BadInput, Conflict
from runtime import assembly
from runtime.assembly import office_for
from runtime.settings import Settings
from storage.store import SqlStore

MARK = ".yiriban-demo"
SHOWN = (("officer", "陈静"), ("tracker", "吴桐"), ("regulator", "许宁"))
"""Whose desks are printed."""
ROWS = "4"
RULE = "\n" + "-" * WIDTH


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("yiriban-demo"),
    show_default=True,
    help="放演示数据库、邮件和短信的文件夹 / where database, mails and text messages go",
)
@click.option(
    "--days",
    type=click.IntRange(30, 240),
    default=60,
    show_default=True,
    help="过多少个工作日 / working days",
)
@common_options
@click.pass_context
@pass_settings
def demo(settings: Settings, context: click.Context, folder: Path, days: int, as_json: bool) -> None:
    """造一座演示城市：八十多个项目、十一种采购方式，走过六十个工作日 / a city of over eighty projects."""
    _prepare(folder)
    now = assembly.system_now()
    database = folder / "yiriban.db"
    there = replace(settings, database=f"sqlite:///{database}")
    store = SqlStore(there.database)
    _hurry(store)
    try:
        office = office_for(settings, store)
        city = City(office.calendar, office.calendar.day_of(now), days=days)
        moments = moments_of(city, now)
        with bar(pick(settings.lang, "演示", "demo"), len(moments)) as told:
            life = live(office, store, city.begins, moments, folder, told)
    finally:
        store.close()
    payload: dict[str, Any] = {
        "folder": str(folder), "begins": city.diary.day(days), "ends": city.diary.today, "working_days": days,
        "projects": life.projects, "halfway": life.halfway, "acts": life.acts, "fires": life.fires,
        "messages": life.messages, "cases": life.cases, "refused": life.refused,
        "mails": len(list((folder / "mail").glob("*.eml"))), "texts": len(list((folder / "sms").glob("*.json"))),
    }  # fmt: skip
    emit(as_json, "demo", payload, lambda: summary(payload, settings.lang))
    if not as_json:
        _show(context, there, database, life)


def _prepare(folder: Path) -> None:
    """Make the folder new; only one that a demonstration made is ever emptied."""
    if folder.exists():
        if not folder.is_dir():
            raise BadInput(f"{folder} 不是文件夹", then="用 --folder 指定另一个位置")
        if any(folder.iterdir()) and not (folder / MARK).exists():
            raise Conflict(
                f"{folder} 里有别的文件", why="演示会清空它的文件夹", then="用 --folder 指定一个新的文件夹"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("made by yiriban demo; may be deleted\n", "utf-8")
    for name in ("mail", "sms"):
        (folder / name).mkdir()


def _hurry(store: SqlStore) -> None:
    """Let the database not wait for the disk: a demonstration that a power cut spoils is made again."""
    # takes effect outside of a transaction only; so it stands before the one that this block closes
    with store.transaction("PRAGMA synchronous=OFF"):
        store.run("BEGIN")


def _show(context: click.Context, there: Settings, database: Path, life: Life) -> None:
    """Print the three desks, a case at each stage of its chain, and what to try next."""
    root = context.find_root()
    # the commands that the desks spell out are to be typed with this database
    root.params["database"] = str(database)
    root.set_parameter_source("database", ParameterSource.COMMANDLINE)
    command = typed(context)
    for role, person in SHOWN:
        member = desk.commands[role]
        words = ["--as", person, "--limit", ROWS]
        with member.make_context(role, words, parent=context, obj=there) as desk_context:
            click.echo(RULE)
            member.invoke(desk_context)
    with enter(there) as room, room.store.reading() as work:
        cases = [m for root_id in life.ids.values() for m in work.family(root_id) if m.is_case]
        click.echo(RULE)
        click.echo(stages(room.office(), work, cases, there.lang))
    click.echo(RULE)
    click.echo(next_steps(life, cases, database.parent, command, there.lang))
