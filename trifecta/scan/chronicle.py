"""What became of opportunities, as rows of the lake: found, judged anew, ended."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from trifecta.clock import NS_PER_S
from trifecta.scan.opportunity import ArbitragePlan, BinaryPlan, Opportunity
from trifecta.scan.snapshot import Snapshot
from warehouse.lake import Lake
from warehouse.tables import TABLES

WRITER = "scan"
MAX_ROWS = 100_000
"""Rows that wait for a lake that takes none; beyond them the oldest are given up."""


class Chronicle:
    """Notes changes from snapshot to snapshot; `flush` commits them. One thread notes, any may flush."""

    def __init__(self) -> None:
        self.given_up = 0
        self._rows: list[dict[str, Any]] = []
        self._shown: dict[str, Opportunity] = {}
        self._flushing = threading.Lock()  # a flush that was cancelled goes on in its thread

    def note(self, snapshot: Snapshot) -> None:
        """Adds a row for each opportunity that is new, has another verdict, or is there no more."""
        now = {one.id: one for found in snapshot.opportunities.values() for one in found}
        for key, one in now.items():
            before = self._shown.get(key)
            if before is None:
                self._rows.append(_row(one, "found", snapshot.ts))
            elif before.verdict is not one.verdict:
                self._rows.append(_row(one, "judged", snapshot.ts))
        self._rows += [_row(one, "ended", snapshot.ts) for key, one in self._shown.items() if key not in now]
        self._shown = now
        if len(self._rows) > MAX_ROWS:
            self.given_up += len(self._rows) - MAX_ROWS
            del self._rows[:-MAX_ROWS]

    def flush(self, lake: Lake) -> int:
        """Commits what was noted; returns how many rows. What the lake refuses is kept for the next time."""
        with self._flushing:
            return self._flush(lake)

    def _flush(self, lake: Lake) -> int:
        rows = list(self._rows)  # more may be noted meanwhile
        if not rows:
            return 0
        table = pa.Table.from_pylist(rows, schema=TABLES["opportunities"].schema)
        written = lake.append("opportunities", table, writer=WRITER, version=lake.version("opportunities", WRITER) + 1)
        del self._rows[: len(rows)]
        return written


def _row(one: Opportunity, event: str, ts: int) -> dict[str, Any]:
    plan = one.plan
    if isinstance(plan, ArbitragePlan):
        venue, symbol = next(((leg.venue, leg.symbol) for leg in plan.legs), ("", plan.asset))
    elif isinstance(plan, BinaryPlan):
        venue, symbol = plan.source, plan.pair
    else:
        venue, symbol = plan.venue, plan.symbol
    return {
        "engine": one.engine,
        "date": datetime.fromtimestamp(ts / NS_PER_S, UTC).date(),
        "id": one.id,
        "event": event,
        "ts_first": one.ts_first,
        "ts_event": one.ts,
        "ts_expiry": one.ts_expiry,
        "ts_recv": ts,
        "venue": venue,
        "symbol": symbol,
        "verdict": one.verdict,
        "reason": one.reason,
        "risk_score": one.risk_score,
        "expected_profit": one.expected_profit,
        "costs": msgspec.json.encode(one.costs).decode(),
        "plan": msgspec.json.encode(plan).decode(),
        "simulated": one.simulated,
    }
