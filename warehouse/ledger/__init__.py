"""Rows that must be unique and transactional: SQLite in WAL mode or PostgreSQL, through SQLAlchemy Core and Alembic."""

from warehouse.ledger.ledger import Ledger
from warehouse.ledger.models import model_events, models
from warehouse.ledger.schema import metadata

__all__ = ["Ledger", "metadata", "model_events", "models"]
