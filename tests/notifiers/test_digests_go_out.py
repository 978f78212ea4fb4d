"""Digests go out like any other message: once, whatever dies on the way, and nothing is lost in them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.deliver import LEASE, deliver
from engine.deliver_plan import LAST_ASK
from engine.delivery import Notifier, Outcome, Waiting
from engine.digest import Gathered, Notice, Taken, write
from engine.errors import Conflict
from notifiers.drop import Drop
from storage.outbox import SqlOutbox
from tests.city import PERSONS, ROOT, City, moment

OPENING = moment("2026-11-05 08:00")  # a Thursday
NIGHT = moment("2026-11-04 24:00")

OFFICER, TRACKER = PERSONS["officer"], PERSONS["tracker"]
ADDRESSES = {person: f"{role}@example.org" for role, person in PERSONS.items()}
MORNING = moment("2026-11-03 10:05")
"""Tuesday, five minutes after nine reports were delivered."""


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """Nine projects of 市一中, their reports delivered on Tuesday 3 November; everybody can be reached."""
    city = City(f"sqlite:///{tmp_path / 'city.db'}")
    with city.store.transaction():
        for number, (person, address) in enumerate(ADDRESSES.items()):
            city.store.run(
                "update person set email = ?, phone = ? where id = ?",
                (address, f"1380000000{number}", person),
            )
    for number in range(1, 10):
        city.open("2026-11-03 09:00", id=f"P{number}")
        city.walk("deliver_report", "2026-11-03 10:00", on=f"P{number}")
    yield city
    city.store.close()


class Drops(Drop):
    """Files in a folder; counts how often each message was handed over, whatever became of it."""

    def __init__(self, folder: Path, channel: str, handed: Counter[str]) -> None:
        super().__init__(folder, channel)
        self.handed = handed

    def send(self, message: Waiting, now: datetime) -> Outcome:
        self.handed[f"{message.channel} {message.person}"] += 1
        return super().send(message, now)


def send(city: City, folder: Path, at: datetime) -> Counter[str]:
    """Let time pass, then empty the outbox; return how many messages each person was sent by each channel."""
    city.patrol(at)
    handed = Counter[str]()
    channels: dict[str, Notifier] = {name: Drops(folder, name, handed) for name in ("email", "sms")}
    deliver(SqlOutbox(city.store), channels, at, office=city.office)
    return handed


def waiting(city: City, person: str, channel: str, does: str = "%", *, by: datetime) -> int:
    sql = (
        "select count(*) from message m join fire f on f.key = m.fire where m.person = ? and m.channel = ?"
        " and f.does like ? and m.state = 'queued' and m.send_from <= ?"
    )
    return int(city.rows(sql, person, channel, does, int(by.timestamp() * 1_000_000))[0][0])


def digests(city: City, person: str, channel: str) -> list[tuple[str, str, str, int]]:
    """Key, subject, text and number of members of a person's digests."""
    return city.rows(
        "select d.key, d.subject, d.text, count(m.key) from message d join message m on m.digest = d.key"
        " where d.person = ? and d.channel = ? group by d.key order by d.key",
        person, channel,
    )  # fmt: skip


def unaccounted(city: City, by: datetime) -> list[tuple[str, str]]:
    """Messages that should have gone out and neither did nor are in a digest of the same person that did."""
    return city.rows(
        "select key, state from message m where send_from <= ? and state <> 'accepted' and not exists"
        " (select 1 from message d where d.key = m.digest and m.state = 'digested' and d.person = m.person"
        " and d.channel = m.channel and d.state = 'accepted')",
        int(by.timestamp() * 1_000_000),
    )


def test_nine_clocks_that_start_are_one_mail_that_lists_them_all(city: City, tmp_path: Path) -> None:
    city.patrol(MORNING)
    count = waiting(city, OFFICER, "email", "remind", by=MORNING)
    assert count >= 9
    sent = send(city, tmp_path, MORNING)
    assert sent[f"email {OFFICER}"] == 1
    [(key, subject, text, members)] = digests(city, OFFICER, "email")
    assert (key, members) == (f"digest/{OFFICER}/email/2026-11-03T10", count)
    assert subject.startswith(f"{count}项提醒，首项：P")
    for number in range(1, 10):
        assert f"P{number}.1（教学楼桌椅）确定采购结果，承诺时限11月4日" in text
    assert [line.partition(".")[0] for line in text.splitlines() if "（教学楼桌椅）" in line] == [
        str(n) for n in range(1, count + 1)
    ]
    assert unaccounted(city, MORNING) == []


