"""Requests to execute, the switch of execution by rule, exits of open trades."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from warehouse.ledger.money import Price

revision, down_revision = "r0004", "r0003"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = sa.text("status = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "execution_requests",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("opportunity_id", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("decision_id", sa.Text),
        sa.Column("done_at", sa.BigInteger),
        sa.CheckConstraint("status in ('waiting', 'done')", name=op.f("ck_execution_requests_status")),
        sa.CheckConstraint(
            "verdict in ('approved', 'refused', 'skipped', 'gone')", name=op.f("ck_execution_requests_verdict")
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_execution_requests_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_requests")),
    )
    op.create_index(
        "one_waiting_request",
        "execution_requests",
        ["portfolio", "opportunity_id"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "auto_turns",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("enabled", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auto_turns")),
    )
    op.create_table(
        "exits",
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("take_profit", Price),
        sa.Column("stop_loss", Price),
        sa.Column("entry", Price),
        sa.Column("exit", Price),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_exits_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_exits")),
    )
