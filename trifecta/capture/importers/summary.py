"""What an import did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trifecta.clock import NS_PER_S
from trifecta.market.quarantine import Reason


@dataclass(frozen=True)
class Written:
    """Rows that an import added to a table."""

    table: str
    rows: int


@dataclass(frozen=True)
class Example:
    """One row of a file that was not believed."""

    row: int  # from 1, without the header
    detail: str
    payload: str


@dataclass(frozen=True)
class Refused:
    """How often rows of a file were not believed for one reason, with the first few."""

    reason: Reason
    faults: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class ImportSummary:
    """`rows` = `rows_written` + `duplicates` + `rows_quarantined` + `withheld`: none is lost on the way.

    Gaps and quarantine describe the file, whether or not an earlier import already stored them.
    """

    path: Path
    format: str
    source: str
    symbol: str
    rows: int
    rows_written: int  # events now in the lake, or in the recording, that were not there before
    duplicates: int  # rows the lake, or the recording, already held
    withheld: int  # depth rows without a fault, of updates that lack another row: their ids stand in gaps
    rows_quarantined: int
    written: tuple[Written, ...]  # by table, gaps and quarantine too
    quarantined: tuple[Refused, ...]  # by reason; a row can have several
    gaps: int  # runs of ids that the file lacks and the lake does too
    missing: int  # ids, or ns of bars, in those runs
    gaps_filled: int  # known gaps that this file closed
    recording: Path | None  # where depth changes went: `trifecta replay` reads it
    first_ns: int  # event time, 0 if no row is believed
    last_ns: int
    seconds: float


def describe(summary: ImportSummary) -> list[str]:
    """Lines that tell a person what an import did."""
    parts = {
        "written": summary.rows_written,
        "there before": summary.duplicates,
        "quarantined": summary.rows_quarantined,
        "withheld": summary.withheld,
    }
    lines = [
        f"{summary.path.name}: {summary.format}, {summary.symbol} at {summary.source}",
        f"  {summary.rows:,} rows = " + " + ".join(f"{rows:,} {what}" for what, rows in parts.items() if rows),
    ]
    if summary.first_ns:
        lines.append(f"  from {_utc(summary.first_ns)} to {_utc(summary.last_ns)}")
    for refused in summary.quarantined:
        lines.append(f"  quarantined {refused.faults:,} x {refused.reason}")
        lines += [f"    {example.detail}" for example in refused.examples]
    if summary.gaps:
        lines.append(f"  {summary.gaps:,} gaps: what they lack is in neither the file nor the lake")
    if summary.gaps_filled:
        lines.append(f"  {summary.gaps_filled:,} known gaps filled")
    if summary.recording:
        lines.append(f"  depth changes are in a recording: trifecta replay {summary.recording}")
    return lines


def _utc(ns: int) -> str:
    return datetime.fromtimestamp(ns / NS_PER_S, UTC).isoformat(sep=" ", timespec="seconds")
