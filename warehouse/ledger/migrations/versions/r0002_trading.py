"""Trading: decisions, orders, fills, lots, cash journal, risk, halts, what the agents learned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from warehouse.ledger.money import Amount, Price

revision, down_revision = "r0002", "r0001"

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _decisions()
    _orders()
    _fills()
    _lots()
    _journal()
    _worth()
    _control()


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("opportunity_id", sa.Text, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("fill_model", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("inputs", sa.Text, server_default="{}", nullable=False),
        sa.CheckConstraint("mode in ('paper', 'live')", name=op.f("ck_decisions_mode")),
        sa.CheckConstraint("verdict in ('approved', 'refused', 'skipped')", name=op.f("ck_decisions_verdict")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_ts_ns"), "decisions", ["ts_ns"], unique=False)
    op.create_index("decisions_of_opportunity", "decisions", ["portfolio", "opportunity_id"])
    op.create_index(
        "one_trade_per_opportunity",
        "decisions",
        ["portfolio", "opportunity_id"],
        unique=True,
        sqlite_where=sa.text("verdict = 'approved'"),
        postgresql_where=sa.text("verdict = 'approved'"),
    )
    op.create_table(
        "decision_stages",
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, server_default="{}", nullable=False),
        sa.Column("latency_ns", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_decision_stages_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", "seq", name=op.f("pk_decision_stages")),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("time_in_force", sa.Text, nullable=False),
        sa.Column("qty", Amount, nullable=False),
        sa.Column("price", Price, nullable=True),
        sa.Column("notional", Amount, nullable=False),
        sa.Column("reduces", sa.Boolean, nullable=False),
        sa.Column("fill_model", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("filled_qty", Amount, nullable=False),
        sa.Column("filled_notional", Amount, nullable=False),
        sa.Column("venue_order_id", sa.Text, nullable=True),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.Column("intended_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=True),
        sa.Column("done_at", sa.BigInteger, nullable=True),
        sa.CheckConstraint("side in ('BUY', 'SELL')", name=op.f("ck_orders_side")),
        sa.CheckConstraint(
            "status in ('PENDING', 'OPEN', 'FILLED', 'CANCELLED', 'REJECTED')", name=op.f("ck_orders_status")
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_orders_decision_id")),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_orders")),
    )
    op.create_index(op.f("ix_orders_decision_id"), "orders", ["decision_id"], unique=False)
    op.create_index(op.f("ix_orders_intended_at"), "orders", ["intended_at"], unique=False)
    op.create_index(
        "living_orders",
        "orders",
        ["portfolio", "status"],
        unique=False,
        sqlite_where=sa.text("status in ('PENDING', 'OPEN')"),
        postgresql_where=sa.text("status in ('PENDING', 'OPEN')"),
    )
    op.create_table(
        "order_events",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("from_status", sa.Text, nullable=True),
        sa.Column("to_status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, server_default="", nullable=False),
        sa.CheckConstraint(
            "to_status in ('PENDING', 'OPEN', 'FILLED', 'CANCELLED', 'REJECTED')",
            name=op.f("ck_order_events_to_status"),
        ),
        sa.ForeignKeyConstraint(
            ["client_order_id"], ["orders.client_order_id"], name=op.f("fk_order_events_client_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
    )
    op.create_index(op.f("ix_order_events_client_order_id"), "order_events", ["client_order_id"], unique=False)


def _fills() -> None:
    op.create_table(
        "fills",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("venue_fill_id", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("qty", Amount, nullable=False),
        sa.Column("price", Price, nullable=False),
        sa.Column("notional", Amount, nullable=False),
        sa.Column("fee", Amount, nullable=False),
        sa.Column("fee_currency", sa.Text, nullable=False),
        sa.Column("liquidity", sa.Text, nullable=False),
        sa.Column("ts_event", sa.BigInteger, nullable=False),
        sa.Column("ts_booked", sa.BigInteger, nullable=False),
        sa.CheckConstraint("liquidity in ('taker', 'maker', 'settlement')", name=op.f("ck_fills_liquidity")),
        sa.CheckConstraint("side in ('BUY', 'SELL')", name=op.f("ck_fills_side")),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"], name=op.f("fk_fills_client_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fills")),
        sa.UniqueConstraint("portfolio", "venue", "symbol", "venue_fill_id", name="one_booking_per_fill"),
    )
    op.create_index(op.f("ix_fills_client_order_id"), "fills", ["client_order_id"], unique=False)


def _lots() -> None:
    op.create_table(
        "lots",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("fill_id", sa.BigInteger, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("qty", Amount, nullable=False),
        sa.Column("cost", Amount, nullable=False),
        sa.Column("qty_left", Amount, nullable=False),
        sa.Column("cost_left", Amount, nullable=False),
        sa.ForeignKeyConstraint(["fill_id"], ["fills.id"], name=op.f("fk_lots_fill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    op.create_index(
        "open_lots",
        "lots",
        ["portfolio", "engine", "venue", "symbol", "id"],
        unique=False,
        sqlite_where=sa.text("qty_left <> 0"),
        postgresql_where=sa.text("qty_left <> 0"),
    )
    op.create_table(
        "closures",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("lot_id", sa.BigInteger, nullable=False),
        sa.Column("fill_id", sa.BigInteger, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("qty", Amount, nullable=False),
        sa.Column("cost", Amount, nullable=False),
        sa.Column("proceeds", Amount, nullable=False),
        sa.Column("realised", Amount, nullable=False),
        sa.CheckConstraint("proceeds - cost = realised", name=op.f("ck_closures_realised")),
        sa.ForeignKeyConstraint(["fill_id"], ["fills.id"], name=op.f("fk_closures_fill_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("fk_closures_lot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closures")),
    )
    op.create_index(op.f("ix_closures_fill_id"), "closures", ["fill_id"], unique=False)
    op.create_index(op.f("ix_closures_lot_id"), "closures", ["lot_id"], unique=False)


def _journal() -> None:
    op.create_table(
        "postings",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("decision_id", sa.Text, nullable=True),
        sa.CheckConstraint("kind in ('deposit', 'fill', 'adjustment')", name=op.f("ck_postings_kind")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_postings_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint("portfolio", "kind", "reference", name="one_posting_per_reference"),
    )
    op.create_index(op.f("ix_postings_decision_id"), "postings", ["decision_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("posting_id", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, server_default="", nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.CheckConstraint(
            "account in ('cash', 'inventory', 'capital', 'realised', 'fees')", name=op.f("ck_entries_account")
        ),
        sa.ForeignKeyConstraint(["posting_id"], ["postings.id"], name=op.f("fk_entries_posting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_posting_id"), "entries", ["posting_id"], unique=False)
    op.create_table(
        "balances",
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.CheckConstraint(
            "account in ('cash', 'inventory', 'capital', 'realised', 'fees')", name=op.f("ck_balances_account")
        ),
        sa.PrimaryKeyConstraint(
            "portfolio", "engine", "account", "venue", "symbol", "currency", name=op.f("pk_balances")
        ),
    )


def _worth() -> None:
    op.create_table(
        "positions",
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("qty", Amount, nullable=False),
        sa.Column("cost", Amount, nullable=False),
        sa.PrimaryKeyConstraint("portfolio", "engine", "venue", "symbol", name=op.f("pk_positions")),
    )
    op.create_table(
        "marks",
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("price", Price, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", name=op.f("pk_marks")),
    )
    op.create_table(
        "rates",
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("rate", Price, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("currency", name=op.f("pk_rates")),
    )
    op.create_table(
        "equity",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("cash", Amount, nullable=False),
        sa.Column("positions", Amount, nullable=False),
        sa.Column("equity", Amount, nullable=False),
        sa.Column("capital", Amount, nullable=False),
        sa.Column("realised", Amount, nullable=False),
        sa.Column("unrealised", Amount, nullable=False),
        sa.Column("fees", Amount, nullable=False),
        sa.CheckConstraint("cash + positions = equity", name=op.f("ck_equity_adds_up")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equity")),
    )
    op.create_index("ix_equity_portfolio", "equity", ["portfolio", "ts_ns"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("closed_at", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("pnl", Amount, nullable=False),
        sa.Column("fees", Amount, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_outcomes_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_outcomes")),
    )
    op.create_index(op.f("ix_outcomes_closed_at"), "outcomes", ["closed_at"], unique=False)


def _control() -> None:
    op.create_table(
        "risk_state",
        sa.Column("portfolio", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("day_start_equity", Amount, nullable=False),
        sa.Column("day_trades", sa.Integer, nullable=False),
        sa.Column("loss_streak", sa.Integer, nullable=False),
        sa.Column("cooldown_until", sa.BigInteger, nullable=True),
        sa.Column("peak_equity", Amount, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("portfolio", name=op.f("pk_risk_state")),
    )
    op.create_table(
        "halts",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.Column("halted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_halts")),
    )
    op.create_table(
        "q_values",
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("visits", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("engine", "state", "action", name=op.f("pk_q_values")),
    )
    op.create_table(
        "q_updates",
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("reward", Amount, nullable=False),
        sa.Column("ts_ns", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["outcomes.decision_id"], name=op.f("fk_q_updates_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", "engine", name=op.f("pk_q_updates")),
    )
