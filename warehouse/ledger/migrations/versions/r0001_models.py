"""Model versions and how their status changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "r0001", None

_STATUSES = "('champion', 'challenger', 'retired', 'refused')"


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("horizon_s", sa.Integer, nullable=False),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("metrics", sa.Text, nullable=False, server_default="{}"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("promoted_at", sa.BigInteger),
        sa.Column("retired_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("version", name="pk_models"),
        sa.CheckConstraint("target in ('range', 'direction')", name=op.f("ck_models_target")),
        sa.CheckConstraint(f"status in {_STATUSES}", name=op.f("ck_models_status")),
    )
    champion = sa.text("status = 'champion'")
    op.create_index(
        "one_champion",
        "models",
        ["target", "venue", "symbol", "horizon_s"],
        unique=True,
        sqlite_where=champion,
        postgresql_where=champion,
    )
    op.create_table(
        "model_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("from_status", sa.Text),
        sa.Column("to_status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_model_events"),
        sa.ForeignKeyConstraint(["version"], ["models.version"], name=op.f("fk_model_events_version")),
        sa.CheckConstraint(f"from_status in {_STATUSES}", name=op.f("ck_model_events_from_status")),
        sa.CheckConstraint(f"to_status in {_STATUSES}", name=op.f("ck_model_events_to_status")),
    )
    op.create_index("ix_model_events_version", "model_events", ["version"])
