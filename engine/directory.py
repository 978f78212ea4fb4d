"""People, units and jurisdictions as values: who holds what, who stands in for whom, who is told.

人员、单位、行政区划、任命、代理
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from engine.errors import BadInput

PURCHASER_ROLES = ("officer", "purchaser_rep", "purchaser_head")
REGULATOR = "regulator"
REGULATOR_HEAD = "regulator_head"
REGULATORS = frozenset({REGULATOR, REGULATOR_HEAD})
"""The roles of a finance department; both are competent by budget level. 财政部门"""
BUYING = frozenset({*PURCHASER_ROLES, "agency"})
"""The roles that nobody of the finance department of the same jurisdiction may hold (R78)."""
CENTRE = "centre"
"""The public resources trading centre: no buyer, it has duties of its own. 公共资源交易中心"""
UNIT_SIDE = BUYING | {CENTRE}
"""The roles whose desk is the officer's: they do the work that is watched."""
SEPARATION = "政府采购法 第60条"
"""The ground of R78, buying apart from regulating. 管采分离"""

Level = Literal["county", "city", "province"]
LEVELS: tuple[Level, ...] = ("county", "city", "province")
"""Levels of government from the bottom; a jurisdiction is part of one of a higher level."""

DelegationKind = Literal["AB", "leave", "acting"]
KINDS: tuple[DelegationKind, ...] = ("AB", "leave", "acting")
INSTEAD = frozenset({"leave", "acting"})
"""The kinds whose principal is away; with ``AB`` both are there."""

FALLBACK = ("purchaser_head", "tracker")
"""Who is told where nobody of a role can be reached, in this order."""
SUPERVISORS = {
    "tracker": (REGULATOR, REGULATOR_HEAD),
    REGULATOR: (REGULATOR_HEAD, "tracker"),
    REGULATOR_HEAD: (REGULATOR, "tracker"),
}
"""The same for the supervisors: what concerns them stays among them as long as one of them is there."""
LAST_RESORT = (
    *FALLBACK, "officer", "purchaser_rep", "agency", REGULATOR, REGULATOR_HEAD, CENTRE, "sector", "discipline",
    "bank", "expert", "supplier",
)  # fmt: skip
"""Where everybody is away: whose holders are told all the same; a notice is never lost for a leave."""

_LONGEST_NAME = 60
# a mobile number, or one with its area code; shorter ones cannot be told from staff numbers
_NUMBER = re.compile(r"(?<!\d)(?:(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}|0\d{2,3}[- ]?\d{7,8})(?!\d)")
_PHONE = re.compile(r"\+?\d{5,20}")
_EMAIL = re.compile(r"[^\s@<>,;\"'()]+@[^\s@<>,;\"'()]+\.[^\s@<>,;\"'().]+")
# neither a gap, a comma nor a bar: what stands for several persons is no account
_ACCOUNT = re.compile(r"[A-Za-z0-9_@.:$#+=-]{1,64}")

ADDRESSES = {"sms": "phone", "email": "email", "wecom": "wecom", "dingtalk": "dingtalk"}
"""By channel the field of a person that it sends to."""
WANTING = {"sms": "手机号", "email": "邮箱", "wecom": "企业微信账号", "dingtalk": "钉钉账号"}
"""By channel what a person lacks who cannot be reached by it."""


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """A level of government by its six-digit code. 行政区划"""

    code: str
    name: str
    level: str
    part_of: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A purchasing unit. ``path`` spells it from the top of its tree; ``profile`` holds for its projects."""

    id: str
    name: str
    path: str
    profile: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person; addresses never show, not even where the value is printed by mistake. 人员"""

    id: str
    name: str
    jurisdiction: str
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    wecom: str = field(default="", repr=False)
    dingtalk: str = field(default="", repr=False)

    @property
    def masked_phone(self) -> str:
        """The telephone number as it may be shown: ``138****1234``."""
        return mask_phone(self.phone)

    @property
    def masked_email(self) -> str:
        """The address as it may be shown: ``z***@example.org``."""
        return mask_email(self.email)

    @property
    def masked_wecom(self) -> str:
        """The WeCom account as it may be shown: ``Z***``."""
        return mask_account(self.wecom)

    @property
    def masked_dingtalk(self) -> str:
        """The DingTalk account as it may be shown: ``m***``."""
        return mask_account(self.dingtalk)


