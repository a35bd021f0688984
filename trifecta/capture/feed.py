"""One instrument's way from events to rows: trade sequence, book, order flow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.capture.book import BEST, Book, Break
from trifecta.capture.sequence import TradeSequence
from trifecta.features.orderflow import FLOW, WINDOW_S, OrderFlowWindow
from trifecta.market.events import FAR_BEHIND, QUOTE, TOP, Seconds
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Gap
from trifecta.venues.venue import Events, SymbolEvents

MAX_UNCHECKED = 5_000  # quotes or book states that wait for their counterpart
_WINDOW_NS = WINDOW_S * 1_000_000_000


class Snapshot(NamedTuple):
    """A depth snapshot among the frames; LEVEL arrays, best first."""

    position: int
    last_id: int
    bids: Events
    asks: Events


class Refetched(NamedTuple):
    """Trades that were asked for again, among the frames."""

    position: int
    ts_recv: int
    asked: tuple[int, int]  # first and last id
    trades: Events
    error: str  # why the venue refused for good


class Feed:
    """Everything that is remembered of one instrument between two batches."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.book = Book()
        self.sequence = TradeSequence(instrument.symbol)
        self.bar_opens: set[int] = set()
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._window: OrderFlowWindow | None = None
        self._incomplete_until = 0
        self._last_update_id = -1
        self._last_best_id = -1
        self._quotes = np.empty(0, QUOTE)
        self._bests = np.empty(0, BEST)

    def start(self, open_end: int) -> None:
        """Opens the first second; what came before it is unknown, so a whole window must pass."""
        self._window = OrderFlowWindow(self.instrument, open_end)
        self._incomplete_until = open_end - 1

    def trades(self, events: Events, answers: Sequence[Refetched]) -> tuple[Events, list[Gap]]:
        """Trades to keep, in the order they came, and gaps that opened or closed."""
        parts, gaps, done = [], [], 0
        for answer in answers:
            upto = int(np.searchsorted(events["position"], answer.position))
            kept, changed = self._admit(events[done:upto])
            again, closed = self.sequence.backfill(
                answer.trades, answer.asked, answer.position, answer.ts_recv, answer.error
            )
            self.counts["trades"] += len(again)
            parts += [kept, again]
            gaps += changed + closed
            done = upto
        kept, changed = self._admit(events[done:])
        return np.concatenate([*parts, kept]) if parts else kept, gaps + changed

    def quotes(self, events: Events) -> Events:
        """Quotes that are newer than every quote before them."""
        if not len(events):
            return events
        kept = events[_newer(events["update_id"], self._last_update_id)]
        if len(kept):
            self._last_update_id = int(kept["update_id"][-1])
        self.counts["quotes"] += len(kept)
        self.counts["duplicates"] += len(events) - len(kept)
        self._quotes = np.concatenate([self._quotes, kept])
        return kept

    def take_book(
        self, events: SymbolEvents, snapshots: Sequence[Snapshot], seconds: Seconds
    ) -> tuple[Events, list[Break]]:
        """TOP array, the book at the close of each second, and where the book broke."""
        if not len(events.depth) and not snapshots and not len(seconds.ends):
            return np.empty(0, TOP), []
        depth, positions, moments = events.depth, events.depth["position"], seconds.positions
        parts, breaks = [], []
        done = told = 0
        for snapshot in snapshots:
            upto, till = (int(np.searchsorted(column, snapshot.position)) for column in (positions, moments))
            part = self.book.apply(depth[done:upto], events.levels, moments[told:till])
            loaded = self.book.load(snapshot.last_id, snapshot.bids, snapshot.asks)
            parts.append(part.tops)
            breaks += part.breaks
            self._check(part.bests)
            self._check(loaded.bests[loaded.bests["update_id"] > self._last_best_id])
            if loaded.same is not None:
                self.counts["book_checks"] += 1
                self.counts["book_mismatches"] += not loaded.same
            done, told = upto, till
        part = self.book.apply(depth[done:], events.levels, moments[told:])
        self._check(part.bests)
        self._quotes = self._quotes[-MAX_UNCHECKED:]
        self.counts["book_updates"] += len(depth)
        tops = np.concatenate([*parts, part.tops])
        tops["ts_event"], tops["ts_recv"] = seconds.ends, seconds.ts_recv
        return tops, breaks + part.breaks

    def derived_quotes(self) -> Events:
        """Quotes that only the book tells: none where the venue streams its own."""
        return np.empty(0, QUOTE)

    def flow(self, trades: Events, seconds: Seconds, tops: Events, gaps: Sequence[Gap]) -> Events:
        """FLOW rows of the seconds that closed."""
        if self._window is None:
            return np.empty(0, FLOW)
        until: npt.NDArray[np.int64] = np.full(len(seconds.ends), self._incomplete_until)
        for gap in gaps:
            until[seconds.positions > gap.position] = max(gap.ts_to, self._incomplete_until)
            self._incomplete_until = max(gap.ts_to, self._incomplete_until)
        complete = seconds.ends - _WINDOW_NS > until
        return self._window.advance(trades, seconds, tops, complete)

    def bars(self, events: Events) -> Events:
        """Bars that were not there before, from whichever of stream and REST came first."""
        fresh = []
        for row, opened in enumerate(events["ts_open"].tolist()):
            if opened not in self.bar_opens:
                self.bar_opens.add(opened)
                fresh.append(row)
        return events[fresh]

    def _admit(self, events: Events) -> tuple[Events, list[Gap]]:
        kept, gaps, duplicates = self.sequence.admit(events)
        self.counts["trades"] += len(kept)
        self.counts["duplicates"] += duplicates
        return kept, gaps

    def _check(self, bests: Events) -> None:
        """Compares quotes with the rebuilt book of the same update id."""
        if not len(bests):
            return
        self._last_best_id = int(bests["update_id"][-1])
        bests = np.concatenate([self._bests, bests])
        _, of_quote, of_best = np.intersect1d(
            self._quotes["update_id"], bests["update_id"], assume_unique=True, return_indices=True
        )
        quotes, books = self._quotes[of_quote], bests[of_best]
        same = np.ones(len(quotes), np.bool_)
        for column in ("bid", "bid_qty", "ask", "ask_qty"):
            same &= quotes[column] == books[column]
        self.counts["book_checks"] += len(same)
        self.counts["book_mismatches"] += int((~same).sum())
        # Ids rise, so only the newer ones can still find a counterpart.
        self._quotes = self._quotes[self._quotes["update_id"] > bests["update_id"][-1]]
        self._bests = bests[bests["update_id"] > self._last_update_id][-MAX_UNCHECKED:]


def _newer(ids: npt.NDArray[np.int64], newest: int) -> npt.NDArray[np.bool_]:
    """Which ids are above all before them; one far behind begins again, because then the newest was wrong."""
    newer = np.zeros(len(ids), np.bool_)
    start = 0
    while start < len(ids):
        before = np.maximum.accumulate(np.concatenate([[newest], ids[start:-1]]))
        far = np.flatnonzero(before - ids[start:] > FAR_BEHIND)
        stop = start + int(far[0]) if len(far) else len(ids)
        newer[start:stop] = ids[start:stop] > before[: stop - start]
        if stop < len(ids):
            newest = int(ids[stop]) - 1
        start = stop
    return newer
