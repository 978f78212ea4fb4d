"""The words of the commands: lamps, due moments, time left, facts, values for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from commands.printing import SHANGHAI, WIDTH, local, money, pick, width
from engine.clock import Clock
from engine.explain import Lamp
from engine.losing import Answerable
from engine.matter import FactValue, Matter
from engine.roles import ROLES
from engine.term import Length
from engine.workflow import FactDef, MomentName, Severity, WorkflowDef

LAMPS: dict[Lamp, tuple[str, str]] = {
    "normal": ("正常", "normal"),
    "soon": ("临期", "due soon"),
    "unverified": ("待核实", "unverified"),
    "overdue": ("超期", "overdue"),
    "paused": ("中止", "paused"),
    "in_time": ("按期", "in time"),
    "recorded_late": ("补录", "recorded late"),
    "done_late": ("补办", "done late"),
    "waiting": ("等待期", "waiting"),
    "void": ("作废", "void"),
}
MOMENT_WORDS: dict[MomentName, tuple[str, str]] = {
    "promise": ("承诺时限", "promise"),
    "agreed": ("约定期限", "agreed"),
    "statutory": ("法定期限", "statutory"),
}
SEVERITIES: dict[Severity, tuple[str, str]] = {
    "block": ("拦截", "block"),
    "warn": ("须说明理由", "warn"),
    "escalate": ("开出预警", "escalate"),
}
DOES: dict[str, tuple[str, str]] = {
    "remind": ("提醒", "remind"),
    "warn": ("预警", "warn"),
    "open": ("督办", "case"),
    "act": ("自动流转", "moved on"),
    "withdraw": ("预警解除", "withdraw"),
}
CHANNELS: dict[str, tuple[str, str]] = {
    "sms": ("短信", "SMS"),
    "email": ("邮件", "e-mail"),
    "wecom": ("企业微信", "WeCom"),
    "dingtalk": ("钉钉", "DingTalk"),
    "webhook": ("推送接口", "webhook"),
}
MESSAGE_STATES: dict[str, tuple[str, str]] = {
    "queued": ("待发", "queued"),
    "sending": ("发送中", "sending"),
    "accepted": ("已发", "accepted"),
    "delivered": ("已送达", "delivered"),
    "undelivered": ("对方未收到", "undelivered"),
    "unconfirmed": ("没有回执", "unconfirmed"),
    "held": ("暂缓", "held"),
    "digested": ("已并入汇总", "in a digest"),
    "moved": ("已改走其他渠道", "moved to another channel"),
    "expired": ("已过时，未发", "expired"),
    "dead": ("未送达", "dead"),
}
WAITS: dict[str, tuple[str, str]] = {
    "address": ("等补登号码或邮箱", "waits for an address"),
    "channel": ("等设置渠道", "waits for a channel"),
    "breaker": ("渠道停用，等恢复", "waits for a channel out of use"),
    "quota": ("限额已满，等下一个窗口", "waits for room within the limits"),
    "hold": ("备份里已在等，恢复后停发，等人决定", "waited in the backup; on hold until somebody decides"),
}
"""What a message in the queue waits for."""
DOUBTS: dict[str, tuple[str, str]] = {
    "resent": ("结果不明后重发过，对方可能收到两次", "sent again in doubt: it may have arrived twice"),
    "dropped": ("结果不明，没有重发，对方可能已收到", "not sent again in doubt: it may have arrived"),
}
OUTCOMES: dict[str, tuple[str, str]] = {
    "accepted": ("已发", "accepted"),
    "retry": ("稍后重试", "to be retried"),
    "quota": ("超出限额，稍后重试", "over quota, to be retried"),
    "config": ("等待补登或改正设置", "waiting for our own settings"),
    "unknown": ("结果不明，待核实", "unknown, to be asked"),
    "rejected, dead": ("不能送达", "undeliverable"),
    "retry, dead": ("多次失败，未送达", "failed too often"),
    "quota, dead": ("多次失败，未送达", "failed too often"),
    "unknown, dead": ("结果不明，未送达", "never known"),
    "retry, expired": ("没能在时限前送出", "not in time"),
    "rejected": ("不能送达", "undeliverable"),
    "expired": ("时限已到，不再发出", "too late"),
    "moved": ("改走其他渠道", "moved to another channel"),
    "dead": ("未送达", "dead"),
    "replay": ("人工重发", "sent again by hand"),
    "released": ("解除停发，照发", "hold ended, to be sent"),
    "dropped": ("解除停发，不发", "hold ended, not to be sent"),
}
KINDS: dict[str, tuple[str, str]] = {
    "opened": ("开立", "opened"),
    "action": ("办理", "action"),
    "automatic": ("自动", "automatic"),
    "observed": ("台账所见", "observed"),
    "inferred": ("推定", "inferred"),
    "fire": ("触发", "fire"),
    "clock": ("计时", "clock"),
    "override": ("例外办理", "override"),
}
ALIASES: dict[str, tuple[str, str]] = {
    "plan": ("计划备案号", "plan"),
    "project": ("项目编号", "project"),
    "package": ("包号", "package"),
    "contract": ("合同编号", "contract"),
    "voucher": ("支付凭证号", "voucher"),
}
HOLDS: dict[str, tuple[str, str]] = {
    "pause": ("中止计时", "clocks paused"),
    "resume": ("恢复计时", "clocks resumed"),
    "ask_extension": ("申请延期", "extension asked for"),
    "extension_approved": ("批准延期", "extension approved"),
    "extension_refused": ("不予延期", "extension refused"),
    "ask_attribution": ("申请划分责任", "attribution asked for"),
    "attribution_approved": ("批准责任划分", "attribution approved"),
    "attribution_refused": ("不予责任划分", "attribution refused"),
    "calendar": ("按放假通知重算计时", "clocks recounted by a notice"),
    "migrate": ("改到现行流程版本", "passed to the bundle in force"),
}
PARTY_WORDS: dict[Answerable, tuple[str, str]] = {
    "purchaser": ("采购人", "purchaser"),
    "agency": ("代理机构", "agency"),
    "supplier": ("供应商", "supplier"),
    "treasury": ("国库", "treasury"),
    "unattributed": ("未区分", "unattributed"),
}
"""Whose lost days may be. 责任方"""
_TICK = timedelta(microseconds=1)
_CLOSING = "，。；：、）”"
_BREAK = re.compile(r"  |[，；。、]|(?= \()|(?=（)")


def word(table: Mapping[Any, tuple[str, str]], key: str, lang: str) -> str:
    """Return the word for ``key``, or the key itself where the table has none."""
    found = table.get(key)
    return key if found is None else pick(lang, *found)


def aside(text: str, lang: str) -> str:
    """``text`` in the brackets of the language."""
    return pick(lang, f"（{text}）", f" ({text})")


def colon(title: str, lang: str) -> str:
    """``title`` with the colon of the language, for what follows on the next lines."""
    return pick(lang, f"{title}：", f"{title}:")


def role(name: str, lang: str) -> str:
    """Return what a role is called; a deputy's says for whom: ``专办员（代张三）``."""
    key, mark, principal = name.partition("（")
    return f"{ROLES[key].in_(lang)}{mark}{principal}" if key in ROLES else name


