"""What became of each flow, left in the run folder for `/metrics` and the alerts: hooks that every flow carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.runtime import flow_run
from prefect.states import Cancelled

from trifecta import logs
from trifecta.clock import NS_PER_S, SystemClock
from trifecta.ops import flow_reports
from trifecta.ops.flow_reports import RUNNING, FlowReport
from trifecta.settings import Market, Settings, load

LATELY_S = 300.0
"""Two runs of what always runs that begin within this: something ends them over and over."""


def report_drift(run_dir: Path, moved: dict[str, str]) -> None:
    """Leaves what `evaluate` found for the alerts: versions whose inputs moved away, and how far."""
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / ".drift.json.new"
    aside.write_bytes(msgspec.json.encode(moved))
    aside.replace(run_dir / "drift.json")


class Hooks(TypedDict):
    """Arguments of `prefect.flow`."""

    on_running: NotRequired[list[Any]]
    on_completion: list[Any]
    on_failure: list[Any]
    on_crashed: list[Any]


def note(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Counts a run that ended. Runs of one flow do not overlap, so nobody else writes this file."""
    took_s = (state.timestamp - run.start_time).total_seconds() if run.start_time else 0.0
    add(load().run_dir, flow.name, state.name or state.type.value, took_s, SystemClock().now_ns())


def note_begin(flow: Flow[..., Any], _run: FlowRun, _state: State[Any]) -> None:
    """Says that a run works: of a flow that always runs, the end of an earlier one tells nothing any more."""
    run_dir = load().run_dir
    report = flow_reports.read(run_dir, flow.name)
    if report.last == RUNNING:  # the run before was killed, and could not say so
        report.runs["Crashed"] = report.runs.get("Crashed", 0) + 1
        report.last = "Killed"
    now_ns = SystemClock().now_ns()
    report.before = report.last if now_ns - report.began_ns < LATELY_S * NS_PER_S else ""
    report.began_ns, report.last = now_ns, RUNNING
    flow_reports.write(run_dir, report)


async def stand_alone(_flow: Flow[..., Any], run: FlowRun, _state: State[Any]) -> None:
    """Cancels what waits for the end of a run that always runs.

    Each failure starts the next run, and Prefect tells of one failure more than once where its database is busy:
    without this, runs of a flow that goes on failing would double with each of them.
    """
    same = FlowFilter.model_validate({"id": {"any_": [run.flow_id]}})
    waits = FlowRunFilter.model_validate({"id": {"not_any_": [run.id]}, "state": {"type": {"any_": ["SCHEDULED"]}}})
    async with get_client() as client:
        for other in await client.read_flow_runs(flow_filter=same, flow_run_filter=waits):
            await client.set_flow_run_state(other.id, Cancelled(message="another run does its work"), force=True)


def forget_begin(run_dir: Path, flow: str) -> None:
    """Says that no run is known to work: whatever began did so in another life of the system."""
    report = flow_reports.read(run_dir, flow)
    if report.last == RUNNING:
        flow_reports.write(run_dir, msgspec.structs.replace(report, last=""))


def add(run_dir: Path, flow: str, state: str, took_s: float, now_ns: int) -> FlowReport:
    """The report with one run more."""
    report = flow_reports.read(run_dir, flow)
    report.runs[state] = report.runs.get(state, 0) + 1
    report.took_s, report.ended_ns, report.last = took_s, now_ns, state
    flow_reports.write(run_dir, report)
    return report


def begin() -> Settings:
    """The settings of a run that begins; its log lines carry the run's id and the flow's name."""
    settings = load()
    logs.configure(settings.logs, run=str(flow_run.id or ""), flow=str(flow_run.flow_name or ""))
    return settings


def marked(settings: Settings, about: str) -> str:
    """What an artifact shows, marked where no market made it."""
    return about if settings.market is Market.LIVE else f"SIMULATED market. {about}"


NOTED = Hooks(on_completion=[note], on_failure=[note], on_crashed=[note])
"""What every scheduled flow carries."""

ALWAYS = Hooks(on_running=[note_begin, stand_alone], **NOTED)
"""What a flow carries that always runs."""
