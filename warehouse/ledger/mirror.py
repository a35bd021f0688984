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
from warehouse.relations import quoted

PRICE_SCALE = 15
MOST_ROWS = 500_000
"""Newest rows of a table that are copied."""
_PRICE_UNIT, _EXACT = Decimal(1).scaleb(-PRICE_SCALE), Context(prec=60)
_TIMES = ("ts_ns", "ts_event", "ts_booked", "cooldown_until")


def mirror(connection: duckdb.DuckDBPyConnection, ledger: Ledger, *, asked: str | None = None) -> None:
    """Makes `ledger.<table>` and, where the name is free, the view `<table>`, as the ledger stands now.

    Money is DECIMAL, times are UTC timestamps (`ts_ns` becomes `ts`). A ledger that is not there gives empty tables.

    Args:
        asked: SQL; only the tables that it reads are copied, the others stay as they were.
    """
    _prepare(connection)
    wanted = metadata.sorted_tables if asked is None else _read_by(connection, asked)
    if not wanted:
        return
    known = ledger.revision() == HEAD
    with ledger.read() as source:
        for table in wanted:
            _copy(connection, table, _rows(source, table) if known else [])


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes what is missing of the schema, of its tables, empty, and of the views on them."""
    connection.execute("create schema if not exists ledger")
    there = _names(connection, "select table_name from duckdb_tables() where schema_name = 'ledger'")
    views = _names(connection, "select view_name from duckdb_views() where schema_name = 'main'")
    for name, table in metadata.tables.items():
        if name not in there:
            _copy(connection, table, [])
        if name not in views:
            connection.execute(f"create view {name} as from ledger.{name}")
            connection.execute(f"comment on view {name} is {quoted(table.info['doc'])}")


def _names(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    return {name for (name,) in connection.execute(sql).fetchall()}


def _read_by(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Table]:
    """The tables that this SQL reads; all of them where DuckDB cannot tell, which whoever runs it is told."""
    try:
        named = {name.lower() for name in connection.get_table_names(sql)}
    except duckdb.Error:
        return metadata.sorted_tables
    return [table for table in metadata.sorted_tables if table.name in named]


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
