"""`yiriban channel`: how messages leave the house, and whether they do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import click

from commands.completing import persons
from commands.printing import SHANGHAI, common_options, emit, local, pass_settings, pick
from commands.room import Room, enter
from commands.words import CHANNELS, MESSAGE_STATES, OUTCOMES, fold, here, word
from engine.deliver_outbox import Settled
from engine.deliver_plan import Ready
from engine.deliver_trial import try_out
from engine.delivery import Provider, Waiting
from engine.directory import ADDRESSES, WANTING
from engine.errors import NotFound
from engine.message import wording_of
from runtime import assembly
from runtime.settings import Settings
from storage import postings
from storage.outbox import SqlOutbox
from storage.people import People

WORDING = "channel_test"


@click.group()
def channel() -> None:
    """渠道：列出、测试 / how messages go out: list the channels, try one out."""


@channel.command("list")
@common_options
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """列出设置的渠道：服务商、是否停用、今日已发、待发、最近的问题 / the channels and how they do."""
    with enter(settings) as room:
        channels = assembly.channels_for(settings, room.office().texts, os.environ)
        try:
            rows = [row for name, listed in channels.items() for row in _rows(room, name, listed)]
        finally:
            assembly.close_channels(channels)
        with room.store.reading():
            queued = postings.waiting(room.store)
            doubtful = postings.contacts(room.store)
    payload = {
        "now": here(room.now),
        "channels": rows,
        "waiting": queued,
        "contacts": [{"person": p, "channel": c, "state": s} for p, c, s in doubtful],
    }
    emit(as_json, "channel.list", payload, lambda: _page(rows, queued, doubtful, settings.lang))


def _rows(room: Room, channel: str, listed: Sequence[Provider]) -> list[dict[str, Any]]:
    midnight = room.now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    with room.store.reading():
        return [
            _row(channel, p, postings.served(room.store, channel, p.name, midnight, room.now)) for p in listed
        ]


def _row(channel: str, provider: Provider, how: postings.Served) -> dict[str, Any]:
    return {
        "channel": channel,
        "provider": provider.name,
        "in_use": not how.open,
        "stopped_since": here(how.since),
        "next_try": here(how.probe_at),
        "reason": how.detail or None,
        "sent_today": how.today,
        "last_trouble": how.trouble or None,
        "last_trouble_at": here(how.trouble_at),
        "cautions": list(cautions_of(provider)),
    }


def cautions_of(provider: Provider) -> tuple[str, ...]:
    """Return what everybody who sees the channel should know: it is not encrypted, or trusts any certificate."""
    return tuple(getattr(provider.notifier, "cautions", ()))


def _page(
    rows: Sequence[Mapping[str, Any]],
    queued: Mapping[str, int],
    doubtful: Sequence[tuple[str, str, str]],
    lang: str,
) -> str:
    if not rows:
        return pick(
            lang,
            "没有设置渠道：在 yiriban.toml 里写 [channels]",
            "No channels: write [channels] in yiriban.toml",
        )
    lines: list[str] = []
    for row in rows:
        state = pick(lang, "在用", "in use") if row["in_use"] else pick(lang, "已停用", "out of use")
        today = pick(lang, f"今日已发 {row['sent_today']}", f"sent today {row['sent_today']}")
        lines.append(f"{word(CHANNELS, row['channel'], lang)}  {row['provider']}  {state}  {today}")
        if not row["in_use"]:
            again = pick(lang, "下次试发 ", "next try ") + local(row["next_try"])
            lines.append(
                f"    {pick(lang, '自', 'since')} {local(row['stopped_since'])}  {row['reason']}  {again}"
            )
        elif row["last_trouble"]:
            lines.append(
                f"    {pick(lang, '最近的问题', 'last trouble')} {local(row['last_trouble_at'])}  {row['last_trouble']}"
            )
        lines += _cautions(row["cautions"], lang)
    lines += [
        f"{word(CHANNELS, name, lang)}  {pick(lang, f'待发 {count}', f'waiting {count}')}"
        for name, count in sorted(queued.items())
    ]
    for kind, zh, en in (
        ("invalid", "无效的号码或邮箱", "invalid"),
        ("suspect", "可疑的号码或邮箱", "suspect"),
    ):
        named = [f"{p}（{word(CHANNELS, c, lang)}）" for p, c, s in doubtful if s == kind]
        if named:
            lines.append(f"{pick(lang, zh, en)}：{'、'.join(named)}")
    return fold("\n".join(lines))


@channel.command("test")
@click.argument("name", metavar="CHANNEL", type=click.Choice(list(CHANNELS)))
@click.option(
    "--to", "person", required=True, metavar="PERSON", shell_complete=persons, help="发给谁 / to whom"
)
@common_options
@click.pass_context
@pass_settings
def test(settings: Settings, context: click.Context, name: str, person: str, as_json: bool) -> None:
    """经这个渠道的每个服务商发一条测试消息；成功的恢复使用 / send one marked message by each provider.

    不受限额和安静时间的限制，但计入限额。一个都没有成功时退出码为 1。
    """
    with enter(settings) as room:
        channels = assembly.channels_for(settings, room.office().texts, os.environ)
        try:
            listed = channels.get(name, ())
            if not listed:
                raise NotFound(
                    f"没有设置渠道“{word(CHANNELS, name, 'zh')}”",
                    then=f"在 yiriban.toml 的 [channels] 里写 {name} = …",
                )
            tried = [(p, _try(room, name, p, person)) for p in listed]
        finally:
            assembly.close_channels(channels)
    payload = {"now": here(room.now), "channel": name, "tried": [_data(p, done) for p, done in tried]}
    emit(
        as_json,
        "channel.test",
        payload,
        lambda: fold("\n".join(_said(p, done, settings.lang) for p, done in tried)),
    )
    if not any(done.outcome.kind == "accepted" for _, done in tried):
        context.exit(1)


def _try(room: Room, channel: str, provider: Provider, person: str) -> Settled:
    """Hand one marked message to a provider."""
    with room.store.reading():
        known = People(room.store).person(person)
    address = getattr(known, ADDRESSES[channel]) if channel in ADDRESSES else known.id
    if not address:
        raise NotFound(
            f"{person} 没有登记{WANTING[channel]}",
            then=f"先补登：yiriban person add {known.id} --name {known.name} --{ADDRESSES[channel]} …",
        )
    now = assembly.system_now()
    number = f"{now.astimezone(SHANGHAI):%m%d%H%M%S}"
    params = {"number": number}
    subject, text = wording_of(room.office().texts[WORDING], channel, params)
    key = (
        f"test/{channel}/{provider.name}/{person}/{now.astimezone(SHANGHAI):%Y%m%dT%H%M%S}-{uuid4().hex[:6]}"
    )
    ready = Ready(Waiting(key, channel, person, address, subject, text, now, wording=WORDING, params=params))

    def put() -> None:
        postings.put_trial(room.store, key, person, channel, subject, text, WORDING, params, now)

    return try_out(SqlOutbox(room.store), provider, ready, put, now, clock=assembly.system_now)


def _data(provider: Provider, done: Settled) -> dict[str, Any]:
    return {
        "provider": provider.name,
        "key": done.ready.message.key,
        "reference": done.ready.message.reference,
        "outcome": done.outcome.kind,
        "code": done.outcome.code or None,
        "detail": done.outcome.detail,
        "state": done.after.state,
        "cautions": list(cautions_of(provider)),
    }


def _said(provider: Provider, done: Settled, lang: str) -> str:
    kind = done.outcome.kind
    what = word(MESSAGE_STATES, kind, lang) if kind == "accepted" else word(OUTCOMES, kind, lang)
    told = "  ".join(part for part in (done.outcome.code, done.outcome.detail) if part)
    lines = [f"{provider.name}  {what}  {told}".rstrip(), *_cautions(cautions_of(provider), lang)]
    return "\n".join([*lines, f"    yiriban message show {done.ready.message.reference[:12]}"])


def _cautions(texts: Sequence[str], lang: str) -> list[str]:
    return [f"    {pick(lang, '注意：', 'caution: ')}{text}" for text in texts]
