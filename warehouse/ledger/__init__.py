"""Rows that must be unique and transactional: SQLite in WAL mode or PostgreSQL, through SQLAlchemy Core and Alembic."""

from warehouse.ledger.accounts import (
    balances,
    closures,
    entries,
    equity,
    lots,
    marks,
    outcomes,
    positions,
    postings,
    rates,
)
from warehouse.ledger.control import halts, q_updates, q_values, risk_state
from warehouse.ledger.executing import auto_turns, execution_requests, exits
from warehouse.ledger.ledger import Ledger, LedgerError
from warehouse.ledger.models import model_events, models
from warehouse.ledger.money import SCALE, Amount, Price
from warehouse.ledger.schema import metadata
from warehouse.ledger.trading import IS_LIVING, decision_stages, decisions, fills, order_events, orders

__all__ = [
    "IS_LIVING",
    "SCALE",
    "Amount",
    "Ledger",
    "LedgerError",
    "Price",
    "auto_turns",
    "balances",
    "closures",
    "decision_stages",
    "decisions",
    "entries",
    "equity",
    "execution_requests",
    "exits",
    "fills",
    "halts",
    "lots",
    "marks",
    "metadata",
    "model_events",
    "models",
    "order_events",
    "orders",
    "outcomes",
    "positions",
    "postings",
    "q_updates",
    "q_values",
    "rates",
    "risk_state",
]
