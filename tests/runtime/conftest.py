"""A metronome in a thread, a wall clock that jumps, and a city with something overdue."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

import pytest
from apscheduler.schedulers import base

from engine.office import Office
from runtime.lease import Lease, Self
from runtime.metronome import Event, Failed, Metronome
from storage.store import SqlStore
from tests.city import City, calendar, moment, shipped

PATIENCE = 8.0
E = TypeVar("E")
HERE = Self("张三", "host-a", 1, "")


class Wall:
    """A wall clock that stands at a moment, or goes on from it, and can be moved."""

    def __init__(self, start: str, *, goes: bool = True) -> None:
        """Start at ``start``; ``goes=False`` stands still."""
        self._start = moment(start)
        self._began = time.monotonic()
        self._goes = goes
        self.shift = timedelta()

    def __call__(self) -> datetime:
        """What the wall clock shows."""
        passed = time.monotonic() - self._began if self._goes else 0.0
        return self._start + timedelta(seconds=passed) + self.shift


@pytest.fixture
def shown_to_apscheduler(monkeypatch: pytest.MonkeyPatch) -> Callable[[Wall], None]:
    """Let APScheduler read this wall clock too, as it would read the machine's."""

    def show(wall: Wall) -> None:
        class Shown(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return wall().astimezone(tz or UTC)

        monkeypatch.setattr(base, "datetime", Shown)

    return show


class Driven:
    """A metronome running in a thread; what it tells can be waited for."""

    def __init__(self, metronome: Metronome) -> None:
        """Start it."""
        self.metronome = metronome
        self.raised: Exception | None = None
        self.told: list[Event] = []
        self._told: SimpleQueue[Event] = SimpleQueue()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.metronome.run(self._told.put)
        except Exception as error:
            self.raised = error

    def next(
        self, kind: type[E], *, wanted: Callable[[E], bool] = lambda _: True, within: float = PATIENCE
    ) -> E:
        """Wait for an event of that kind; fail where none comes in time."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            try:
                event = self._told.get(timeout=left)
            except Empty:
                break
            self.told.append(event)
            if isinstance(event, kind) and wanted(event):
                return event
        raise AssertionError(
            f"no {kind.__name__} within {within} s; told: {self.told}, raised: {self.raised}"
        )

    def rest(self, seconds: float) -> list[Event]:
        """Everything that is told in the next ``seconds``."""
        time.sleep(seconds)
        fresh: list[Event] = []
        while not self._told.empty():
            fresh.append(self._told.get())
        self.told += fresh
        return fresh

    def stop(self) -> list[Event]:
        """Stop it, wait, and return everything that it ever told."""
        self.metronome.stop()
        return self.ended()

    def ended(self) -> list[Event]:
        """Wait until it has ended by itself, and return everything that it ever told."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.rest(0)
        return self.told

    def failures(self) -> list[Exception]:
        """The errors of all beats so far."""
        return [event.error for event in self.told if isinstance(event, Failed)]


class Hall:
    """Makes metronomes over one database file, each with a store of its own, and stops them at the end."""

    def __init__(self, url: str) -> None:
        """Work on ``url``."""
        self.url = url
        self._stores: list[SqlStore] = []
        self._running: list[Driven] = []

    def metronome(
        self,
        wall: Callable[[], datetime],
        *,
        every: float = 0.1,
        me: Self = HERE,
        name: str = "metronome",
        store: SqlStore | None = None,
        look: Callable[[Office], Office] = lambda office: office,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Metronome:
        """Make one; ``look`` is called at every beat."""
        own = store or SqlStore(self.url)
        self._stores.append(own)
        bundle, texts = shipped()
        office = Office(bundle, calendar(), dict(texts))
        pace = timedelta(seconds=every)
        lease = Lease(own, pace, me=me, name=name)
        return Metronome(
            own, lambda: (look(office), None), lease, now=wall, every=pace, monotonic=monotonic, watch=0.05
        )

    def drive(self, wall: Callable[[], datetime], **options: Any) -> Driven:
        """Make one and start it."""
        driven = Driven(self.metronome(wall, **options))
        self._running.append(driven)
        return driven

    def close(self) -> None:
        """Stop what still runs."""
        for driven in self._running:
            driven.stop()
        for store in self._stores:
            store.close()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of a small city, made once."""
    file = tmp_path_factory.mktemp("built") / "city.db"
    made = City(f"sqlite:///{file}")
    made.open("2026-11-02 09:00")
    made.walk("deliver_report", "2026-11-02 10:00")
    made.store.close()
    return file


@pytest.fixture
def city(built: Path, tmp_path: Path) -> Iterator[City]:
    """A city on a file; the report of P1 was delivered on Monday 2 November 2026 at 10:00."""
    shutil.copy(built, tmp_path / "city.db")
    made = City(f"sqlite:///{tmp_path / 'city.db'}")
    made.store.close()
    yield made
    made.store.close()


@pytest.fixture
def hall(city: City) -> Iterator[Hall]:
    """Metronomes over the city's database."""
    made = Hall(city.store.url)
    yield made
    made.close()
