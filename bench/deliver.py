"""Measure delivery: mails against one raw pipelined socket, mails and texts against one serial connection.

The peers run in processes of their own on loopback and keep a ledger; every message must stand in it once. The
baselines send prebuilt bytes and write the same rows, a hundred at a time, through a bare ``sqlite3``
connection. How soon an outcome is committed is counted from the moment at which the channel had its answer. Two
more rows tell the delivery core from the channels: the socket without any rows, and a channel that answers at once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.by_hand import AT_ONCE, TEXT, Book, mail_by_mail, one_by_one, pipelined
from bench.harness import bare, conditions, fresh_store, table, timed
from bench.sinks import sink
from engine.deliver import deliver
from engine.deliver_outbox import Settled
from engine.delivery import Flowing, Notifier, Outcome, Waiting
from engine.workflow import ProviderText, TextDef
from notifiers import aliyun_sms, smtp
from notifiers.address import read_address
from runtime.postman import WORKERS
from storage.moments import to_ticks
from storage.outbox import SqlOutbox
from storage.store import SqlStore

PIPELINED, SERIAL, SOON = 0.3, 14.0, 50.0
MESSAGES, SMALL, ROUNDS = 2_000, 40, 3
BY_ONE = {"email": 60, "sms": 150}
"""So many messages the serial connections take: all of them would take minutes."""
REPLY = 0.010
"""Seconds that a slow peer thinks over each reply; a mail has four of them."""
NOW = datetime(2026, 11, 2, 1, tzinfo=UTC)  # Monday 09:00 in China
PARAMS = '{"code": "P2026-0001.1", "name": "课桌椅采购"}'
WORDING = TextDef(
    "due_soon", "", "", "编号{code}的{name}项目", {"code": 16, "name": 10},
    providers={"aliyun": ProviderText("aliyun", "SMS_1", ("code", "name"), date(2026, 11, 1), 20)},
)  # fmt: skip


@dataclass(slots=True)
class Stopwatch:
    """When each message was answered, and how long after that the outcome was committed (milliseconds)."""

    answered: dict[str, float] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)


class Timed:
    """A channel that notes when its answers came."""

    def __init__(self, inner: Notifier, watch: Stopwatch) -> None:
        """Wrap ``inner``."""
        self.inner = inner
        self.watch = watch

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand over and look at the clock."""
        outcome = self.inner.send(message, now)
        self.watch.answered[message.key] = perf_counter()
        return outcome

    def ask(self, message: Waiting) -> Outcome:
        """Ask."""
        return self.inner.ask(message)


class TimedFlow(Timed):
    """The same for a channel that need not wait for one answer before the next message."""

    def flow(self, messages: Iterator[tuple[Waiting, datetime]]) -> Iterator[tuple[Waiting, Outcome]]:
        """Hand over and look at the clock after each answer."""
        assert isinstance(self.inner, Flowing)
        for message, outcome in self.inner.flow(messages):
            self.watch.answered[message.key] = perf_counter()
            yield message, outcome


class Watched(SqlOutbox):
    """An outbox that notes when outcomes are committed."""

    def __init__(self, store: SqlStore, watch: Stopwatch) -> None:
        """Bind to ``store``."""
        super().__init__(store)
        self._watch = watch
        self._written: list[str] = []

    @contextmanager
    def together(self) -> Iterator[Any]:
        """Commit, then look at the clock."""
        with super().together() as cursor:
            yield cursor
        committed = perf_counter()
        self._watch.late += [(committed - self._watch.answered[key]) * 1e3 for key in self._written]
        self._written = []

    def settle(self, done: Sequence[Settled], owner: str) -> None:
        """Remember what the transaction writes."""
        super().settle(done, owner)
        self._written += [one.ready.message.key for one in done]


