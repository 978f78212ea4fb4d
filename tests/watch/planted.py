"""A city that runs as it should, a beat every quarter of an hour, and hands for planting faults in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from engine.deliver import deliver
from engine.delivery import UNASKABLE, Notifier, Outcome, Waiting
from engine.watching import Finding, Watch
from storage.feed import Feed
from storage.outbox import SqlOutbox
from tests.city import City, moment

QUARTER = timedelta(minutes=15)
END = "2026-11-09 12:00"  # a Monday
Fault = Callable[["Engine"], None]


class Takes:
    """A channel that takes whatever it is given."""

    def send(self, message: Waiting, now: datetime) -> Outcome:
        return Outcome("accepted")

    def ask(self, message: Waiting) -> Outcome:
        return Outcome("unknown", code=UNASKABLE)


class Engine:
    """A city and its beats, from Monday 2026-11-02 on; the award is promised by Wednesday 11-04 24:00."""

    def __init__(self, url: str = "sqlite://") -> None:
        self.city = City(url)
        self.city.open("2026-11-02 09:00")
        self.now = moment("2026-11-02 09:00")
        self.sql("update person set email = id || '@example.cn', phone = '1380000' || printf('%04d', rowid)")
        self.channels: dict[str, Notifier] = {"sms": Takes(), "email": Takes()}
        self.skip: set[datetime] = set()

    def sql(self, statement: str, *values: Any) -> None:
        """Touch the database behind the program's back."""
        with self.city.store.transaction():
            self.city.store.run(statement, values)

    def unlock(self) -> None:
        """Take away what keeps the table of events as it is."""
        self.sql("drop trigger event_is_kept")
        self.sql("drop trigger event_stays")

    def run(self, until: str, *, deeds: Sequence[tuple[str, str]] = ()) -> None:
        """Beat every quarter of an hour up to and with ``until``; actions come at their moments."""
        waiting = sorted((moment(at), action) for at, action in deeds)
        end = moment(until)
        while self.now <= end:
            while waiting and waiting[0][0] <= self.now:
                at, action = waiting.pop(0)
                self.city.do(action, at)
            if self.now not in self.skip:
                self.beat()
            self.now += QUARTER
        self.now = end

    def beat(self) -> None:
        """Patrol, deliver, tell that it was done."""
        self.city.patrol(self.now)
        deliver(SqlOutbox(self.city.store), self.channels, self.now, office=self.city.office)
        with self.city.store.transaction():
            Feed(self.city.store).beat(self.now)

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        with self.city.store.reading():
            return Feed(self.city.store).read(after, 100_000)

    def watch(self, at: str = "", kept: Sequence[dict[str, Any]] = ()) -> list[Finding]:
        """What the tracker finds, as of now unless told, with what was kept earlier in front."""
        watch = Watch(self.city.office.current, self.city.office.calendar)
        for event in [*kept, *self.events()]:
            watch.hear(event)
        assert not watch.unjudged
        return watch.findings(moment(at) if at else self.now)


DEEDS = (("2026-11-03 09:00", "end_evaluation"), ("2026-11-03 11:00", "deliver_report"))


def kinds(findings: Sequence[Finding]) -> list[str]:
    return sorted({f.kind for f in findings})
