"""The tables of delivery: the outbox, what was tried, what providers said. Declared like all others in `tables`.

The drawing and the reasons: docs/why/schema.md.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import count as _count
from storage.columns import instant as _instant
from storage.columns import partial
from storage.columns import said as _said
from storage.columns import text as _text

MESSAGE_STATES = (
    "queued", "sending", "accepted", "delivered", "undelivered", "unconfirmed", "held", "digested", "moved",
    "expired", "dead",
)  # fmt: skip
"""Where a message can stand; all but the first two are ends, and receipts go on from `accepted`."""


class MessageRow(SQLModel, table=True):
    """The outbox: one notice to one person by one channel, text frozen; ``digest`` is the one it went into.

    A digest is a message too, with neither fire nor matter of its own (both empty). ``fallback`` is the
    message that carries on in another channel; ``provider`` had it last, under our ``reference``.
    """

    __tablename__ = "message"
    __table_args__ = (
        CheckConstraint(f"state in ({', '.join(repr(s) for s in MESSAGE_STATES)})", name="state"),
        CheckConstraint("state <> 'digested' or digest is not null", name="digest"),
        partial("ix_message_digest", "digest", where="digest is not null"),
        partial("ix_message_waiting", "send_from", "key", where="state in ('queued', 'sending')"),
        partial("ix_message_sending", "person", where="state = 'sending'"),
        partial("ix_message_held_up", "channel", where="waits_for = 'breaker'"),
        partial(
            "ix_message_retried",
            "channel",
            where="state in ('queued', 'sending') and (tries > 0 or waits_for in ('address', 'channel'))",
        ),
        partial("ix_message_look_at", "look_at", where="look_at is not null"),
        partial("ix_message_reference", "reference", where="reference is not null", unique=True),
        partial("ix_message_provider_id", "provider_id", where="provider_id <> ''"),
        partial("ix_message_fallback", "fallback", where="fallback is not null"),
    )
    key: str = Field(sa_column=_text(key=True))
    fire: str = Field(sa_column=_text())
    matter: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    person: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    channel: str = Field(sa_column=_text())
    rung: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    text: str = Field(sa_column=_text())
    send_from: datetime = Field(sa_column=_instant())
    created_at: datetime = Field(sa_column=_instant())
    wording: str = Field(default="", sa_column=_said())
    params: str = Field(default="{}", sa_column=_said("{}"))
    expires_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    state: str = Field(default="queued", sa_column=_text())
    digest: str | None = Field(default=None, sa_column=_text(nullable=True))
    tries: int = Field(default=0, sa_column=_count())
    lease_until: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    owner: str = Field(default="", sa_column=_said())
    provider: str = Field(default="", sa_column=_said())
    provider_id: str = Field(default="", sa_column=_said())
    reference: str | None = Field(default=None, sa_column=_text(nullable=True))
    handed_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    look_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    waits_for: str = Field(default="", sa_column=_said())
    unknowns: int = Field(default=0, sa_column=_count())
    doubt: str = Field(default="", sa_column=_said())
    insisted: int = Field(default=0, sa_column=_count())
    fallback: str | None = Field(default=None, sa_column=_text(nullable=True))


class AttemptRow(SQLModel, table=True):
    """One try to hand a message to a provider, with its outcome; append-only.

    What was decided without a provider stands here too, so that a message's whole life can be read:
    ``expired``, ``moved``, ``replay`` (a person's, with the reason). ``asked``: nothing was sent, the
    provider was asked. ``again_at``: until when a provider turns the number away.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("message", "no"),
        Index(None, "person", "started_at"),
        Index(None, "started_at"),
        partial("ix_attempt_full", "again_at", where="outcome = 'quota'"),
    )
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    message: str = Field(sa_column=_text())
    no: int
    started_at: datetime = Field(sa_column=_instant())
    ended_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    outcome: str = Field(sa_column=_text())
    detail: str = Field(default="", sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    person: str = Field(default="", sa_column=_said())
    channel: str = Field(default="", sa_column=_said())
    provider: str = Field(default="", sa_column=_said())
    provider_id: str = Field(default="", sa_column=_said())
    code: str = Field(default="", sa_column=_said())
    asked: int = Field(default=0, sa_column=_count())
    again_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))


class ReceiptRow(SQLModel, table=True):
    """What a provider said later about a message; append-only, the same receipt is kept once. 回执"""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("message", "provider", "state", "code"),)
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    message: str = Field(sa_column=_text())
    provider: str = Field(sa_column=_text())
    provider_id: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    code: str = Field(sa_column=_text())
    detail: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_instant())
    received_at: datetime = Field(sa_column=_instant())
    jurisdiction: str = Field(sa_column=_text())


class BreakerRow(SQLModel, table=True):
    """A provider that was, or is, out of use because of our own settings. 熔断"""

    __tablename__ = "breaker"
    channel: str = Field(sa_column=_text(key=True))
    provider: str = Field(sa_column=_text(key=True))
    open: int
    since: datetime = Field(sa_column=_instant())
    probe_at: datetime = Field(sa_column=_instant())
    failures: int
    probing: int
    detail: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())


class ContactRow(SQLModel, table=True):
    """What is known against a person's number or address: suspect or invalid; gone when it is changed."""

    __tablename__ = "contact"
    __table_args__ = (CheckConstraint("state in ('suspect', 'invalid')", name="state"),)
    person: str = Field(sa_column=_text(key=True))
    channel: str = Field(sa_column=_text(key=True))
    state: str = Field(sa_column=_text())
    since: datetime = Field(sa_column=_instant())
    last_at: datetime = Field(sa_column=_instant())
    reason: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
