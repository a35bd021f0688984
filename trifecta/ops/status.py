"""What the running system looks like from outside: processes, feeds, the sidecar's health, the lake."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from trifecta.clock import Clock
from trifecta.ops import parts, processes
from trifecta.ops.feeds import Feed, feeds
from trifecta.settings import Market, Settings
from warehouse import Lake, session
from warehouse.lake import local_path
from warehouse.maintain import counts


@dataclass(frozen=True)
class Status:
    """Everything `trifecta status` shows."""

    market: str
    simulated: bool
    running: bool
    processes: dict[str, int]
    feeds: tuple[Feed, ...]
    health: dict[str, Any]
    lake: tuple[dict[str, Any], ...]
    gaps: dict[str, int]
    """How many gaps stand in the lake, by status."""


def read(settings: Settings, clock: Clock) -> Status:
    """The state of the system on this data folder, running or not."""
    alive = {name: process.pid for name, process in processes.living(settings.run_dir).items()}
    lake, gaps = _lake(settings)
    return Status(
        market=settings.market.value,
        simulated=settings.market is not Market.LIVE,
        running="supervisor" in alive,
        processes=alive,
        feeds=feeds(settings, clock),
        health=_health(settings),
        lake=lake,
        gaps=gaps,
    )


def _health(settings: Settings) -> dict[str, Any]:
    answer = parts.ask_sidecar(settings, "/health")
    if answer is None:
        return {"status": "no answer", "url": parts.api_url(settings)}
    try:
        return {"code": answer.status} | dict(json.loads(answer.body))
    except ValueError:
        return {"code": answer.status, "status": answer.body.decode(errors="replace")}


def _lake(settings: Settings) -> tuple[tuple[dict[str, Any], ...], dict[str, int]]:
    folder = local_path(settings.lake)
    if folder is not None and not folder.exists():
        return (), {}
    with session(Lake(settings.lake)) as connection:
        gaps = connection.execute("select status, count(*) from gaps group by status order by status").fetchall()
        return tuple(row._asdict() for row in counts(connection)), {str(name): int(count) for name, count in gaps}
