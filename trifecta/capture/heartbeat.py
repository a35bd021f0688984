"""What a recorder says of itself, for whoever looks from outside, and the switch that it obeys."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Heartbeat(msgspec.Struct, frozen=True):
    """The state of one source; times in ns, 0 for never."""

    source: str
    pid: int
    ts_ns: int
    connected: bool
    collecting: bool
    frames: int
    frames_per_s: float
    last_frame_ts_ns: int
    last_commit_ts_ns: int
    reconnects: int
    gaps_open: int
    quarantined: int
    clock_offset_ns: int | None
    book_valid: dict[str, bool]
    problem: str
    """What keeps it from working fully; empty if nothing does."""


def write(run_dir: Path, heartbeat: Heartbeat) -> None:
    """Replaces the report in one step.

    Raises:
        OSError: no room.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    aside = run_dir / f".recorder-{heartbeat.source}.{os.getpid()}"
    aside.write_bytes(msgspec.json.encode(heartbeat))
    aside.replace(run_dir / f"recorder-{heartbeat.source}.json")


def stand_by(run_dir: Path, source: str) -> None:
    """Says that this process hears the source, and journals it as soon as nobody else does.

    Raises:
        OSError: no room.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / f"standby-{source}").write_text(str(os.getpid()))


def stands_by(run_dir: Path, source: str) -> int | None:
    """The process that last said it hears the source, whether it lives or not; None where none ever did."""
    try:
        return int((run_dir / f"standby-{source}").read_text())
    except (OSError, ValueError):
        return None


def is_collecting(run_dir: Path) -> bool:
    """False where the switch stands at `stopped`."""
    try:
        return (run_dir / "collection").read_text().strip() != "stopped"
    except OSError:
        return True
