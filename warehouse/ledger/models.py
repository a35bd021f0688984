"""Which forecasting model serves what, and how it came to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from warehouse.ledger.schema import Serial, metadata, one_of

STATUSES = ("champion", "challenger", "retired", "refused")

models = Table(
    "models",
    metadata,
    Column("version", Text, primary_key=True),
    Column("target", Text, nullable=False, doc="what it forecasts"),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("horizon_s", Integer, nullable=False, doc="how far ahead, s"),
    Column("network", Text, nullable=False, doc="its kind"),
    Column("status", Text, nullable=False),
    Column("folder", Text, nullable=False, doc="relative to the data folder"),
    Column("sha256", Text, nullable=False, doc="of manifest.json"),
    Column("reason", Text, nullable=False, server_default="", doc="why it has that status"),
    Column("metrics", Text, nullable=False, server_default="{}", doc="JSON"),
    Column("created_at", BigInteger, nullable=False),
    Column("promoted_at", BigInteger, doc="when it became champion"),
    Column("retired_at", BigInteger, doc="when it ceased to be"),
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
    info={"doc": "One row a trained model version; at most one champion per target, venue, symbol and horizon."},
)

model_events = Table(
    "model_events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("ts_ns", BigInteger, nullable=False),
    Column("version", Text, ForeignKey("models.version"), nullable=False, index=True),
    Column("from_status", Text, doc="null: it was made"),
    Column("to_status", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    one_of("from_status", *STATUSES),
    one_of("to_status", *STATUSES),
    info={"doc": "One row a change of a model's status, append only; a rollback reads it."},
)