@dataclass(frozen=True, slots=True)
class Appointment:
    """A person holds a role for a unit and what is below it, from ``since`` until perhaps ``until``. 任命"""

    person: str
    role: str
    unit: str
    since: datetime
    until: datetime | None
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """``deputy`` stands in for ``principal``, for ``unit`` and what is below it (empty: everywhere). 代理

    ``path`` is that of the unit, ``jurisdiction`` the unit's, or the principal's where there is no unit.
    """

    principal: str
    deputy: str
    kind: DelegationKind
    unit: str
    since: datetime
    until: datetime | None
    jurisdiction: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an appointment gives, to its holder or to a deputy: a role for units, from … until."""

    person: str
    role: str
    unit: str
    path: str
    jurisdiction: str
    since: datetime
    until: datetime | None

    def covers(self, unit: Unit, jurisdiction: str | None = None) -> bool:
        """Say whether the role holds for ``unit``.

        A regulator's competence follows the budget level (``jurisdiction``, by default the unit's) and
        not the tree; every other role holds for its unit and those below it.
        """
        if self.role in REGULATORS:
            return self.jurisdiction == (jurisdiction or unit.jurisdiction)
        return below(unit.path, self.path)

    def at(self, moment: datetime) -> bool:
        """Say whether it is in force at ``moment``: from ``since``, before ``until``."""
        return in_force(self.since, self.until, moment)

    def lent(self, delegation: Delegation) -> Scope | None:
        """Return what a deputy has of it, ``None`` for nothing: the common time, the common units."""
        since = max(self.since, delegation.since)
        until = _earlier(self.until, delegation.until)
        if until is not None and until <= since:
            return None
        if not delegation.unit:
            return replace(self, since=since, until=until)
        if self.role in REGULATORS:
            same = self.jurisdiction == delegation.jurisdiction
            return replace(self, since=since, until=until) if same else None
        if below(self.path, delegation.path):
            return replace(self, since=since, until=until)
        if below(delegation.path, self.path):
            return replace(self, unit=delegation.unit, path=delegation.path, since=since, until=until)
        return None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, under which role, and for whom (empty: in one's own right)."""

    person: str
    role: str
    principal: str = ""

    @property
    def role_text(self) -> str:
        """The role as a message records it: ``officer``, or ``officer（代张三）`` for a deputy."""
        return f"{self.role}（代{self.principal}）" if self.principal else self.role


def below(path: str, above: str) -> bool:
    """Say whether ``path`` is ``above`` or under it."""
    return path == above or path.startswith(f"{above}/")


def in_force(since: datetime, until: datetime | None, at: datetime) -> bool:
    """Say whether something that lasts from ``since`` (with it) until ``until`` (without it) holds at ``at``."""
    return since <= at and (until is None or at < until)


def overlap(since: datetime, until: datetime | None, other: datetime, other_until: datetime | None) -> bool:
    """Say whether two spans of time have an instant in common."""
    return (until is None or other < until) and (other_until is None or since < other_until)


def clash(one: Scope, other: Scope, units: Iterable[Unit]) -> bool:
    """Say whether one person may not hold both: to regulate and to buy in one jurisdiction (R78)."""
    regulating, buying = (one, other) if one.role in REGULATORS else (other, one)
    if regulating.role not in REGULATORS or buying.role not in BUYING:
        return False
    return overlap(one.since, one.until, other.since, other.until) and any(
        unit.jurisdiction == regulating.jurisdiction and buying.covers(unit) for unit in units
    )


def recipients(
    role: str,
    holders: Callable[[str], Sequence[str]],
    lent: Callable[[str], Sequence[Delegation]],
    *,
    warning: bool = False,
) -> list[Recipient]:
    """Return who is told when a rung tells ``role``, everybody once.

    ``holders`` names the holders of a role, ``lent`` the delegations in force that concern it, both for
    the matter's unit at the moment of the fire. A deputy is told instead of a principal who is away, or
    also (AB); a warning goes to both always. One hop: a deputy who is away as well is not followed but
    passed over. Where nobody is reached the purchaser's head is told, else the tracker (for supervisors:
    another one of them), else whoever holds any role. Empty only where nobody does.
    """
    found = _reached(role, holders(role), lent(role))
    for other in SUPERVISORS.get(role, FALLBACK):
        found = found or _reached(other, holders(other), lent(other))
    for other in (role, *LAST_RESORT):
        found = found or [Recipient(person, other) for person in holders(other)]
    if warning:
        held = set(holders(role))
        found += [Recipient(person, role) for person in sorted(held)]
        found += [Recipient(d.deputy, role, d.principal) for d in lent(role) if d.principal in held]
    once: dict[str, Recipient] = {}
    for recipient in found:
        once.setdefault(recipient.person, recipient)
    return list(once.values())


