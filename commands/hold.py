"""`yiriban clock pause | resume | extend | approve | charge`: who stops a clock, moves its due moment, or says
whose lost days are, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import click

from commands.completing import clocks, matters
from commands.doing import actor_of
from commands.entries import document
from commands.hold_page import Held, receipt, receipt_data
from commands.printing import common_options, emit, pass_settings
from commands.room import Room, dry_run_option, enter, person_of, read_at, typed
from commands.words import MOMENT_WORDS, fold
from engine.attributing import attribute, decide_attribution
from engine.clock import Clock
from engine.errors import BadInput, NotFound, Refused
from engine.explain import explain
from engine.holding import ask_extension, decide_extension, pause, resume
from engine.matter import Evidence, Matter
from engine.office import Office
from engine.starting import open_clocks
from engine.word import Word
from engine.work import SYSTEM, Fire, Work
from engine.workflow import MOMENTS, PARTIES, MomentName, Party
from runtime.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
Deed = Callable[[Office, Work, Matter, Word], tuple[list[Fire], list[tuple[Matter, Clock]]]]
"""Do it; return what was due before, and the clocks that it concerns."""


def _options(command: F) -> F:
    """Give a command the options that all of them have."""
    for option in (
        pass_settings,
        common_options,
        dry_run_option,
        click.option(
            "--evidence", multiple=True, metavar="KIND=FILE", help="附件，可多次 / a document, repeatable"
        ),
        click.option("--reason", default="", metavar="TEXT", help="原因和依据，必写 / why, always needed"),
    ):
        command = option(command)  # type: ignore[assignment]
    return command


_at_option = click.option("--at", metavar="MOMENT", help="何时起，默认此刻 / from when on, default now")


@click.command("pause")
@click.argument("ref", shell_complete=matters)
@_at_option
@_options
@click.pass_context
def pause_(
    ctx: click.Context, settings: Settings, ref: str, at: str | None, reason: str, evidence: Sequence[str],
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """中止计时：事项连同下级一起停，触及的日子不计 / stop the clocks of a matter and its parts.

    REF 是项目、下级事项或督办件的编号 / an id or another number.
    """

    def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
        fires = pause(office, work, matter, said)
        return fires, open_clocks(office, work, matter)

    _carry_out(ctx, settings, "pause", ref, _said(reason, evidence, at), deed, dry_run, as_json)


@click.command("resume")
@click.argument("ref", shell_complete=matters)
@_at_option
@_options
@click.pass_context
def resume_(
    ctx: click.Context, settings: Settings, ref: str, at: str | None, reason: str, evidence: Sequence[str],
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """恢复计时，打印新的截止时间和未计入的日子 / let the clocks run again; print the new due moments.

    REF 是中止时所写的编号 / the id with which it was paused.
    """

    def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
        fires = resume(office, work, matter, said)
        return fires, open_clocks(office, work, matter)

    _carry_out(ctx, settings, "resume", ref, _said(reason, evidence, at), deed, dry_run, as_json)


@click.command()
@click.argument("ref", shell_complete=matters)
@click.argument("clock", shell_complete=clocks)
@click.option("--until", required=True, metavar="DAY", help="延至哪一天，如 2026-11-20 / the new last day")
@click.option("--moment", type=click.Choice(MOMENTS), help="哪个时限；只有一个时可不写 / which due moment")
@_options
@click.pass_context
def extend(
    ctx: click.Context, settings: Settings, ref: str, clock: str, until: str, moment: MomentName | None,
    reason: str, evidence: Sequence[str], dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """申请延期：批准以前截止时间不变 / ask for a later due day; nothing moves before it is approved.

    CLOCK 是计时的名称，如 decide_award 或 确定结果；clock list 列出。
    """
    day = _day(until)

    def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
        where, held = _clock(office, work, matter, clock)
        name = moment or _only(where, held)
        return ask_extension(office, work, where, held, name, day, said), [(where, held)]

    _carry_out(ctx, settings, "extend", ref, _said(reason, evidence), deed, dry_run, as_json)


@click.command()
@click.argument("ref", shell_complete=matters)
@click.argument("clock", shell_complete=clocks)
@click.option("--refuse", is_flag=True, help="不予延期 / refuse it")
@_options
@click.pass_context
def approve(
    ctx: click.Context, settings: Settings, ref: str, clock: str, refuse: bool, reason: str,
    evidence: Sequence[str], dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """审批延期：由申请人以外的人办理 / approve or refuse an extension; never by who asked for it.

    已有督办件的，由跟踪机构或财政部门审批 / where a case is open, its supervisors decide.
    """

    def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
        where, held = _clock(office, work, matter, clock)
        return decide_extension(office, work, where, held, said, approve=not refuse), [(where, held)]

    _carry_out(ctx, settings, "approve", ref, _said(reason, evidence), deed, dry_run, as_json)


@click.command()
@click.argument("ref", shell_complete=matters)
@click.argument("clock", shell_complete=clocks)
@click.option("--party", type=click.Choice(PARTIES), help="算到谁名下 / whose the days are")
@click.option("--from", "since", metavar="DAY", help="起日（含），如 2026-11-04 / the first day")
@click.option("--until", metavar="DAY", help="止日（含） / the last day, included")
@click.option("--round", "round_", type=click.IntRange(min=1), help="第几轮，默认最近一轮 / which round")
@click.option("--approve", "verdict", flag_value="approve", help="批准待审批的划分 / approve what was asked")
@click.option(
    "--refuse", "verdict", flag_value="refuse", help="不予划分，或撤回自己的 / refuse it, or take it back"
)
@_options
@click.pass_context
def charge(
    ctx: click.Context, settings: Settings, ref: str, clock: str, party: Party | None, since: str | None,
    until: str | None, round_: int | None, verdict: str | None, reason: str, evidence: Sequence[str],
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """划分责任：损失的日子算到哪一方，一人申请，另一人批准 / say whose lost days are; another approves.

    损失日是截止日以后的工作日；project explain 列出每一天算在谁名下。批准以前不变。
    """
    given = [o for o, v in (("--party", party), ("--from", since), ("--until", until)) if v is not None]
    if verdict is not None and given:
        raise BadInput(f"--{verdict} 不能与 {'、'.join(given)} 同用", then="审批时只写事项、计时和原因")
    if verdict is not None:

        def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
            where, held = _charged_clock(office, work, matter, clock, round_, waiting=True)
            fires = decide_attribution(office, work, where, held, said, approve=verdict == "approve")
            return fires, [(where, held)]

    elif party is None or since is None or until is None:
        raise BadInput(
            "没有写全算到谁名下、哪些日子",
            then="写 --party supplier --from 2026-11-04 --until 2026-11-06；审批写 --approve 或 --refuse",
        )
    else:
        first, last = _day(since, "--from"), _day(until)

        def deed(office: Office, work: Work, matter: Matter, said: Word) -> Any:
            where, held = _charged_clock(office, work, matter, clock, round_)
            return attribute(office, work, where, held, party, first, last, said), [(where, held)]

    _carry_out(ctx, settings, "charge", ref, _said(reason, evidence), deed, dry_run, as_json)


@dataclass(frozen=True, slots=True)
class _Said:
    """What was typed: the reason, the documents, and since when."""

    reason: str
    documents: list[Evidence]
    at: datetime | None


def _said(reason: str, evidence: Sequence[str], at: str | None = None) -> _Said:
    moment = None if at is None else read_at(at)[0]
    return _Said(reason.strip(), [document(text) for text in evidence], moment)


def _carry_out(
    ctx: click.Context,
    settings: Settings,
    verb: str,
    ref: str,
    typed_in: _Said,
    deed: Deed,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do the deed in one transaction and print its receipt."""
    person = person_of(settings)
    with enter(settings) as room:
        office = room.office()
        with room.writing(dry_run=dry_run) as work:
            named = room.locate(work, ref)
            actor = actor_of(room, person, named)
            said = Word(actor, typed_in.at or room.now, room.now, typed_in.reason, typed_in.documents)
            fires, clocks = deed(office, work, named, said)
            held = _take(room, work, said, fires, clocks, dry_run)
    command = typed(ctx)
    emit(as_json, f"clock.{verb}", receipt_data(held), lambda: fold(receipt(held, command, settings.lang)))


