"""Persons have accounts with WeCom and DingTalk; what waits too long, and clocks that nobody looks at, are found quickly."""

from __future__ import annotations

from alembic import op

from storage.migrations.shapes import index, text

revision = "0003"
down_revision = "0002"
TITLE = (
    "人员的企业微信、钉钉账号，体检所用的索引",
    "accounts of persons with WeCom and DingTalk; indexes for the checks of health",
)


def upgrade() -> None:
    """Add the accounts beside telephone number and address, and the indexes."""
    op.add_column("person", text("wecom", ""))
    op.add_column("person", text("dingtalk", ""))
    index(
        "ix_message_retried", "message", "channel",
        where="state in ('queued', 'sending') and (tries > 0 or waits_for in ('address', 'channel'))",
    )  # fmt: skip
    index(
        "ix_clock_unplanned", "clock", "matter",
        where="look_at is null and state = 'running' and plan <> '[]'",
    )  # fmt: skip
    index(
        "ix_clock_open", "clock", "name", "state", "promise", "agreed", "statutory",
        where="state in ('running', 'paused')",
    )  # fmt: skip
    index("ix_clock_trouble", "clock", "matter", where="trouble <> ''")
