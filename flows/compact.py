"""Merges the small files that the recorder commits every few seconds."""

from __future__ import annotations

from datetime import timedelta

from prefect import flow, task

from flows.retry import STEP
from trifecta.settings import load
from warehouse import TABLES, Lake
from warehouse.lake import Compacted

KEEP = timedelta(hours=24)
"""How long replaced files stay: longer than any reader goes on with one file list."""


@task(task_run_name="compact {name}", **STEP)
def compact_table(lake: Lake, name: str) -> Compacted:
    return lake.compact(name, keep=KEEP)


@flow(flow_run_name="compact the lake")
async def compact() -> list[Compacted]:
    """Compacts and vacuums each table of the lake."""
    lake = Lake(load().lake)
    return [compact_table(lake, name) for name in TABLES]
