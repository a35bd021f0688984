"""Publishes the lake as `warehouse.duckdb`, for any DuckDB client."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task

from flows.retry import STEP
from trifecta.settings import load
from warehouse import Lake
from warehouse.publish import Published
from warehouse.publish import publish as write


@task(task_run_name="write {path}", **STEP)
def write_database(lake: Lake, path: Path) -> Published:
    return write(lake, path)


@flow(flow_run_name="publish warehouse.duckdb")
async def publish() -> Published:
    """Builds the file aside and swaps it in."""
    settings = load()
    return write_database(Lake(settings.lake), settings.data_dir / "warehouse.duckdb")
