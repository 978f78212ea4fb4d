"""`yiriban clock pause | resume | extend | approve`: who stops a clock or moves its due moment, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import click

from commands.clock_page import account_data, due_lines
from commands.doing import actor_of
from commands.entries import document
from commands.printing import common_options, emit, local, pass_settings, pick
from commands.receipt_page import fire_data, fire_words
from commands.room import Room, dry_run_option, enter, person_of, read_at, typed
from commands.words import HOLDS, LAMPS, MOMENT_WORDS, aside, colon, fold, here, word
from engine.clock import Clock
from engine.errors import BadInput, NotFound, Refused
from engine.explain import ClockAccount, explain
from engine.holding import Word, ask_extension, decide_extension, pause, resume
from engine.matter import Entry, Evidence, Matter
from engine.office import Office
from engine.starting import open_clocks
from engine.work import SYSTEM, Fire, Message, Work
from engine.workflow import MOMENTS, MomentName
from runtime.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
Deed = Callable[[Office, Work, Matter, Word], tuple[list[Fire], list[tuple[Matter, Clock]]]]
"""Do it; return what was due before, and the clocks that it concerns."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a receipt says, taken before the unit of work is written and cleared."""

    office: Office
    matter: Matter
    said: Word
    line: Entry
    fires: list[Fire]
    messages: list[Message]
    accounts: list[ClockAccount]
    followed: list[Entry]
    matters: dict[str, Matter]
    dry_run: bool


def _options(command: F) -> F:
    """Give a command the options that all four have."""
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
@click.argument("ref")
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
        return fires, open_clocks(work, matter)

    _carry_out(ctx, settings, "pause", ref, _said(reason, evidence, at), deed, dry_run, as_json)


@click.command("resume")
@click.argument("ref")
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
        return fires, open_clocks(work, matter)

    _carry_out(ctx, settings, "resume", ref, _said(reason, evidence, at), deed, dry_run, as_json)


@click.command()
@click.argument("ref")
@click.argument("clock")
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
@click.argument("ref")
@click.argument("clock")
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
            actor = actor_of(room, person, named.unit)
            said = Word(actor, typed_in.at or room.now, room.now, typed_in.reason, typed_in.documents)
            fires, clocks = deed(office, work, named, said)
            held = _take(room, work, said, fires, clocks, dry_run)
    command = typed(ctx)
    emit(as_json, f"clock.{verb}", _data(held), lambda: fold(_page(held, command, settings.lang)))


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
    found = open_clocks(work, named)
    own = [
        (m, c)
        for m, c in found
        if wanted in (c.name, office.clock(m, c.name).title.zh, office.clock(m, c.name).title.en)
    ]
    here_first = [(m, c) for m, c in own if m.id == named.id] or own
    if len(here_first) == 1:
        return here_first[0]
    if own:
        raise Refused(
            f"有 {len(own)} 个在走的 {wanted}",
            why="延期必须明确针对一个事项的计时",
            then="写明事项：" + "、".join(m.id for m, _ in own),
        )
    listed = "、".join(f"{m.id} {c.name}（{office.clock(m, c.name).title}）" for m, c in found[:10])
    raise NotFound(f"{named.id} 没有在走的计时 {wanted}", then=f"在走的：{listed or '无'}")


