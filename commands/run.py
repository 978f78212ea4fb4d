"""`yiriban run`: patrol and deliver every few seconds until stopped; a line for everything that was done."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click

from commands.audit_page import audited_json, audited_lines, fed_json, fed_line
from commands.channel import cautions_of
from commands.db_page import hold_lines
from commands.posted_page import posted_json, posted_line
from commands.printing import SHANGHAI, common_options, note, pass_settings, pick, say
from commands.room import refuse_missing
from commands.serving import Beside, refuse_once, with_flags
from commands.troubles import explain
from commands.words import here
from engine.errors import BadInput, YiribanError
from engine.office import Office
from engine.patrol import Beat
from runtime import assembly
from runtime.auditing import Audited
from runtime.feeding import Fed
from runtime.lease import Lease
from runtime.metronome import EVERY, LEAST, MOST, Began, Event, Failed, Metronome, Rebuilt
from runtime.postman import Posted
from runtime.settings import Settings
from runtime.sideline import Sideline
from runtime.standing import StandingOffice
from storage.holds import read_hold
from storage.store import SqlStore

_JOBS = {
    "patrol": ("巡查", "a beat"),
    "delivery": ("发送", "a delivery"),
    "audit": ("自查", "a self-check"),
    "feed": ("推送", "a push"),
}
"""What a round of each job is called."""
_PACE = re.compile(r"(\d{1,4}) *(s|秒|m|分|分钟)?")
_REBUILT = {
    "dead": ("调度器意外停止，已重新启动", "the scheduler died and was started again"),
    "silent": ("调度器不再走动，已重新启动", "the scheduler fell silent and was started again"),
}


@click.command()
@click.option(
    "--every",
    default=f"{EVERY.seconds}s",
    show_default=True,
    metavar="15s",
    help="多久巡查一次，1s 至 5m / time between beats",
)
@click.option("--once", is_flag=True, help="只巡查、发送一次就退出 / one beat, one delivery, then leave")
@click.option(
    "--http", metavar="HOST:PORT",
    help="供监控查看 /healthz /readyz /metrics，接收推送的回执，如 127.0.0.1:8642 / watch it by HTTP",
)  # fmt: skip
@click.option("--log", metavar="text|json", help="日志写成文字或 JSON 行 / words or JSON lines")
@click.option("--log-file", metavar="FILE", help="JSON 行写进文件，屏幕上仍是文字 / JSON lines into a file")
@common_options
@pass_settings
def run(
    settings: Settings, every: str, once: bool, http: str | None, log: str | None, log_file: str | None, as_json: bool
) -> None:  # fmt: skip
    """持续巡查，到点即办，并按 [channels] 的设置发送，直到 Ctrl-C 或 SIGTERM / patrol and deliver until stopped.

    有事可做的每一次巡查、发送在标准输出写一行，--json 时每行一个 JSON 对象；同一个数据库只需一个。
    A line for each beat or delivery that did something; with --json one object per line.
    每分钟自查一次，发现问题写一行，并告知监管跟踪人员；设置了 webhook 的，新事件随时推送，订阅方不收时写一行。
    Checks itself every minute and pushes new events to webhooks; a line where something is wrong.
    """
    pace = _pace(every)
    settings = with_flags(settings, http, log, log_file)
    if once:
        refuse_once(settings)
    refuse_missing(settings)
    beside = Beside(settings, pace)
    store = assembly.open_store(settings)
    try:
        with store.transaction():
            store.begin_duties(assembly.system_now())  # a database from before there were any
        store.close()
        standing = StandingOffice(settings, store)

        def look() -> tuple[Office, YiribanError | None]:
            refuse_missing(settings)
            return standing()

        lease = Lease(store, pace)
        side = Sideline(settings, os.environ, assembly.system_now, guard=lambda: refuse_missing(settings))
        metronome = Metronome(
            store, look, lease, now=assembly.system_now, every=pace, jobs=side.jobs, pulse=beside.pulse
        )
        tell = beside.telling(_Teller(settings.lang, as_json), as_json)
        try:
            with _stopped_by_signals(beside.stopping(metronome.stop)), beside.recorded():
                if once:
                    metronome.once(tell)
                    return
                beside.say(_greeting(settings.lang, store.place, pace))
                beside.say(_delivery(settings.lang, side))
                if not beside.quiet:
                    _hold(settings.lang, store)
                with beside.serving(standing, side.postman):
                    metronome.run(tell)
        finally:
            side.close()
    finally:
        store.close()
    beside.say(pick(settings.lang, "已停止巡查", "Stopped"))


def _delivery(lang: str, side: Sideline) -> str:
    """Say by what messages and events leave, and what everybody should know about it."""
    if side.postman is None:
        return pick(
            lang,
            "没有设置 [channels]，消息不会自己发出",
            "No [channels] are set up: no message leaves by itself",
        )
    channels = side.postman.channels
    names = "；".join(f"{c} {'、'.join(p.name for p in listed)}" for c, listed in channels.items())
    lines = [pick(lang, f"消息经由：{names}", f"Delivering by: {names}")]
    if side.feeders:
        subscribers = pick(lang, "、", ", ").join(feeder.name for feeder in side.feeders)
        lines.append(pick(lang, f"事件推送给：{subscribers}", f"Pushing events to: {subscribers}"))
    for listed in channels.values():
        lines += [
            f"{pick(lang, '注意', 'Caution')}  {p.name}  {text}" for p in listed for text in cautions_of(p)
        ]
    return "\n".join(lines)


def _hold(lang: str, store: SqlStore) -> None:
    """Say loudly that a restored database sends nothing."""
    with store.reading():
        hold = read_hold(store)
    if hold is not None:
        note(hold_lines(hold, lang).rstrip())


class _Teller:
    """Says what happens: beats on stdout, everything else on stderr."""

    def __init__(self, lang: str, as_json: bool) -> None:
        """Speak ``lang``, or JSON lines."""
        self._lang = lang
        self._as_json = as_json
        self._troubles: dict[str, tuple[list[str], int]] = {}

    def __call__(self, event: Event) -> None:
        """Say one event."""
        match event:
            case Beat():
                self._recovered(event.at)
                if event.fires or event.troubled or event.opened or event.unopened:
                    say(_json(event) if self._as_json else _line(event, self._lang))
            case Posted():
                self._recovered(event.at, "delivery")
                say(posted_json(event) if self._as_json else posted_line(event, self._lang))
            case Audited():
                self._recovered(event.at, "audit")
                say(audited_json(event) if self._as_json else audited_lines(event, self._lang))
            case Fed():
                self._recovered(event.at, f"feed {event.stands.name}")
                say(fed_json(event) if self._as_json else fed_line(event, self._lang))
            case Failed():
                self._failed(event)
            case Began():
                self._began(event)
            case Rebuilt(why="clock"):
                what = pick(
                    self._lang,
                    f"系统时间跳动了 {event.moved:+.0f} 秒，调度器已重建，立即巡查",
                    f"the wall clock jumped by {event.moved:+.0f} s; the scheduler was rebuilt and beats now",
                )
                note(f"{_clock(event.at)}  {what}")
            case Rebuilt():
                note(f"{_clock(event.at)}  {pick(self._lang, *_REBUILT[event.why])}")

    def _began(self, event: Began) -> None:
        gone = event.replaced
        if gone is not None:
            who = f"{gone.holder}@{gone.host} {pick(self._lang, '进程', 'process')} {gone.pid}"
            what = pick(self._lang, "接替已不在的巡查程序：", "replaced a scheduler that is gone: ")
            note(f"{_clock(event.at)}  {what}{who}")

    def _failed(self, event: Failed) -> None:
        """Say a trouble when it is new, then at the 2nd, 4th, 8th … time, so that a night fits a screen."""
        lines = explain(event.error, self._lang).lines(self._lang)
        trouble, times = self._troubles.get(event.job, ([], 0))
        times = times + (not event.beaten) if lines == trouble else 1
        self._troubles[event.job] = lines, times
        if times & (times - 1):
            return
        if event.beaten:
            head = pick(self._lang, "改动没有采用，仍按原来的巡查", "a change was not taken up")
        else:
            zh, en = _JOBS[event.job.partition(" ")[0]]
            head = pick(
                self._lang, f"这次{zh}没有做完，下一次照常", f"{en} failed, the next one comes as usual"
            )
        again = pick(self._lang, f"（第 {times} 次）", f" (time {times})")
        note(f"{_clock(event.at)}  {head}{again if times > 1 else ''}")
        for line in lines:
            note(f"  {line}")

    def _recovered(self, at: datetime, job: str = "patrol") -> None:
        _, times = self._troubles.pop(job, ([], 0))
        if times > 1:
            done = ("，到点的事都已办到", "; what was due is done") if job == "patrol" else ("", "")
            zh, en = _JOBS[job.partition(" ")[0]]
            what = pick(
                self._lang,
                f"已恢复，此前 {times} 次{zh}没有做完{done[0]}",
                f"recovered after {times} times that {en} failed{done[1]}",
            )
            note(f"{_clock(at)}  {what}")


def _json(beat: Beat) -> str:
    """One object on one line; a console in another encoding gets \\uXXXX."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(_data(beat), ensure_ascii=not utf8)


