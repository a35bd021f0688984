"""Looks for opportunities until it is asked to stop; each cycle shows what there is. One run at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from loguru import logger
from prefect import flow
from prefect.artifacts import acreate_table_artifact

from flows.report import ALWAYS, marked
from trifecta.clock import SystemClock
from trifecta.ops import parts, processes
from trifecta.ops.signals import stop_event
from trifecta.scan.opportunity import Engine
from trifecta.scan.running import Scanning
from trifecta.scan.snapshot import Snapshot, documented
from trifecta.settings import Settings, load

COLUMNS = ("type", "recommendation", "expected_profit", "risk_score", "reason", "expires", "id")


@flow(flow_run_name="scan {number}: {found} found")
async def cycle(number: int, found: int, rows: list[dict[str, str]]) -> None:
    """Shows what the scanners see now, as the artifact `opportunities`."""
    if rows:
        about = marked(load(), f"What scan {number} found")
        await acreate_table_artifact(key="opportunities", table=rows, description=about)


async def show(snapshot: Snapshot) -> None:
    """Runs one cycle. Scanning goes on where the Prefect server is away."""
    try:
        rows = rows_of(snapshot, load())
        await cycle(snapshot.stats.scans, len(rows), rows)
    except Exception as error:
        logger.warning("the cycle is not shown, scanning goes on: {}", error)


def rows_of(snapshot: Snapshot, settings: Settings) -> list[dict[str, str]]:
    """What a cycle found, a row each."""
    told = documented(snapshot, settings.trade.reporting_currency)
    return [{column: _text(one, column) for column in COLUMNS} for engine in Engine for one in told[engine]]


def _text(row: Mapping[str, Any], column: str) -> str:
    """An amount with its cents and currency, everything else as it is."""
    if column != "expected_profit":
        return str(row[column])
    return f"{round(row[column], 2) + 0:,.2f} {row['currency']}"  # + 0: a cent that is lost in rounding has no sign


@flow(flow_run_name="scan every market", **ALWAYS)
async def scan() -> None:
    """Scans until SIGTERM, then completes."""
    settings, pid = load(), os.getpid()
    log = settings.run_dir / "logs" / f"{parts.SCAN}.log"
    with processes.output_to(log), processes.recorded(settings.run_dir, parts.scan_name(pid), pid):
        await Scanning(settings, SystemClock(), cycle=show).run(stop_event())
