"""`yiriban message`: what waits to be sent and what was sent; no address is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.printing import common_options, emit, local, pass_settings, pick
from commands.project_page import shown_of
from commands.room import enter, limit_option
from commands.words import CHANNELS, MESSAGE_STATES, OUTCOMES, aside, fold, here, role, word
from engine.deliver import Delivered, deliver
from runtime.assembly import drop_channels
from runtime.settings import Settings
from storage import views
from storage.outbox import SqlOutbox


@click.group()
def message() -> None:
    """消息：列出待发和已发 / messages waiting and sent."""


@message.command("list")
@click.option("--state", type=click.Choice(list(MESSAGE_STATES)), help="只列这种状态 / only in this state")
@click.option("--person", metavar="PERSON", help="只列发给此人的 / only to this person")
@click.option("--channel", type=click.Choice(list(CHANNELS)), help="只列这种渠道 / only by this channel")
@limit_option
@common_options
@pass_settings
def list_(
    settings: Settings, state: str | None, person: str | None, channel: str | None, limit: int, as_json: bool
) -> None:
    """列出消息，最新的在前 / the messages, the newest first."""
    with enter(settings) as room, room.store.reading():
        found, total = views.messages(
            room.store, state=state or "", person=person or "", channel=channel or "", limit=limit
        )
    payload = {"now": here(room.now), "total": total, "messages": [_data(m) for m in found]}
    emit(as_json, "message.list", payload, lambda: _page(found, total, settings.lang))


@message.command("send")
@click.option(
    "--drop",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="把消息写成文件放进此文件夹：mail/*.eml、sms/*.json / write files into this folder",
)
@common_options
@pass_settings
def send(settings: Settings, folder: Path, as_json: bool) -> None:
    """发出到时的消息；同一条只发一次 / send what may go out by now, each once."""
    with enter(settings) as room:
        done = deliver(SqlOutbox(room.store), drop_channels(folder), room.now)
    payload = {
        "now": here(room.now),
        "folder": str(folder),
        "outcomes": dict(sorted(done.outcomes.items())),
        "settings": dict(sorted(done.settings.items())),
    }
    emit(as_json, "message.send", payload, lambda: _sent(done, folder, settings.lang))


def _sent(done: Delivered, folder: Path, lang: str) -> str:
    if not done.outcomes:
        return pick(lang, "没有到时的消息", "Nothing to send yet")
    counts = "，".join(f"{word(OUTCOMES, kind, lang)} {n}" for kind, n in sorted(done.outcomes.items()))
    lines = [pick(lang, f"写入 {folder}：{counts}", f"Into {folder}: {counts}")]
    lines += [
        pick(
            lang,
            f"  {what}，{n} 条在等：补登后自动再发",
            f"  {what}: {n} waiting, sent by themselves once it is mended",
        )
        for what, n in sorted(done.settings.items())
    ]
    if done.settings:
        lines.append("  yiriban person add 账号 --name 姓名 --email 邮箱 --phone 手机")
    return fold("\n".join(lines))


def _data(posted: views.Posted) -> dict[str, Any]:
    return {
        "key": posted.key,
        "matter": posted.matter,
        "person": posted.person,
        "role": posted.role,
        "channel": posted.channel,
        "rung": posted.rung,
        "subject": posted.subject,
        "text": posted.text,
        "send_from": here(posted.send_from),
        "created_at": here(posted.created_at),
        "state": posted.state,
    }


def _page(found: list[views.Posted], total: int, lang: str) -> str:
    if not found:
        return pick(lang, "没有消息", "No messages")
    lines: list[str] = []
    for posted in found:
        lines.append(
            f"{local(posted.send_from)}  {word(MESSAGE_STATES, posted.state, lang)}"
            f"  {word(CHANNELS, posted.channel, lang)}  {posted.person}{aside(role(posted.role, lang), lang)}"
            f"  {posted.matter}"
        )
        text = posted.text.strip()
        body = f"{posted.subject}\n{text}" if posted.subject else text
        lines += [f"    {line.strip()}" for line in body.split("\n")]
    if total > len(found):
        lines.append(shown_of(len(found), total, lang))
    return fold("\n".join(lines))