def test_what_perhaps_reached_its_reader_goes_again_as_it_was_and_never_in_a_list(
    city: City, tmp_path: Path
) -> None:
    # a sender was killed while it handed one mail over, and no mail server can be asked
    city.patrol(MORNING)
    count = waiting(city, OFFICER, "email", "remind", by=MORNING)
    [(doubtful,), *_] = city.rows("select key from message where person = ? and channel = 'email'", OFFICER)
    with city.store.transaction():
        city.store.run("update message set doubt = 'resent' where key = ?", (doubtful,))
    sent = send(city, tmp_path, MORNING)
    assert sent[f"email {OFFICER}"] == 2
    [(_, _, _, members)] = digests(city, OFFICER, "email")
    assert members == count - 1
    assert city.rows("select state from message where key = ?", doubtful) == [("accepted",)]


def test_doing_it_twice_makes_nothing_twice(city: City, tmp_path: Path) -> None:
    assert sum(send(city, tmp_path, MORNING).values()) > 0
    before = city.rows("select * from message order by key")
    assert send(city, tmp_path, MORNING) == {}
    assert send(city, tmp_path, MORNING + timedelta(seconds=15)) == {}
    assert city.rows("select * from message order by key") == before


def test_at_the_opening_everybody_gets_one_text_message_and_every_warning_by_mail(
    city: City, tmp_path: Path
) -> None:
    """Nothing is recorded by Wednesday 24:00: nine warnings fall due in the night, SMS may go from 08:00."""
    send(city, tmp_path, MORNING)
    send(city, tmp_path, moment("2026-11-04 18:00"))
    night = send(city, tmp_path, NIGHT)
    assert night[f"email {OFFICER}"] == 9
    assert not any(name.startswith("sms") for name in night)
    assert not send(city, tmp_path, OPENING - timedelta(microseconds=1))
    count = waiting(city, OFFICER, "sms", by=OPENING)
    assert count >= 9
    morning = send(city, tmp_path, OPENING)
    assert {n for name, n in morning.items() if name.startswith("sms")} == {1}
    key, _, text, members = digests(city, OFFICER, "sms")[-1]
    assert (key, members) == (f"digest/{OFFICER}/sms/2026-11-05T08", count)
    assert text.startswith(
        "您有9项采购事项已超期且未见办结登记，首项编号P1.1的确定采购结果，承诺时限为11月4日"
    )
    assert unaccounted(city, OPENING) == []


def test_a_second_batch_waits_for_the_next_hour_and_is_not_lost(city: City, tmp_path: Path) -> None:
    send(city, tmp_path, MORNING)
    for number in range(1, 10):
        city.do("decide_award", "2026-11-03 10:20", on=f"P{number}")
    late = MORNING + timedelta(minutes=20)
    city.patrol(late)
    count = waiting(city, OFFICER, "email", "remind", by=late)
    assert count >= 9
    assert f"email {OFFICER}" not in send(city, tmp_path, late)
    assert f"email {OFFICER}" not in send(city, tmp_path, moment("2026-11-03 10:59"))
    assert send(city, tmp_path, moment("2026-11-03 11:00"))[f"email {OFFICER}"] == 1
    assert [(d[0][-2:], d[3]) for d in digests(city, OFFICER, "email")][-1] == ("11", count)


def test_the_tracker_gets_one_mail_for_the_cases_of_a_sheet(city: City, tmp_path: Path) -> None:
    send(city, tmp_path, moment("2026-11-06 18:00"))
    opened = moment("2026-11-06 24:00")  # Friday, two working days after the promise
    assert send(city, tmp_path, opened)[f"email {TRACKER}"] == 1
    key, subject, text, members = digests(city, TRACKER, "email")[-1]
    assert (key, members) == (f"digest/{TRACKER}/email/2026-11-07T00@u1-2026W45", 9)
    assert subject == "督办单 u1-2026W45：u1 9件督办件"
    for number in range(1, 10):
        assert f"督办件P{number}.1-C1：P{number}.1（教学楼桌椅）确定采购结果，承诺时限11月4日" in text


def test_without_its_text_nothing_is_put_together_and_nothing_is_lost(city: City, tmp_path: Path) -> None:
    del city.office.texts["digest_reminders"]  # type: ignore[attr-defined]
    city.patrol(MORNING)
    count = waiting(city, OFFICER, "email", "remind", by=MORNING)
    done = deliver(SqlOutbox(city.store), {"email": Drop(tmp_path, "email")}, MORNING, office=city.office)
    assert (done.digests, list(done.troubles)) == (0, ["没有名为 digest_reminders 的文案"])
    assert len(list((tmp_path / "mail").iterdir())) == done.outcomes["accepted"] >= count


class Moody(Drop):
    """Turns everything away, or takes it without an answer; counts."""

    answer: Outcome | None = None
    sent = 0

    def send(self, message: Waiting, now: datetime) -> Outcome:
        Moody.sent += 1
        if Moody.answer is not None and Moody.answer.kind == "quota":
            return Moody.answer
        taken = super().send(message, now)
        return Moody.answer or taken


