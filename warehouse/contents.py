"""What is in the lake: rows by instrument, and how whole they are."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import duckdb

from warehouse.tables import TABLES

GAP_IN_WORDS = (
    "if(stream = 'depth', 'moments without an order book', if(stream = 'trade', 'trades', stream) || ' ' || status)"
)
"""What a row of `gaps` tells. A book's changes are told once: it is whole again with its next snapshot, and no trade is
lost by that; whatever else was skipped is fetched again where that is possible."""


class Count(NamedTuple):
    """Rows of one table, venue and symbol (empty where the table has none), and their receive times, UTC."""

    table: str
    venue: str
    symbol: str
    rows: int
    first: datetime
    last: datetime


def counts(connection: duckdb.DuckDBPyConnection) -> list[Count]:
    """What each table holds, by table, venue and symbol. Works on a session and on a published database."""
    selects = [_count(name, table.schema.names) for name, table in TABLES.items()]
    rows = connection.execute(f"{' union all '.join(selects)} order by all").fetchall()
    return [Count(*row) for row in rows]


def _count(name: str, columns: list[str]) -> str:
    symbol = "symbol" if "symbol" in columns else "''"
    return (
        f"select '{name}' as table_name, venue, {symbol} as symbol, count(*) as rows, "  # noqa: S608 - our own names
        f"min(ts_recv) as first, max(ts_recv) as last from {name} group by all"
    )
