"""Indexes, so that a long history costs a trade nothing."""

from __future__ import annotations

from alembic import op

revision, down_revision = "r0005", "r0004"


def upgrade() -> None:
    op.create_index("decisions_in_time", "decisions", ["portfolio", "ts_ns"])
    op.create_index("decisions_by_verdict", "decisions", ["portfolio", "verdict", "ts_ns"])
    op.create_index("outcomes_in_time", "outcomes", ["portfolio", "closed_at"])
    op.create_index("ix_orders_done_at", "orders", ["done_at"])
