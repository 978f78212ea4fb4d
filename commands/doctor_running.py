"""Checks of what goes on: the standing process, the clocks, the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from commands.db_page import hold_words, on_hold
from commands.doctor_patient import Check, Patient, Said
from commands.printing import SHANGHAI, local
from commands.words import span
from runtime.lease import LONGEST, NAME, SHORTEST, birth_of, myself
from storage.holds import read_hold
from storage.inspection import dead_messages, held_up_by, next_look, out_of_use, troubled, unlooked, unsent
from storage.leases import Holding, Leases

GRACE = timedelta(minutes=5)
"""How long a due clock may wait: the longest pace of `yiriban run`."""
PATIENCE = timedelta(hours=1)
"""How long a message may wait before somebody should know."""
_MOST = 5


def standing(patient: Patient) -> Iterator[Said]:
    """`yiriban run` lives, or nothing is to be looked at; one that died without a word is a finding."""
    with patient.store.reading():
        held = Leases(patient.store).read(NAME)
        planned = next_look(patient.store)
    start = patient.pick("运行 yiriban run（docs/how-to/keep-it-running.md）", "Start yiriban run")
    if held is None and planned is None:
        yield Said("good", patient.pick("没有要巡查的计时", "no clock is to be looked at"))
    elif held is None and planned is not None:
        yield Said(
            "hint",
            patient.pick("没有 yiriban run 在运行", "yiriban run is not running"),
            patient.pick("下一次该巡查：", "next look: ") + local(planned),
            patient.pick(f"{start}，或定时运行 yiriban run --once", f"{start}, or yiriban run --once from a planner"),
        )  # fmt: skip
    elif held is not None and lives(held, patient.now):
        yield Said("good", _who(patient, held))
    elif held is not None:
        yield Said(
            "finding",
            patient.pick("yiriban run 没有正常停止，已不在运行", "yiriban run has died or fallen silent"),
            _who(patient, held),
            patient.pick(f"{start}；它会接替，并把错过的补办", f"{start}; it takes over and does what was missed"),
        )  # fmt: skip


def lives(held: Holding, now: datetime) -> bool:
    """Whether the lease is in time and its process not known to be gone; as `runtime.lease` judges it."""
    if not now < held.expires_at <= now + LONGEST:
        return False
    if held.host != myself().host:
        return True
    birth = birth_of(held.pid)
    return birth is not None and (not birth or not held.birth or birth == held.birth)


def _who(patient: Patient, held: Holding) -> str:
    # a lease outlasts the beat that renewed it by a minute at least
    beat = _second(held.expires_at - SHORTEST)
    return patient.pick(
        f"{held.holder} 在主机 {held.host} 的进程 {held.pid}，自 {_second(held.started_at)} 起，"
        f"最近一次巡查不晚于 {beat}",
        f"{held.holder} on host {held.host}, process {held.pid}, since {_second(held.started_at)}, "
        f"last beat not after {beat}",
    )


def _second(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def clocks(patient: Patient) -> Iterator[Said]:
    """No clock waits for a look that was due more than a few minutes ago."""
    with patient.store.reading():
        count, oldest = unlooked(patient.store, patient.now - GRACE)
        planned = next_look(patient.store)
    if oldest is not None and oldest.look_at is not None:
        since = span(patient.now - oldest.look_at, patient.lang)
        yield Said(
            "finding",
            patient.pick(f"{count} 个计时到点没有巡查", f"{count} clocks are due and nobody looked"),
            patient.pick(
                f"最早的是 {oldest.matter} 的 {oldest.clock}，已过 {since}",
                f"The oldest is {oldest.clock} of {oldest.matter}, {since} ago",
            ),
            patient.pick("运行 yiriban patrol，到点的事随即办到", "Run yiriban patrol; what is due is done at once"),
        )  # fmt: skip
    elif planned is None:
        yield Said("good", patient.pick("没有要巡查的计时", "no clock is to be looked at"))
    else:
        yield Said("good", patient.pick(f"下一次该巡查：{local(planned)}", f"next look: {local(planned)}"))


def troubles(patient: Patient) -> Iterator[Said]:
    """No open clock has a rung that could not be done."""
    with patient.store.reading():
        count, first = troubled(patient.store, _MOST)
    for late in first:
        yield Said(
            "finding",
            patient.pick(f"{late.matter} 的计时 {late.clock} 有故障", f"{late.clock} of {late.matter} has a trouble"),
            " ".join(late.trouble.split()),
            f"yiriban project explain {late.matter}",
        )  # fmt: skip
    if count > len(first):
        more = count - len(first)
        yield Said("finding", patient.pick(f"另有 {more} 个", f"{more} more"))
    if not count:
        yield Said("good", patient.pick("没有故障", "none"))


def messages(patient: Patient) -> Iterator[Said]:
    """No message has been waiting for long; what was given up is told as a hint."""
    with patient.store.reading():
        count, oldest = unsent(patient.store, patient.now)
        because = held_up_by(patient.store, _MOST)
        dead = dead_messages(patient.store)
        stopped = out_of_use(patient.store)
        hold = read_hold(patient.store)
    if hold is not None:
        yield Said("finding", on_hold(hold, patient.lang), *hold_words(hold, patient.lang))
    for channel, provider, reason in stopped:
        yield Said(
            "finding",
            patient.pick(f"渠道 {channel}（{provider}）已停用", f"{provider} for {channel} is out of use"),
            reason,
            patient.pick(f"改正后运行 yiriban channel test {channel} --to 账号", f"Mend it, then: yiriban channel test {channel} --to PERSON"),
        )  # fmt: skip
    if oldest is not None and patient.now - oldest > PATIENCE:
        since = span(patient.now - oldest, patient.lang)
        ours = patient.pick("；", "; ").join(f"{what} {n}" for what, n in because)
        yield Said(
            "finding",
            patient.pick(f"{count} 条消息到时未发，最早的等了 {since}", f"{count} messages wait, the oldest for {since}"),
            ours or patient.pick("还没有人发送", "Nobody has sent them"),
            patient.pick("yiriban channel list 看各渠道；yiriban message send 现在就发", "yiriban channel list; yiriban message send"),
        )  # fmt: skip
    elif count:
        yield Said("good", patient.pick(f"{count} 条到时待发", f"{count} waiting to be sent"))
    else:
        yield Said("good", patient.pick("没有到时未发的消息", "none is waiting"))
    if dead:
        yield Said(
            "hint",
            patient.pick(f"{dead} 条消息没有送达", f"{dead} messages were given up"),
            patient.pick("多次失败，或地址不能用", "They failed too often, or their address cannot work"),
            "yiriban message list --state dead",
        )


CHECKS = (
    Check("run", ("巡查程序", "standing process"), standing, ("database",)),
    Check("clocks", ("到点的计时", "due clocks"), clocks, ("database",)),
    Check("troubles", ("计时故障", "troubles"), troubles, ("database",)),
    Check("messages", ("消息", "messages"), messages, ("database",)),
)
"""The checks of this module in their order."""
