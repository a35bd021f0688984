"""A span of several markets in columns, in the order in which it was received."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trifecta.clock import NS_PER_S
from trifecta.features.indicators import Bars
from trifecta.market.events import Book, Quote
from trifecta.market.orders import Terms as OrderTerms
from trifecta.scan.terms import Terms as ScanTerms
from trifecta.trade.backtest.claims import Claims

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Levels = list[tuple[float, float]]
Ladder = Callable[[int], tuple[Levels, Levels]]
Market = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """One market as the scanners and as the desk need it."""

    scan: ScanTerms
    order: OrderTerms

    @property
    def market(self) -> Market:
        return self.order.venue, self.order.symbol


class Track(NamedTuple):
    """Rows of a tape and when they were received, int64 (n,), in order."""

    rows: Ints
    ts: Ints

    def at(self, at_ns: int) -> int | None:
        """The newest row that was received by then; None before the first."""
        found = int(np.searchsorted(self.ts, at_ns, side="right"))
        return int(self.rows[found - 1]) if found else None


@dataclass(frozen=True, slots=True)
class Tape:
    """One row a change of a best price, all columns (rows,), `ts` rising: int64 ns, prices and sizes float64.

    Nothing of a row may be looked at before its `ts`.
    """

    listings: tuple[Listing, ...]
    ts: Ints
    ts_event: Ints  # the venue's; 0: it sends none
    listing: Ints  # which of `listings`
    bid: Floats
    bid_qty: Floats
    ask: Floats
    ask_qty: Floats
    whole: npt.NDArray[np.bool_]
    """Whether a row is a book with its levels; else it is a quote, beneath which nothing is known."""
    ladder: Ladder
    """The levels of a row that is whole, best first."""
    simulated: bool
    bars: Mapping[str, Mapping[Market, Bars]] = field(default_factory=dict)
    """Closed bars by interval, before the tape's beginning too."""
    claims: Claims = field(default_factory=Claims)
    _tracks: dict[int, Track] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ts)

    def quotes(self, listing: int) -> Track:
        """Rows of one listing."""
        if listing not in self._tracks:
            self._tracks[listing] = self._track(np.flatnonzero(self.listing == listing))
        return self._tracks[listing]

    def books(self, listing: int) -> Track:
        """Rows of one listing that an order can meet: its books, or its quotes where it has none."""
        key = -1 - listing
        if key not in self._tracks:
            quotes = self.quotes(listing)
            rows = quotes.rows[self.whole[quotes.rows]]
            self._tracks[key] = self._track(rows) if 0 < len(rows) < len(quotes.rows) else quotes
        return self._tracks[key]

    def _track(self, rows: Ints) -> Track:
        return Track(rows, self.ts[rows])

    def mids(self, listing: int, now_ns: int, seconds: int) -> Floats:
        """Mids at each past second, oldest first, as far as the listing was quoted then."""
        rows, times = self.quotes(listing)
        ends = now_ns - NS_PER_S * np.arange(seconds - 1, -1, -1, dtype=np.int64)
        found = np.searchsorted(times, ends, side="right")
        known = rows[found[found > 0] - 1]
        mids: Floats = (self.bid[known] + self.ask[known]) / 2
        return mids

    def event(self, row: int) -> Book | Quote:
        """A row as it came over the bus."""
        venue, symbol = self.listings[self.listing[row]].market
        times = int(self.ts_event[row]), int(self.ts[row])
        if self.whole[row]:
            return Book(venue, symbol, *times, *self.ladder(row))
        return Quote(venue, symbol, *times, *self._best(row))

    def _best(self, row: int) -> tuple[float, float, float, float]:
        columns = (self.bid, self.bid_qty, self.ask, self.ask_qty)
        bid, bid_qty, ask, ask_qty = (float(column[row]) for column in columns)
        return bid, bid_qty, ask, ask_qty

    def digest(self) -> str:
        """What was traded, in 16 digits: of the columns alone."""
        found = blake2b(digest_size=8)
        for one in fields(self)[1:9]:
            found.update(np.ascontiguousarray(getattr(self, one.name)).tobytes())
        return found.hexdigest()

    def until(self, ts: int) -> Tape:
        """The rows received before `ts`, and nothing else."""
        rows = int(np.searchsorted(self.ts, ts, side="left"))
        cut = {one.name: getattr(self, one.name)[:rows] for one in fields(self)[1:9]}
        bars = {
            interval: {
                market: one[: int(np.searchsorted(one.ts_close, ts, side="right"))] for market, one in of.items()
            }
            for interval, of in self.bars.items()
        }
        return replace(self, **cut, claims=self.claims.until(ts), bars=bars, _tracks={})
