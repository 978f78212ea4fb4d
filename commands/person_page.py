"""How persons, appointments, delegations and a brought-in roster look; addresses masked, always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from commands.printing import local, pick, table
from commands.project_page import shown_of
from commands.words import CHANNELS, due_at, here, role, word
from engine.directory import Delegation, Person, Unit, in_force
from exchange.observation import Finding
from exchange.people import Roster
from exchange.roster import Enrolled
from storage.people import Held

KIND_WORDS = {
    "AB": ("AB 角", "A/B"),
    "leave": ("请假代理", "on leave"),
    "acting": ("代理职务", "acting"),
}
_WHAT = {"unit": ("单位", "units"), "person": ("人员", "persons"), "appointment": ("任命", "appointments")}
_SHOWN = 20


def person_data(known: Person) -> dict[str, Any]:
    """Return a person for JSON, addresses masked."""
    return {
        "person": known.id,
        "name": known.name,
        "phone": known.masked_phone,
        "email": known.masked_email,
        "wecom": known.masked_wecom,
        "dingtalk": known.masked_dingtalk,
        "jurisdiction": known.jurisdiction,
    }


def addresses_of(known: Person, lang: str) -> list[str]:
    """Return a person's addresses, masked; accounts are named, for they do not tell what they are."""
    accounts = [
        f"{word(CHANNELS, channel, lang)} {shown}"
        for channel, shown in (("wecom", known.masked_wecom), ("dingtalk", known.masked_dingtalk))
        if shown
    ]
    return [known.masked_phone, known.masked_email, *accounts]


def delegation_data(d: Delegation) -> dict[str, Any]:
    """Return a delegation for JSON; ``unit`` null = everywhere."""
    return {
        "principal": d.principal,
        "deputy": d.deputy,
        "kind": d.kind,
        "unit": d.unit or None,
        "since": here(d.since),
        "until": here(d.until),
    }


def list_page(shown: Sequence[Person], held: Mapping[str, Sequence[Held]], total: int, lang: str) -> str:
    """Return the list of persons with their roles."""
    if not shown:
        return pick(lang, "没有登记人员", "No persons")
    comma = pick(lang, "、", ", ")
    rows = []
    for one in shown:
        by_unit: dict[str, list[str]] = {}
        for appointment in held.get(one.id, ()):
            by_unit.setdefault(appointment.unit, []).append(role(appointment.role, lang))
        roles = pick(lang, "；", "; ").join(f"{unit}: {comma.join(names)}" for unit, names in by_unit.items())
        addresses = (one.masked_phone, one.masked_email, one.masked_wecom, one.masked_dingtalk)
        rows.append((one.id, one.name, *(address or None for address in addresses), roles or None))
    heads = (
        ("账号", "姓名", "手机", "邮箱", "企业微信", "钉钉", "任命"),
        ("id", "name", "phone", "e-mail", "WeCom", "DingTalk", "roles"),
    )
    used = [n for n in range(len(heads[0])) if n not in (4, 5) or any(row[n] for row in rows)]
    page = table([[row[n] for n in used] for row in rows], [heads[lang == "en"][n] for n in used])
    return page if total == len(shown) else f"{page}\n{shown_of(len(shown), total, lang)}"


def person_page(
    known: Person,
    held: Sequence[Held],
    delegations: Sequence[Delegation],
    units: Sequence[Unit],
    now: datetime,
    lang: str,
) -> str:
    """Return everything about one person; what is not in force says so."""
    lines = [f"{known.id}  {known.name}"]
    lines.append(f"{pick(lang, '手机', 'phone')}  {known.masked_phone or '-'}"
                 f"  {pick(lang, '邮箱', 'e-mail')}  {known.masked_email or '-'}")  # fmt: skip
    lines.append("  ".join(
        f"{word(CHANNELS, channel, lang)}  {shown or '-'}"
        for channel, shown in (("wecom", known.masked_wecom), ("dingtalk", known.masked_dingtalk))
    ))  # fmt: skip
    lines.append(pick(lang, "任命：", "Appointments:") if held else pick(lang, "没有任命", "No appointments"))
    lines += [f"  {held_line(h, lang)}{_standing(h.since, h.until, now, lang)}" for h in held]
    if delegations:
        lines.append(pick(lang, "代理：", "Delegations:"))
        lines += [
            f"  {delegation_line(d, lang)}{_standing(d.since, d.until, now, lang)}" for d in delegations
        ]
    names = pick(lang, "、", ", ").join(u.name for u in units) or pick(lang, "无", "none")
    lines.append(f"{pick(lang, '能看到的单位', 'Visible units')}  {names}")
    return "\n".join(lines)


