"""The letters of a case as text: 提醒改正函, 提请函 (or 待核线索移送单), 督促改正通知书, with 送达回证. 文书

A 督办单 is the one paper about several cases: those of a unit and week in a list.

The wording is data (``workflows/papers/*.txt``, ``{placeholder}`` texts); here are the values. Letters speak to
units: no value names a person, an amount or a supplier. What a letter says holds as of its own day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from engine.errors import BadInput, NotFound, Refused
from engine.explain import ClockAccount, DueAccount
from engine.matter import Matter
from engine.message import KINDS
from engine.office import Office
from engine.workflow import WorkflowDef

FOLDER = "papers"
_PLACE = re.compile(r"\{(\w+)\}")
_BLANK = "____________"
_UNSIGNED = "________年____月____日____时"


@dataclass(frozen=True, slots=True)
class PaperDef:
    """One kind of letter: after which action it is sent, which fact numbers it, which clock limits the answer."""

    template: str
    action: str
    number: str
    limit: str


PAPERS: Mapping[str, tuple[PaperDef, ...]] = {
    "reminder": (PaperDef("reminder", "remind", "letter_no", "correct"),),
    "referral": (
        PaperDef("referral", "refer", "referral_no", "accept_case"),
        PaperDef("lead", "pass_on", "referral_no", "accept_lead"),
    ),
    "urge": (PaperDef("urge", "urge", "document_no", "rectify"),),
}
"""The letters by the name under which they are asked for; of several that which was sent last."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who writes to whom: names of offices, never of persons."""

    unit: str
    regulator: str
    tracker: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A letter: ``draft`` until the action is recorded that sends it."""

    kind: str
    title: str
    number: str
    issuer: str
    addressee: str
    dated: date
    text: str
    draft: bool


def compose(
    office: Office,
    case: Matter,
    kind: str,
    parties: Parties,
    folders: Sequence[Path],
    *,
    code: str,
    account: ClockAccount | None,
    digest: str,
    now: datetime,
) -> Paper:
    """Write the letter ``kind`` of ``case``; ``account`` is that of the clock that the case is about.

    ``folders`` are searched in order for the wording. Raise ``Refused`` before the letter's turn.
    """
    definition, sent = _which(office, case, kind)
    day = office.calendar.day_of(sent or now)
    number = str(case.facts.get(definition.number, "")) or _BLANK
    sender, receiver = {
        "reminder": (parties.tracker, parties.unit),
        "referral": (parties.tracker, parties.regulator),
        "urge": (parties.regulator, parties.unit),
    }[kind]
    wording = read_template(folders, definition.template)
    title = wording.partition("\n")[0].strip()
    signed = case.marks.get("action:sign_for") if kind == "reminder" else None
    values = {
        "unit": parties.unit,
        "regulator": parties.regulator,
        "issuer": sender,
        "addressee": receiver,
        "title": title,
        "number": number,
        "letter": str(case.facts.get("letter_no", "")) or _BLANK,
        "code": code,
        "name": case.title,
        "case": case.id,
        "day": said_day(day),
        "limit": _limit(office, case, definition.limit, day),
        "digest": digest,
        "signed": _UNSIGNED if signed is None else said_day(office.calendar.day_of(signed)) + "（系统登记）",
        **_breach(office, case, account, day),
    }
    values["receipt"] = fill(read_template(folders, "receipt"), values, "receipt")
    text = fill(wording, values, definition.template)
    return Paper(kind, title, number, sender, receiver, day, text, sent is None)


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A case in a 督办单: the project's number and name, what was missed, and how that stands.

    ``due`` and ``late`` (working days) are ``None`` where a rule opened the case.
    """

    case: Matter
    project: str
    item: str
    due: date | None
    late: int | None
    state: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """A 督办单 as of a day; ``table`` are the lines of ``text`` that list the cases."""

    number: str
    title: str
    issuer: str
    addressee: str
    dated: date
    table: str
    text: str


def sheet_line(
    office: Office, case: Matter, account: ClockAccount | None, code: str, now: datetime
) -> SheetLine:
    """Say how one case stands at ``now``; ``account`` is that of the clock that it is about."""
    state = office.workflow(case).states[case.state]
    project, title = f"{code}（{case.title}）", str(state.title)
    if account is None:
        rule = office.machines(case.bundle).bundle.rules.get(case.about_clock or "")
        item = str(rule.title) if rule else str(case.about_clock)
        return SheetLine(case, project, item, None, None, title, state.final)
    due = _missed(case, account)
    _, late = _lateness(office, account, due, office.calendar.day_of(now))
    return SheetLine(case, project, str(account.definition.title), due.moment.day, late, title, state.final)


