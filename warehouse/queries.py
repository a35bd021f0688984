"""One question to a session, bounded in rows and in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from warehouse.errors import QueryTimeoutError, RefusedError

MAX_ROWS = 100_000
TIMEOUT_S = 30.0
TRUNCATED = b"truncated"


def query(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | Mapping[str, object] = (),
    *,
    max_rows: int = MAX_ROWS,
    timeout_s: float = TIMEOUT_S,
) -> pa.Table:
    """The first `max_rows` rows of one SELECT; never changes anything.

    Metadata `truncated` of the table's schema is `true` where more rows were found, else `false`. Runs on a cursor of
    its own, so several threads may ask one connection.

    Raises:
        RefusedError: `sql` is not exactly one statement that only reads.
        QueryTimeoutError: no answer within `timeout_s`.
        duckdb.Error: the statement is wrong, or reaches for what the session must not read.
    """
    statement = _only_select(connection, sql)
    cursor = connection.cursor()
    try:
        # A WITH clause may hold an INSERT: the kind of statement does not tell, a read-only transaction does.
        cursor.execute("begin transaction read only")
        with _interrupted_after(cursor, timeout_s):
            # A relation is streamed, so the limit also bounds what is computed and held.
            relation = cursor.sql(statement, params=parameters or None)
            rows = relation.limit(max_rows + 1).to_arrow_table()
    finally:
        cursor.close()
    truncated = b"true" if rows.num_rows > max_rows else b"false"
    return rows.slice(0, max_rows).replace_schema_metadata({TRUNCATED: truncated})


def _only_select(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        found = ", ".join(kind.name for kind in kinds) or "nothing"
        raise RefusedError(f"expected one SELECT (or WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE), found {found}")
    return str(statements[0].query)


@contextmanager
def _interrupted_after(cursor: duckdb.DuckDBPyConnection, timeout_s: float) -> Iterator[None]:
    timer = threading.Timer(timeout_s, cursor.interrupt)
    timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise QueryTimeoutError(
            f"the query took longer than timeout_s={timeout_s:g}; ask for fewer days or symbols, or allow more time"
        ) from error
    finally:
        timer.cancel()
        timer.join()
