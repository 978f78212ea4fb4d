"""What `yiriban run` does beside the patrol, each in a thread of its own: deliver, check itself, push events. 旁路"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from runtime.assembly import open_store
from runtime.auditing import EVERY as AUDIT_EVERY
from runtime.auditing import Auditor
from runtime.feeding import EVERY as FEED_EVERY
from runtime.feeding import Feeder
from runtime.metronome import Job
from runtime.postman import EVERY as DELIVERY_EVERY
from runtime.postman import Postman
from runtime.settings import Settings


class Sideline:
    """The side jobs that the settings ask for; each has a store of its own. ``close`` lets go of all of them."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
        *,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        """Set them up; raise what is wrong with an address. ``guard`` raises where the database has gone."""
        self.auditor: Auditor | None = None
        self.postman: Postman | None = None
        self.feeders: list[Feeder] = []
        self.jobs: list[Job] = []
        try:
            if settings.channels:
                self.postman = Postman(
                    settings, open_store(settings), now, guard=guard, one_by_one=settings.standing.log.lines
                )
                self.jobs.append(Job("delivery", DELIVERY_EVERY, self.postman, self.postman.stop))
            ways = frozenset(self.postman.channels) if self.postman is not None else frozenset()
            self.auditor = Auditor(settings, open_store(settings), now, channels=ways, guard=guard)
            self.jobs.append(Job("audit", AUDIT_EVERY, self.auditor, self.auditor.stop))
            for url in settings.channels.get("webhook", ()):
                feeder = Feeder(open_store(settings), url, environ, now, guard=guard)
                self.feeders.append(feeder)
                self.jobs.append(Job(f"feed {feeder.name}", FEED_EVERY, feeder, feeder.stop))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of every connection and database."""
        for one in (self.postman, self.auditor, *self.feeders):
            if one is not None:
                one.close()
