"""What a unit opened in a year is found by an index: rules ask about it (splitting, shares, totals)."""

from __future__ import annotations

from storage.migrations.shapes import index

revision = "0004"
down_revision = "0003"
TITLE = (
    "规则查问一个单位一年的项目所用的索引",
    "an index for what rules ask about a unit's year",
)


def upgrade() -> None:
    """Add the index on unit and opening."""
    index("ix_matter_unit_opened_at", "matter", "unit", "opened_at")
