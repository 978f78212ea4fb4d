"""Politeness between schedulers: one `yiriban run` per database, and a dead one is no obstacle.

Two at once would do no harm, for every effect is unique in the database; they would only do
the same looking twice.
"""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.errors import Conflict
from storage.leases import Holding, Leases
from storage.store import SqlStore

NAME = "metronome"
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(minutes=15)
_BEATS = 3
_ZONE = ZoneInfo("Asia/Shanghai")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class LeaseLost(Conflict):
    """Somebody else has taken the lease, or it has gone: this scheduler stops."""


@dataclass(frozen=True, slots=True)
class Self:
    """The process that wants the lease: operating-system user, host, number, birth."""

    user: str
    host: str
    pid: int
    birth: str


def myself() -> Self:
    """Describe this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "?"
    pid = os.getpid()
    return Self(user, socket.gethostname(), pid, birth_of(pid) or "")


def birth_of(pid: int) -> str | None:
    """Return boot and tick at which process ``pid`` began, ``None`` where no such process lives.

    Empty where the system cannot say: then only time makes a lease void.
    """
    if os.name != "posix":  # elsewhere signal 0 is no question: Windows would end the process
        return ""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # it lives, and is somebody else's
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        # behind the name in brackets: state (field 3), …, start tick (field 22)
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return ""
    fields = told.split()
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


class Lease:
    """The lease of one scheduler: taken at the start, renewed at every beat, released at the end."""

    def __init__(
        self, store: SqlStore, every: timedelta, *, me: Self | None = None, name: str = NAME
    ) -> None:
        """Prepare to take ``name`` in ``store`` for a scheduler that beats ``every`` so often.

        A lease lasts three beats, at least a minute and at most a quarter of an hour.
        """
        self._store = store
        self._length = min(max(_BEATS * every, SHORTEST), LONGEST)
        self._me = me or myself()
        self._name = name
        self._mine: Holding | None = None

    def take(self, now: datetime) -> Holding | None:
        """Take the lease; return the holder that was replaced, ``None`` where it was free.

        Raise ``Conflict`` where another scheduler holds it.
        """
        me = self._me
        mine = Holding(me.user, me.host, me.pid, me.birth, now, now + self._length)
        with self._store.transaction():
            leases = Leases(self._store)
            held = leases.read(self._name)
            if held is not None and self._stands(held, now):
                raise _refused(held)
            if not leases.take(self._name, mine, held):
                raise Conflict(
                    "另一个 yiriban run 抢先一步，已在巡查这个数据库",
                    why="两个程序同时启动",
                    then="不必再开一个；要换到这里，先停掉那一个",
                )
        self._mine = mine
        return held

    def renew(self, now: datetime) -> None:
        """Prolong the lease; raise ``LeaseLost`` where it is no longer ours."""
        if self._mine is None:
            raise LeaseLost("本程序没有巡查的租约", then="重新运行 yiriban run")
        with self._store.transaction():
            leases = Leases(self._store)
            if leases.renew(self._name, self._mine, now + self._length):
                return
            held = leases.read(self._name)
        self._mine = None
        raise LeaseLost(
            "巡查的租约已不属于本程序，本程序停止",
            why=f"现在{_who(held)}" if held is not None else "租约从数据库里消失了，可能恢复过备份",
            then="到点的事由接手的程序照常处理，不会漏，也不会重；若无人接手，重新运行 yiriban run",
        )

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self._mine is None:
            return
        with self._store.transaction():
            Leases(self._store).release(self._name, self._mine)
        self._mine = None

    def _stands(self, held: Holding, now: datetime) -> bool:
        """Say whether a lease must be respected: in time, and its process not known to be dead."""
        if not now < held.expires_at <= now + LONGEST:  # later than any lease: from a clock that was ahead
            return False
        if held.host != self._me.host:
            return True
        birth = birth_of(held.pid)
        if birth is None:
            return False
        return not birth or not held.birth or birth == held.birth


def _refused(held: Holding) -> Conflict:
    return Conflict(
        "另一个 yiriban run 已在巡查这个数据库",
        why=_who(held),
        then=f"不必再开一个；要换到这里，先在那台主机上停掉进程 {held.pid}；"
        f"若那台主机已停机，{_at(held.expires_at)} 之后再启动",
    )


def _who(held: Holding) -> str:
    return f"由 {held.holder} 在主机 {held.host} 上运行，进程 {held.pid}，自 {_at(held.started_at)} 起"


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(_ZONE):%Y-%m-%d %H:%M:%S}"
