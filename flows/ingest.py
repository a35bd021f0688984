"""Records every enabled venue until it is asked to stop; one run at a time."""

from __future__ import annotations

import asyncio
import os

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.report import ALWAYS
from flows.retry import transient
from trifecta.capture import recorder
from trifecta.ops import parts, processes
from trifecta.ops.signals import stop_event
from trifecta.settings import Settings, load

RESTARTS = 1_000  # after errors that pass, like a full disk; the recorder reconnects by itself
RESTART_DELAY_S = 10


def sources(settings: Settings) -> list[str]:
    return [settings.source(name) for name, venue in settings.venues.items() if venue.enabled]


def run_name() -> str:
    """What is recorded, as the interface shows it."""
    return f"record {', '.join(sources(load()))}"


@task(retries=RESTARTS, retry_delay_seconds=RESTART_DELAY_S, retry_condition_fn=transient, cache_policy=NO_CACHE)
async def record(settings: Settings, stop: asyncio.Event) -> None:
    """Records, from when nobody else writes these journals.

    `trifecta up` records until this run is there. And a run that Prefect takes for crashed may still live: after the
    server was away for long, it heard no heartbeat.
    """
    await recorder.record(settings, stop=stop, takes_over=True)


@flow(flow_run_name=run_name, **ALWAYS)
async def ingest() -> None:
    """Records until SIGTERM, then completes. Needs no Prefect server once it runs."""
    settings, pid = load(), os.getpid()
    log = settings.run_dir / "logs" / f"{parts.INGEST}.log"
    with processes.output_to(log), processes.recorded(settings.run_dir, parts.ingest_name(pid), pid):
        await record(settings, stop_event())
