"""Put the parts together; the only module that knows every adapter."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path

from engine.delivery import Notifier
from engine.office import Office
from engine.reader import read_bundle, read_bundle_from, read_texts
from engine.workdays import compile_calendar
from engine.workflow import Bundle
from notifiers.drop import Drop
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.store import SqlStore


def system_now() -> datetime:
    """Return the wall clock's time, in UTC; the one place outside tests that asks it."""
    return datetime.now(UTC)


def long_work() -> None:
    """Prepare the process for work on many rows: what start-up made is never garbage (8-10 % of a replay)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def open_store(settings: Settings) -> SqlStore:
    """Open the database that the settings name; refuse one that was not initialised."""
    store = SqlStore(settings.database)
    store.check_schema()
    return store


def office_for(settings: Settings, store: SqlStore | None = None, *, country: str = "CN") -> Office:
    """Read the workflows in force and compile the calendar.

    Raises ``BrokenWorkflows`` for faulty files. Matters with an older bundle find it in ``store``.
    """
    bundle = read_bundle(SHIPPED_WORKFLOWS, overlay(settings))
    texts = read_texts(SHIPPED_WORKFLOWS, overlay(settings))

    def fetch(wanted: str) -> Bundle | None:
        files = store.read_bundle(wanted) if store is not None else None
        return read_bundle_from(files) if files is not None else None

    return Office(bundle, compile_calendar(country, calendars_folder(settings)), texts, fetch)


def drop_channels(folder: Path) -> dict[str, Notifier]:
    """Return the channels that write every message into ``folder``."""
    return {name: Drop(folder, name) for name in ("email", "sms")}


def overlay(settings: Settings) -> Path | None:
    """Return the folder laid over the shipped workflows, if there is one."""
    return None if settings.workflows == SHIPPED_WORKFLOWS else settings.workflows


def calendars_folder(settings: Settings) -> Path:
    """Return the folder of calendar files in force: one's own, else the shipped one."""
    own = settings.workflows / "calendars"
    return own if own.is_dir() else SHIPPED_WORKFLOWS / "calendars"
