"""What became of each flow, left in the run folder for `/metrics`: hooks that every scheduled flow carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import msgspec
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.runtime import flow_run

from trifecta import logs
from trifecta.clock import SystemClock
from trifecta.settings import Settings, load


class Report(msgspec.Struct):
    """The runs of one flow that ended, by state."""

    flow: str
    runs: dict[str, int] = {}
    took_s: float = 0.0
    ended_ns: int = 0
    last: str = ""
    """The state that the newest run ended in."""


def report_drift(run_dir: Path, moved: dict[str, str]) -> None:
    """Leaves what `evaluate` found for the alerts: versions whose inputs moved away, and how far."""
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / ".drift.json.new"
    aside.write_bytes(msgspec.json.encode(moved))
    aside.replace(run_dir / "drift.json")


class Hooks(TypedDict):
    """Arguments of `prefect.flow`."""

    on_completion: list[Any]
    on_failure: list[Any]
    on_crashed: list[Any]


def note(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Counts a run that ended. Runs of one flow do not overlap, so nobody else writes this file."""
    took_s = run.total_run_time.total_seconds() if run.total_run_time else 0.0
    add(load().run_dir, flow.name, state.name or state.type.value, took_s, SystemClock().now_ns())


def add(run_dir: Path, flow: str, state: str, took_s: float, now_ns: int) -> Report:
    """The report with one run more."""
    path = run_dir / f"flow-{flow}.json"
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        report = Report(flow)
    report.runs[state] = report.runs.get(state, 0) + 1
    report.took_s, report.ended_ns, report.last = took_s, now_ns, state
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.encode(report))
    aside.replace(path)
    return report


def begin() -> Settings:
    """The settings of a run that begins; its log lines carry the run's id and the flow's name."""
    settings = load()
    logs.configure(settings.logs, run=str(flow_run.id or ""), flow=str(flow_run.flow_name or ""))
    return settings


NOTED = Hooks(on_completion=[note], on_failure=[note], on_crashed=[note])
"""What every scheduled flow carries."""