def _only(matter: Matter, clock: Clock) -> MomentName:
    """Return the one due moment of a clock, a promise before the others."""
    names = [name for name in MOMENTS if clock.moment(name) is not None]
    if "promise" in names or len(names) == 1:
        return names[0]
    listed = "、".join(f"{n}（{MOMENT_WORDS[n][0]}）" for n in names)
    raise BadInput(f"{matter.id} 的 {clock.name} 有 {len(names)} 个时限", then=f"用 --moment 指明：{listed}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"看不懂的日期：--until {text}", then="写成 2026-11-20") from None


def _data(held: Held) -> dict[str, Any]:
    return {
        "dry_run": held.dry_run,
        "matter": held.matter.id,
        "root": held.matter.root,
        "what": held.line.name,
        "at": here(held.said.at),
        "recorded_at": here(held.said.now),
        "person": held.said.actor.person,
        "reason": held.said.reason,
        "history_no": held.line.no,
        "head_hash": held.line.hash,
        "fires": [fire_data(f, held.messages) for f in held.fires],
        "clocks": [account_data(a) for a in held.accounts],
        "followed": [{"matter": e.matter, "action": e.name, "state": e.went_to} for e in held.followed],
    }


def _page(held: Held, command: Callable[..., str], lang: str) -> str:
    """The receipt as an officer reads it."""
    said = held.said
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if held.dry_run else []
    lines.append(f"{word(HOLDS, held.line.name, lang)}  {held.matter.id}  {said.reason}")
    when = f"  {local(said.at)}"
    if said.now != said.at:
        when += pick(lang, f"（{local(said.now)} 登记）", f" (recorded {local(said.now)})")
    lines.append(f"{when}  {said.actor.person}")
    due = [fire_words(held.office, held.matters[f.matter], f, held.messages, lang) for f in held.fires]
    lines += _block(pick(lang, "此前到点、随之解除的", "Was due before, or withdrawn with it"), due, lang)
    shown = [line for a in held.accounts for line in _account(a, lang)]
    lines += _block(pick(lang, "计时", "Clocks"), shown or [pick(lang, "没有在走的", "none")], lang)
    followed = [_followed(held, e, lang) for e in held.followed]
    lines += _block(pick(lang, "随之自动办理", "Followed by itself"), followed, lang)
    lines += _block(pick(lang, "接下来", "Next"), _next(held, command, lang), lang)
    return "\n".join(lines)


def _block(title: str, lines: Sequence[str], lang: str) -> list[str]:
    return [colon(title, lang), *(f"  {line}" for line in lines)] if lines else []


def _account(account: ClockAccount, lang: str) -> list[str]:
    head = f"{account.definition.title.in_(lang)}{aside(account.matter.id, lang)}"
    lines = [f"{head}  [{word(LAMPS, account.lamp, lang)}]"]
    if account.clock.state == "paused":
        # a stopped clock has no due moment to tell: it is counted again when it goes on
        return [f"{lines[0]}  {pick(lang, '恢复后重新计算', 'counted again when it goes on')}"]
    for item in account.dues:
        lines += [f"  {line}" for line in due_lines(account, item, lang)]
    if account.clock.asked:
        asked = account.clock.asked
        name = word(MOMENT_WORDS, asked["moment"], lang)
        lines.append(
            pick(
                lang,
                f"  待审批：{name}延至 {asked['until']}，批准以前不变",
                f"  to be approved: {name} until {asked['until']}; nothing moves before",
            )
        )
    return lines


def _followed(held: Held, entry: Entry, lang: str) -> str:
    matter = held.matters[entry.matter]
    workflow = held.office.workflow(matter)
    title = workflow.actions[entry.name].title.in_(lang) if entry.name in workflow.actions else entry.name
    return f"{title}  {matter.id}  {workflow.states[matter.state].title.in_(lang)}"


def _next(held: Held, command: Callable[..., str], lang: str) -> list[str]:
    """The command that usually comes next, to be typed as it stands."""
    why = ("--reason", pick(lang, "原因", "REASON"))
    if held.line.name == "pause":
        return [command("clock", "resume", held.matter.id, *why)]
    if held.line.name == "ask_extension":
        waiting = next(a for a in held.accounts if a.clock.asked)
        named = command("clock", "approve", waiting.matter.id, waiting.clock.name, *why)
        other = pick(lang, "另一人", "ANOTHER")
        return [named.replace(f" --as {held.said.actor.person} ", f" --as {other} ", 1)]
    return []
