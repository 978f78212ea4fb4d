"""Measure delivery: mails against one raw pipelined socket, text messages against one serial connection.

Both peers run in processes of their own on loopback and keep a ledger; every message must stand in it once.
How soon an outcome is committed is counted from the moment at which the channel had its answer. Two more rows
tell the delivery core from the channels: a channel that answers at once, and a bare HTTP client.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.harness import conditions, fresh_store, table, timed
from bench.sinks import sink
from engine.deliver import deliver
from engine.deliver_outbox import Settled
from engine.delivery import Notifier, Outcome, Waiting
from engine.workflow import ProviderText, TextDef
from notifiers import aliyun_sms, smtp
from notifiers.address import read_address
from storage.moments import to_ticks
from storage.outbox import SqlOutbox
from storage.store import SqlStore

PIPELINED, SERIAL, SOON = 0.3, 14.0, 50.0
MESSAGES, SMALL, ROUNDS, BY_ONE = 2_000, 60, 3, 150
MAIL_WORKERS, SMS_WORKERS = 4, 32
REPLY = 0.010
"""Seconds that the SMS gateway thinks."""
NOW = datetime(2026, 11, 2, 1, tzinfo=UTC)  # Monday 09:00 in China
TEXT = "编号P2026-0001.1的课桌椅采购项目，确定采购结果的承诺时限为11月4日，系统未见办结登记。已办结请补录，未办结请抓紧办理。"
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
        self._inner = inner
        self._watch = watch

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Hand over and look at the clock."""
        outcome = self._inner.send(message, now)
        self._watch.answered[message.key] = perf_counter()
        return outcome

    def ask(self, message: Waiting) -> Outcome:
        """Ask."""
        return self._inner.ask(message)


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


