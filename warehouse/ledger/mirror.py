"""The ledger's tables in a DuckDB session: copied, because a reader must never hold up who trades."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Integer, Row, Table, select

from warehouse.ledger.ledger import HEAD, Ledger
from warehouse.ledger.money import SCALE, Amount, Price
from warehouse.ledger.schema import metadata

PRICE_SCALE = 15
MOST_ROWS = 500_000
"""Newest rows of a table that are copied."""
_PRICE_UNIT, _EXACT = Decimal(1).scaleb(-PRICE_SCALE), Context(prec=60)
_TIMES = ("ts_ns", "ts_event", "ts_booked", "cooldown_until")


def mirror(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Makes `ledger.<table>` and, where the name is free, the view `<table>`, as the ledger stands now.

    Money is DECIMAL, times are UTC timestamps (`ts_ns` becomes `ts`). A ledger that is not there gives empty tables.
    """
    connection.execute("create schema if not exists ledger")
    known = ledger.revision() == HEAD
    with ledger.read() as source:
        for table in metadata.sorted_tables:
            _copy(connection, table, _rows(source, table) if known else [])
    views = connection.execute("select view_name from duckdb_views() where schema_name = 'main'").fetchall()
    for name in metadata.tables.keys() - {name for (name,) in views}:
        connection.execute(f"create view {name} as from ledger.{name}")


def _rows(source: Connection, table: Table) -> Sequence[Row[Any]]:
    newest = [column.desc() for column in table.primary_key]
    return source.execute(select(table).order_by(*newest).limit(MOST_ROWS)).all()


def _copy(connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row[Any]]) -> None:
    fields = [pa.field("ts" if column.name == "ts_ns" else column.name, _type(column)) for column in table.columns]
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    arrays = [
        pa.array([_fits(value) for value in values] if isinstance(column.type, Price) else values, field.type)
        for column, field, values in zip(table.columns, fields, columns, strict=True)
    ]
    copied = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    connection.register("ledger_copy", copied)
    try:
        connection.execute(f"create or replace table ledger.{table.name} as from ledger_copy")
    finally:
        connection.unregister("ledger_copy")


def _fits(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.quantize(_PRICE_UNIT, context=_EXACT)


def _type(column: Column[Any]) -> pa.DataType:
    kinds: tuple[tuple[type, pa.DataType], ...] = (
        (Amount, pa.decimal128(28, SCALE)),
        (Price, pa.decimal128(38, PRICE_SCALE)),
        (Boolean, pa.bool_()),
        (Double, pa.float64()),
    )
    for kind, found in kinds:
        if isinstance(column.type, kind):
            return found
    if isinstance(column.type, BigInteger) and (column.name in _TIMES or column.name.endswith("_at")):
        return pa.timestamp("ns")
    return pa.int64() if isinstance(column.type, (BigInteger, Integer)) else pa.string()
