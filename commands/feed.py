"""`yiriban feed`: the events that the tracker checks this engine by: read them, push them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from typing import Any

import click

from commands.printing import common_options, emit, local, pass_settings, pick, say, table
from commands.room import Room, enter
from commands.words import fold, here
from engine.directory import REGULATORS
from engine.errors import BadInput, Forbidden
from runtime import assembly
from runtime.feeding import Pushed, push, reopen, subscriber_name
from runtime.settings import Settings
from storage.feed import Feed, Sees, Subscription
from storage.people import People

_MAY = frozenset({"tracker", *REGULATORS})
_STOPPED = 1
SHOWN, PAGE = 200, 1_000
_STATES = {
    "open": ("正常", "open"),
    "dead": ("被拒收，已停", "refused, stopped"),
    "gone": ("不再接收", "wants no more"),
}


@click.group(invoke_without_command=True)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="N", help="只读编号大于 N 的 / events above N"
)
@click.option(
    "--limit", type=click.IntRange(1, 100_000), metavar="M",
    help="最多 M 条（默认 200；--jsonl 默认全部）/ at most M, else 200, or all with --jsonl",
)  # fmt: skip
@click.option("--jsonl", is_flag=True, help="每行一个 JSON，供 yiriban watch 读 / one JSON object a line")
@common_options
@pass_settings
@click.pass_context
def feed(
    ctx: click.Context, settings: Settings, after: int, limit: int | None, jsonl: bool, as_json: bool
) -> None:
    """事件流水：编号连续的全部记录、触发、消息、巡查 / all that happened, under numbers without gaps."""
    if ctx.invoked_subcommand is not None:
        return
    with enter(settings) as room, room.store.reading():
        sees = _wall(room)
        if jsonl:
            _write_out(Feed(room.store), after, limit, sees)
            return
        events = Feed(room.store).read(after, limit or SHOWN, sees)
    last = events[-1]["seq"] if events else after
    emit(
        as_json,
        "feed",
        {"after": after, "last": last, "events": events},
        lambda: _page(events, settings.lang),
    )


def _write_out(found: Feed, after: int, limit: int | None, sees: Sees) -> None:
    """Write the events a line each, in pages: a file that ended early would look like a silent engine."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    left = limit
    while left is None or left > 0:
        events = found.read(after, PAGE if left is None else min(PAGE, left), sees)
        for event in events:
            say(json.dumps(event, ensure_ascii=not utf8))
        if not events:
            return
        after = events[-1]["seq"]
        left = None if left is None else left - len(events)


@feed.command("push")
@click.option("--again", is_flag=True, help="重新推送已停的订阅方 / try stopped subscribers again")
@common_options
@pass_settings
@click.pass_context
def push_(ctx: click.Context, settings: Settings, again: bool, as_json: bool) -> None:
    """把新事件推送给 [channels] webhook 里的地址，各记各的进度；没收下的以 1 退出 / push what is new."""
    urls = settings.channels.get("webhook", ())
    if not urls:
        raise BadInput(
            "没有设置推送地址",
            then='在 yiriban.toml 的 [channels] 写 webhook = "webhook+https://…?secret=env:…"',
        )
    done: list[Pushed] = []
    with enter(settings) as room:
        for url in urls:
            name = subscriber_name(url)
            if again:
                reopen(room.store, name, room.now)
            with closing(assembly.webhook_for(url, os.environ)) as channel:
                done.append(push(room.store, name, channel.post, lambda: room.now))
    rows = [_subscriber(p.stands) | {"taken": p.taken, "left": p.left} for p in done]
    emit(
        as_json,
        "feed.push",
        {"now": here(room.now), "subscribers": rows},
        lambda: _pushed(rows, settings.lang),
    )
    if any(p.left or p.stands.state != "open" for p in done):
        ctx.exit(_STOPPED)


@feed.command("list")
@common_options
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """谁在接收事件、收到第几号、停在哪里 / who takes the events, and how far each has come."""
    with enter(settings) as room, room.store.reading():
        found = Feed(room.store)
        last = found.last()
        rows = [_subscriber(s) | {"left": last - s.after} for s in found.subscriptions()]
    emit(as_json, "feed.list", {"last": last, "subscribers": rows}, lambda: _pushed(rows, settings.lang))


def _wall(room: Room) -> Sees:
    """Return what a named person may see: the tracker and the regulators, each what is in their hands."""
    person = room.settings.person
    if not person:
        return lambda _unit, _place: True
    people = People(room.store)
    if not any(h.role in _MAY and h.since <= room.now and (h.until is None or room.now < h.until)
               for h in people.appointments(person)):  # fmt: skip
        raise Forbidden(
            f"{person} 不能读取事件流水",
            why="它供督办人员和监管部门从外部核对引擎",
            then="请有督办或监管任命的人读取；自己的事项用 yiriban history show 查看",
        )

    @cache
    def sees(unit: str, place: str) -> bool:
        # a digest belongs to no unit; it tells a person's name, so it stays behind the wall
        return bool(unit) and people.sees(person, unit, place, room.now)

    return sees


def _subscriber(stands: Subscription) -> dict[str, Any]:
    return {
        "name": stands.name, "after": stands.after, "state": stands.state, "detail": stands.detail,
        "again_at": here(stands.again_at),
    }  # fmt: skip


def _pushed(rows: Sequence[Mapping[str, Any]], lang: str) -> str:
    if not rows:
        return pick(lang, "还没有订阅方", "No subscribers yet")
    headers = pick(
        lang,
        "订阅方|状态|收到第几号|本次|未收|最近的问题",
        "subscriber|state|taken up to|now|left|last trouble",
    )
    lines = [
        (
            r["name"],
            pick(lang, *_STATES[r["state"]]),
            r["after"],
            r.get("taken", "-"),
            r["left"],
            r["detail"] or "-",
        )
        for r in rows
    ]
    return table(lines, headers.split("|"), right=(2, 3, 4))


def _page(events: Sequence[Mapping[str, Any]], lang: str) -> str:
    if not events:
        return pick(lang, "没有更新的事件", "No newer events")
    headers = pick(lang, "编号|时间|种类|事项|内容", "number|at|kind|matter|what").split("|")
    lines = [(e["seq"], _at(e), e["kind"], e.get("matter") or "-", _what(e)) for e in events]
    return fold(table(lines, headers, right=(0,)))


def _at(event: Mapping[str, Any]) -> str:
    return local(datetime.fromisoformat(event["at"])) if "at" in event else "-"


def _what(event: Mapping[str, Any]) -> str:
    if event["kind"] == "message":
        return f"{event['message']} {event['state']}"
    if event["kind"] == "collapsed":
        return str(event["fire"])
    line = event.get("line")
    return str(json.loads(line).get("name", "-")) if line else "-"
