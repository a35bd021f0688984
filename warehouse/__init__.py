"""All storage. Delta tables in the lake, DuckDB to read them. Imports nothing of `trifecta`."""

from warehouse.lake import Lake
from warehouse.query import query
from warehouse.session import refresh, session
from warehouse.tables import TABLES, Table

__all__ = ["TABLES", "Lake", "Table", "query", "refresh", "session"]