def _reached(role: str, holders: Sequence[str], delegations: Sequence[Delegation]) -> list[Recipient]:
    away = {d.principal for d in delegations if d.kind in INSTEAD}
    deputies = [
        Recipient(d.deputy, role, d.principal)
        for d in delegations
        if d.principal in holders and d.deputy not in away
    ]
    return [Recipient(person, role) for person in holders if person not in away] + deputies


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None else other if one is None else min(one, other)


# names and addresses


def name_of(text: str, what: str) -> str:
    """Return a name that may stand in keys (``fire/person/channel``, unit paths); else raise ``BadInput``.

    A telephone number or an address is no name: names stand in histories and on every page.
    """
    name = " ".join(text.split())
    if not name or "/" in name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadInput(
            f"{what}不能用：{masked(text)!r}",
            why=f"不能是空的，不能有斜杠，最多 {_LONGEST_NAME} 字",
            then="换一个写法",
        )
    if masked(name) != name:
        raise BadInput(
            f"{what}不能是电话号码或邮箱：{masked(name)}",
            why="名称和账号会写进流转记录，电话和邮箱只存在一处",
            then="用姓名或工号，号码写在手机、邮箱一栏（--phone、--email）",
        )
    return name


def phone_of(text: str) -> str:
    """Return a telephone number without gaps; raise ``BadInput``, showing it masked."""
    number = re.sub(r"[\s\-()（）]", "", text)
    if number and not _PHONE.fullmatch(number):
        raise BadInput(
            f"看不懂的电话号码：{mask_phone(text.strip())}",
            why="须为数字，可以带区号和 +86",
            then="例如 13800000000",
        )
    return number


def email_of(text: str) -> str:
    """Return an e-mail address; raise ``BadInput``, showing it masked."""
    address = text.strip()
    if address and not _EMAIL.fullmatch(address):
        raise BadInput(
            f"看不懂的邮箱：{mask_email(address)}", why="须为 名称@域名", then="例如 zhang@example.org"
        )
    return address


def account_of(text: str, where: str) -> str:
    """Return a person's account (userid) with WeCom or DingTalk; raise ``BadInput``, showing it masked.

    What stands for several (``a|b``, ``a,b``) or for everybody (``@all``) is no account of one person.
    """
    account = text.strip()
    if account and (not _ACCOUNT.fullmatch(account) or account.casefold() == "@all"):
        raise BadInput(
            f"看不懂的{where}账号：{mask_account(account)}",
            why="须为一个人在通讯录里的账号（userid）：1 至 64 个字母、数字或 _ - @ . 等符号，不能有空格、逗号、竖线",
            then="例如 zhangsan",
        )
    return account


def mask_phone(number: str) -> str:
    """``138****1234``; of a shorter number only the last two digits, of a very short one nothing."""
    if len(number) >= 11:
        return f"{number[:3]}****{number[-4:]}"
    return f"****{number[-2:]}" if len(number) >= 7 else "****" if number else ""


def mask_email(address: str) -> str:
    """``z***@example.org``; of a name of one letter, and of what is no address, nothing."""
    name, sign, domain = address.rpartition("@")
    if not sign:
        return "***" if address else ""
    return f"{name[0] if len(name) > 1 else ''}***@{domain}"


def mask_account(account: str) -> str:
    """``z***``; of an account of one letter nothing."""
    return f"{account[0] if len(account) > 1 else ''}***" if account else ""


def mask_address(channel: str, address: str) -> str:
    """Return an address of ``channel`` as it may be shown."""
    masks = {"sms": mask_phone, "email": mask_email}
    return masks.get(channel, mask_account)(address)


def masked(text: str) -> str:
    """Return ``text`` with whatever looks like a telephone number or an address in it masked."""
    return _NUMBER.sub(lambda m: mask_phone(m[0]), _EMAIL.sub(lambda m: mask_email(m[0]), text))
