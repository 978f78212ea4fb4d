"""`yiriban watch`: check an engine from outside, by its events and the workflows alone."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from commands.printing import common_options, emit, local, note, pass_settings, pick
from commands.room import read_at
from commands.words import fold, here
from engine.errors import BadInput, NotFound
from engine.watching import LATE, SILENT, Finding, Watch
from runtime import assembly
from runtime.settings import Settings

FINDINGS = 6
PAGE = 200
_KINDS = {
    "gap": ("缺号", "gap"),
    "changed": ("被改动", "changed"),
    "missing": ("漏办", "missing"),
    "late": ("迟办", "late"),
    "wrong": ("错办", "wrong"),
    "message": ("未送出", "not sent"),
    "silent": ("停摆", "silent"),
}


@click.command()
@click.option(
    "--feed", "source", required=True, metavar="FILE|URL|-",
    help="事件流水：文件、网址，- 为标准输入 / the events: a file, a URL, - for stdin",
)  # fmt: skip
@click.option("--at", metavar="MOMENT", help="以这一时刻为现在 / as of then")
@click.option(
    "--late", type=click.IntRange(1, 100_000), default=LATE // timedelta(minutes=1), show_default=True,
    metavar="MIN", help="晚几分钟算迟 / minutes that count as late",
)  # fmt: skip
@click.option(
    "--silent", type=click.IntRange(1, 100_000), default=SILENT // timedelta(minutes=1), show_default=True,
    metavar="MIN", help="几分钟没有巡查算停 / minutes without a beat that count as stopped",
)  # fmt: skip
@common_options
@pass_settings
@click.pass_context
def watch(
    ctx: click.Context, settings: Settings, source: str, at: str | None, late: int, silent: int, as_json: bool
) -> None:
    """不连数据库，凭事件流水重算应有的触发；有问题以 6 退出 / recompute from the events; exit 6 on findings.

    查出：漏办、迟办、错办的触发，没有送出的消息，被改动的历史，缺号，引擎停摆。事件可以重复，重复的须完全一致：
    把先前留存的与新读到的接在一起核对，改过的就会现形。
    """
    now = assembly.system_now() if at is None else read_at(at)[0]
    office = assembly.office_for(settings)
    found = Watch(
        office.current, office.calendar, late=timedelta(minutes=late), silent=timedelta(minutes=silent)
    )
    for event in _events(source):
        found.hear(event)
    findings = found.findings(now)
    lang = settings.lang
    payload = {
        "ok": not findings,
        "now": here(now),
        "events": found.heard,
        "last_beat": here(found.last_beat),
        "unjudged": sorted(found.unjudged),
        "findings": [{"kind": f.kind, "seq": f.seq, "matter": f.matter, "what": f.what} for f in findings],
    }
    emit(as_json, "watch", payload, lambda: fold(_page(found, findings, lang)))
    if found.unjudged and not as_json:
        few = "、".join(sorted(found.unjudged)[:5])
        note(pick(
            lang,
            f"{len(found.unjudged)} 个事项无从判断（流程版本不同，或事件流水没有从头读起）：{few}",
            f"{len(found.unjudged)} matters not judged (other workflows, or not read from the start): {few}",
        ))  # fmt: skip
    if findings:
        ctx.exit(FINDINGS)


def _page(found: Watch, findings: list[Finding], lang: str) -> str:
    beat = local(found.last_beat) if found.last_beat else "-"
    head = pick(
        lang,
        f"核对了 {found.heard} 个事件，最近一次巡查 {beat}",
        f"{found.heard} events checked, last beat {beat}",
    )
    if not findings:
        return head + pick(lang, "，没有发现问题", ", nothing wrong")
    lines = [f"{pick(lang, *_KINDS[f.kind])}  {f.matter or '-'}  {f.what}" for f in findings]
    return "\n".join(
        [head + pick(lang, f"，发现 {len(findings)} 处：", f", {len(findings)} findings:"), *lines]
    )


def _events(source: str) -> Iterator[Mapping[str, Any]]:
    """Read the events of a file, of stdin, or of a URL; bodies of webhooks, one a line, are read too."""
    if urlsplit(source).scheme in ("http", "https"):
        yield from _of_url(source)
        return
    if source == "-":
        yield from _of_lines(io.TextIOWrapper(sys.stdin.buffer, "utf-8", errors="replace"))
        return
    try:
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            yield from _of_lines(file)
    except OSError as error:
        raise NotFound(
            f"读不到事件流水 {source}", why=error.strerror or "", then="用 yiriban feed --jsonl 存一份"
        ) from error


def _of_url(url: str) -> Iterator[Mapping[str, Any]]:
    """Read page after page (``?after=N&limit=M``) until one brings nothing new."""
    last = 0
    with closing(assembly.web_for(url)) as web:
        while True:
            page = list(_of_lines(assembly.web_lines(web, {"after": str(last), "limit": str(PAGE)})))
            numbers = [int(e.get("seq", 0)) for e in page]
            if max(numbers, default=0) <= last:
                return
            yield from page
            last = max(numbers)


def _of_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise BadInput(
                f"事件流水第 {number} 行不是 JSON", then="用 yiriban feed --jsonl 的输出，每行一个事件"
            )
        held = told.get("data", {}).get("events") if told.get("type") == "yiriban.events" else None
        yield from held if isinstance(held, list) else [told]
