"""The outbox empties into files: each message once, whatever dies on the way."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.deliver import LEASE, MOST_TRIES, deliver
from engine.delivery import Notifier, Outcome, Waiting
from notifiers.drop import Drop
from storage.outbox import SqlOutbox
from storage.people import People
from storage.store import SqlStore

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)  # Monday 09:00 in Shanghai


@pytest.fixture
def store() -> Iterator[SqlStore]:
    """Three persons: one with both addresses, one without any; messages are put in by ``post``."""
    store = SqlStore("sqlite:///:memory:")
    store.create(NOW)
    with store.transaction():
        for person, mail, phone in (("zhang", "zhang@example.org", "13800000001"), ("li", "", "")):
            People(store).add_person(person, person, "410400", email=mail, phone=phone)
    yield store
    store.close()


def post(
    store: SqlStore, key: str, *, person: str = "zhang", channel: str = "email", at: datetime = NOW
) -> None:
    ticks = int(at.timestamp() * 1_000_000)
    with store.transaction():
        store.run(
            "insert into message (key, fire, matter, jurisdiction, person, role, channel, rung, subject, text,"
            " send_from, created_at, state, tries) values (?, 'f', 'P1', '410400', ?, 'officer', ?, 'soon', '提醒',"
            " '编号P1的课桌椅项目，请抓紧办理。', ?, ?, 'queued', 0)",
            (key, person, channel, ticks, ticks),
        )


def states(store: SqlStore) -> dict[str, str]:
    with store.transaction():
        return dict(store.run("select key, state from message order by key").fetchall())


def drops(folder: Path) -> dict[str, Notifier]:
    return {name: Drop(folder, name) for name in ("email", "sms")}


def test_mail_and_text_messages_become_files_that_other_programs_can_read(
    store: SqlStore, tmp_path: Path
) -> None:
    post(store, "f/zhang/email")
    post(store, "f/zhang/sms", channel="sms")
    assert deliver(SqlOutbox(store), drops(tmp_path), NOW).outcomes == {"accepted": 2}
    [mail] = (tmp_path / "mail").iterdir()
    read = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert (read["To"], read["Subject"]) == ("zhang@example.org", "提醒")
    assert "请抓紧办理" in read.get_content()
    [sms] = (tmp_path / "sms").iterdir()
    assert json.loads(sms.read_text("utf-8"))["to"] == "13800000001"
    assert set(states(store).values()) == {"accepted"}


def test_a_message_waits_for_its_moment_and_goes_out_at_it(store: SqlStore, tmp_path: Path) -> None:
    post(store, "f/zhang/email", at=NOW + timedelta(hours=1))
    before = NOW + timedelta(hours=1) - timedelta(microseconds=1)
    assert not deliver(SqlOutbox(store), drops(tmp_path), before).outcomes
    assert deliver(SqlOutbox(store), drops(tmp_path), NOW + timedelta(hours=1)).outcomes == {"accepted": 1}


def test_sending_twice_sends_nothing_more(store: SqlStore, tmp_path: Path) -> None:
    post(store, "f/zhang/email")
    deliver(SqlOutbox(store), drops(tmp_path), NOW)
    assert not deliver(SqlOutbox(store), drops(tmp_path), NOW + timedelta(days=1)).outcomes
    assert len(list((tmp_path / "mail").iterdir())) == 1


def test_a_sender_that_died_after_handing_over_is_asked_for_before_anything_is_sent_again(
    store: SqlStore, tmp_path: Path
) -> None:
    post(store, "f/zhang/email")
    outbox = SqlOutbox(store)
    with outbox.together():
        [ready] = outbox.due(NOW, 10)
        outbox.lease([(ready, "email")], "it", NOW, NOW + LEASE)
    assert Drop(tmp_path, "email").send(ready.message, NOW).kind == "accepted"  # and then it died
    assert not deliver(SqlOutbox(store), drops(tmp_path), NOW + LEASE - timedelta(seconds=1)).outcomes

    class Counting(Drop):
        sent = 0

        def send(self, message: Waiting, now: datetime) -> Outcome:
            Counting.sent += 1
            return super().send(message, now)

    channels: dict[str, Notifier] = {"email": Counting(tmp_path, "email")}
    assert deliver(SqlOutbox(store), channels, NOW + LEASE).outcomes == {"accepted": 1}
    assert Counting.sent == 0


def test_a_message_to_nowhere_waits_for_an_address_and_is_never_lost(store: SqlStore, tmp_path: Path) -> None:
    post(store, "f/li/email", person="li")
    now = NOW
    for _ in range(2 * MOST_TRIES):
        done = deliver(SqlOutbox(store), drops(tmp_path), now)
        assert (done.outcomes, done.settings) == ({"config": 1}, {"li 没有登记邮箱": 1})
        now += timedelta(hours=2)
    assert states(store) == {"f/li/email": "queued"}
    with store.transaction():
        assert store.run("select outcome from attempt").fetchone()[0] == "config"
        store.run("update person set email = 'li@example.org' where id = 'li'")
    assert deliver(SqlOutbox(store), drops(tmp_path), now).outcomes == {"accepted": 1}


def test_a_folder_that_cannot_be_made_is_tried_again_later_and_not_forever(
    store: SqlStore, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    post(store, "f/zhang/email")
    now, tries = NOW, 0
    channels: dict[str, Notifier] = {"email": Drop(blocked, "email")}
    while states(store) == {"f/zhang/email": "queued"}:
        done = deliver(SqlOutbox(store), channels, now)
        tries += sum(done.outcomes.values())
        now += timedelta(hours=2)
    assert tries == MOST_TRIES
    assert states(store) == {"f/zhang/email": "dead"}


def test_a_line_break_in_a_subject_cannot_forge_a_header(store: SqlStore, tmp_path: Path) -> None:
    message = Waiting("k", "email", "zhang", "zhang@example.org", "提醒\r\nBcc: all@example.org", "正文", NOW)
    outcome = Drop(tmp_path, "email").send(message, NOW)
    assert outcome.kind == "rejected"
