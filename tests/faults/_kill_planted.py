"""Faults that the kill suite must find: each changes one thing in the program that is going to be killed.

The product is not touched: what is changed here is changed in the forked process only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from engine import deliver as sending
from engine.deliver_plan import Hand, Ready, Scene, admit
from engine.work import Work
from notifiers import gateway
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.faults import _kill_worker
from tests.faults._kill_town import Task, Town
from tests.faults._kill_worker import DELIVERY, OFFICER, PATROL

PAUSE = 0.002
"""How long a gap stands open that a kill may hit: a busy disk takes longer."""


def mark_before_send() -> None:
    """A message counts as sent before it is handed over."""
    lease = SqlOutbox.lease

    def marked(self: SqlOutbox, taken: Sequence[tuple[Ready, str]], *told: Any) -> None:
        lease(self, taken, *told)
        fresh = [(ready.message.key,) for ready, _ in taken if not ready.doubtful]
        self._store.run_many("update message set state = 'accepted' where key = ?", fresh)

    _put(SqlOutbox, lease=marked)


def send_before_claim() -> None:
    """A message is handed over while it still lies in the queue for everybody."""
    _put(SqlOutbox, lease=lambda *_: None)


def send_without_asking() -> None:
    """Whoever takes up a message in doubt sends it again at once."""

    def hasty(ready: Ready, scene: Scene) -> object:
        decided = admit(ready, scene)
        return Hand(decided.provider) if isinstance(decided, Hand) else decided

    _put(sending, admit=hasty)


def claim_without_guard() -> None:
    """What is due is read in one transaction and claimed in another, whoever has it by now."""
    due, many = SqlOutbox.due, SqlOutbox._many

    def read(self: SqlOutbox, now: datetime, limit: int) -> list[Ready]:
        found = due(self, now, limit)
        _commit(self._store, 25 * PAUSE)
        return found

    def claim(self: SqlOutbox, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        guard = " and state = ? and owner = ?"
        if not sql.endswith(guard):
            return many(self, sql, rows)
        many(self, sql.removesuffix(guard), [row[:-2] for row in rows])
        return len(rows)

    _put(SqlOutbox, due=read, _many=claim)


def lease_below_lag() -> None:
    """A lease runs out before the provider answers, and who asks then believes that nothing had arrived."""
    _put(sending, LEASE=timedelta(milliseconds=300))
    _put(gateway, too_soon=lambda *_: False)


def fire_after_commit() -> None:
    """Clocks are committed first, what they set off in a transaction of its own."""
    write = SqlStore.write

    def parted(self: SqlStore, work: Work) -> None:
        late = Work(self)
        late.fires, late.messages = list(work.fires), list(work.messages)
        work.fires.clear()
        work.messages.clear()
        write(self, work)
        if late.fires:
            _commit(self, 10 * PAUSE)
            write(self, late)

    @contextmanager
    def unguarded(_self: SqlStore) -> Iterator[None]:
        yield

    _put(SqlStore, write=parted, savepoint=unguarded)


def action_in_pieces() -> None:
    """Every statement of an action is committed by itself."""
    write = SqlStore.write

    class Piecemeal:
        def __init__(self, store: SqlStore) -> None:
            self._store, self._cursor = store, store._cursor

        def execute(self, *told: Any) -> Any:
            return self._apart(self._cursor.execute(*told))

        def executemany(self, *told: Any) -> Any:
            return self._apart(self._cursor.executemany(*told))

        def _apart(self, found: Any) -> Any:
            self._cursor.execute("COMMIT")
            time.sleep(PAUSE)
            self._cursor.execute(self._store._begin)
            return found

    def pieces(self: SqlStore, work: Work) -> None:
        cursor = self._cursor
        self._cursor = Piecemeal(self)
        try:
            write(self, work)
        finally:
            self._cursor = cursor

    _put(SqlStore, write=pieces)


def told_before_done() -> None:
    """An officer hears that it is done before it is committed."""

    def early(desk: _kill_worker.Desk, town: Town, task: Task) -> None:
        desk.say("ok", task.number)
        time.sleep(PAUSE)
        town.act(task, desk.course.steps[task.step])

    _put(_kill_worker, carried_out=early)


def _put(where: Any, **instead: Any) -> None:
    """Put something else in the place of what ``where`` has under these names."""
    for name, new in instead.items():
        assert hasattr(where, name), f"{where} has no {name} any more"
        setattr(where, name, new)


def _commit(store: SqlStore, pause: float = PAUSE) -> None:
    """End the open transaction early and go on in another."""
    store._cursor.execute("COMMIT")
    time.sleep(pause)
    store._cursor.execute(store._begin)


class Fault(NamedTuple):
    """A fault: what plants it, in which kind of program, what it breaks, and how many kills bring it to light."""

    put: Callable[[], None]
    kind: str
    breaks: str
    kills: int


# where several senders disagree by themselves, or answers are lost anyway, few kills are enough
PLANTED: Mapping[str, Fault] = {
    "mark-before-send": Fault(mark_before_send, DELIVERY, "messages are lost", 12),
    "send-before-claim": Fault(send_before_claim, DELIVERY, "messages are doubled", 3),
    "send-without-asking": Fault(send_without_asking, DELIVERY, "messages are doubled", 6),
    "claim-without-guard": Fault(claim_without_guard, DELIVERY, "messages are doubled", 10),
    "lease-below-lag": Fault(lease_below_lag, DELIVERY, "messages are doubled", 3),
    "fire-after-commit": Fault(fire_after_commit, PATROL, "fires are lost", 12),
    "action-in-pieces": Fault(action_in_pieces, OFFICER, "half an action remains", 8),
    "told-before-done": Fault(told_before_done, OFFICER, "an action that was told is not there", 8),
}


def plant(name: str, kind: str) -> None:
    """Plant the fault ``name`` if it belongs into programs of that kind."""
    if name and PLANTED[name].kind == kind:
        PLANTED[name].put()
