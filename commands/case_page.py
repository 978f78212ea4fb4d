"""Cases on a page: what is watched, who was told what, whose turn it is; as text and as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from commands.clock_page import account_data, due_lines
from commands.history_page import Workflows, line_words
from commands.history_page import line_data as history_data
from commands.printing import local, pick, table, width
from commands.project_page import (
    clock_table,
    nearest,
    offer_data,
    offer_lines,
    shown_of,
)
from commands.words import (
    CHANNELS,
    DOES,
    LAMPS,
    MOMENT_WORDS,
    aside,
    due_at,
    fact_words,
    fire_at,
    hands,
    here,
    left,
    word,
)
from engine.chain import plain_facts
from engine.clock import Clock
from engine.dossier import Dossier
from engine.explain import ClockAccount, Lamp, RungAccount
from engine.matter import Matter
from engine.offering import Offer
from engine.opening import CASE_FACTS
from engine.papers import PAPERS
from engine.workflow import MOMENTS
from storage import views

_LETTER_WIDTH = 84
_DAY = timedelta(days=1)
_PIECES = re.compile(r"[0-9A-Za-z.-]+|.")
_CLOSING = "，。；：、）”》"


@dataclass(frozen=True, slots=True)
class Line:
    """A case in the list: what it is about, and the clock of its own that runs out first."""

    case: Matter
    about: str
    missed: Clock | None
    item: str
    clock: Clock | None
    lamp: Lamp | None

    @property
    def missed_at(self) -> datetime | None:
        """When the moment was missed on which the case rests."""
        wanted = self.case.facts.get("moment")
        if self.missed is None:
            return None
        return next((self.missed.moment(name) for name in MOMENTS if name == wanted), None)


def line_data(line: Line, now: datetime) -> dict[str, Any]:
    """One line of the list for JSON."""
    due = None if line.clock is None else nearest(line.clock)
    return {
        "id": line.case.id,
        "title": line.case.title,
        "unit": line.case.unit,
        "project": line.case.root,
        "about": line.about,
        "about_clock": line.case.about_clock,
        "moment": line.case.facts.get("moment"),
        "missed_at": here(line.missed_at),
        "state": line.case.state,
        "level": line.case.facts.get("level"),
        "sheet": line.case.facts.get("sheet"),
        "opened_at": here(line.case.opened_at),
        "lamp": line.lamp,
        "clock": None if line.clock is None else line.clock.name,
        "due": here(due),
        "left_seconds": None if due is None else int((due - now).total_seconds()),
    }


def list_page(lines: Sequence[Line], total: int, workflows: Workflows, now: datetime, lang: str) -> str:
    """The list as a table of at most 100 columns."""
    if not lines:
        return pick(lang, "没有督办件", "No cases")
    zh, en = "编号 单位 所督办 应办结 状态 灯 截止 剩余", "id unit about missed state lamp due left"
    rows = []
    for line in lines:
        workflow = workflows(line.case.bundle, line.case.workflow)
        due = None if line.clock is None else nearest(line.clock)
        rows.append(
            (
                line.case.id,
                line.case.unit,
                line.item,
                due_at(line.missed_at, short_for=now)[:5],
                workflow.states[line.case.state].title.in_(lang),
                None if line.lamp is None else word(LAMPS, line.lamp, lang),
                None
                if line.clock is None
                else due_at(due, provisional=line.clock.provisional, short_for=now),
                None if due is None or line.clock is None else _rest(line.clock, due - now, lang),
            )
        )
    more = "" if total <= len(lines) else "\n" + shown_of(len(lines), total, lang)
    return table(rows, pick(lang, zh, en).split()) + more


def _rest(clock: Clock, length: timedelta, lang: str) -> str:
    """Time left in its largest unit: whole days where there are any."""
    if clock.state == "paused":
        return pick(lang, "中止中", "paused")
    return left(timedelta(days=int(length / _DAY)) if abs(length) >= _DAY else length, lang)


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that `case show` knows; ``remedies`` are what would end the clock that was missed."""

    case: Matter
    watched: Sequence[Matter]
    numbers: Sequence[tuple[str, str]]
    account: ClockAccount | None
    accounts: Sequence[ClockAccount]
    lines: Sequence[views.Line]
    offers: Sequence[Offer]
    remedies: Sequence[Offer]
    dossier: Dossier
    now: datetime

    @property
    def told(self) -> list[tuple[str, RungAccount]]:
        """What was told to people, by the clock's title, in the order in which it was said."""
        accounts = [a for a in (self.account, *self.accounts) if a is not None]
        said = [(a.definition.title.in_("zh"), r) for a in accounts for r in a.fired if r.persons]
        # where nobody acted time does, and what that starts comes after it
        return sorted(said, key=lambda pair: (pair[1].at, pair[1].does != "act"))


