"""The tables, declared with SQLModel. The drawing and the reasons: docs/why/schema.md.

Every row carries its jurisdiction. Strings with CHECK stand in for native enums. Hot paths use
statements compiled once from these tables (`statements`); models are for schema and reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage import delivery_tables, feed_tables
from storage.columns import instant as _instant
from storage.columns import metadata, partial
from storage.columns import said as _said
from storage.columns import text as _text

SCHEMA_VERSION = 4
"""The number of the last migration. Whoever changes a table, an index or a trigger also writes that migration:
`tests/migrations` fails without it and prints what to write (docs/how-to/upgrade.md)."""


class MetaRow(SQLModel, table=True):
    """Facts about the database itself: schema version, who made it."""

    __tablename__ = "meta"
    name: str = Field(sa_column=_text(key=True))
    value: str = Field(sa_column=_text())


class BundleRow(SQLModel, table=True):
    """A bundle's files, so that a matter's law outlives the files on disk."""

    __tablename__ = "bundle"
    hash: str = Field(sa_column=_text(key=True))
    files: str = Field(sa_column=_text())
    adopted_at: datetime = Field(sa_column=_instant())
    jurisdiction: str = Field(sa_column=_text())


class JurisdictionRow(SQLModel, table=True):
    """A level of government: county, city, province. Competence follows the budget level."""

    __tablename__ = "jurisdiction"
    jurisdiction: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text())
    level: str = Field(sa_column=_text())
    part_of: str | None = Field(default=None, sa_column=_text(nullable=True))


class UnitRow(SQLModel, table=True):
    """A purchasing unit; units form a tree, ``path`` spells it from the top."""

    __tablename__ = "unit"
    id: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text())
    path: str = Field(sa_column=_text())
    profile: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())


class PersonRow(SQLModel, table=True):
    """A person; addresses, telephone numbers and accounts elsewhere stand here and nowhere else."""

    __tablename__ = "person"
    __table_args__ = (Index(None, "phone"),)
    id: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text())
    email: str = Field(default="", sa_column=_text())
    phone: str = Field(default="", sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    wecom: str = Field(default="", sa_column=_said())
    dingtalk: str = Field(default="", sa_column=_said())


class AppointmentRow(SQLModel, table=True):
    """A person holds a role for a unit and what is below it, from a moment, perhaps until one."""

    __tablename__ = "appointment"
    __table_args__ = (
        UniqueConstraint("person", "role", "unit", "since"),
        Index(None, "unit", "role"),
        Index(None, "role", "jurisdiction"),
    )
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    person: str = Field(sa_column=_text())
    role: str = Field(sa_column=_text())
    unit: str = Field(sa_column=_text())
    since: datetime = Field(sa_column=_instant())
    until: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    jurisdiction: str = Field(sa_column=_text())


class DelegationRow(SQLModel, table=True):
    """A deputy stands in for a principal: A/B 角, on leave, acting; ``unit`` empty = everywhere."""

    __tablename__ = "delegation"
    __table_args__ = (
        UniqueConstraint("principal", "deputy", "kind", "unit", "since"),
        CheckConstraint("kind in ('AB', 'leave', 'acting')", name="kind"),
        CheckConstraint("principal <> deputy", name="two_persons"),
        Index(None, "deputy"),
    )
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    principal: str = Field(sa_column=_text())
    deputy: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    unit: str = Field(default="", sa_column=_text())
    since: datetime = Field(sa_column=_instant())
    until: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    jurisdiction: str = Field(sa_column=_text())


class MatterRow(SQLModel, table=True):
    """A matter as it stands: ``revision`` counts actions, ``history_no`` everything."""

    __tablename__ = "matter"
    __table_args__ = (Index(None, "root"), Index(None, "workflow", "state"), Index(None, "unit", "opened_at"))
    id: str = Field(sa_column=_text(key=True))
    root: str = Field(sa_column=_text())
    workflow: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    title: str = Field(sa_column=_text())
    unit: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    bundle: str = Field(sa_column=_text())
    profile: str = Field(sa_column=_text())
    opened_at: datetime = Field(sa_column=_instant())
    part_of: str | None = Field(default=None, sa_column=_text(nullable=True))
    about: str | None = Field(default=None, sa_column=_text(nullable=True))
    about_clock: str | None = Field(default=None, sa_column=_text(nullable=True))
    state_since: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    revision: int = 0
    history_no: int = 0
    head_hash: str = Field(default="", sa_column=_text())
    children: int = 0
    cases: int = 0
    go_live: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    marks: str = Field(default="{}", sa_column=_text())
    pauses: str = Field(default="[]", sa_column=_text())


class FactRow(SQLModel, table=True):
    """A fact's present value as JSON with its type; former values stand in the history."""

    __tablename__ = "fact"
    matter: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text(key=True))
    type: str = Field(sa_column=_text())
    value: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())


