"""What the engine finds wrong with itself, and when people hear of it: each finding once, its end once. 自查

A finding that may pass by itself (a patrol is just catching up) is told once it has stood for a while; one that
went away is called healed once it has stayed away. What flickers therefore pages nobody twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

GRACE = timedelta(minutes=5)
"""How far in the past a look may lie: the longest pace of `yiriban run`."""
UNTAKEN = timedelta(minutes=30)
"""How long a message that may go out can lie there with nobody taking it."""
UNHEALED = timedelta(hours=1)
"""How long a channel, an address or a subscriber may stand in the way before it is told once more."""
STOOD = timedelta(minutes=2)
"""What may pass by itself is told after so long."""
GONE = timedelta(minutes=10)
"""What stayed away for so long is healed."""
MOST = 20
"""So many findings of a kind are followed one by one; how many there are is counted all the same."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: its name for people (zh, en), and what to do about it (zh, en).

    ``lasting``: it cannot pass by itself, so it is told at once.
    """

    title: tuple[str, str]
    then: tuple[str, str]
    lasting: bool = False


_PATROL = ("运行 yiriban patrol，到点的事随即办到", "run yiriban patrol; what is due is done at once")
_HISTORY = (
    "不要继续写入，运行 yiriban history verify，与备份核对",
    "stop writing, run yiriban history verify, compare a backup",
)
_WATCH = (
    "有人绕过程序改过数据库：用 yiriban watch 从外部核对，与备份比对",
    "the database was changed behind the program: check with yiriban watch, compare a backup",
)
KINDS: dict[str, Kind] = {
    "patrol": Kind(("巡查停了", "no patrol"), ("查看并重新启动 yiriban run", "look after yiriban run, start it anew")),
    "unlooked": Kind(("计时到点没有巡查", "due clocks nobody looked at"), _PATROL),
    "unplanned": Kind(("计时没有下一次巡查", "clocks without a next look"), _WATCH, lasting=True),
    "unopened": Kind(("周期性工作到期没有开出", "recurring duties not opened"), _PATROL),
    "astray": Kind(("计时的安排与应有的不符", "clocks planned otherwise than they should be"), _WATCH, lasting=True),
    "halted": Kind(("计时停着而没有中止", "clocks standing still without a pause"), _WATCH, lasting=True),
    "left_open": Kind(("事项已办结而计时仍在走", "clocks running on finished matters"), _WATCH, lasting=True),
    "history": Kind(("流转记录与校验链不符", "histories that do not match their chain"), _HISTORY, lasting=True),
    "bundle": Kind(
        ("找不到事项的流程版本", "matters whose workflows are lost"),
        ("用 yiriban db restore 恢复备份", "restore a backup: yiriban db restore"), lasting=True,
    ),
    "messages": Kind(
        ("消息可以发而没有发", "messages nobody took"),
        ("yiriban channel list 看各渠道；yiriban message send 现在就发", "yiriban channel list; yiriban message send"),
    ),
    "retried": Kind(
        ("消息一再没有发成", "messages failing again and again"),
        ("yiriban channel list 看最近的问题", "yiriban channel list shows the last trouble"),
    ),
    "receipts": Kind(
        ("回执没有人查", "receipts nobody asks for"),
        ("yiriban channel list 看服务商是否还在设置里", "yiriban channel list: is the provider still set up?"),
    ),
    "channel": Kind(
        ("渠道停用超过一小时", "channels out of use for an hour"),
        ("改正设置后运行 yiriban channel test 渠道 --to 账号", "mend it, then: yiriban channel test CHANNEL --to PERSON"),
    ),
    "subscriber": Kind(
        ("订阅方没有收下事件", "subscribers that take no events"),
        ("yiriban feed list 看停在哪里；停下的用 yiriban feed push --again", "yiriban feed list; yiriban feed push --again"),
    ),
    "calendar": Kind(
        ("没有放假通知", "no holiday notice"),
        ("公布后运行 yiriban calendar adopt 年份.json", "once announced: yiriban calendar adopt YEAR.json"), lasting=True,
    ),
}  # fmt: skip
"""Every kind, the most pressing first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its kind, what it is about (unique in the kind), and in words."""

    kind: str
    subject: str
    what: str

    @property
    def key(self) -> tuple[str, str]:
        """The finding's identity, from one round to the next."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding that stands: since when, when people were told, and since when it is not seen any more."""

    finding: Finding
    since: datetime
    told_at: datetime | None = None
    gone_since: datetime | None = None


@dataclass(slots=True)
class Seen:
    """What a round saw: the findings, and how many more there are of a kind than it lists."""

    findings: list[Finding]
    more: Counter[str]

    @classmethod
    def of(cls, found: Iterable[tuple[Sequence[Finding], int]]) -> Seen:
        """Put together what the checks found, each with the count of all that there are of it."""
        seen = cls([], Counter())
        for listed, count in found:
            seen.findings += listed
            if count > len(listed):
                seen.more[listed[0].kind] += count - len(listed)
        return seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a round leads to: what stands now, what people hear of for the first time, and what is over."""

    standing: tuple[Standing, ...]
    fresh: tuple[Finding, ...]
    healed: tuple[Finding, ...]


def compare(standing: Sequence[Standing], seen: Seen, now: datetime) -> Verdict:
    """Compare what stands with what was seen ``now``; a clock that went back only makes it wait longer."""
    found = {finding.key: finding for finding in seen.findings}
    kept: list[Standing] = []
    fresh: list[Finding] = []
    healed: list[Finding] = []
    for known in standing:
        finding = found.pop(known.finding.key, None)
        if finding is not None:
            kept.append(_told(replace(known, finding=finding, gone_since=None), fresh, now))
        elif known.finding.kind in seen.more:
            kept.append(known)  # it may be among those that are only counted
        elif known.gone_since is not None and now - known.gone_since >= GONE:
            healed.append(known.finding)
        elif known.told_at is not None:
            kept.append(replace(known, gone_since=known.gone_since or now))
    kept += [_told(Standing(finding, now), fresh, now) for finding in found.values()]
    return Verdict(tuple(kept), tuple(fresh), tuple(healed))


def _told(known: Standing, fresh: list[Finding], now: datetime) -> Standing:
    """Tell of a finding that has stood long enough and was not told of."""
    if known.told_at is not None or not (KINDS[known.finding.kind].lasting or now - known.since >= STOOD):
        return known
    fresh.append(known.finding)
    return replace(known, told_at=now)


def counted(findings: Iterable[Finding], english: bool = False) -> list[str]:
    """Say how many there are of each kind, the most pressing first; no matter is named."""
    numbers = Counter(finding.kind for finding in findings)
    return [
        f"{kind.title[1]}: {numbers[name]}" if english else f"{kind.title[0]} {numbers[name]} 处"
        for name, kind in KINDS.items()
        if numbers[name]
    ]
