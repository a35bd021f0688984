"""Fetches skipped trades and past bars where no recorder does it already."""

from __future__ import annotations

import msgspec
from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from flows.report import NOTED, begin, marked
from flows.retry import STEP
from trifecta.capture import backfill as fetching
from trifecta.clock import SystemClock
from trifecta.settings import Settings

BOUND_S = 1200.0  # a venue; the next run goes on where this one ended


@task(**STEP)
async def fetch(settings: Settings) -> list[fetching.Backfilled]:
    return await fetching.backfill(settings, clock=SystemClock(), bound_s=BOUND_S)


@flow(flow_run_name="fetch what is missing", **NOTED)
async def backfill() -> list[fetching.Backfilled]:
    """Fetches, and shows for each source what is still open."""
    settings = begin()
    done = await fetch(settings)
    rows = [msgspec.to_builtins(one) for one in done]
    about = marked(settings, "What was missing, and what still is")
    await acreate_table_artifact(key="backfill", table=rows, description=about)
    return done
