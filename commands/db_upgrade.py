"""`yiriban db upgrade`: bring a database of an older version to this one, after a backup; whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.db_page import made_data, made_page
from commands.db_place import beside, file_of, refuse_running
from commands.printing import common_options, emit, pass_settings, pick
from commands.room import dry_run_option, refuse_missing
from runtime import assembly
from runtime.settings import Settings
from storage.backups import Made, back_up
from storage.store import SqlStore

if TYPE_CHECKING:
    from storage.upgrading import Step


@click.command()
@click.option(
    "--backup", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="升级前备份到哪个文件，默认放在数据库旁边 / where the backup goes",
)  # fmt: skip
@dry_run_option
@common_options
@pass_settings
def upgrade(settings: Settings, file: Path | None, dry_run: bool, as_json: bool) -> None:
    """把旧版的数据库升级到本版：先备份，全部做完才算数 / bring an older database up to date, whole or not at all.

    先停掉 yiriban run。中途断电、被杀都不要紧：库还是旧的，再升级一次即可。
    """
    from storage.upgrading import upgrade as bring_up  # Alembic: half a second that no other command needs

    target = file_of(settings)
    refuse_missing(settings)
    now = assembly.system_now()
    refuse_running(settings, target, now, "升级")
    made: list[Made] = []
    with closing(SqlStore(settings.database)) as store:
        found, steps = bring_up(store, lambda: made.append(_back_up(target, file, now)), dry_run=dry_run)
    kept = made[0] if made else None
    payload = {
        "dry_run": dry_run,
        "changed": bool(steps) and not dry_run,
        "database": str(target),
        "from": found,
        "to": steps[-1].version if steps else found,
        "steps": [{"version": step.version, "title": pick(settings.lang, *step.title)} for step in steps],
        "backup": None if kept is None else made_data(kept, now),
    }
    emit(as_json, "db.upgrade", payload, lambda: _page(payload, steps, kept, settings.lang))


def _back_up(target: Path, file: Path | None, now: datetime) -> Made:
    """Back up where we were told to, else beside the database; never over a file that exists."""
    return back_up(target, file or beside(target, now, ".before-upgrade"), force=False)


def _page(payload: dict[str, Any], steps: Sequence[Step], kept: Made | None, lang: str) -> str:
    place, found, to = payload["database"], payload["from"], payload["to"]
    if not steps:
        return pick(
            lang,
            f"{place} 已是结构版本 {found}，不用升级",
            f"{place} is at schema version {found}; nothing to do",
        )
    if kept is None:
        head = pick(
            lang,
            f"{place} 可以从结构版本 {found} 升到 {to}（只预演，没有改动）",
            f"{place} could go from schema version {found} to {to} (rehearsal, nothing changed)",
        )
    else:
        head = pick(
            lang,
            f"{place} 已从结构版本 {found} 升到 {to}",
            f"{place} went from schema version {found} to {to}",
        )
    lines = [head, *(f"  {step.version}  {pick(lang, *step.title)}" for step in steps)]
    if kept is None:
        then = pick(
            lang, "升级前自动备份；先停掉 yiriban run", "A backup is made first; stop yiriban run before"
        )
        return "\n".join([*lines, f"{pick(lang, '下一步', 'Next')}  yiriban db upgrade", f"  {then}"])
    lines += [made_page(kept, lang), pick(lang, "下一步", "Next"), "  yiriban db verify"]
    return "\n".join(lines)
