"""`yiriban doctor`: what is wrong with an installation, why, and what to do next."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from commands import doctor_audit, doctor_database, doctor_files, doctor_machine, doctor_running
from commands.doctor_patient import LEVELS, Check, Level, Looked, Patient, Said, examine
from commands.lamps import colours
from commands.printing import common_options, emit, pick, width
from commands.words import fold, here
from engine.errors import YiribanError
from runtime import assembly
from runtime.settings import spoken_language

FINDINGS = 6
CHECKS: tuple[Check, ...] = (
    *doctor_machine.CHECKS,
    *doctor_files.CHECKS,
    *doctor_database.CHECKS,
    *doctor_running.CHECKS,
    *doctor_audit.CHECKS,
)
"""Every check, in the order in which they are made: what others rest on comes first."""
WORDS: dict[Level, tuple[str, str]] = {
    "finding": ("问题", "finding"),
    "hint": ("提示", "hint"),
    "good": ("正常", "good"),
    "skipped": ("未查", "skipped"),
}
# shapes that exist in GBK; nothing rests on a colour alone
SHAPES: dict[Level, str] = {"finding": "×", "hint": "!", "good": "√", "skipped": "-"}
_COLOURS: dict[Level, str] = {"finding": "red", "hint": "yellow", "good": "green", "skipped": "blue"}


@click.command()
@common_options
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """检查安装：有什么问题、为什么、下一步做什么；有问题以 6 退出 / check an installation; 6 if anything is wrong.

    问题须改正，提示供参考。只读不写，不连网络；还没有建库时也可运行。
    """
    patient = _patient(ctx)
    try:
        looked = examine(patient, CHECKS)
    finally:
        patient.close()
    tally = Counter(said.level for one in looked for said in one.said)
    payload = {
        "ok": not tally["finding"],
        "checked_at": here(patient.now),
        "findings": tally["finding"],
        "hints": tally["hint"],
        "checks": [_data(one) for one in looked],
    }
    emit(as_json, "doctor", payload, lambda: _page(looked, tally, patient.lang))
    if tally["finding"]:
        ctx.exit(FINDINGS)


def _patient(ctx: click.Context) -> Patient:
    """The settings are read by a check, for they may be what is wrong."""
    given: dict[str, Any] = ctx.find_root().params
    flags = {key: given.get(key) for key in ("lang", "database", "workflows")} | {"as": given.get("person")}
    words = ["--lang", flags["lang"]] if flags["lang"] else []
    lang = spoken_language(words, os.environ)
    patient = Patient(flags, os.environ, Path.cwd(), lang, assembly.system_now())
    with suppress(YiribanError):
        patient.lang = patient.settings.lang
    return patient


def _data(looked: Looked) -> dict[str, Any]:
    zh, en = looked.check.title
    return {
        "name": looked.check.name,
        "title": {"zh": zh, "en": en},
        "level": looked.level,
        "says": [{"level": s.level, "what": s.what, "why": s.why, "then": s.then} for s in looked.said],
    }


def _page(looked: Sequence[Looked], tally: Counter[Level], lang: str) -> str:
    heads = {one.check.name: pick(lang, *one.check.title) for one in looked}
    room = max(map(width, heads.values()))
    lines: list[str] = []
    for one in looked:
        head = heads[one.check.name]
        for said in _worth_saying(one):
            gap = " " * (room - width(head) + 2)
            lines += _lines(f"{_mark(said.level, lang)}  {head}{gap}{said.what}", said, lang)
    counted = [f"{pick(lang, *WORDS[level])} {tally[level]}" for level in LEVELS if tally[level]]
    return "\n".join([*lines, "", pick(lang, "，", ", ").join(counted)])


def _worth_saying(looked: Looked) -> Sequence[Said]:
    """What is in order is not worth a line where something of the same check is not."""
    pressing = [said for said in looked.said if said.level in ("finding", "hint")]
    return pressing or looked.said


def _mark(level: Level, lang: str) -> str:
    text = f"{SHAPES[level]} {pick(lang, *WORDS[level])}"
    text += " " * (max(width(pick(lang, *names)) for names in WORDS.values()) - width(text) + 2)
    return click.style(text, fg=_COLOURS[level], bold=True) if colours() else text


def _lines(first: str, said: Said, lang: str) -> list[str]:
    lines = [first if colours() else fold(first)]
    colon = pick(lang, "：", ": ")
    for head, text in ((("原因", "why"), said.why), (("下一步", "next"), said.then)):
        if text:
            lines.append(fold(f"        {pick(lang, *head)}{colon}{text}"))
    return lines
