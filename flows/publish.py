"""Publishes the lake as `warehouse.duckdb`, for any DuckDB client."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from flows.report import NOTED, begin, marked
from flows.retry import STEP
from warehouse import Lake
from warehouse.publish import Published
from warehouse.publish import publish as write


@task(task_run_name="write {path}", **STEP)
def write_database(lake: Lake, path: Path) -> Published:
    return write(lake, path)


@flow(flow_run_name="publish warehouse.duckdb", **NOTED)
async def publish() -> Published:
    """Builds the file aside and swaps it in."""
    settings = begin()
    done = write_database(Lake(settings.lake), settings.published)
    rows = [{"relation": name, "rows": f"{count:,}"} for name, count in done.rows.items()]
    about = f"{done.path.name}: {done.size_bytes / 1e6:,.1f} MB, written in {done.took_s:.1f} s"
    await acreate_table_artifact(key="published", table=rows, description=marked(settings, about))
    return done
