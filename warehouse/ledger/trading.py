"""What was decided and why, what was ordered, what was filled."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

from warehouse.ledger.money import Amount, Price
from warehouse.ledger.schema import Serial, metadata, one_of

ORDER_STATUSES = ("PENDING", "OPEN", "FILLED", "CANCELLED", "REJECTED")
_APPROVED = text("verdict = 'approved'")
_LIVING = text("status in ('PENDING', 'OPEN')")

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("opportunity_id", Text, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("fill_model", Text, nullable=False),
    Column("trigger", Text, nullable=False),  # who asked: a person, a rule, a replay
    Column("ts_ns", BigInteger, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("inputs", Text, nullable=False, server_default="{}"),  # JSON
    one_of("mode", "paper", "live"),
    one_of("verdict", "approved", "refused", "skipped"),
    Index("decisions_of_opportunity", "portfolio", "opportunity_id"),
    Index("decisions_in_time", "portfolio", "ts_ns"),
    Index("decisions_by_verdict", "portfolio", "verdict", "ts_ns"),
    Index(
        "one_trade_per_opportunity",
        "portfolio",
        "opportunity_id",
        unique=True,
        sqlite_where=_APPROVED,
        postgresql_where=_APPROVED,
    ),
)
"""One row a decision on an opportunity; a portfolio trades an opportunity at most once."""

decision_stages = Table(
    "decision_stages",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON
    Column("latency_ns", BigInteger, nullable=False),
)
"""One row a stage that a decision passed, in order."""

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    Column("decision_id", Text, ForeignKey("decisions.id"), nullable=False, index=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("qty", Amount, nullable=False),
    Column("price", Price),  # the limit; null for a market order
    Column("notional", Amount, nullable=False),  # what it was expected to move, in quote currency
    Column("reduces", Boolean(create_constraint=False), nullable=False),  # closes a position and opens none
    Column("fill_model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("filled_qty", Amount, nullable=False),
    Column("filled_notional", Amount, nullable=False),
    Column("venue_order_id", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("intended_at", BigInteger, nullable=False, index=True),
    Column("sent_at", BigInteger),  # null: nothing left this program yet
    Column("done_at", BigInteger, index=True),
    one_of("side", "BUY", "SELL"),
    one_of("status", *ORDER_STATUSES),
    Index("living_orders", "portfolio", "status", sqlite_where=_LIVING, postgresql_where=_LIVING),
)
"""One row an order, written before it is sent."""

IS_LIVING = orders.c.status.in_([literal_column("'PENDING'"), literal_column("'OPEN'")])
"""The order may still be filled. Literals, because only then the index of living orders serves."""

order_events = Table(
    "order_events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False, index=True),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    one_of("to_status", *ORDER_STATUSES),
)
"""One row a change of an order's status, append only."""

fills = Table(
    "fills",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False, index=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("venue_fill_id", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("qty", Amount, nullable=False),
    Column("price", Price, nullable=False),
    Column("notional", Amount, nullable=False),  # quote currency
    Column("fee", Amount, nullable=False),  # negative: a rebate
    Column("fee_currency", Text, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("ts_event", BigInteger, nullable=False),
    Column("ts_booked", BigInteger, nullable=False),
    one_of("side", "BUY", "SELL"),
    one_of("liquidity", "taker", "maker", "settlement"),
    UniqueConstraint("portfolio", "venue", "symbol", "venue_fill_id", name="one_booking_per_fill"),
)
"""One row a fill of ours, booked once however often the venue reports it."""
