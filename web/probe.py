"""Looks into the database for /readyz: that it opens, that its schema is ours, what the engine found of itself."""

from __future__ import annotations

from collections.abc import Callable

from storage.auditing import read_kept
from storage.store import SqlStore
from web.health import Probed


class Probe:
    """Used by one thread at a time, with a store of its own; connects anew each time, as a beat does."""

    def __init__(self, store: SqlStore, guard: Callable[[], None]) -> None:
        """Look through ``store``; ``guard`` raises where the database has gone."""
        self._store = store
        self._guard = guard

    def __call__(self) -> Probed:
        """Look; whatever goes wrong is what was found."""
        try:
            self._guard()
            self._store.check_schema()
            with self._store.reading():
                kept = read_kept(self._store)
        except Exception as error:
            return Probed(error)
        finally:
            self._store.close()
        stand = sum(1 for one in kept.standing if one.told_at is not None and one.gone_since is None)
        return Probed(None, stand, kept.at)
