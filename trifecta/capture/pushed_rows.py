"""Lines of a journal of pushes as rows of the lake. Everything follows from the lines and from what the lake has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trifecta.capture import rows
from trifecta.capture.pipeline import Rows
from trifecta.capture.pushes import Change, Pushed, read_line
from trifecta.clock import NS_PER_S
from trifecta.errors import DataError
from trifecta.market.events import BAR, QUOTE, Frames, GapStatus
from trifecta.market.instruments import Instrument
from trifecta.market.mt5 import (
    MAX_ROWS,
    Bars,
    Doubt,
    TickRow,
    Ticks,
    read_bar,
    read_bars,
    read_tick,
    read_ticks,
    warehouse_venue,
)
from trifecta.market.quarantine import MAX_PAYLOAD, Gap, Quarantined, Reason

EVERY_SYMBOL = "all"  # of what a lost batch told nobody knows
FALLBACK_VENUE = "mt5_unnamed"  # of a line that does not tell who sent it
TOLD, MEASURED = 0, -1  # as round trip of a clock offset


class Key(NamedTuple):
    """One series of one instrument; `interval` is empty for quotes."""

    venue: str
    symbol: str
    interval: str


@dataclass
class Newest:
    """The newest tick of an instrument, and every pair of prices at its time; who sent it."""

    ts_event: int = -1
    pairs: set[tuple[int, int]] = field(default_factory=set)
    session: str = ""


@dataclass
class _Venue:
    """What one venue's lines gave since the last `take`."""

    quotes: dict[tuple[str, int], list[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(list))
    bars: dict[tuple[str, int, str], list[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(list))
    gaps: list[Gap] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    offsets: list[tuple[int, int, int, int]] = field(default_factory=list)


class PushedRows:
    """Turns lines into rows.

    A tick or bar that is not newer than the newest of its series comes again: another session pushes it too, or pushed
    it before a restart. It is counted and left out, unless its batch is one that was skipped and comes late.
    """

    def __init__(self, ticks: Mapping[Key, Newest], bars: Mapping[Key, int]) -> None:
        """
        Args:
            ticks, bars: the newest that the lake has of each series.
        """
        self.counts: Counter[str] = Counter()
        self.last_position = -1
        self.last_ts_recv = 0
        self._ticks = defaultdict(Newest, ticks)
        self._bars = defaultdict(lambda: -1, bars)
        self._venues: defaultdict[str, _Venue] = defaultdict(_Venue)

    def process(self, frames: Frames) -> None:
        """Takes in the next lines of the journal."""
        for row, payload in enumerate(frames.payloads):
            position, ts_recv = frames.first_position + row, int(frames.ts_recv[row])
            self.last_position, self.last_ts_recv = position, ts_recv
            try:
                line = read_line(payload)
                if isinstance(line, Pushed):
                    self._take(position, ts_recv, line)
            except DataError as error:
                text = payload[:MAX_PAYLOAD].decode("utf-8", "replace")
                refused = Quarantined(position, ts_recv, "", "push", Reason.MALFORMED, str(error), text)
                self._venues[FALLBACK_VENUE].quarantined.append(refused)
                self.counts["quarantined"] += 1

    def take(self) -> Rows:
        """Drains what was accumulated."""
        by_table: defaultdict[str, list[tuple[pa.Table, npt.NDArray[np.int64]]]] = defaultdict(list)
        for source, found in sorted(self._venues.items()):
            for name, table, positions in _tables(source, found):
                by_table[name].append((table, positions))
        self._venues.clear()
        tables = {
            name: (pa.concat_tables([table for table, _ in parts]), np.concatenate([at for _, at in parts]))
            for name, parts in by_table.items()
        }
        return Rows(tables, self.last_position)

    def _take(self, position: int, ts_recv: int, line: Pushed) -> None:
        batch: Ticks | Bars = read_ticks(line.batch) if line.of == "ticks" else read_bars(line.batch)
        source = warehouse_venue(batch.source)
        venue = self._venues[source]
        self.counts["batches"] += 1
        venue.gaps += [_gap(position, ts_recv, batch.session, change) for change in line.changes]
        if line.note_offset and line.offset_s is not None:
            offset_ns = line.offset_s * NS_PER_S
            venue.offsets.append((position, ts_recv, offset_ns, MEASURED if line.measured else TOLD))
        if isinstance(batch, Ticks):
            self._take_ticks(position, ts_recv, line, batch, venue, source)
        else:
            self._take_bars(position, ts_recv, line, batch, venue, source)

    def _take_ticks(self, position: int, ts_recv: int, line: Pushed, batch: Ticks, venue: _Venue, source: str) -> None:
        for number, row in enumerate(batch.ticks):
            tick: TickRow | Doubt | None = read_tick(row, batch, line.offset_s, ts_recv)
            if isinstance(tick, TickRow):
                tick = self._in_order(tick, source, batch.session, late=line.late)
            if isinstance(tick, Doubt):
                self._doubt(position, ts_recv, "tick", tick, row, venue)
            elif tick is not None:
                update_id = position * MAX_ROWS + number
                venue.quotes[tick.symbol, tick.digits].append(
                    (position, ts_recv, tick.ts_event, update_id, tick.bid, 0, tick.ask, 0)
                )
                self.counts["quotes"] += 1

    def _in_order(self, tick: TickRow, source: str, session: str, *, late: bool) -> TickRow | Doubt | None:
        """The tick, or None where another session sent it already, or why its place in time is wrong."""
        newest = self._ticks[Key(source, tick.symbol, "")]
        if late:
            return tick
        if tick.ts_event > newest.ts_event:
            newest.ts_event, newest.pairs, newest.session = tick.ts_event, {(tick.bid, tick.ask)}, session
            return tick
        if tick.ts_event == newest.ts_event and newest.pairs and (tick.bid, tick.ask) not in newest.pairs:
            newest.pairs.add((tick.bid, tick.ask))
            return tick
        if tick.ts_event < newest.ts_event and newest.session == session:
            back_s = (newest.ts_event - tick.ts_event) / NS_PER_S
            return Doubt(tick.symbol, Reason.OUT_OF_ORDER, f"time_msc is {back_s:.3f} s before the tick sent before it")
        self.counts["repeats"] += 1
        return None

    def _take_bars(self, position: int, ts_recv: int, line: Pushed, batch: Bars, venue: _Venue, source: str) -> None:
        for row in batch.bars:
            bar = read_bar(row, batch, line.offset_s, ts_recv)
            if isinstance(bar, Doubt):
                self._doubt(position, ts_recv, "bar", bar, row, venue)
                continue
            key = Key(source, bar.symbol, bar.interval)
            if bar.ts_open <= self._bars[key] and not line.late:
                self.counts["repeats"] += 1
                continue
            self._bars[key] = max(bar.ts_open, self._bars[key])
            venue.bars[bar.symbol, bar.digits, bar.interval].append(
                (
                    position,
                    ts_recv,
                    bar.ts_open,
                    bar.ts_close,
                    bar.open,
                    bar.high,
                    bar.low,
                    bar.close,
                    bar.volume,
                    0,
                    bar.trades,
                    0,
                )
            )
            self.counts["bars"] += 1

    def _doubt(
        self, position: int, ts_recv: int, stream: str, doubt: Doubt, row: tuple[object, ...], venue: _Venue
    ) -> None:
        text = str(list(row))
        venue.quarantined.append(Quarantined(position, ts_recv, doubt.symbol, stream, doubt.reason, doubt.detail, text))
        self.counts["quarantined"] += 1


def _gap(position: int, ts_recv: int, session: str, change: Change) -> Gap:
    filled = change.status == "filled"
    what = "batches were skipped" if change.stream == "push" else "the terminal's queue was full: it dropped rows"
    return Gap(
        position=position,
        ts_recv=ts_recv,
        symbol=EVERY_SYMBOL,
        stream=f"{change.stream}/{session}",
        status=GapStatus.FILLED if filled else GapStatus.LOST,
        first_id=change.first,
        last_id=change.last,
        ts_from=change.ts_from,
        ts_to=ts_recv,
        reason="it came late" if filled else what,
    )


def _tables(source: str, found: _Venue) -> Iterable[tuple[str, pa.Table, npt.NDArray[np.int64]]]:
    for (symbol, digits), quotes in found.quotes.items():
        events = np.array(quotes, QUOTE)
        yield "quotes", rows.quotes(source, Instrument(source, symbol, digits, 0), events), events["position"]
    for (symbol, digits, interval), bars in found.bars.items():
        events = np.array(bars, BAR)
        table = rows.bars(source, Instrument(source, symbol, digits, 0), events, interval)
        yield "bars", table, events["position"]
    if found.gaps:
        yield "gaps", rows.gaps(source, found.gaps), _positions(found.gaps)
    if found.quarantined:
        yield "quarantine", rows.quarantine(source, found.quarantined), _positions(found.quarantined)
    if found.offsets:
        measured = np.array(found.offsets, np.int64)
        yield "clock_offsets", rows.clock_offsets(source, measured[:, 1:]), measured[:, 0]


def _positions(found: Iterable[Gap] | Iterable[Quarantined]) -> npt.NDArray[np.int64]:
    return np.array([item.position for item in found], np.int64)
