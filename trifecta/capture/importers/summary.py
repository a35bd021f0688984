"""What an import did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trifecta.market.quarantine import Quarantined, Reason


class Written(NamedTuple):
    """Rows that an import added to a table."""

    table: str
    rows: int


class Refused(NamedTuple):
    """How often rows of a file were not believed for one reason, with the first few."""

    reason: Reason
    faults: int
    examples: tuple[Quarantined, ...]


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