def case_data(shown: Shown, command: Callable[..., str]) -> dict[str, Any]:
    """A case for JSON."""
    case, watched = shown.case, shown.watched[0]
    return {
        "case": case.id,
        "now": here(shown.now),
        "title": case.title,
        "unit": case.unit,
        "project": case.root,
        "about": watched.id,
        "about_workflow": watched.workflow,
        "about_state": watched.state,
        "about_clock": case.about_clock,
        "state": case.state,
        "level": case.facts.get("level"),
        "opened_at": here(case.opened_at),
        "revision": case.revision,
        "facts": plain_facts(case.facts),
        "watched": None if shown.account is None else account_data(shown.account),
        "clocks": [account_data(a) for a in shown.accounts],
        "told": [
            {
                "clock": title,
                "rung": r.name,
                "does": r.does,
                "at": here(r.at),
                "persons": list(r.persons),
                "via": list(r.via),
            }
            for title, r in shown.told
        ],
        "history": [history_data(line) for line in shown.lines],
        "dossier": {"digest": shown.dossier.digest, "frozen": shown.dossier.frozen},
        "offers": [offer_data(o, command) for o in shown.offers],
        "remedies": [offer_data(o, command) for o in shown.remedies],
    }


def case_page(shown: Shown, workflows: Workflows, command: Callable[..., str], lang: str) -> str:
    """A case from top to bottom: what it is about, how far it has come, and what to do now."""
    blocks = [
        _head(shown, workflows, lang),
        _titled(pick(lang, "所督办", "What is followed up"), _watched(shown, workflows, lang)),
    ]
    running = [a for a in shown.accounts if a.clock.is_open]
    if running:
        clocks = clock_table(running, shown.now, lang)
        blocks.append(f"{pick(lang, '督办件的限期', 'Limits of the case')}\n{clocks}")
    if shown.told:
        blocks.append(f"{pick(lang, '已告知', 'Who was told')}\n{_told(shown, lang)}")
    matters = (shown.case, *shown.watched)
    said = [line_words(line, matters, workflows, lang) for line in shown.lines]
    blocks.append(_titled(pick(lang, "经过", "History"), said))
    blocks.append(
        _titled(pick(lang, "卷宗与文书", "Dossier and papers"), _papers(shown, workflows, command, lang))
    )
    blocks.append(_titled(pick(lang, "现在可以", "What can be done now"), _offers(shown, command, lang)))
    return "\n\n".join(blocks)


def _titled(title: str, lines: Sequence[str]) -> str:
    return f"{title}\n" + "\n".join(f"  {line}" for line in lines)


def _head(shown: Shown, workflows: Workflows, lang: str) -> str:
    case = shown.case
    workflow = workflows(case.bundle, case.workflow)
    state = workflow.states[case.state].title.in_(lang)
    level = hands(str(case.facts.get("level", "")), lang)
    lines = [
        f"{case.id}  {case.title}",
        f"{case.unit}  {workflow.title.in_(lang)} {state}  {pick(lang, '层级', 'level')} {level}"
        f"  {pick(lang, '开立', 'opened')} {due_at(case.opened_at)}",
    ]
    known = [
        f"{d.title.in_(lang)} {fact_words(d, case.facts[n], lang)}"
        for n, d in workflow.facts.items()
        if n in case.facts and n not in CASE_FACTS
    ]
    if "sheet" in case.facts:
        known.insert(0, f"{pick(lang, '督办单', 'sheet')} {case.facts['sheet']}")
    return "\n".join([*lines, *([pick(lang, "；", "; ").join(known)] if known else [])])


def _watched(shown: Shown, workflows: Workflows, lang: str) -> list[str]:
    matter, account = shown.watched[0], shown.account
    workflow = workflows(matter.bundle, matter.workflow)
    number = next((value for kind, value in shown.numbers if kind == "project"), "")
    project = f"  {pick(lang, '项目', 'project')} {matter.root}" + (aside(number, lang) if number else "")
    lines = [
        f"{matter.id}  {workflow.title.in_(lang)}  {workflow.states[matter.state].title.in_(lang)}{project}"
    ]
    if account is None:
        return [*lines, f"{pick(lang, '规则', 'rule')} {shown.case.about_clock}"]
    wanted = shown.case.facts.get("moment")
    lines.append(f"{account.definition.title.in_(lang)}  [{word(LAMPS, account.lamp, lang)}]")
    for item in account.dues:
        mark = pick(lang, "  <- 据此督办", "  <- the ground of this case") if item.name == wanted else ""
        first, *others = due_lines(account, item, lang)
        lines += [f"  {first}{mark}", *(f"  {line}" for line in others)]
    for pause in account.pauses:
        until = local(pause.until) if pause.until else pick(lang, "至今", "now")
        lines.append(f"  {pick(lang, '中止', 'pause')}  {local(pause.since)} - {until}  {pause.ground}")
    if asked := account.clock.asked:
        said = pick(lang, "待审批的延期", "extension to be decided")
        name = word(MOMENT_WORDS, asked["moment"], lang)
        lines.append(f"  {said}  {name} {asked['until']}  {asked['by']}  {asked['reason']}")
    return lines