def compose_sheet(
    number: str,
    week: tuple[date, date],
    lines: Sequence[SheetLine],
    parties: Parties,
    folders: Sequence[Path],
    *,
    draw: Callable[[Sequence[Sequence[object]], Sequence[str]], str],
    day: date,
) -> Sheet:
    """Write the 督办单 of a unit and week; ``draw`` lays out a table of rows under headings."""
    wording = read_template(folders, "sheet")
    title = wording.partition("\n")[0].strip()
    rows = [
        (place, line.project, line.item, line.due, line.late, line.state)
        for place, line in enumerate(lines, 1)
    ]
    table = draw(rows, ("序号", "项目", "所督办", "应办结日", "逾期工作日", "状态"))
    letters = dict.fromkeys(
        str(line.case.facts["letter_no"]) for line in lines if "letter_no" in line.case.facts
    )
    values = {
        "unit": parties.unit,
        "regulator": parties.regulator,
        "issuer": parties.tracker,
        "addressee": parties.unit,
        "title": title,
        "number": number,
        "week": f"{said_day(week[0])}至{said_day(week[1])}",
        "day": said_day(day),
        "count": str(len(lines)),
        "open": str(sum(1 for line in lines if not line.closed)),
        "letter": "、".join(letters) or _BLANK,
        "signed": _UNSIGNED,
        "cases": table,
    }
    values["receipt"] = fill(read_template(folders, "receipt"), values, "receipt")
    text = fill(wording, values, "sheet")
    return Sheet(number, title, parties.tracker, parties.unit, day, table, text)


def _which(office: Office, case: Matter, kind: str) -> tuple[PaperDef, datetime | None]:
    """Return the letter that was sent last, or that which can be sent now, and when it was sent."""
    sent = [(case.marks[f"action:{d.action}"], d) for d in PAPERS[kind] if f"action:{d.action}" in case.marks]
    if sent:
        at, definition = max(sent, key=lambda pair: pair[0])
        return definition, at
    workflow = office.workflow(case)
    for definition in PAPERS[kind]:
        action = workflow.actions.get(definition.action)
        if action is not None and case.state in action.sources:
            return definition, None
    first = workflow.actions.get(PAPERS[kind][0].action)
    steps = "" if first is None else "、".join(str(workflow.states[s].title) for s in first.sources)
    raise Refused(
        f"{case.id} 没有这份文书：现为“{workflow.states[case.state].title}”",
        why=f"该文书在{steps}时拟稿、发出" if steps else "流程里没有发出它的操作",
        then=f"用 yiriban case show {case.id} 看现在可以办什么",
    )


def _limit(office: Office, case: Matter, clock: str, day: date) -> str:
    """Return the time for an answer, as the profile of the case gives it on the letter's day."""
    promise = office.planner(case).profile.promises.get(f"{case.workflow}.{clock}")
    value = promise.on(day) if promise else None
    return value.value.limit.in_chinese() if value and value.value else "合理期限"


def _breach(office: Office, case: Matter, account: ClockAccount | None, day: date) -> dict[str, str]:
    """Say what was missed: in one sentence, how it stands on the letter's day, and the facts one by one."""
    if account is None:
        rule = office.machines(case.bundle).bundle.rules.get(case.about_clock or "")
        title = str(rule.title) if rule else str(case.about_clock)
        basis = f"（{rule.ground.basis}）" if rule else ""
        opened = said_day(office.calendar.day_of(case.opened_at))
        return {
            "breach": f"不符合“{title}”的要求{basis}",
            "standing": f"于{opened}发现",
            "facts": _listed(
                [f"事项：{case.about}", f"规则：{case.about_clock} {title}{basis}", f"发现：{opened}"]
            ),
        }
    item = account.definition.title
    due = _missed(case, account)
    last = said_day(due.moment.day)
    standing = _standing(office, account, due, day)
    workflow = office.workflow(account.matter)
    lines = [
        f"事项：{account.matter.id}（{workflow.title}）{item}",
        f"起算：{said_day(office.calendar.day_of(account.clock.anchor))}，{_trigger(account, workflow)}",
        f"时限：{_ground(due)}，至{last}",
        f"情况：{standing}",
    ]
    if told := _told(office, account, day):
        lines.append(f"提示：{told}")
    lines += [
        f"中止：{said_day(office.calendar.day_of(p.since))}起"
        + (f"，至{said_day(office.calendar.day_of(p.until))}" if p.until else "")
        for p in account.pauses
        if office.calendar.day_of(p.since) <= day
    ]
    return {
        "breach": f"“{item}”的{KINDS[due.name]}为{last}",
        "standing": standing,
        "facts": _listed(lines),
    }


