"""What became of the runs of each flow: a file for each in the run folder, written by its hooks, read by alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

RUNNING = "Running"


class FlowReport(msgspec.Struct):
    """The runs of one flow that ended, by state."""

    flow: str
    runs: dict[str, int] = {}
    took_s: float = 0.0
    ended_ns: int = 0
    last: str = ""
    """The state that the newest run ended in; `Running` where it is known that one works."""
    before: str = ""
    """How the run before the one that works ended, if it began but lately: to begin again is not to be well then."""
    began_ns: int = 0
    """When the run that works began."""


def read(run_dir: Path, flow: str) -> FlowReport:
    """The report of one flow; an empty one where there is none, or none that can be read."""
    return _decoded(_path(run_dir, flow)) or FlowReport(flow)


def read_all(run_dir: Path) -> Iterator[FlowReport]:
    """The reports that can be read."""
    return (found for path in run_dir.glob("flow-*.json") if (found := _decoded(path)))


def write(run_dir: Path, report: FlowReport) -> None:
    """Replaces the report of one flow, whole."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = _path(run_dir, report.flow)
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.encode(report))
    aside.replace(path)


def _path(run_dir: Path, flow: str) -> Path:
    return run_dir / f"flow-{flow}.json"


def _decoded(path: Path) -> FlowReport | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=FlowReport)
    except (OSError, msgspec.MsgspecError):
        return None
