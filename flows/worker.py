"""`python -m flows.worker`: waits for the Prefect server, deploys, starts the recorder's run, then works off runs."""

from __future__ import annotations

import asyncio
import time

import httpx
from prefect.settings import PREFECT_API_URL

import flows.backfill
import flows.compact
import flows.evaluate
import flows.ingest
import flows.performance
import flows.publish
import flows.quality
import flows.retention
import flows.scan
import flows.train
import flows.tune  # all of them while the server starts, so that deploying need not wait for it
from flows.deploy import bury, deploy, prefect, prepare, start
from flows.report import forget_begin
from trifecta.errors import TransientError
from trifecta.ops import parts
from trifecta.settings import load

WAIT_S = 120.0


def wait_for_server(url: str) -> None:
    """Returns once the server answers.

    Raises:
        TransientError: it does not within `WAIT_S`.
    """
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise TransientError(f"no Prefect server at {url} within {WAIT_S:.0f} s: look at prefect-server.log")


def main() -> None:
    """Runs until SIGTERM."""
    settings = load()
    for flow, lives in ((parts.INGEST, parts.ingest_lives(settings)), (parts.SCAN, parts.scan_lives(settings))):
        if not lives:
            forget_begin(settings.run_dir, flow)
    wait_for_server(PREFECT_API_URL.value())
    asyncio.run(prepare())
    deploy()
    asyncio.run(start(parts.INGEST, lives=parts.ingest_lives(settings)))
    asyncio.run(start(parts.SCAN, lives=parts.scan_lives(settings)))
    for flow in (flows.train.NAME, flows.tune.NAME):
        asyncio.run(bury(flow, lives=parts.training_lives(settings, flow)))
    prefect("worker", "start", "--pool", parts.POOL, "--name", "trifecta")


if __name__ == "__main__":
    main()
