"""The nemesis: one process that forks the programs, kills them with -9 at random moments and forks them again.

``python -m tests.faults._kill_nemesis FOLDER JSON`` lives a course undisturbed on ``oracle.db``, then, round by
round, on ``0/city.db`` and so on with kills, and writes ``0/told.json``: what it counted, what it saw go wrong, and
the providers' ledgers. Providers run in processes of their own; nobody kills those.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from engine import patrol as patrolling
from notifiers.http import _system as trust_of_the_system
from runtime.assembly import long_work
from storage import claims
from storage.moments import from_ticks
from tests.fakes.serve import Peer
from tests.faults._kill_peers import disturb, providers
from tests.faults._kill_planted import plant
from tests.faults._kill_town import Course, Size, Task, Town, footprint, live
from tests.faults._kill_worker import (
    DELIVERY,
    NAP,
    OFFICER,
    PATROL,
    SPEED,
    WORK,
    Board,
    Desk,
    channels_of,
    wordings,
)

SPAN: Mapping[str, tuple[float, float]] = {
    PATROL: (0.0, 0.04), DELIVERY: (0.005, 0.3), OFFICER: (0.0, 0.12),
}  # fmt: skip
"""How long after it got going a program is killed, in seconds."""
GAP = 0.1
"""Seconds for which what a killed sender had sent may be on its way to the provider."""
LONGEST = 3.0
"""Seconds for which a step waits for what there is to send."""
STUCK = 120.0
PATROLS = OFFICERS = 2
SET = 8
"""Clocks in one transaction of a patrol: few, so that there are many boundaries to be killed at."""
DRAIN = timedelta(minutes=10)
"""What every jump is at least: more than any lease."""
DRAINS = 300
FEW_DRAINS = 6


@dataclass(frozen=True, slots=True)
class Round:
    """One life of a course: how many kills of each kind of program, how many senders, and the fault planted."""

    kills: Mapping[str, int]
    planted: str = ""
    senders: int = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """A course, where its messages go, how the database keeps its journal, and the rounds in which it is lived."""

    size: Size
    seed: int
    sms: str
    journal: str
    rounds: Sequence[Round]


@dataclass(slots=True)
class Program:
    """A program that is killed: its process, what it said last, when it is to die."""

    kind: str
    slot: int
    hand: int
    pid: int = 0
    pipe: int = -1
    rest: bytes = b""
    dies: float | None = None
    doing: int = -1
    told: int = -1
    turn: int = -1
    """The last turn that it finished."""
    paused: int = -1
    idle: int = -1
    """The turn in which its last round found nothing more to do."""


@dataclass(slots=True)
class Told:
    """What the nemesis counted and saw."""

    figures: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    ok: list[int] = field(default_factory=list)


class Nemesis:
    """One round with kills."""

    def __init__(
        self, plan: Plan, what: Round, file: Path, course: Course, peers: Mapping[str, Peer]
    ) -> None:
        self.plan, self.what, self.file, self.course, self.peers = plan, what, file, course, peers
        self.board = Board()
        self.told = Told()
        self.random = Random(plan.seed * 7919 + 1)
        kinds = [(PATROL, PATROLS), (DELIVERY, what.senders), (OFFICER, OFFICERS)]
        made = [(kind, hand) for kind, count in kinds for hand in range(count)]
        self.programs = [Program(kind, slot, hand) for slot, (kind, hand) in enumerate(made)]
        self.turn = 0
        self._moment, self._since = course.steps[0], time.time()
        self.allowed: Counter[str] = Counter()
        self._arrives = 0.0

    def run(self) -> None:
        """Live the whole course, then let everything that waits go out undisturbed."""
        size = self.plan.size
        Town(self.file, units=size.units, mates=size.mates, fresh=True).store.close()
        # made here once, connected by every program for itself
        self._town = Town(self.file, units=self.course.units, office=self.course.office)
        ports = {name: peer.port for name, peer in self.peers.items()}
        texts = wordings(self.course.office.texts, self.plan.sms)
        self._channels = channels_of(self.plan.sms, ports, texts, self.board.clock)
        for program in self.programs:
            self._fork(program)
        try:
            for step in range(len(self.course.steps)):
                self._step(step)
            self.allowed.clear()
            self._drain()
        finally:
            for program in self.programs:
                os.kill(program.pid, signal.SIGKILL)
                os.waitpid(program.pid, 0)

    # programs

    def _fork(self, program: Program) -> None:
        reads, writes = os.pipe()
        desk = Desk(
            program.slot, program.hand, OFFICERS, self.course, self.board, writes, self._town, self._channels
        )
        self.board.set_busy(program.slot, False)
        pid = os.fork()
        if not pid:
            try:
                plant(self.what.planted, program.kind)
                WORK[program.kind](desk)
            except BaseException as error:
                desk.say("crashed", program.kind, repr(error)[:300].replace("\n", " "))
                raise
            finally:
                os._exit(3)
        os.close(writes)
        os.set_blocking(reads, False)
        program.pid, program.pipe, program.rest = pid, reads, b""
        program.dies, program.doing, program.told = None, -1, -1
        program.turn = program.paused = program.idle = -1

    def _kill(self, program: Program) -> None:
        busy = self.board.busy(program.slot)
        os.kill(program.pid, signal.SIGKILL)
        os.waitpid(program.pid, 0)
        self._listen(program)
        os.close(program.pipe)
        self.told.figures[f"kills of {program.kind}"] += 1
        self.told.figures[f"kills of {program.kind} at work"] += busy
        self.allowed[program.kind] -= 1
        if program.kind == OFFICER:
            self._look_at_deed(program)
        if program.kind == DELIVERY:
            self._arrives = time.monotonic() + GAP
        self._fork(program)

    def _look_at_deed(self, program: Program) -> None:
        """What an officer was doing when he was killed is there whole or not at all; what he was told is there."""
        number = program.doing if program.doing >= 0 else program.told
        if number < 0:
            return
        task = self.course.tasks[number]
        seen = footprint(self.file, task.root)
        if program.doing < 0 or task.refused:
            kept = task.before if task.refused else (task.after,)
            self.told.figures["deeds told before the kill, found as told"] += seen in kept
            if seen not in kept:
                self._wrong("a deed is not as it was told", task)
            return
        if seen == task.after:
            self.told.figures["deeds killed, found whole"] += 1
        elif seen in task.before:
            self.told.figures["deeds killed, found absent"] += 1
        else:
            self._wrong("a killed deed is there in part", task)

    def _wrong(self, what: str, task: Task) -> None:
        self.told.wrong.append(f"{what}: {task.action} on {task.on} at step {task.step}")

    # what they say

    def _listen(self, program: Program) -> None:
        while True:
            try:
                heard = os.read(program.pipe, 65536)
            except BlockingIOError:
                break
            if not heard:
                break
            program.rest += heard
        *lines, program.rest = program.rest.split(b"\n")
        for line in lines:
            self._hear(program, line.decode().split(" "))

    def _hear(self, program: Program, words: list[str]) -> None:
        match words:
            case ["begin", number]:
                program.doing = int(number)
            case ["ok", number]:
                program.doing, program.told = -1, int(number)
                self.told.ok.append(int(number))
            case ["refused", number, kind]:
                program.doing, program.told = -1, int(number)
                task = self.course.tasks[int(number)]
                if task.refused != kind:
                    self._wrong(f"refused ({kind}) instead of {task.refused or 'done'}", task)
            case ["passed" | "did", turn]:
                program.turn = int(turn)
            case ["paused", turn]:
                program.paused = int(turn)
            case ["round", turn, moved]:
                self.told.figures["rounds of delivery"] += 1
                if moved == "0":
                    program.idle = int(turn)
            case ["failed", kind, what]:
                self.told.figures[f"rounds that failed: {kind}, {what}"] += 1
            case _:
                raise AssertionError(f"{program.kind} said {words}")

    # time

    def _begin(self, step: int, moment: datetime) -> None:
        """Set the clock of everybody who sends or is sent to."""
        self._moment, self._since = moment, time.time()
        self.peers["sms"].knobs(pace=(moment.isoformat(), self._since, SPEED))
        self._turn(step, acting=step < len(self.course.steps), delivering=True)

    def _turn(self, step: int, **who: bool) -> None:
        """Begin another turn of the step."""
        self.turn += 1
        self.board.post(self.turn, step, self._moment, self._since, **who)

    def _step(self, step: int) -> None:
        """One moment: people act and time passes, in any order; then it passes once more; meanwhile is sent."""
        self._grant(step)
        for program in self.programs:
            program.told = -1  # time passes now, which may change what was told before
        self._begin(step, self.course.steps[step])
        self._until(lambda p: p.kind == DELIVERY or p.turn == self.turn)
        # nothing that people set off at this moment may wait for the next one
        self._turn(step, delivering=True)
        self._until(lambda p: p.kind != PATROL or p.turn == self.turn)
        end = time.monotonic() + LONGEST
        self._until(lambda p: p.kind != DELIVERY or p.idle == self.turn or time.monotonic() > end)
        self._rest(step)

    def _rest(self, step: int) -> None:
        """Let every sender come to rest, and what killed ones had sent arrive."""
        self._turn(step)
        self._until(lambda p: p.kind != DELIVERY or p.paused == self.turn)
        time.sleep(max(0.0, self._arrives - time.monotonic()))
        end = time.monotonic() + STUCK
        while self.peers["sms"].under_way():
            assert time.monotonic() < end, "the provider does not come to rest"
            time.sleep(NAP)

    def _grant(self, step: int) -> None:
        """Allow as many kills in this step as are needed to come to the number wanted."""
        left = len(self.course.steps) - step
        for kind, wanted in self.what.kills.items():
            missing = wanted - self.told.figures[f"kills of {kind}"]
            self.allowed[kind] = max(0, round(missing / left * self.random.uniform(0.7, 1.8) + 0.5))

    def _until(self, done: Any) -> None:
        """Listen, and kill, until every program has come so far."""
        end = time.monotonic() + STUCK
        while True:
            pipes = {p.pipe: p for p in self.programs}
            for pipe in select.select(list(pipes), [], [], 0.002)[0]:
                self._listen(pipes[pipe])
            for program in self.programs:
                self._perhaps_kill(program)
            if all(done(p) for p in self.programs):
                return
            if time.monotonic() > end:
                slow = [f"{p.kind} {p.hand}" for p in self.programs if not done(p)]
                raise AssertionError(f"stuck at turn {self.turn}: {slow}")

    def _perhaps_kill(self, program: Program) -> None:
        if not self.board.busy(program.slot):
            program.dies = None
        elif program.dies is None and self.allowed[program.kind] > 0:
            program.dies = time.monotonic() + self.random.uniform(*SPAN[program.kind])
        elif program.dies is not None and time.monotonic() >= program.dies:
            self._kill(program)

    def _drain(self) -> None:
        """Jump in calm weather from moment to moment at which something may go out, until nothing waits."""
        for peer in self.peers.values():
            peer.calm()
        now = self.course.steps[-1]
        step = len(self.course.steps)
        for _ in range(FEW_DRAINS if self.what.planted else DRAINS):
            awaited = self._awaited()
            if awaited is None:
                return
            now = max(now + DRAIN, awaited)
            self._begin(step, now)
            self._until(lambda p: p.kind != DELIVERY or p.idle == self.turn)
            self._turn(step)
            self._until(lambda p: p.kind != DELIVERY or p.paused == self.turn)
            self.told.figures["jumps until nothing waited"] += 1
        if not self.what.planted:
            self.told.wrong.append(f"after {DRAINS} jumps messages still wait")

    def _awaited(self) -> datetime | None:
        """Return when the next message may go out, is in doubt no longer, or is asked for; ``None``: no message."""
        sql = (
            "select min(case state when 'queued' then send_from when 'sending' then lease_until else look_at end)"
            " from message where state in ('queued', 'sending') or look_at is not null"
        )
        with closing(sqlite3.connect(self.file, timeout=10)) as db:
            ticks = db.execute(sql).fetchone()[0]
        return None if ticks is None else from_ticks(ticks)


def main() -> None:
    """Live a course undisturbed, then in rounds with kills."""
    folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    rounds = [Round(**one) for one in asked.pop("rounds")]
    plan = Plan(Size(**asked.pop("size")), rounds=rounds, **asked)
    claims.journal_mode = lambda *_: plan.journal
    patrolling.SET = SET
    trust_of_the_system()  # read once here, not in every program
    long_work()
    course = live(folder / "oracle.db", plan.size, plan.seed)
    with ExitStack() as stack:
        peers = providers(stack, plan.sms)
        for number, what in enumerate(plan.rounds):
            place = folder / str(number)
            place.mkdir()
            told = _round(plan, what, place, course, peers)
            (place / "told.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")


def _round(plan: Plan, what: Round, place: Path, course: Course, peers: Mapping[str, Peer]) -> dict[str, Any]:
    disturb(peers, plan.seed)
    nemesis = Nemesis(plan, what, place / "city.db", course, peers)
    nemesis.run()
    told = nemesis.told
    return {
        "figures": told.figures,
        "wrong": told.wrong,
        "ok": told.ok,
        "tasks": [asdict(task) for task in course.tasks],
        "ledger": {name: peer.accepted() for name, peer in peers.items()},
        "requests": {name: peer.requests() for name, peer in peers.items()},
        "disturbed": sum(peer.disturbed() for peer in peers.values()),
    }


if __name__ == "__main__":
    main()
