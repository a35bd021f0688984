"""Tells the Prefect server of the work pool, of `prefect.yaml` and of the automations, as often as it is called."""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from trifecta.ops.parts import POOL

QUEUE = "ingest"
SCANNING = "scan"
TRAINING = "training"
ROOT = Path(__file__).parents[1]
SILENCE = timedelta(seconds=120)
"""Longer than a server that was away for a minute hears nothing: heartbeats come every 30 s."""

ZOMBIE = "ingest is silent, mark it crashed"
LONG = ["ingest", "scan", "train", "tune"]
"""Flows whose runs would block the next one for ever, if their process and worker died together."""
LATE = "a run is late, leave it to the next one"
SHORT = ["backfill", "compact", "publish", "quality"]
"""Flows whose next run does what a late one would have done: they must not pile up behind a worker that was away."""
PATIENCE = timedelta(minutes=10)
ENDED = {"Completed", "Failed", "Cancelled", "Crashed", "Lost"}
UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


def prefect(*arguments: str) -> None:
    """Runs Prefect's command line in this interpreter: another one would import Prefect for five more seconds."""
    sys.argv = ["prefect", "--no-prompt", *arguments]
    try:
        runpy.run_module("prefect", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise


async def prepare() -> None:
    """Makes the work pool, queues of one run at a time for what must not run twice, and what finds silent runs."""
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        for name in (QUEUE, SCANNING, TRAINING):
            try:
                queue = await client.read_work_queue_by_name(name, work_pool_name=POOL)
            except ObjectNotFound:
                queue = await client.create_work_queue(name, work_pool_name=POOL)
            await client.update_work_queue(queue.id, concurrency_limit=1)
        await _automate(client, ZOMBIE, *_silent())
        await _automate(client, LATE, *_late())


async def _automate(client: PrefectClient, name: str, trigger: EventTrigger, action: ChangeFlowRunState) -> None:
    """Sets an automation up; one of the same name is replaced."""
    for existing in await client.read_automations_by_name(name):
        await client.delete_automation(existing.id)
    await client.create_automation(AutomationCore(name=name, trigger=trigger, actions=[action]))


def _silent() -> tuple[EventTrigger, ChangeFlowRunState]:
    """A run whose process and worker are both gone stays Running until this marks it crashed, which runs it again."""
    heartbeat = "prefect.flow-run.heartbeat"
    expected = {heartbeat, *(f"prefect.flow-run.{state}" for state in ENDED)}
    silent = ChangeFlowRunState(state=StateType.CRASHED, message=f"no heartbeat for {SILENCE.seconds} s")
    return _missing(LONG, after={heartbeat}, expected=expected, within=SILENCE), silent


def _late() -> tuple[EventTrigger, ChangeFlowRunState]:
    """A run that did not begin for long is cancelled: the next one does its work."""
    expected = {f"prefect.flow-run.{state}" for state in ("Pending", "Running", *ENDED)}
    message = f"late for {PATIENCE.seconds // 60} min: the next run does its work"
    late = ChangeFlowRunState(state=StateType.CANCELLED, name="Late", message=message)
    return _missing(SHORT, after={"prefect.flow-run.Late"}, expected=expected, within=PATIENCE), late


def _missing(flows: list[str], *, after: set[str], expected: set[str], within: timedelta) -> EventTrigger:
    """Fires where none of the expected events follows, of a run of these flows."""
    return EventTrigger(
        match={"prefect.resource.id": "prefect.flow-run.*"},
        # of a heartbeat's deployment only the id is told, of its flow the name too
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": flows},
        after=after,
        expect=expected,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        within=within,
    )


def deploy() -> None:
    """Applies `prefect.yaml`."""
    os.chdir(ROOT)
    prefect("deploy", "--all")


async def start(flow: str, *, lives: bool) -> None:
    """Starts the run of a flow that always runs, unless one is on its way.

    Args:
        lives: a run outlived its worker.
    """
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"{flow}/{flow}")
        waiting = await _bury(client, deployment.id, lives=lives)
        if not waiting and not lives:
            await client.create_flow_run_from_deployment(deployment.id)


async def bury(flow: str, *, lives: bool) -> None:
    """Marks runs of a flow that a dead worker left as Running; what waits for its turn stays.

    Args:
        lives: a run outlived its worker.
    """
    async with get_client() as client:
        await _bury(client, (await client.read_deployment_by_name(f"{flow}/{flow}")).id, lives=lives)


async def _bury(client: PrefectClient, deployment: UUID, *, lives: bool) -> list[FlowRun]:
    """The runs that wait. If none lives, those that do not wait are marked Lost: they would hold the queue's only slot,
    and what marks silent runs has forgotten those of another server's life.
    """
    unfinished = await client.read_flow_runs(
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment]}}),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": UNFINISHED}}}),
    )
    lost = State[None](type=StateType.CANCELLED, name="Lost", message="its process is gone")
    for run in unfinished:
        if not lives and run.state_type is not StateType.SCHEDULED:
            await client.set_flow_run_state(run.id, lost, force=True)
    return [run for run in unfinished if run.state_type is StateType.SCHEDULED]