class Instant:
    """A channel that takes everything at once: what is left is the outbox."""

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Take it."""
        return Outcome("accepted")

    def ask(self, message: Waiting) -> Outcome:
        """Know nothing."""
        return Outcome("unknown")

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True, slots=True)
class Run:
    """One round: rates, how late outcomes were committed, whether ledgers and rows are right; ``alone``: without rows."""

    ours: float
    theirs: float
    p50: float
    p99: float
    most: float
    sound: bool
    alone: float = 0.0

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours / self.theirs


def main() -> int:
    """Measure, compare, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few messages: only ledgers and rows are judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    count, rounds = (SMALL, 1) if given.small else (MESSAGES, given.rounds)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        bench = Bench(Path(name), count, given.workers)
        turns = [
            (bench.fast_mails(), bench.slow_mails(), bench.slow_texts(), bench.outbox())
            for _ in range(rounds)
        ]
    fast, mail, text = (_middle([turn[n] for turn in turns]) for n in range(3))  # type: ignore[misc]
    alone = median(turn[3] for turn in turns)
    runs = [run for turn in turns for run in turn[:3]]
    sound = all(run.sound for run in runs)
    print(conditions())
    print(f"{count} messages, the middle of {rounds} rounds in turns; {given.workers} threads; a slow peer takes "
          f"{REPLY * 1e3:.0f} ms for each reply")  # fmt: skip
    print(table(("", "a second", "ratio", "goal", "committed after ms: median", "99 %", "most"), [
        ("mail: one raw pipelined socket, the same rows", f"{fast.theirs:,.0f}", "", "", "", "", ""),
        _line("mail: yiriban", fast, f">= {PIPELINED}", 2),
        ("  (to the socket without any rows)", f"{fast.alone:,.0f}", f"{fast.ours / fast.alone:.2f}", "", "", "", ""),
        ("  (the outbox without a channel)", f"{alone:,.0f}", "", "", "", "", ""),
        ("mail, slow: one serial connection, the same rows", f"{mail.theirs:,.1f}", "", "", "", "", ""),
        _line("mail, slow: yiriban", mail, f">= {SERIAL:.0f}", 1),
        ("SMS, slow: one serial connection, the same rows", f"{text.theirs:,.1f}", "", "", "", "", ""),
        _line("SMS, slow: yiriban", text, f">= {SERIAL:.0f}", 1),
    ]))  # fmt: skip
    print(
        f"every message once in the peers' ledgers, the same rows on both sides: {'yes' if sound else 'NO'}"
    )
    late = max(fast.p99, mail.p99, text.p99)
    met = fast.ratio >= PIPELINED and min(mail.ratio, text.ratio) >= SERIAL and late <= SOON
    return int(not sound or (not given.small and not met))


def _line(name: str, run: Run, goal: str, digits: int) -> tuple[str, ...]:
    return (name, f"{run.ours:,.0f}", f"{run.ratio:.{digits}f}", goal,
            f"{run.p50:.1f}", f"{run.p99:.1f}", f"{run.most:.1f}")  # fmt: skip


