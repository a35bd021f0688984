"""What was asked to be executed, the switch of execution by rule, and how open trades are to end."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, text

from warehouse.ledger.money import Price
from warehouse.ledger.schema import Serial, metadata, one_of

_WAITING = text("status = 'waiting'")

execution_requests = Table(
    "execution_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("portfolio", Text, nullable=False),
    Column("opportunity_id", Text, nullable=False),
    Column("trigger", Text, nullable=False, doc="who asked"),
    Column("status", Text, nullable=False),
    Column("verdict", Text, doc="approved, refused, skipped, or gone: nobody may act on it any more"),
    Column("reason", Text, nullable=False, server_default="", doc="what the verdict is for"),
    Column("decision_id", Text, ForeignKey("decisions.id"), doc="null: none was made"),
    Column("done_at", BigInteger, doc="when it was answered"),
    one_of("status", "waiting", "done"),
    one_of("verdict", "approved", "refused", "skipped", "gone"),
    Index(
        "one_waiting_request",
        "portfolio",
        "opportunity_id",
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    info={
        "doc": "One row a time that a person asked for an opportunity to be traded; while one waits, asking again is "
        "the same row."
    },
)

auto_turns = Table(
    "auto_turns",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("enabled", Boolean(create_constraint=False), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False, doc="who turned it"),
    info={
        "doc": "One row a turn of the switch of execution by rule, append only; the last one is in force, without one "
        "it is off."
    },
)

exits = Table(
    "exits",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.id"), primary_key=True),
    Column("take_profit", Price, doc="the price that ends it with a gain"),
    Column("stop_loss", Price, doc="moves where it trails"),
    Column("entry", Price, doc="what the end was measured against"),
    Column("exit", Price, doc="what ended it"),
    Column("reason", Text, nullable=False, server_default="", doc="take_profit, stop_loss, won, lost, tie, void"),
    Column("updated_at", BigInteger, nullable=False),
    info={"doc": "One row a trade that ends by itself: at which prices, and at which it did."},
)