def _take(
    room: Room, work: Work, said: Word, fires: list[Fire], clocks: list[tuple[Matter, Clock]], dry_run: bool
) -> Held:
    office = room.office()
    line = next(e for e in reversed(work.entries) if e.kind == "clock")
    own = [
        e for e in work.entries if e.kind == "automatic" and e.actor == SYSTEM and e.recorded_at == said.now
    ]
    fired = [*fires, *(f for f in work.fires if f.does == "withdraw" and f not in fires)]
    return Held(
        office,
        work.matters[line.matter],
        said,
        line,
        fired,
        list(work.messages),
        [explain(office, work, matter, clock, room.now) for matter, clock in clocks],
        own,
        dict(work.matters),
        dry_run,
    )


def _clock(office: Office, work: Work, named: Matter, wanted: str) -> tuple[Matter, Clock]:
    """Find the one open clock called ``wanted`` (name or title) of the matter or its parts."""
    return _one(office, named, open_clocks(office, work, named), wanted, "在走的")


def _charged_clock(
    office: Office, work: Work, named: Matter, wanted: str, number: int | None, *, waiting: bool = False
) -> tuple[Matter, Clock]:
    """Find the one clock called ``wanted``, ended ones too: round ``number``, or the last; ``waiting``: that
    on which an attribution waits, if any does.
    """
    found = [(m, c) for m in Room.under(work, named) for c in work.clocks_of(m) if c.state != "void"]
    if number is not None:
        found = [(m, c) for m, c in found if c.round == number]
    elif waiting:
        asked = [(m, c) for m, c in found if c.charge_asked is not None]
        own = [(m, c) for m, c in asked if _is_called(office, m, c, wanted)]
        found = own or found
    last = {(m.id, c.name): (m, c) for m, c in sorted(found, key=lambda pair: pair[1].round)}
    return _one(office, named, list(last.values()), wanted, "没有作废的")


