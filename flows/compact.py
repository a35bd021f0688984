"""Merges the small files that the recorder commits every few seconds."""

from __future__ import annotations

from dataclasses import asdict

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from flows.report import NOTED, begin, marked
from flows.retry import STEP
from warehouse import TABLES, Lake
from warehouse.lake import Compacted


@task(task_run_name="compact {name}", **STEP)
def compact_table(lake: Lake, name: str) -> Compacted:
    return lake.compact(name)


@flow(flow_run_name="compact the lake", **NOTED)
async def compact() -> list[Compacted]:
    """Compacts and vacuums each table of the lake."""
    settings = begin()
    lake = Lake(settings.lake)
    done = [compact_table(lake, name) for name in TABLES]
    rows = [{name: str(value) for name, value in asdict(one).items()} for one in done]
    about = marked(settings, "Files before and after, by table")
    await acreate_table_artifact(key="compaction", table=rows, description=about)
    return done
