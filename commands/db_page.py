"""How a backup, a verification and a hold look, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from commands.printing import local, pick
from commands.words import CHANNELS, MESSAGE_STATES, aside, fold, here, word
from storage.backups import Finding, LastLine, Made, Tally
from storage.holds import Held, Hold

CHECKS: dict[str, tuple[str, str]] = {
    "file": ("文件", "file"),
    "integrity": ("数据库文件", "database file"),
    "schema": ("结构版本", "schema version"),
    "history": ("流转记录", "history"),
    "feed": ("事件流水", "event feed"),
}
ROWS: dict[str, tuple[str, str]] = {
    "matter": ("事项", "matters"),
    "history": ("流转记录", "history lines"),
    "clock": ("计时", "clocks"),
    "fire": ("触发", "fires"),
    "message": ("消息", "messages"),
    "event": ("事件", "events"),
    "person": ("人员", "persons"),
    "unit": ("单位", "units"),
}
_SHOWN = 200
_UNITS = ("B", "KB", "MB", "GB", "TB")


def size_words(size: int) -> str:
    """``12.3 MB``; 1 KB = 1024 bytes."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


# backups


def made_data(made: Made, now: datetime) -> dict[str, Any]:
    """A backup for JSON; ``size`` in bytes."""
    return {
        "file": str(made.file), "made_at": here(now), "size": made.size, "sha256": made.sha256,
        "matters": made.matters, "last": _line_data(made.last),
    }  # fmt: skip


def _line_data(last: LastLine | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {
        "matter": last.matter,
        "no": last.no,
        "recorded_at": here(last.recorded_at),
        "hash": last.hash,
    }


def made_page(made: Made, lang: str) -> str:
    """A backup in lines; the digest stays whole, to be copied."""
    last = made.last
    if last is None:
        line = pick(lang, "没有", "none")
    else:
        line = pick(
            lang,
            f"{last.matter} 第 {last.no} 行，登记于 {local(last.recorded_at)}",
            f"{last.matter} line {last.no}, recorded {local(last.recorded_at)}",
        )
    heads = pick(lang, "大小|SHA-256|事项|最后一行历史", "size|SHA-256|matters|last line of history")
    values = (size_words(made.size), made.sha256, str(made.matters), line)
    pairs = zip(heads.split("|"), values, strict=True)
    first = pick(lang, f"已备份到 {made.file}", f"Backed up to {made.file}")
    return "\n".join([first, *(f"  {head}{pick(lang, '：', ': ')}{value}" for head, value in pairs)])


# verifying


def checked_data(
    place: str, digest: str, tally: Tally, found: Sequence[Finding], hold: Hold | None, now: datetime
) -> dict[str, Any]:
    """A verification for JSON; ``sha256`` is null for the database in use."""
    return {
        "database": place, "ok": not found, "checked_at": here(now), "sha256": digest or None,
        "schema_version": tally.schema or None, "rows": tally.rows, "hold": hold_data(hold),
        "findings": [{"check": f.check, "where": f.where, "what": f.what} for f in found],
    }  # fmt: skip


def checked_page(
    place: str, digest: str, tally: Tally, found: Sequence[Finding], hold: Hold | None, lang: str
) -> str:
    """A verification in lines: what was counted, then every finding."""
    counted = pick(lang, "，", ", ").join(
        f"{pick(lang, *ROWS[name])} {count}" for name, count in tally.rows.items()
    )
    lines = [
        fold(
            pick(lang, f"核对 {place}", f"Verified {place}")
            + (pick(lang, "：", ": ") + counted if counted else "")
        )
    ]
    if digest:
        lines.append(f"  SHA-256{pick(lang, '：', ': ')}{digest}")
    if hold is not None:
        lines.append(hold_lines(hold, lang).rstrip())
    for finding in found[:_SHOWN]:
        where = f" {finding.where}" if finding.where else ""
        lines.append(
            fold(f"× {word(CHECKS, finding.check, lang)}{where}{pick(lang, '：', ': ')}{finding.what}")
        )
    if len(found) > _SHOWN:
        more = len(found) - _SHOWN
        lines.append(pick(lang, f"另有 {more} 处，--json 列出全部", f"{more} more, see --json"))
    if not found:
        lines.append(pick(lang, "没有发现问题", "Nothing wrong"))
    return "\n".join(lines)  # fmt: skip


# the hold


def hold_data(hold: Hold | None) -> dict[str, Any] | None:
    """The hold for JSON, null where there is none."""
    if hold is None:
        return None
    return {"since": here(hold.since), "why": hold.why, "waited": hold.waited}


def on_hold(hold: Hold, lang: str) -> str:
    """Say that the database is on hold, since when."""
    since = local(hold.since)
    return pick(
        lang, f"数据库恢复自备份，{since} 起停发消息", f"Restored from a backup: on hold since {since}"
    )


def hold_words(hold: Hold, lang: str) -> tuple[str, str]:
    """Say why a database is on hold, and what to do."""
    return (
        pick(
            lang,
            f"{hold.why}；备份里有 {hold.waited} 条消息在等，丢失之前发没发过，无从得知",
            f"{hold.why}; {hold.waited} messages waited in the backup, and may have gone out before the loss",
        ),
        pick(
            lang,
            "核对之后运行 yiriban db release --reason 理由，逐条决定 --send 或 --drop；计时照常",
            "Decide on each: yiriban db release --reason WHY --send KEY --drop KEY; clocks go on",
        ),
    )


def hold_lines(hold: Hold | None, lang: str) -> str:
    """The hold in loud lines, each ended; empty where there is none."""
    if hold is None:
        return ""
    why, then = hold_words(hold, lang)
    return fold(f"!! {on_hold(hold, lang)}\n   {why}\n   {then}") + "\n"


def restored_page(file: Path, target: str, kept: Path | None, hold: Hold, lang: str) -> str:
    """What a restore did."""
    lines = [pick(lang, f"已由 {file} 恢复到 {target}", f"Restored {file} to {target}")]
    if kept is not None:
        lines.append(pick(lang, f"原有的库保留为 {kept}", f"The former database is kept as {kept}"))
    return "\n".join([*lines, hold_lines(hold, lang).rstrip()])


def held_data(held: Held) -> dict[str, Any]:
    """A waiting message for JSON; ``old``: it waited in the backup."""
    return {
        "key": held.key, "person": held.person, "channel": held.channel, "state": held.state, "old": held.old,
        "subject": held.subject, "created_at": here(held.created_at),
    }  # fmt: skip


def held_line(held: Held, lang: str) -> str:
    """A waiting message in one line, beginning with its key."""
    old = pick(lang, "备份里已在等", "waited in the backup") if held.old else pick(lang, "恢复后新写", "new")
    return (
        f"{held.key}  {word(CHANNELS, held.channel, lang)}  {held.person}"
        f"  {local(held.created_at)}  {word(MESSAGE_STATES, held.state, lang)}{aside(old, lang)}"
    )


def released_page(send: Sequence[Held], drop: Sequence[Held], dry_run: bool, lang: str) -> str:
    """What the end of a hold decided."""
    counts = pick(
        lang, f"{len(send)} 条照发，{len(drop)} 条不发", f"{len(send)} to be sent, {len(drop)} dropped"
    )
    if dry_run:
        return pick(lang, f"可以解除停发：{counts}（只预演，没有改动）", f"The hold could end: {counts}")
    return pick(lang, f"已解除停发：{counts}", f"The hold has ended: {counts}")
