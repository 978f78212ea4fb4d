"""What the engine found wrong with itself, and how its subscribers stand, in words: for `run`, desks and the doctor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from commands.printing import SHANGHAI, pick
from commands.words import here
from engine.auditing import KINDS, Finding, counted
from runtime.auditing import Audited
from runtime.feeding import Fed

STATES = {
    "open": ("正常", "open"),
    "dead": ("被拒收，已停", "refused, stopped"),
    "gone": ("不再接收", "wants no more"),
}
"""How a subscriber stands."""


def audited_json(audited: Audited) -> str:
    """One object on one line."""
    return _line({
        "schema": "yiriban.audit/1", "at": here(audited.at), "standing": audited.standing,
        "found": [finding_data(f) for f in audited.fresh], "healed": [finding_data(f) for f in audited.healed],
    })  # fmt: skip


def finding_data(finding: Finding) -> dict[str, Any]:
    """One finding for programs."""
    return {"kind": finding.kind, "subject": finding.subject, "what": finding.what}


def audited_lines(audited: Audited, lang: str) -> str:
    """One line for a log, then a line for each finding with what to do about its kind."""
    english = lang == "en"
    parts = []
    if audited.fresh:
        parts.append(
            pick(lang, "自查发现：", "self-check found ") + _phrase(counted(audited.fresh, english), lang)
        )
    if audited.healed:
        parts.append(pick(lang, "已恢复：", "healed: ") + _phrase(counted(audited.healed, english), lang))
    lines = [f"{audited.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}  {pick(lang, '；', '; ').join(parts)}"]
    for kind in dict.fromkeys(finding.kind for finding in audited.fresh):
        lines += [f"  {finding.what}" for finding in audited.fresh if finding.kind == kind]
        lines.append(f"    {pick(lang, '下一步：', 'next: ')}{pick(lang, *KINDS[kind].then)}")
    return "\n".join(lines)


def _phrase(said: Iterable[str], lang: str) -> str:
    return pick(lang, "，", ", ").join(said)


def fed_json(fed: Fed) -> str:
    """One object on one line."""
    return _line({
        "schema": "yiriban.feed/1", "at": here(fed.at), "subscriber": fed.stands.name, "state": fed.stands.state,
        "detail": fed.stands.detail, "taken_up_to": fed.stands.after, "left": fed.left,
        "again_at": here(fed.stands.again_at),
    })  # fmt: skip


def fed_line(fed: Fed, lang: str) -> str:
    """One line for a log; a subscriber that stopped says what to do in a second one."""
    stands = fed.stands
    told = pick(lang, f"收到第 {stands.after} 号", f"has taken up to {stands.after}")
    if fed.well:
        how = pick(lang, f"恢复正常，{told}", f"is well again, {told}")
    else:
        state = (
            pick(lang, *STATES[stands.state])
            if stands.state != "open"
            else pick(lang, "暂时不收", "takes nothing now")
        )
        left = pick(lang, f"还有 {fed.left} 个没有收", f"{fed.left} left")
        how = (
            f"{state}，{stands.detail}；{told}，{left}"
            if lang != "en"
            else f"{state}: {stands.detail}; {told}, {left}"
        )
    line = (
        f"{fed.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}  {pick(lang, '推送', 'Push')} {stands.name}  {how}"
    )
    if stands.state == "open":
        return line
    return f"{line}\n    {pick(lang, '下一步：问清对方，改正后 ', 'next: ask them, then ')}yiriban feed push --again"


def _line(told: dict[str, Any]) -> str:
    """A console in another encoding gets \\uXXXX."""
    utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(
        {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in told.items()}, ensure_ascii=not utf8
    )
