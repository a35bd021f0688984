"""What limits trading, and what trading has taught the agents."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Integer, PrimaryKeyConstraint, Table, Text

from warehouse.ledger.money import Amount
from warehouse.ledger.schema import Serial, metadata

risk_state = Table(
    "risk_state",
    metadata,
    Column("portfolio", Text, primary_key=True),
    Column("day", Text, nullable=False),  # in the zone that `risk.timezone` names
    Column("day_start_equity", Amount, nullable=False),
    Column("day_trades", Integer, nullable=False),
    Column("loss_streak", Integer, nullable=False),
    Column("cooldown_until", BigInteger),
    Column("peak_equity", Amount, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""One row a portfolio: what its limits are measured against."""

halts = Table(
    "halts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("halted", Boolean(create_constraint=False), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
)
"""One row a turn of the halt switch, append only; the last one is in force."""

q_values = Table(
    "q_values",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("visits", Integer, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("portfolio", "engine", "state", "action"),
)
"""One row what an agent has learned of an action in a state; `engine` is the agent's name."""

q_updates = Table(
    "q_updates",
    metadata,
    Column("decision_id", Text, ForeignKey("outcomes.decision_id"), nullable=False),
    Column("engine", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reward", Amount, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("decision_id", "engine"),
)
"""One row an outcome that an agent learned from, once: there is no learning without a booked outcome."""
