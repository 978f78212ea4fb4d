"""`yiriban workflow impact` and `migrate`: what an edit of the law moves in running matters, and moving them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from commands.moved_page import moved_data, moved_table
from commands.printing import common_options, emit, pass_settings, pick
from commands.progress import bar
from commands.room import Room, dry_run_option, enter, os_user
from engine.errors import BadInput, Refused
from engine.migrating import Migration, Stuck, migrate_family
from engine.office import Office
from engine.reader import read_both
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.views import open_roots

BATCH = 100
"""Families that are written together."""
_MOST = 5

_map_option = click.option(
    "--map", "mapped", multiple=True, metavar="WORKFLOW.STATE=STATE",
    help="原来的状态改到新流程的哪个状态，可写多次 / a state that is gone, and what stands for it",
)  # fmt: skip


class _Undo(Exception):
    """Takes a rehearsal back."""


@click.command()
@click.option(
    "--overlay", type=click.Path(path_type=Path, file_okay=False),
    help="还没有启用的本地文件夹，先看影响 / a local folder that is not in force yet",
)  # fmt: skip
@_map_option
@common_options
@pass_settings
def impact(settings: Settings, overlay: Path | None, mapped: tuple[str, ...], as_json: bool) -> None:
    """列出改流程文件会移动的在办事项和计时，不保存 / list what an edit would move; nothing is kept."""
    with enter(settings) as room:
        office = room.office()
        if overlay is not None:
            read = read_both(SHIPPED_WORKFLOWS, overlay)
            office = Office(read.bundle, office.calendar, read.texts, _fetch(office))
        done = _migrate(room, office, _states(mapped, office), dry_run=True)
        _emit(done, office, as_json, "workflow.impact", settings.lang, dry_run=True)


@click.command()
@_map_option
@dry_run_option
@common_options
@pass_settings
def migrate(settings: Settings, mapped: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """把在办事项改到现行流程版本，计时重算，留下历史 / pass running matters to the bundle in force."""
    with enter(settings) as room:
        office = room.office()
        states = _states(mapped, office)
        # whoever is stuck is found before anything is kept
        ahead = _migrate(room, office, states, dry_run=True)
        if ahead.stuck:
            raise Refused(
                f"{len(ahead.stuck)} 个事项不能迁移：{_stuck(ahead.stuck)}",
                why=f"现行流程版本 {office.current.hash[:12]} 里没有这些状态、流程或方案，一个也没有改",
                then="用 --map 流程.状态=新状态 写明改到哪里，或把缺少的内容补回流程文件",
            )
        done = ahead if dry_run else _migrate(room, office, states, dry_run=False)
        _emit(done, office, as_json, "workflow.migrate", settings.lang, dry_run=dry_run)


def _fetch(office: Office) -> Any:
    """Find an older bundle, or the one that is in force now."""
    return lambda wanted: office.current if wanted == office.current.hash else office.fetch(wanted)


def _states(mapped: Iterable[str], office: Office) -> dict[str, str]:
    """Read ``workflow.state=state``; raise ``BadInput`` where that is not one, or the new state is unknown."""
    found: dict[str, str] = {}
    for text in mapped:
        before, _, after = text.partition("=")
        workflow = office.current.workflows.get(before.partition(".")[0])
        if workflow is None or not before.partition(".")[2] or after not in workflow.states:
            known = (
                "、".join(workflow.states) if workflow is not None else "、".join(office.current.workflows)
            )
            raise BadInput(
                f"看不懂的 --map {text!r}", why=f"现行版本里有：{known}",
                then="写成 流程.原状态=新状态，例如 package.opened=responding",
            )  # fmt: skip
        found[before] = after
    return found


def _migrate(room: Room, office: Office, states: dict[str, str], *, dry_run: bool) -> Migration:
    with room.store.transaction():
        roots = open_roots(room.store)
    done = Migration()
    actor = room.settings.person or os_user() or "system"
    with bar("重算" if dry_run else "迁移", len(roots)) as told:
        for start in range(0, len(roots), BATCH):
            try:
                with room.store.work() as work:
                    for root in roots[start : start + BATCH]:
                        migrate_family(office, work, root, room.now, actor=actor, states=states, done=done)
                    if dry_run:
                        raise _Undo
                    room.store.keep_bundle(office.current, room.now, "")
            except _Undo:
                pass
            told(start + BATCH)
    return done


def _emit(
    done: Migration, office: Office, as_json: bool, schema: str, lang: str, *, dry_run: bool
) -> None:  # fmt: skip
    payload: dict[str, Any] = {
        "bundle": office.current.hash,
        "dry_run": dry_run,
        "matters": done.matters,
        "moved": moved_data(done.moved),
        "ended": [{"matter": matter, "clock": clock} for matter, clock in done.ended],
        "stuck": [
            {"matter": s.matter, "workflow": s.workflow, "missing": s.missing, "name": s.name}
            for s in done.stuck
        ],
    }
    emit(as_json, schema, payload, lambda: _page(done, office, lang, dry_run=dry_run))


def _page(done: Migration, office: Office, lang: str, *, dry_run: bool) -> str:
    version = office.current.hash[:12]
    moved, ended = len(done.moved), len(done.ended)
    head = pick(
        lang,
        f"{'预演，没有保存：' if dry_run else ''}{done.matters} 个在办事项改到流程版本 {version}，"
        f"{moved} 个截止时间变动，{ended} 个计时不再有",
        f"{'rehearsal, nothing kept: ' if dry_run else ''}{done.matters} running matters pass to bundle {version}, "
        f"{moved} due moments move, {ended} clocks are gone",
    )
    blocks = [head, moved_table(done.moved, office.calendar, lang)]
    if done.ended:
        listed = "、".join(f"{matter} {clock}" for matter, clock in done.ended[:_MOST])
        blocks.append(pick(lang, f"不再有的计时：{listed}", f"clocks that are gone: {listed}"))
    if done.stuck:
        count = len(done.stuck)
        blocks.append(
            pick(lang, f"不能迁移 {count} 个：{_stuck(done.stuck)}", f"{count} cannot: {_stuck(done.stuck)}")
        )
    return "\n".join(block for block in blocks if block)


def _stuck(stuck: list[Stuck]) -> str:
    """Name the first of them, each kind of trouble once."""
    kinds = {f"{s.missing} {s.workflow}.{s.name}": s.matter for s in stuck}
    named = [f"{matter}（{kind}）" for kind, matter in kinds.items()]
    return "、".join(named[:_MOST])
