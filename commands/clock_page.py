"""Clocks on a page: why each is red, what fired, what comes next; as text and as data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from commands.printing import due, local, pick
from commands.words import (
    CHANNELS,
    DOES,
    LAMPS,
    MOMENT_WORDS,
    PARTY_WORDS,
    aside,
    fire_at,
    here,
    left,
    length_words,
    roles,
    span,
    word,
)
from engine.clock import Charged
from engine.explain import ClockAccount, DueAccount, RungAccount
from engine.law import Ground
from engine.losing import by_party
from engine.workflow import Title, Trigger, WorkflowDef

CONFIDENCES = {
    "sure": ("确定", "sure"),
    "fairly sure": ("较有把握", "fairly sure"),
    "to verify": ("待核对", "to verify"),
}


def ground_words(ground: Ground | None, lang: str) -> str:
    """An article with the day on which it was checked and how sure we are; empty for none."""
    if ground is None:
        return ""
    sure, day = word(CONFIDENCES, ground.confidence, lang), ground.checked_on
    said = sure if day is None else pick(lang, f"{day} 核对，{sure}", f"checked {day}, {sure}")
    return ground.basis + aside(said, lang)


def explain_page(account: ClockAccount, workflow: WorkflowDef, now: datetime, lang: str) -> str:
    """Everything about one clock, as an officer reads it from top to bottom."""
    clock, term = account.clock, account.term
    again = "" if clock.round == 1 else pick(lang, f" 第 {clock.round} 轮", f" round {clock.round}")
    again += "" if clock.epoch == 1 else pick(lang, f" 第 {clock.epoch} 期次", f" epoch {clock.epoch}")
    head = f"{account.definition.title.in_(lang)}{again}{aside(account.matter.id, lang)}"
    head += f"  [{word(LAMPS, account.lamp, lang)}]  {_state(account, lang)}"
    how = pick(lang, *(("不早于", "not before") if term.kind == "min" else ("至迟", "finish by")))
    lines = [
        head.rstrip(),
        f"  {pick(lang, '起算', 'start')}  {local(clock.anchor)}  {_triggers(account, workflow, lang)}",
        f"  {pick(lang, '期限', 'term')}  {term.title.in_(lang)}{aside(pick(lang, f'{term.code}，{how}', f'{term.code}, {how}'), lang)}",
    ]
    for item in account.dues:
        lines += [f"  {line}" for line in due_lines(account, item, lang)]
    for pause in account.pauses:
        until = local(pause.until) if pause.until else pick(lang, "至今", "now")
        lines.append(f"  {pick(lang, '中止', 'pause')}  {local(pause.since)} - {until}  {pause.ground}")
    if clock.asked:
        asked, name = clock.asked, word(MOMENT_WORDS, clock.asked["moment"], lang)
        said = pick(lang, "待审批的延期", "extension to be decided")
        lines.append(f"  {said}  {name} {asked['until']}  {asked['by']}  {asked['reason']}")
    lines += [f"  {line}" for line in lost_lines(account, lang)]
    if clock.trouble:
        lines.append(f"  {pick(lang, '故障', 'trouble')}  {clock.trouble}")
    lines += [f"  {line}" for line in _rungs(account, now, lang)]
    return "\n".join(lines)


def _state(account: ClockAccount, lang: str) -> str:
    clock = account.clock
    if clock.state == "running":
        return pick(lang, "在走", "running")
    if clock.state == "paused":
        return pick(lang, "中止中，不计时", "paused")
    ended = local(clock.ended_at) if clock.ended_at else ""
    if clock.state == "void":
        return pick(lang, f"{ended} 作废，不计", f"void since {ended}")
    said = pick(lang, f"{ended} 办结", f"ended {ended}")
    if clock.ended_recorded_at is not None and clock.ended_at is not None:
        recorded = local(clock.ended_recorded_at)
        if clock.ended_recorded_at - clock.ended_at >= timedelta(minutes=1):
            said += pick(lang, f"，{recorded} 登记", f", recorded {recorded}")
    return said


def _triggers(account: ClockAccount, workflow: WorkflowDef, lang: str) -> str:
    return " / ".join(_trigger(t, workflow, lang) for t in account.started_by)


def _trigger(trigger: Trigger, workflow: WorkflowDef, lang: str) -> str:
    held: dict[str, dict[str, Title]] = {
        "action": {n: a.title for n, a in workflow.actions.items()},
        "state": {n: s.title for n, s in workflow.states.items()},
        "fact": {n: f.title for n, f in workflow.facts.items()},
    }
    title = held[trigger.kind].get(trigger.name)
    name = trigger.name if title is None else title.in_(lang)
    kinds = {"action": ("", ""), "state": ("进入“", "entering "), "fact": ("要素“", "fact ")}
    close = "”" if trigger.kind != "action" and lang != "en" else ""
    return f"{pick(lang, *kinds[trigger.kind])}{name}{close}"


def due_lines(account: ClockAccount, item: DueAccount, lang: str) -> list[str]:
    """One due moment with its limit and ground, and what made the count differ from plain days."""
    name = word(MOMENT_WORDS, item.name, lang)
    if account.term.kind == "min":
        name = pick(lang, "最早可办", "not before")
        text = f"{name}  {local(item.moment.instant)}"
    else:
        text = f"{name}  {due(item.moment)}  {standing(account, item, lang)}"
    if item.moment.provisional:
        text += pick(lang, "  暂定：假日安排尚未公布", "  provisional: holidays not announced")
    lines = [text]
    indent = "    "
    limit = "" if item.limit is None else length_words(item.limit, lang)
    basis = ground_words(item.ground, lang) or pick(lang, "按合同约定", "as agreed in the contract")
    lines.append(f"{indent}{limit}  {basis}".replace(f"{indent}  ", indent))
    lines += [indent + line for line in _count_lines(item, lang)]
    if item.recounted is not None:
        again = due(item.recounted)
        said = pick(lang, f"按现行日历重数为 {again}，尚未调整", f"today's count would be {again}")
        lines.append(indent + said)
    return lines


def lost_lines(account: ClockAccount, lang: str) -> list[str]:
    """Whose the lost days are, and what is asked about them; nothing where there is neither."""
    lines: list[str] = []
    counts = by_party(account.lost.values())
    if counts:
        total = len(account.lost)
        said = [
            f"{word(PARTY_WORDS, who, lang)} {n}"
            + aside(_joined([f"{d:%m-%d}" for d, w in account.lost.items() if w == who], lang), lang)
            for who, n in counts.items()
        ]
        head = pick(
            lang, f"损失  {total} 个工作日  ", f"lost  {total} working day{'s' if total > 1 else ''}  "
        )
        lines.append(head + pick(lang, "；", "; ").join(said))
    asked = account.clock.charge_asked
    if asked is not None:
        head = pick(lang, "待审批的责任划分", "attribution to be decided")
        who = word(PARTY_WORDS, asked.party, lang)
        lines.append(f"{head}  {who} {asked.since} - {asked.until}  {asked.by}  {asked.reason}")
    return lines


def _count_lines(item: DueAccount, lang: str) -> list[str]:
    """Say what made the count differ from plain days; calendar days only differ where the end rolled."""
    lost = [f"{day:%m-%d}" for day in item.frozen]
    paused = [pick(lang, "中止，不计入：", "left out, paused: ") + _joined(lost, lang)] if lost else []
    if item.extended is not None:
        return [pick(lang, f"经批准延期至 {item.extended}", f"extended to {item.extended}"), *paused]
    if item.rolled_from is not None:
        over = [f"{d:%m-%d} {n}" for d, n, worked in item.days if not worked and d >= item.rolled_from]
        head = pick(lang, f"末日 {item.rolled_from:%m-%d} 逢休息日，顺延，越过", "the last day rolled over")
        return [f"{head} {_joined(over, lang)}"]
    if item.limit is None or item.limit.unit != "working days":
        return paused
    rest = [f"{day:%m-%d} {name}" for day, name, worked in item.days if not worked]
    made_up = [f"{day:%m-%d}" for day, _, worked in item.days if worked]
    lines = paused
    if rest:
        head = pick(lang, f"跳过休息日 {len(rest)} 天：", f"{len(rest)} rest days skipped: ")
        lines.append(head + _joined(rest, lang))
    if made_up:
        head = pick(lang, "调休上班，计入：", "make-up days counted: ")
        lines.append(head + _joined(made_up, lang))
    return lines


def _joined(days: list[str], lang: str) -> str:
    shown = days[:12]
    more = len(days) - len(shown)
    text = pick(lang, "、", ", ").join(shown)
    return text + (pick(lang, f" 等，另有 {more} 天", f" and {more} more") if more else "")


def standing(account: ClockAccount, item: DueAccount, lang: str) -> str:
    """How a due moment stands: time left, in time, or late by how much."""
    if account.clock.state == "running":
        return left(item.left, lang)
    if account.clock.state != "met":
        return pick(lang, "中止中", "paused") if account.clock.is_open else ""
    if item.name in account.late:
        return pick(lang, "逾期 ", "late by ") + span(item.left, lang)
    return pick(lang, "按期，提前 ", "in time by ") + span(item.left, lang)


def _rungs(account: ClockAccount, now: datetime, lang: str) -> list[str]:
    lines: list[str] = []
    for rung in account.fired:
        late = rung.fired_at - rung.at if rung.fired_at else timedelta()
        text = f"{pick(lang, '已触发', 'fired')}  {fire_at(rung.does, rung.at)}  {_does(rung, lang)}"
        if rung.collapsed:
            text += pick(lang, "  已过时，未发", "  stale, not sent")
        else:
            text += f"  {told(rung, lang)}"
        if rung.case:
            text += f"  {pick(lang, '督办件', 'case')} {rung.case}"
        if late >= timedelta(minutes=1) and not rung.collapsed:
            text += pick(lang, f"  迟 {span(late, lang)}", f"  {span(late, lang)} behind")
        lines.append(text)
    for rung in account.planned:
        text = f"{pick(lang, '接下来', 'next')}  {fire_at(rung.does, rung.at)}  {_does(rung, lang)}"
        text += f"  {told(rung, lang)}"
        if rung.at <= now:
            text += pick(lang, "  已到点，待巡查", "  due, waits for a patrol")
        lines.append(text)
    return lines


def _does(rung: RungAccount, lang: str) -> str:
    does = word(DOES, rung.does, lang)
    return does if rung.moment is None else does + aside(word(MOMENT_WORDS, rung.moment, lang), lang)


def told(rung: RungAccount, lang: str) -> str:
    """Whom a rung told or will tell, by which channels."""
    via = "/".join(word(CHANNELS, c, lang) for c in rung.via)
    if rung.persons:
        return f"{pick(lang, '告知', 'tells')} {pick(lang, '、', ', ').join(rung.persons)} {via}".rstrip()
    nobody = pick(lang, "无人任职", "nobody holds it")
    return (
        f"{pick(lang, '告知', 'tells')} {roles(rung.roles, lang)}{aside(nobody, lang)}" if rung.roles else ""
    )


def account_data(account: ClockAccount) -> dict[str, Any]:
    """One clock for JSON; durations in whole seconds, instants with their offset."""
    clock = account.clock
    return {
        "matter": clock.matter,
        "clock": clock.name,
        "title": account.definition.title.zh,
        "round": clock.round,
        "epoch": clock.epoch,
        "state": clock.state,
        "lamp": account.lamp,
        "kind": account.term.kind,
        "term": account.term.name,
        "code": account.term.code,
        "anchor": here(clock.anchor),
        "started_by": [{"kind": t.kind, "name": t.name} for t in account.started_by],
        "ended_at": here(clock.ended_at),
        "ended_recorded_at": here(clock.ended_recorded_at),
        "late": list(account.late),
        "due": [_due_data(item) for item in account.dues],
        "fired": [_rung_data(rung) for rung in account.fired],
        "planned": [_rung_data(rung) for rung in account.planned],
        "pauses": [
            {"since": here(p.since), "until": here(p.until), "ground": p.ground} for p in account.pauses
        ],
        "extension_asked": dict(clock.asked) or None,
        "lost_days": {
            "total": len(account.lost),
            "by_party": by_party(account.lost.values()),
            "days": [{"day": day, "party": who} for day, who in account.lost.items()],
        },
        "attributions": [_charged_data(charged) for charged in clock.charged],
        "trouble": clock.trouble or None,
    }


def _charged_data(charged: Charged) -> dict[str, Any]:
    return {
        "party": charged.party,
        "since": charged.since,
        "until": charged.until,
        "reason": charged.reason,
        "by": charged.by,
        "approved_by": charged.approved_by or None,
    }


def _due_data(item: DueAccount) -> dict[str, Any]:
    ground = item.ground
    return {
        "moment": item.name,
        "at": here(item.moment.instant),
        "day": item.moment.day,
        "ends": item.moment.ends,
        "provisional": item.moment.provisional,
        "limit": item.limit,
        "basis": None if ground is None else ground.basis,
        "checked_on": None if ground is None else ground.checked_on,
        "confidence": None if ground is None else ground.confidence,
        "left_seconds": int(item.left.total_seconds()),
        "rest_days": [{"day": day, "name": name} for day, name, worked in item.days if not worked],
        "rolled_from": item.rolled_from,
        "frozen_days": list(item.frozen),
        "extended_to": item.extended,
        "make_up_days": [day for day, _, worked in item.days if worked],
        "recounted": None if item.recounted is None else here(item.recounted.instant),
    }


def _rung_data(rung: RungAccount) -> dict[str, Any]:
    return {
        "rung": rung.name,
        "does": rung.does,
        "moment": rung.moment,
        "at": here(rung.at),
        "fired_at": here(rung.fired_at),
        "collapsed": rung.collapsed,
        "roles": list(rung.roles),
        "persons": list(rung.persons),
        "via": list(rung.via),
        "case": rung.case,
    }
