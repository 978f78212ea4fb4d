"""`yiriban message`: what waits to be sent, what was sent and what became of it; addresses are masked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from commands.db_page import hold_data, hold_lines, hold_words, on_hold
from commands.message_page import life_data, life_page, list_data, list_page, sent_page
from commands.posted_page import collected_data, delivered_data
from commands.posted_page import receipts as receipts_line
from commands.printing import common_options, emit, pass_settings, pick
from commands.room import Room, dry_run_option, enter, limit_option, os_user, person_of
from commands.words import CHANNELS, MESSAGE_STATES, here
from engine.deliver import deliver
from engine.deliver_receipts import collect
from engine.delivery import Provider, providers
from engine.errors import BadInput, Refused
from engine.quiet import next_opening
from runtime import assembly
from runtime.postman import WORKERS
from runtime.settings import Settings
from storage import postings, views
from storage.holds import read_hold
from storage.outbox import SqlOutbox
from storage.receipt_book import SqlReceipts


@click.group()
def message() -> None:
    """消息：列出、查看、发送、重发、查回执 / messages waiting and sent, and what became of them."""


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
    """列出消息，最新的在前；汇总和并入汇总的都列出 / the messages, the newest first, digests and what they hold."""
    with enter(settings) as room, room.store.reading():
        found, total = views.messages(
            room.store, state=state or "", person=person or "", channel=channel or "", limit=limit
        )
        held = views.digested(room.store, [m.key for m in found])
        hold = read_hold(room.store)
    payload = {
        "now": here(room.now),
        "hold": hold_data(hold),
        "total": total,
        "messages": [list_data(m, held) for m in found],
    }
    loud = hold_lines(hold, settings.lang)
    emit(as_json, "message.list", payload, lambda: loud + list_page(found, held, total, settings.lang))


@message.command("show")
@click.argument("key")
@common_options
@pass_settings
def show(settings: Settings, key: str, as_json: bool) -> None:
    """一条消息的全部经过：每次发送、回执、汇总、改走的渠道 / the whole life of one message.

    KEY 是 message list 列出的 key，或服务商那里的编号（至少前 8 位）。
    """
    with enter(settings) as room, room.store.reading():
        found = postings.life(room.store, postings.find(room.store, key))
    emit(as_json, "message.show", life_data(found), lambda: life_page(found, settings.lang))


@message.command("send")
@click.option(
    "--drop",
    "folder",
    type=click.Path(path_type=Path),
    help="不用设置的渠道，把消息写成文件放进此文件夹：mail/*.eml、sms/*.json / write files into this folder",
)
@common_options
@pass_settings
def send(settings: Settings, folder: Path | None, as_json: bool) -> None:
    """发出到时的消息；同一条只发一次，同一人的几条提醒合成一条 / send what may go out by now, each once."""
    with enter(settings) as room, _channels(settings, room, folder) as channels:
        _refuse_hold(room)
        done = deliver(
            SqlOutbox(room.store), channels, room.now, office=room.office(), limits=assembly.limits_for(settings),
            workers=1 if folder is not None else WORKERS, clock=None if folder is not None else assembly.system_now,
        )  # fmt: skip
    payload = {"now": here(room.now), "folder": str(folder) if folder else None, **delivered_data(done)}
    emit(as_json, "message.send", payload, lambda: sent_page(done, folder, settings.lang))


def _refuse_hold(room: Room) -> None:
    """Raise ``Refused`` while a restored database is on hold."""
    with room.store.reading():
        hold = read_hold(room.store)
    if hold is not None:
        why, then = hold_words(hold, room.lang)
        raise Refused(on_hold(hold, room.lang), why=why, then=then)


@message.command("retry")
@click.argument("key")
@click.option("--reason", required=True, metavar="TEXT", help="为什么重发，记入经过 / why, kept on record")
@dry_run_option
@common_options
@pass_settings
def retry(settings: Settings, key: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """把没有送达的一条放回待发；结果不明的先查再发 / put a message that failed back into the queue."""
    person = person_of(settings)
    if not reason.strip():
        raise BadInput("没有写明重发的理由", then="--reason 为什么要重发")
    with enter(settings) as room:
        office = room.office()
        with room.store.transaction():
            found = postings.life(room.store, postings.find(room.store, key))
            postings.refuse_replay(found)
            if not dry_run:
                start = next_opening(room.now, office.calendar) if found.channel == "sms" else room.now
                by = f"{person}（{os_user()}）" if os_user() else person
                postings.replay(room.store, found.key, f"{by}：{reason.strip()}", start, room.now)
                found = postings.life(room.store, found.key)
    emit(
        as_json,
        "message.retry",
        {"dry_run": dry_run, **life_data(found)},
        lambda: _replayed(found, dry_run, settings.lang),
    )


def _replayed(found: postings.Life, dry_run: bool, lang: str) -> str:
    if dry_run:
        return pick(lang, f"可以重发：{found.key}（只预演，没有改动）", f"Would be sent again: {found.key}")
    return pick(lang, f"已放回待发：{found.key}", f"Back in the queue: {found.key}")


@message.command("receipts")
@common_options
@pass_settings
def receipts(settings: Settings, as_json: bool) -> None:
    """现在就向各渠道查一次回执 / ask every channel for receipts now."""
    with enter(settings) as room, _channels(settings, room, None) as channels:
        back = collect(SqlReceipts(room.store), channels, room.now, office=room.office())
    payload = {"now": here(room.now), **collected_data(back)}
    none = pick(settings.lang, "没有新的回执", "No new receipts")
    emit(as_json, "message.receipts", payload, lambda: receipts_line(back, settings.lang) or none)


@contextmanager
def _channels(
    settings: Settings, room: Room, folder: Path | None
) -> Iterator[Mapping[str, Sequence[Provider]]]:
    """Set the channels up for one command: those of the settings, or a folder; raise where there are none."""
    if folder is not None:
        yield providers(assembly.drop_channels(folder))
        return
    if not settings.channels:
        raise BadInput(
            "没有设置发送渠道",
            why="yiriban.toml 里没有 [channels]",
            then="写上 [channels]（docs/how-to/channels.md），或用 --drop 文件夹 写成文件",
        )
    channels = assembly.channels_for(settings, room.office().texts, os.environ)
    try:
        yield channels
    finally:
        assembly.close_channels(channels)
