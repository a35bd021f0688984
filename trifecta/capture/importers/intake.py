"""Where a file's events go, block by block, and the count of what became of every row.

Each table remembers, under the writer's name, the last row it took in. So a block that comes again, in the same
import or in a later one of the same file, adds nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture import rows as lake_rows
from trifecta.capture.importers.blocks import Block
from trifecta.capture.importers.checks import Last
from trifecta.capture.importers.depth import Changes
from trifecta.capture.importers.events import Believed, Missing
from trifecta.capture.importers.formats import Format
from trifecta.capture.importers.held import Held
from trifecta.capture.importers.recording import Recording
from trifecta.capture.importers.rows import Fault, Ints
from trifecta.capture.importers.summary import Example, ImportSummary, Refused, Written
from trifecta.clock import Clock
from trifecta.market.events import GapStatus
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Gap, Quarantined, Reason
from warehouse.lake import Lake

MAX_EXAMPLES = 5


class Target(NamedTuple):
    """What is imported, and under which names."""

    path: Path
    format: Format
    source: str
    symbol: str
    stream: str
    interval: str  # of bars, else empty
    header: bool
    writer: str


class Intake(ABC):
    """Takes in the blocks of one file, in order. Subclasses know where events go."""

    recording: Path | None = None

    def __init__(self, target: Target, lake: Lake, clock: Clock) -> None:
        self._target = target
        self._lake = lake
        self._clock = clock
        self._rows = self._rows_written = self._duplicates = self._withheld = self._rows_quarantined = 0
        self._gaps = self._missing = self._gaps_filled = 0
        self._first_ns = self._last_ns = 0
        self._written: defaultdict[str, int] = defaultdict(int)
        self._faults: defaultdict[Reason, int] = defaultdict(int)
        self._examples: defaultdict[Reason, list[Example]] = defaultdict(list)

    @abstractmethod
    def take(self, block: Block, found: Believed | Changes) -> None:
        """Stores a block. A block that was stored before changes nothing."""

    def finish(self) -> None:  # noqa: B027  most have nothing left to do
        """Does what is left when every block is in."""

    def close(self) -> None:  # noqa: B027  most hold nothing
        """Gives free what is held, whether the import came to its end or not."""

    def summary(self, seconds: float) -> ImportSummary:
        target = self._target
        return ImportSummary(
            path=target.path,
            format=target.format.name,
            source=target.source,
            symbol=target.symbol,
            rows=self._rows,
            rows_written=self._rows_written,
            duplicates=self._duplicates,
            withheld=self._withheld,
            rows_quarantined=self._rows_quarantined,
            written=tuple(Written(table, rows) for table, rows in sorted(self._written.items())),
            quarantined=tuple(
                Refused(reason, faults, tuple(self._examples[reason]))
                for reason, faults in sorted(self._faults.items())
            ),
            gaps=self._gaps,
            missing=self._missing,
            gaps_filled=self._gaps_filled,
            recording=self.recording,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            seconds=seconds,
        )

    def _count(self, block: Block, first_ns: int, end: Last) -> None:
        self._rows += block.last_row - block.first_row + 1
        self._first_ns = self._first_ns or first_ns
        self._last_ns = end.ts

    def _quarantine(self, block: Block, faults: Sequence[Fault], end: Last) -> None:
        """Stores what was not believed, dated by the last row before it that was."""
        target = self._target
        ts_recv = end.ts or self._clock.now_ns()
        found = [
            Quarantined(fault.row, ts_recv, target.symbol, target.stream, fault.reason, fault.detail, fault.payload)
            for fault in faults
        ]
        for item in found:
            self._faults[item.reason] += 1
            if len(self._examples[item.reason]) < MAX_EXAMPLES:
                self._examples[item.reason].append(Example(item.position, item.detail, item.payload))
        self._rows_quarantined += len({fault.row for fault in faults})
        stored = self._lake.version("quarantine", target.writer) if found else 0
        if fresh := [item for item in found if item.position > stored]:
            self._append("quarantine", lake_rows.quarantine(target.source, fresh), block)

    def _record_gaps(self, block: Block, missing: Sequence[Missing]) -> None:
        target = self._target
        self._gaps += len(missing)
        self._missing += sum(hole.last_id - hole.first_id + 1 for hole in missing)
        stored = self._lake.version("gaps", target.writer) if missing else 0
        if fresh := [_gap(target, hole) for hole in missing if hole.row > stored]:
            self._append("gaps", lake_rows.gaps(target.source, fresh), block)

    def _append(self, table: str, rows: pa.Table, block: Block) -> int:
        added = self._lake.append(table, rows, writer=self._target.writer, version=block.last_row)
        self._written[table] += added
        return added


class ToLake(Intake):
    """Trades, quotes and bars, into their tables."""

    def __init__(self, target: Target, lake: Lake, clock: Clock, table: str) -> None:
        super().__init__(target, lake, clock)
        self._table = table
        self._held = Held(lake, table, target.source, target.symbol, target.interval)

    def take(self, block: Block, found: Believed | Changes) -> None:
        assert isinstance(found, Believed)  # noqa: S101 - a format with a table converts into events
        stored = self._lake.version(self._table, self._target.writer)
        start = int(found.events["position"].searchsorted(stored, side="right"))
        events, first, last = found.events[start:], found.first[start:], found.last[start:]
        held = self._held.count(first, last)
        partly = (held > 0) & (held < last - first + 1)
        new = held == 0
        self._duplicates += start + int((~new & ~partly).sum())
        overlaps = _overlaps(block, events[partly], first[partly], last[partly]) if partly.any() else []
        self._quarantine(block, [*found.faults, *overlaps], found.end)
        self._record_gaps(block, self._lacking(found.missing))
        if new.any():
            rows = self._lake_rows(events if new.all() else events[new], found)
            self._rows_written += self._append(self._table, rows, block)
        self._count(block, found.ts_first, found.end)

    def finish(self) -> None:
        """Marks gaps of the lake as filled whose ids are there now."""
        target = self._target
        if self._table != "trades":
            return
        known = self._held.open_gaps(target.stream)
        first = np.array([gap.first_id for gap in known], np.int64)
        last = np.array([gap.last_id for gap in known], np.int64)
        whole = self._held.count(first, last) == last - first + 1
        now = self._clock.now_ns()
        filled = [
            Gap(0, now, target.symbol, target.stream, GapStatus.FILLED, *gap[1:], f"imported from {target.path.name}")
            for gap, there in zip(known, whole, strict=True)
            if there
        ]
        self._gaps_filled = len(filled)
        if filled:
            rows = lake_rows.gaps(target.source, filled)
            self._written["gaps"] += self._lake.append("gaps", rows, writer=f"{target.writer}:filled", version=now)

    def close(self) -> None:
        self._held.close()

    def _lacking(self, missing: Sequence[Missing]) -> list[Missing]:
        """Those holes of the file that the lake has too."""
        first = np.array([hole.first_id for hole in missing], np.int64)
        last = np.array([hole.last_id for hole in missing], np.int64)
        held = self._held.count(first, last)
        return [hole for hole, whole in zip(missing, held == last - first + 1, strict=True) if not whole]

    def _lake_rows(self, events: npt.NDArray[np.void], found: Believed) -> pa.Table:
        target = self._target
        instrument = Instrument(target.source, target.symbol, found.scales.price, found.scales.qty)
        if self._table == "bars":
            return lake_rows.bars(target.source, instrument, events, target.interval)
        return lake_rows.BUILDERS[self._table](target.source, instrument, events)


class ToRecording(Intake):
    """Depth changes, into a recording; their gaps and quarantine into the lake."""

    def __init__(self, target: Target, lake: Lake, clock: Clock, recording: Recording) -> None:
        super().__init__(target, lake, clock)
        self._recording = recording
        self.recording = recording.path

    def take(self, block: Block, found: Believed | Changes) -> None:
        assert isinstance(found, Changes)  # noqa: S101 - a format without a table converts into changes
        self._quarantine(block, found.faults, found.end)
        self._record_gaps(block, found.missing)
        if self._recording.there:
            self._duplicates += found.rows
        else:
            self._recording.append(found.frames)
            self._rows_written += found.rows
        self._withheld += found.withheld
        self._count(block, found.ts_first, found.end)

    def finish(self) -> None:
        self._recording.finish()

    def close(self) -> None:
        self._recording.abandon()


def _gap(target: Target, hole: Missing) -> Gap:
    reason = f"missing in {target.path.name}"
    if hole.row > hole.after + 1:
        reason += f" but for rows {hole.after + 1}..{hole.row - 1}, which are not believed: see quarantine"
    times = (hole.ts_from or hole.ts_to, hole.ts_to)
    ids = (hole.first_id, hole.last_id)
    return Gap(hole.row, hole.ts_recv, target.symbol, target.stream, GapStatus.LOST, *ids, *times, reason)


def _overlaps(block: Block, events: npt.NDArray[np.void], first: Ints, last: Ints) -> list[Fault]:
    """Aggregates of which the lake holds some trades and lacks others: neither all nor nothing of them can be taken."""
    lines = block.text.split(b"\n")
    return [
        Fault(
            row,
            Reason.DUPLICATE_ID,
            f"row {row}: ids {low}..{high}, of which the lake holds some: expected all of them or none",
            lines[row - block.first_row].decode(errors="replace"),
        )
        for row, low, high in zip(events["position"].tolist(), first.tolist(), last.tolist(), strict=True)
    ]
