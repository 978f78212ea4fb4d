"""`yiriban history`: show what was recorded, and check that nobody has changed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from commands.history_page import line_data, line_words
from commands.printing import common_options, emit, note, pass_settings, pick
from commands.project_page import shown_of
from commands.room import Room, enter, limit_option
from commands.words import fold, here
from engine.verify import Break, StoredLine, orphan
from engine.verify import verify as check
from runtime.settings import Settings
from storage import views
from storage.registry import Registry

FINDINGS = 6
_SHOWN = 200


@click.group()
def history() -> None:
    """历史：查看与校验流转记录 / show and verify histories."""


@history.command()
@click.argument("ref")
@limit_option
@common_options
@pass_settings
def show(settings: Settings, ref: str, limit: int, as_json: bool) -> None:
    """按登记先后列出一个项目的全部记录 / everything recorded of a project, in that order.

    REF 是项目的编号；写下级事项的编号则只列该事项及其下级。
    """
    lang = settings.lang
    with enter(settings) as room, room.store.reading() as work:
        named = room.locate(work, ref, settings.person)
        family = {m.id: m for m in room.under(work, named)}
        lines = views.history(room.store, list(family), limit)
        total = sum(m.history_no for m in family.values())
        matters = list(family.values())
        said = [] if as_json else [line_words(line, matters, room.workflow, lang) for line in lines]
    payload = {"matter": named.id, "total": total, "lines": [line_data(line) for line in lines]}
    if total > len(lines):
        said.append(shown_of(len(lines), total, lang))
    emit(as_json, "history.show", payload, lambda: fold("\n".join(said)))


@history.command()
@click.argument("ref", required=False)
@common_options
@pass_settings
@click.pass_context
def verify(ctx: click.Context, settings: Settings, ref: str | None, as_json: bool) -> None:
    """逐行重算校验链，核对各栏与事项；有问题以 6 退出 / recompute every chain; exit 6 if one is broken.

    REF 是项目或事项的编号，不写则校验全部。
    """
    lang = settings.lang
    tally = {"matters": 0, "lines": 0}
    with enter(settings) as room, room.store.reading():
        breaks = list(_breaks(room, ref, tally))
    payload = {
        "ok": not breaks,
        "checked_at": here(room.now),
        **tally,
        "findings": [{"matter": b.matter, "line": b.line, "kind": b.kind, "what": b.what} for b in breaks],
    }
    zh = f"校验了 {tally['matters']} 个事项的 {tally['lines']} 行历史"
    en = f"{tally['lines']} lines of {tally['matters']} matters checked"
    head = pick(lang, zh, en)
    said = [
        f"{b.matter} {pick(lang, '第', 'line')} {b.line}{pick(lang, ' 行', '')}: {b.what}" for b in breaks
    ]
    if not breaks:
        emit(as_json, "history.verify", payload, head + pick(lang, "，没有发现问题", ", nothing wrong"))
        return
    if len(said) > _SHOWN:
        said[_SHOWN:] = [
            pick(lang, f"另有 {len(said) - _SHOWN} 处，--json 列出全部", "see --json for the rest")
        ]
    emit(as_json, "history.verify", payload, "\n".join([f"{head}：" if lang == "zh" else f"{head}:", *said]))
    if not as_json:
        zh = "记录与校验链不符：不要继续写入，保留现有文件，与备份核对"
        note(
            pick(
                lang, zh, "The record does not match its chain: stop writing, keep the file, compare a backup"
            )
        )
    ctx.exit(FINDINGS)


def _breaks(room: Room, ref: str | None, tally: dict[str, int]) -> Iterator[Break]:
    """Check one family, or every matter; count what was checked."""
    root = None
    if ref is not None:
        found = Registry(room.store).root_of(ref.strip())
        root = room.store.read_matters([found])[0].root
    for head, lines in views.chains(room.store, root):
        tally["matters"] += 1
        yield from check(head, _counted(lines, tally))
    if ref is None:
        yield from map(orphan, views.orphans(room.store))


def _counted(lines: Iterable[StoredLine], tally: dict[str, int]) -> Iterator[StoredLine]:
    for line in lines:
        tally["lines"] += 1
        yield line
