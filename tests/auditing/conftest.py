"""An engine that checks itself: a city on a file, its auditor, and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.auditing import Seen
from engine.deliver import deliver
from engine.delivery import Outcome, Provider, Waiting
from runtime.auditing import Audited, Auditor, swift
from runtime.lease import Lease
from runtime.settings import Settings
from storage.outbox import SqlOutbox
from storage.store import SqlStore
from tests.city import PERSONS, City, moment

MINUTE = timedelta(minutes=1)
NOON = "2026-11-03 12:00"  # a Tuesday


class Answers:
    """A channel that gives one answer to everything."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def send(self, message: Waiting, now: datetime) -> Outcome:
        return self.outcome

    def ask(self, message: Waiting) -> Outcome:
        return self.outcome


class House:
    """P1's report was delivered on Tuesday at 11:00, everything sent; the auditor has mail to tell people by."""

    def __init__(self, file: Path) -> None:
        url = f"sqlite:///{file}"
        self.city = City(url)
        self.city.open("2026-11-02 09:00")
        self.city.walk("deliver_report", "2026-11-03 11:00")
        self.city.patrol(NOON)
        for number, person in enumerate(PERSONS.values()):
            self.sql(
                "update person set email = ?, phone = ? where id = ?",
                f"p{number}@example.org", f"1380000000{number}", person,
            )  # fmt: skip
        self.now = moment(NOON)
        self.send(Outcome("accepted"))
        self.store = SqlStore(url)
        settings = Settings(database=url)
        self.auditor = Auditor(settings, self.store, lambda: self.now, channels=("email", "sms"))

    def sql(self, statement: str, *values: Any) -> int:
        """Touch the database behind the program's back; return how many rows that changed."""
        with self.city.store.transaction():
            return int(self.city.store.run(statement, values).rowcount)

    def send(self, outcome: Outcome, channel: str = "") -> None:
        """Deliver what may go out; every provider (of one channel) answers alike."""
        names = (channel,) if channel else ("email", "sms")
        channels = {name: (Provider("fake", Answers(outcome)),) for name in names}
        deliver(SqlOutbox(self.city.store), channels, self.now, office=self.city.office)

    def more(self) -> None:
        """Another project, whose first notices wait to be sent; an hour later, for there is one digest an hour."""
        self.now += timedelta(minutes=61)
        self.city.open(self.now, id="P2")
        self.city.walk("deliver_report", self.now, on="P2")
        self.city.patrol(self.now)

    def pass_time(self, minutes: float) -> None:
        """Let the clock go on; whatever is due is done, as `run` does it."""
        self.now += timedelta(minutes=minutes)
        self.city.patrol(self.now)

    def seen(self) -> Seen:
        """What the checks see that indexes answer."""
        with self.city.store.reading() as work:
            return Seen.of(swift(self.city.store, work, self.city.office, self.now))

    def kinds(self) -> list[str]:
        return sorted({f.kind for f in self.seen().findings})

    def round(self, minutes: float = 1) -> Audited | None:
        """A minute later the auditor makes a round."""
        self.now += timedelta(minutes=minutes)
        return self.auditor()

    def lease(self) -> Lease:
        """Take the lease of the patrol, as `run` does at its start."""
        lease = Lease(self.city.store, timedelta(seconds=15))
        lease.take(self.now)
        return lease

    def told(self) -> list[tuple[str, str, str]]:
        """Every message of the auditor: whom it goes to, by what, and its subject or text."""
        sql = "select person, channel, case when subject = '' then text else subject end from message where rung = 'audit' order by created_at, key"
        return [(p, c, s) for p, c, s in self.city.rows(sql)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "city.db")
    yield made
    made.auditor.close()
    made.city.store.close()
