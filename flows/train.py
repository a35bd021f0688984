"""Trains what the lake holds enough of, and lets a version that passed its gate serve.

A run that was killed is gone on with by the next one: networks that were done are kept, and no half version is visible.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from prefect import flow, runtime, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.cards import Result, card, training_table
from flows.progress import Tell, progress
from flows.report import NOTED, begin, marked
from flows.retry import STEP
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.errors import DataError
from trifecta.forecast import folders, registry
from trifecta.forecast.records import Record, Status
from trifecta.forecast.targets import Target
from trifecta.ops import parts, processes
from trifecta.ops.training import Job, jobs, make
from trifecta.settings import Settings
from warehouse.ledger import Ledger

LEFTOVER_S = 24 * 3600
NICENESS = 10  # recording and serving come first
NAME = "train"
KEY = "training-progress"


@task(task_run_name="clear what was left half done", **STEP)
def clear(settings: Settings, ledger: Ledger) -> list[Record]:
    """Removes what a killed run left aside long ago; registers whole versions that it could not."""
    now_ns = SystemClock().now_ns()
    folders.remove_unfinished(settings.data_dir / "models", older_than_ns=now_ns - LEFTOVER_S * NS_PER_S)
    return registry.adopt(ledger, settings.data_dir, now_ns)


@task(task_run_name="train {job.network}, {job.key}", cache_policy=NO_CACHE)
async def train_one(settings: Settings, ledger: Ledger, job: Job, tell: Tell) -> Result:
    """Too little data is an answer, not a failure: the result says how much is missing."""
    try:
        return Result(job, await asyncio.to_thread(make, settings, ledger, job, SystemClock(), on_step=tell))
    except DataError as error:
        return Result(job, problem=str(error))


@task(task_run_name="promote {record.version}", **STEP)
def promote(settings: Settings, ledger: Ledger, record: Record) -> Record:
    """Lets it serve: it passed its gate, and the champion of today did no better at the same origins."""
    reason = "passed its gate: " + "; ".join(record.metrics.reasons)
    return registry.promote(ledger, settings.data_dir, record.version, SystemClock().now_ns(), reason=reason)


@task(task_run_name="show {key}", **STEP)
async def show(key: str, markdown: str, about: str) -> None:
    await acreate_markdown_artifact(key=key, markdown=markdown, description=about)


def run_name() -> str:
    """What is trained, as the interface and the sidecar show it."""
    given = runtime.flow_run.parameters
    return " ".join(["train", str(given.get("symbol") or "all"), str(given.get("horizon_s") or "")]).strip()


@flow(flow_run_name=run_name, **NOTED)
async def train(venue: str = "", symbol: str = "", horizon_s: int = 0, network: str = "") -> State[list[str]]:
    """Trains, judges and registers; empty arguments mean all that is recorded. Returns the versions that were made."""
    settings = begin()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    asked, results, pid = jobs(settings, venue, symbol, horizon_s, network), list[Result](), os.getpid()
    recorded = processes.recorded(settings.run_dir, parts.training_name(NAME, pid), pid)
    with recorded, Ledger(settings.ledger) as ledger:
        ledger.migrate()
        clear(settings, ledger)
        async with progress(KEY, len(asked)) as tell:
            for number, job in enumerate(asked):
                results.append(await train_one(settings, ledger, job, tell(number)))
                made = results[-1].made
                if made is None:
                    continue
                passed = made.record.status is Status.CHALLENGER and not made.lost
                if settings.forecast.promote == "auto" and passed:
                    promote(settings, ledger, made.record)
                await show(card_key(job), card(Path(made.folder)), marked(settings, made.record.version))
    await show("training", training_table(results), marked(settings, "What was trained, and why what was not"))
    made_versions = [one.made.record.version for one in results if one.made is not None]
    return Completed(message=told(results), data=made_versions)


def card_key(job: Job) -> str:
    """Of the artifact that shows the newest card of what the job trains; lower case, digits and dashes are allowed."""
    told = f"{job.key.target}-" if job.key.target is not Target.RANGE else ""
    return re.sub(r"[^a-z0-9]+", "-", f"model-card-{told}{job.symbol}-{job.horizon_s}".lower())


def told(results: list[Result]) -> str:
    """What the run came to, in a line."""
    if not results:
        return "nothing was asked for: no recorded symbol, horizon and network fits the arguments"
    made = [result.made for result in results if result.made is not None]
    passed = sum(one.record.metrics.passed for one in made)
    problem = next((result.problem for result in results if result.problem), "")
    lacking = f"; {len(results) - len(made)} not trained, the first because {problem}" if problem else ""
    behind = sum(bool(one.lost) for one in made)
    beaten = f", {behind} behind the champion" if behind else ""
    return f"{len(made)} trained, {passed} passed the gate{beaten}{lacking}"