def _is_called(office: Office, matter: Matter, clock: Clock, wanted: str) -> bool:
    title = office.clock(matter, clock.name).title
    return wanted in (clock.name, title.zh, title.en)


def _one(
    office: Office, named: Matter, found: Sequence[tuple[Matter, Clock]], wanted: str, kind: str
) -> tuple[Matter, Clock]:
    """Return the one of ``found`` that is called ``wanted``; the matter's own goes before its parts'."""
    own = [(m, c) for m, c in found if _is_called(office, m, c, wanted)]
    here_first = [(m, c) for m, c in own if m.id == named.id] or own
    if len(here_first) == 1:
        return here_first[0]
    if own:
        raise Refused(
            f"有 {len(own)} 个{kind} {wanted}",
            why="必须明确针对一个事项的计时",
            then="写明事项：" + "、".join(m.id for m, _ in own),
        )
    listed = "、".join(f"{m.id} {c.name}（{office.clock(m, c.name).title}）" for m, c in found[:10])
    raise NotFound(f"{named.id} 没有{kind}计时 {wanted}", then=f"{kind}：{listed or '无'}")


def _only(matter: Matter, clock: Clock) -> MomentName:
    """Return the one due moment of a clock, a promise before the others."""
    names = [name for name in MOMENTS if clock.moment(name) is not None]
    if "promise" in names or len(names) == 1:
        return names[0]
    listed = "、".join(f"{n}（{MOMENT_WORDS[n][0]}）" for n in names)
    raise BadInput(f"{matter.id} 的 {clock.name} 有 {len(names)} 个时限", then=f"用 --moment 指明：{listed}")


def _day(text: str, option: str = "--until") -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"看不懂的日期：{option} {text}", then="写成 2026-11-20") from None