def _data(beat: Beat) -> dict[str, Any]:
    at = here(beat.at)
    return {
        "schema": "yiriban.beat/1",
        "at": at.isoformat() if at is not None else None,
        "opened": [m.id for m in beat.opened],
        "unopened": beat.unopened,
        "fires": len(beat.fires),
        "messages": len(beat.messages),
        "cases": [f.case for f in beat.fires if f.case],
        "troubles": [
            {"matter": c.matter, "clock": c.name, "round": c.round, "trouble": c.trouble}
            for c in beat.troubled
        ],
    }


def _line(beat: Beat, lang: str) -> str:
    cases = sum(1 for f in beat.fires if f.case)
    fires, messages, troubles = len(beat.fires), len(beat.messages), len(beat.troubled)
    what = pick(
        lang,
        f"触发 {fires}，消息 {messages}，督办件 {cases}，故障 {troubles}",
        f"fires {fires}, messages {messages}, cases {cases}, troubles {troubles}",
    )
    if beat.opened:
        what += pick(lang, f"，开出周期性工作 {len(beat.opened)}", f", recurring duties {len(beat.opened)}")
    if beat.unopened:
        what += pick(lang, f"，开不出来：{beat.unopened[0]}", f", cannot be opened: {beat.unopened[0]}")
    return f"{_clock(beat.at)}  {what}"