def held_line(held: Held, lang: str) -> str:
    """An appointment on one line."""
    return f"{held.person}  {held.unit}  {role(held.role, lang)}  {_span(held.since, held.until, lang)}"


def delegation_line(d: Delegation, lang: str) -> str:
    """A delegation on one line: ``李四 代 张三  请假代理  市一中  起 … 止 …``."""
    who = pick(lang, f"{d.deputy} 代 {d.principal}", f"{d.deputy} for {d.principal}")
    where = d.unit or pick(lang, "处处", "everywhere")
    return f"{who}  {pick(lang, *KIND_WORDS[d.kind])}  {where}  {_span(d.since, d.until, lang)}"


def _span(since: datetime, until: datetime | None, lang: str) -> str:
    ends = "" if until is None else f" {pick(lang, '止', 'until')} {due_at(until)}"
    return f"{pick(lang, '起', 'since')} {local(since)}{ends}"


def _standing(since: datetime, until: datetime | None, now: datetime, lang: str) -> str:
    if in_force(since, until, now):
        return ""
    return "  " + (pick(lang, "（未到）", "(to come)") if now < since else pick(lang, "（已止）", "(ended)"))


def enrolled_data(
    roster: Roster, done: Enrolled, findings: Sequence[Finding], *, dry_run: bool, partial: bool
) -> dict[str, Any]:
    """Return what an import of people did, for JSON; ``written`` says whether it stands."""
    counts = {
        what: {change: done.counts[what, change] for change in ("added", "changed", "unchanged")}
        for what in _WHAT
    }
    return {
        "dry_run": dry_run,
        "partial": partial,
        "written": not dry_run and (partial or not findings) and done.changes > 0,
        "read": roster.read,
        "refused": roster.read - len(roster.lines) + done.refused,
        "counts": counts,
        "ignored_columns": roster.ignored,
        "findings": dict(sorted(Counter(f.kind for f in findings).items())),
        "finding_list": [
            {"kind": f.kind, "file": f.place.file, "line": f.place.line, "column": f.column, "message": f.message}
            for f in findings
        ],
    }  # fmt: skip


def enrolled_page(name: str, payload: Mapping[str, Any], lang: str) -> str:
    """Return the receipt of an import of people."""
    found = payload["finding_list"]
    held_back = bool(found) and not payload["partial"]
    head = (
        pick(lang, "预览（未写入）", "preview, nothing written")
        if payload["dry_run"]
        else pick(lang, "有问题，全部未写入", "findings, nothing written")
        if held_back
        else pick(lang, "导入", "brought in")
    )
    lines = [
        pick(
            lang,
            f"{head} {name}：读入 {payload['read']} 行，不能用 {payload['refused']} 行",
            f"{head}: {name}, {payload['read']} rows read, {payload['refused']} refused",
        )
    ]
    for what, words in _WHAT.items():
        n = payload["counts"][what]
        lines.append(
            pick(
                lang,
                f"{words[0]}：新登记 {n['added']}，更新 {n['changed']}，无变化 {n['unchanged']}",
                f"{words[1]}: {n['added']} added, {n['changed']} changed, {n['unchanged']} unchanged",
            )
        )
    if payload["ignored_columns"]:
        columns = "、".join(payload["ignored_columns"])
        lines.append(pick(lang, f"没有用到的列：{columns}", f"columns not used: {columns}"))
    lines += [f"  {f['file']}:{f['line']} {f['column']} [{f['kind']}] {f['message']}" for f in found[:_SHOWN]]
    if len(found) > _SHOWN:
        more = len(found) - _SHOWN
        lines.append(pick(lang, f"  ……另有 {more} 条，用 --json 查看全部", f"  … {more} more, see --json"))
    if held_back:
        then = pick(
            lang, "改正后再导入，或加 --partial 只导入没有问题的行", "correct the file, or add --partial"
        )
        lines.append(f"{pick(lang, '下一步', 'Next')}  {then}")
    return "\n".join(lines)
