"""Checks what is stored, and shows counts, gaps and lag where people look for them: as artifacts."""

from __future__ import annotations

from typing import Any

import duckdb
from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from flows import pictures
from flows.report import NOTED, begin, marked
from flows.retry import STEP
from warehouse import Lake, session
from warehouse.contents import counts
from warehouse.quality import CheckResult, run_checks

MOST_ROWS = 200
GAPS = "from gaps order by ts_recv desc limit ?"
GAPS_ARE = (
    "What the feeds skipped, newest first. Trades are fetched again (filled) where the venue still has them. Changes "
    "of an order book (depth) are told once: it has no levels until its next snapshot, and no trade is lost by that"
)
LAG = "from feed_lag_1m order by ts_open desc limit ?"


@task(**STEP)
def check(connection: duckdb.DuckDBPyConnection) -> list[CheckResult]:
    return run_checks(connection)


@task(task_run_name="show {key}", **STEP)
async def show(key: str, rows: list[dict[str, str]], about: str) -> None:
    await acreate_table_artifact(key=key, table=rows, description=about)


@flow(flow_run_name="check the warehouse", **NOTED)
async def quality() -> int:
    """Returns how many checks found rows that cannot be true; fails if any did, after everything is shown."""
    settings = begin()
    with session(Lake(settings.lake)) as connection:
        results = check(connection)
        texts = {
            "checks": (as_markdown(results), "What cannot be true"),
            "coverage": (pictures.quality(connection), "How much was recorded, and how late"),
        }
        tables = {
            "counts": (counted(connection), "What each table holds"),
            "gaps": (records(connection, GAPS), GAPS_ARE),
            "lag": (records(connection, LAG), "Receive time behind event time, by minute"),
        }
    for key, (text, about) in texts.items():
        await acreate_markdown_artifact(key=key, markdown=text, description=marked(settings, about))
    for key, (rows, about) in tables.items():
        await show(key, rows, marked(settings, about))
    broken = [result.name for result in results if result.rows]
    if broken:
        raise ValueError(f"checks found rows that cannot be true: {', '.join(broken)}; see the artifact `checks`")
    return len(broken)


def as_markdown(results: list[CheckResult]) -> str:
    """A table of the checks, those that found something first, with a sample of what they found."""
    ordered = sorted(results, key=lambda result: (not result.rows, result.name))
    lines = ["| check | rows | one row is |", "|---|---:|---|"]
    lines += [
        f"| {'❌' if result.rows else '✅'} {result.name} | {result.rows} | {result.grain} |" for result in ordered
    ]
    for result in ordered:
        if result.rows:
            lines += ["", f"### {result.name}", "```", *map(str, result.sample.to_pylist()), "```"]
    return "\n".join(lines)


def counted(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    return [_texts(row._asdict()) for row in counts(connection)]


def records(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, str]]:
    return [_texts(row) for row in connection.sql(sql, params=[MOST_ROWS]).to_arrow_table().to_pylist()]


def _texts(row: dict[str, Any]) -> dict[str, str]:
    """Artifacts are JSON, which has no times and no NaN."""
    return {name: "" if value is None else str(value) for name, value in row.items()}