def _missed(case: Matter, account: ClockAccount) -> DueAccount:
    """Return the due moment on which the case rests."""
    return next((d for d in account.dues if d.name == case.facts.get("moment")), account.dues[0])


def _standing(office: Office, account: ClockAccount, due: DueAccount, day: date) -> str:
    ended, late = _lateness(office, account, due, day)
    if ended is not None:
        return f"于{said_day(ended)}办结，逾期{late}个工作日"
    return f"截至{said_day(day)}未见办结登记，已逾期{late}个工作日"


def _lateness(office: Office, account: ClockAccount, due: DueAccount, day: date) -> tuple[date | None, int]:
    """Return on which day it was done, as far as that is known on ``day``, and the working days late."""
    clock, day_of = account.clock, office.calendar.day_of
    ended, recorded = clock.ended_at, clock.ended_recorded_at
    done = None
    if clock.state == "met" and ended is not None and recorded is not None and day_of(recorded) <= day:
        done = day_of(ended)
    return done, office.calendar.worked_between(due.moment.day, done or day)


def _ground(due: DueAccount) -> str:
    limit = "" if due.limit is None else due.limit.in_chinese()
    extended = "，经批准延期" if due.extended is not None else ""
    basis = due.ground.basis if due.ground is not None else "合同约定"
    return f"{KINDS[due.name]}{limit}（{basis}{extended}）"


def _trigger(account: ClockAccount, workflow: WorkflowDef) -> str:
    titles = {
        "action": {n: str(a.title) for n, a in workflow.actions.items()},
        "state": {n: str(s.title) for n, s in workflow.states.items()},
        "fact": {n: str(f.title) for n, f in workflow.facts.items()},
    }
    return "、".join(titles[t.kind].get(t.name, t.name) for t in account.started_by)


def _told(office: Office, account: ClockAccount, day: date) -> str:
    """Say on which days the unit was reminded and warned, up to the letter's day."""
    words = {"remind": "提醒", "warn": "预警"}
    found = [
        (office.calendar.day_of(rung.fired_at), words[rung.does])
        for rung in account.fired
        if rung.does in words and rung.fired_at is not None and not rung.collapsed and rung.persons
    ]
    said = [f"{said_day(sent)}{word}" for sent, word in found if sent <= day]
    return "、".join(dict.fromkeys(said))


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"    {number}. {line}" for number, line in enumerate(lines, 1))


def said_day(day: date) -> str:
    """``2026年11月4日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def read_template(folders: Sequence[Path], name: str) -> str:
    """Return the wording ``papers/<name>.txt`` of the first folder that has it."""
    for folder in folders:
        path = folder / FOLDER / f"{name}.txt"
        if path.is_file():
            try:
                return path.read_text(encoding="utf-8-sig").strip("\n")
            except UnicodeDecodeError:
                raise BadInput(f"文书模板 {path} 不是 UTF-8 编码", then="用编辑器另存为 UTF-8 编码") from None
    raise NotFound(f"没有文书模板 {FOLDER}/{name}.txt", then="在流程文件夹的 papers 里补上")


def fill(template: str, values: Mapping[str, str], name: str) -> str:
    """Fill the places of a template; raise ``Refused`` for one that nobody fills."""
    unknown = sorted(set(_PLACE.findall(template)) - set(values))
    if unknown:
        raise Refused(
            f"文书模板 {name}.txt 里有不认识的占位符：" + "、".join(f"{{{u}}}" for u in unknown),
            why="出具的文书里不能留下没有填的地方",
            then="可用的：" + "、".join(sorted(set(values) - {"receipt"})),
        )
    return _PLACE.sub(lambda place: values[place[1]], template)