def hands(level: str, lang: str) -> str:
    """Return in whose hands a case of this level is."""
    return (
        pick(lang, "上级财政部门", "finance department above") if level == "superior" else role(level, lang)
    )


def roles(names: Iterable[str], lang: str) -> str:
    """Return several roles as one phrase."""
    return pick(lang, "、", ", ").join(role(n, lang) for n in names)


def due_at(instant: datetime | None, *, provisional: bool = False, short_for: datetime | None = None) -> str:
    """A due instant for people: midnight is 24:00 of the day that it ends; ``-`` for none.

    ``short_for`` leaves out the year where it is that of this moment. ``?`` marks a provisional one.
    """
    if instant is None:
        return "-"
    text = local(instant)
    if text.endswith("00:00"):
        text = f"{local(instant - _TICK)[:10]} 24:00"
    if short_for is not None and text[:4] == local(short_for)[:4]:
        text = text[5:]
    return text + ("?" if provisional else "")


def fire_at(does: str, at: datetime) -> str:
    """When a rung falls: what a missed moment leads to stands at the end of a day, else at a time of day."""
    return due_at(at) if does in ("warn", "open", "act") else local(at)


def span(length: timedelta, lang: str) -> str:
    """A length of time in its two largest units: ``1 天 6 小时``, ``5 小时``, ``12 分钟``."""
    minutes = int(abs(length).total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        parts = [(days, "天", "d"), (hours, "小时", "h")]
    elif hours:
        # the last hours count by the minute
        parts = [(hours, "小时", "h"), (minutes if hours < 4 else 0, "分钟", "min")]
    else:
        parts = [(minutes, "分钟", "min")]
    said = [f"{n} {pick(lang, zh, en)}" for n, zh, en in parts if n]
    return " ".join(said) or pick(lang, "不到 1 分钟", "less than 1 min")


def left(length: timedelta, lang: str) -> str:
    """Time left to a due moment, or past it: ``剩 5 小时``, ``已超 1 天 6 小时``."""
    if length > timedelta():
        return pick(lang, "剩 ", "") + span(length, lang) + pick(lang, "", " left")
    return pick(lang, "已超 ", "") + span(length, lang) + pick(lang, "", " past")


LONG = 3
"""From so many days on the hours of a rest are left out."""


def rest(clock: Clock, due: datetime, now: datetime, lang: str) -> str | None:
    """Time left to ``due``; a paused clock has none, an ended one needs none."""
    if clock.state == "paused":
        return pick(lang, "中止中", "paused")
    return left(due - now, lang) if clock.is_open else None


def rest_in_days(clock: Clock, due: datetime, now: datetime, lang: str, long: int = LONG) -> str | None:
    """Time left to ``due`` or past it, from ``long`` days on in whole days, where hours matter no more."""
    days = abs(due - now).days
    if clock.state != "running" or days < long:
        return rest(clock, due, now, lang)
    said = pick(lang, f"{days} 天", f"{days} d")
    if due > now:
        return pick(lang, f"剩 {said}", f"{said} left")
    return pick(lang, f"已超 {said}", f"{said} past")


def length_words(length: Length, lang: str) -> str:
    """A length in words of the language."""
    return str(length) if lang == "en" else length.in_chinese()


def fact_words(definition: FactDef | None, value: FactValue, lang: str) -> str:
    """A fact's value for people."""
    if isinstance(value, bool):
        return pick(lang, "是" if value else "否", "yes" if value else "no")
    if isinstance(value, Length):
        return length_words(value, lang)
    if isinstance(value, int) and definition is not None and definition.type == "money":
        return money(value)
    if definition is not None and definition.options and lang == "zh":
        return definition.name_of(value)
    return str(value)


def facts_words(workflow: WorkflowDef, matter: Matter, lang: str) -> list[str]:
    """All known facts of a matter, in the order of its workflow: ``合同金额 350,000.00 元``."""
    return [
        f"{definition.title.in_(lang)} {fact_words(definition, matter.facts[name], lang)}"
        for name, definition in workflow.facts.items()
        if name in matter.facts
    ]


def here(instant: datetime | None) -> datetime | None:
    """An instant in the authority's zone, for JSON: the offset is +08:00."""
    return None if instant is None else instant.astimezone(SHANGHAI)


def fold(text: str) -> str:
    """Break lines of more than 100 columns; what follows is indented. Commands to type stay whole."""
    out: list[str] = []
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        if width(line) <= WIDTH or line.lstrip().startswith("yiriban "):
            out.append(line)
            continue
        out += _folded(line.strip(), indent)
    return "\n".join(out)


def _folded(text: str, indent: int) -> list[str]:
    """Cut one line, at a gap or behind a mark where there is one in the second half, else anywhere."""
    lines: list[str] = []
    while width(text) > WIDTH - indent:
        room, used, end = WIDTH - indent, 0, 0
        while used + width(text[end]) <= room:
            used += width(text[end])
            end += 1
        while text[end] in _CLOSING or (text[end].isalnum() and text[end - 1 : end].isascii() and end > 1):
            end -= 1
        breaks = [m.end() for m in _BREAK.finditer(text, 0, end) if m.end() > end // 2]
        end = breaks[-1] if breaks else end
        lines.append(" " * indent + text[:end].rstrip())
        text = text[end:].lstrip()
        indent = indent if lines[1:] else indent + 4
    return [*lines, " " * indent + text]
