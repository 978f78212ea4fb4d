"""`yiriban law`: what an article says here, where a word occurs, what must be checked again, all of it as pages."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import click

from commands.clock_page import CONFIDENCES
from commands.law_checklist import checklist_as_data, checklist_page
from commands.law_duty import duty_as_data, duty_page, repeated
from commands.law_page import rule_as_data, rule_page, term_as_data, term_page, value_words
from commands.law_pages import pages
from commands.printing import SHANGHAI, common_options, emit, money, note, pass_settings, pick, table
from commands.words import SEVERITIES, word
from engine import lawbook
from engine.checklist import ChecklistDef
from engine.errors import BadInput
from engine.law import Confidence
from engine.lawbook import Entry
from engine.recurrence import DutyDef
from engine.ruling import RuleDef
from engine.term import Length, read_length
from engine.workflow import Bundle, TermDef
from runtime import assembly
from runtime.settings import Settings

_WHAT: dict[type, str] = {TermDef: "term", RuleDef: "rule", ChecklistDef: "checklist", DutyDef: "duty"}
_DAYS = re.compile(r"(\d{1,5})\s*d", re.IGNORECASE)


@click.group()
def law() -> None:
    """法规：查看、检索、待核对的数值、写成网页 / read the law: show, search, what to check, as pages."""


law.add_command(pages)


@law.command()
@click.argument("name")
@common_options
@pass_settings
def show(settings: Settings, name: str, as_json: bool) -> None:
    """查看一条期限、规则、审查清单或周期性工作：数值、依据、何处使用 / show a term, a rule, a list or a duty.

    NAME 是编号（D39、R66）、期限名（contract_signing）或中文名（合同公告）。
    """
    bundle = assembly.law_in_force(settings).bundle
    today, found = _today(), lawbook.find(bundle, name)
    payload = {"bundle": bundle.hash, "entries": [_as_data(entry, bundle, today) for entry in found]}
    emit(
        as_json,
        "law.show",
        payload,
        lambda: "\n\n\n".join(_page(entry, bundle, settings.lang, today) for entry in found),
    )


@law.command()
@click.argument("words", nargs=-1, required=True)
@common_options
@pass_settings
def search(settings: Settings, words: tuple[str, ...], as_json: bool) -> None:
    """检索期限、规则、审查清单和周期性工作，各字词都须出现 / find what holds every word.

    查编号、名称、数值、依据、说明、办法和文件全文；不分全角半角、大小写和空格。
    """
    bundle = assembly.law_in_force(settings).bundle
    found, today, lang = lawbook.search(bundle, words), _today(), settings.lang
    payload = {"bundle": bundle.hash, "words": list(words), "hits": [_hit(e, today) for e in found]}
    rows = [(e.code, e.title.in_(lang), _limit(e, today, lang), _basis(e, today)) for e in found]
    heads = pick(lang, "编号 名称 数值或处置 依据", "code title limit basis").split()
    nothing = pick(
        lang, "没有同时含有这些字词的期限、规则、审查清单或周期性工作", "Nothing has all these words"
    )
    emit(as_json, "law.search", payload, lambda: table(rows, heads) if rows else nothing)


@law.command()
@click.option("--unverified", is_flag=True, help="连同把握不足的 / also what is not sure")
@click.option(
    "--older-than",
    "older_than",
    metavar="LENGTH",
    help="核对已超过多久，如 180d、6个月，默认一年 / checked longer ago, a year by default",
)
@common_options
@pass_settings
def due(settings: Settings, unverified: bool, older_than: str | None, as_json: bool) -> None:
    """列出该与原文重新核对的数值 / list the numbers to compare with their texts again.

    超过一年没有核对的；加 --unverified 时，连同没有确定把握的。期限、承诺、规则、参数、门槛、词表、周期性工作都查。
    """
    bundle = assembly.law_in_force(settings).bundle
    limit = _age(older_than) if older_than else lawbook.A_YEAR
    found = lawbook.due(bundle, _today(), unverified=unverified, older_than=limit)
    payload = {
        "bundle": bundle.hash,
        "today": _today(),
        "older_than": limit,
        "unverified": unverified,
        "count": sum(map(len, found.values())),
        "groups": [
            {"confidence": confidence, "numbers": [_number(n) for n in numbers]}
            for confidence, numbers in found.items()
        ],
    }
    emit(as_json, "law.due", payload, lambda: _due_page(found, settings.lang))
    if not as_json and found:
        note(
            pick(
                settings.lang,
                "与原文核对以后，改文件里的 checked_on 和 confidence",
                "Compare with the text, then correct checked_on and confidence in the file",
            )
        )


def _today() -> date:
    return assembly.system_now().astimezone(SHANGHAI).date()


def _age(text: str) -> Length:
    """Read ``180d`` or any length that the files may hold; raise ``BadInput`` otherwise."""
    short = _DAYS.fullmatch(text.strip())
    try:
        return Length(int(short[1]), "days") if short else read_length(text)
    except BadInput as error:
        raise BadInput(error.what, why=error.why, then="写成 180d、180日、6个月 或 1年") from error


def _as_data(entry: Entry, bundle: Bundle, today: date) -> dict[str, Any]:
    if isinstance(entry, DutyDef):
        return duty_as_data(entry, bundle)
    if isinstance(entry, ChecklistDef):
        return checklist_as_data(entry, bundle)
    return rule_as_data(entry, bundle) if isinstance(entry, RuleDef) else term_as_data(entry, bundle, today)


def _page(entry: Entry, bundle: Bundle, lang: str, today: date) -> str:
    if isinstance(entry, DutyDef):
        return duty_page(entry, bundle, lang)
    if isinstance(entry, ChecklistDef):
        return checklist_page(entry, bundle, lang)
    return (
        rule_page(entry, bundle, lang)
        if isinstance(entry, RuleDef)
        else term_page(entry, bundle, lang, today)
    )


def _hit(entry: Entry, today: date) -> dict[str, Any]:
    now = entry.statutory.on(today) if isinstance(entry, TermDef) else None
    return {
        "what": _WHAT[type(entry)],
        "code": entry.code,
        "name": entry.code if isinstance(entry, RuleDef) else entry.name,
        "title": {"zh": entry.title.zh, "en": entry.title.en},
        "limit": now.value if now is not None else None,
        "severity": entry.severity if isinstance(entry, RuleDef) else None,
        "basis": _basis(entry, today),
        "file": entry.file,
    }


def _limit(entry: Entry, today: date, lang: str) -> str | None:
    """The limit in force today, or what a rule does; none for what only a contract or a profile limits."""
    if isinstance(entry, RuleDef):
        return word(SEVERITIES, entry.severity, lang)
    if isinstance(entry, DutyDef):
        return repeated(entry, lang)
    if isinstance(entry, ChecklistDef):
        return pick(lang, f"逐项签署 {len(entry.items)} 项", f"{len(entry.items)} items to sign")
    now = entry.statutory.on(today)
    return None if now is None else f"{entry.kind.upper()} {value_words(now.value, lang)}"


def _basis(entry: Entry, today: date) -> str | None:
    if isinstance(entry, RuleDef | ChecklistDef | DutyDef):
        return entry.ground.basis
    now = entry.statutory.on(today)
    return None if now is None else now.ground.basis


def _number(number: lawbook.Number) -> dict[str, Any]:
    return {
        "kind": number.kind,
        "code": number.code,
        "title": number.title.zh,
        "at": number.at or None,
        "part": number.part.zh,
        "value": number.value,
        "from": number.since,
        "basis": number.ground.basis,
        "checked_on": number.ground.checked_on,
        "confidence": number.ground.confidence,
        "note": number.ground.note or None,
        "file": number.file,
    }


def _due_page(found: dict[Confidence, list[lawbook.Number]], lang: str) -> str:
    if not found:
        return pick(lang, "没有该重新核对的数值", "Nothing has to be checked again")
    heads = pick(lang, "内容 数值 核对 依据、文件", "what value checked basis,file").split()
    parts = []
    for confidence, numbers in found.items():
        rows = [
            (
                f"{n.code} {_content(n, lang)}",
                _value(n, lang),
                n.ground.checked_on,
                # one below the other: side by side both would be cut into slices
                f"{n.ground.basis}\n{n.file}",
            )
            for n in numbers
        ]
        count = pick(lang, f"{len(rows)} 项", str(len(rows)))
        parts.append(f"{word(CONFIDENCES, confidence, lang)}  {count}\n\n{table(rows, heads)}")
    return "\n\n".join(parts)


def _content(number: lawbook.Number, lang: str) -> str:
    """Name the entry beside its code, which is a profile's name where the profile promises it."""
    if number.kind == "promise":
        return number.part.in_(lang)
    whole = number.kind in ("term", "rule", "words", "duty", "checklist")
    return number.title.in_(lang) + ("" if whole else f" {number.part.in_(lang)}")


def _value(number: lawbook.Number, lang: str) -> str | None:
    if number.kind in ("rule", "words", "checklist"):
        return None
    if number.kind == "threshold" and isinstance(number.value, int):
        return money(number.value)
    return value_words(number.value, lang)
