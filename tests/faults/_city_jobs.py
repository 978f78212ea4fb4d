"""What runs in the processes of `_city_process` beside the command line, how they wear another clock, what is planted."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

import commands.demo
from commands.demo_life import live, moments_of
from commands.demo_plan import City
from engine import deliver as route
from engine import passing
from engine import patrol as patrolling
from engine.clock import Clock
from engine.deliver_plan import Hand, Ready, Scene, admit
from engine.digest import Digest
from engine.errors import Conflict
from engine.patrol import patrol
from engine.work import Work
from notifiers import aliyun_sms, gateway, http_link, tencent_sms
from runtime import assembly, postman
from runtime.metronome import Metronome
from runtime.postman import Postman
from runtime.settings import read_settings
from storage import outbox as outboxes
from storage.feed import Feed
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.faults._city_acts import pending
from tests.faults._city_clock import SharedClock

_PAUSE = 0.06


def wear(clock: SharedClock, watch: float) -> None:
    """Let this process read ``clock`` wherever the product reads the wall clock."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("commands.", "runtime.")) and hasattr(module, "system_now"):
            vars(module)["system_now"] = clock
    for channel in (aliyun_sms, tencent_sms, gateway):
        _defaults(channel.from_address)["clock"] = clock
    _defaults(Metronome.__init__)["watch"] = watch
    assert vars(postman)["RECEIPTS_EVERY"] == 60.0  # of a minute that is over in no time
    vars(postman)["RECEIPTS_EVERY"] = watch


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    found = function.__kwdefaults__
    assert found is not None
    return found


# jobs


def build(clock: SharedClock, days: str) -> int:
    """Make the demonstration city as it stands at the clock's moment, ``days`` working days before its end; write what
    its people still have to do into ``acts.json``.
    """
    now = clock()
    store = SqlStore("sqlite:///yiriban.db")
    commands.demo._hurry(store)
    office = assembly.office_for(read_settings({}, {}), store)
    end = office.calendar.add(office.calendar.day_of(now), int(days))
    city = City(office.calendar, end)
    drop = Path("before")
    for name in ("mail", "sms"):
        (drop / name).mkdir(parents=True)
    life = live(office, store, city.begins, moments_of(city, now), drop, lambda _: None)
    assert not life.refused, life.refused
    acts = pending(office, city.plans(), life.ids, now, Path("papers"))
    Path("acts.json").write_text(json.dumps(acts, ensure_ascii=False), "utf-8")
    store.close()
    return 0


def worker(clock: SharedClock, hands: str, where: str) -> int:
    """Deliver without end, as `yiriban run` does between its beats, until SIGTERM.

    After ``SIGUSR1`` it stops itself once, ``before`` or ``behind`` its second look at a lease, or not (``anywhere``).
    """
    _stops_itself(where)
    settings = read_settings({}, {})
    with_hands = Postman(settings, assembly.open_store(settings), clock, workers=int(hands))
    signal.signal(signal.SIGTERM, lambda *_: with_hands.stop())
    click.echo("ready")
    while not with_hands._stopping:
        try:
            with_hands()
        except Conflict:
            click.echo("busy")
        time.sleep(0.02)
    with_hands.close()
    return 0


def _stops_itself(where: str) -> None:
    """Stop this process, when it has been asked to, at a place of the delivery."""
    wanted: list[bool] = []
    signal.signal(signal.SIGUSR1, lambda *_: wanted.append(True))
    look = route._Held.over

    def stop() -> None:
        if wanted:
            wanted.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

    def looks(self: Any, now: datetime) -> bool:
        if where == "before":
            stop()
            now = max(now, assembly.system_now())  # the clock is read after the stop, as it would be
        over = look(self, now)
        if where == "behind" and not over:
            stop()
        return over

    type.__setattr__(route._Held, "over", looks)