def _middle(runs: Sequence[Run]) -> Run:
    """Return the run whose ratio is the median one."""
    return sorted(runs, key=lambda run: run.ratio)[len(runs) // 2]


@dataclass(frozen=True, slots=True)
class Bench:
    """The measurements, each a run of ours and a baseline right after it."""

    folder: Path
    count: int
    workers: int

    @property
    def _ours(self) -> Path:
        return self.folder / "ours.db"

    @property
    def _theirs(self) -> Path:
        return self.folder / "theirs.db"

    def fast_mails(self) -> Run:
        """Mails to a server that answers at once, against one socket that waits for nothing it need not wait for."""
        mine, watch, sound = self._mails(0.0)
        with sink("smtp") as peer:
            alone = timed(lambda: pipelined(peer.port, self.count, lambda _: None))
        with sink("smtp") as peer:
            seconds, same = self._by_hand(
                "email", self.count, lambda done: pipelined(peer.port, self.count, done)
            )
        return self._run(mine, watch, self.count / seconds, sound and same and peer.different == self.count,
                         self.count / alone)  # fmt: skip

    def slow_mails(self) -> Run:
        """Mails to a slow server, against one connection that is used again for every mail."""
        return self._slow("email", self._mails(REPLY), "smtp", mail_by_mail)

    def slow_texts(self) -> Run:
        """Texts to a slow gateway, against one connection that is used again for every text."""
        return self._slow("sms", self._texts(), "sms", one_by_one)

    def outbox(self) -> float:
        """Return how many messages a second the outbox hands to a channel that takes them at once."""
        return self.count / self._deliver("email", Instant())[0]

    def _slow(
        self, channel: str, ours: tuple[float, Stopwatch, bool], kind: str,
        serial: Callable[[int, int, Callable[[int], None]], None],
    ) -> Run:  # fmt: skip
        mine, watch, sound = ours
        few = min(self.count, BY_ONE[channel])
        with sink(kind, REPLY) as peer:
            seconds, same = self._by_hand(channel, few, lambda done: serial(peer.port, few, done))
        return self._run(mine, watch, few / seconds, sound and same and peer.taken == few)

    def _run(self, mine: float, watch: Stopwatch, theirs: float, sound: bool, alone: float = 0.0) -> Run:
        late = sorted(watch.late)
        return Run(self.count / mine, theirs, median(late), late[int(len(late) * 0.99)], late[-1],
                   sound and len(late) == self.count, alone)  # fmt: skip

    def _mails(self, delay: float) -> tuple[float, Stopwatch, bool]:
        with sink("smtp", delay) as peer:
            url = f"smtp://127.0.0.1:{peer.port}/?from=yiriban@example.cn&insecure=1"
            mine, watch = self._deliver("email", smtp.from_address(read_address(url), str))
        return mine, watch, peer.taken == peer.different == self.count

    def _texts(self) -> tuple[float, Stopwatch, bool]:
        with sink("sms", REPLY) as peer:
            url = (
                "aliyun-sms://AK@dysmsapi.example.cn/?sign=x&secret=env:S"
                f"&base_url=http://127.0.0.1:{peer.port}"
            )
            channel = aliyun_sms.from_address(read_address(url), lambda _: "secret", {"due_soon": WORDING})
            mine, watch = self._deliver("sms", channel)
        return mine, watch, peer.taken == peer.different == self.count

    def _deliver(self, channel: str, notifier: Any) -> tuple[float, Stopwatch]:
        """Fill an outbox, empty it through the channel, and return the seconds of the latter."""
        store = fresh_store(self._ours)
        fill(store, channel, self.count)
        watch = Stopwatch()
        timing = TimedFlow if isinstance(notifier, Flowing) else Timed
        channels: Mapping[str, Notifier] = {channel: timing(notifier, watch)}
        try:
            seconds = timed(lambda: deliver(Watched(store, watch), channels, NOW, workers=self.workers))
            with store.transaction():
                [left] = store.run("select count(*) from message where state <> 'accepted'").fetchone()
        finally:
            notifier.close()
            store.close()
        if left:
            raise SystemExit(f"{left} messages were not accepted")
        return seconds, watch

    def _by_hand(
        self, channel: str, count: int, send: Callable[[Callable[[int], None]], None]
    ) -> tuple[float, bool]:
        """Let a baseline send and write what our run wrote; return its seconds, and whether the rows are the same."""
        store = fresh_store(self._theirs)
        fill(store, channel, self.count)
        store.close()
        book = Book(self._ours)
        with bare(self._theirs) as db:

            def done(so_far: int) -> None:
                """Write a hundred rows whenever a hundred messages have gone, and the last ones."""
                if so_far % AT_ONCE == 0 or so_far == count:
                    book.write(db, (so_far - 1) // AT_ONCE * AT_ONCE, so_far)

            seconds = timed(lambda: send(done))
        return seconds, book.holds(self._theirs, count)


def fill(store: SqlStore, channel: str, count: int) -> None:
    """Queue one message to each of ``count`` persons."""
    ticks = to_ticks(NOW - timedelta(minutes=1))
    with store.transaction():
        store.run_many(
            "insert into person (id, name, email, phone, jurisdiction) values (?, ?, ?, ?, '410400')",
            [(f"p{n}", f"p{n}", f"p{n}@example.org", f"138{n:08}") for n in range(count)],
        )
        store.run_many(
            "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text, send_from,"
            f" created_at, wording, params, state) values (?, 'f', 'P1', '410400', ?, 'officer', '{channel}', 'soon',"
            f" 'P2026-0001.1 确定采购结果的承诺时限为11月4日', '{TEXT}', {ticks}, {ticks}, 'due_soon', '{PARAMS}', 'queued')",
            [(f"P1/decide_award/1/0/soon/{n}/p{n}/{channel}", f"p{n}") for n in range(count)],
        )


if __name__ == "__main__":
    sys.exit(main())
