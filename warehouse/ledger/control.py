"""What limits trading, and what trading has taught the agents."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Integer, PrimaryKeyConstraint, Table, Text

from warehouse.ledger.money import Amount
from warehouse.ledger.schema import Serial, metadata

risk_state = Table(
    "risk_state",
    metadata,
    Column("portfolio", Text, primary_key=True),
    Column("day", Text, nullable=False, doc="in the zone that `risk.timezone` names"),
    Column("day_start_equity", Amount, nullable=False, doc="what the day's loss is measured from"),
    Column("day_trades", Integer, nullable=False, doc="trades of that day"),
    Column("loss_streak", Integer, nullable=False, doc="losses one after another"),
    Column("cooldown_until", BigInteger, doc="no trade before; null: none"),
    Column("peak_equity", Amount, nullable=False, doc="what the drawdown is measured from"),
    Column("updated_at", BigInteger, nullable=False),
    info={"doc": "One row a portfolio: what its limits are measured against."},
)

halts = Table(
    "halts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("halted", Boolean(create_constraint=False), nullable=False, doc="false: resumed"),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False, doc="who turned it"),
    info={"doc": "One row a turn of the halt switch, append only; the last one is in force."},
)

q_values = Table(
    "q_values",
    metadata,
    Column("portfolio", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("state", Text, nullable=False, doc="what the agent saw, in its own words"),
    Column("action", Text, nullable=False),
    Column("value", Double, nullable=False, doc="what the action is expected to bring"),
    Column("visits", Integer, nullable=False, doc="how often it was learned"),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("portfolio", "engine", "state", "action"),
    info={"doc": "One row what an agent has learned of an action in a state; `engine` is the agent's name."},
)

q_updates = Table(
    "q_updates",
    metadata,
    Column("decision_id", Text, ForeignKey("outcomes.decision_id"), nullable=False),
    Column("engine", Text, nullable=False, doc="the agent's name"),
    Column("state", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reward", Amount, nullable=False, doc="the outcome's profit"),
    Column("ts_ns", BigInteger, nullable=False),
    PrimaryKeyConstraint("decision_id", "engine"),
    info={"doc": "One row an outcome that an agent learned from, once: there is no learning without a booked outcome."},
)
