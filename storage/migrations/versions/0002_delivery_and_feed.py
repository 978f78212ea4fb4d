"""Receipts, limits and digests of messages; the feed of events; whose the lost days are."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint

from storage.migrations.shapes import index, instant, number, text

revision = "0002"
down_revision = "0001"
TITLE = (
    "消息的回执、限额与汇总，事件流水，责任划分",
    "receipts, limits and digests of messages; the feed of events; lost days",
)

_STATES = (
    "'queued', 'sending', 'accepted', 'delivered', 'undelivered', 'unconfirmed', 'held', 'digested', 'moved',"
    " 'expired', 'dead'"
)
_LINE = "insert into event (kind, matter, no, at, recorded_at, hash, jurisdiction)"
_NOTICE = "insert into event (kind, matter, ref, state, at, recorded_at, jurisdiction)"
_TRIGGERS = (
    "create trigger event_of_history after insert on history begin"
    f" {_LINE} values (new.kind, new.matter, new.no, new.at, new.recorded_at, new.hash, new.jurisdiction); end",
    "create trigger event_of_collapsed after insert on fire when new.collapsed = 1 begin"
    f" {_NOTICE} values ('collapsed', new.matter, new.key, '', new.at, new.fired_at, new.jurisdiction); end",
    "create trigger event_of_message after insert on message begin"
    f" {_NOTICE} values ('message', new.matter, new.key, new.state, new.send_from, new.created_at, new.jurisdiction);"
    " end",
    "create trigger event_of_message_state after update of state on message"
    " when new.state <> old.state and not (new.state in ('queued', 'sending') and old.state in ('queued', 'sending'))"
    f" begin {_NOTICE} values ('message', new.matter, new.key, new.state, new.send_from,"
    " coalesce(new.handed_at, new.send_from), new.jurisdiction); end",
    "create trigger event_is_kept before delete on event begin"
    " select raise(abort, 'an event is never deleted'); end",
    "create trigger event_stays before update on event begin"
    " select raise(abort, 'an event is never changed'); end",
)


def upgrade() -> None:
    """Change the tables, fill in what the database can tell, and set the triggers up last."""
    index("ix_person_phone", "person", "phone")
    _pauses()
    _charged()
    _attempts()
    _messages()
    _receipts()
    _events()


def _pauses() -> None:
    """A pause says which matter holds it; those of the first issue were all ordered by persons: none."""
    connection = op.get_bind()
    found = connection.execute(sa.text("select id, pauses from matter where pauses <> '[]'")).all()
    for matter, told in found:
        pauses = json.dumps(
            [[*pause, ""] for pause in json.loads(told)], ensure_ascii=False, separators=(",", ":")
        )
        connection.execute(
            sa.text("update matter set pauses = :pauses where id = :id"), {"pauses": pauses, "id": matter}
        )


def _charged() -> None:
    op.add_column("clock", text("charged", "[]"))
    with op.batch_alter_table("clock", recreate="always") as batch:
        batch.alter_column("charged", server_default=None, existing_type=sa.Text(), existing_nullable=False)


def _attempts() -> None:
    """The first issue had one way out, the folder of files."""
    for column in (
        text("person", ""), text("channel", ""), text("provider", ""), text("provider_id", ""), text("code", ""),
        number("asked", "0"), instant("again_at", nullable=True),
    ):  # fmt: skip
        op.add_column("attempt", column)
    op.execute(
        "update attempt set provider = 'file',"
        " person = coalesce((select m.person from message m where m.key = attempt.message), ''),"
        " channel = coalesce((select m.channel from message m where m.key = attempt.message), '')"
    )
    index("ix_attempt_person_started_at", "attempt", "person", "started_at")
    index("ix_attempt_started_at", "attempt", "started_at")
    index("ix_attempt_full", "attempt", "again_at", where="outcome = 'quota'")


def _messages() -> None:
    op.drop_index("ix_message_waiting", "message")
    with op.batch_alter_table("message", recreate="always") as batch:
        batch.add_column(text("wording", ""), insert_after="created_at")
        batch.add_column(text("params", "{}"), insert_after="wording")
        batch.add_column(instant("expires_at", nullable=True), insert_after="params")
        batch.add_column(text("digest", nullable=True), insert_after="state")
        for column in (
            text("owner", ""), text("provider", ""), text("provider_id", ""), text("reference", nullable=True),
            instant("handed_at", nullable=True), instant("look_at", nullable=True), text("waits_for", ""),
            number("unknowns", "0"), text("doubt", ""), number("insisted", "0"), text("fallback", nullable=True),
        ):  # fmt: skip
            batch.add_column(column)
        batch.drop_constraint("ck_message_state", type_="check")
        batch.create_check_constraint("ck_message_state", f"state in ({_STATES})")
        batch.create_check_constraint("ck_message_digest", "state <> 'digested' or digest is not null")
    _handed_over()
    index("ix_message_digest", "message", "digest", where="digest is not null")
    index("ix_message_waiting", "message", "send_from", "key", where="state in ('queued', 'sending')")
    index("ix_message_sending", "message", "person", where="state = 'sending'")
    index("ix_message_held_up", "message", "channel", where="waits_for = 'breaker'")
    index("ix_message_look_at", "message", "look_at", where="look_at is not null")
    index("ix_message_reference", "message", "reference", where="reference is not null", unique=True)
    index("ix_message_provider_id", "message", "provider_id", where="provider_id <> ''")
    index("ix_message_fallback", "message", "fallback", where="fallback is not null")


def _handed_over() -> None:
    """Whoever was given a message had it under our reference; a reminder is worth nothing after the next due moment."""
    connection = op.get_bind()
    given = connection.execute(
        sa.text("select key from message where tries > 0 or state = 'sending'")
    ).scalars()
    known = [{"key": key, "reference": hashlib.sha256(key.encode()).hexdigest()[:32]} for key in given]
    if known:
        connection.execute(
            sa.text(
                "update message set reference = :reference, provider = 'file',"
                " handed_at = (select max(a.started_at) from attempt a where a.message = message.key) where key = :key"
            ),
            known,
        )
    waiting = connection.execute(
        sa.text(
            "select m.key, f.at, c.promise, c.agreed, c.statutory from message m join fire f on f.key = m.fire"
            " join clock c on c.matter = f.matter and c.name = f.clock and c.round = f.round"
            " where m.state in ('queued', 'sending') and f.does = 'remind'"
        )
    )
    ends = [
        {"key": key, "ends": min(later)}
        for key, at, *dues in waiting
        if (later := [due for due in dues if due is not None and due > at])
    ]
    if ends:
        connection.execute(sa.text("update message set expires_at = :ends where key = :key"), ends)


def _receipts() -> None:
    op.create_table(
        "receipt", number("id"), text("message"), text("provider"), text("provider_id"), text("state"), text("code"),
        text("detail"), instant("at"), instant("received_at"), text("jurisdiction"), PrimaryKeyConstraint("id"),
        UniqueConstraint(
            "message", "provider", "state", "code", name="uq_receipt_message_provider_state_code"
        ),
    )  # fmt: skip
    op.create_table(
        "breaker", text("channel"), text("provider"), number("open"), instant("since"), instant("probe_at"),
        number("failures"), number("probing"), text("detail"), text("jurisdiction"),
        PrimaryKeyConstraint("channel", "provider"),
    )  # fmt: skip
    op.create_table(
        "contact", text("person"), text("channel"), text("state"), instant("since"), instant("last_at"),
        text("reason"), text("jurisdiction"), PrimaryKeyConstraint("person", "channel"),
        CheckConstraint("state in ('suspect', 'invalid')", name="ck_contact_state"),
    )  # fmt: skip


def _events() -> None:
    """What happened before is told as if the feed had always been there; messages before it are not asked about."""
    op.create_table(
        "event", number("seq"), text("kind"), text("matter", ""), number("no", "0"), text("ref", ""),
        text("state", ""), instant("at"), instant("recorded_at"), text("hash", ""), text("jurisdiction"),
        PrimaryKeyConstraint("seq"), sqlite_autoincrement=True,
    )  # fmt: skip
    index("ix_event_beat", "event", "at", where="kind = 'beat'")
    op.create_table(
        "subscriber", text("name"), number("after", "0"), number("upto", "0"), text("state", "open"),
        text("detail", ""), instant("again_at", nullable=True), instant("told_at", nullable=True),
        text("jurisdiction"), PrimaryKeyConstraint("name"),
        CheckConstraint("state in ('open', 'dead', 'gone')", name="ck_subscriber_state"),
        CheckConstraint("upto >= after", name="ck_subscriber_upto"),
    )  # fmt: skip
    index("ix_subscriber_state", "subscriber", "state")
    # a reminder that collapsed left no line of history; it stands behind those recorded until then
    op.execute(
        "insert into event (kind, matter, no, ref, at, recorded_at, hash, jurisdiction)"
        " select kind, matter, no, ref, at, recorded_at, hash, jurisdiction from ("
        "select kind, matter, no, '' as ref, at, recorded_at, hash, jurisdiction, id as place, 0 as behind from history"
        " union all select 'collapsed', matter, 0, key, at, fired_at, '', jurisdiction,"
        " (select max(h.id) from history h where h.matter = f.matter and h.recorded_at <= f.fired_at), 1 from fire f"
        " where collapsed = 1) x order by place, behind, ref"
    )
    if op.get_bind().dialect.name == "sqlite":
        for trigger in _TRIGGERS:
            op.execute(trigger)