def test_what_a_full_quota_turned_away_goes_together_later_and_what_is_in_doubt_is_asked_for_first(
    city: City, tmp_path: Path
) -> None:
    channels: dict[str, Notifier] = {"email": Moody(tmp_path, "email")}
    outbox = SqlOutbox(city.store)
    city.patrol(MORNING)
    Moody.answer, Moody.sent = Outcome("quota", "full", MORNING + timedelta(hours=1)), 0
    deliver(outbox, channels, MORNING)  # without an office: each alone
    turned_away = Moody.sent
    alone = city.rows("select count(*) from message where state = 'queued' and channel = 'email'")[0][0]
    assert alone >= 9
    deliver(outbox, channels, MORNING)
    assert Moody.sent == turned_away <= alone, (
        "who was turned away is not tried again before the window opens"
    )
    Moody.answer, Moody.sent = Outcome("unknown", "no answer"), 0
    noon = MORNING + timedelta(hours=2)
    done = deliver(outbox, channels, noon, office=city.office)
    assert done.digested > alone / 2
    assert Moody.sent == alone - done.digested + done.digests
    # nobody knows whether it arrived: the channel is asked, and it did
    went = Moody.sent
    Moody.answer, Moody.sent = None, 0
    assert deliver(outbox, channels, noon + LAST_ASK, office=city.office).outcomes == {"accepted": went}
    assert (Moody.sent, len(list((tmp_path / "mail").iterdir()))) == (0, went)


def test_a_notice_that_another_sender_took_meanwhile_undoes_the_whole_digest(city: City) -> None:
    """Where the database lets two senders read at once, the second one to write finds out."""
    city.patrol(MORNING)
    outbox = SqlOutbox(city.store)
    with outbox.together():
        [taken] = outbox.due(MORNING, 1)
        outbox.lease([(taken, "email")], "other", MORNING, MORNING + LEASE)

    def stale(notices: Sequence[Notice], _: Taken) -> Gathered:
        mine = [n for n in notices if n.person == OFFICER and n.channel == "email"]
        digest = write("digest/x", mine, city.office.texts)
        return Gathered((replace(digest, members=(*digest.members, taken.message.key)),))

    before = city.everything()
    with pytest.raises(Conflict), outbox.together():
        outbox.gather(MORNING, stale)
    assert city.everything() == before


PROGRAM = """
import os, signal, sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from engine.deliver import deliver
from notifiers.drop import Drop
from storage.outbox import SqlOutbox
from tests.city import City, shipped, calendar
from engine.office import Office
from storage.store import SqlStore

file, folder, when, point = sys.argv[1:]
store = SqlStore(f"sqlite:///{file}")
bundle, texts = shipped("")

def die(here):
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)

class Outbox(SqlOutbox):
    def _write(self, digest, ticks):
        super()._write(digest, ticks)
        die("while the digests are written")
    gathering = leasing = False
    def gather(self, now, put):
        self.gathering = True
        return super().gather(now, put)
    def lease(self, taken, owner, now, until):
        self.leasing = True
        return super().lease(taken, owner, now, until)
    @contextmanager
    def together(self):
        self.gathering = self.leasing = False
        with super().together():
            yield
        if self.gathering:
            die("after the digests are written")
        if self.leasing:
            die("after the lease")

class Channel(Drop):
    def send(self, message, now):
        answer = super().send(message, now)
        if message.key.startswith("digest/"):
            die("after a digest is handed over")
        return answer

channels = {name: Channel(Path(folder), name) for name in ("email", "sms")}
deliver(Outbox(store), channels, datetime.fromisoformat(when), office=Office(bundle, calendar(), dict(texts)))
"""
POINTS = (
    "while the digests are written", "after the digests are written", "after the lease", "after a digest is handed over",
    "never",
)  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_it_loses_and_doubles_nothing(city: City, tmp_path: Path, point: str) -> None:
    """``kill -9``, then the next sender, once the lease of the dead one has run out."""
    city.patrol(MORNING)
    count = waiting(city, OFFICER, "email", "remind", by=MORNING)
    city.store.close()
    words = [str(tmp_path / "city.db"), str(tmp_path), MORNING.isoformat(), point]
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *words], cwd=ROOT, check=False)
    assert ran.returncode == (0 if point == "never" else -signal.SIGKILL)
    written = point not in ("while the digests are written", "never")
    if written:
        assert digests(city, OFFICER, "email")[0][3] == count
    handed = Counter[str]()
    channels: dict[str, Notifier] = {name: Drops(tmp_path, name, handed) for name in ("email", "sms")}
    deliver(SqlOutbox(city.store), channels, MORNING + LEASE, office=city.office)
    mails = list((tmp_path / "mail").glob("*.eml"))
    assert len(mails) == city.rows("select count(*) from message where state = 'accepted'")[0][0]
    assert sum(1 for m in mails if "officer@example.org" in m.read_text("utf-8")) == 1
    [(_, _, _, members)] = digests(city, OFFICER, "email")
    assert members == count
    assert unaccounted(city, MORNING + LEASE) == []
    # what had been handed over before the kill was asked for, not sent again
    assert (handed[f"email {OFFICER}"] == 0) == (point in ("after a digest is handed over", "never"))
