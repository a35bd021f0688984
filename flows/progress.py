"""How far a long run is, as Prefect shows it and the sidecar reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from loguru import logger
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

PERCENT = 100.0


class Done(Protocol):
    """`done` of `total` parts of a job, now at `what`."""

    @property
    def done(self) -> int: ...

    @property
    def total(self) -> int: ...

    @property
    def what(self) -> str: ...


Tell = Callable[[Done], None]


@asynccontextmanager
async def progress(key: str, jobs: int) -> AsyncIterator[Callable[[int], Tell]]:
    """A progress artifact over `jobs` jobs. What it gives makes, of a job's number, what that job tells its steps to.

    Steps may be told from any thread. That the server is away ends nobody's work.
    """
    loop = asyncio.get_running_loop()
    artifact = await acreate_progress_artifact(progress=0.0, key=key, description="begins")
    told: set[asyncio.Task[None]] = set()

    async def update(percent: float, what: str) -> None:
        try:
            await aupdate_progress_artifact(artifact, progress=percent, description=what)
        except Exception as error:
            logger.warning("progress {:.0f} % was not told: {}", percent, error)

    def begin(percent: float, what: str) -> None:
        running = loop.create_task(update(percent, what))
        told.add(running)
        running.add_done_callback(told.discard)

    def of_job(number: int) -> Tell:
        def tell(step: Done) -> None:
            percent = PERCENT * (number + step.done / max(step.total, 1)) / max(jobs, 1)
            loop.call_soon_threadsafe(begin, percent, f"{number + 1} of {jobs}: {step.what}")

        return tell

    yield of_job
    await asyncio.gather(*told)
    await update(PERCENT, "done")
