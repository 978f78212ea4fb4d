"""The office of a program that runs for months: read again when its files change."""

from __future__ import annotations

from pathlib import Path

from engine.errors import YiribanError
from engine.office import Office
from runtime.assembly import office_for
from runtime.settings import SHIPPED_WORKFLOWS, Settings
from storage.store import SqlStore


class StandingOffice:
    """Workflows, texts and calendar as they stand on disk now; a faulty change leaves the last sound ones."""

    def __init__(self, settings: Settings, store: SqlStore) -> None:
        """Read the office for ``settings``; raise ``BrokenWorkflows`` where its files are faulty."""
        self._settings = settings
        self._store = store
        self._seen = self._look()
        self._office = office_for(settings, store)

    @property
    def office(self) -> Office:
        """The office in force when somebody last looked."""
        return self._office

    def __call__(self) -> tuple[Office, YiribanError | None]:
        """Return the office in force, and, once per change, why what stands on disk could not be read."""
        seen = self._look()
        if seen == self._seen:
            return self._office, None
        self._seen = seen
        try:
            self._office = office_for(self._settings, self._store)
        except YiribanError as fault:
            return self._office, fault
        return self._office, None

    def _look(self) -> list[tuple[str, int, int]]:
        """Name, time of change and size of every file that an office is read from."""
        folders = {SHIPPED_WORKFLOWS, self._settings.workflows}
        return sorted(_stamp(path) for folder in folders for path in folder.rglob("*"))


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:  # an editor is just replacing it: the next look sees another stamp
        return str(path), 0, 0
    return str(path), stat.st_mtime_ns, stat.st_size