class HistoryRow(SQLModel, table=True):
    """Append-only and hash-chained per matter; ``body`` is the canonical line that was hashed."""

    __tablename__ = "history"
    __table_args__ = (UniqueConstraint("matter", "no"),)
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    matter: str = Field(sa_column=_text())
    no: int
    kind: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_instant())
    recorded_at: datetime = Field(sa_column=_instant())
    body: str = Field(sa_column=_text())
    hash: str = Field(sa_column=_text())
    algorithm: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())


class ClockRow(SQLModel, table=True):
    """A clock with its round and epoch; ``look_at`` is the next moment somebody must look."""

    __tablename__ = "clock"
    __table_args__ = (
        CheckConstraint("state in ('running', 'paused', 'met', 'void')", name="state"),
        CheckConstraint("look_at is null or state = 'running'", name="look_at"),
        partial("ix_clock_look_at", "look_at", where="look_at is not null"),
        partial("ix_clock_unplanned", "matter", where="look_at is null and state = 'running' and plan <> '[]'"),
        partial(
            "ix_clock_open", "name", "state", "promise", "agreed", "statutory", where="state in ('running', 'paused')"
        ),
        partial("ix_clock_trouble", "matter", where="trouble <> ''"),
        Index(None, "root"),
    )  # fmt: skip
    matter: str = Field(sa_column=_text(key=True))
    name: str = Field(sa_column=_text(key=True))
    round: int = Field(sa_column=Column(Integer, primary_key=True))
    root: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    epoch: int
    state: str = Field(sa_column=_text())
    anchor: datetime = Field(sa_column=_instant())
    promise: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    agreed: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    statutory: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    provisional: int = 0
    plan: str = Field(sa_column=_text())
    fired: str = Field(sa_column=_text())
    look_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    ended_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    ended_recorded_at: datetime | None = Field(default=None, sa_column=_instant(nullable=True))
    trouble: str = Field(default="", sa_column=_text())
    moved: str = Field(default="{}", sa_column=_text())
    asked: str = Field(default="{}", sa_column=_text())
    charged: str = Field(default="[]", sa_column=_text())


class FireRow(SQLModel, table=True):
    """A rung that took effect; its key is spelled from its cause, so twice is impossible."""

    __tablename__ = "fire"
    __table_args__ = (
        CheckConstraint("does in ('remind', 'warn', 'open', 'act', 'withdraw')", name="does"),
        Index(None, "matter"),
    )
    key: str = Field(sa_column=_text(key=True))
    matter: str = Field(sa_column=_text())
    root: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())
    clock: str = Field(sa_column=_text())
    round: int
    epoch: int
    rung: str = Field(sa_column=_text())
    occurrence: int
    does: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_instant())
    fired_at: datetime = Field(sa_column=_instant())
    collapsed: int = 0
    opened: str | None = Field(default=None, sa_column=_text(nullable=True))


class EvidenceRow(SQLModel, table=True):
    """A document handed in with an action: what it is, its SHA-256, and where it lies."""

    __tablename__ = "evidence"
    __table_args__ = (Index(None, "matter"),)
    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    matter: str = Field(sa_column=_text())
    history_no: int
    kind: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    sha256: str = Field(sa_column=_text())
    size: int
    place: str = Field(sa_column=_text())
    jurisdiction: str = Field(sa_column=_text())


class AliasRow(SQLModel, table=True):
    """Another number of a matter: plan filing, project, package, contract, voucher."""

    __tablename__ = "alias"
    __table_args__ = (Index(None, "value"),)
    kind: str = Field(sa_column=_text(key=True))
    value: str = Field(sa_column=_text(key=True))
    matter: str = Field(sa_column=_text(key=True))
    jurisdiction: str = Field(sa_column=_text())


class LeaseRow(SQLModel, table=True):
    """Who runs the metronome: politeness between processes, never what correctness rests on."""

    __tablename__ = "lease"
    name: str = Field(sa_column=_text(key=True))
    holder: str = Field(sa_column=_text())
    host: str = Field(sa_column=_text())
    pid: int
    birth: str = Field(sa_column=_text())
    started_at: datetime = Field(sa_column=_instant())
    expires_at: datetime = Field(sa_column=_instant())
    jurisdiction: str = Field(sa_column=_text())


DELIVERY = (
    delivery_tables.MessageRow, delivery_tables.AttemptRow, delivery_tables.ReceiptRow, delivery_tables.BreakerRow,
    delivery_tables.ContactRow,
)  # fmt: skip
"""The tables of the outbox and of what providers say, which stand in `delivery_tables`."""
FEED = (feed_tables.EventRow, feed_tables.SubscriberRow)
"""What outsiders are told of, and how far they have come, in `feed_tables`."""
TABLES: dict[str, Any] = dict(metadata.tables)
