"""All storage. Delta tables in the lake, DuckDB to read them. Imports nothing of `trifecta`."""

from warehouse.lake import Lake
from warehouse.tables import TABLES, Table

__all__ = ["TABLES", "Lake", "Table"]
