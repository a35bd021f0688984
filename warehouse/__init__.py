"""All storage. Delta tables in the lake, DuckDB to read them. Imports nothing of `trifecta`.

What is named here is imported when it is first asked for: whoever opens only the ledger loads neither Delta nor DuckDB.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warehouse.lake import Lake
    from warehouse.queries import query
    from warehouse.sessions import LiveSession, refresh, session
    from warehouse.tables import TABLES, Table

__all__ = ["TABLES", "Lake", "LiveSession", "Table", "query", "refresh", "session"]

_HOMES = {
    "TABLES": "tables",
    "Table": "tables",
    "Lake": "lake",
    "LiveSession": "sessions",
    "query": "queries",
    "refresh": "sessions",
    "session": "sessions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
