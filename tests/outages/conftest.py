"""A city on a file in which something falls due every night, and metronomes over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.city import City, moment
from tests.runtime.conftest import Hall, Wall, shown_to_apscheduler

TUESDAY, FRIDAY = "2026-11-03 23:00", "2026-11-06 09:00"

__all__ = ["shown_to_apscheduler"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of the city as it stands on Tuesday 3 November 2026 at 22:00, made once."""
    file = tmp_path_factory.mktemp("made") / "yiriban.db"
    city = City(f"sqlite:///{file}")
    # due on Tuesday 24:00: an award and a contract; on Wednesday: an award and a payment; on Thursday: an award
    for root, last, at in (
        ("P1", "deliver_report", "2026-11-02 10:00"),
        ("P2", "issue_award_letter", "2026-11-02 11:00"),
        ("P3", "deliver_report", "2026-11-03 10:00"),
        ("P4", "receive_invoice", "2026-11-03 15:00"),
    ):
        city.open(at, id=root)
        city.walk(last, at, on=root)
    with city.store.transaction():
        # as `yiriban run` would at its first start; one duty of the year is opened with it
        city.store.begin_duties(moment("2026-11-02 08:00"))
    city.patrol("2026-11-03 22:00")
    city.store.close()
    return file


@pytest.fixture
def town(made: Path, tmp_path: Path) -> Iterator[City]:
    """That city, on a file of its own in the folder of the test."""
    yield from _copied(made, tmp_path / "yiriban.db")


@pytest.fixture
def calm(made: Path, tmp_path: Path) -> Iterator[City]:
    """The same city, for a life without jumps of the wall clock: with a beat every hour until Friday."""
    for city in _copied(made, tmp_path / "calm.db"):
        for beat in [*(f"2026-11-0{d} {h:02d}:00" for d in (4, 5) for h in range(24)), FRIDAY]:
            city.patrol(beat)
        city.store.close()
        yield city


@pytest.fixture
def hall(town: City) -> Iterator[Hall]:
    """Metronomes over the city's database."""
    opened = Hall(town.store.url)
    yield opened
    opened.close()


@pytest.fixture
def wall(shown_to_apscheduler: Callable[[Wall], None]) -> Wall:
    """The machine's wall clock, on Tuesday at 23:00; APScheduler reads it too."""
    clock = Wall(TUESDAY)
    shown_to_apscheduler(clock)
    return clock


def _copied(made: Path, file: Path) -> Iterator[City]:
    shutil.copy(made, file)
    city = City(f"sqlite:///{file}")
    city.store.close()
    yield city
    city.store.close()
