"""What the killed programs of the kill suite do: patrol, deliver, act; each for ever, at the moment on the board.

They run in processes forked from `_kill_nemesis` and call what `yiriban run`, `message send` and `project do` call.
What they have done they say in lines, one write each, so that a word is out or it is not.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from engine.deliver import deliver
from engine.deliver_receipts import collect
from engine.delivery import Channels, Notifier, Provider
from engine.errors import Conflict, YiribanError
from engine.patrol import patrol
from engine.workflow import ProviderText, TextDef
from notifiers import aliyun_sms, gateway, smtp, tencent_sms, yunmas
from notifiers.address import read_address
from runtime.assembly import limits_for
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.feed import Feed
from storage.outbox import SqlOutbox
from storage.receipt_book import SqlReceipts
from tests.city import ROOT
from tests.faults._kill_town import Course, Task, Town

PATROL, DELIVERY, OFFICER = "patrol", "delivery", "officer"
SPEED = 20.0
"""Seconds that pass for providers and senders in one of ours, while a step lasts."""
NAP = 0.002
HANDS = 4
"""Threads of one sender."""
SECRET = "kill-suite-secret"
PLATFORM = ROOT / "examples" / "gateways" / "city-platform.yaml"
SMS: Mapping[str, tuple[Any, str]] = {
    "gateway": (gateway, f"gateway://yiriban@/?file={PLATFORM}&secret=env:S"),
    "aliyun": (aliyun_sms, "aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:S&sign=一日办"),
    "tencent": (
        tencent_sms,
        "tencent-sms://SID@sms.tencentcloudapi.com/?secret=env:S&app=1400000001&sign=一日办&echo=1",
    ),
    "yunmas": (yunmas, "yunmas://ap1@mas.example.cn/?secret=env:S&ec=平顶山市财政局&sign=SIGN1"),
}
ASKABLE = frozenset({"gateway", "aliyun", "tencent"})
LIMITS = limits_for(Settings(workflows=SHIPPED_WORKFLOWS))
APPROVED = date(2026, 1, 1)


class Board:
    """What nemesis and programs see at the same time: the moment, what is to be done, who is busy."""

    _HEAD = struct.Struct("qqdd??")

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def post(
        self, turn: int, step: int, moment: datetime, since: float, *, acting: bool = False, delivering: bool = False
    ) -> None:  # fmt: skip
        """Say which turn of which step it is, that it was ``moment`` at the second ``since``, and who is at work."""
        self._HEAD.pack_into(self._page, 0, turn, step, moment.timestamp(), since, acting, delivering)

    def read(self) -> tuple[int, int]:
        """Return turn and step."""
        turn, step, *_ = self._HEAD.unpack_from(self._page, 0)
        return turn, step

    @property
    def acting(self) -> bool:
        """Whether people act in this turn."""
        return bool(self._HEAD.unpack_from(self._page, 0)[4])

    @property
    def delivering(self) -> bool:
        """Whether messages are sent in this turn."""
        return bool(self._HEAD.unpack_from(self._page, 0)[5])

    def clock(self) -> datetime:
        """The time as senders and providers have it."""
        _, _, moment, since, *_ = self._HEAD.unpack_from(self._page, 0)
        return datetime.fromtimestamp(moment + (time.time() - since) * SPEED, UTC)

    def busy(self, slot: int) -> bool:
        """Whether the program of that slot is at work."""
        return self._page[64 + slot] == 1

    def set_busy(self, slot: int, busy: bool) -> None:
        """Say so."""
        self._page[64 + slot] = int(busy)


@dataclass(slots=True)
class Desk:
    """What a program has before it."""

    slot: int
    hand: int
    hands: int
    course: Course
    board: Board
    out: int
    town: Town
    """Not connected yet."""
    channels: Channels

    def say(self, *words: object) -> None:
        """Write a line to the nemesis, whole or not at all."""
        os.write(self.out, (" ".join(map(str, words)) + "\n").encode())


def patrolling(desk: Desk) -> None:
    """Let time pass, once a turn; what was interrupted begins again."""
    town = desk.town
    done = -1
    while True:
        turn, step = desk.board.read()
        if turn == done or step >= len(desk.course.steps):
            time.sleep(NAP)
            continue
        desk.board.set_busy(desk.slot, True)
        now = desk.course.steps[step]
        try:
            patrol(town.office, town.store, now)
            with town.store.transaction():
                Feed(town.store).beat(now)
            done = turn
        except YiribanError as error:
            desk.say("failed", type(error).__name__, error.what.replace(" ", ""))
        town.store.close()
        desk.board.set_busy(desk.slot, False)
        if turn == done:
            desk.say("passed", turn)


def acting(desk: Desk) -> None:
    """Do the tasks of the step in this hand, those that are not in the history yet."""
    town = desk.town
    done = -1
    while True:
        turn, step = desk.board.read()
        if turn == done or not desk.board.acting:
            time.sleep(NAP)
            continue
        desk.board.set_busy(desk.slot, True)
        for task in desk.course.at(step, desk.hand, desk.hands):
            if not town.done(task):
                _one(desk, town, task)
        desk.board.set_busy(desk.slot, False)
        done = turn
        desk.say("did", turn)


def _one(desk: Desk, town: Town, task: Task) -> None:
    """Do one task and tell how it ended; another program's lock is waited for, as a person would."""
    desk.say("begin", task.number)
    while True:
        try:
            carried_out(desk, town, task)
        except Conflict as error:
            if "正忙" in error.what:
                continue
            desk.say("refused", task.number, type(error).__name__)
        except YiribanError as error:
            desk.say("refused", task.number, type(error).__name__)
        return