def _told(shown: Shown, lang: str) -> str:
    accounts = [a for a in (shown.account, *shown.accounts) if a is not None]
    titles = {a.definition.title.zh: a.definition.title.in_(lang) for a in accounts}
    rows = [
        (
            fire_at(r.does, r.at),
            f"{word(DOES, r.does, lang)}{aside(titles[title], lang)}",
            pick(lang, "、", ", ").join(r.persons),
            "/".join(word(CHANNELS, c, lang) for c in r.via),
        )
        for title, r in shown.told
    ]
    return table(rows, pick(lang, "何时 何事 告知 方式", "when what told via").split())


def _papers(shown: Shown, workflows: Workflows, command: Callable[..., str], lang: str) -> list[str]:
    frozen = pick(
        lang,
        *(("提请时冻结", "frozen at referral") if shown.dossier.frozen else ("尚未提请", "not referred yet")),
    )
    lines = [
        f"{pick(lang, '卷宗', 'dossier')} {frozen}  SHA-256 {shown.dossier.digest[:16]}…",
        f"  {command('case', 'dossier', shown.case.id)}",
    ]
    workflow = workflows(shown.case.bundle, shown.case.workflow)
    for kind, definitions in PAPERS.items():
        sent = [d for d in definitions if f"action:{d.action}" in shown.case.marks]
        ready = [
            d
            for d in definitions
            if d.action in workflow.actions and shown.case.state in workflow.actions[d.action].sources
        ]
        if sent or ready:
            title = _PAPERS[kind]
            how = pick(lang, *(("已发出", "sent") if sent else ("可拟稿", "can be drafted")))
            lines += [f"{pick(lang, *title)}  {how}", f"  {command('case', 'paper', shown.case.id, kind)}"]
    return lines


_PAPERS: Mapping[str, tuple[str, str]] = {
    "reminder": ("提醒改正函", "reminder to correct"),
    "referral": ("提请函", "referral"),
    "urge": ("督促改正通知书", "notice urging correction"),
}


def _offers(shown: Shown, command: Callable[..., str], lang: str) -> list[str]:
    lines = [text for o in shown.offers for text in offer_lines(o, shown.now, command, lang)]
    for offer in shown.remedies:
        lines += offer_lines(offer, shown.now, command, lang)
    return lines or [pick(lang, "没有可办的操作", "nothing")]


def dossier_page(case: Matter, found: Dossier, workflows: Workflows, lang: str) -> str:
    """What a dossier holds, and the digest that proves it."""
    content = found.content
    if content["referred"] is None:
        how = pick(lang, "尚未提请，为此刻的卷宗", "not referred yet, as of now")
    else:
        at = local(datetime.fromisoformat(content["referred"]["at"]))
        title = workflows(case.bundle, case.workflow).actions[content["referred"]["name"]].title.in_(lang)
        how = pick(lang, f"{at} {title}时冻结", f"frozen at {at}: {title}")
    lines = [f"{case.id}  {how}", f"SHA-256 {found.digest}"]
    held = [
        f"{m['id']}  {_state_of(m, workflows, lang)}  "
        + pick(
            lang,
            f"历史 {m['lines']} 行，末行 {m['head'][:12]}…",
            f"{m['lines']} lines, last {m['head'][:12]}…",
        )
        for m in content["matters"]
    ]
    lines += ["", _titled(pick(lang, "事项", "Matters"), held)]
    papers = [f"{e['kind']}  {e['name']}  {e['sha256']}" for e in content["evidence"]]
    counted = pick(
        lang,
        f"计时 {len(content['clocks'])}，通知 {len(content['messages'])}，附件 {len(papers)}",
        f"clocks {len(content['clocks'])}, messages {len(content['messages'])}, documents {len(papers)}",
    )
    return "\n".join(
        [*lines, *([_titled(pick(lang, "附件", "Documents"), papers)] if papers else []), counted]
    )


def _state_of(matter: Mapping[str, Any], workflows: Workflows, lang: str) -> str:
    workflow = workflows(matter["bundle"], matter["workflow"])
    return f"{workflow.title.in_(lang)}  {workflow.states[matter['state']].title.in_(lang)}"


def letter(text: str, drawn: str = "") -> str:
    """A letter as it is printed: the title in the middle, paragraphs wrapped, the lines of ``drawn`` as they are."""
    title, *others = text.split("\n")
    lines, whole = [_centred(title)], frozenset(drawn.split("\n"))
    for paragraph in others:
        lines += [paragraph] if paragraph in whole else _wrapped(paragraph)
    return "\n".join(lines)


def _centred(text: str) -> str:
    return " " * max(0, (_LETTER_WIDTH - width(text)) // 2) + text


def _wrapped(text: str) -> list[str]:
    """Cut a paragraph at the margin; a closing mark stays on its line, a number or code is not cut in two."""
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if width(line + piece) > _LETTER_WIDTH and piece not in _CLOSING and line.strip():
            lines.append(line)
            line = ""
        line += piece
    return [*lines, line.rstrip()]
