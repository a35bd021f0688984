"""What each recorder last said about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from trifecta.clock import NS_PER_S, Clock
from trifecta.settings import Settings

HEARTBEAT_STALE_S = 15.0
"""Sockets report each second, feeds that are asked each few seconds."""


@dataclass(frozen=True)
class Feed:
    """One source as its recorder last reported it."""

    source: str
    alive: bool
    """The report is fresh."""
    age_s: float
    report: dict[str, Any]


def feeds(settings: Settings, clock: Clock) -> tuple[Feed, ...]:
    """What each recorder last wrote about itself."""
    found = []
    for path in sorted(settings.run_dir.glob("recorder-*.json")):
        try:
            report = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            age_s = (clock.now_ns() - int(report["ts_ns"])) / NS_PER_S
        except (OSError, msgspec.DecodeError, KeyError):
            continue  # being replaced, or written by another version
        found.append(Feed(str(report["source"]), age_s <= HEARTBEAT_STALE_S, age_s, report))
    return tuple(found)
