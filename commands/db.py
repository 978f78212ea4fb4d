"""`yiriban db`: back up the database in use, verify it or a backup, restore one, end the hold after that, upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import click

from commands.db_page import (
    checked_data,
    checked_page,
    held_data,
    held_line,
    hold_data,
    made_data,
    made_page,
    released_page,
    restored_page,
)
from commands.db_place import beside, file_of, is_ours, refuse_running
from commands.db_upgrade import upgrade
from commands.printing import common_options, emit, note, pass_settings, pick
from commands.room import (
    dry_run_option,
    enter,
    os_user,
    person_of,
    refuse_missing,
)
from engine.errors import BadInput, BrokenWorkflows, Conflict, NotFound, Refused, StorageTrouble, YiribanError
from engine.quiet import next_opening
from runtime import assembly
from runtime.settings import Settings
from storage.backups import Finding, Tally, back_up, examine, open_backup, sha256_of
from storage.backups import restore as put_in_place
from storage.holds import Held, Hold, end_hold, held, read_hold
from storage.people import People
from storage.store import SqlStore
from storage.tables import SCHEMA_VERSION

FINDINGS = 6
ALL = "all"
_MOST = 10
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def db() -> None:
    """数据库：备份、核对、恢复、解除停发、升级 / back up, verify, restore, end a hold, upgrade."""


db.add_command(upgrade)


@db.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="覆盖已有的文件 / replace a file that exists")
@common_options
@pass_settings
def backup(settings: Settings, file: Path, force: bool, as_json: bool) -> None:
    """备份正在使用的数据库，不必停机；写完整了才落名 / back up the database while it is in use."""
    source = file_of(settings)
    refuse_missing(settings)
    with closing(assembly.open_store(settings)):
        made = back_up(source, file, force=force)
    now = assembly.system_now()
    emit(as_json, "db.backup", made_data(made, now), lambda: made_page(made, settings.lang))


@db.command()
@click.argument("file", type=_FILE, required=False)
@click.option("--sha256", metavar="HEX", help="备份时打印的 SHA-256，一并核对 / the digest printed by backup")
@common_options
@pass_settings
@click.pass_context
def verify(
    ctx: click.Context, settings: Settings, file: Path | None, sha256: str | None, as_json: bool
) -> None:
    """核对文件、结构版本、全部历史和事件流水；有问题以 6 退出 / verify everything; exit 6 if anything is wrong.

    FILE 是一个备份，不写则核对正在使用的数据库。只读不写。
    """
    if file is not None and not file.exists():
        raise NotFound(f"没有文件 {file}", then="写备份文件的路径")
    if is_ours(settings, file):
        file = None
    if file is None and sha256:
        raise BadInput("正在使用的数据库没有固定的 SHA-256", then="--sha256 与备份文件一起写")
    if file is None:
        refuse_missing(settings)
    place = settings.database if file is None else str(file)
    digest = "" if file is None else sha256_of(file)
    found, tally, hold = _examined(settings, file)
    if sha256 and sha256.strip().lower() != digest:
        found.insert(0, Finding("file", str(file), "SHA-256 与备份时的不同"))
    now = assembly.system_now()
    payload = checked_data(place, digest, tally, found, hold, now)
    emit(
        as_json,
        "db.verify",
        payload,
        lambda: checked_page(place, digest, tally, found, hold, settings.lang),
    )
    if not found:
        return
    if not as_json:
        note(_advice(found, tally, file, settings.lang))
    ctx.exit(FINDINGS)


@db.command()
@click.argument("file", type=_FILE)
@click.option(
    "--force", is_flag=True, help="已有数据库时先改名留存，再恢复 / keep the present one aside first"
)
@click.option(
    "--accept-findings", is_flag=True, help="备份有问题也恢复 / restore although verify finds something"
)
@dry_run_option
@common_options
@pass_settings
@click.pass_context
def restore(
    ctx: click.Context, settings: Settings, file: Path, force: bool, accept_findings: bool, dry_run: bool, as_json: bool
) -> None:  # fmt: skip
    """先核对再恢复备份；恢复后停发消息，等人决定，计时照常 / verify and restore a backup; it is then on hold.

    备份有问题时什么也不改，以 6 退出。停发由 db release 解除。
    """
    target = file_of(settings)
    if not file.exists():
        raise NotFound(f"没有文件 {file}", then="写备份文件的路径")
    if is_ours(settings, file):
        raise BadInput(f"{file} 就是正在使用的数据库", then="写备份文件的路径")
    if target.exists() and not force:
        raise Conflict(
            f"数据库 {target} 已经存在",
            why="恢复会换掉它",
            then="加 --force：原有的先改名留存；或用 --database 恢复到别处",
        )
    now, lang = assembly.system_now(), settings.lang
    refuse_running(settings, target, now, "恢复")
    found, tally, _ = _examined(settings, file)
    digest = sha256_of(file)
    if any(f.check == "schema" for f in found) or (found and not accept_findings):
        payload = checked_data(str(file), digest, tally, found, None, now)
        emit(as_json, "db.verify", payload, lambda: checked_page(str(file), digest, tally, found, None, lang))
        if not as_json:
            zh = "备份有问题，没有恢复，什么也没有改"
            note(pick(lang, zh, "The backup is not sound; nothing was changed"))
            note(_advice(found, tally, file, lang))
        ctx.exit(FINDINGS)
    aside = beside(target, now)
    kept = aside if target.exists() else None
    why = f"由备份 {file.name} 恢复（SHA-256 {digest[:16]}…）"
    hold = None if dry_run else put_in_place(file, target, why, now, aside)
    payload = {
        "dry_run": dry_run,
        "file": str(file),
        "sha256": digest,
        "database": str(target),
        "kept": str(kept) if kept else None,
        "hold": hold_data(hold),
        "rows": tally.rows,
    }
    rehearsed = pick(lang, "可以恢复（只预演，没有改动）", "Could be restored; nothing was changed")
    emit(
        as_json,
        "db.restore",
        payload,
        lambda: rehearsed if hold is None else restored_page(file, str(target), kept, hold, lang),
    )


@db.command()
@click.option(
    "--reason", required=True, metavar="TEXT", help="为什么这样决定，记入每条消息 / why, kept on record"
)
@click.option("--send", multiple=True, metavar="KEY|all", help="照发；可重复，all 为其余全部 / may go out")
@click.option(
    "--drop", multiple=True, metavar="KEY|all", help="不发；可重复，all 为其余全部 / never goes out"
)
@dry_run_option
@common_options
@pass_settings
def release(
    settings: Settings,
    reason: str,
    send: Sequence[str],
    drop: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """解除恢复后的停发；等着的每条消息都要决定 --send 或 --drop / end a hold; decide on every message.

    KEY 是 message list 列出的 key。原在发送中的，照发之前先向服务商查询。
    """
    person = person_of(settings)
    if not reason.strip():
        raise BadInput("没有写明理由", then="--reason 为什么这样决定")
    with enter(settings) as room:
        calendar = room.calendar()
        with room.store.transaction():
            hold = read_hold(room.store)
            if hold is None:
                raise Refused(
                    "数据库没有停发", why="只有恢复备份之后才停发", then="消息照常由 yiriban run 发出"
                )
            People(room.store).person(person)  # a decision is kept under the name of somebody known
            sent, dropped = _chosen(held(room.store), send, drop, settings.lang)
            if not dry_run:
                by = f"{person}（{os_user()}）" if os_user() else person
                starts = {"sms": next_opening(room.now, calendar)}
                end_hold(room.store, hold, f"{by}：{reason.strip()}", sent, dropped, starts, room.now)
    payload = {
        "dry_run": dry_run,
        "hold": hold_data(hold),
        "sent": [held_data(m) for m in sent],
        "dropped": [held_data(m) for m in dropped],
    }
    emit(as_json, "db.release", payload, lambda: released_page(sent, dropped, dry_run, settings.lang))


def _chosen(
    waiting: Sequence[Held], send: Sequence[str], drop: Sequence[str], lang: str
) -> tuple[list[Held], list[Held]]:
    """Sort what waits by the choices made; raise ``BadInput`` for one that contradicts or misses another."""
    wanted, unwanted = set(send), set(drop)
    if both := wanted & unwanted:
        raise BadInput(f"既要照发又不发：{'、'.join(sorted(both))}", then="每条消息只写一次")
    if unknown := (wanted | unwanted) - {m.key for m in waiting} - {ALL}:
        raise NotFound(
            f"没有等着的消息 {'、'.join(sorted(unknown))}",
            then="yiriban message list --state queued 查看 key",
        )
    open_ = [m for m in waiting if m.key not in wanted | unwanted]
    if open_ and ALL not in wanted | unwanted:
        shown = [f"\n    {held_line(m, lang)}" for m in open_[:_MOST]]
        more = f"\n    另有 {len(open_) - _MOST} 条" if len(open_) > _MOST else ""
        raise Refused(
            f"还有 {len(open_)} 条消息没有决定" + "".join(shown) + more,
            why="丢失之前发没发过，程序无从得知，须由人决定",
            then="逐条写 --send KEY 或 --drop KEY；其余一样的写 --send all 或 --drop all",
        )
    wanted |= {m.key for m in open_} if ALL in wanted else set()
    return [m for m in waiting if m.key in wanted], [m for m in waiting if m.key not in wanted]


def _examined(settings: Settings, file: Path | None) -> tuple[list[Finding], Tally, Hold | None]:
    """Check a backup, or the database in use; return what was found and counted, and the hold it is on."""
    tally, hold = Tally(), None
    with closing(SqlStore(settings.database) if file is None else open_backup(file)) as store:
        try:
            with store.reading():
                found = list(examine(store, tally))
                with suppress(YiribanError):
                    hold = read_hold(store)
        except (StorageTrouble, BrokenWorkflows) as error:
            found = [Finding("integrity", "", f"{error.what}：{error.why}")]
    return found, tally, hold


def _advice(found: Sequence[Finding], tally: Tally, file: Path | None, lang: str) -> str:
    """Say what to do about findings; an older schema is no damage, it is upgraded, a backup in a copy of it."""
    older = tally.schema.isdecimal() and int(tally.schema) < SCHEMA_VERSION
    if older and all(one.check == "schema" for one in found):
        if file is None:
            return pick(
                lang, "结构是旧版的，先升级：yiriban db upgrade", "An older schema: yiriban db upgrade"
            )
        copied = f"yiriban --database {file.stem}.new{file.suffix} db upgrade"
        zh = f"结构是旧版的：把 {file.name} 复制一份，升级那一份（{copied}），再恢复它"
        return pick(lang, zh, f"An older schema: copy it, upgrade the copy ({copied}), restore that")
    if file is not None:
        return pick(lang, "换一个核对无误的备份", "Take another backup, one that is sound")
    zh = "不要继续写入，保留现有文件；用核对无误的备份恢复：yiriban db restore 文件 --force"
    return pick(lang, zh, "Stop writing, keep the file, restore a sound backup: yiriban db restore")
