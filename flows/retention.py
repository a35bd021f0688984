"""Removes what is older than it needs to be: journals, and Prefect's own history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType

from flows.report import NOTED, begin
from flows.retry import STEP
from trifecta.capture import journal
from trifecta.clock import SystemClock

HISTORY = timedelta(days=7)
BATCH = 200  # the server's own limit of a page
MOST_BATCHES = 500
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED]


@task(task_run_name="journals older than {days} days", **STEP)
def remove_journals(journals: Path, days: float) -> list[Path]:
    return journal.retain_all(journals, days, clock=SystemClock())


@task(task_run_name="flow runs before {before}", **STEP)
async def remove_flow_runs(before: datetime) -> int:
    """How many ended flow runs were deleted."""
    old = FlowRunFilter.model_validate({"end_time": {"before_": before}, "state": {"type": {"any_": ENDED}}})
    removed = 0
    async with get_client() as client:
        for _ in range(MOST_BATCHES):
            runs = await client.read_flow_runs(flow_run_filter=old, limit=BATCH)
            for run in runs:
                await client.delete_flow_run(run.id)
            removed += len(runs)
            if len(runs) < BATCH:
                break
    return removed


@flow(flow_run_name="remove what is old", **NOTED)
async def retention() -> int:
    """Keeps `capture.journal_days` of journals and a week of ended flow runs; returns how many files and runs went."""
    settings = begin()
    files = remove_journals(settings.journal_dir, settings.capture.journal_days)
    return len(files) + await remove_flow_runs(datetime.now(UTC) - HISTORY)
