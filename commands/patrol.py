"""`yiriban patrol`: time passes; reminders, warnings and cases that are due take effect."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from commands.printing import common_options, emit, local, note, pass_settings, pick
from commands.receipt_page import fire_data, fire_words
from commands.room import Room, dry_run_option, enter, read_at
from commands.words import fold, here, role
from engine.matter import Matter
from engine.patrol import Beat
from engine.patrol import patrol as pass_on
from runtime.assembly import long_work
from runtime.settings import Settings
from storage.feed import Feed

_SHOWN = 200
_TEXTS_SHOWN = 20


@click.command()
@click.option(
    "--at", metavar="MOMENT", help="当作是这一时刻；不加 --dry-run 时先询问 / as if it were then; asks first"
)
@dry_run_option
@common_options
@pass_settings
def patrol(settings: Settings, at: str | None, dry_run: bool, as_json: bool) -> None:
    """巡查一次：到点的提醒、预警、督办；做过的不会再做 / do whatever is due by now, each once."""
    moment, width = (None, timedelta()) if at is None else read_at(at)
    with enter(settings) as room:
        now = room.now if moment is None else moment
        if moment is not None and not dry_run and not moment <= room.now < moment + width:
            _make_sure(moment, room)
        elif not dry_run:
            now = room.now
        if moment is None and not dry_run:
            with room.store.transaction():
                room.store.begin_duties(now)  # a database from before there were any
        long_work()
        beat = pass_on(room.office(), room.store, now, dry_run=dry_run)
        if not dry_run and now == room.now:
            # outside one hears that somebody looked; of a moment set by hand nothing can be concluded
            with room.store.transaction():
                Feed(room.store).beat(now)
        with room.store.reading() as work:
            ids = sorted({f.matter for f in beat.fires})
            known = {m.id: m for m in work.reader.read_matters(ids)}
    emit(as_json, "patrol", _data(beat, dry_run), lambda: fold(_page(room, beat, known, dry_run)))


def _make_sure(moment: datetime, room: Room) -> None:
    """Time that is set by hand is written into the record: ask a person, tell a script."""
    what = f"将按 {local(moment)} 巡查并记录，而现在是 {local(room.now)}"
    if sys.stdin.isatty():
        click.confirm(f"{what}。只想看看请用 --dry-run。继续？", abort=True, err=True)
    else:
        note(f"注意：{what}。只想看看请用 --dry-run。")


def _data(beat: Beat, dry_run: bool) -> dict[str, Any]:
    by_fire: dict[str, list[Any]] = {}
    for message in beat.messages:
        by_fire.setdefault(message.fire, []).append(message)
    return {
        "dry_run": dry_run,
        "at": here(beat.at),
        "looked_at": beat.looked_at,
        "opened": [{"matter": m.id, "title": m.title, "unit": m.unit} for m in beat.opened],
        "unopened": beat.unopened,
        "fires": [fire_data(f, by_fire.get(f.key, ())) for f in beat.fires],
        "messages": len(beat.messages),
        "cases": [f.case for f in beat.fires if f.case],
        "troubles": [
            {"matter": c.matter, "clock": c.name, "round": c.round, "trouble": c.trouble}
            for c in beat.troubled
        ],
    }


def _page(room: Room, beat: Beat, known: dict[str, Matter], dry_run: bool) -> str:
    lang = room.lang
    when = local(beat.at)
    lines = [
        pick(
            lang,
            f"【预演，没有保存】若在 {when} 巡查，会发生：",
            f"[rehearsal, nothing kept] a patrol at {when} would do:",
        )
        if dry_run
        else pick(lang, f"巡查 {when}", f"Patrol {when}")
    ]
    lines += _opened(beat, lang)
    if len(lines) == 1 and not beat.fires and not beat.troubled:
        return "\n".join([*lines, pick(lang, "  没有到点的事", "  Nothing is due")])
    by_fire: dict[str, list[Any]] = {}
    for message in beat.messages:
        by_fire.setdefault(message.fire, []).append(message)
    office = room.office()
    for fire in beat.fires[:_SHOWN]:
        # a clock of a case that this very rehearsal opened has no row yet
        matter = known.get(fire.matter)
        sent = by_fire.get(fire.key, ())
        lines.append(f"  {fire_words(office, matter, fire, sent, lang)}" if matter else f"  {fire.key}")
        if dry_run and len(beat.fires) <= _TEXTS_SHOWN:
            lines += _texts(sent, lang)
    if len(beat.fires) > _SHOWN:
        more = len(beat.fires) - _SHOWN
        lines.append(pick(lang, f"  另有 {more} 条，--json 列出全部", f"  and {more} more, see --json"))
    for clock in beat.troubled:
        lines.append(f"  {pick(lang, '故障', 'trouble')}  {clock.matter}/{clock.name}  {clock.trouble}")
    cases = sum(1 for f in beat.fires if f.case)
    lines.append(
        pick(
            lang,
            f"触发 {len(beat.fires)}，消息 {len(beat.messages)}，督办件 {cases}，故障 {len(beat.troubled)}",
            f"fires {len(beat.fires)}, messages {len(beat.messages)}, cases {cases},"
            f" troubles {len(beat.troubled)}",
        )
    )
    return "\n".join(lines)


def _opened(beat: Beat, lang: str) -> list[str]:
    """The recurring duties that this patrol opened, and those that it could not."""
    head, bad = pick(lang, "开出", "opened"), pick(lang, "开不出来", "cannot be opened")
    lines = [f"  {head}  {m.id}  {m.title}  {m.unit}" for m in beat.opened[:_SHOWN]]
    if len(beat.opened) > _SHOWN:
        more = len(beat.opened) - _SHOWN
        lines.append(
            pick(lang, f"  另开出 {more} 件，--json 列出全部", f"  and {more} more opened, see --json")
        )
    return lines + [f"  {bad}  {trouble}" for trouble in beat.unopened]


def _texts(messages: Sequence[Any], lang: str) -> list[str]:
    """The very words that would go out, once per channel."""
    lines: list[str] = []
    shown: set[tuple[str, str]] = set()
    for message in messages:
        text = message.text if message.channel == "sms" else message.subject
        if (message.channel, text) in shown:
            continue
        shown.add((message.channel, text))
        after = f"{local(message.send_from)} " if message.send_from > message.created_at else ""
        lines.append(f"      {after}{role(message.role, lang)}  {text}")
    return lines
