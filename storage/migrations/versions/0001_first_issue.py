"""The schema of the first issue: projects, clocks, history, messages, persons, cases."""

from __future__ import annotations

from alembic import op
from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint

from storage.migrations.shapes import index, instant, number, text

revision = "0001"
down_revision = None
TITLE = ("第一版的结构", "the schema of the first issue")


def upgrade() -> None:
    """Create every table of the first issue."""
    _people()
    _matters()
    _clocks()
    _messages()


def _people() -> None:
    op.create_table("meta", text("name"), text("value"), PrimaryKeyConstraint("name"))
    op.create_table(
        "jurisdiction", text("jurisdiction"), text("name"), text("level"), text("part_of", nullable=True),
        PrimaryKeyConstraint("jurisdiction"),
    )  # fmt: skip
    op.create_table(
        "unit", text("id"), text("name"), text("path"), text("profile"), text("jurisdiction"),
        PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_table(
        "person", text("id"), text("name"), text("email"), text("phone"), text("jurisdiction"),
        PrimaryKeyConstraint("id"),
    )  # fmt: skip
    op.create_table(
        "appointment", number("id"), text("person"), text("role"), text("unit"), instant("since"),
        instant("until", nullable=True), text("jurisdiction"), PrimaryKeyConstraint("id"),
        UniqueConstraint("person", "role", "unit", "since", name="uq_appointment_person_role_unit_since"),
    )  # fmt: skip
    index("ix_appointment_unit_role", "appointment", "unit", "role")
    index("ix_appointment_role_jurisdiction", "appointment", "role", "jurisdiction")
    op.create_table(
        "delegation", number("id"), text("principal"), text("deputy"), text("kind"), text("unit"), instant("since"),
        instant("until", nullable=True), text("jurisdiction"), PrimaryKeyConstraint("id"),
        UniqueConstraint(
            "principal", "deputy", "kind", "unit", "since", name="uq_delegation_principal_deputy_kind_unit_since"
        ),
        CheckConstraint("kind in ('AB', 'leave', 'acting')", name="ck_delegation_kind"),
        CheckConstraint("principal <> deputy", name="ck_delegation_two_persons"),
    )  # fmt: skip
    index("ix_delegation_deputy", "delegation", "deputy")
    op.create_table(
        "lease", text("name"), text("holder"), text("host"), number("pid"), text("birth"), instant("started_at"),
        instant("expires_at"), text("jurisdiction"), PrimaryKeyConstraint("name"),
    )  # fmt: skip


def _matters() -> None:
    op.create_table(
        "bundle", text("hash"), text("files"), instant("adopted_at"), text("jurisdiction"),
        PrimaryKeyConstraint("hash"),
    )  # fmt: skip
    op.create_table(
        "matter", text("id"), text("root"), text("workflow"), text("state"), text("title"), text("unit"),
        text("jurisdiction"), text("bundle"), text("profile"), instant("opened_at"), text("part_of", nullable=True),
        text("about", nullable=True), text("about_clock", nullable=True), instant("state_since", nullable=True),
        number("revision"), number("history_no"), text("head_hash"), number("children"), number("cases"),
        instant("go_live", nullable=True), text("marks"), text("pauses"), PrimaryKeyConstraint("id"),
    )  # fmt: skip
    index("ix_matter_root", "matter", "root")
    index("ix_matter_workflow_state", "matter", "workflow", "state")
    op.create_table(
        "fact", text("matter"), text("name"), text("type"), text("value"), text("jurisdiction"),
        PrimaryKeyConstraint("matter", "name"),
    )  # fmt: skip
    op.create_table(
        "history", number("id"), text("matter"), number("no"), text("kind"), instant("at"), instant("recorded_at"),
        text("body"), text("hash"), text("algorithm"), text("jurisdiction"), PrimaryKeyConstraint("id"),
        UniqueConstraint("matter", "no", name="uq_history_matter_no"),
    )  # fmt: skip
    op.create_table(
        "evidence", number("id"), text("matter"), number("history_no"), text("kind"), text("name"), text("sha256"),
        number("size"), text("place"), text("jurisdiction"), PrimaryKeyConstraint("id"),
    )  # fmt: skip
    index("ix_evidence_matter", "evidence", "matter")
    op.create_table(
        "alias", text("kind"), text("value"), text("matter"), text("jurisdiction"),
        PrimaryKeyConstraint("kind", "value", "matter"),
    )  # fmt: skip
    index("ix_alias_value", "alias", "value")


def _clocks() -> None:
    op.create_table(
        "clock", text("matter"), text("name"), number("round"), text("root"), text("jurisdiction"), number("epoch"),
        text("state"), instant("anchor"), instant("promise", nullable=True), instant("agreed", nullable=True),
        instant("statutory", nullable=True), number("provisional"), text("plan"), text("fired"),
        instant("look_at", nullable=True), instant("ended_at", nullable=True),
        instant("ended_recorded_at", nullable=True), text("trouble"), text("moved"), text("asked"),
        PrimaryKeyConstraint("matter", "name", "round"),
        CheckConstraint("state in ('running', 'paused', 'met', 'void')", name="ck_clock_state"),
        CheckConstraint("look_at is null or state = 'running'", name="ck_clock_look_at"),
    )  # fmt: skip
    index("ix_clock_look_at", "clock", "look_at", where="look_at is not null")
    index("ix_clock_root", "clock", "root")
    op.create_table(
        "fire", text("key"), text("matter"), text("root"), text("jurisdiction"), text("clock"), number("round"),
        number("epoch"), text("rung"), number("occurrence"), text("does"), instant("at"), instant("fired_at"),
        number("collapsed"), text("opened", nullable=True), PrimaryKeyConstraint("key"),
        CheckConstraint("does in ('remind', 'warn', 'open', 'act', 'withdraw')", name="ck_fire_does"),
    )  # fmt: skip
    index("ix_fire_matter", "fire", "matter")


def _messages() -> None:
    op.create_table(
        "message", text("key"), text("fire"), text("matter"), text("jurisdiction"), text("person"), text("role"),
        text("channel"), text("rung"), text("subject"), text("text"), instant("send_from"), instant("created_at"),
        text("state"), number("tries", "0"), instant("lease_until", nullable=True), PrimaryKeyConstraint("key"),
        CheckConstraint("state in ('queued', 'sending', 'accepted', 'held', 'dead')", name="ck_message_state"),
    )  # fmt: skip
    index("ix_message_waiting", "message", "send_from", where="state in ('queued', 'sending')")
    op.create_table(
        "attempt", number("id"), text("message"), number("no"), instant("started_at"),
        instant("ended_at", nullable=True), text("outcome"), text("detail"), text("jurisdiction"),
        PrimaryKeyConstraint("id"), UniqueConstraint("message", "no", name="uq_attempt_message_no"),
    )  # fmt: skip
