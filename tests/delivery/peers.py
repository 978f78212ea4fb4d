"""A provider that follows a script and keeps a ledger, and an outbox to fill: for the tests of delivery."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from engine.delivery import UNASKABLE, Outcome, Receipt, Waiting
from storage.moments import to_ticks
from storage.store import SqlStore

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai
PERSONS = {"zhang": ("zhang@example.org", "13800000001"), "li": ("li@example.org", "13800000002"),
           "wang": ("wang@example.org", ""), "zhao": ("", "13800000002"), "sun": ("", "")}  # fmt: skip
"""李 and 赵 share a telephone, 王 has none, 孙 cannot be reached at all."""
STEPS = ("ok", "lost", "unsent", "crash", "retry", "quota", "rejected", "config")
"""``lost``: taken, no answer; ``unsent``: not taken, no answer; ``crash``: taken, then the channel raises."""


class Scripted:
    """Takes or refuses messages as ``steps`` say, one for each send; then takes them all."""

    def __init__(
        self, steps: Iterable[str] = (), *, askable: bool = True, knows: Callable[[], bool] = lambda: True,
        delay: float = 0.0, every: Callable[[Waiting], str] | None = None,
    ) -> None:  # fmt: skip
        self._steps = list(steps)
        self._askable, self._knows, self._delay, self._every = askable, knows, delay, every
        self._lock = threading.Lock()
        self.ledger: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.order: list[str] = []
        self.at_once = self._inside = 0

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Follow the script."""
        with self._lock:
            self._inside += 1
            self.at_once = max(self.at_once, self._inside)
            self.sent[message.key] += 1
            self.order.append(message.key)
            step = self._every(message) if self._every else self._steps.pop(0) if self._steps else "ok"
            if step in ("ok", "lost", "crash"):
                self.ledger[message.reference] += 1
        if self._delay:
            time.sleep(self._delay)
        with self._lock:
            self._inside -= 1
        if step == "crash":
            raise RuntimeError(f"{message.address} exploded")
        kind = {"ok": "accepted", "lost": "unknown", "unsent": "unknown"}.get(step, step)
        again = now + timedelta(minutes=30) if step == "quota" else None
        return Outcome(
            kind, f"said {step}", again, provider_id=f"id-{message.reference[:8]}" if step == "ok" else ""
        )  # type: ignore[arg-type]

    def ask(self, message: Waiting) -> Outcome:
        """Tell the truth, or that it cannot be told."""
        with self._lock:
            self.asked[message.key] += 1
            if not self._askable:
                return Outcome("unknown", code=UNASKABLE)
            if not self._knows():
                return Outcome("unknown", "not yet")
            return Outcome("accepted" if self.ledger[message.reference] else "retry")


class Confirming(Scripted):
    """A scripted provider that gives receipts: whatever ``told`` holds."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.told: list[Receipt] = []
        self.polled: list[tuple[str, ...]] = []

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Hand out everything there is."""
        self.polled.append(tuple(m.key for m in messages))
        return list(self.told)


class Even(Random):
    """Draws the middle of every range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def outbox_store(url: str = "sqlite://") -> SqlStore:
    """A database with the persons and no message."""
    store = SqlStore(url)
    store.create(NOW)
    with store.transaction():
        store.run_many(
            "insert into person (id, name, email, phone, jurisdiction) values (?, ?, ?, ?, '410400')",
            [(name, name, mail, phone) for name, (mail, phone) in PERSONS.items()],
        )
    return store


def post(
    store: SqlStore, fire: str, person: str = "zhang", channel: str = "sms", *, does: str = "remind",
    at: datetime = NOW, expires: datetime | None = None,
) -> str:  # fmt: skip
    """Queue a message of the fire ``fire``; return its key."""
    key = f"{fire}/{person}/{channel}"
    with store.transaction():
        store.run(
            "insert into fire (key, matter, root, jurisdiction, clock, round, epoch, rung, occurrence, does, at, fired_at,"
            " collapsed) values (?, 'P1', 'P1', '410400', 'pay', 1, 0, 'soon', 1, ?, ?, ?, 0) on conflict do nothing",
            (fire, does, to_ticks(at), to_ticks(at)),
        )
        store.run(
            "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text, send_from,"
            " created_at, wording, params, state, expires_at) values (?, ?, 'P1', '410400', ?, 'officer', ?, 'soon', '提醒',"
            " '编号P1的课桌椅项目，请抓紧办理。', ?, ?, 'due_soon', ?, 'queued', ?)",
            (key, fire, person, channel, to_ticks(at), to_ticks(at),
             '{"code": "P1", "name": "课桌椅", "item": "支付", "kind": "承诺时限", "unit": "市一中", "date": "11月4日"}',
             to_ticks(expires) if expires else None),
        )  # fmt: skip
    return key


def state(store: SqlStore, key: str, *columns: str) -> tuple[object, ...]:
    """The state of a message, with other columns of it."""
    with store.transaction():
        found: tuple[object, ...] = store.run(
            f"select {', '.join(('state', *columns))} from message where key = ?", (key,)
        ).fetchone()
        return found


def rows(store: SqlStore, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query."""
    with store.transaction():
        return list(store.run(sql).fetchall())
