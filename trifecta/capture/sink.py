"""The recorder's side of the lake: rows in, and what an earlier run left there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.capture import rows as row_builders
from trifecta.capture.commit import commit
from trifecta.capture.pipeline import Rows
from trifecta.clock import NS_PER_S
from trifecta.market.events import GapStatus
from trifecta.market.quarantine import Gap
from warehouse.lake import NEVER, Lake
from warehouse.stored import Batch, StoredFile, Within

MARK_S = 60.0
REMEMBERED_BARS_S = 2 * 86_400  # bars that a restart asks for again
REMEMBERED_TRADES_DAYS = 7  # how long a silence between two trades of a symbol may be

_TRADE_ENDS = ("trade_id", "trade_count", "ts_event", "time_scale", "ts_recv")
_GAP = ("stream", "status", "first_id", "last_id", "ts_from", "ts_to", "ts_recv", "reason")


class Unfinished(NamedTuple):
    """A gap that the lake holds as open, and the ids of it that arrived meanwhile."""

    gap: Gap
    arrived: npt.NDArray[np.int64]


class Sink:
    """Commits one source's rows. Belongs to one thread at a time.

    `gaps` is the last table of every commit, and its version tells from which frame a restart goes on: each other
    table is there up to that frame. Without any gap to write it is marked every `MARK_S`.
    """

    def __init__(self, lake: Lake, source: str) -> None:
        self._lake = lake
        self._source = source
        self._marked_s = -MARK_S

    @property
    def next_position(self) -> int:
        """The first frame that is not known to be committed in every table."""
        return self._lake.version("gaps", self._source) + 1

    @property
    def last_position(self) -> int:
        """The last frame that any table holds something of; -1 for an empty lake."""
        return max(self._lake.version(name, self._source) for name in (*row_builders.BUILDERS, "gaps", "quarantine"))

    def commit(self, rows: Rows, now_s: float, *, mark: bool = False) -> int:
        """Commits what is not there yet; returns how many rows.

        Args:
            now_s: monotonic seconds.
            mark: whether the last frame is remembered even if no gap is to be written.
        """
        written = commit(self._lake, rows, self._source)
        if "gaps" in rows.tables or (rows.last_position != NEVER and (mark or now_s - self._marked_s >= MARK_S)):
            nothing = row_builders.gaps(self._source, [])
            self._lake.append("gaps", nothing, writer=self._source, version=rows.last_position)
            self._marked_s = now_s
        return written

    def unfinished(self) -> list[Unfinished]:
        """Gaps that are still open."""
        newest: dict[tuple[str, str], tuple[int, bool, Gap]] = {}
        for file in self._files("gaps"):
            for batch in file.read(_GAP):
                for gap in _gaps(batch, file.partition["symbol"]):
                    key, told = (gap.symbol, gap.gap_id), (gap.ts_recv, gap.status is not GapStatus.OPEN, gap)
                    newest[key] = max(newest.get(key, told), told, key=lambda each: each[:2])
        still_open = (gap for _, ended, gap in newest.values() if not ended)
        return [Unfinished(gap, self._arrived(gap)) for gap in still_open]

    def _arrived(self, gap: Gap) -> npt.NDArray[np.int64]:
        """Ids of the trades of a gap that the lake has."""
        found = [np.empty(0, np.int64)]
        for file in self._files("trades"):
            if file.partition["symbol"] == gap.symbol:
                for batch in file.read(("trade_id", "trade_count"), Within("trade_id", gap.first_id, gap.last_id)):
                    ids, counts = batch.numbers("trade_id"), batch.numbers("trade_count")
                    mine = (ids >= gap.first_id) & (ids <= gap.last_id)
                    found += [np.arange(start, start + n) for start, n in zip(ids[mine], counts[mine], strict=True)]
        return np.concatenate(found)

    def bar_opens(self, now_ns: int) -> dict[str, npt.NDArray[np.int64]]:
        """Start times (ns) of the bars of the last two days, by symbol."""
        oldest, by_symbol = now_ns - REMEMBERED_BARS_S * NS_PER_S, defaultdict[str, list[npt.NDArray[np.int64]]](list)
        for file in self._files("bars"):
            for batch in file.read(("interval", "ts_open"), Within("ts_open", oldest)):
                opens, minutes = batch.numbers("ts_open"), np.array(batch.texts("interval")) == "1m"
                by_symbol[file.partition["symbol"]].append(opens[minutes & (opens >= oldest)])
        return {symbol: np.concatenate(opens) for symbol, opens in by_symbol.items()}

    def last_trades(self, before_ns: int) -> list[tuple[str, int, int]]:
        """(symbol, id, event time ns) of the last trades received before a moment, if not more than a week before."""
        oldest = str(np.datetime64(before_ns, "ns").astype("datetime64[D]") - REMEMBERED_TRADES_DAYS)
        files = [file for file in self._files("trades") if file.partition["date"] >= oldest]
        last: dict[str, tuple[int, int]] = {}
        for file in sorted(files, key=lambda each: each.partition["date"], reverse=True):
            symbol = file.partition["symbol"]
            trade_id, ts_event = last.get(symbol, (NEVER, NEVER))
            for batch in file.read(_TRADE_ENDS, Within("trade_id", trade_id + 1)):
                early = batch.numbers("ts_recv") < before_ns
                if early.any():
                    ends = batch.numbers("trade_id") + batch.numbers("trade_count") - 1
                    unit = np.power(10, 9 - batch.numbers("time_scale").astype(np.int64))
                    times = batch.numbers("ts_event") * unit
                    trade_id, ts_event = max(trade_id, int(ends[early].max())), max(ts_event, int(times[early].max()))
            if trade_id != NEVER:
                last[symbol] = trade_id, ts_event
        return [(symbol, *end) for symbol, end in last.items()]

    def _files(self, table: str) -> Iterator[StoredFile]:
        """Files of one table that are this source's."""
        return (file for file in self._lake.stored(table) if file.partition["venue"] == self._source)


def _gaps(batch: Batch, symbol: str) -> Iterator[Gap]:
    """The gap that each row tells of."""
    texts = (batch.texts(name) for name in ("stream", "status", "reason"))
    whole = (batch.numbers(name).tolist() for name in ("first_id", "last_id", "ts_from", "ts_to", "ts_recv"))
    for stream, status, reason, first, last, start, stop, told in zip(*texts, *whole, strict=True):
        yield Gap(NEVER, told, symbol, stream, GapStatus(status), first, last, start, stop, reason)
