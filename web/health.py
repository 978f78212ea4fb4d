"""Whether the program does its work: what is judged, and in which words. 就绪

Only what a restart or a person can mend makes it "not ready": the database, the beat, the wall clock, a stop. What the
engine's check of itself has found is told along with it and has an alert of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import Conflict, NotFound, StorageTrouble
from runtime.pulse import Vital

_ZONE = ZoneInfo("Asia/Shanghai")
Words = tuple[str, str]
"""In Chinese and in English."""


@dataclass(frozen=True, slots=True)
class Check:
    """One judgement: ``what`` is the matter and what to do ``then``; ``stops``: without it the program is not ready."""

    name: str
    ok: bool
    what: Words = ("", "")
    then: Words = ("", "")
    stops: bool = True
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probed:
    """What looking into the database brought: ``trouble`` is why it could not be, ``findings`` those of the audit."""

    trouble: Exception | None = None
    findings: int = 0
    audited_at: datetime | None = None


def judge(vital: Vital, probed: Probed) -> list[Check]:
    """Judge everything, the most pressing first."""
    checks = [_database(probed), _beat(vital), _wall_clock(vital), _audit(probed)]
    if vital.leaving:
        stopping = ("程序正在停止", "the program is stopping"), ("稍候；它不会自己再启动", "it does not start again by itself")  # fmt: skip
        checks.insert(0, Check("stopping", False, *stopping))
    return checks


def ready(checks: Sequence[Check]) -> bool:
    """Say whether everything that matters is well."""
    return all(check.ok for check in checks if check.stops)


def page(checks: Sequence[Check], now: datetime, lang: str) -> dict[str, Any]:
    """Return what is answered, as what JSON can hold."""
    english = lang == "en"
    told: list[dict[str, Any]] = []
    for check in checks:
        one: dict[str, Any] = {"name": check.name, "ok": check.ok, **check.figures}
        if not check.ok:
            one |= {"what": check.what[english], "then": check.then[english]}
        told.append(one)
    at = now.astimezone(_ZONE).isoformat(timespec="milliseconds")
    return {"schema": "yiriban.ready/1", "ready": ready(checks), "at": at, "checks": told}


def _database(probed: Probed) -> Check:
    match probed.trouble:
        case None:
            return Check("database", True)
        case TimeoutError():
            what = "数据库没有及时应答", "the database does not answer in time"
            then = (
                "看磁盘和数据库服务，有没有别的程序一直锁着它",
                "look at the disk, the server, and who holds its lock",
            )
        case NotFound():
            what = "数据库不在了，或还没有建库", "the database has gone, or was never initialised"
            then = (
                "放回文件或恢复备份（yiriban db restore），检查 --database",
                "put it back or restore a backup; check --database",
            )
        case Conflict():
            what = "数据库正忙：另一个程序正在写入", "the database is busy: another program is writing"
            then = (
                "稍候；若一直如此，查看是否有停住的 yiriban 进程",
                "wait; if it lasts, look for a yiriban process that hangs",
            )
        case StorageTrouble():
            what = (
                "数据库出错，或结构版本与程序不符",
                "the database fails, or its schema is not that of the program",
            )
            then = (
                "运行 yiriban doctor，它会说是哪一种、怎么办",
                "run yiriban doctor: it says which, and what to do",
            )
        case _:
            what = "查看数据库时程序出错", "looking at the database failed"
            then = (
                "运行 yiriban doctor；仍不明白请报告此问题",
                "run yiriban doctor; if that does not tell, report it",
            )
    return Check("database", False, what, then)  # fmt: skip


def _beat(vital: Vital) -> Check:
    figures = {
        "age_seconds": None if vital.age is None else round(vital.age, 3), "limit_seconds": vital.limit,
        "beats": vital.beats, "failures": vital.failures,
    }  # fmt: skip
    if vital.beating:
        return Check("beat", True, figures=figures)
    since = f"{vital.waited:.0f}"
    if vital.age is None and vital.waited <= vital.limit and not vital.failures:
        what = "第一次巡查还没有做完", "the first beat has not ended yet"
        then = "稍候", "wait"
    elif vital.failures:
        what = f"{since} 秒没有做成一次巡查", f"no beat has succeeded for {since} s"
        then = (
            "看 yiriban run 的输出或日志（beat.failed）说为什么",
            "its output or log (beat.failed) says why",
        )
    else:
        what = f"{since} 秒没有巡查", f"no beat for {since} s"
        then = (
            "看 yiriban run 的输出或日志；没有缘由就重新启动它",
            "look at its output or log; else start it anew",
        )
    return Check("beat", False, what, then, figures=figures)


def _wall_clock(vital: Vital) -> Check:
    figures = {"drift_seconds": round(vital.drift, 3)}
    if vital.steady:
        return Check("wall_clock", True, figures=figures)
    what = (
        f"系统时间跳动了 {vital.drift:+.0f} 秒，调度器还没有重建",
        f"the wall clock jumped by {vital.drift:+.0f} s",
    )
    then = (
        "校准系统时间（NTP）；几秒后仍如此就重新启动 yiriban run",
        "mend the clock (NTP); if it stays, start it anew",
    )
    return Check("wall_clock", False, what, then, figures=figures)


def _audit(probed: Probed) -> Check:
    at = (
        None
        if probed.audited_at is None
        else probed.audited_at.astimezone(_ZONE).isoformat(timespec="seconds")
    )
    figures = {"findings": probed.findings, "audited_at": at}
    if not probed.findings:
        return Check("audit", True, stops=False, figures=figures)
    what = f"自查发现 {probed.findings} 处问题", f"{probed.findings} findings of the check of itself"
    then = "运行 yiriban doctor 看是哪些", "run yiriban doctor to see them"
    return Check("audit", False, what, then, stops=False, figures=figures)