def carried_out(desk: Desk, town: Town, task: Task) -> None:
    """Do a task; it is told when it is committed."""
    town.act(task, desk.course.steps[task.step])
    desk.say("ok", task.number)


def delivering(desk: Desk) -> None:
    """Send what may go out and ask for receipts, round after round, as the postman does."""
    town, board, channels = desk.town, desk.board, desk.channels
    stopped = -1
    while True:
        turn, _ = board.read()
        if not board.delivering:
            if stopped != turn:
                desk.say("paused", turn)
                stopped = turn
            time.sleep(NAP)
            continue
        board.set_busy(desk.slot, True)
        moved = False
        try:
            done = deliver(
                SqlOutbox(town.store), channels, board.clock(), office=town.office, limits=LIMITS, workers=HANDS,
                clock=board.clock, stopping=lambda: not board.delivering,
            )  # fmt: skip
            back = collect(SqlReceipts(town.store), channels, board.clock(), office=town.office)
            moved = bool(done.outcomes or done.ended or done.digests or back.states)
        except YiribanError as error:
            desk.say("failed", type(error).__name__, error.what.replace(" ", ""))
            moved = True
        town.store.close()
        board.set_busy(desk.slot, False)
        desk.say("round", turn, int(moved))
        time.sleep(NAP if moved else NAP * 25)


WORK: Mapping[str, Callable[[Desk], None]] = {PATROL: patrolling, DELIVERY: delivering, OFFICER: acting}


def wordings(texts: Mapping[str, TextDef], sms: str) -> dict[str, TextDef]:
    """The texts, each with an approved template at the provider."""
    if sms not in ("aliyun", "tencent"):
        return dict(texts)
    kept = {
        name: ProviderText(sms, f"T_{name}", told_by_sms(text), APPROVED, 500) for name, text in texts.items()
    }
    return {name: replace(text, providers={sms: kept[name]}) for name, text in texts.items()}


def told_by_sms(text: TextDef) -> tuple[str, ...]:
    """The parameters that stand in a text's short form."""
    return tuple(name for name in text.params if f"{{{name}}}" in text.sms)


def templates(texts: Mapping[str, TextDef], sms: str) -> dict[str, str]:
    """What the provider has of those templates."""
    found: dict[str, str] = {}
    for name, text in texts.items():
        places = [f"${{{p}}}" if sms == "aliyun" else f"{{{n}}}" for n, p in enumerate(told_by_sms(text), 1)]
        found[f"T_{name}"] = f"{name}：" + "；".join(places)
    return found


def channels_of(
    sms: str, ports: Mapping[str, int], texts: Mapping[str, TextDef], clock: Callable[[], datetime]
) -> Channels:
    """Set up both channels as `runtime.assembly` would, with the time of the board."""
    module, url = SMS[sms]
    address = read_address(f"{url}&timeout=0.4&base_url=http://127.0.0.1:{ports['sms']}")
    timed = {} if sms == "yunmas" else {"clock": clock}
    texting: Notifier = module.from_address(address, {"env:S": SECRET}.__getitem__, texts, **timed)
    mail = read_address(
        f"smtp://127.0.0.1:{ports['email']}/?from=yiriban@example.org&timeout=0.6&helo=example.org"
    )
    return {
        "sms": [Provider(address.scheme, texting)],
        "email": [Provider("smtp", smtp.from_address(mail, str))],
    }
