"""The receipt of an action: what was due before, what it ended, started, opened, what comes next. 回执"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from commands.clock_page import account_data, ground_words, standing
from commands.printing import local, pick
from commands.project_page import offer_data, offer_lines
from commands.words import (
    CHANNELS,
    DOES,
    LAMPS,
    MOMENT_WORDS,
    aside,
    colon,
    due_at,
    fire_at,
    here,
    left,
    length_words,
    span,
    word,
)
from engine.advance import Receipt, Request
from engine.clock import Clock
from engine.explain import ClockAccount, explain
from engine.matter import Matter
from engine.offering import Offer, offers
from engine.office import Office
from engine.work import Fire, Message, Work

_MOST_OFFERS = 4
_MOST_OPENED = 10


@dataclass(slots=True)
class Done:
    """What a receipt says, taken before the unit of work is written and cleared."""

    office: Office
    request: Request
    receipt: Receipt
    matter: Matter
    now: datetime
    person: str
    fires: list[Fire]
    messages: list[Message]
    started: list[ClockAccount]
    ended: list[ClockAccount]
    moved: list[ClockAccount]
    not_started: list[tuple[str, str, str]]
    following: list[Offer]
    matters: Mapping[str, Matter]
    dry_run: bool


def take(
    office: Office,
    work: Work,
    receipt: Receipt,
    request: Request,
    now: datetime,
    person: str,
    *,
    dry_run: bool,
) -> Done:
    """Collect everything about an action from its unit of work, before that is written."""

    def accounts(clocks: Sequence[Clock]) -> list[ClockAccount]:
        return [explain(office, work, work.matters[c.matter], c, now) for c in clocks]

    changed = list(work.changed_clocks.values())
    fresh = {c.key for c in work.new_clocks}
    renewed = {
        (e.matter, note["clock"])
        for e in work.entries
        for note in e.detail.get("clocks", ())
        if "epoch" in note
    }
    matter = receipt.outcome.matter
    family = [matter] if matter.is_case else [m for m in work.family(matter.root) if not m.is_case]
    return Done(
        office, request, receipt, matter, now, person,
        list(work.fires),
        list(work.messages),
        accounts([c for c in work.new_clocks if c.is_open]),
        accounts([c for c in changed if not c.is_open and c.ended_recorded_at == now]),
        accounts([c for c in changed if (c.matter, f"{c.name}/{c.round}") in renewed and c.key not in fresh]),
        _not_started(office, work),
        offers(office, work, family, now),
        {m.id: m for m in work.family(matter.root)},
        dry_run,
    )  # fmt: skip


def _not_started(office: Office, work: Work) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for entry in work.entries:
        for note in entry.detail.get("clocks", ()):
            if "not_started" in note:
                title = office.clock(work.matters[entry.matter], note["clock"]).title
                found.append((entry.matter, title.zh, str(note["not_started"])))
    return found


def receipt_data(done: Done, command: Callable[..., str]) -> dict[str, Any]:
    """The receipt for JSON."""
    outcome = done.receipt.outcome
    return {
        "dry_run": done.dry_run,
        "matter": outcome.matter.id,
        "root": outcome.matter.root,
        "action": outcome.action,
        "from": outcome.came_from,
        "to": outcome.went_to,
        "at": here(done.request.at),
        "recorded_at": here(done.now),
        "person": done.person,
        "revision": outcome.matter.revision,
        "history_no": outcome.matter.history_no,
        "head_hash": outcome.matter.head_hash,
        "fires": [fire_data(f, done.messages) for f in done.fires],
        "clocks": {
            "started": [account_data(a) for a in done.started],
            "ended": [account_data(a) for a in done.ended],
            "moved": [account_data(a) for a in done.moved],
            "not_started": [{"matter": m, "clock": c, "why": why} for m, c, why in done.not_started],
        },
        "opened": [{"id": m.id, "workflow": m.workflow, "state": m.state} for m in outcome.opened],
        "followed": [{"matter": m.id, "action": name, "state": m.state} for m, name in outcome.followed],
        "warnings": list(done.receipt.warnings),
        "notes": list(done.receipt.notes),
        "next": [offer_data(o, command) for o in done.following],
    }


def fire_data(fire: Fire, messages: Sequence[Message]) -> dict[str, Any]:
    """A fire with the messages it sends, for JSON."""
    return {
        "key": fire.key,
        "matter": fire.matter,
        "clock": fire.clock,
        "rung": fire.rung,
        "does": fire.does,
        "at": here(fire.at),
        "fired_at": here(fire.fired_at),
        "late_seconds": int((fire.fired_at - fire.at).total_seconds()),
        "collapsed": fire.collapsed,
        "case": fire.case,
        "messages": [
            {
                "key": m.key,
                "person": m.person,
                "role": m.role,
                "channel": m.channel,
                "subject": m.subject,
                "text": m.text,
                "send_from": here(m.send_from),
            }
            for m in messages
            if m.fire == fire.key
        ],
    }


def fire_words(office: Office, matter: Matter, fire: Fire, messages: Sequence[Message], lang: str) -> str:
    """A fire on one line: when it was due, what it does, whom it tells, how much behind."""
    title = office.clock(matter, fire.clock).title.in_(lang)
    text = f"{fire_at(fire.does, fire.at)}  {word(DOES, fire.does, lang)}  {title}{aside(fire.matter, lang)}"
    if fire.collapsed:
        return text + pick(lang, "  已过时，不再发", "  stale, not sent")
    told: dict[str, list[str]] = {}
    for message in messages:
        if message.fire == fire.key:
            told.setdefault(message.person, []).append(word(CHANNELS, message.channel, lang))
    if told:
        persons = "；".join(f"{person} {'/'.join(via)}" for person, via in told.items())
        text += f"  {pick(lang, '告知', 'tells')} {persons}"
    else:
        text += pick(lang, "  无人可告知", "  nobody to tell")
    if fire.case:
        text += f"  {pick(lang, '督办件', 'case')} {fire.case}"
    if fire.fired_at - fire.at >= timedelta(minutes=1):
        text += pick(lang, "  迟 ", "  behind ") + span(fire.fired_at - fire.at, lang)
    return text


def receipt_page(done: Done, command: Callable[..., str], lang: str) -> str:
    """The receipt as an officer reads it."""
    lines = [pick(lang, "【预演，没有保存】", "[rehearsal, nothing kept]")] if done.dry_run else []
    lines += _head(done, lang)
    lines += _block(lang, pick(lang, "此前已到点", "Was due before"), _fires(done, lang))
    lines += _block(lang, pick(lang, "停止的计时", "Clocks ended"), [_ended(a, lang) for a in done.ended])
    lines += _block(lang, pick(lang, "起算的计时", "Clocks started"), _started(done.started, done.now, lang))
    lines += _block(
        lang, pick(lang, "重新计算的计时", "Clocks recounted"), _started(done.moved, done.now, lang)
    )
    lines += _block(
        lang, pick(lang, "没有起算", "Not started"), [_why_not(n, lang) for n in done.not_started]
    )
    lines += _block(lang, pick(lang, "开立", "Opened"), _opened(done, lang))
    lines += _block(lang, pick(lang, "随之自动办理", "Followed by itself"), _followed(done, lang))
    lines += _block(lang, pick(lang, "提示", "Warnings"), [*done.receipt.warnings, *done.receipt.notes])
    following: list[str] = []
    for offer in done.following[:_MOST_OFFERS]:
        following += offer_lines(offer, done.now, command, lang)
    more = len(done.following) - _MOST_OFFERS
    if more > 0:
        about = done.matter.is_case
        show = (
            command("case", "show", done.matter.id) if about else command("project", "show", done.matter.root)
        )
        following.append(pick(lang, f"另有 {more} 项：{show}", f"and {more} more: {show}"))
    lines += _block(lang, pick(lang, "接下来可以", "What can be done next"), following)
    return "\n".join(lines)


def _block(lang: str, title: str, lines: Sequence[str]) -> list[str]:
    return [colon(title, lang), *(f"  {line}" for line in lines)] if lines else []


def _head(done: Done, lang: str) -> list[str]:
    outcome = done.receipt.outcome
    workflow = done.office.workflow(outcome.matter)
    action = workflow.actions[outcome.action]
    states = [workflow.states[s].title.in_(lang) for s in (outcome.came_from, outcome.went_to)]
    way = " → ".join(states) if states[0] != states[1] else states[0]
    text = f"{action.title.in_(lang)}  {outcome.matter.id}{aside(workflow.title.in_(lang), lang)}  {way}"
    when = f"{pick(lang, '发生', 'happened')} {local(done.request.at)}"
    if done.now - done.request.at >= timedelta(minutes=1):
        when += f"  {pick(lang, '登记', 'recorded')} {local(done.now)}"
    number = outcome.matter.revision
    who = f"{done.person}  {pick(lang, f'第 {number} 版', f'revision {number}')}"
    return [f"{colon(pick(lang, '已记录', 'Recorded'), lang)}{pick(lang, '', ' ')}{text}", f"  {when}  {who}"]


def _fires(done: Done, lang: str) -> list[str]:
    return [fire_words(done.office, done.matters[f.matter], f, done.messages, lang) for f in done.fires]


def _ended(account: ClockAccount, lang: str) -> str:
    said = [
        f"{word(MOMENT_WORDS, item.name, lang)} {due_at(item.moment.instant)} {standing(account, item, lang)}"
        for item in account.dues
    ]
    joined = pick(lang, "；", "; ").join(said) if account.clock.state == "met" else ""
    lamp = word(LAMPS, account.lamp, lang)
    return (
        f"{account.definition.title.in_(lang)}{aside(account.matter.id, lang)}  [{lamp}]  {joined}".rstrip()
    )


def _started(accounts: Sequence[ClockAccount], now: datetime, lang: str) -> list[str]:
    lines: list[str] = []
    for account in accounts:
        title = f"{account.definition.title.in_(lang)}{aside(account.matter.id, lang)}"
        for item in account.dues:
            minimum = account.term.kind == "min"
            name = pick(lang, "最早可办", "not before") if minimum else word(MOMENT_WORDS, item.name, lang)
            instant = item.moment.instant
            when = local(instant) if minimum else due_at(instant, provisional=item.moment.provisional)
            limit = "" if item.limit is None else length_words(item.limit, lang)
            basis = ground_words(item.ground, lang) or pick(lang, "按合同约定", "as agreed in the contract")
            lines.append(f"{title}  {name} {when}  {left(instant - now, lang)}")
            lines.append(f"    {limit}  {basis}".rstrip())
    return lines


def _why_not(note: tuple[str, str, str], lang: str) -> str:
    matter, clock, why = note
    if why == "no limit":
        why = pick(lang, "没有承诺、约定或法定的期限", "it has no limit of any kind")
    elif why.startswith("missing fact "):
        fact = why.removeprefix("missing fact ")
        why = pick(lang, f"还不知道 {fact}", why)
    return f"{clock}{aside(matter, lang)}  {why}"


def _opened(done: Done, lang: str) -> list[str]:
    opened = done.receipt.outcome.opened
    lines = [
        f"{m.id}  {w.title.in_(lang)}  {w.states[m.state].title.in_(lang)}"
        for m in opened[:_MOST_OPENED]
        for w in (done.office.workflow(m),)
    ]
    more = len(opened) - _MOST_OPENED
    return lines + ([pick(lang, f"另有 {more} 个", f"and {more} more")] if more > 0 else [])


def _followed(done: Done, lang: str) -> list[str]:
    lines: list[str] = []
    for matter, name in done.receipt.outcome.followed:
        workflow = done.office.workflow(matter)
        state = workflow.states[matter.state].title.in_(lang)
        lines.append(f"{workflow.actions[name].title.in_(lang)}  {matter.id}  {state}")
    return lines
