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
    Column("opportunity_id", Text, nullable=False, doc="the scanner's id"),
    Column("portfolio", Text, nullable=False, doc="whose money: `paper`, `stochastic` or `live`"),
    Column("engine", Text, nullable=False, doc="which scanner found it"),
    Column("mode", Text, nullable=False),
    Column("fill_model", Text, nullable=False, doc="how paper orders are filled"),
    Column("trigger", Text, nullable=False, doc="who asked: a person, a rule, a replay"),
    Column("ts_ns", BigInteger, nullable=False, index=True),
    Column("verdict", Text, nullable=False, doc="skipped: nobody judged it, for the reason told"),
    Column("reason", Text, nullable=False, server_default="", doc="why it was not approved"),
    Column("inputs", Text, nullable=False, server_default="{}", doc="JSON"),
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
    info={"doc": "One row a decision on an opportunity; a portfolio trades an opportunity at most once."},
)

decision_stages = Table(
    "decision_stages",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("stage", Text, nullable=False, doc="who judged: an agent or the risk gate"),
    Column("verdict", Text, nullable=False, doc="what it said"),
    Column("detail", Text, nullable=False, server_default="{}", doc="JSON"),
    Column("latency_ns", BigInteger, nullable=False, doc="how long the judging took"),
    info={"doc": "One row a stage that a decision passed, in order."},
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True, doc="ours, known before it is sent"),
    Column("decision_id", Text, ForeignKey("decisions.id"), nullable=False, index=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False, doc="what is traded"),
    Column("quote", Text, nullable=False, doc="what it is paid in"),
    Column("side", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("time_in_force", Text, nullable=False),
    Column("qty", Amount, nullable=False, doc="in base units"),
    Column("price", Price, doc="the limit; null for a market order"),
    Column("notional", Amount, nullable=False, doc="what it was expected to move, in quote currency"),
    Column("reduces", Boolean(create_constraint=False), nullable=False, doc="closes a position and opens none"),
    Column("fill_model", Text, nullable=False),
    Column("status", Text, nullable=False, doc="`PENDING` until the venue has it"),
    Column("filled_qty", Amount, nullable=False, doc="in base units"),
    Column("filled_notional", Amount, nullable=False, doc="in quote currency, without fees"),
    Column("venue_order_id", Text, doc="the venue's, once it told one"),
    Column("reason", Text, nullable=False, server_default="", doc="why it ended"),
    Column("intended_at", BigInteger, nullable=False, index=True, doc="when it was written here, before it is sent"),
    Column("sent_at", BigInteger, doc="null: nothing left this program yet"),
    Column("done_at", BigInteger, index=True, doc="when it could not be filled any further"),
    one_of("side", "BUY", "SELL"),
    one_of("status", *ORDER_STATUSES),
    Index("living_orders", "portfolio", "status", sqlite_where=_LIVING, postgresql_where=_LIVING),
    info={"doc": "One row an order, written before it is sent."},
)

IS_LIVING = orders.c.status.in_([literal_column("'PENDING'"), literal_column("'OPEN'")])
"""The order may still be filled. Literals, because only then the index of living orders serves."""

order_events = Table(
    "order_events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False, index=True),
    Column("from_status", Text, doc="null: it was made"),
    Column("to_status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    one_of("to_status", *ORDER_STATUSES),
    info={"doc": "One row a change of an order's status, append only."},
)

fills = Table(
    "fills",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False, index=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("venue_fill_id", Text, nullable=False, doc="what the venue calls it; a paper venue counts"),
    Column("side", Text, nullable=False),
    Column("qty", Amount, nullable=False, doc="in base units"),
    Column("price", Price, nullable=False, doc="in quote currency a base unit"),
    Column("notional", Amount, nullable=False, doc="quote currency"),
    Column("fee", Amount, nullable=False, doc="negative: a rebate"),
    Column("fee_currency", Text, nullable=False),
    Column("liquidity", Text, nullable=False, doc="what the fee is of"),
    Column("ts_event", BigInteger, nullable=False, doc="when the venue filled it"),
    Column("ts_booked", BigInteger, nullable=False, doc="when it entered this ledger"),
    one_of("side", "BUY", "SELL"),
    one_of("liquidity", "taker", "maker", "settlement"),
    UniqueConstraint("portfolio", "venue", "symbol", "venue_fill_id", name="one_booking_per_fill"),
    info={"doc": "One row a fill of ours, booked once however often the venue reports it."},
)
