"""Double-entry cash journal, FIFO lots and what follows from them.

An amount is positive where it adds to what is owned (cash, inventory at cost) and negative where it says whose it is
(capital, realised gains, fees paid being positive): the entries of a posting sum to zero in every currency.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from warehouse.ledger.money import Amount, Price
from warehouse.ledger.schema import Serial, metadata, one_of

ACCOUNTS = ("cash", "inventory", "capital", "realised", "fees")
_OPEN = text("qty_left <> 0")

lots = Table(
    "lots",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("fill_id", BigInteger, ForeignKey("fills.id"), nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("qty", Amount, nullable=False),  # negative: short
    Column("cost", Amount, nullable=False),
    Column("qty_left", Amount, nullable=False),
    Column("cost_left", Amount, nullable=False),
    Index("open_lots", "portfolio", "engine", "venue", "symbol", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
"""One row a quantity that one fill opened; the oldest is closed first."""

closures = Table(
    "closures",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("lot_id", BigInteger, ForeignKey("lots.id"), nullable=False, index=True),
    Column("fill_id", BigInteger, ForeignKey("fills.id"), nullable=False, index=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("qty", Amount, nullable=False),
    Column("cost", Amount, nullable=False),
    Column("proceeds", Amount, nullable=False),
    Column("realised", Amount, nullable=False),
    CheckConstraint("proceeds - cost = realised", name="realised"),
)
"""One row a lot, or part of it, that one fill closed."""

postings = Table(
    "postings",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("decision_id", Text, ForeignKey("decisions.id"), index=True),
    one_of("kind", "deposit", "fill", "adjustment"),
    UniqueConstraint("portfolio", "kind", "reference", name="one_posting_per_reference"),
)
"""One row a thing that happened to money; `reference` keeps it from happening twice."""

entries = Table(
    "entries",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("posting_id", BigInteger, ForeignKey("postings.id"), nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False, server_default=""),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    one_of("account", *ACCOUNTS),
)
"""One row a side of a posting."""

balances = Table(
    "balances",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False),
    PrimaryKeyConstraint("portfolio", "engine", "account", "venue", "symbol", "currency"),
    one_of("account", *ACCOUNTS),
)
"""One row the sum of an account's entries, kept with every posting."""

positions = Table(
    "positions",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("qty", Amount, nullable=False),
    Column("cost", Amount, nullable=False),
    PrimaryKeyConstraint("portfolio", "engine", "venue", "symbol"),
)
"""One row the sum of the open lots of an instrument, kept with every fill."""

marks = Table(
    "marks",
    metadata,
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("price", Price, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("venue", "symbol"),
)
"""One row the newest price at which positions of an instrument are valued."""

rates = Table(
    "rates",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("rate", Price, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
)
"""One row what one unit of a currency is worth in the reporting currency."""

equity = Table(
    "equity",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cash", Amount, nullable=False),
    Column("positions", Amount, nullable=False),
    Column("equity", Amount, nullable=False),
    Column("capital", Amount, nullable=False),
    Column("realised", Amount, nullable=False),
    Column("unrealised", Amount, nullable=False),
    Column("fees", Amount, nullable=False),
    CheckConstraint("cash + positions = equity", name="adds_up"),
    Index("ix_equity_portfolio", "portfolio", "ts_ns"),
)
"""One row a portfolio's worth after a booking or a mark, in the reporting currency."""

outcomes = Table(
    "outcomes",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("closed_at", BigInteger, nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("pnl", Amount, nullable=False),  # after fees
    Column("fees", Amount, nullable=False),
    Index("outcomes_in_time", "portfolio", "closed_at"),
)
"""One row a decision whose orders are done and whose positions are flat: the sum of its cash entries."""
