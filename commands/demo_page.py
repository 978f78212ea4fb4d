"""What the demonstration prints besides the three desks: what happened, a case at each stage, what to try next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.demo_city import AGENTS, FINANCE, OFFICERS, REGULATORS, TRACKER_FIRM, TRACKERS
from commands.demo_life import Life
from commands.demo_plan import number_of
from commands.printing import pick, table
from commands.words import fold
from engine.matter import Matter
from engine.office import Office
from engine.work import Work

CASE = "case"


def summary(told: Mapping[str, Any], lang: str) -> str:
    """What happened in the city, who its people are, and where the messages lie."""
    zh = (
        "清禾市（虚构）{begins} 至 {ends}，{working_days} 个工作日\n"
        "{projects} 个项目，其中 {halfway} 个中途进场；办理 {acts} 次，触发 {fires} 次，督办件 {cases} 件\n"
        "邮件 {mails} 封在 {folder}/mail，短信 {texts} 条在 {folder}/sms"
    )
    en = (
        "The city of Qinghe (invented), {begins} to {ends}, {working_days} working days\n"
        "{projects} projects, {halfway} of them taken in half-way; {acts} actions, {fires} fires, {cases} cases\n"
        "{mails} mails in {folder}/mail, {texts} text messages in {folder}/sms"
    )
    people = (
        ("专办员", "officers", dict.fromkeys(OFFICERS.values())),
        ("代理机构", "agencies", [f"{firm} {person}" for firm, person in AGENTS.items()]),
        ("跟踪机构", "tracker firm", [f"{TRACKER_FIRM} {' '.join(TRACKERS)}"]),
        ("财政监管", "regulators", [f"{name} {REGULATORS[name]}" for name in FINANCE]),
    )
    lines = [
        pick(lang, f"{zh_}：{'、'.join(names)}", f"{en_}: {', '.join(names)}") for zh_, en_, names in people
    ]
    # a plan that was refused something is an error of ours, never of who looks at it
    refused = [pick(lang, f"未办成：{text}", f"refused: {text}") for text in told["refused"]]
    return fold("\n".join([pick(lang, zh, en).format(**told), *lines, *refused]))


def stages(office: Office, work: Work, cases: Sequence[Matter], lang: str) -> str:
    """One case at each stage of the chain, in the order of the workflow, and how many stand there."""
    states = office.current.workflows[CASE].states.values()
    rows = []
    for state in states:
        here = [case for case in cases if case.state == state.name]
        for case in here[:1]:
            watched = work.matters[case.about or case.root]
            clock = office.clock(watched, (case.about_clock or "").partition("/")[0])
            rows.append((state.title.in_(lang), str(len(here)), case.id, case.unit, clock.title.in_(lang)))
    heads = pick(lang, "阶段 件数 其中一件 单位 督办什么", "stage cases one unit about").split()
    title = pick(lang, "【督办件，从提醒改正到销号】", "[Cases, from the reminder to the end]")
    return f"{title}\n{table(rows, heads, right=(1,))}"


def next_steps(
    life: Life, cases: Sequence[Matter], folder: Path, command: Callable[..., str], lang: str
) -> str:
    """What to try next: what it shows, and the command as it is typed."""
    whole, charged = (life.ids[number_of(story)] for story in ("公开招标全程", "供应商误期"))
    [(sheet, _)] = Counter(str(case.facts["sheet"]) for case in cases).most_common(1)
    todo = str(folder / "todo.xlsx")
    tries = (
        ("一个项目从需求到归档的全程", "a project from demand to archive", ("history", "show", whole)),
        ("每个截止怎样数出来，误了几天、是谁的", "how each due day was counted, and whose the lost days are",
         ("project", "explain", f"{charged}.1.1.1")),
        ("已过截止、未见登记的计时", "clocks past their due moment", ("clock", "list", "--overdue")),
        ("一个单位一周的督办件在一张督办单上", "the cases of a unit and week on one sheet", ("case", "sheet", sheet)),
        ("四率，分单位、分责任方", "the four rates, and lost days by party", ("report", "--as", REGULATORS["清禾市财政局"])),
        ("专办员的待办清单，填好可以交回", "the officer's to-do list as a workbook, to be handed back",
         ("desk", "officer", "--as", OFFICERS["市第一中学"], "--xlsx", todo)),
        ("每条历史的哈希链", "the hash chain of every history", ("history", "verify")),
    )  # fmt: skip
    spoken = ("--lang", lang) if lang == "en" else ()
    lines = [f"  {pick(lang, zh, en)}\n    {command(*spoken, *words)}" for zh, en, words in tries]
    return "\n".join([pick(lang, "接下来可以试：", "Try next:"), *lines])