def _clock(moment: datetime) -> str:
    """The time of day to the second, for a log."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _greeting(lang: str, place: str, pace: timedelta) -> str:
    seconds = int(pace.total_seconds())
    return pick(
        lang,
        f"开始巡查 {place}，每 {seconds} 秒一次；Ctrl-C 停止",
        f"Patrolling {place} every {seconds} s; Ctrl-C stops",
    )


def _pace(text: str) -> timedelta:
    """Read ``15s``, ``2m``, ``15秒`` or plain seconds; raise ``BadInput`` otherwise."""
    match = _PACE.fullmatch(text.strip())
    unit = 60 if match is not None and (match[2] or "s") not in "s秒" else 1
    pace = timedelta(seconds=int(match[1]) * unit) if match is not None else timedelta()
    if not LEAST <= pace <= MOST:
        raise BadInput(
            f"看不懂的间隔：--every {text!r}",
            why=f"须在 {LEAST.seconds} 秒至 {MOST.seconds // 60} 分钟之间",
            then="写成 15s、30秒 或 2m",
        )
    return pace


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the work in peace; a second Ctrl-C does not wait for the beat.

    SIGTERM may come twice (`timeout` sends it to the process and to its group) and means the same.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            signal.signal(number, before[signal.SIGINT])
        stop()

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