def patroller(clock: SharedClock) -> int:
    """Beat without end and without a lease: there is no politeness to rely upon; until SIGTERM.

    In sets of seven, each a transaction of its own, with pauses, so that several processes share the work.
    """
    vars(patrolling)["SET"] = 7
    settings = read_settings({}, {})
    store = assembly.open_store(settings)
    office = assembly.office_for(settings, store)
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    click.echo("ready")
    while going:
        try:
            beat = patrol(office, store, clock(), on_set=lambda _: time.sleep(_PAUSE))
            with store.transaction():
                Feed(store).beat(beat.at)
        except Conflict:
            click.echo("busy")
        else:
            if beat.fires:
                click.echo(f"fires {len(beat.fires)}")
        time.sleep(0.005)
    store.close()
    return 0


JOBS: Mapping[str, Callable[..., int]] = {"build": build, "worker": worker, "patroller": patroller}


# planted faults


def _never_asks() -> None:
    """What is in doubt is sent again without asking."""

    def hasty(ready: Ready, scene: Scene) -> Any:
        decided = admit(ready, scene)
        return Hand(decided.provider) if isinstance(decided, Hand) else decided

    vars(route)["admit"] = hasty


def _marks_first() -> None:
    """A message counts as sent from the moment at which it is taken."""
    lease = SqlOutbox.lease

    def marked(
        self: SqlOutbox, taken: Sequence[tuple[Ready, str]], owner: str, now: datetime, until: datetime
    ) -> None:
        lease(self, taken, owner, now, until)
        if taken:
            self._many(
                "update message set state = 'accepted' where key = ?", [(r.message.key,) for r, _ in taken]
            )

    SqlOutbox.lease = marked  # type: ignore[method-assign]


def _loses_digests() -> None:
    """A digest counts as sent when it is put together: its members never reach anybody."""
    write = SqlOutbox._write

    def lost(self: SqlOutbox, digest: Digest, ticks: int) -> None:
        write(self, digest, ticks)
        self._store.run(
            "update message set state = 'accepted', handed_at = ? where key = ?", (ticks, digest.key)
        )

    SqlOutbox._write = lost  # type: ignore[method-assign]


def _changes_texts() -> None:
    """What goes out is not what the outbox says."""
    read = vars(outboxes)["ready_of"]

    def other(row: Sequence[Any]) -> Ready:
        ready: Ready = read(row)
        return replace(ready, message=replace(ready.message, text=ready.message.text + "。"))

    vars(outboxes)["ready_of"] = other


def _no_second_look() -> None:
    """The lease is not looked at again before the provider is called, and a request begins however late it is."""
    type.__setattr__(route._Held, "over", lambda _self, _now: False)
    vars(http_link)["too_late"] = lambda _until: False


def _never_flags() -> None:
    """What two processes handed over is not marked as perhaps doubled."""
    vars(outboxes)["_DOUBLED"] = "update message set doubt = doubt where key = ?"


def _own_names() -> None:
    """What is due is read before the lock is taken, and a fire is named by who fires it instead of by its cause."""
    work, due, named = SqlStore.work, SqlStore.read_due, vars(passing)["fire_of"]
    seen: list[list[Clock]] = []

    @contextmanager
    def late(self: SqlStore) -> Iterator[Work]:
        with self.reading():
            seen[:] = [due(self, assembly.system_now(), 500)]
        time.sleep(0.02)
        with work(self) as found:
            yield found

    def stale(self: SqlStore, now: datetime, limit: int) -> list[Clock]:
        return seen.pop() if seen else due(self, now, limit)

    def mine(*given: Any, **more: Any) -> Any:
        fire = named(*given, **more)
        return replace(fire, key=f"{fire.key}~{os.getpid()}")

    SqlStore.work, SqlStore.read_due = late, stale  # type: ignore[method-assign]
    vars(passing)["fire_of"] = mine


PLANTS: Mapping[str, Callable[[], None]] = {
    "": lambda: None,
    "never asks": _never_asks,
    "marks first": _marks_first,
    "loses digests": _loses_digests,
    "changes texts": _changes_texts,
    "no second look": _no_second_look,
    "never flags": _never_flags,
    "own names": _own_names,
}
