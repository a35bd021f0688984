"""Which forecasting model serves what, and how it came to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from warehouse.ledger.schema import Serial, metadata, one_of

STATUSES = ("champion", "challenger", "retired", "refused")

models = Table(
    "models",
    metadata,
    Column("version", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("horizon_s", Integer, nullable=False),
    Column("network", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("folder", Text, nullable=False),  # relative to the data folder
    Column("sha256", Text, nullable=False),  # of manifest.json
    Column("reason", Text, nullable=False, server_default=""),
    Column("metrics", Text, nullable=False, server_default="{}"),  # JSON
    Column("created_at", BigInteger, nullable=False),
    Column("promoted_at", BigInteger),
    Column("retired_at", BigInteger),
    one_of("target", "range", "direction"),
    one_of("status", *STATUSES),
    Index(
        "one_champion",
        "target",
        "venue",
        "symbol",
        "horizon_s",
        unique=True,
        sqlite_where=text("status = 'champion'"),
        postgresql_where=text("status = 'champion'"),
    ),
)
"""One row a trained model version; at most one champion per target, venue, symbol and horizon."""

model_events = Table(
    "model_events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("version", Text, ForeignKey("models.version"), nullable=False, index=True),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    one_of("from_status", *STATUSES),
    one_of("to_status", *STATUSES),
)
"""One row a change of a model's status, append only; a rollback reads it."""
