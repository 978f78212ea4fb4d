"""What SMS channels have in common: numbers, the class of a provider's word, templates. 短信渠道共用"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.approval import template_values
from engine.delivery import Blame, Kind, Outcome, Waiting
from engine.errors import BadInput
from engine.workflow import ProviderText, TextDef
from notifiers.http import Answer

BEIJING = ZoneInfo("Asia/Shanghai")
IN_A_ROW = 3
"""After so many queries in a row that came to nothing a provider counts as out of order."""
"""Providers count days and write moments without a zone in this one."""
_HOME = re.compile(r"(?:\+?86|0086)?(1\d{10})")
_WORD = re.compile(r"[^\w.:\-]+")
_MILLIS = 1e11
"""More seconds since 1970 than any moment of ours has: it is milliseconds."""
_IN_BETWEEN = (502, 504)
"""A gateway in between does not know what became of what it passed on."""


def number(address: str, prefix: str = "") -> str:
    """Return ``13800000000`` with ``prefix`` for a mainland mobile; any other number as it is written."""
    plain = re.sub(r"[\s\-()]", "", address)
    home = _HOME.fullmatch(plain)
    return prefix + home[1] if home else plain


def word(value: Any) -> str:
    """Return a provider's code fit to be kept: short, and without anything but letters, digits and dots."""
    return _WORD.sub("", str(value if value is not None else ""))[:80]


def digits(value: Any) -> str:
    """Return an identifier given by a provider as it is, ``""`` where there is none."""
    return value[:128] if isinstance(value, str) else str(value) if isinstance(value, int) else ""


class Codes:
    """The classes of a provider's codes; a pattern that ends in ``*`` stands for all that begin so."""

    def __init__(self, who: str, table: Mapping[Kind, Mapping[str, str]], contact: frozenset[str]) -> None:
        """``table`` gives for each class the codes and what they mean; ``contact`` speak of the number."""
        self._who = who
        self._contact = contact
        self._exact = {c: (kind, says) for kind, row in table.items() for c, says in row.items()}
        self._begin = sorted((c[:-1] for c in self._exact if c.endswith("*")), key=len, reverse=True)

    def outcome(self, code: str, name: str = "") -> Outcome:
        """Return what ``code`` means; ``name`` is it without what providers put in front.

        A code that the table does not know was surely no acceptance: ``retry``, until the tries run out.
        """
        name = name or code
        kind, says = self._find(name) or ("retry", "未列入对照表的答复")
        blame: Blame = ""
        if kind == "rejected":
            blame = "contact" if name in self._contact else "content"
        return Outcome(kind, f"{self._who}：{says}（{word(code)}）", code=word(code), blame=blame)

    def _find(self, name: str) -> tuple[Kind, str] | None:
        if name in self._exact:
            return self._exact[name]
        begin = next((b for b in self._begin if name.startswith(b)), None)
        return None if begin is None else self._exact[begin + "*"]


def by_status(who: str, answer: Answer, now: datetime, *, crashed: Kind = "retry") -> Outcome:
    """Return the outcome of an answer that does not hold the provider's own word.

    ``crashed``: what a 5xx of the provider is; one of a gateway in between is always ``unknown``.
    """
    code = f"HTTP {answer.status}"
    if answer.status in (408, 429):
        return Outcome("retry", f"{who}：请求过多（{code}）", answer.again_at(now), code=code)
    if answer.status >= 500 and answer.status not in _IN_BETWEEN:
        again = answer.again_at(now) if crashed == "retry" else None
        return Outcome(crashed, f"{who}：服务器出错（{code}）", again, code=code, down=True)
    if 300 <= answer.status < 500:
        return Outcome("config", f"{who}：地址不对或没有权限（{code}）", code=code)
    down = answer.status in _IN_BETWEEN
    return Outcome("unknown", f"{who}：回复看不懂（{code}）", code=code, down=down)


def template_of(
    texts: Mapping[str, TextDef], message: Waiting, provider: str, who: str, now: datetime
) -> tuple[ProviderText, dict[str, str]] | Outcome:
    """Return the approved template of the message's text and what fills it, or why there is none."""
    text = texts.get(message.wording)
    kept = text.providers.get(provider) if text is not None else None
    name = word(message.wording) or "（未知）"
    if text is None or kept is None:
        return Outcome(
            "config", f"文案 {name} 没有{who}模板：在 messages/{name}.yaml 写 providers", code="no-template"
        )
    if kept.approved is None or kept.approved > now.astimezone(BEIJING).date():
        return Outcome("config", f"文案 {name} 的{who}模板还没有审核通过（approved）", code="not-approved")
    values = template_values(text, kept, message.params)
    if values is None:
        return Outcome(
            "rejected", f"消息缺少文案 {name} 的{who}模板要的参数", code="no-value", blame="content"
        )
    return kept, values


def handed(message: Waiting) -> datetime:
    """Return the earliest moment at which the message can have been handed over."""
    return message.handed_at or message.created_at


def too_soon(message: Waiting, now: datetime, lag: timedelta) -> bool:
    """Whether a provider may not yet show what was handed over a moment ago."""
    return message.handed_at is not None and now - message.handed_at < lag


def midnight(now: datetime) -> datetime:
    """Return the next beginning of a day in Beijing."""
    day = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).astimezone(now.tzinfo)


def moment(value: Any, otherwise: datetime) -> datetime:
    """Read a moment as providers write it: seconds since 1970, or Beijing time; ``otherwise`` where it is none."""
    try:
        if isinstance(value, int | float) or str(value).isdigit():
            seconds = float(value)
            return datetime.fromtimestamp(seconds / (1000 if seconds > _MILLIS else 1), otherwise.tzinfo)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return otherwise
    return (found if found.tzinfo else found.replace(tzinfo=BEIJING)).astimezone(otherwise.tzinfo)


def rows(value: Any) -> Iterator[Mapping[str, Any]]:
    """Walk the maps of a list in an answer; whatever else stands there is passed over."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def inside(value: Any, *path: str) -> Any:
    """Return what lies below ``path`` in an answer, ``None`` where it leads nowhere."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def posted(body: bytes, who: str) -> Any:
    """Read what a provider posted by itself; raise ``BadInput`` where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise not_posted(who) from None


def not_posted(who: str) -> BadInput:
    """Say that a body is not what the provider posts; nothing of it is quoted, for it may hold numbers."""
    return BadInput(
        f"{who}推送的内容看不懂", why="不是约定的格式", then="核对服务商控制台里填的推送地址属于哪个产品"
    )
