"""Searches what trains best, on parts of the data that no test touches; `train` takes what was found."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.cards import trials_table
from flows.progress import Tell, progress
from flows.report import NOTED, begin, marked
from flows.retry import STEP
from trifecta.errors import DataError
from trifecta.forecast.training import Job
from trifecta.forecast.tuning import Tuned, search
from trifecta.ops import parts, processes
from trifecta.settings import Settings
from warehouse import Lake

NAME = "tune"
TRIALS = 12
Trial = tuple[int, float | None, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """How far a search is."""

    done: int
    total: int
    what: str


@task(task_run_name="search for {job.symbol} {job.horizon_s} s", cache_policy=NO_CACHE)
async def look(settings: Settings, job: Job, trials: int, seen: list[Trial], tell: Tell) -> Tuned:
    """Trials that an earlier run finished are not repeated: the study is in the data folder."""

    def note(number: int, loss: float | None, chosen: Mapping[str, Any]) -> None:
        seen.append((number, loss, chosen))
        tell(Step(len(seen), trials, f"trial {number + 1}"))

    return await asyncio.to_thread(search, job, Lake(settings.lake), settings.data_dir, trials=trials, on_trial=note)


@task(task_run_name="show the trials", **STEP)
async def show(markdown: str, about: str) -> None:
    await acreate_markdown_artifact(key="tuning", markdown=markdown, description=about)


@flow(flow_run_name="tune", **NOTED)
async def tune(venue: str = "", symbol: str = "", horizon_s: int = 0, trials: int = TRIALS) -> State[Tuned]:
    """Tries `trials` more choices of network and step; by default for the symbol and horizon served by default."""
    settings = begin()
    chosen, seen = settings.forecast, list[Trial]()
    name = next(name for name, one in settings.venues.items() if one.enabled)
    job = Job(venue or settings.source(name), symbol or chosen.default_symbol, horizon_s or chosen.default_horizon_s)
    pid = os.getpid()
    recorded = processes.recorded(settings.run_dir, parts.training_name(NAME, pid), pid)
    with recorded:
        return await _tuned(settings, job, trials, seen)


async def _tuned(settings: Settings, job: Job, trials: int, seen: list[Trial]) -> State[Tuned]:
    async with progress("tuning-progress", 1) as tell:
        try:
            found = await look(settings, job, trials, seen, tell(0))
        except DataError as error:
            return Completed(message=f"nothing was tried: {error}")
    await show(trials_table(seen), marked(settings, f"Trials of {job.symbol} on the validation part"))
    told = f"{found.network} at steps of {found.step_s} s: QLIKE {found.qlike:.4f} after {found.trials} trials"
    return Completed(message=told, data=found)
