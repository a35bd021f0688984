"""What an agent has learned belongs to a portfolio: what dice taught is not mixed with what a market taught.

Nothing wrote q_values before this revision, so the table is made anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "r0003", "r0002"


def upgrade() -> None:
    op.drop_table("q_values")
    op.create_table(
        "q_values",
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("visits", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("portfolio", "engine", "state", "action", name=op.f("pk_q_values")),
    )