class Bare(Instant):
    """A channel of a few lines over `http.client`, a connection for every message as the SMS channels do."""

    def __init__(self, port: int) -> None:
        """Bind to a gateway."""
        self._port = port

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Post it and read the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        body = json.dumps({"OutId": message.reference, "to": message.address, "text": message.text})
        connection.request("POST", "/", body.encode(), {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return Outcome("accepted" if answer["Code"] == "OK" else "retry")


def main() -> int:
    """Measure, compare, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few messages: only the ledgers are judged")
    parser.add_argument("--folder", type=Path, help="where the databases lie (default: the system's own)")
    parser.add_argument("--mail-workers", type=int, default=MAIL_WORKERS)
    parser.add_argument("--sms-workers", type=int, default=SMS_WORKERS)
    given = parser.parse_args()
    count, rounds = (SMALL, 1) if given.small else (MESSAGES, ROUNDS)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        mails = [_mails(folder, count, given.mail_workers) for _ in range(rounds)]
        texts = [_texts(folder, count, given.sms_workers) for _ in range(rounds)]
        bares = [_texts(folder, count, given.sms_workers, bare=True) for _ in range(rounds)]
        alone = sorted(
            count / _deliver(folder, "email", Instant(), count, given.mail_workers)[0] for _ in range(rounds)
        )
    sound = all(run.sound for run in [*mails, *texts, *bares])
    mail, text, bare = _middle(mails), _middle(texts), _middle(bares)
    worst = max(run.p99 for run in [*mails, *texts])
    print(conditions())
    print(f"{count} messages, median of {rounds} rounds in turns; {given.mail_workers} threads for mail, "
          f"{given.sms_workers} for SMS (a reply takes {REPLY * 1e3:.0f} ms)")  # fmt: skip
    print(table(("", "a second", "ratio", "goal", "committed after ms: median", "99 %", "most"), [
        ("mail: one raw pipelined socket (the limit)", f"{mail.theirs:,.0f}", "", "", "", "", ""),
        ("mail: yiriban", f"{mail.ours:,.0f}", f"{mail.ratio:.2f}", f">= {PIPELINED}", f"{mail.p50:.1f}", f"{mail.p99:.1f}", f"{mail.most:.1f}"),
        ("  (of this the outbox alone)", f"{alone[rounds // 2]:,.0f}", "", "", "", "", ""),
        ("SMS: one serial connection", f"{text.theirs:,.0f}", "", "", "", "", ""),
        ("SMS: yiriban", f"{text.ours:,.0f}", f"{text.ratio:.1f}", f">= {SERIAL:.0f}", f"{text.p50:.1f}", f"{text.p99:.1f}", f"{text.most:.1f}"),
        ("  (the same with a bare HTTP client)", f"{bare.ours:,.0f}", f"{bare.ratio:.1f}", "", f"{bare.p50:.1f}", f"{bare.p99:.1f}", f"{bare.most:.1f}"),
    ]))  # fmt: skip
    print(f"every message once in the peers' ledgers: {'yes' if sound else 'NO'}")
    met = mail.ratio >= PIPELINED and text.ratio >= SERIAL and worst <= SOON
    return int(not sound or (not given.small and not met))


@dataclass(frozen=True, slots=True)
class Run:
    """One round: rates, how late outcomes were committed, and whether both ledgers are right."""

    ours: float
    theirs: float
    p50: float
    p99: float
    most: float
    sound: bool

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours / self.theirs


def _middle(runs: Sequence[Run]) -> Run:
    """Return the run whose ratio is the median one."""
    return sorted(runs, key=lambda run: run.ratio)[len(runs) // 2]


def _mails(folder: Path, count: int, workers: int) -> Run:
    with sink("smtp") as theirs:
        seconds = timed(lambda: pipelined(theirs.port, count))
    with sink("smtp") as ours:
        url = f"smtp://127.0.0.1:{ours.port}/?from=yiriban@example.cn&insecure=1"
        channel = smtp.from_address(read_address(url), str)
        mine, watch = _deliver(folder, "email", channel, count, workers)
    return _run(
        count,
        count,
        seconds,
        mine,
        watch,
        theirs.different == count == theirs.taken == ours.taken == ours.different,
    )


def _texts(folder: Path, count: int, workers: int, *, bare: bool = False) -> Run:
    few = min(count, BY_ONE)
    with sink("sms", REPLY) as theirs:
        seconds = timed(lambda: one_by_one(theirs.port, few))
    with sink("sms", REPLY) as ours:
        url = (
            f"aliyun-sms://AK@dysmsapi.example.cn/?sign=x&secret=env:S&base_url=http://127.0.0.1:{ours.port}"
        )
        channel = aliyun_sms.from_address(read_address(url), lambda _: "secret", {"due_soon": WORDING})
        mine, watch = _deliver(folder, "sms", Bare(ours.port) if bare else channel, count, workers)
    return _run(
        count, few, seconds, mine, watch, theirs.taken == few and ours.taken == ours.different == count
    )


def _run(count: int, few: int, theirs: float, ours: float, watch: Stopwatch, sound: bool) -> Run:
    late = sorted(watch.late)
    return Run(
        count / ours,
        few / theirs,
        median(late),
        late[int(len(late) * 0.99)],
        late[-1],
        sound and len(late) == count,
    )


def _deliver(folder: Path, channel: str, notifier: Any, count: int, workers: int) -> tuple[float, Stopwatch]:
    """Fill an outbox, empty it through the channel, and return the seconds of the latter."""
    store = fresh_store(folder / "outbox.db")
    fill(store, channel, count)
    watch = Stopwatch()
    channels: Mapping[str, Notifier] = {channel: Timed(notifier, watch)}
    try:
        seconds = timed(lambda: deliver(Watched(store, watch), channels, NOW, workers=workers))
        with store.transaction():
            [left] = store.run("select count(*) from message where state <> 'accepted'").fetchone()
    finally:
        notifier.close()
        store.close()
    if left:
        raise SystemExit(f"{left} messages were not accepted")
    return seconds, watch


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


def pipelined(port: int, count: int) -> None:
    """Hand ``count`` prebuilt mails to one connection, the next envelope together with the mail before it."""
    body = TEXT.encode().hex().encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = connection.makefile("rb")
        replies.readline()
        connection.sendall(b"EHLO bench\r\n")
        for _ in range(3):
            replies.readline()
        envelope = b"MAIL FROM:<a@example.cn>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
        connection.sendall(envelope)
        for number in range(count):
            for _ in range(3):
                replies.readline()
            mail = b"Message-ID: <%032d@x>\r\nSubject: bench\r\n\r\n%s\r\n.\r\n" % (number, body)
            connection.sendall(mail + (envelope if number + 1 < count else b"QUIT\r\n"))
            replies.readline()


def one_by_one(port: int, count: int) -> None:
    """Send ``count`` requests over one connection, each after the answer to the one before."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in range(count):
        connection.request("POST", "/", f"OutId={number:032x}&PhoneNumbers=13800000000")
        connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
