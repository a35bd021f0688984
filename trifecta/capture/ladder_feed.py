"""One instrument of a venue whose book is a `Ladder`: its quotes follow from the book."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trifecta.capture.book import Break
from trifecta.capture.feed import Feed, Snapshot
from trifecta.capture.ladder import Ladder
from trifecta.capture.sequence import TradeSequence
from trifecta.market.events import QUOTE, TOP, Seconds
from trifecta.market.instruments import Instrument
from trifecta.market.quarantine import Gap
from trifecta.venues.venue import BookRules, Events, SymbolEvents


class RisingTrades(TradeSequence):
    """Trades of a venue whose ids rise but may leave out some: nothing can be told to be missing."""

    def admit(self, trades: Events) -> tuple[Events, list[Gap], int]:
        if not len(trades):
            return trades, [], 0
        newest = np.maximum.accumulate(np.concatenate([[self._next_id - 1], trades["trade_id"][:-1]]))
        keep = trades["trade_id"] > newest
        self._next_id = max(self._next_id, int(trades["trade_id"].max()) + 1)
        self._last_ts = int(trades["ts_event"][-1])
        return trades[keep], [], int(len(trades) - keep.sum())


class LadderFeed(Feed):
    """Everything that is remembered of one instrument between two batches."""

    def __init__(self, instrument: Instrument, rules: BookRules, *, trades_follow: bool) -> None:
        super().__init__(instrument)
        self.book: Ladder = Ladder(rules, instrument)  # type: ignore[assignment]
        if not trades_follow:
            self.sequence = RisingTrades(instrument.symbol)
        self._derived = np.empty(0, QUOTE)

    def quotes(self, events: Events) -> Events:
        """The venue's own quotes, and below those that its book tells, in the order they came."""
        self.counts["quotes"] += len(events)
        return events

    def take_book(
        self, events: SymbolEvents, snapshots: Sequence[Snapshot], seconds: Seconds
    ) -> tuple[Events, list[Break]]:
        """TOP array, the book at the close of each second, and where the book broke."""
        if not len(events.depth) and not len(seconds.ends):
            return np.empty(0, TOP), []
        checks, mismatches = self.book.checks, self.book.mismatches
        told = self.book.apply(events.depth, events.levels, seconds.positions)
        self._derived = told.quotes
        self.counts["book_checks"] += self.book.checks - checks
        self.counts["book_mismatches"] += self.book.mismatches - mismatches
        self.counts["book_updates"] += len(events.depth)
        self.counts["quotes"] += len(told.quotes)
        told.tops["ts_event"], told.tops["ts_recv"] = seconds.ends, seconds.ts_recv
        return told.tops, told.breaks

    def derived_quotes(self) -> Events:
        """Quotes that the last batch of changes led to; once."""
        derived, self._derived = self._derived, np.empty(0, QUOTE)
        return derived
