"""Whether what is stored can be true: each file of `checks/` selects what cannot."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from warehouse.relations import Relation, read

SAMPLE_ROWS = 5


@dataclass(frozen=True)
class CheckResult:
    """What one check found. It holds where `rows` is 0."""

    name: str
    grain: str
    """What one row found is."""
    rows: int
    sample: pa.Table
    """At most `SAMPLE_ROWS` of them."""


def run_checks(connection: duckdb.DuckDBPyConnection) -> list[CheckResult]:
    """The result of every check, by name, over the files that the connection sees now."""
    return [run_check(connection, check) for check in read("checks")]


def run_check(connection: duckdb.DuckDBPyConnection, check: Relation) -> CheckResult:
    """What one check finds."""
    found = connection.sql(check.select)
    rows = found.aggregate("count(*)").fetchall()[0][0]
    return CheckResult(check.name, check.grain, rows, found.limit(SAMPLE_ROWS if rows else 0).to_arrow_table())
