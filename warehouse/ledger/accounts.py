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
    Column("opened_at", BigInteger, nullable=False, doc="when its fill happened"),
    Column("qty", Amount, nullable=False, doc="negative: short"),
    Column("cost", Amount, nullable=False, doc="paid for all of it, in quote currency"),
    Column("qty_left", Amount, nullable=False, doc="not closed yet"),
    Column("cost_left", Amount, nullable=False, doc="of what is not closed yet"),
    Index("open_lots", "portfolio", "engine", "venue", "symbol", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    info={"doc": "One row a quantity that one fill opened; the oldest is closed first."},
)

closures = Table(
    "closures",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("lot_id", BigInteger, ForeignKey("lots.id"), nullable=False, index=True),
    Column("fill_id", BigInteger, ForeignKey("fills.id"), nullable=False, index=True, doc="the fill that closed it"),
    Column("ts_ns", BigInteger, nullable=False),
    Column("qty", Amount, nullable=False, doc="how much of the lot was closed"),
    Column("cost", Amount, nullable=False, doc="what that part had cost"),
    Column("proceeds", Amount, nullable=False, doc="what it brought, in quote currency, before fees"),
    Column("realised", Amount, nullable=False, doc="proceeds less cost"),
    CheckConstraint("proceeds - cost = realised", name="realised"),
    info={"doc": "One row a lot, or part of it, that one fill closed."},
)

postings = Table(
    "postings",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False, doc="of a fill its venue's id, of a deposit its name"),
    Column("decision_id", Text, ForeignKey("decisions.id"), index=True, doc="null: no trade, as a deposit"),
    one_of("kind", "deposit", "fill", "adjustment"),
    UniqueConstraint("portfolio", "kind", "reference", name="one_posting_per_reference"),
    info={"doc": "One row a thing that happened to money; `reference` keeps it from happening twice."},
)

entries = Table(
    "entries",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("posting_id", BigInteger, ForeignKey("postings.id"), nullable=False, index=True),
    Column("account", Text, nullable=False, doc="where it adds or takes"),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False, server_default=""),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False, doc="negative on accounts that say whose it is (capital, realised)"),
    one_of("account", *ACCOUNTS),
    info={"doc": "One row a side of a posting."},
)

balances = Table(
    "balances",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", Amount, nullable=False, doc="the sum of the entries"),
    PrimaryKeyConstraint("portfolio", "engine", "account", "venue", "symbol", "currency"),
    one_of("account", *ACCOUNTS),
    info={"doc": "One row the sum of an account's entries, kept with every posting."},
)

positions = Table(
    "positions",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
    Column("qty", Amount, nullable=False, doc="negative: short"),
    Column("cost", Amount, nullable=False, doc="what the open lots cost, in quote currency"),
    PrimaryKeyConstraint("portfolio", "engine", "venue", "symbol"),
    info={"doc": "One row the sum of the open lots of an instrument, kept with every fill."},
)

marks = Table(
    "marks",
    metadata,
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("price", Price, nullable=False, doc="in quote currency"),
    Column("ts_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("venue", "symbol"),
    info={"doc": "One row the newest price at which positions of an instrument are valued."},
)

rates = Table(
    "rates",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("rate", Price, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
    info={"doc": "One row what one unit of a currency is worth in the reporting currency."},
)

equity = Table(
    "equity",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("currency", Text, nullable=False, doc="the reporting currency"),
    Column("cash", Amount, nullable=False, doc="money at all venues"),
    Column("positions", Amount, nullable=False, doc="what open positions are worth at their marks"),
    Column("equity", Amount, nullable=False, doc="cash and positions"),
    Column("capital", Amount, nullable=False, doc="paid in"),
    Column("realised", Amount, nullable=False, doc="gained by closed lots, before fees"),
    Column("unrealised", Amount, nullable=False, doc="gained by open lots at their marks"),
    Column("fees", Amount, nullable=False, doc="paid until now"),
    CheckConstraint("cash + positions = equity", name="adds_up"),
    Index("ix_equity_portfolio", "portfolio", "ts_ns"),
    info={"doc": "One row a portfolio's worth after a booking or a mark, in the reporting currency."},
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("closed_at", BigInteger, nullable=False, index=True, doc="when the last position was flat"),
    Column("currency", Text, nullable=False),
    Column("pnl", Amount, nullable=False, doc="after fees"),
    Column("fees", Amount, nullable=False),
    Index("outcomes_in_time", "portfolio", "closed_at"),
    info={"doc": "One row a decision whose orders are done and whose positions are flat: the sum of its cash entries."},
)
